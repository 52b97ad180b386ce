"""Requests that are repeated with their Idempotency-Key, one after the other and together."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from notifyhub.auth.accounts import issue_token
from notifyhub.auth.models import Role
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.idempotency import forget_expired
from notifyhub.messages.models import Batch, IdempotencyKey, Message
from notifyhub.messages.signals import due
from tests.conftest import Answer, Api, Server
from tests.factories import UserFactory
from tests.messages.sources import MESSAGES, SETTINGS, Sources, store_sources

BULK = f"{MESSAGES}/bulk"
SMS = {"channel": "sms", "to": "09121234567", "text": "Hello", "metadata": {"a": "1", "b": "2"}}
TOGETHER = 20
each_form = pytest.mark.parametrize(
    ("path", "body"), [(MESSAGES, SMS), (BULK, {"messages": [SMS] * 3})], ids=["one", "many"]
)


@pytest.fixture
def sources(app: Flask) -> Sources:
    return store_sources(app)


def send(api: Api, path: str = MESSAGES, body: Any = SMS, key: str = "a-key") -> Answer:
    return api.post(path, body, headers={"Idempotency-Key": key})


def replayed(answer: Answer) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def count(app: Flask, model: type) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def age(app: Flask, by: timedelta) -> None:
    """Have all keys been sent so long ago."""
    with app.app_context():
        db.session.execute(update(IdempotencyKey).values(created_at=now() - by))
        db.session.commit()


@each_form
def test_the_same_request_gets_the_first_answer_again(
    api: Api, app: Flask, sources: Sources, path: str, body: Any
) -> None:
    heard: list[int] = []

    def hear(_sender: Any, ids: list[int]) -> None:
        heard.extend(ids)

    with due.connected_to(hear):
        first, again, later = (send(api, path, body) for _ in range(3))
    assert [answer.status for answer in (first, again, later)] == [201] * 3
    assert [replayed(answer) for answer in (first, again, later)] == [False, True, True]
    assert first.response.data == again.response.data == later.response.data
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert count(app, Message) == len(heard) == (1 if path == MESSAGES else 3)
    assert count(app, Batch) == (0 if path == MESSAGES else 1)


def test_the_first_answer_is_given_whatever_became_of_the_message(api: Api, sources: Sources) -> None:
    first = send(api)
    assert api.post(f"{MESSAGES}/{first.json['id']}/cancel").status == 200
    assert send(api).json == first.json
    api.patch(SETTINGS, {"notifications_sms_notifier": None})
    assert send(api).json == first.json


def test_the_same_json_is_the_same_request_however_it_is_written(api: Api, sources: Sources) -> None:
    first = send(api)
    data = json.dumps(dict(reversed(SMS.items())), indent=2, ensure_ascii=False)
    again = api.post(
        MESSAGES, data=data, content_type="application/json", headers={"Idempotency-Key": "a-key"}
    )
    assert (again.json, replayed(again)) == (first.json, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (MESSAGES, SMS | {"text": "Hello!"}),
        (MESSAGES, SMS | {"reference": "r"}),
        (MESSAGES, SMS | {"to": "x"}),
        (BULK, SMS),
        (BULK, {"messages": [SMS]}),
    ],
)
def test_the_key_of_another_request_is_422(
    api: Api, app: Flask, sources: Sources, path: str, body: dict[str, Any]
) -> None:
    first = send(api)
    answer = send(api, path, body)
    assert (answer.status, list(answer.json)) == (422, ["detail"])
    assert count(app, Message) == 1
    assert send(api).json == first.json


def test_keys_belong_to_the_user_of_the_token(
    app: Flask, sources: Sources, token: Callable[..., str]
) -> None:
    with app.app_context():
        user = UserFactory(role=Role.ADMIN)
        keys = [issue_token(db.session(), user, None, test=False) for _ in range(2)]
        test_key = issue_token(db.session(), user, None, test=True)
        db.session.commit()
    first, second = (Api(app.test_client(), key) for key in keys)
    stranger = Api(app.test_client(), token())
    made = send(first)
    assert (send(second).json, replayed(send(second))) == (made.json, True)
    other = send(stranger)
    assert (other.status, replayed(other)) == (201, False)
    assert other.json["id"] != made.json["id"]
    # A test's answer must not pass for that of a message that really goes out, nor the other way round.
    assert send(Api(app.test_client(), test_key)).status == 422
    assert count(app, Message) == 2


@each_form
def test_an_answer_is_kept_for_24_hours(api: Api, app: Flask, sources: Sources, path: str, body: Any) -> None:
    first = send(api, path, body)
    age(app, timedelta(hours=23, minutes=59))
    assert (send(api, path, body).json, replayed(send(api, path, body))) == (first.json, True)
    age(app, timedelta(hours=24))
    anew = send(api, path, body)
    assert (anew.status, replayed(anew)) == (201, False)
    assert anew.json != first.json
    assert (send(api, path, body).json, replayed(send(api, path, body))) == (anew.json, True)
    age(app, timedelta(hours=24))
    assert send(api, MESSAGES, SMS | {"text": "Another"}).status == 201


def test_what_is_not_given_again_is_forgotten(api: Api, app: Flask, sources: Sources) -> None:
    send(api, key="old")
    age(app, timedelta(hours=24))
    send(api, key="new")
    with app.app_context(), db.engine.begin() as connection:
        assert forget_expired(connection) == 1
    assert replayed(send(api, key="new"))
    assert not replayed(send(api, key="old"))


@each_form
def test_errors_are_not_kept(api: Api, app: Flask, path: str, body: Any) -> None:
    assert send(api, path, body).status == 400
    assert send(api, path, {}).status == 400
    assert count(app, IdempotencyKey) == 0
    store_sources(app)
    answer = send(api, path, body)
    assert (answer.status, replayed(answer)) == (201, False)


def test_refused_callers_use_no_key(
    api: Api, app: Flask, anonymous: Api, staff: Callable[..., Api], sources: Sources
) -> None:
    first = send(api)
    assert send(anonymous).status == 401
    assert send(staff(2842)).status == 403
    assert send(api).json == first.json
    assert count(app, IdempotencyKey) == 1


@pytest.mark.parametrize("key", ["", "  "])
def test_a_blank_key_is_none(api: Api, app: Flask, sources: Sources, key: str) -> None:
    assert send(api, key=key).json["id"] != send(api, key=key).json["id"]
    assert count(app, IdempotencyKey) == 0


@pytest.mark.parametrize("key", ["x" * 255, "0b3f6c1e-7a0e-4f0e-9d6c-1c1d5f5b9a52", '"a key"', "k'; --", "é"])
def test_a_key_is_any_text_of_255_characters(api: Api, app: Flask, sources: Sources, key: str) -> None:
    first = send(api, key=key)
    assert (send(api, key=key).json, count(app, Message)) == (first.json, 1)


@pytest.mark.parametrize("path", [MESSAGES, BULK])
@pytest.mark.parametrize("key", ["x" * 256, "a\x7fb", "a\x01b"])
def test_a_key_that_cannot_be_kept_is_refused(
    api: Api, app: Flask, sources: Sources, path: str, key: str
) -> None:
    answer = send(api, path, SMS if path == MESSAGES else {"messages": [SMS]}, key)
    assert (answer.status, list(answer.json)) == (400, ["detail"])
    assert count(app, Message) == 0


def test_a_repetition_while_the_first_runs_is_409_or_waits_for_its_answer(
    api: Api, app: Flask, sources: Sources
) -> None:
    """What holds the first one up here keeps all messages from being stored.

    PostgreSQL knows that the key is in use; SQLite lets in one writer at a time, so that the second waits.
    """
    callers = [Api(app.test_client(), api.token) for _ in range(2)]
    with app.app_context():
        postgresql = db.engine.dialect.name == "postgresql"
        engine = db.engine
    api.get("/api/me")  # the token's use is noted once a minute
    with ThreadPoolExecutor(2) as pool, engine.connect() as holder, holder.begin() as held:
        if postgresql:
            holder.execute(text("LOCK TABLE messages IN EXCLUSIVE MODE"))
        first = pool.submit(send, callers[0])
        time.sleep(0.5)
        second = pool.submit(send, callers[1])
        if postgresql:
            answer = second.result(10)
            assert (answer.status, list(answer.json)) == (409, ["detail"])
            assert "Idempotent-Replayed" not in answer.headers
        time.sleep(0.2)
        assert not first.done()
        held.rollback()
        answers = [first.result(30), second.result(30)]
    made = [answer for answer in answers if answer.status == 201]
    assert len(made) == (1 if postgresql else 2)
    assert {answer.json["id"] for answer in made} == {made[0].json["id"]}
    assert (send(api).json, replayed(send(api))) == (made[0].json, True)
    assert count(app, Message) == 1


@pytest.mark.parametrize("path", [MESSAGES, BULK])
def test_of_many_equal_requests_at_once_one_is_done(
    app: Flask, sources: Sources, token: Callable[..., str], gunicorn: Callable[..., Server], path: str
) -> None:
    server = gunicorn("--threads=4", workers=4)
    key = token()
    body = SMS if path == MESSAGES else {"messages": [SMS]}

    def post(number: int, start: threading.Barrier) -> tuple[int, bool, bytes]:
        headers = {"Content-Type": "application/json", "Authorization": f"Token {key}"}
        headers["Idempotency-Key"] = f"key-{number}"
        request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
        start.wait(30)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, "Idempotent-Replayed" in answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, False, error.read()

    with ThreadPoolExecutor(TOGETHER) as pool:
        for number in range(5):
            start = threading.Barrier(TOGETHER)
            answers = list(pool.map(lambda _, n=number, s=start: post(n, s), range(TOGETHER)))
            statuses = Counter((status, again) for status, again, _ in answers)
            assert statuses[201, False] == 1, statuses
            assert statuses.keys() <= {(201, False), (201, True), (409, False)}
            assert len({data for status, _, data in answers if status == 201}) == 1
            assert count(app, Message) == number + 1
            assert count(app, IdempotencyKey) == number + 1
