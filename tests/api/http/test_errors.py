"""Every error: its status, its words, its headers."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.api.resources import COLLECTIONS, EMAIL, SETTINGS, SMS, Collection
from tests.support.clients import Api
from tests.support.processes import free_port

every_collection = pytest.mark.parametrize("collection", COLLECTIONS, ids=str)

NOT_FOUND = {"detail": "Not found."}
NO_TOKEN = {"detail": "Authentication credentials were not provided."}
BAD_TOKEN = {"detail": "Invalid token."}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
SERVER_ERROR = {"detail": "A server error occurred."}
AWAY = {"detail": "The database can't be reached at the moment."}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "SEARCH")

LISTED = {"GET", "HEAD", "OPTIONS", "POST"}
ONE = {"GET", "HEAD", "OPTIONS", "PATCH", "POST", "DELETE"}
READ = {"GET", "HEAD", "OPTIONS"}
ALLOWED = {
    SMS: LISTED,
    f"{SMS}/1": ONE,
    f"{SMS}/1/patterns": LISTED,
    f"{SMS}/1/patterns/1": ONE,
    EMAIL: LISTED,
    f"{EMAIL}/1": ONE,
    f"{EMAIL}/1/patterns": LISTED,
    f"{EMAIL}/1/patterns/1": ONE,
    SETTINGS: READ | {"PATCH"},
    "/api/me": READ,
    "/healthz": READ,
    "/readyz": READ,
}
PUBLIC = {"/healthz", "/readyz"}


def allow(headers: Any) -> set[str]:
    return {method.strip() for method in headers["Allow"].split(",")}


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/unknown",
        "/static/x",
        f"{SMS}/x",
        f"{SMS}/1/unknown",
        "/favicon.ico",
        "/API/me",
    ],
)
def test_an_unknown_url_is_404_for_anybody(anonymous: Api, api: Api, path: str) -> None:
    for caller in (anonymous, api, Api(api.client, "wrong")):
        for method in (*METHODS, "OPTIONS"):
            answer = caller.call(method, path)
            assert answer.status == 404
            assert answer.headers["Content-Type"] == "application/json"
            assert method == "HEAD" or answer.json == NOT_FOUND


@pytest.mark.parametrize("path", ALLOWED)
def test_a_method_that_a_url_lacks_is_405_after_the_401(
    anonymous: Api, api: Api, staff: Callable[..., Api], path: str
) -> None:
    without_codes = staff()
    for method in set(METHODS) - ALLOWED[path]:
        words = {"detail": f'Method "{method}" not allowed.'}
        for caller in (api, without_codes, *([anonymous] if path in PUBLIC else [])):
            answer = caller.call(method, path)
            assert (answer.status, answer.json) == (405, words)
            assert allow(answer.headers) == ALLOWED[path]
        if path not in PUBLIC:
            for caller, refused in ((anonymous, NO_TOKEN), (Api(api.client, "wrong"), BAD_TOKEN)):
                answer = caller.call(method, path)
                assert (answer.status, answer.json) == (401, refused)
                assert answer.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("path", ALLOWED)
def test_options_needs_no_token(anonymous: Api, api: Api, path: str) -> None:
    for caller in (anonymous, api, Api(api.client, "wrong")):
        answer = caller.call("OPTIONS", path)
        assert answer.status == 200
        assert allow(answer.headers) == ALLOWED[path]
        assert "X-Request-ID" in answer.headers


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (None, NO_TOKEN["detail"]),
        ("", NO_TOKEN["detail"]),
        ("Basic YTpi", NO_TOKEN["detail"]),
        ("Bearer {key}", NO_TOKEN["detail"]),
        ("{key}", NO_TOKEN["detail"]),
        ("Token", "Invalid token header. No credentials provided."),
        ("token ", "Invalid token header. No credentials provided."),
        ("Token {key} x", "Invalid token header. Token string should not contain spaces."),
        ("Token x{key}", BAD_TOKEN["detail"]),
        ("Token {key}, Token {key}", "Invalid token header. Token string should not contain spaces."),
        ("Token \u00ff\u00fe", BAD_TOKEN["detail"]),
    ],
)
def test_without_a_good_token_the_answer_is_401(api: Api, header: str | None, words: str) -> None:
    headers = {} if header is None else {"Authorization": header.format(key=api.token)}
    for path in set(ALLOWED) - PUBLIC:
        answer = Api(api.client, None).get(path, headers=headers)
        assert (answer.status, answer.json) == (401, {"detail": words})
        assert answer.headers["WWW-Authenticate"] == "Token"


def test_the_scheme_is_taken_in_any_case(api: Api) -> None:
    for scheme in ("Token", "token", "TOKEN"):
        assert (
            Api(api.client, None).get(SMS, headers={"Authorization": f"{scheme} {api.token}"}).status == 200
        )


@every_collection
def test_first_comes_the_token_then_the_code_then_the_object_then_the_body(
    anonymous: Api, api: Api, staff: Callable[..., Api], app: Flask, collection: Collection
) -> None:
    url, one = collection.place(app)[0], collection.one(app)
    gone = f"{url}/999999"
    beside = [collection.url.format(notifier_id=999_999)] if collection.parent else []
    hostile = {"data": b"{", "content_type": "application/json"}
    without_codes = staff(1036)
    for method, path in (("PATCH", gone), ("POST", gone), *(("POST", other) for other in beside)):
        assert (anonymous.call(method, path, **hostile).json) == NO_TOKEN
        refused = without_codes.call(method, path, **hostile)
        assert (refused.status, refused.json) == (403, FORBIDDEN)
        missing = api.call(method, path, **hostile)
        assert (missing.status, missing.json) == (404, NOT_FOUND)
    for method, path in (("PATCH", one), ("POST", one), ("POST", url)):
        assert api.call(method, path, **hostile).status == 400
    for method in ("GET", "HEAD", "DELETE"):
        assert api.call(method, gone).status == 404
        assert without_codes.call(method, gone).status == 403
    for other in beside:
        assert api.get(f"{other}?limit=x").json == NOT_FOUND
        assert api.get(f"{other}/{one.rsplit('/', 1)[1]}").json == NOT_FOUND


def test_a_notifier_in_use_is_not_deleted(api: Api) -> None:
    for url, name, collection in (
        (SMS, "notifications_sms_notifier", COLLECTIONS[0]),
        (EMAIL, "notifications_email_notifier", COLLECTIONS[2]),
    ):
        made = api.post(url, collection.body).json
        assert api.patch(SETTINGS, {name: made["id"]}).status == 200
        answer = api.delete(f"{url}/{made['id']}")
        assert (answer.status, list(answer.json)) == (409, ["detail"])
        assert api.get(f"{url}/{made['id']}").json == made
        assert api.patch(SETTINGS, {name: None}).status == 200
        deleted = api.delete(f"{url}/{made['id']}")
        assert (deleted.status, deleted.response.data) == (204, b"")


def test_the_settings_take_no_post(api: Api) -> None:
    answer = api.post(SETTINGS, {"notifications_otp_ttl": 60})
    assert (answer.status, answer.json) == (405, {"detail": 'Method "POST" not allowed.'})


SECRET = "a-token-that-nobody-may-see"


def test_a_failure_is_500_without_its_cause_which_the_log_has(
    api: Api,
    other_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise RuntimeError("the cause")

    broken = other_app(NOTIFYHUB_LOG_FORMAT="json")
    monkeypatch.setitem(broken.view_functions, "auth.me", fail)
    answer = Api(broken.test_client(), api.token).get(
        "/api/me", headers={"X-Request-ID": "request-of-the-test"}
    )
    assert (answer.status, answer.json) == (500, SERVER_ERROR)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-ID"] == "request-of-the-test"
    written = capsys.readouterr().err
    logged, access = map(json.loads, written.splitlines())
    assert (access["request_id"], access["status"]) == ("request-of-the-test", 500)
    assert logged["request_id"] == "request-of-the-test"
    assert logged["level"] == "error"
    assert "RuntimeError: the cause" in logged["exception"]
    assert api.token not in written


def test_a_failing_statement_logs_none_of_its_values(
    api: Api,
    other_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_plain: bytes, _place: str) -> str:
        raise RuntimeError("the cause")

    broken = Api(other_app().test_client(), api.token)
    monkeypatch.setattr("notifyhub.database.encryption.encrypt", fail)
    body = {"name": "a", "backend": "melipayamak", "settings": {"token": SECRET}}
    assert broken.post(SMS, body).json == SERVER_ERROR
    logged = capsys.readouterr().err
    assert "the cause" in logged
    assert SECRET not in logged
    assert api.get(SMS).json["count"] == 0


def _but_for_requests(log: str) -> list[str]:
    """Return the lines of a log, but for those that each request leaves."""
    return [line for line in log.splitlines() if "notifyhub.access" not in line]


def test_without_a_database_the_answer_is_503_and_the_log_has_one_line(
    api: Api, other_app: Callable[..., Flask], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql://user:{SECRET}@127.0.0.1:{free_port()}/none"
    away = Api(other_app(NOTIFYHUB_DATABASE_URL=url).test_client(), api.token)
    for method, path in (("GET", SMS), ("POST", SMS), ("PATCH", f"{SMS}/1"), ("GET", "/api/me")):
        answer = away.call(method, path, {} if method != "GET" else None)
        assert (answer.status, answer.json) == (503, AWAY)
        assert answer.headers["Retry-After"] == "5"
    assert away.get("/healthz").status == 200
    assert away.get("/readyz").status == 503
    (logged,) = _but_for_requests(capsys.readouterr().err)
    assert "The database does not answer: connection failed" in logged
    assert SECRET not in logged


def test_a_database_that_is_not_migrated_is_told_in_one_line(
    api: Api,
    other_app: Callable[..., Flask],
    empty_database: Callable[[str], str],
    environment: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind = environment["NOTIFYHUB_DATABASE_URL"].partition(":")[0]
    bare = Api(other_app(NOTIFYHUB_DATABASE_URL=empty_database(kind)).test_client(), api.token)
    for _ in range(3):
        answer = bare.get(SMS)
        assert (answer.status, answer.json) == (503, AWAY)
    (logged,) = _but_for_requests(capsys.readouterr().err)
    assert "The database is not migrated, see `notifyhub db upgrade`: " in logged


@pytest.mark.parametrize("on_postgresql", [False, True])
def test_a_transaction_that_loses_the_database_is_answered_503(
    api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch, on_postgresql: bool
) -> None:
    """The driver's own errors too, which SQLAlchemy has not seen."""

    def lose(*_: object) -> None:
        cause = psycopg.OperationalError("the connection is lost")
        raise cause if on_postgresql else OperationalError("SELECT 1", {}, cause)

    monkeypatch.setitem(app.view_functions, "auth.me", lose)
    assert api.get("/api/me").status == 503


def test_nested_errors_nest(api: Api) -> None:
    answer = api.post(SMS, {"name": "", "backend": "ippanel", "settings": {"token": " ", "from_number": 5}})
    assert answer.json == {"name": ["This field may not be blank."]}
    answer = api.post(SMS, {"name": "a", "backend": "ippanel", "settings": {"token": " ", "x": 5}})
    assert (answer.status, answer.json) == (
        400,
        {"settings": {"token": ["This field may not be blank."], "from_number": ["This field is required."]}},
    )
