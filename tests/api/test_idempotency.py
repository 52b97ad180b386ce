"""Requests that are repeated with a key: one effect, the same answer."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import urllib3
from flask import Flask
from sqlalchemy import Engine, create_engine, func, insert, select, text

from notifyhub.api.idempotency import HEADER, IdempotencyKey
from notifyhub.auth.accounts import find_user, issue_token
from notifyhub.auth.models import User
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Message
from tests.messages.accounts import MESSAGES, Accounts, make_accounts
from tests.messages.bodies import by_pattern, email
from tests.support.clients import Api
from tests.support.processes import Server

KEY = {HEADER: "a key"}
BEGUN = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def accounts(app: Flask) -> Accounts:
    return make_accounts(app)


def counted(app: Flask, model: type = Message) -> int:
    with app.app_context():
        return db.session.scalars(select(func.count()).select_from(model)).one()


def another_token(app: Flask, *, test: bool) -> str:
    """Return a further token of the only user."""
    with app.app_context():
        user = find_user(db.session(), db.session.scalars(select(User.name)).one())
        key = issue_token(db.session(), user, None, test=test)
        db.session.commit()
    return key


def test_a_repeated_request_gives_the_first_answer_again(api: Api, app: Flask, accounts: Accounts) -> None:
    first = api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY)
    with app.app_context():
        db.session.get_one(Message, first.json["id"]).status = "sent"
        db.session.commit()
    again = api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert first.response.data == again.response.data
    assert first.response.mimetype == again.response.mimetype
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert counted(app) == 1


def test_a_repeated_bulk_request_makes_one_batch(api: Api, app: Flask, accounts: Accounts) -> None:
    body = {"messages": [by_pattern(accounts.pattern), email()]}
    answers = [api.post(f"{MESSAGES}/bulk", body, headers=KEY) for _ in range(3)]
    assert {(answer.status, answer.json["batch"]) for answer in answers} == {(201, answers[0].json["batch"])}
    assert (counted(app), counted(app, Batch)) == (2, 1)


def test_the_same_json_is_the_same_request_however_it_is_written(
    api: Api, app: Flask, accounts: Accounts
) -> None:
    body = by_pattern(accounts.pattern)
    written = [json.dumps(body), json.dumps(dict(reversed(body.items())), indent=2)]
    for data in written:
        answer = api.call("POST", MESSAGES, data=data, content_type="application/json", headers=KEY)
        assert answer.status == 201
    assert counted(app) == 1


@pytest.mark.parametrize("path", ["", "/bulk"])
def test_another_request_with_the_key_is_422(api: Api, app: Flask, accounts: Accounts, path: str) -> None:
    assert api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).status == 201
    one = by_pattern(accounts.pattern, ["other"])
    body = {"messages": [one]} if path else one
    answer = api.post(MESSAGES + path, body, headers=KEY)
    assert (answer.status, list(answer.json)) == (422, ["detail"])
    assert counted(app) == 1


def test_a_repeated_request_is_not_checked_again(api: Api, app: Flask, accounts: Accounts) -> None:
    """What was right at first may be wrong by now: its time is past, its pattern is gone."""
    with time_machine.travel(BEGUN):
        body = by_pattern(accounts.pattern, send_at="2025-03-01T13:00:00Z")
        first = api.post(MESSAGES, body, headers=KEY)
    api.delete(f"/api/notifications/notifiers/sms/{accounts.sms}/patterns/{accounts.pattern}")
    with time_machine.travel(BEGUN + timedelta(hours=2)):
        again = api.post(MESSAGES, body, headers=KEY)
    assert (first.status, again.status, first.json) == (201, 201, again.json)


def test_a_refused_request_leaves_its_key_free(api: Api, app: Flask, accounts: Accounts) -> None:
    for _ in range(2):
        assert api.post(MESSAGES, by_pattern(accounts.pattern, args=[]), headers=KEY).status == 400
    assert counted(app, IdempotencyKey) == 0
    assert api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).status == 201
    assert counted(app) == 1


def test_a_key_is_forgotten_after_a_day(api: Api, app: Flask, accounts: Accounts) -> None:
    ids = []
    for passed in (timedelta(), timedelta(hours=24) - timedelta(seconds=1), timedelta(hours=24)):
        with time_machine.travel(BEGUN + passed, tick=False):
            ids.append(api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).json["id"])
    assert ids[0] == ids[1] != ids[2]
    assert counted(app, IdempotencyKey) == 1


def test_keys_belong_to_a_user(api: Api, app: Flask, token: Callable[..., str], accounts: Accounts) -> None:
    same = Api(app.test_client(), another_token(app, test=False))
    tester = Api(app.test_client(), another_token(app, test=True))
    other = Api(app.test_client(), token())
    first = api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).json["id"]
    assert same.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).json["id"] == first
    assert other.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).json["id"] != first
    assert tester.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).status == 422


def wire(key: str) -> str:
    """Return a key as the service gets it from a client that sends UTF-8."""
    return key.encode().decode("latin-1")


@pytest.mark.parametrize("key", ["x" * 256, "ک" * 256, "a\x01b", "a\x7f", "a\u2028b"])
def test_a_key_that_is_none_is_400(api: Api, app: Flask, accounts: Accounts, key: str) -> None:
    answer = api.post(MESSAGES, by_pattern(accounts.pattern), headers={HEADER: wire(key)})
    assert (answer.status, list(answer.json)) == (400, ["detail"])
    assert counted(app) == 0


@pytest.mark.parametrize("key", ["x" * 255, "ک" * 255, "à می\u200cخواهم", "👩\u200d🚀", "' OR 1=1 --"])
def test_any_key_of_one_line_will_do(api: Api, app: Flask, accounts: Accounts, key: str) -> None:
    for _ in range(2):
        assert api.post(MESSAGES, by_pattern(accounts.pattern), headers={HEADER: wire(key)}).status == 201
    with app.app_context():
        assert db.session.scalars(select(IdempotencyKey.key)).all() == [key]


def test_a_key_in_latin_1_is_the_same_in_utf_8(api: Api, app: Flask, accounts: Accounts) -> None:
    for key in ("éü", wire("éü")):
        assert api.post(MESSAGES, by_pattern(accounts.pattern), headers={HEADER: key}).status == 201
    assert counted(app) == 1


def test_an_empty_key_is_none(api: Api, app: Flask, accounts: Accounts) -> None:
    for _ in range(2):
        assert api.post(MESSAGES, by_pattern(accounts.pattern), headers={HEADER: " "}).status == 201
    assert (counted(app), counted(app, IdempotencyKey)) == (2, 0)


@pytest.fixture
def engine(environment: dict[str, str]) -> Any:
    """An engine of another process, so to speak."""
    url = environment["NOTIFYHUB_DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    yield engine
    engine.dispose()


def test_while_the_first_request_runs_its_key_is_taken_and_free_if_it_dies(
    api: Api, app: Flask, accounts: Accounts, engine: Engine
) -> None:
    with app.app_context():
        user = db.session.scalars(select(User.id)).one()
    values = {
        "user_id": user,
        "key": KEY[HEADER],
        "digest": "",
        "status": 201,
        "answer": "",
        "created_at": now(),
    }
    connection = engine.connect()
    if engine.name == "postgresql":
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        connection.execute(lock, {"name": f"{HEADER} {user} {KEY[HEADER]}"})
    connection.execute(insert(IdempotencyKey).values(**values))
    if engine.name == "postgresql":  # SQLite would wait for its lock
        answer = api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY)
        assert (answer.status, list(answer.json)) == (409, ["detail"])
        assert api.post(MESSAGES, by_pattern(accounts.pattern), headers={HEADER: "another"}).status == 201
    connection.invalidate()
    connection.close()
    first = api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY)
    assert first.status == 201
    assert api.post(MESSAGES, by_pattern(accounts.pattern), headers=KEY).json == first.json


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "/bulk"])
def test_of_concurrent_requests_with_a_key_one_is_stored(
    app: Flask, api: Api, accounts: Accounts, gunicorn: Callable[..., Server], kind: str
) -> None:
    server = gunicorn("--threads=4", "--worker-class=gthread")
    pool = urllib3.PoolManager(maxsize=16)
    body = {"messages": [by_pattern(accounts.pattern)] * 50} if kind else by_pattern(accounts.pattern)

    def post(n: int) -> tuple[int, Any]:
        answer = pool.request(
            "POST",
            f"{server.url}{MESSAGES}{kind}",
            headers={"Authorization": f"Token {api.token}", HEADER: f"کلید {n // 8}".encode()},
            json=body,
            timeout=30,
            retries=False,
        )
        return n // 8, (answer.status, answer.json())

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(post, range(5 * 8)))
    for key in range(5):
        mine = [answer for n, answer in answers if n == key]
        assert {status for status, _ in mine} <= {201, 409}
        taken = [found for status, found in mine if status == 201]
        assert taken
        assert all(found == taken[0] for found in taken)
    assert counted(app) == 5 * (50 if kind else 1)
    assert counted(app, IdempotencyKey) == 5
