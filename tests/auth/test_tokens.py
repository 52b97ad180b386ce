"""Tokens: how a request names one, when it stops working, what is kept of it."""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.engine import make_url

from notifyhub.auth import accounts
from notifyhub.auth.models import Token, User
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.databases import engines, stored_bytes, stored_text
from tests.support.environment import on_postgresql, slow_on_sqlite
from tests.support.processes import Server
from tests.support.queries import Queries

SMS = "/api/notifications/notifiers/sms"

NOT_PROVIDED = "Authentication credentials were not provided."
NO_KEY = "Invalid token header. No credentials provided."
SPACES = "Invalid token header. Token string should not contain spaces."
INVALID = "Invalid token."
INACTIVE = "User inactive or deleted."


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, NOT_PROVIDED),
        ("", NOT_PROVIDED),
        ("Basic YTpi", NOT_PROVIDED),
        ("Bearer {key}", NOT_PROVIDED),
        ("{key}", NOT_PROVIDED),
        ("Tokens {key}", NOT_PROVIDED),
        ("Token", NO_KEY),
        ("token ", NO_KEY),
        ("Token {key} {key}", SPACES),
        ("Token {key} x y", SPACES),
        ("Token unknown", INVALID),
        ("Token {key}x", INVALID),
        ("Token {upper}", INVALID),
        ("Token {digest}", INVALID),
        ("Token {prefix}", INVALID),
        ("Token clé", INVALID),
        ("Token {key}, Token {key}", SPACES),
    ],
)
def test_a_header_without_a_working_key_is_401(
    header: str | None, words: str, anonymous: Api, token: Callable[..., str], app: Flask
) -> None:
    key = token()
    parts = {"key": key, "upper": key.upper(), "digest": _stored(app).digest, "prefix": _stored(app).prefix}
    headers = {} if header is None else {"Authorization": header.format(**parts)}
    for url in ("/api/me", SMS, f"{SMS}/1"):
        answer = anonymous.get(url, headers=headers)
        assert (answer.status, answer.json) == (401, {"detail": words})
        assert answer.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN", "tOkEn", "Token "])
def test_the_schemes_case_does_not_matter(scheme: str, anonymous: Api, token: Callable[..., str]) -> None:
    assert anonymous.get(SMS, headers={"Authorization": f"{scheme} {token()}"}).status == 200


def test_a_token_works_until_it_expires(anonymous: Api, token: Callable[..., str]) -> None:
    with time_machine.travel(datetime(2025, 3, 1, 12, tzinfo=UTC), tick=False) as clock:
        client = Api(anonymous.client, token(lifetime=timedelta(seconds=90)))
        clock.shift(89.999)
        assert client.get(SMS).status == 200
        clock.shift(0.001)
        answer = client.get(SMS)
        assert (answer.status, answer.json) == (401, {"detail": INVALID})
        assert answer.headers["WWW-Authenticate"] == "Token"


def test_a_revoked_token_stops_at_once_and_no_other(
    anonymous: Api, token: Callable[..., str], app: Flask
) -> None:
    revoked, other = token(), token()
    client = Api(anonymous.client, revoked)
    assert client.get(SMS).status == 200
    _revoke(app, revoked)
    answer = client.get(SMS)
    assert (answer.status, answer.json) == (401, {"detail": INVALID})
    assert Api(anonymous.client, other).get(SMS).status == 200


@pytest.mark.slow
@slow_on_sqlite
def test_a_revoked_token_stops_at_once_in_every_process(
    gunicorn: Callable[..., Server], token: Callable[..., str], app: Flask
) -> None:
    key = token()
    request = urllib.request.Request(
        f"{gunicorn(workers=3).url}/api/me", headers={"Authorization": f"Token {key}"}
    )
    assert {_status(request) for _ in range(20)} == {200}
    _revoke(app, key)
    assert {_status(request) for _ in range(20)} == {401}


def test_a_deactivated_users_tokens_rest_until_they_are_activated(api: Api, app: Flask) -> None:
    for active, answered in ((False, (401, {"detail": INACTIVE})), (True, (200, None))):
        with app.app_context():
            db.session.execute(update(User).values(is_active=active))
            db.session.commit()
        answer = api.get(SMS)
        assert (answer.status, None if active else answer.json) == answered
        assert active or answer.headers["WWW-Authenticate"] == "Token"


def test_a_deleted_users_token_is_unknown(api: Api, app: Flask) -> None:
    with app.app_context():
        db.session.delete(db.session.scalars(select(User)).one())
        db.session.commit()
    assert api.get(SMS).json == {"detail": INVALID}


def test_the_last_use_is_kept_to_the_minute_with_one_write_a_minute(
    api: Api, app: Flask, queries: Queries
) -> None:
    noon = datetime(2025, 3, 1, 12, tzinfo=UTC)
    for seconds, minute, writes in [
        (30.5, 0, 1),
        (30.6, 0, 0),
        (59.999999, 0, 0),
        (60, 1, 1),
        (61, 1, 0),
        (400, 6, 1),
        (30, 6, 0),
    ]:
        with time_machine.travel(noon + timedelta(seconds=seconds), tick=False), queries as statements:
            assert api.get("/api/me").status == 200
        assert _stored(app).last_used_at == noon + timedelta(minutes=minute)
        assert [statement.split()[0] for statement in statements] == ["SELECT"] + ["UPDATE"] * writes


def test_a_refused_token_leaves_no_trace_of_use(api: Api, app: Flask) -> None:
    _revoke(app, api.token or "")
    assert api.get("/api/me").status == 401
    assert _stored(app).last_used_at is None


def test_a_token_is_never_stored_nor_logged_in_clear(
    api: Api, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("notifyhub").propagate = True
    key = api.token or ""
    assert api.get(SMS).status == 200
    kept = stored_text(app)
    assert _stored(app).prefix == key[:8]
    assert _stored(app).digest in kept
    assert key not in kept
    assert key[8:] not in kept
    assert key not in caplog.text
    assert key.encode() not in stored_bytes(app)


@pytest.fixture
def restart(app: Flask) -> Iterator[Callable[[], None]]:
    """Give a function that closes all connections from the server's side, as the database's restart does."""
    with app.app_context():
        url = make_url(db.engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as server:
        yield lambda: server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"  # waits until each has ended
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).close()
    for engine in engines(app):  # no later test finds a connection that is closed at the other end
        engine.dispose()


@on_postgresql
def test_a_request_after_the_databases_restart_is_answered(api: Api, restart: Callable[[], None]) -> None:
    url = f"{SMS}/{api.post(SMS, {'name': 'one', 'backend': 'ippanel'}).json['id']}"
    for call in (
        lambda: api.get(url),
        lambda: api.patch(url, {"name": "two"}),
        lambda: api.post(f"{url}/patterns", {"name": "a", "code": "1", "body": "b"}),
        lambda: api.patch("/api/settings/notifications", {"notifications_otp_ttl": 60}),
        lambda: api.get("/api/settings/notifications"),
        lambda: api.get("/api/me"),
        lambda: api.get("/readyz"),
        lambda: api.delete(url),
    ):
        restart()
        assert call().status in {200, 201, 204}


def _stored(app: Flask) -> Token:
    with app.app_context():
        return db.session.scalars(select(Token)).first() or pytest.fail("There is no token.")


def _revoke(app: Flask, key: str) -> None:
    with app.app_context():
        accounts.revoke(db.session(), key)
        db.session.commit()


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
