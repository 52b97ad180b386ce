"""The rules of a round, played through with whole messages against a plain model of the contract's words."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.delivery.retry_policy import Policy, RestingNotifier, decide
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.errors import NotServedHere, Temporary, Uncertain
from notifyhub.settings.models import DeliverySettings
from tests.support.factories import MessageFactory, SMSNotifierFactory
from tests.support.scripted import FAILURES, NAME, Scripted

START = datetime(2026, 3, 21, 12, tzinfo=UTC)
OUTCOMES = {
    "temporary": "temporary",
    "trouble": "temporary",
    "not_here": "permanent",
    "refused": "permanent",
    "uncertain": "uncertain",
}
MOST, REST = 5, 30  # NOTIFYHUB_BREAKER_FAILURES, NOTIFYHUB_BREAKER_REST


@dataclass
class Breaker:
    failures: int = 0
    open_until: datetime | None = None


@dataclass
class Model:
    """One message on its way, by the contract's section 7; `scripts` by notifier, the message's own first."""

    scripts: list[list[str]]
    max_attempts: int
    delays: list[int]
    resend_uncertain: bool
    expires_at: datetime
    at: datetime = START
    rounds: int = 0
    attempts: list[tuple[int, int, str]] = field(default_factory=list)
    breakers: list[Breaker] = field(init=False)

    def __post_init__(self) -> None:
        self.scripts = [list(script) for script in self.scripts]
        self.breakers = [Breaker() for _ in self.scripts]

    def run(self) -> str:
        number = 0
        while True:
            if self.at >= self.expires_at:
                return "expired"
            number += 1
            status = self.round(number)
            if status:
                return status

    def round(self, number: int) -> str | None:
        """Play one round and advance the clock to the next; the final status, if there is one."""
        made, wakes = [], []
        for notifier, breaker in enumerate(self.breakers):
            if breaker.open_until and breaker.open_until > self.at:
                wakes.append(breaker.open_until)
                continue
            if breaker.open_until:  # this message probes it
                breaker.open_until = self.at + timedelta(seconds=REST)
            outcome = self.scripts[notifier].pop(0) if self.scripts[notifier] else "accepted"
            self.attempts.append((number, notifier, OUTCOMES.get(outcome, "accepted")))
            made.append(outcome)
            self.judge(breaker, outcome)
            if outcome not in {"temporary", "trouble", "not_here"}:
                break
        if not made:
            self.at = min(wakes)
            return None
        self.rounds += 1
        if made[-1] == "accepted":
            return "sent"
        permanent = made[-1] == "refused" or (not wakes and set(made) == {"not_here"})
        doubtful = made[-1] == "uncertain" and not self.resend_uncertain
        if permanent or doubtful or self.rounds >= self.max_attempts:
            return "failed"
        delay = self.delays[min(self.rounds, len(self.delays)) - 1]
        self.at = min(self.at + timedelta(seconds=delay), self.expires_at)
        return None

    def judge(self, breaker: Breaker, outcome: str) -> None:
        if outcome == "trouble":
            breaker.failures += 1
            awake = breaker.open_until is None or breaker.open_until <= self.at
            if breaker.failures >= MOST and awake:
                breaker.open_until = self.at + timedelta(seconds=REST)
        elif outcome != "uncertain":
            breaker.failures, breaker.open_until = 0, None


SINGLE = [word for word in FAILURES if word not in {"batch_refused", "too_fast"}]
words = st.sampled_from([*SINGLE, "trouble", "trouble", "trouble", "accepted"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scripts=st.lists(st.lists(words, max_size=12), min_size=1, max_size=3),
    max_attempts=st.integers(1, 12),
    delays=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    resend_uncertain=st.booleans(),
    seconds=st.sampled_from([20, 100, 86_400]),
)
def test_rounds_go_as_the_model_says(
    app: Flask,
    scripted: type[Scripted],
    scripts: list[list[str]],
    max_attempts: int,
    delays: list[int],
    resend_uncertain: bool,
    seconds: int,
) -> None:
    model = Model(scripts, max_attempts, delays, resend_uncertain, START + timedelta(seconds=seconds))
    expected = model.run()
    with (
        app.app_context(),
        pytest.MonkeyPatch.context() as patch,
        time_machine.travel(START, tick=False) as clock,
    ):
        patch.setattr("random.random", lambda: 0.0)
        notifiers = [SMSNotifierFactory(backend=NAME) for _ in scripts]
        for notifier, script in zip(notifiers, scripts, strict=True):
            notifier.settings = {"token": f"n{notifier.id}"}
            Scripted.script(f"n{notifier.id}", script)
        db.session.merge(
            DeliverySettings(
                id=1,
                sms_backup_notifiers=[notifier.id for notifier in notifiers[1:]],
                max_attempts=max_attempts,
                retry_delays=delays,
                resend_uncertain=resend_uncertain,
            )
        )
        message: Message = MessageFactory(notifier=notifiers[0], expires_at=model.expires_at)
        for _ in range(100):
            db.session.commit()
            deliver(message.id)
            db.session.refresh(message)
            if message.status != MessageStatus.SENDING:
                break
            if message.next_attempt_at == message.expires_at:
                message.status = MessageStatus.EXPIRED  # the recovery's part
                break
            clock.move_to(message.next_attempt_at)
        numbers = {notifier.id: number for number, notifier in enumerate(notifiers)}
        attempts = [(each.round, numbers[each.notifier_id], each.outcome) for each in message.attempts]
        rounds = sorted({number for number, _, _ in model.attempts})
        renumbered = [(rounds.index(number) + 1, who, what) for number, who, what in model.attempts]
        assert attempts == renumbered
        assert (message.status, message.rounds) == (expected, model.rounds)
        assert message.lease_token is None
        db.session.rollback()


def policy(**changes: object) -> Policy:
    values = {"max_attempts": 5, "retry_delays": [5, 30], "resend_uncertain": True, "rest": 30.0}
    return Policy(**{**values, **changes})  # type: ignore[arg-type]


def seconds_until(failures: list[Temporary], rounds: int) -> float:
    end = decide(failures, [], rounds, policy(max_attempts=50), START)
    assert end.next_attempt_at
    return (end.next_attempt_at - START).total_seconds()


@pytest.mark.parametrize(("rounds", "delay"), [(0, 5), (1, 30), (2, 30), (40, 30)])
def test_delays_grow_as_they_are_set_and_the_last_one_repeats_with_some_jitter(
    rounds: int, delay: int
) -> None:
    waits = [seconds_until([Temporary("deferred")], rounds) for _ in range(50)]
    assert all(delay <= wait <= delay * 1.1 for wait in waits)
    assert len(set(waits)) > 1


def test_a_round_in_which_all_rest_does_not_count_and_waits_for_the_first_to_wake() -> None:
    rests = [
        RestingNotifier("a", START + timedelta(seconds=20)),
        RestingNotifier("b", START + timedelta(seconds=9)),
    ]
    end = decide([], rests, 3, policy(), START)
    assert (end.status, end.rounds) == (MessageStatus.SENDING, 3)
    assert end.next_attempt_at
    assert rests[1].until <= end.next_attempt_at <= rests[1].until + timedelta(seconds=10)
    assert end.error
    assert end.error.code == "notifier_resting"
    assert "notifier b rests until 2026-03-21T12:00:09.000000Z" in end.error.detail


def test_without_any_notifier_the_message_fails() -> None:
    end = decide([], [], 0, policy(), START)
    assert end.status == MessageStatus.FAILED
    assert end.error
    assert end.error.code == "no_notifier"


def test_an_uncertain_message_that_must_not_be_repeated_fails_as_uncertain() -> None:
    end = decide([Uncertain("timeout", "No answer.")], [], 0, policy(resend_uncertain=False), START)
    assert end.status == MessageStatus.FAILED
    assert end.error
    assert (end.error.code, end.error.detail) == ("uncertain", "timeout: No answer.")


def test_a_notifier_that_rests_may_still_serve_what_the_others_do_not() -> None:
    end = decide(
        [NotServedHere("x")], [RestingNotifier("a", START + timedelta(seconds=9))], 0, policy(), START
    )
    assert end.status == MessageStatus.SENDING
