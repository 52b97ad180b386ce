"""Each change by a command leaves an entry, of nobody's and without a request."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask

from tests.audit.rows import brief, commanded, last_id
from tests.support.clients import Api
from tests.support.databases import stored_text
from tests.support.environment import ENCRYPTION_KEY
from tests.support.factories import (
    EmailNotifierFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    WebhookFactory,
)

HIDDEN = "••••"

Told = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def told(app: Flask, api: Api) -> Told:
    """Give a function that runs a command and returns what the entries say that it leaves."""

    def run(*args: str, app: Flask = app, fails: bool = False) -> list[tuple[Any, ...]]:
        before = last_id(api)
        result = app.test_cli_runner().invoke(args=list(args))
        assert bool(result.exit_code) is fails, result.output
        found = commanded(api, before)
        for entry in found:
            assert (entry["actor"], entry["token"], entry["request_id"]) == (None, None, None)
        return [(action, type_, name, changes) for action, type_, _, name, changes in map(brief, found)]

    return run


def test_users_and_tokens(told: Told, api: Api) -> None:
    creation, issue = told("users", "create", "shop", "--role", "staff", "--permission", "7811")
    values = {"name": "shop", "role": "staff", "permissions": [7811], "is_active": True}
    assert creation == ("create", "user", "shop", {name: [None, value] for name, value in values.items()})
    prefix = issue[2]
    issued = {"user": [None, "shop"], "prefix": [None, prefix], "test": [None, False]}
    assert issue == ("issue", "token", prefix, issued)
    for args, changes in (
        (("permit", "shop", "7812"), {"permissions": [[7811], [7811, 7812]]}),
        (("forbid", "shop", "7811"), {"permissions": [[7811, 7812], [7812]]}),
        (("role", "shop", "user"), {"role": ["staff", "user"]}),
        (("deactivate", "shop"), {"is_active": [True, False]}),
        (("activate", "shop"), {"is_active": [False, True]}),
    ):
        assert told("users", *args) == [("change", "user", "shop", changes)]
    assert [entry[:3] for entry in told("tokens", "issue", "shop", "--label", "site")] == [
        ("issue", "token", "site")
    ]
    ((action, type_, name, changes),) = told("tokens", "revoke", str(prefix))
    assert (action, type_, name, list(changes)) == ("revoke", "token", prefix, ["revoked_at"])
    assert told("tokens", "revoke", str(prefix)) == []
    values |= {"role": "user", "permissions": [7812]}
    deleted = {name: [value, None] for name, value in values.items()}
    assert told("users", "delete", "shop") == [("delete", "user", "shop", deleted)]


def test_what_changes_nothing_or_is_refused_leaves_nothing(told: Told) -> None:
    told("users", "create", "shop", "--role", "staff", "--permission", "7811")
    for args in (
        ("users", "permit", "shop", "7811"),
        ("users", "forbid", "shop", "7812"),
        ("users", "role", "shop", "staff"),
        ("users", "activate", "shop"),
        ("users", "list"),
        ("tokens", "list"),
        ("permissions",),
        ("keys", "rotate"),
        ("notifiers", "seed"),
    ):
        assert told(*args) == [], args
    assert told("users", "create", "shop", "--role", "staff", fails=True) == []
    assert told("users", "delete", "nobody", fails=True) == []


SEED = """
sms:
  - name: main
    backend: melipayamak
    settings: {token: "${ACCOUNT_TOKEN}", number: "50002", pin: "${ACCOUNT_TOKEN}"}
    patterns:
      - {name: otp, code: "7", body: "{0}"}
settings: {notifications_sms_notifier: main}
delivery: {max_attempts: 7}
otp: {otp_sms_pattern: otp}
webhooks:
  - {url: "https://shop.example.com/", events: [message.sent], secret: "${HOOK_SECRET}"}
"""
TOKEN, HOOK_SECRET = "a-token-from-outside", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_seeding(told: Told, app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("ACCOUNT_TOKEN", TOKEN)
    monkeypatch.setenv("HOOK_SECRET", HOOK_SECRET)
    file = tmp_path / "seed.yaml"
    file.write_text(SEED)
    assert told("notifiers", "seed", str(file), "--dry-run") == []
    notifier, pattern, settings, delivery, otp, hook = told("notifiers", "seed", str(file))
    sms = {"token": HIDDEN, "number": "50002", "pin": HIDDEN}
    assert notifier == (
        *("create", "sms_notifier", "main"),
        {"name": [None, "main"], "backend": [None, "melipayamak"], "settings": [None, sms]},
    )
    assert pattern[:3] == ("create", "sms_pattern", "otp")
    assert (settings[0], settings[1], list(settings[3])) == (
        *("change", "notification_settings"),
        ["notifications_sms_notifier"],
    )
    assert delivery == ("change", "delivery_settings", None, {"max_attempts": [5, 7]})
    assert (otp[1], list(otp[3])) == ("otp_settings", ["otp_sms_pattern"])
    assert hook[:3] == ("create", "webhook", "https://shop.example.com/")
    assert hook[3]["secret"] == [None, HIDDEN]
    assert told("notifiers", "seed", str(file)) == []
    file.write_text(SEED.replace('"50002"', '"50003"').replace("https://shop", "https://shop"))
    monkeypatch.setenv("HOOK_SECRET", HOOK_SECRET.replace("w", "W"))
    changed = told("notifiers", "seed", str(file), fails=True)
    assert changed == []
    monkeypatch.setenv("HOOK_SECRET", HOOK_SECRET.replace("MfKQ", "MfKR"))
    assert told("notifiers", "seed", str(file)) == [
        ("change", "sms_notifier", "main", {"settings": [{"number": "50002"}, {"number": "50003"}]}),
        ("change", "webhook", "https://shop.example.com/", {"secret": [HIDDEN, HIDDEN]}),
    ]
    file.write_text(SEED + "nonsense: 1\n")
    assert told("notifiers", "seed", str(file), fails=True) == []
    stored = stored_text(app)
    assert TOKEN not in stored
    assert HOOK_SECRET not in stored


def test_keys_are_rotated_object_by_object(told: Told, app: Flask, other_app: Callable[..., Flask]) -> None:
    with app.app_context():
        SMSNotifierFactory(name="main")
        EmailNotifierFactory(name="mail")
        SMSPatternFactory(notifier_id=SMSNotifierFactory(name="bare", settings={}).id)
        WebhookFactory(url="https://shop.example.com/")
    keys = ",".join((Fernet.generate_key().decode(), ENCRYPTION_KEY))
    entries = told("keys", "rotate", app=other_app(NOTIFYHUB_ENCRYPTION_KEYS=keys))
    assert sorted(entries, key=lambda entry: entry[1]) == [
        ("rotate", "email_notifier", "mail", {}),
        ("rotate", "sms_notifier", "main", {}),
        ("rotate", "webhook", "https://shop.example.com/", {}),
    ]
