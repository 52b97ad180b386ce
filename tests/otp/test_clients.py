"""The hourly limit of a client: many numbers, one who asks."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from flask import Flask

from notifyhub.extensions import db
from tests.otp.codes import URL, Codes
from tests.support.clients import Api
from tests.support.queries import Queries

IP = "203.0.113.7"


def number(last: int) -> str:
    return f"0912{last:07}"


def test_the_codes_of_a_client_are_limited_whomever_they_go_to(
    codes: Codes, live: Codes, clock: time_machine.Traveller
) -> None:
    codes.settings(max_per_client_hour=3, resend_cooldown=0)
    codes.issued(number(1), client=IP)
    clock.shift(60)
    assert codes.ask(number(1), client=f" {IP} ").status == 200
    codes.issued("a@example.com", channel="email", client=IP, purpose="sign-up")
    for to in (number(1), number(2)):
        answer = codes.ask(to, client=IP)
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "3540"
        assert answer.json == {"detail": "Request was throttled. Expected available in 3540 seconds."}
    assert codes.ask(number(2), client="203.0.113.8").status == 201
    assert codes.ask(number(3)).status == 201
    assert live.ask(number(4), client=IP).status == 201  # test tokens' codes are apart
    clock.shift(3540)
    assert codes.ask(number(2), client=IP).status == 201
    assert codes.ask(number(5), client=IP).headers["Retry-After"] == "60"


def test_the_longer_of_two_waits_is_told(codes: Codes, clock: time_machine.Traveller) -> None:
    codes.settings(max_per_client_hour=1)
    codes.issued(number(1), client=IP)
    assert codes.ask(number(1), client=IP).headers["Retry-After"] == "3600"
    assert codes.ask(number(1)).headers["Retry-After"] == "60"


@pytest.mark.parametrize("mixed", [False, True])
def test_requests_that_arrive_together_do_not_outrun_the_limit(app: Flask, codes: Codes, mixed: bool) -> None:
    """With `mixed`, each recipient is asked for by several clients at once: nobody waits in a circle."""
    codes.settings(max_per_client_hour=5, max_per_hour=1000, resend_cooldown=0)
    bodies = [
        {"to": number(n % 4 if mixed else n), "client": f"{IP}{n % 3 if mixed else ''}"} for n in range(15)
    ]
    start = threading.Barrier(len(bodies))

    def ask(body: dict[str, Any]) -> int:
        client = Api(app.test_client(), codes.api.token)
        start.wait(30)
        return client.post(URL, body).status

    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = Counter(pool.map(ask, bodies))
    sent = Counter(one.otp_client for one in codes.messages())
    assert set(sent.values()) == {5}
    assert len(sent) == (3 if mixed else 1)
    assert statuses[429] == (0 if mixed else 10)


def test_a_client_takes_no_further_statement(codes: Codes, queries: Queries) -> None:
    codes.api.get("/api/me")
    counts = []
    for more in ({}, {"client": IP}):
        with queries as sent:
            codes.issued(number(len(counts)), **more)
        counts.append(len(sent))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("client", "words"),
    [
        ("", "This field may not be blank."),
        (" ", "This field may not be blank."),
        ("x" * 129, "Ensure this field has no more than 128 characters."),
        (["x"], "Not a valid string."),
    ],
)
def test_a_client_that_names_nobody_is_refused(codes: Codes, client: Any, words: str) -> None:
    answer = codes.ask(client=client)
    assert (answer.status, answer.json) == (400, {"client": [words]})


def test_no_client_is_as_good_as_null(codes: Codes) -> None:
    assert codes.ask(client=None).status == 201
    assert codes.messages()[0].otp_client is None


def test_a_clients_codes_are_counted_by_their_index(codes: Codes) -> None:
    with codes.app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite's planner is not asked")
        db.session.execute(db.text("SET enable_seqscan = off"))
        words = (
            "EXPLAIN SELECT 1 FROM messages WHERE otp_client = 'x' AND is_test = false AND created_at > now()"
        )
        plan = db.session.execute(db.text(words))
        assert "ix_messages_otp_client" in " ".join(row[0] for row in plan)
