"""What seeding says that it changes, and would change."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.text.secret_names import HIDDEN
from notifyhub.webhooks.models import Event
from tests.seeding.rows import OTHER_SECRET, PASSWORD, SECRET, TOKEN, Seed, rows, said
from tests.support.environment import slow_on_sqlite
from tests.support.factories import SMSNotifierFactory, SMSPatternFactory, WebhookFactory
from tests.webhooks.rows import deliveries

MAIL = """\
email:
- name: mail
  host: {host}
  port: {port}
  username: {username}
  password: {password}
  from_email: A <a@example.com>
  patterns:
  - {{name: "order\\nsent", subject: {subject}, body_text: "{{0}}", body_html: {html}}}
"""
FIRST: dict[str, Any] = {
    "host": "a.example.com",
    "port": 25,
    "username": "info",
    "password": "a-password",
    "subject": "Order",
    "html": "<p>",
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"host": "b.example.com"}, 'mail: host ("a.example.com" → "b.example.com") changed'),
        ({"port": "null"}, "mail: port (25 → null) changed"),
        ({"password": "another"}, "mail: password changed"),
        ({"port": 26, "password": "x"}, "mail: port (25 → 26), password changed"),
        ({"username": "${SMTP_PASSWORD}"}, "mail: username changed"),
        ({"host": f"{'long.' * 20}example.com"}, "mail: host changed"),
        ({"subject": "سفارش"}, 'subject ("Order" → "سفارش") changed'),
        ({"html": "<b>"}, "body_html changed"),
    ],
)
def test_a_line_names_the_fields_with_what_is_short_and_no_secret(
    seed: Seed, change: dict[str, Any], expected: str
) -> None:
    assert said(seed(MAIL.format_map(FIRST)))[:2] == [
        "email notifier mail: created",
        'email pattern "order\\nsent" of mail: created',
    ]
    would = said(seed(MAIL.format_map(FIRST | change), "--dry-run"))
    lines = said(seed(MAIL.format_map(FIRST | change)))
    assert len(lines) == 3
    assert lines[0].endswith(expected)
    assert would[0] == lines[0].removesuffix("changed") + "would change"


def test_where_alerts_go_is_told_unless_the_environment_says_it(seed: Seed) -> None:
    assert said(seed("delivery: {alert_email: ops@example.com}"))[0] == (
        'delivery settings: alert_email (null → "ops@example.com") changed'
    )
    assert said(seed('delivery: {alert_email: "b+${SMTP_PASSWORD}@example.com"}'))[0] == (
        "delivery settings: alert_email changed"
    )


def test_of_settings_of_providers_the_keys_are_named(seed: Seed) -> None:
    text = "sms: [{name: a, backend: melipayamak, settings: {%s}}]"
    said(seed(text % f"token: {TOKEN}, number: '50001'"))
    assert said(seed(text % "token: another-token-of-it, max_per_second: 5"))[0] == (
        "SMS notifier a: settings.max_per_second, settings.number, settings.token changed"
    )
    null = text % 'token: another-token-of-it, max_per_second: 5, "more\\nof it": null'
    assert said(seed(null))[0] == 'SMS notifier a: "settings.more\\nof it" changed'
    assert said(seed(null)) == ["SMS notifier: 0 created, 0 updated, 1 unchanged"]


def test_no_secret_is_said(seed: Seed) -> None:
    text = f"""
sms: [{{name: a, backend: melipayamak, settings: {{token: "%s"}}}}]
webhooks: [{{url: "https://hooks.example.com", events: [message.sent], secret: "%s"}}]
{MAIL.format_map(FIRST | {"password": '"%s"'})}
"""
    first, second = (TOKEN, SECRET, PASSWORD), ("another-token-of-it", OTHER_SECRET, "another-password")
    for secrets in (first, second, (*second[:1], "whsec_", *second[2:])):
        for options in (["--dry-run"], []):
            output = seed(text % secrets, *options).output
            assert output
            for secret in (*first, *second):
                assert secret not in output


def test_of_a_webhook_s_url_no_value_of_its_query_is_said(seed: Seed) -> None:
    text = f"""
webhooks: [{{url: "https://hooks.example.com/a?key=hunter2", events: [message.sent], secret: "{SECRET}"}}]
"""
    for options, outcome in ((["--dry-run"], "would be created"), ([], "created")):
        assert said(seed(text, *options))[0] == f"webhook https://hooks.example.com/a?key={HIDDEN}: {outcome}"
    changed = seed(text.replace("message.sent", "message.failed"))
    assert said(changed)[0].startswith(f"webhook https://hooks.example.com/a?key={HIDDEN}: events (")


def test_a_dry_run_writes_nothing_and_sends_no_event(seed: Seed, app: Flask) -> None:
    with app.app_context():
        WebhookFactory()
        SMSPatternFactory(notifier_id=SMSNotifierFactory(name="a").id, name="p", code="1", status="pending")
    before = rows(app)
    text = f"""
sms:
- name: a
  backend: melipayamak
  patterns: [{{name: p, code: "1", body: "Your login code is {{0}}", status: approved}}]
- {{name: new, backend: ippanel}}
settings: {{notifications_sms_notifier: new}}
webhooks: [{{url: "https://hooks.example.com", events: [message.sent], secret: "{SECRET}"}}]
"""
    assert said(seed(text, "--dry-run")) == [
        'SMS pattern p of a: status ("pending" → "approved") would change',
        "SMS notifier new: would be created",
        'settings: notifications_sms_notifier (null → "new") would change',
        "webhook https://hooks.example.com: would be created",
        "SMS notifier: 1 would be created, 0 would be updated, 1 unchanged",
        "SMS pattern: 0 would be created, 1 would be updated, 0 unchanged",
        "settings: 0 would be created, 1 would be updated, 0 unchanged",
        "webhook: 1 would be created, 0 would be updated, 0 unchanged",
    ]
    assert rows(app) == before
    with app.app_context():
        assert deliveries() == []


NAMES = ("a", "b c", "پیامک\u200cها", "line\nend")
_text = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="$"), min_size=1, max_size=80)
_secret = st.sampled_from((SECRET, OTHER_SECRET))


def _entries(key: str, values: Any, **others: Any) -> Any:
    """Return a strategy for a list of objects, each of another name."""
    entry = st.fixed_dictionaries({key: values, **others})
    return st.lists(entry, unique_by=lambda each: each[key], max_size=3)


def _optional(strategy: Any, **optional: Any) -> Any:
    return st.builds(lambda first, more: first | more, strategy, st.fixed_dictionaries({}, optional=optional))


_name = st.sampled_from(NAMES)
_line = _text.map(lambda text: text[:40])
_sms_patterns = _entries(
    "name", _name, code=_line, body=_text, status=st.sampled_from(["created", "approved", "rejected"])
)
_email_patterns = _entries(
    "name", _name, subject=_line, body_text=_text, body_html=st.none() | _text, description=st.none() | _text
)
_sms = _entries(
    "name",
    _name,
    backend=st.just("melipayamak"),
    settings=st.just({}) | st.fixed_dictionaries({"token": _text, "max_per_second": st.integers(1, 9)}),
    patterns=_sms_patterns,
)
_email = _entries(
    "name",
    _name,
    host=st.sampled_from(["a.example.com", "b.example.com"]),
    port=st.none() | st.integers(1, 65535),
    username=st.just("") | _line,
    password=st.just("") | _text,
    from_email=st.sampled_from(["a@example.com", "A <a@example.com>"]),
    use_tls=st.booleans(),
    patterns=_email_patterns,
)
_webhooks = _entries(
    "url",
    st.sampled_from(["https://a.example.com", "https://b.example.com/x"]),
    events=st.lists(st.sampled_from(list(Event)), unique=True, min_size=1),
    is_active=st.booleans(),
    secret=_secret,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return a file without a mistake: what it names is in it."""
    sms, email = draw(_sms), draw(_email)
    document: dict[str, Any] = {"sms": sms, "email": email, "webhooks": draw(_webhooks)}
    names = [each["name"] for each in sms], [each["name"] for each in email]
    document["delivery"] = {
        "sms_backup_notifiers": draw(st.permutations(names[0])),
        "email_backup_notifiers": draw(st.permutations(names[1])),
        "max_attempts": draw(st.integers(1, 50)),
    }
    subject = draw(_line.map(lambda text: text.translate({ord(mark): "-" for mark in "{}•"})))
    document["otp"] = {"otp_max_attempts": draw(st.integers(1, 20)), "otp_email_subject": subject}
    if sms:
        default = draw(st.sampled_from(sms))
        document.setdefault("settings", {})["notifications_sms_notifier"] = default["name"]
        patterns = [each["name"] for each in default["patterns"]]
        document["otp"]["otp_sms_pattern"] = draw(st.sampled_from([None, *patterns]))
    if email:
        default = draw(st.sampled_from(email))
        document.setdefault("settings", {})["notifications_email_notifier"] = default["name"]
        patterns = [each["name"] for each in default["patterns"]]
        document["otp"]["otp_email_pattern"] = draw(st.sampled_from([None, *patterns]))
    kept = draw(st.sets(st.sampled_from(sorted(document)), min_size=1))
    if not {"sms", "email", "settings"} <= kept | ({"settings"} - document.keys()):
        kept -= {"settings", "delivery", "otp"}
    return {key: value for key, value in document.items() if key in kept}


@slow_on_sqlite
@given(documents())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_dry_run_says_what_the_run_says_and_a_second_run_changes_nothing(
    app: Flask, document: dict[str, Any]
) -> None:
    text = json.dumps(document)

    def lines(*options: str) -> list[str]:
        return said(app.test_cli_runner().invoke(args=["notifiers", "seed", "-", *options], input=text))

    before = rows(app)
    would = lines("--dry-run")
    assert rows(app) == before
    done = lines()
    words = [re.sub("would be (created|updated)", r"\1", line) for line in would]
    assert [re.sub("would change$", "changed", line) for line in words] == done
    after = rows(app)
    again = lines()
    assert rows(app) == after
    assert all(re.fullmatch(r"[\w ]+: 0 created, 0 updated, \d+ unchanged", line) for line in again)
    assert lines("--dry-run") == [
        line.replace("created", "would be created").replace("updated", "would be updated") for line in again
    ]
