"""The limit of failed authentications per address."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest
import time_machine
from flask import Flask
from sqlalchemy import update

from notifyhub.auth import failures
from notifyhub.auth.failures import network
from notifyhub.auth.models import User
from notifyhub.database.connections import autocommit
from tests.auth.test_throttle import check_refusal, silent
from tests.support.clients import Answer, Api
from tests.support.environment import on_sqlite

__all__ = ["silent"]

USUAL = failures.PER_MINUTE
INVALID = {"detail": "Invalid token."}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PER_MINUTE", 3)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime(2025, 3, 1, 12, 0, 15, tzinfo=UTC), tick=False) as traveller:
        yield traveller


def fail(app: Flask, address: str = "203.0.113.7", key: str = "x") -> Answer:
    return Api(app.test_client(), key).get("/api/me", environ_base={"REMOTE_ADDR": address})


def statuses(app: Flask, *addresses: str) -> list[int]:
    return [fail(app, address).status for address in addresses]


@on_sqlite
def test_a_hundred_mistakes_in_a_minute_are_all_answered_401(
    other_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "PER_MINUTE", USUAL)
    assert statuses(other_app(), *["127.0.0.1"] * 300) == [401] * 300


@pytest.mark.usefixtures("clock")
def test_who_fails_too_often_is_told_to_wait_and_the_log_says_it_once(
    other_app: Callable[..., Flask], clock: time_machine.Traveller, capsys: pytest.CaptureFixture[str]
) -> None:
    app = other_app()
    for n in range(3):
        answer = fail(app, key=f"{n}")
        assert (answer.status, answer.json) == (401, INVALID)
        assert answer.headers["WWW-Authenticate"] == "Token"
    for n in range(3):
        wait = check_refusal(fail(app, key=f"{n}"))
        assert 0 < wait <= 60
    words = "More than 3 failed authentications in a minute from 203.0.113.7"
    assert capsys.readouterr().err.count(words) == 1
    clock.shift(timedelta(seconds=wait))
    assert fail(app).json == INVALID


@pytest.mark.usefixtures("clock")
def test_a_valid_token_is_taken_from_an_address_whoever_else_is_behind_it(
    other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    app, key = other_app(), token()
    assert statuses(app, *["203.0.113.7"] * 5) == [401] * 3 + [429] * 2
    assert fail(app, key=key).status == 200
    assert fail(app).status == 429


@pytest.mark.usefixtures("clock")
def test_requests_without_a_key_do_not_count(other_app: Callable[..., Flask]) -> None:
    client = other_app().test_client()
    for header in (None, "Token", "Token a b", "Basic eA=="):
        for _ in range(5):
            headers = {} if header is None else {"Authorization": header}
            assert client.get("/api/me", headers=headers).status_code == 401
    assert [client.get(url).status_code for url in ("/healthz", "/unknown")] == [200, 404]


@pytest.mark.usefixtures("clock")
def test_a_deactivated_users_token_counts(other_app: Callable[..., Flask], token: Callable[..., str]) -> None:
    app, key = other_app(), token()
    with app.app_context():
        autocommit().execute(update(User).values(is_active=False))
    assert [fail(app, key=key).status for _ in range(4)] == [401] * 3 + [429]


@pytest.mark.usefixtures("clock")
def test_each_address_counts_for_itself_and_of_ipv6_each_network(other_app: Callable[..., Flask]) -> None:
    app = other_app()
    assert statuses(app, *["203.0.113.7"] * 4, "203.0.113.8") == [401, 401, 401, 429, 401]
    assert statuses(app, *(f"2001:db8::{n}" for n in range(4)), "2001:db8:0:1::1") == [401] * 3 + [429, 401]


@pytest.mark.usefixtures("clock")
def test_the_address_is_that_which_trusted_proxies_give(other_app: Callable[..., Flask]) -> None:
    def through(app: Flask, forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return Api(app.test_client(), "x").get("/api/me", headers=headers).status

    trusting, other = other_app(NOTIFYHUB_TRUSTED_PROXIES="1"), other_app()
    # What a client puts in front of the proxy's own word changes nothing.
    assert [through(trusting, f"198.51.100.{n}, 203.0.113.7") for n in range(4)] == [401] * 3 + [429]
    assert through(trusting, "203.0.113.8") == 401
    assert [through(other, f"203.0.113.{n}") for n in range(4)] == [401] * 3 + [429]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unknown", "unknown"),
        ("203.0.113.7:1234", "203.0.113.7:1234"),
        ("a\nb\x1b", "a\\nb\\x1b"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_an_address_stands_for_the_network_of_one_client(address: str, counted: str) -> None:
    assert network(address) == counted


def test_processes_count_together_in_redis(other_app: Callable[..., Flask], redis_url: str) -> None:
    variables = {"NOTIFYHUB_REDIS_URL": redis_url, "NOTIFYHUB_SECRET_KEY": token_hex(16)}
    one, another = other_app(**variables), other_app(**variables)
    assert statuses(one, *["203.0.113.7"] * 2) == [401, 401]
    assert statuses(another, *["203.0.113.7"] * 2) == [401, 429]
    check_refusal(fail(one))


@on_sqlite
def test_a_redis_that_hangs_is_not_waited_for_each_time(other_app: Callable[..., Flask], silent: str) -> None:
    app = other_app(NOTIFYHUB_REDIS_URL=silent)
    began = time.monotonic()
    assert statuses(app, *["203.0.113.7"] * 5) == [401] * 3 + [429] * 2
    assert time.monotonic() - began < 4


def test_a_valid_request_costs_no_look_at_the_count(
    other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    app, key = other_app(), token()
    assert fail(app, key=key).status == 200
    assert "_memory" not in vars(app.extensions["authentication_failures"])
