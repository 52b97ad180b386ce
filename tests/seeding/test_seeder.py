"""What seeding makes of the database: webhooks, email patterns, events; and several processes that do it."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.database.base import now
from notifyhub.database.connections import orm_session
from notifyhub.extensions import db
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.seeding import document, seeder
from notifyhub.seeding.mistakes import Mistakes
from notifyhub.webhooks.models import Event, Webhook
from tests.seeding.rows import MODELS, OTHER_SECRET, SECRET, Seed, only, refusal, rows, said
from tests.support.clients import Api
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory, WebhookFactory
from tests.webhooks.rows import deliveries

FILE = b"sms: [{name: a, backend: ippanel, patterns: [{name: p, code: 1, body: b}]}]"


def test_what_several_processes_seed_together_is_made_once(app: Flask) -> None:
    def seed(_: int) -> Counter[str]:
        mistakes = Mistakes("seed.yaml")
        root = document.read(FILE, {}, mistakes)
        with app.app_context(), orm_session() as session:
            counts = seeder.seed(session, root, mistakes).counts
            mistakes.raise_first()
        return counts["SMS notifier"] + counts["SMS pattern"]

    with ThreadPoolExecutor(4) as pool:
        outcomes = sum(pool.map(seed, range(8)), Counter())
    assert outcomes == {"created": 2, "unchanged": 14}
    with app.app_context():
        for model in (SMSNotifier, SMSPattern):
            assert db.session.scalar(select(func.count()).select_from(model)) == 1


URL = "https://hooks.example.com/a"
EVENTS = "[message.sent, pattern.status_changed]"
HOOKS = f"""\
webhooks:
- url: {URL}
  events: {EVENTS}
"""


def test_a_webhook_is_found_again_by_its_url_and_its_secret_rotates(seed: Seed, app: Flask) -> None:
    text = HOOKS + '  secret: "${WEBHOOK_SECRET}"\n'
    assert said(seed(text))[0] == "webhook https://hooks.example.com/a: created"
    made = only(app, Webhook)
    assert made["secret"] == {"current": SECRET, "earlier": []}
    assert (made["is_active"], made["events"]) == (True, ["message.sent", "pattern.status_changed"])
    unchanged = ["webhook: 0 created, 0 updated, 1 unchanged"]
    assert said(seed(text)) == unchanged
    assert said(seed(HOOKS)) == unchanged, "of a webhook that is there the secret may be left out"
    assert only(app, Webhook) == made
    assert said(seed(HOOKS + f"  secret: {OTHER_SECRET}\n"))[0].endswith(": secret changed")
    rotated = only(app, Webhook)["secret"]
    assert rotated["current"] == OTHER_SECRET
    assert [secret for secret, _ in rotated["earlier"]] == [SECRET]
    assert said(seed(HOOKS + f"  secret: {OTHER_SECRET}\n")) == unchanged
    assert said(seed(text))[0].endswith(": secret changed")
    assert [secret for secret, _ in only(app, Webhook)["secret"]["earlier"]] == [OTHER_SECRET]
    assert said(seed(HOOKS.replace(EVENTS, "[otp.verified]")))[0] == (
        "webhook https://hooks.example.com/a: events"
        ' (["message.sent", "pattern.status_changed"] → ["otp.verified"]) changed'
    )


def test_a_disabled_webhook_is_revived_only_where_the_file_says_so(seed: Seed, app: Flask) -> None:
    failing = {"failing_since": now(), "url": URL}
    with app.app_context():
        WebhookFactory(is_active=False, disabled_reason="It is gone.", **failing)
    text = HOOKS.replace(EVENTS, str([str(event) for event in Event]))
    before = only(app, Webhook)
    assert said(seed(text)) == ["webhook: 0 created, 0 updated, 1 unchanged"]
    assert only(app, Webhook) == before
    assert said(seed(text + "  is_active: true\n"))[0].endswith(": is_active (false → true) changed")
    revived = only(app, Webhook)
    assert (revived["is_active"], revived["disabled_reason"], revived["failing_since"]) == (True, None, None)
    assert said(seed(text + "  is_active: false\n"))[0].endswith(": is_active (true → false) changed")


def test_the_failures_of_an_active_webhook_are_not_forgotten(seed: Seed, app: Flask) -> None:
    with app.app_context():
        WebhookFactory(url=URL, events=["otp.verified"], failing_since=now())
    before = only(app, Webhook)
    text = "webhooks: [{url: https://hooks.example.com/a, events: [otp.verified], is_active: true}]"
    assert said(seed(text)) == ["webhook: 0 created, 0 updated, 1 unchanged"]
    assert only(app, Webhook) == before


GIVEN = HOOKS + f"  secret: {SECRET}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HOOKS, "2: secret: A new webhook needs one: whsec_ and random base64."),
        (HOOKS + "  secret: hunter2-hunter2\n", "4: secret: Not a secret of Standard Webhooks"),
        (HOOKS + "  secret: whsec_aHVudGVyMg==\n", "4: secret: Not a secret of Standard Webhooks"),
        (HOOKS + "  secret: ''\n", "4: secret: This field may not be blank."),
        (HOOKS + "  secret: null\n", "4: secret: This field may not be null."),
        (GIVEN.replace(URL, "http://hooks.example.com/a"), "2: url: Only https is"),
        (
            GIVEN.replace(URL, "https://127.0.0.1"),
            "2: url: Its address is not public",
        ),
        (
            GIVEN.replace(EVENTS, "\n  - otp.verified\n  - x"),
            '5: events.1: "x"',
        ),
        (
            GIVEN.replace(EVENTS, "[]"),
            "3: events: Ensure this field has at",
        ),
        (
            GIVEN + "  enabled: true\n",
            "5: enabled: This key is not known here; known are events, is_",
        ),
        (GIVEN + "  disabled_reason: x\n", "5: disabled_reason: This key is not known here"),
        (GIVEN + GIVEN.removeprefix("webhooks:\n"), "5: url: The webhook in line 2 has this url too."),
        (HOOKS.replace("/a", "/twin"), "2: url: 2 webhooks have this url."),
        ("webhooks: {url: x}\n", "1: webhooks: A list is expected here."),
        ("webhooks:\n- url: x\n  events: []\n", "2: url: Enter a valid URL."),
        (
            (
                "email:\n- {name: m, host: h.example.com, username: '', password: '', from_email: a@b.co,\n"
                '   patterns: [{name: p, body_text: x,\n     subject: "a\\nb"}]}\n'
            ),
            "4: subject: Line ends and control characters are not allowed.",
        ),
        (
            (
                "email:\n- {name: m, host: h.example.com, username: '', password: '', from_email: a@b.co,\n"
                "   patterns: [{name: p, subject: x}]}\n"
            ),
            "3: body_text: This field is required.",
        ),
        (
            (
                "email:\n- {name: m, host: h.example.com, username: '', password: '', from_email: a@b.co,\n"
                "   patterns: [{name: p, code: 1, subject: x, body_text: x}]}\n"
            ),
            "3: code: This key is not known here",
        ),
    ],
)
def test_nothing_is_seeded_of_a_wrong_file(seed: Seed, app: Flask, text: str, expected: str) -> None:
    with app.app_context():
        WebhookFactory.create_batch(2, url="https://hooks.example.com/twin")
    before = rows(app)
    for options in ([], ["--dry-run"]):
        words = refusal(seed(text, *options))
        assert words.startswith(f"seed.yaml:{expected}")
        assert "hunter2" not in words
    assert rows(app) == before


def test_a_pattern_s_change_is_published_as_the_api_s_is(
    seed: Seed, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueued: list[int] = []
    monkeypatch.setattr("notifyhub.webhooks.subscribers.enqueue", enqueued.extend)
    with app.app_context():
        WebhookFactory(events=[Event.PATTERN_STATUS_CHANGED])
        SMSPatternFactory(notifier_id=SMSNotifierFactory(name="a").id, name="p", code="1", status="pending")
    text = """
sms:
- name: a
  backend: melipayamak
  patterns: [{name: p, code: 1, body: "Your login code is {0}", status: %s}]
"""
    said(seed(text % "pending"))
    said(seed(text % "approved", "--dry-run"))
    refusal(seed(text % "approved" + "settings: {x: 1}"))
    assert enqueued == []
    said(seed(text % "approved"))
    with app.app_context():
        (delivery,) = deliveries()
        assert (delivery.event, json.loads(delivery.data)["status"]) == ("pattern.status_changed", "approved")
        assert "test" not in json.loads(delivery.data)
        assert enqueued == [delivery.id]


def test_email_patterns_are_told_apart_by_their_notifiers(seed: Seed, app: Flask) -> None:
    mail = '{{name: {0}, host: h, username: "", password: "", from_email: a@b.co, patterns: [{1}]}}'
    pattern = "{{name: p, subject: {}, body_text: x}}"
    said(seed(f"email:\n- {mail.format('a', pattern.format(1))}\n- {mail.format('b', pattern.format(2))}\n"))
    assert [row["subject"] for row in rows(app)[MODELS.index(EmailPattern)]] == ["1", "2"]
    assert said(seed(f"email:\n- {mail.format('b', pattern.format(3))}\n"))[0] == (
        'email pattern p of b: subject ("2" → "3") changed'
    )


@pytest.mark.parametrize(
    ("text", "url", "body"),
    [
        ("sms: [{name: a, backend: ippanel}]", "/api/notifications/notifiers/sms/{sms}", {"name": "b"}),
        (HOOKS, "/api/notifications/webhooks/{webhook}", {"is_active": False}),
        ("delivery: {max_attempts: 5}", "/api/settings/delivery", {"max_attempts": 9}),
        ("otp: {otp_max_attempts: 5}", "/api/settings/otp", {"otp_max_attempts": 9}),
    ],
)
def test_what_a_file_names_is_changed_by_nobody_else_meanwhile(
    app: Flask, api: Api, text: str, url: str, body: dict[str, Any]
) -> None:
    with app.app_context():
        ids = {"sms": SMSNotifierFactory(name="a", backend="ippanel", settings={}).id}
        ids["webhook"] = WebhookFactory(url=URL).id
    mistakes = Mistakes("seed.yaml")
    root = document.read(text.encode(), {}, mistakes)
    with ThreadPoolExecutor(1) as pool:
        with app.app_context(), orm_session() as session:
            seeder.seed(session, root, mistakes)
            change = pool.submit(api.patch, url.format_map(ids), body)
            with pytest.raises(TimeoutError):
                change.result(timeout=0.3)
        assert change.result(timeout=10).status == 200
    mistakes.raise_first()
