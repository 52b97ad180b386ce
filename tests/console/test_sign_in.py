"""Signing in and out, and what a session is worth."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask import Flask

from notifyhub.auth import accounts
from notifyhub.auth.models import Role
from notifyhub.auth.sessions import LIFETIME
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.console import Console, Page
from tests.support.environment import slow_on_postgresql

pytestmark = slow_on_postgresql


def test_a_token_is_exchanged_for_a_session(visitor: Console, token: Callable[..., str]) -> None:
    assert visitor.get().location == "/console/sign-in?next=/console"
    answer = visitor.sign_in(token())
    assert answer.location == "/console"
    assert visitor.get().status == 200


def test_the_cookie_is_for_the_console_alone_and_not_for_scripts(
    visitor: Console, token: Callable[..., str]
) -> None:
    key = token()
    (cookie,) = visitor.sign_in(key).response.headers.getlist("Set-Cookie")
    assert {"HttpOnly", "Path=/console", "SameSite=Lax"} <= set(cookie.split("; "))
    assert key not in cookie
    assert "Secure" not in cookie


def test_the_cookie_comes_back_by_https_alone_where_it_was_given_by_that(
    app: Flask, token: Callable[..., str]
) -> None:
    client = app.test_client()
    page = client.get("https://localhost/console/sign-in")
    assert "; Secure;" in page.headers["Set-Cookie"]


@pytest.mark.parametrize("key", ["", " ", "wrong", "a b", "ک", "0" * 40, "\0"])
def test_a_token_that_does_not_work_is_refused_at_its_field(visitor: Console, key: str) -> None:
    page = visitor.sign_in(key)
    assert page.status == 401
    assert page.errors == {"token": ["This token does not work. Check that you have copied all of it."]}
    assert visitor.get().status == 302


@pytest.mark.slow
def test_failed_sign_ins_are_limited(visitor: Console) -> None:
    visitor.client.environ_base["REMOTE_ADDR"] = "203.0.113.77"  # other tests have an address of their own
    statuses = [visitor.sign_in("wrong").status for _ in range(301)]
    assert statuses == [401] * 300 + [429]


def test_a_session_dies_with_its_token(app: Flask, visitor: Console, token: Callable[..., str]) -> None:
    key = token()
    visitor.sign_in(key)
    with app.app_context():
        accounts.revoke(db.session(), key)
        db.session.commit()
    page = visitor.get()
    assert (page.status, page.location) == (302, "/console/sign-in?next=/console")


def test_a_session_ends_in_time(visitor: Console, token: Callable[..., str]) -> None:
    visitor.sign_in(token())
    with time_machine.travel(datetime.now(UTC) + LIFETIME - timedelta(minutes=1)):
        assert visitor.get().status == 200
    with time_machine.travel(datetime.now(UTC) + LIFETIME + timedelta(minutes=1)):
        assert visitor.get().status == 302


def test_a_deactivated_user_is_out_at_once(app: Flask, api: Api, visitor: Console) -> None:
    made = api.post("/api/users", {"name": "colleague", "role": "staff"}).json
    key = api.post(f"/api/users/{made['id']}/tokens", {}).json["key"]
    visitor.sign_in(key)
    api.patch(f"/api/users/{made['id']}", {"is_active": False})
    assert visitor.get().status == 302


def test_a_copy_of_the_cookie_is_worth_nothing_after_the_sign_out(operator: Console, app: Flask) -> None:
    cookie = operator.client.get_cookie("notifyhub", path="/console")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("notifyhub", cookie.value, path="/console")
    assert thief.get("/console").status_code == 200
    assert operator.post("/sign-out").location == "/console/sign-in"
    assert thief.get("/console").status_code == 302
    assert operator.get().status == 302


def test_a_changed_cookie_is_no_session(operator: Console, app: Flask) -> None:
    cookie = operator.client.get_cookie("notifyhub", path="/console")
    assert cookie is not None
    stranger = app.test_client()
    stranger.set_cookie("notifyhub", cookie.value[:-3] + "AAA", path="/console")
    assert stranger.get("/console").status_code == 302


def test_the_session_is_no_token_for_the_api_nor_a_token_a_session(
    operator: Console, token: Callable[..., str]
) -> None:
    assert operator.client.get("/api/me").status_code == 401
    client = operator.client.application.test_client()
    page = client.get("/console", headers={"Authorization": f"Token {token()}"})
    assert page.status_code == 302


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/preferences"])
def test_a_form_without_the_sessions_own_token_is_refused(operator: Console, path: str) -> None:
    for data in ({}, {"csrf_token": "forged"}):
        assert operator.client.post(f"/console{path}", data=data).status_code == 400
    assert operator.get().status == 200


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ("/console/preferences", "/console/preferences"),
        ("/console?x=1", "/console?x=1"),
        ("", "/console"),
        ("https://evil.example/console", "/console"),
        ("//evil.example/console", "/console"),
        ("/\\evil.example", "/console"),
        ("/console\\@evil.example", "/console"),
        ("/consoles", "/console"),
        ("/console/../api", "/console"),
        ("javascript:alert(1)", "/console"),
        ("/console\r\nX: y", "/console"),
    ],
)
def test_the_sign_in_leads_back_to_pages_of_the_console_alone(
    visitor: Console, token: Callable[..., str], given: str, target: str
) -> None:
    assert visitor.post("/sign-in", {"token": token(), "next": given}).location == target


def test_the_page_that_asked_for_a_sign_in_is_the_one_after_it(
    visitor: Console, token: Callable[..., str]
) -> None:
    asked = visitor.get("/preferences?a=1&b=2").location
    assert asked is not None
    (back,) = parse_qs(urlsplit(asked).query)["next"]
    assert back == "/console/preferences?a=1&b=2"
    assert visitor.post("/sign-in", {"token": token(), "next": back}).location == back


def test_a_form_that_is_sent_after_the_sessions_end_leads_back_to_itself_with_a_word_of_why(
    app: Flask, visitor: Console, token: Callable[..., str]
) -> None:
    key = token()
    visitor.sign_in(key)
    with app.app_context():
        accounts.revoke(db.session(), key)
        db.session.commit()
    asked = visitor.post("/users/new", {"name": "shop"})
    assert asked.location == "/console/sign-in?next=/console/users/new"
    moved = visitor.post("/accounts/sms/1/edit?backend=melipayamak")
    assert moved.location == "/console/sign-in?next=/console/accounts/sms/1/edit?backend%3Dmelipayamak"
    assert "The session was over before this was sent." in visitor.follow(asked).text
    assert visitor.post("/webhooks/1/test").location == "/console/sign-in"


def test_a_form_of_another_session_is_refused_with_the_way_back_to_it(operator: Console) -> None:
    page = Page(operator.client.post("/console/users/new?a=b", data={"csrf_token": "of-another"}))
    assert page.status == 400
    assert page.soup.select_one("main a[href='/console/users/new?a=b']")


def test_a_form_that_was_refused_stays_where_it_is_in_another_language(operator: Console) -> None:
    refused = operator.post("/users/new?a=b", {"name": ""})
    assert refused.status == 400
    field = refused.soup.select_one("footer [name=next]")
    assert field is not None
    assert field["value"] == "/console/users/new?a=b"


def test_a_sign_in_is_audited(api: Api, visitor: Console, token: Callable[..., str]) -> None:
    key = token(Role.ADMIN)
    visitor.sign_in(key)
    (entry,) = api.get("/api/audit?action=sign_in").json["results"]
    assert (entry["via"], entry["token"], entry["object"]["type"]) == ("console", key[:8], "token")


def test_what_somebody_prefers_outlives_the_session(operator: Console) -> None:
    operator.language = "de"
    assert operator.post("/preferences", {"language": "en", "theme": "dark"}).location == "/console"
    page = operator.get()
    assert (page.soup.html or {}).get("lang") == "en"
    operator.post("/sign-out")
    html = operator.get("/sign-in").soup.html
    assert html is not None
    assert (html["lang"], html["dir"], html["data-theme"]) == ("en", "ltr", "dark")


@pytest.mark.parametrize(("name", "value"), [("language", "xx"), ("theme", "pink"), ("timezone", "Mars/One")])
def test_a_choice_that_is_none_is_refused(operator: Console, name: str, value: str) -> None:
    assert operator.post("/preferences", {name: value}).status == 400


def test_pages_may_load_and_run_what_comes_from_here_alone(operator: Console) -> None:
    policy = operator.get().response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert operator.get().response.headers.getlist("Cache-Control") == ["no-store"]


def test_an_unknown_page_is_a_page(operator: Console, visitor: Console) -> None:
    page = operator.get("/nothing")
    assert (page.status, page.text.split(" It ")[0][:21]) == (404, "There is no such page")
    assert visitor.get("/nothing").status == 302


def test_the_root_leads_to_the_console(visitor: Console) -> None:
    assert visitor.client.get("/").location == "/console"
