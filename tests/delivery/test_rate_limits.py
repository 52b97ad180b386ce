"""Rate limits: a notifier is called no faster than its account allows, and slower after a 429."""

import math
import os
import pickle
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from notifyhub.database.connections import autocommit
from notifyhub.delivery import rate_limits
from notifyhub.delivery.models import RateLimit
from notifyhub.delivery.notifier_clients import NotifierClient
from notifyhub.delivery.rate_limits import (
    HEADROOM,
    RECOVERY_SECONDS,
    Reservation,
    accepted,
    paused_until,
    reserve,
    slow_down,
)
from notifyhub.messages.models import Channel
from tests.support.databases import engines
from tests.support.queries import Queries

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
SMS = Channel.SMS
ENOUGH = 1e6
"""Seconds: whoever waits as long gets a place."""


@pytest.fixture
def clock(app: Flask) -> Iterator[time_machine.Traveller]:
    """The clock, which moves when it is told to, in the application's context."""
    with app.app_context(), time_machine.travel(START, tick=False) as clock:
        yield clock


def seconds(moment: datetime | None) -> float:
    """Return how far a moment lies from the START."""
    assert moment is not None
    return (moment - START).total_seconds()


def place(per_second: float | None, max_wait: float = 1.0) -> float:
    """Take a place of notifier 1; return its moment."""
    reservation = reserve(SMS, 1, per_second, max_wait)
    assert reservation.is_taken
    return seconds(reservation.at)


def pace(per_second: float | None) -> float:
    """Return how many calls in a second notifier 1 gets now."""
    first, second = place(per_second, ENOUGH), place(per_second, ENOUGH)
    return ENOUGH if first == second else 1 / (second - first)


def is_slowed(channel: str, notifier_id: int) -> bool:
    return bool(autocommit().scalar(select(rate_limits.paced(channel, notifier_id).exists())))


def interval(per_second: float) -> float:
    return (1 + HEADROOM) / per_second


def assert_even(places: list[datetime], per_second: float) -> None:
    """Check that no two calls are nearer than the pace allows, so that no second holds too many."""
    places.sort()
    least = timedelta(seconds=interval(per_second)) - timedelta(microseconds=1)
    assert all(later - earlier >= least for earlier, later in pairwise(places))
    in_a_second = [
        sum(first <= other < first + timedelta(seconds=1) for other in places[start:])
        for start, first in enumerate(places)
    ]
    assert max(in_a_second) <= math.ceil(per_second)


def take_in_threads(app: Flask, threads: int, each: int, per_second: float) -> list[datetime]:
    taken: list[Reservation] = []

    def take() -> None:
        with app.app_context():
            taken.extend([reserve(SMS, 1, per_second, ENOUGH) for _ in range(each)])

    workers = [threading.Thread(target=take) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(taken) == threads * each
    assert all(reservation.is_taken for reservation in taken)
    return [reservation.at for reservation in taken]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.01, 1000))
@example(0.5)
@example(1)
def test_however_many_threads_take_places_no_second_holds_more_than_the_limit(
    app: Flask, per_second: float
) -> None:
    with app.app_context():  # every example begins anew
        autocommit().execute(delete(RateLimit))
    assert_even(take_in_threads(app, 8, 25, per_second), per_second)


def test_processes_share_the_limit(app: Flask) -> None:
    for engine in engines(app):
        engine.dispose()
    pipes = []
    for _ in range(3):
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            try:
                with os.fdopen(writer, "wb") as file:
                    pickle.dump(take_in_threads(app, 3, 10, 20), file)
                os._exit(0)
            finally:
                os._exit(1)
        os.close(writer)
        pipes.append((child, reader))
    places: list[datetime] = []
    for child, reader in pipes:
        with os.fdopen(reader, "rb") as file:
            places += pickle.load(file)
        assert os.waitpid(child, 0)[1] == 0
    assert len(places) == 90
    assert_even(places, 20)


def test_nobody_waits_longer_than_a_second_and_who_is_turned_away_takes_nothing(
    clock: time_machine.Traveller,
) -> None:
    taken = [reserve(SMS, 1, 10) for _ in range(10)]
    assert all(reservation.is_taken for reservation in taken)
    assert [seconds(reservation.at) for reservation in taken] == pytest.approx(
        [number * interval(10) for number in range(10)], abs=0.001
    )
    turned_away = reserve(SMS, 1, 10)
    assert (turned_away.is_taken, seconds(turned_away.at)) == (False, 1.1)
    clock.shift(0.11)
    assert reserve(SMS, 1, 10) == (turned_away.at, True)


def test_a_queue_comes_back_at_the_pace_at_which_places_are_free_and_gets_them(
    clock: time_machine.Traveller,
) -> None:
    asked = [reserve(SMS, 1, 10) for _ in range(40)]
    back = [each.at for each in asked if not each.is_taken]
    assert len(back) == 30
    assert_even(back, 10)
    for moment in back:
        clock.move_to(moment)
        assert reserve(SMS, 1, 10) == (moment, True)


def test_a_longer_queue_comes_back_within_a_minute_of_the_next_place(clock: time_machine.Traveller) -> None:
    slow_down(SMS, 1, 5, 300.0)
    back = [reserve(SMS, 1, 5) for _ in range(500)]
    assert not any(each.is_taken for each in back)
    assert min(seconds(each.at) for each in back) == 300
    assert 350 < max(seconds(each.at) for each in back) <= 361


def test_who_may_wait_longer_gets_a_place_while_others_are_turned_away(clock: time_machine.Traveller) -> None:
    while reserve(SMS, 1, 10).is_taken:
        pass
    assert 1 < place(10, max_wait=3) < 3
    assert not reserve(SMS, 1, 10).is_taken


def test_time_in_which_nothing_was_sent_is_not_made_up_for(clock: time_machine.Traveller) -> None:
    assert place(2) == 0
    clock.shift(60)
    assert [place(2), place(2)] == pytest.approx([60, 60 + interval(2)], abs=0.001)


def test_a_clock_that_is_behind_takes_no_place_twice(clock: time_machine.Traveller) -> None:
    places = [place(20)]
    clock.shift(-0.3)
    places += [place(20), place(20)]
    clock.shift(0.5)
    places.append(place(20))
    assert places == sorted(set(places))
    assert_even([START + timedelta(seconds=each) for each in places], 20)


def test_another_limit_holds_from_the_next_place_on(clock: time_machine.Traveller) -> None:
    assert pace(1) == pytest.approx(1 / interval(1), 0.01)
    clock.shift(60)
    assert pace(100) == pytest.approx(100 / (1 + HEADROOM), 0.01)


def test_a_limit_that_was_much_too_low_is_mended_at_once(clock: time_machine.Traveller) -> None:
    assert place(1e-5) == 0
    assert seconds(reserve(SMS, 1, 1e-5).at) > 80_000
    clock.shift(1)
    assert [place(10), place(10)] == pytest.approx([1, 1 + interval(10)])
    while (turned_away := reserve(SMS, 1, 10)).is_taken:
        pass
    assert seconds(turned_away.at) < 3


def test_any_limit_that_settings_may_hold_can_be_kept(clock: time_machine.Traveller) -> None:
    for per_second in (5e-324, 1e-9, 10_000):
        assert place(per_second, ENOUGH) <= seconds(reserve(SMS, 1, per_second, ENOUGH).at)
        slow_down(SMS, 1, per_second, None)


def test_a_notifier_without_a_limit_is_neither_held_up_nor_written_down(
    clock: time_machine.Traveller,
) -> None:
    assert [place(None) for _ in range(3)] == [0] * 3
    assert not is_slowed(SMS, 1)
    assert autocommit().scalar(select(func.count()).select_from(RateLimit)) == 0


def test_a_place_costs_one_statement(app: Flask, clock: time_machine.Traveller) -> None:
    place(10)
    with Queries(app) as statements:
        place(10)
        slow_down(SMS, 1, 10, None)
        accepted(SMS, 1, 10)
        paused_until(SMS, 1)
    assert len(statements) == 4


def test_notifiers_and_channels_are_told_apart(clock: time_machine.Traveller) -> None:
    slow_down(SMS, 1, None, None)
    assert is_slowed(SMS, 1)
    for channel, notifier_id in ((Channel.EMAIL, 1), (SMS, 2)):
        assert not is_slowed(channel, notifier_id)
        assert reserve(channel, notifier_id, None) == (START, True)
        assert paused_until(channel, notifier_id) is None


@pytest.mark.parametrize(("per_second", "halved"), [(100, 50), (4, 2), (None, 11)])
def test_after_a_429_it_pauses_for_a_second_then_goes_on_at_half_the_pace(
    clock: time_machine.Traveller, per_second: float | None, halved: float
) -> None:
    place(per_second)
    assert slow_down(SMS, 1, per_second, None) == (START + timedelta(seconds=1), False)
    assert paused_until(SMS, 1) == START + timedelta(seconds=1)
    assert place(per_second) == 1
    clock.shift(1)
    assert paused_until(SMS, 1) is None
    assert pace(per_second) == pytest.approx(halved / (1 + HEADROOM), 0.01)


@pytest.mark.parametrize("per_second", [100, None])
def test_the_pace_rises_until_it_is_what_it_was(
    clock: time_machine.Traveller, per_second: float | None
) -> None:
    slow_down(SMS, 1, per_second, None)
    clock.shift(1)
    paces = []
    for _ in range(RECOVERY_SECONDS):
        paces.append(pace(per_second))
        assert is_slowed(SMS, 1)
        accepted(SMS, 1, None)
        clock.shift(1)
    assert paces == sorted(paces)
    assert paces[RECOVERY_SECONDS // 2] == pytest.approx(2 * paces[0], 0.1)
    accepted(SMS, 1, None)
    assert not is_slowed(SMS, 1)
    assert pace(per_second) == pytest.approx(per_second / (1 + HEADROOM) if per_second else ENOUGH, 0.01)


@pytest.mark.parametrize(("asked", "pause"), [(7.5, 7.5), (300, 300), (1, 1), (0.2, 1), (0, 1)])
@pytest.mark.parametrize("earlier", [0, 3])
def test_nothing_goes_out_before_the_moment_that_the_provider_asks_for(
    clock: time_machine.Traveller, asked: float, pause: float, earlier: int
) -> None:
    for _ in range(earlier):
        clock.move_to(slow_down(SMS, 1, 10, None).paused_until)
    at = rate_limits.now()
    assert slow_down(SMS, 1, 10, asked).paused_until == at + timedelta(seconds=pause)
    reservation = reserve(SMS, 1, 10)
    assert reservation.at >= at + timedelta(seconds=pause)
    assert reservation.is_taken == (pause <= 1)


def test_pauses_grow_while_nothing_is_accepted_and_more_429s_than_a_breaker_bears_are_failures(
    clock: time_machine.Traveller,
) -> None:
    pauses, failures, paces = [], [], []
    for _ in range(8):
        at = rate_limits.now()
        until, is_failure = slow_down(SMS, 1, 8, None)
        pauses.append((until - at).total_seconds())
        failures.append(is_failure)
        clock.move_to(until)
        paces.append(pace(8) * (1 + HEADROOM))
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert failures == [False] * 5 + [True] * 3
    assert paces[:5] == pytest.approx([4, 2, 1, 0.5, 0.25], 0.01)
    assert min(paces) >= 0.1
    accepted(SMS, 1, 8)
    assert slow_down(SMS, 1, 8, None) == (rate_limits.now() + timedelta(seconds=1), False)


def test_429s_of_calls_that_were_under_way_together_count_once(clock: time_machine.Traveller) -> None:
    first = slow_down(SMS, 1, 10, None)
    assert [slow_down(SMS, 1, 10, asked) for asked in (None, 0.2, 1.0)] == [first] * 3
    accepted(SMS, 1, 10)  # of one that was under way with them: it says nothing of the slower pace
    clock.shift(0.5)
    assert slow_down(SMS, 1, 10, None) == first
    assert slow_down(SMS, 1, 10, 4.0).paused_until == START + timedelta(seconds=4.5)
    assert reserve(SMS, 1, 10) == (START + timedelta(seconds=4.5), False)
    clock.shift(4)
    assert pace(10) == pytest.approx(5 / (1 + HEADROOM), 0.01)
    assert slow_down(SMS, 1, 10, None).paused_until == rate_limits.now() + timedelta(seconds=2)


def test_who_waits_for_a_place_learns_of_a_429_that_came_meanwhile(clock: time_machine.Traveller) -> None:
    place(4)
    assert 0 < place(4) < 1
    slow_down(SMS, 1, 4, None)
    clock.shift(0.3)
    assert paused_until(SMS, 1) == START + timedelta(seconds=1)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_places_rise_by_the_limit_and_none_lies_in_a_pause(
    clock: time_machine.Traveller, seed: int
) -> None:
    chance = random.Random(seed)
    per_second = chance.choice([0.3, 5, 50.5])
    places: list[datetime] = []
    for _ in range(150):
        match chance.randrange(10):
            case 0:
                slow_down(SMS, 1, per_second, chance.choice([None, None, 0.0, 5.0]))
            case 1:
                accepted(SMS, 1, per_second)
            case 2:
                clock.shift(chance.choice([0.01, 0.5, 3, 40]))
            case _:
                paused, reservation = paused_until(SMS, 1), reserve(SMS, 1, per_second)
                assert reservation.at >= (paused or rate_limits.now())
                wait = reservation.at - rate_limits.now()
                assert reservation.is_taken == (wait <= timedelta(seconds=1))
                if reservation.is_taken:
                    places.append(reservation.at)
    assert places == sorted(places)
    assert_even(places, per_second)


def test_threads_that_are_refused_together_slow_a_notifier_down_once(app: Flask) -> None:
    def refuse() -> None:
        with app.app_context():
            slow_down(SMS, 1, 10, 60.0)

    workers = [threading.Thread(target=refuse) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with app.app_context():
        row = autocommit().execute(select(RateLimit.refusals, RateLimit.slow_interval)).one()
        assert row.refusals == 1
        assert row.slow_interval == pytest.approx(2_000_000 * interval(10), abs=1)


@pytest.mark.parametrize(
    ("stored", "allowed"),
    [
        ({"token": "t", "max_per_second": 0.5}, 0.5),
        *(({"token": "t", "max_per_second": odd}, None) for odd in ("5", 0, -1, None, [], True, 10**18)),
        *((nothing, None) for nothing in ({"token": "t"}, {}, None)),
    ],
)
def test_a_notifier_says_what_its_account_allows(
    stored: dict[str, object] | None, allowed: float | None
) -> None:
    row = {"backend": "melipayamak", "settings": stored}
    assert NotifierClient(SMS, 1, "sms", row).max_per_second == allowed
    assert NotifierClient(Channel.EMAIL, 1, "mail", {"host": "mail.example.com"}).max_per_second is None
