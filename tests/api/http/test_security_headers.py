"""What every answer tells browsers, whatever was asked for and however it ends."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.api.resources import SMS
from tests.support.clients import Api
from tests.support.environment import on_sqlite, slow_on_sqlite

JSON_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OF_ALL = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "Strict-Transport-Security"


def check(headers: Any) -> None:
    """Check that the headers are there, each once."""
    assert {name: headers.getlist(name) for name in OF_ALL} == {
        name: [value] for name, value in OF_ALL.items()
    }
    (policy,) = headers.getlist("Content-Security-Policy")
    is_page = headers["Content-Type"].startswith("text/html") if "Content-Type" in headers else False
    if is_page:
        assert headers.getlist("Cross-Origin-Opener-Policy") == ["same-origin"]
        assert "camera=()" in headers["Permissions-Policy"]
        assert "frame-ancestors 'none'" in policy
    else:
        assert policy == JSON_POLICY
    assert HSTS not in headers
    assert not re.search(r"\d", headers.get("Server", ""))
    assert "X-Powered-By" not in headers


@slow_on_sqlite
def test_every_url_answers_with_them_to_every_method_with_and_without_a_token(
    app: Flask, api: Api, anonymous: Api
) -> None:
    count = 0
    for rule in app.url_map.iter_rules():
        url = re.sub(r"<\w+:(\w+)>", lambda match: "index.css" if match[1] == "asset" else "1", rule.rule)
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"):
            for client in (anonymous, api):
                headers = {"Authorization": f"Token {client.token}"} if client.token else {}
                with client.client.open(url, method=method, headers=headers) as answer:
                    check(answer.headers)
                    count += 1
    assert count > 500


ERRORS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: ("POST", SMS, {"json": {}}),
    404: ("GET", "/unknown", {}),
    405: ("PUT", SMS, {}),
    413: ("POST", SMS, {"data": b" " * (1024 * 1024 + 1), "content_type": "application/json"}),
    415: ("POST", SMS, {"data": "x", "content_type": "text/plain"}),
    500: ("GET", "/api/me", {}),
}


@on_sqlite
@pytest.mark.parametrize("status", ERRORS)
def test_errors_of_every_kind_have_them(
    other_app: Callable[..., Flask], api: Api, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def fail() -> None:
        raise RuntimeError("the cause")

    broken = other_app()
    monkeypatch.setitem(broken.view_functions, "auth.me", fail)
    method, url, options = ERRORS[status]
    answer = broken.test_client().open(
        url, method=method, **options, headers={"Authorization": f"Token {api.token}"}
    )
    assert answer.status_code == status
    check(answer.headers)


@on_sqlite
def test_other_errors_have_them(other_app: Callable[..., Flask], api: Api, staff: Callable[..., Api]) -> None:
    limited = Api(other_app(NOTIFYHUB_RATE_LIMIT="1/minute").test_client(), api.token)
    hosted = other_app(NOTIFYHUB_ALLOWED_HOSTS="api.example.com").test_client()
    away = other_app(NOTIFYHUB_DATABASE_URL="postgresql://user@127.0.0.1:1/none").test_client()
    answers = {
        200: limited.get("/api/me"),
        429: limited.get("/api/me"),
        401: Api(api.client, "x").get(SMS),
        403: staff().get(SMS),
        400: Api(hosted, api.token).get("/api/me"),
        503: Api(away, api.token).get("/api/me"),
    }
    for status, answer in answers.items():
        assert answer.status == status
        check(answer.headers)


@on_sqlite
@pytest.mark.parametrize(
    ("proxies", "proto", "secure"),
    [
        ("1", "https", True),
        ("1", "http", False),
        ("1", "", False),
        ("0", "https", False),
        ("2", "https", False),
    ],
)
def test_browsers_are_held_to_tls_where_a_trusted_proxy_says_that_they_came_by_it(
    other_app: Callable[..., Flask], proxies: str, proto: str, *, secure: bool
) -> None:
    client = other_app(NOTIFYHUB_TRUSTED_PROXIES=proxies).test_client()
    for url in ("/api/docs", "/api/me", "/unknown"):
        headers = client.get(url, headers={"X-Forwarded-Proto": proto} if proto else {}).headers
        assert headers.getlist(HSTS) == (["max-age=31536000"] if secure else [])
