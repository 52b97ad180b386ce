"""Checks of notifiers over HTTP, against simulated providers."""

import json
import logging
import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from notifyhub.notifiers import checks
from notifyhub.notifiers.checks import check
from notifyhub.providers.base import Credit
from notifyhub.providers.registry import sms_provider
from notifyhub.providers.sandbox import Sandbox
from tests.simulators import IPPanelSimulator, MeliPayamakSimulator, SMTPSimulator, ippanel, melipayamak, smtp
from tests.simulators.provider import Provider
from tests.simulators.server import Reply, Request
from tests.support.clients import Api
from tests.support.environment import slow_on_sqlite
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, install_backends
from tests.support.peers import trickling
from tests.support.processes import free_port
from tests.support.service import until

pytestmark = pytest.mark.usefixtures("_simulated")

BASE = "/api/notifications/notifiers"
SETTINGS = {
    "ippanel": {"token": ippanel.TOKEN, "from_number": ippanel.LINE},
    "melipayamak": {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER},
}
WRONG = {
    "ippanel": {"token": "another-secret-token", "from_number": ippanel.LINE},
    "melipayamak": {"token": "another-secret-token"},
}
backends = pytest.mark.parametrize("backend", SETTINGS)


@pytest.fixture
def providers(edge: IPPanelSimulator, console: MeliPayamakSimulator) -> dict[str, Any]:
    return {"ippanel": edge, "melipayamak": console}


@pytest.fixture
def sms(app: Flask) -> Callable[..., str]:
    """Give a function that makes an SMS notifier and returns the URL of its check."""

    def make(backend: str, settings: dict[str, Any] | None = None) -> str:
        with app.app_context():
            settings = SETTINGS[backend] if settings is None else settings
            return f"{BASE}/sms/{SMSNotifierFactory(backend=backend, settings=settings).id}/check"

    return make


@pytest.fixture
def email(app: Flask, mail: SMTPSimulator) -> Callable[..., str]:
    """Give a function that makes an email notifier and returns the URL of its check."""
    account = {"host": "127.0.0.1", "port": mail.port, "username": smtp.USERNAME, "password": smtp.PASSWORD}

    def make(**values: Any) -> str:
        with app.app_context():
            return f"{BASE}/email/{EmailNotifierFactory(**{**account, **values}).id}/check"

    return make


def checked(api: Api, url: str) -> dict[str, Any]:
    """Return a check's answer, whose shape is always the same."""
    answer = api.post(url)
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    assert list(found) == ["ok", "detail", "credit", "latency_ms"]
    assert isinstance(found["ok"], bool)
    assert isinstance(found["detail"], str)
    assert found["detail"]
    assert type(found["latency_ms"]) is int
    assert found["latency_ms"] >= 0
    return found


@pytest.mark.parametrize(("backend", "credit"), [("ippanel", 6084722932.705052), ("melipayamak", 37414)])
def test_a_good_account_is_told_with_its_credit(
    api: Api, sms: Callable[..., str], providers: dict[str, Provider], backend: str, credit: float
) -> None:
    url = sms(backend)
    providers[backend].latency = 0.05
    found = checked(api, url)
    assert (found["ok"], found["credit"]) == (True, credit)
    assert type(found["credit"]) is type(credit)
    assert 50 <= found["latency_ms"] < 5000
    assert not providers[backend].journal.messages(), "a check sends nothing"


@pytest.mark.parametrize(
    ("backend", "words"),
    [("ippanel", "اطلاعات وارد شده صحیح نمی باشد"), ("melipayamak", "کلید کنسول معتبر نیست")],
)
def test_bad_credentials_are_told_in_the_providers_words(
    api: Api, sms: Callable[..., str], backend: str, words: str
) -> None:
    found = checked(api, sms(backend, WRONG[backend]))
    assert (found["ok"], found["credit"]) == (False, None)
    assert words in found["detail"]


@backends
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rate_limited", ["HTTP 429"]),
        ("server_error", ["خطای سرور", "An unexpected error occured"]),
        ("html", ["text/html, not JSON"]),
        ("broken_json", ["not JSON"]),
        ("huge_answer", ["too long"]),
        ("redirect", ["HTTP 302", "not JSON", "text/html"]),
        ("reset", ["broke off"]),
        ("half_answer", ["broke off"]),
    ],
)
def test_a_provider_in_trouble_is_told_and_the_next_check_is_well(
    api: Api,
    sms: Callable[..., str],
    providers: dict[str, Provider],
    backend: str,
    kind: str,
    words: list[str],
) -> None:
    url = sms(backend)
    providers[backend].troubles.add(kind, on="read")
    found = checked(api, url)
    assert (found["ok"], found["credit"]) == (False, None)
    assert any(word in found["detail"] for word in words), found["detail"]
    assert checked(api, url)["ok"]


@backends
def test_a_provider_that_is_not_there_is_told(
    api: Api, app: Flask, sms: Callable[..., str], monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setitem(app.config, f"{backend.upper()}_URL", f"http://127.0.0.1:{free_port()}/x")
    found = checked(api, sms(backend))
    assert not found["ok"]
    assert "No connection to 127.0.0.1" in found["detail"]


@backends
def test_settings_that_are_not_enough_are_told_without_a_call(
    api: Api, sms: Callable[..., str], providers: dict[str, Provider], backend: str
) -> None:
    found = checked(api, sms(backend, {}))
    assert (found["ok"], found["detail"]) == (False, "The notifier's settings hold no token.")
    assert providers[backend].requests == 0


def test_settings_without_a_line_are_told_though_the_account_is_good(
    api: Api, sms: Callable[..., str], console: MeliPayamakSimulator
) -> None:
    found = checked(api, sms("melipayamak", {"token": melipayamak.TOKEN}))
    assert (found["ok"], found["credit"]) == (False, None)
    assert found["detail"] == "The notifier's settings hold no number to send texts from."
    assert console.requests == 1


@pytest.mark.parametrize(("settings", "ok"), [({}, False), ({"line": "50002"}, True)])
def test_a_line_is_looked_for_in_the_settings_of_other_packages_backends_too(
    api: Api,
    sms: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: dict[str, str],
    *,
    ok: bool,
) -> None:
    install_backends(tmp_path, lined="tests.notifiers.test_checks:Lined")
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        found = checked(api, sms("lined", settings))
    sms_provider.cache_clear()
    assert found["ok"] is ok
    assert ("no number to send texts from" in found["detail"]) is not ok


class Lined(Sandbox):
    """A provider whose texts need a line."""

    line_setting = "line"


@slow_on_sqlite
@pytest.mark.parametrize("greeting", [b"220-a\r\n", b"a", b"HTTP/1.1 103 x\r\n\r\n"])
def test_a_check_ends_in_time_whatever_the_peer_says(
    *,
    api: Api,
    app: Flask,
    sms: Callable[..., str],
    email: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    greeting: bytes,
) -> None:
    assert checks.CHECK_SECONDS == 10
    monkeypatch.setattr(checks, "CHECK_SECONDS", 0.5)
    with trickling(greeting) as port:
        monkeypatch.setitem(app.config, "MELIPAYAMAK_URL", f"http://127.0.0.1:{port}/api")
        for url in (email(port=port), email(port=port, use_ssl=True), sms("melipayamak")):
            found = checked(api, url)
            assert not found["ok"]
            assert found["latency_ms"] < 1000


def test_a_look_up_counts_for_a_checks_time(
    api: Api, email: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    monkeypatch.setattr(checks, "CHECK_SECONDS", 0.3)
    url = email(host="slow.example.com")
    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])
        found = checked(api, url)
    over.set()
    assert not found["ok"]
    assert found["detail"].startswith("No mail server answers at port")
    assert found["latency_ms"] < 1000


def test_a_process_makes_four_checks_at_once(
    api: Api,
    app: Flask,
    token: Callable[..., str],
    sms: Callable[..., str],
    email: Callable[..., str],
    console: MeliPayamakSimulator,
) -> None:
    url, busy, statuses = sms("melipayamak"), threading.Barrier(5), []
    answer = console.server.answer

    def hold(request: Request) -> Reply:
        busy.wait(10)
        return answer(request)

    console.server.answer = hold
    key = api.token
    threads = [
        threading.Thread(target=lambda: statuses.append(Api(app.test_client(), key).post(url).status))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    until(lambda: busy.n_waiting == 4, "four checks are under way")
    for refused in (url, email(), sms("ippanel").replace("check", "patterns/sync")):
        found = api.post(refused)
        assert found.status == 429
        assert found.json == {"detail": "Request was throttled. Expected available in 5 seconds."}
        assert found.headers["Retry-After"] == "5"
    assert Api(app.test_client(), token(test=True)).post(url).status == 200, "it calls nobody"
    busy.wait(10)
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4
    console.server.answer = answer
    assert checked(api, url)["ok"]


@pytest.mark.parametrize("echo", ["{token}", "…/{token}/…", "Basic {token}"])
def test_a_secret_that_a_provider_repeats_is_shown_nowhere(
    api: Api,
    sms: Callable[..., str],
    console: MeliPayamakSimulator,
    caplog: pytest.LogCaptureFixture,
    echo: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    url = sms("melipayamak")
    console.canned = [Reply(400, {"status": f"Refused: {echo.format(token=melipayamak.TOKEN)}"})]
    found = checked(api, url)
    assert not found["ok"]
    assert "Refused" in found["detail"]
    assert melipayamak.TOKEN not in json.dumps(found)
    assert melipayamak.TOKEN not in caplog.text


@pytest.mark.parametrize("security", [{"use_tls": True}, {"use_tls": False}, {"use_ssl": True}])
def test_a_good_mail_account_is_told(
    api: Api, email: Callable[..., str], mail: SMTPSimulator, security: dict[str, bool]
) -> None:
    if "use_ssl" in security:
        security = {**security, "port": mail.tls_port}
    found = checked(api, email(**security))
    assert (found["ok"], found["credit"]) == (True, None)
    assert not mail.journal.messages()


def test_a_wrong_mail_password_is_told_and_not_shown(api: Api, email: Callable[..., str]) -> None:
    found = checked(api, email(password="another-mail-password"))
    assert not found["ok"]
    assert "535" in found["detail"]
    assert "another-mail-password" not in json.dumps(found)


def test_a_mail_password_that_is_wrong_by_now_is_told_though_a_session_is_open(
    api: Api, email: Callable[..., str], mail: SMTPSimulator
) -> None:
    url = email()
    assert checked(api, url)["ok"]
    mail.password = "changed-at-the-server"
    assert not checked(api, url)["ok"]


def test_a_mail_server_that_is_not_there_or_speaks_no_smtp_is_told(
    api: Api, email: Callable[..., str], edge: IPPanelSimulator
) -> None:
    found = checked(api, email(port=free_port()))
    assert not found["ok"]
    assert found["detail"].startswith("No mail server answers at port")
    assert not checked(api, email(host="mail.invalid"))["ok"]


def test_an_unknown_certificate_is_refused_unless_the_operator_allows_it(
    api: Api, app: Flask, email: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = email(use_tls=True)
    monkeypatch.setitem(app.config, "SMTP_VERIFY", True)
    found = checked(api, url)
    assert not found["ok"]
    assert "certificate" in found["detail"].lower()


def test_the_database_is_not_held_while_the_provider_answers(
    api: Api,
    sms: Callable[..., str],
    console: MeliPayamakSimulator,
    held_connections: Callable[[Provider], list[int]],
) -> None:
    url, held = sms("melipayamak"), held_connections(console)
    assert checked(api, url)["ok"]
    assert held == [0]


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_test_token_reaches_no_provider(
    app: Flask,
    token: Callable[..., str],
    sms: Callable[..., str],
    email: Callable[..., str],
    providers: dict[str, Provider],
    mail: SMTPSimulator,
    channel: str,
) -> None:
    url = sms("melipayamak") if channel == "sms" else email()
    found = checked(Api(app.test_client(), token(test=True)), url)
    assert found["ok"]
    assert "not called" in found["detail"]
    assert (providers["melipayamak"].requests, mail.connections) == (0, 0)


def test_with_a_test_token_settings_that_are_not_enough_are_told_too(
    app: Flask, token: Callable[..., str], sms: Callable[..., str]
) -> None:
    client = Api(app.test_client(), token(test=True))
    assert not checked(client, sms("ippanel", {}))["ok"]
    found = checked(client, sms("melipayamak", {"token": melipayamak.TOKEN}))
    assert (found["ok"], found["detail"]) == (
        False,
        "The notifier's settings hold no number to send texts from.",
    )


@pytest.mark.parametrize(("channel", "code"), [("sms", 2812), ("email", 2832)])
def test_staff_need_the_code_for_viewing_and_the_notifier_must_exist(
    anonymous: Api, staff: Callable[..., Api], channel: str, code: int
) -> None:
    url = f"{BASE}/{channel}/99/check"
    assert anonymous.post(url).status == 401
    assert staff(*({*range(2811, 2835), 1036} - {code})).post(url).status == 403
    answer = staff(code).post(url)
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})
    assert staff(code).get(url).status == 405


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "0"),
        ("37414", "37414"),
        ("-5", "-5"),
        ("12.50", "12.5"),
        ("6084722932.705052", "6084722932.705052"),
        ("9007199254740993", "9007199254740992.0"),
        ("1e30", "1e+30"),
        ("1e999999999", "inf"),
    ],
)
def test_credit_of_any_size_is_a_number(amount: str, shown: str) -> None:
    class Rich(Sandbox):
        def check(self) -> Credit:
            return Credit(Decimal(amount), "rial")

    assert repr(check(Rich).credit) == shown
