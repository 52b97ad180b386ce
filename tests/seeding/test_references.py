"""Names in the settings of a seed file."""

import pytest
from flask import Flask
from marshmallow import Schema

from notifyhub.api.references import Reference, ReferenceList
from notifyhub.database.connections import orm_session
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.seeding.document import Node
from notifyhub.seeding.entries import EntryReader
from notifyhub.seeding.kinds import NAMED, SETTINGS
from notifyhub.seeding.mistakes import Mistake, Mistakes
from notifyhub.seeding.references import Names, References
from notifyhub.settings.models import DeliverySettings, OTPSettings
from notifyhub.settings.notification import notification_settings
from tests.seeding.rows import MODELS, Seed, only, refusal, rows, said
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)

SMS = """\
sms:
- {name: one, backend: ippanel, patterns: [{name: code, code: 1, body: "{0}"}]}
- {name: two, backend: ippanel, patterns: [{name: code, code: 2, body: "{0}"}]}
"""
EMAIL = """\
email:
- {name: mail, host: mail.example.com, username: "", password: "", from_email: a@example.com}
"""


def ids(app: Flask, model: type) -> dict[str, int]:
    return {row["name"]: row["id"] for row in rows(app)[MODELS.index(model)]}


def test_the_delivery_settings_name_notifiers_of_the_same_file(seed: Seed, app: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory(name="earlier")
    sections = "delivery: {sms_backup_notifiers: [two, earlier, one], email_backup_notifiers: [mail]}\n"
    lines = said(seed(sections + SMS + EMAIL))
    assert (
        'delivery settings: sms_backup_notifiers ([] → ["two", "earlier", "one"]),'
        ' email_backup_notifiers ([] → ["mail"]) changed'
    ) in lines
    sms, email = ids(app, SMSNotifier), ids(app, EmailNotifier)
    stored = only(app, DeliverySettings)
    assert stored["sms_backup_notifiers"] == [sms["two"], sms["earlier"], sms["one"]]
    assert stored["email_backup_notifiers"] == [email["mail"]]
    lines = said(seed("delivery: {sms_backup_notifiers: [one], max_attempts: 7, sms_countries: [ir, de]}"))
    assert lines[0] == (
        'delivery settings: sms_backup_notifiers (["two", "earlier", "one"] → ["one"]),'
        ' sms_countries (["IR"] → ["IR", "DE"]), max_attempts (5 → 7) changed'
    )
    assert only(app, DeliverySettings)["email_backup_notifiers"] == [email["mail"]]


@pytest.mark.parametrize("default", ["one", "two"])
def test_a_pattern_is_that_of_the_default_notifier_once_the_file_is_applied(
    seed: Seed, app: Flask, default: str
) -> None:
    said(seed(f"otp: {{otp_sms_pattern: code}}\nsettings: {{notifications_sms_notifier: {default}}}\n{SMS}"))
    pattern = only(app, OTPSettings)["sms_pattern_id"]
    belongs = {row["id"]: row["notifier_id"] for row in rows(app)[MODELS.index(SMSPattern)]}
    assert belongs[pattern] == ids(app, SMSNotifier)[default]
    assert said(seed("otp: {otp_sms_pattern: code, otp_max_attempts: 3}"))[0] == (
        "OTP settings: otp_max_attempts (5 → 3) changed"
    )
    assert said(seed("otp: {otp_sms_pattern: null}"))[0] == (
        f'OTP settings: otp_sms_pattern ("code of {default}" → null) changed'
    )
    assert only(app, OTPSettings)["sms_pattern_id"] is None


def test_a_pattern_that_gives_way_to_one_of_the_same_name_is_told_from_it(seed: Seed) -> None:
    otp = "otp: {otp_sms_pattern: code}\nsettings: {notifications_sms_notifier: "
    said(seed(f"{otp}one}}\n{SMS}"))
    assert said(seed(f"{otp}two}}"))[:2] == [
        'settings: notifications_sms_notifier ("one" → "two") changed',
        'OTP settings: otp_sms_pattern ("code of one" → "code of two") changed',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "delivery:\n  sms_backup_notifiers:\n  - a\n",
            "3: sms_backup_notifiers.0: There is no SMS notifier",
        ),
        (
            "delivery:\n  email_backup_notifiers: [a]\n",
            "2: email_backup_notifiers.0: There is no email notif",
        ),
        (
            "delivery:\n  sms_backup_notifiers:\n  - there\n  - twin\n",
            "4: sms_backup_notifiers.1: 2 SMS notif",
        ),
        (
            "delivery:\n  sms_backup_notifiers:\n  - there\n  - there\n",
            "4: sms_backup_notifiers.1: This SMS notifier stands in this list already.",
        ),
        ("delivery:\n  sms_backup_notifiers:\n  - {}\n", "3: sms_backup_notifiers.0: Not a valid string."),
        ("delivery:\n  sms_backup_notifiers: there\n", "2: sms_backup_notifiers: Expected a list of items"),
        ("delivery:\n  sms_backup_notifiers: null\n", "2: sms_backup_notifiers: This field may not be null."),
        (
            "delivery:\n  max_attempts: 0\n",
            "2: max_attempts: Ensure this value is greater than or equal to 1.",
        ),
        ("delivery:\n  retry_delays:\n  - 5\n  - 0\n", "4: retry_delays.1: Ensure this value"),
        ("delivery:\n  sms_countries: [IR, XX]\n", '2: sms_countries.1: "XX" is not the code of a country.'),
        ("delivery:\n  attempts: 1\n", "2: attempts: This key is not known here; known are alert_email, "),
        ("delivery: [1]\n", "1: A mapping is expected here"),
        ("otp:\n  otp_sms_pattern: code\n", "2: otp_sms_pattern: There is no default SMS notifier to have"),
        (
            "otp:\n  otp_sms_pattern: x\nsettings: {notifications_sms_notifier: there}\n",
            "2: otp_sms_pattern: There is no SMS pattern with this name at the default SMS notifier.",
        ),
        ("otp:\n  otp_sms_pattern: 5\n  otp_max_attempts: 1\n", "2: otp_sms_pattern: There is no default"),
        ("otp:\n  otp_sms_pattern: [5]\n", "2: otp_sms_pattern: Not a valid string."),
        ("otp:\n  otp_sms_text: no placeholder\n", "2: otp_sms_text: {code} is missing."),
        ("otp:\n  otp_sms_txt: x\n", "2: otp_sms_txt: This key is not known here"),
        # What follows from another mistake is none: the first one by its line is that.
        (
            "otp: {otp_sms_pattern: code}\nsettings:\n  notifications_sms_notifier: nowhere\n",
            "3: notifications_sms_notifier: There is no SMS notifier with this name.",
        ),
        (
            (
                "otp: {otp_sms_pattern: new}\nsettings: {notifications_sms_notifier: there}\nsms:\n"
                "- {name: there, backend: x, patterns: [{name: new, code: 1, body: x}]}\n"
            ),
            '4: backend: "x" is not a valid choice.',
        ),
        (
            (
                "otp: {otp_sms_pattern: new}\nsettings: {notifications_sms_notifier: there}\nsms:\n"
                "- {name: there, backend: ippanel, patterns: [{name: new, code: 1}]}\n"
            ),
            "4: body: This field is required.",
        ),
        (
            (
                "otp: {otp_sms_pattern: code}\nsettings:\n  notifications_otp_ttl: 5\n"
                "  notifications_sms_notifier: there\n"
            ),
            "3: notifications_otp_ttl: Ensure",
        ),
        (
            "delivery: {sms_backup_notifiers: [b]}\nsms:\n- {name: b, backend: x}\n",
            '3: backend: "x" is not a valid choice.',
        ),
    ],
)
def test_a_wrong_name_or_value_is_a_mistake_with_its_line(
    seed: Seed, app: Flask, text: str, expected: str
) -> None:
    with app.app_context():
        SMSNotifierFactory.create_batch(2, name="twin")
        EmailNotifierFactory(name="there")
        SMSPatternFactory(
            notifier_id=SMSNotifierFactory(name="there", backend="ippanel", settings={}).id, name="code"
        )
    before = rows(app)
    for options in ([], ["--dry-run"]):
        assert refusal(seed(text, *options)).startswith(f"seed.yaml:{expected}")
    assert rows(app) == before


def test_patterns_of_other_notifiers_than_the_default_one_are_not_found(seed: Seed) -> None:
    said(seed(SMS + "- {name: three, backend: ippanel}\nsettings: {notifications_sms_notifier: three}"))
    assert "There is no SMS pattern" in refusal(seed("otp: {otp_sms_pattern: code}"))


def test_whatever_the_settings_refer_to_is_given_by_name(app: Flask) -> None:
    for _, singleton in SETTINGS.values():
        for declared in singleton.request.fields.values():
            if isinstance(declared, Reference | ReferenceList):
                assert declared.model in NAMED


def test_a_setting_that_refers_to_an_email_pattern_needs_no_more_than_its_field(app: Flask) -> None:
    schema = Schema.from_dict({"pattern": Reference(EmailPattern, allow_none=True)})()
    section = Node(1, {"pattern": Node(2, "order")})
    mistakes = Mistakes("seed.yaml")
    with app.app_context(), orm_session() as session:
        notifier = EmailNotifierFactory()
        pattern = EmailPatternFactory(notifier_id=notifier.id, name="order")
        EmailPatternFactory(name="order")
        references = References(session, EntryReader(mistakes), Names())
        assert references.resolve(section, schema, {"pattern": "order"}) == {}
        notification_settings.locked(session).email_notifier_id = notifier.id
        assert references.resolve(section, schema, {"pattern": "order"}) == {"pattern": pattern.id}
    with pytest.raises(Mistake, match="2: pattern: There is no default email notifier"):
        mistakes.raise_first()
