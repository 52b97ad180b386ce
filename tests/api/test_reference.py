"""The examples of the public documentation, each sent over HTTP as a client written for it sends it."""

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.support.environment import slow_on_sqlite
from tests.support.processes import Server

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
SETTINGS = "/api/settings/notifications"

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

NOTIFIER = ["id", "name", "backend", "settings", "created_at", "updated_at"]
PATTERN = ["id", "status", "name", "code", "description", "body", "created_at", "updated_at"]
EMAIL_PATTERN = [
    *("id", "name", "description", "from_email", "subject", "body_text", "body_html"),
    *("created_at", "updated_at"),
]
CHOSEN = [
    *("notifications_sms_notifier_data", "notifications_email_notifier_data"),
    *("notifications_otp_code_len", "notifications_otp_ttl"),
]

GENERAL = {"name": "melipayamak_general", "backend": "melipayamak"}
CODE = {
    "status": "rejected",
    "name": "otp-code",
    "code": "187566",
    "description": "used for sending otp codes",
    "body": "Your login otp code is {0}",
}
EDITED = {**CODE, "status": "approved", "name": "otp-code-edited", "code": "18756"}
LISTED = [
    {
        "status": "approved",
        "name": "ثبت نام جدید",
        "code": "12062",
        "description": "استفاده برای اطلاع رسانی در مورد ثبت نام کاربر جدید",
        "body": "کاربر با شماره تماس {0} و نام {۱} ثبت نام کرد",
    },
    {
        "status": "approved",
        "name": "otp",
        "code": "13420",
        "description": "برای ارسال پیامک کد یکبار مصرف استفاده می شود",
        "body": "(0)",
    },
]
ORDER = {
    "name": "order_status_changed",
    "description": "used for sending status changes",
    "from_email": "info@hamgam.online",
    "subject": "hamgam order status changed",
    "body_text": "Order number {0} is in {1} status",
    "body_html": None,
}
MAIL = {"host": "mail.example.com", "username": "info", "password": "value1", "from_email": "a@example.com"}

Call = Callable[..., Any]


def caller(server: Server, token: str) -> Call:
    """Return what sends a request, demands the status of the answer and returns its JSON."""

    def call(method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        headers = {"Authorization": f"Token {token}", "Host": "www.example.com"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(f"{server.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == status, (method, path)
            text = answer.read()
            assert not text or answer.headers["Content-Type"] == "application/json"
        return json.loads(text) if text else None

    return call


def matches(shown: Any, fields: list[str], values: dict[str, Any]) -> int:
    """Demand that an object has the documented fields in their order, and these values; return its id."""
    assert list(shown) == fields
    assert {name: shown[name] for name in values} == values
    assert type(shown["id"]) is int
    assert MOMENT.fullmatch(shown["created_at"])
    assert MOMENT.fullmatch(shown["updated_at"])
    assert shown["created_at"] <= shown["updated_at"]
    return int(shown["id"])


@slow_on_sqlite
def test_every_example_of_the_documentation_is_answered_as_it_says(
    gunicorn: Callable[..., Server], token: Callable[..., str]
) -> None:
    call = caller(gunicorn(workers=1), token())
    notifier = _sms_notifiers(call)
    _sms_patterns(call, f"{SMS}/{notifier}/patterns")
    mail = call("POST", EMAIL, {**MAIL, "name": "moeinmail"}, status=201)["id"]
    _email_patterns(call, f"{EMAIL}/{mail}/patterns")
    _settings(call, notifier, mail)


def _sms_notifiers(call: Call) -> int:
    made = matches(call("POST", SMS, GENERAL, status=201), NOTIFIER, {**GENERAL, "settings": {}})
    settings = {"token": "value1", "key2": "value2"}
    full = {**GENERAL, "name": "ippanel_one", "settings": settings}
    matches(call("POST", SMS, full, status=201), NOTIFIER, full)
    return made


def _sms_patterns(call: Call, url: str) -> None:
    pattern = matches(call("POST", url, CODE, status=201), PATTERN, CODE)
    for method in ("POST", "PATCH"):  # the example of the update sends POST
        matches(call(method, f"{url}/{pattern}", EDITED), PATTERN, EDITED)
        matches(call(method, f"{url}/{pattern}", CODE), PATTERN, CODE)
    call("DELETE", f"{url}/{pattern}", status=204)
    for listed in reversed(LISTED):
        call("POST", url, listed, status=201)
    page = call("GET", url)
    assert list(page) == ["count", "next", "previous", "results"]
    assert (page["count"], page["next"], page["previous"]) == (2, None, None)
    ids = [matches(shown, PATTERN, listed) for shown, listed in zip(page["results"], LISTED, strict=True)]
    assert ids[0] > ids[1]


def _email_patterns(call: Call, url: str) -> None:
    pattern = matches(call("POST", url, ORDER, status=201), EMAIL_PATTERN, ORDER)
    change = {"subject": "your order status changed"}
    for method in ("POST", "PATCH"):
        matches(call(method, f"{url}/{pattern}", change), EMAIL_PATTERN, {**ORDER, **change})
        call("PATCH", f"{url}/{pattern}", ORDER)
    matches(call("GET", f"{url}/{pattern}"), EMAIL_PATTERN, ORDER)
    (shown,) = call("GET", url)["results"]
    matches(shown, EMAIL_PATTERN, ORDER)
    assert call("DELETE", f"{url}/{pattern}", status=204) is None
    assert call("GET", url) == {"count": 0, "next": None, "previous": None, "results": []}


def _settings(call: Call, notifier: int, mail: int) -> None:
    chosen = {"notifications_sms_notifier": notifier, "notifications_email_notifier": mail}
    lengths = {"notifications_otp_code_len": 6, "notifications_otp_ttl": 180}
    shown = call("PATCH", SETTINGS, {**chosen, **lengths})
    assert list(shown) == CHOSEN
    assert shown == {
        "notifications_sms_notifier_data": {"id": notifier, "name": "melipayamak_general"},
        "notifications_email_notifier_data": {"id": mail, "name": "moeinmail"},
        **lengths,
    }
    assert call("GET", SETTINGS) == shown
