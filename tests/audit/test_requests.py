"""Each change over HTTP leaves one entry, and whatever changes nothing leaves none."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask

from notifyhub.audit.models import TYPES
from notifyhub.auth.accounts import issue_token
from notifyhub.auth.models import Role
from notifyhub.extensions import db
from notifyhub.messages.models import Batch, MessageStatus
from notifyhub.webhooks.models import DeliveryStatus
from tests.audit.rows import AUDIT, brief, entries
from tests.simulators import ippanel
from tests.support.clients import Answer, Api
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    MessageFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    UserFactory,
    WebhookDeliveryFactory,
    WebhookFactory,
)

pytestmark = pytest.mark.usefixtures("_simulated")

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
MESSAGES = "/api/notifications/messages"
BATCHES = "/api/notifications/batches"
OTP = "/api/notifications/otp"
WEBHOOKS = "/api/notifications/webhooks"
USERS = "/api/users"
SETTINGS = "/api/settings"
HIDDEN = "••••"
TOKEN, PASSWORD = "a-token-of-an-account", "a-password-of-a-mail-server"


class Change(NamedTuple):
    """A request that changes something, and the entry that it leaves: action, type, name, changes.

    `make` stores its object and returns the ids in its URL. A token's `changes` are some of them.
    """

    method: str
    rule: str
    make: Callable[[], dict[str, int]]
    body: Any
    action: str
    type: str
    name: str | None
    changes: dict[str, list[Any]]
    status: int = 200


def sms_notifier() -> dict[str, int]:
    settings = {"token": ippanel.TOKEN, "from_number": ippanel.LINE}
    return {"id": SMSNotifierFactory(name="main", backend="ippanel", settings=settings).id}


def email_notifier() -> dict[str, int]:
    return {"id": EmailNotifierFactory(name="mail").id}


def sms_pattern() -> dict[str, int]:
    notifier = sms_notifier()["id"]
    return {
        "notifier_id": notifier,
        "id": SMSPatternFactory(notifier_id=notifier, name="otp", code="7", body="{0}").id,
    }


def email_pattern() -> dict[str, int]:
    pattern = EmailPatternFactory(name="order", subject="S", body_text="T")
    return {"notifier_id": pattern.notifier_id, "id": pattern.id}


def webhook() -> dict[str, int]:
    hook = WebhookFactory(url="https://shop.example.com/", events=["message.sent"])
    failed = WebhookDeliveryFactory(webhook_id=hook.id, status=DeliveryStatus.FAILED, next_attempt_at=None)
    return {"id": hook.id, "delivery_id": failed.id}


def user() -> dict[str, int]:
    made = UserFactory(name="shop", role=Role.STAFF, codes=(7811,))
    issue_token(db.session(), made, None, test=False, label="old")
    db.session.commit()
    return {"id": made.id, "token_id": made.tokens[0].id}


def message(status: str) -> dict[str, int]:
    batch = Batch(count=1)
    db.session.add(batch)
    db.session.commit()
    stored = MessageFactory(
        status=status, recipient="+989121112233", text="a text of a message", batch_id=batch.id
    )
    return {"id": stored.id, "batch": batch.id}


def queued() -> dict[str, int]:
    return message(MessageStatus.QUEUED)


def failed() -> dict[str, int]:
    return message(MessageStatus.FAILED)


def nothing() -> dict[str, int]:
    return {}


_PATTERN = {"status": "created", "name": "otp", "code": "7", "body": "{0}"}
NOTIFIER = {
    "name": "one",
    "backend": "melipayamak",
    "settings": {"token": TOKEN, "number": "50002", "x": "y"},
}
MAIL = {
    "name": "mail",
    "host": "mail.example.com",
    "username": "info",
    "password": PASSWORD,
    "from_email": "info@example.com",
}
HOOK = {"url": "https://shop.example.com/hook", "events": ["message.sent"]}


def _resource(
    rule: str,
    make: Callable[[], dict[str, int]],
    type_: str,
    creation: tuple[Any, str, dict[str, list[Any]]],
    change: tuple[Any, str, dict[str, list[Any]]],
    deletion: tuple[str, dict[str, list[Any]]],
) -> Iterator[Change]:
    body, *about = creation
    yield Change("POST", rule, make, body, "create", type_, *about, status=201)
    body, *about = change
    for method in ("PATCH", "POST"):
        yield Change(method, f"{rule}/<id:id>", make, body, "change", type_, *about)
    yield Change("DELETE", f"{rule}/<id:id>", make, None, "delete", type_, *deletion, status=204)


CHANGES = [
    *_resource(
        SMS,
        sms_notifier,
        "sms_notifier",
        (
            NOTIFIER,
            "one",
            {
                "name": [None, "one"],
                "backend": [None, "melipayamak"],
                "settings": [None, {"token": HIDDEN, "number": "50002", "x": HIDDEN}],
            },
        ),
        (
            {"name": "new", "settings": {"token": TOKEN, "from_number": ippanel.LINE, "max_per_second": 2}},
            "new",
            {
                "name": ["main", "new"],
                "settings": [{"token": HIDDEN}, {"token": HIDDEN, "max_per_second": 2}],
            },
        ),
        ("main", {"name": ["main", None], "backend": ["ippanel", None], "settings": [HIDDEN, None]}),
    ),
    *_resource(
        EMAIL,
        email_notifier,
        "email_notifier",
        (
            MAIL,
            "mail",
            {
                **{name: [None, value] for name, value in MAIL.items()},
                "password": [None, HIDDEN],
                "use_tls": [None, True],
                "use_ssl": [None, False],
                "fail_silently": [None, False],
            },
        ),
        (
            {"password": PASSWORD, "port": None, "host": "mail.example.com"},
            "mail",
            {"password": [HIDDEN, HIDDEN], "port": [587, None]},
        ),
        (
            "mail",
            {
                "name": ["mail", None],
                "host": ["mail.example.com", None],
                "port": [587, None],
                "username": ["info", None],
                "password": [HIDDEN, None],
                "from_email": ["info@example.com", None],
                "use_tls": [True, None],
                "use_ssl": [False, None],
                "fail_silently": [False, None],
            },
        ),
    ),
    *_resource(
        f"{SMS}/<id:notifier_id>/patterns",
        sms_pattern,
        "sms_pattern",
        (
            {"name": "n", "code": "8", "body": "b"},
            "n",
            {"status": [None, "created"], "name": [None, "n"], "code": [None, "8"], "body": [None, "b"]},
        ),
        (
            {"status": "approved", "body": "x" * 2000},
            "otp",
            {"status": ["created", "approved"], "body": ["{0}", "x" * 999 + "…"]},
        ),
        ("otp", {name: [value, None] for name, value in _PATTERN.items()}),
    ),
    *_resource(
        f"{EMAIL}/<id:notifier_id>/patterns",
        email_pattern,
        "email_pattern",
        (
            {"name": "n", "subject": "s", "body_text": "t"},
            "n",
            {"name": [None, "n"], "subject": [None, "s"], "body_text": [None, "t"]},
        ),
        ({"body_html": "<p>h</p>"}, "order", {"body_html": [None, "<p>h</p>"]}),
        ("order", {"name": ["order", None], "subject": ["S", None], "body_text": ["T", None]}),
    ),
    *_resource(
        WEBHOOKS,
        webhook,
        "webhook",
        (
            HOOK,
            HOOK["url"],
            {
                "url": [None, HOOK["url"]],
                "events": [None, ["message.sent"]],
                "is_active": [None, True],
                "secret": [None, HIDDEN],
            },
        ),
        ({"is_active": False}, "https://shop.example.com/", {"is_active": [True, False]}),
        (
            "https://shop.example.com/",
            {
                "url": ["https://shop.example.com/", None],
                "events": [["message.sent"], None],
                "is_active": [True, None],
                "secret": [HIDDEN, None],
            },
        ),
    ),
    *_resource(
        USERS,
        user,
        "user",
        (
            {"name": "new", "role": "staff", "permissions": [7812, 7811]},
            "new",
            {
                "name": [None, "new"],
                "role": [None, "staff"],
                "permissions": [None, [7811, 7812]],
                "is_active": [None, True],
            },
        ),
        (
            {"permissions": [7812], "is_active": False, "role": "staff"},
            "shop",
            {"permissions": [[7811], [7812]], "is_active": [True, False]},
        ),
        (
            "shop",
            {
                "name": ["shop", None],
                "role": ["staff", None],
                "permissions": [[7811], None],
                "is_active": [True, None],
            },
        ),
    ),
    *(
        Change("PATCH", f"{SETTINGS}/{url}", nothing, body, "change", f"{type_}_settings", None, changes)
        for url, type_, body, changes in (
            (
                "notifications",
                "notification",
                {"notifications_otp_ttl": 60},
                {"notifications_otp_ttl": [120, 60]},
            ),
            (
                "delivery",
                "delivery",
                {"retry_delays": [1], "audit_days": 365},
                {"retry_delays": [[5, 30, 120, 600], [1]]},
            ),
            ("otp", "otp", {"otp_max_attempts": 6}, {"otp_max_attempts": [5, 6]}),
        )
    ),
    Change(
        "POST",
        f"{MESSAGES}/<id:id>/cancel",
        queued,
        None,
        "cancel",
        "message",
        None,
        {"status": ["queued", "cancelled"]},
    ),
    Change(
        "POST", f"{BATCHES}/<id:batch>/cancel", queued, None, "cancel", "batch", None, {"changed": [None, 1]}
    ),
    Change(
        "POST",
        f"{MESSAGES}/<id:id>/retry",
        failed,
        None,
        "retry",
        "message",
        None,
        {"status": ["failed", "queued"]},
    ),
    Change(
        "POST", f"{BATCHES}/<id:batch>/retry", failed, None, "retry", "batch", None, {"changed": [None, 1]}
    ),
    Change("POST", f"{SMS}/<id:id>/check", sms_notifier, None, "check", "sms_notifier", "main", {}),
    Change("POST", f"{EMAIL}/<id:id>/check", email_notifier, None, "check", "email_notifier", "mail", {}),
    Change(
        "POST", f"{SMS}/<id:notifier_id>/patterns/sync", sms_pattern, None, "sync", "sms_notifier", "main", {}
    ),
    Change(
        "POST",
        f"{WEBHOOKS}/<id:id>/rotate-secret",
        webhook,
        None,
        "rotate",
        "webhook",
        "https://shop.example.com/",
        {"secret": [HIDDEN, HIDDEN]},
    ),
    Change(
        "POST",
        f"{USERS}/<id:id>/tokens",
        user,
        {"label": "site", "test": True},
        "issue",
        "token",
        "site",
        {"user": [None, "shop"], "label": [None, "site"], "test": [None, True]},
        201,
    ),
    Change("DELETE", f"{USERS}/<id:id>/tokens/<id:token_id>", user, None, "revoke", "token", "old", {}, 204),
]
"""What is tried of every operation that is audited."""

NO_CHANGES = {
    ("POST", MESSAGES): {"channel": "sms", "to": "09121112233", "text": "t"},
    ("POST", f"{MESSAGES}/bulk"): {"messages": [{"channel": "sms", "to": "09121112233", "text": "t"}]},
    ("POST", f"{MESSAGES}/preview"): {"channel": "sms", "to": "09121112233", "text": "t"},
    ("POST", OTP): {"channel": "sms", "to": "09121112233"},
    ("POST", f"{OTP}/verify"): {"id": 1, "code": "00000"},
    ("POST", f"{OTP}/<id:id>/cancel"): None,
    ("POST", f"{WEBHOOKS}/<id:id>/test"): None,
    ("POST", f"{WEBHOOKS}/<id:id>/recover"): {"since": "2020-01-01T00:00:00Z"},
    ("POST", f"{WEBHOOKS}/<id:id>/deliveries/<id:delivery_id>/redeliver"): None,
}
"""The operations that send messages, codes and deliveries, and nothing else."""

each = pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.method} {change.rule}")


def place(rule: str, ids: dict[str, int]) -> str:
    for name, id_ in ids.items():
        rule = rule.replace(f"<id:{name}>", str(id_))
    return rule


def test_every_operation_is_audited_or_changes_nothing(app: Flask) -> None:
    """A new operation belongs into CHANGES, or into NO_CHANGES. The console's pages call these operations."""
    operations = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith("/console")
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    tried = {(change.method, change.rule.replace("<id:batch>", "<id:id>")) for change in CHANGES}
    assert operations == tried | NO_CHANGES.keys()
    assert not tried & NO_CHANGES.keys()


def test_every_type_is_changed_by_some_operation() -> None:
    assert {change.type for change in CHANGES} == set(TYPES.values())


@each
def test_a_change_leaves_one_entry(api: Api, app: Flask, change: Change) -> None:
    ids = made(app, change)
    url = place(change.rule, ids)
    answer = api.call(change.method, url, change.body, headers={"X-Request-ID": "a-request-id"})
    assert answer.status == change.status, answer.json
    (entry,) = entries(api)
    found = entry["changes"]
    if change.type == "token":
        found = {name: pair for name, pair in found.items() if name in change.changes}
    named = (change.action, change.type, object_id(change, ids, answer), change.name)
    assert brief({**entry, "changes": found}) == (*named, change.changes)
    assert (entry["actor"], entry["token"]) == (api.get("/api/me").json["name"], str(api.token)[:8])
    assert entry["request_id"] == "a-request-id"


def made(app: Flask, change: Change) -> dict[str, int]:
    with app.app_context():
        ids = change.make()
        db.session.remove()
    return ids


def object_id(change: Change, ids: dict[str, int], answer: Answer) -> int | None:
    """Return the id of the object that a change is about."""
    if change.action in {"create", "issue"}:
        return int(answer.json["id"])
    if change.action == "sync":
        return ids["notifier_id"]
    return ids.get({"batch": "batch", "token": "token_id"}.get(change.type, "id"))


@each
def test_a_refused_request_leaves_none(
    api: Api, app: Flask, anonymous: Api, staff: Callable[..., Api], change: Change
) -> None:
    ids = made(app, change)
    url = place(change.rule, ids)
    missing = place(change.rule, dict.fromkeys(ids, 99))
    assert anonymous.call(change.method, url, change.body).status == 401
    assert staff(7821).call(change.method, url, change.body).status == 403
    if missing != url:
        assert api.call(change.method, missing, change.body).status == 404
    if change.body:
        wrong = api.call(change.method, url, {name: {"wrong": []} for name in change.body})
        assert wrong.status == 400, wrong.json
    if "retry" in url or "cancel" in url:
        with app.app_context():
            ids = message(MessageStatus.SENT)
        api.call(change.method, place(change.rule, ids))
    assert entries(api) == []


@pytest.mark.parametrize(
    "change", [change for change in CHANGES if change.method == "PATCH"], ids=lambda change: change.rule
)
def test_a_change_of_nothing_leaves_none(api: Api, app: Flask, change: Change) -> None:
    url = place(change.rule, made(app, change))
    assert api.patch(url, {}).status == 200
    assert entries(api) == []
    assert api.patch(url, change.body).status == 200
    again = api.patch(url, change.body)
    assert (again.status, len(entries(api))) == (200, 1)


def test_sending_and_reading_leave_none(api: Api, app: Flask) -> None:
    with app.app_context():
        notifier, hook = SMSNotifierFactory(settings={"token": TOKEN, "number": "50002"}).id, webhook()
        db.session.remove()
    assert api.patch(f"{SETTINGS}/notifications", {"notifications_sms_notifier": notifier}).status == 200
    before = entries(api)
    ids = hook
    for (method, rule), body in NO_CHANGES.items():
        answer = api.call(method, place(rule, ids), body)
        assert answer.status < 300, (rule, answer.json)
        ids = {"id": answer.json["id"]} if rule == OTP else hook if rule == f"{OTP}/<id:id>/cancel" else ids
    for url in (SMS, EMAIL, MESSAGES, WEBHOOKS, USERS, AUDIT, f"{SETTINGS}/otp", f"{SMS}/{notifier}"):
        assert api.get(url).status == 200
    assert entries(api) == before


def test_a_token_that_is_issued_is_known_by_its_prefix_alone(api: Api, app: Flask) -> None:
    with app.app_context():
        ids = user()
    made = api.post(f"{USERS}/{ids['id']}/tokens", {"expires_in_days": 1}).json
    (entry,) = entries(api)
    assert entry["object"] == {"type": "token", "id": made["id"], "name": made["prefix"]}
    assert entry["changes"] == {
        "user": [None, "shop"],
        "prefix": [None, made["prefix"]],
        "test": [None, False],
        "expires_at": [None, made["expires_at"]],
    }
    assert api.delete(f"{USERS}/{ids['id']}/tokens/{made['id']}").status == 204
    assert list(entries(api)[1]["changes"]) == ["revoked_at"]


def test_a_sync_is_told_with_each_pattern_that_it_creates_and_changes(api: Api, app: Flask) -> None:
    with app.app_context():
        notifier = sms_notifier()["id"]
        ours = SMSPatternFactory(notifier_id=notifier, code="simulatedotp001", name="ours").id
        db.session.remove()
    url = f"{SMS}/{notifier}/patterns/sync?create=true"
    assert api.post(url).json == {"created": 3, "updated": 1, "unchanged": 0, "unknown": 0}
    sync, *created, changed = entries(api)
    assert brief(sync) == (
        *("sync", "sms_notifier", notifier, "main"),
        {"created": [None, 3], "updated": [None, 1]},
    )
    assert {entry["object"]["name"] for entry in created} == {"hello", "rejected", "waiting"}
    assert {(entry["action"], entry["object"]["type"]) for entry in created} == {("create", "sms_pattern")}
    assert created[0]["changes"]["code"] == [None, "simulatedhello1"]
    assert brief(changed) == ("change", "sms_pattern", ours, "ours", {"status": ["created", "approved"]})
    assert api.post(url).json["unchanged"] == 4
    assert brief(entries(api)[-1]) == ("sync", "sms_notifier", notifier, "main", {})
