"""The limit of requests per token."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest
import time_machine
from flask import Flask

from tests.support.clients import Answer, Api
from tests.support.environment import on_sqlite
from tests.support.processes import free_port

THROTTLED = re.compile(r"Request was throttled\. Expected available in (\d+) seconds?\.")

Limited = Callable[..., Flask]


@pytest.fixture
def limited(other_app: Callable[..., Flask]) -> Limited:
    """Give a function that makes an application which takes two requests a minute."""
    return lambda **variables: other_app(NOTIFYHUB_RATE_LIMIT="2/minute", **variables)


def statuses(api: Api, count: int) -> list[int]:
    return [api.get("/api/me").status for _ in range(count)]


def check_refusal(answer: Answer) -> int:
    """Check that the answer is a 429, and return how many seconds it asks to wait."""
    assert answer.status == 429
    (words,) = answer.json.values()
    seconds = THROTTLED.fullmatch(words)
    assert seconds
    assert answer.headers["Retry-After"] == seconds[1]
    assert "X-Request-ID" in answer.headers
    return int(seconds[1])


def test_requests_over_the_limit_are_429_until_it_is_renewed(
    limited: Limited, token: Callable[..., str]
) -> None:
    with time_machine.travel(datetime(2025, 3, 1, 12, 0, 15, tzinfo=UTC), tick=False) as clock:
        api = Api(limited().test_client(), token())
        for _ in range(2):
            answer = api.get("/api/me")
            assert answer.status == 200
            assert "Retry-After" not in answer.headers
        wait = check_refusal(api.get("/api/me"))
        assert 0 < wait <= 60
        clock.shift(timedelta(seconds=wait - 1))
        assert check_refusal(api.post("/api/notifications/notifiers/sms")) == 1
        clock.shift(timedelta(seconds=1))
        assert statuses(api, 3) == [200, 200, 429]


def left(answer: Answer) -> tuple[int, int, int]:
    """Return what an answer says of the limit: how much it is, how much of it is left, for how long."""
    limit, remaining, reset = (
        int(answer.headers[f"RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")
    )
    return limit, remaining, reset


@pytest.fixture
def frozen() -> Iterator[None]:
    with time_machine.travel(datetime(2025, 3, 1, 12, 0, 15, tzinfo=UTC), tick=False):
        yield


@pytest.mark.usefixtures("frozen")
def test_answers_say_how_much_of_the_limit_is_left(limited: Limited, token: Callable[..., str]) -> None:
    api = Api(limited().test_client(), token())
    assert left(api.get("/api/me")) == (2, 1, 60)
    answer = api.post("/api/notifications/notifiers/sms")  # errors count and say so, too
    assert (answer.status, left(answer)) == (400, (2, 0, 60))
    refused = api.get("/api/me")
    assert left(refused) == (2, 0, check_refusal(refused))


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        ("3/minute;2/second", [(2, 1, 1), (2, 0, 1), (2, 0, 1)]),
        ("9/hour;2/minute;5/second", [(2, 1, 60), (2, 0, 60), (2, 0, 60)]),
    ],
)
def test_of_several_limits_answers_tell_the_tightest(
    other_app: Callable[..., Flask], token: Callable[..., str], limits: str, seen: list[tuple[int, int, int]]
) -> None:
    api = Api(other_app(NOTIFYHUB_RATE_LIMIT=limits).test_client(), token())
    answers = [api.get("/api/me") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [left(answer) for answer in answers] == seen
    assert check_refusal(answers[-1]) == seen[-1][-1]


def test_what_does_not_count_says_nothing_of_a_limit(
    limited: Limited, other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    client, key = limited().test_client(), token()
    unlimited = Api(other_app(NOTIFYHUB_RATE_LIMIT="0").test_client(), key)
    for answer in (
        Api(client, None).get("/healthz"),
        Api(client, None).get("/api/me"),
        Api(client, "x").get("/api/me"),
        Api(client, key).get("/unknown"),
        unlimited.get("/api/me"),
    ):
        assert not [name for name in answer.headers.keys() if name.startswith("RateLimit")]  # noqa: SIM118


def test_pages_of_the_configured_origins_may_read_the_limit(
    limited: Limited, token: Callable[..., str]
) -> None:
    origin = "https://app.example.com"
    api = Api(limited(NOTIFYHUB_CORS_ORIGINS=origin).test_client(), token())
    for answer in [api.get("/api/me", headers={"Origin": origin}) for _ in range(3)]:
        exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
        assert {name for name in answer.headers.keys() if name.startswith("RateLimit")} < exposed  # noqa: SIM118
        assert {"Retry-After", "X-Request-ID"} < exposed
    assert "Access-Control-Expose-Headers" not in api.get("/api/me", headers={"Origin": "null"}).headers


def test_each_token_has_a_limit_of_its_own(limited: Limited, token: Callable[..., str]) -> None:
    client = limited().test_client()
    assert statuses(Api(client, token()), 3) == [200, 200, 429]
    assert statuses(Api(client, token()), 3) == [200, 200, 429]


def test_all_urls_and_answers_count_together(limited: Limited, token: Callable[..., str]) -> None:
    api = Api(limited().test_client(), token())
    assert api.get("/api/settings/notifications").status == 200
    assert api.post("/api/notifications/notifiers/sms").status == 400
    check_refusal(api.get("/api/me"))


def test_what_needs_no_token_is_not_limited(limited: Limited, token: Callable[..., str]) -> None:
    client = limited().test_client()
    api, anonymous, stranger = Api(client, token()), Api(client, None), Api(client, "x")
    assert statuses(api, 3) == [200, 200, 429]
    for _ in range(3):
        assert anonymous.get("/healthz").status == 200
        assert anonymous.get("/api/me").status == 401
        assert stranger.get("/api/me").status == 401
        assert api.get("/unknown").status == 404
        assert api.call("OPTIONS", "/api/me").status == 200


def test_without_a_limit_nothing_is_refused(
    other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    assert statuses(Api(other_app(NOTIFYHUB_RATE_LIMIT="0").test_client(), token()), 20) == [200] * 20


def test_an_application_keeps_to_its_own_limit(
    limited: Limited, other_app: Callable[..., Flask], token: Callable[..., str]
) -> None:
    key = token()
    assert statuses(Api(limited().test_client(), key), 3) == [200, 200, 429]
    assert statuses(Api(other_app(NOTIFYHUB_RATE_LIMIT="4/minute").test_client(), key), 5) == [
        *[200] * 4,
        429,
    ]


def test_processes_count_together_in_redis(
    limited: Limited, token: Callable[..., str], redis_url: str
) -> None:
    installation = {"NOTIFYHUB_REDIS_URL": redis_url, "NOTIFYHUB_SECRET_KEY": token_hex(16)}
    key = token()
    one, another = (Api(limited(**installation).test_client(), key) for _ in range(2))
    answers = one.get("/api/me"), another.get("/api/me")
    assert [answer.status for answer in answers] == [200, 200]
    assert [left(answer)[:2] for answer in answers] == [(2, 1), (2, 0)]
    assert all(58 <= left(answer)[2] <= 60 for answer in answers)
    check_refusal(one.get("/api/me"))
    check_refusal(another.get("/api/me"))


def test_installations_that_share_a_redis_count_apart(
    limited: Limited, token: Callable[..., str], redis_url: str
) -> None:
    key = token()
    for _ in range(2):
        app = limited(NOTIFYHUB_REDIS_URL=redis_url, NOTIFYHUB_SECRET_KEY=token_hex(16))
        assert statuses(Api(app.test_client(), key), 3) == [200, 200, 429]


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a Redis that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def test_without_redis_each_process_counts_for_itself(limited: Limited, token: Callable[..., str]) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    key = token()
    for _ in range(2):
        api = Api(limited(NOTIFYHUB_REDIS_URL=url).test_client(), key)
        assert statuses(api, 3) == [200, 200, 429]
        check_refusal(api.get("/api/me"))


@pytest.mark.slow
@on_sqlite
def test_a_redis_that_hangs_is_not_waited_for(
    limited: Limited, token: Callable[..., str], silent: str
) -> None:
    api = Api(limited(NOTIFYHUB_REDIS_URL=silent).test_client(), token())
    began = time.monotonic()
    assert statuses(api, 3) == [200, 200, 429]
    assert time.monotonic() - began < 10
