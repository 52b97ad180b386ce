"""Pages of the settings: what they show, take and send."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from notifyhub.auth.models import Role
from tests.support.clients import Api
from tests.support.console import Console
from tests.support.environment import slow_on_postgresql
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

SignIn = Callable[..., Console]

API = {
    "notifications": "/api/settings/notifications",
    "delivery": "/api/settings/delivery",
    "otp": "/api/settings/otp",
}


def _changes(api: Api) -> Any:
    """What the last entry of the audit says has changed."""
    entry = api.get("/api/audit?action=change").json["results"][0]
    assert entry["via"] == "console"
    return entry["changes"]


def _entries(api: Api) -> int:
    return len(api.get("/api/audit?action=change").json["results"])


@pytest.mark.parametrize("part", API)
def test_a_form_that_is_sent_as_it_is_changes_nothing(api: Api, operator: Console, part: str) -> None:
    before, entries = api.get(API[part]).json, _entries(api)
    page = operator.submit(f"/settings/{part}", action=f"/console/settings/{part}")
    assert page.location == f"/console/settings/{part}"
    assert "The settings were saved." in operator.follow(page).text
    assert (api.get(API[part]).json, _entries(api)) == (before, entries)


def test_default_accounts_are_chosen_by_name(app: Flask, api: Api, operator: Console) -> None:
    with app.app_context():
        sms, email = SMSNotifierFactory(name="sms one").id, EmailNotifierFactory(name="mail one").id
    page = operator.get("/settings")
    assert page.all(".sections a[aria-current]") == ["Settings"]
    assert "sms one" in page.all("#notifications_sms_notifier option")
    values = {"notifications_sms_notifier": sms, "notifications_email_notifier": email}
    operator.submit("/settings/notifications", {**values, "notifications_otp_code_len": "۶"})
    stored = api.get(API["notifications"]).json
    assert stored["notifications_sms_notifier_data"] == {"id": sms, "name": "sms one"}
    assert stored["notifications_email_notifier_data"] == {"id": email, "name": "mail one"}
    assert stored["notifications_otp_code_len"] == 6
    assert set(_changes(api)) == {*values, "notifications_otp_code_len"}
    operator.submit("/settings/notifications", {"notifications_sms_notifier": ""})
    assert api.get(API["notifications"]).json["notifications_sms_notifier_data"] is None


def test_the_order_of_backups_is_that_of_their_places(app: Flask, api: Api, operator: Console) -> None:
    with app.app_context():
        one, two, three = (SMSNotifierFactory(name=name).id for name in ("one", "two", "three"))
    operator.submit("/settings/delivery", {"sms_backup_notifiers": [str(two), "", str(one), str(three)]})
    assert api.get(API["delivery"]).json["sms_backup_notifiers"] == [two, one, three]
    chosen = operator.get("/settings/delivery").all("#sms_backup_notifiers option[selected]")
    assert chosen == ["two", "one", "three", "–", "–", "–"]
    operator.submit("/settings/delivery", {"sms_backup_notifiers": ["", ""]})
    assert api.get(API["delivery"]).json["sms_backup_notifiers"] == []


def test_lists_take_one_entry_a_line_and_digits_of_any_script(api: Api, operator: Console) -> None:
    values = {"retry_delays": "۵\r\n 60 \r\n\r\n", "sms_countries": ["DE", "IR"], "credit_low": "۱۰۰۰٫۵"}
    operator.submit("/settings/delivery", {**values, "alert_email": "ops@example.com"})
    stored = api.get(API["delivery"]).json
    assert stored["retry_delays"] == [5, 60]
    assert stored["sms_countries"] == ["DE", "IR"]
    assert (stored["credit_low"], stored["alert_email"]) == (1000.5, "ops@example.com")
    operator.submit("/settings/delivery", {"credit_low": "", "alert_email": "", "sms_countries": [""]})
    stored = api.get(API["delivery"]).json
    assert (stored["credit_low"], stored["alert_email"], stored["sms_countries"]) == (None, None, [])


def test_only_what_was_changed_is_sent(api: Api, operator: Console) -> None:
    form = operator.get("/settings/delivery").form()
    api.patch(API["delivery"], {"retention_days": 30})
    box = {name: value for name, value in form.items() if name != "resend_uncertain"}
    assert operator.post("/settings/delivery", {**box, "max_attempts": "7"}).status == 302
    stored = api.get(API["delivery"]).json
    assert (stored["retention_days"], stored["max_attempts"], stored["resend_uncertain"]) == (30, 7, False)
    assert _changes(api) == {"max_attempts": [5, 7], "resend_uncertain": [True, False]}


BAD = [
    (
        "notifications",
        {"notifications_otp_code_len": "3"},
        "Ensure this value is greater than or equal to 4.",
    ),
    ("notifications", {"notifications_otp_ttl": "soon"}, "A valid integer is required."),
    ("notifications", {"notifications_otp_ttl": ""}, "This field may not be null."),
    ("notifications", {"notifications_sms_notifier": "99"}, 'Invalid pk "99" - object does not exist.'),
    ("delivery", {"max_attempts": "51"}, "Ensure this value is less than or equal to 50."),
    ("delivery", {"retry_delays": "5\n0"}, "Entry 2: Ensure this value is greater than or equal to 1."),
    ("delivery", {"retry_delays": ""}, "Ensure this field has at least 1 elements."),
    ("delivery", {"alert_email": "nobody"}, "Enter a valid email address."),
    ("delivery", {"credit_low": "little"}, "A valid number is required."),
    ("otp", {"otp_sms_text": "no code"}, "{code} is missing."),
    ("otp", {"otp_email_subject": "{name}"}, "{name} is not known here: use {code} and {minutes}."),
    ("otp", {"otp_resend_cooldown": "-1"}, "Ensure this value is greater than or equal to 0."),
]


@pytest.mark.parametrize(("part", "values", "words"), BAD)
def test_what_is_wrong_stands_at_its_field_and_is_kept(
    api: Api, operator: Console, part: str, values: dict[str, str], words: str
) -> None:
    before = api.get(API[part]).json
    page = operator.submit(f"/settings/{part}", values)
    ((name, value),) = values.items()
    assert page.status == 400
    assert page.all(f"#{name}-errors li") == [words]
    if name != "notifications_sms_notifier":
        assert page.form()[name] == value
    assert api.get(API[part]).json == before


def test_what_is_wrong_with_a_place_of_a_list_says_which(app: Flask, operator: Console) -> None:
    with app.app_context():
        one = SMSNotifierFactory().id
    page = operator.submit("/settings/delivery", {"sms_backup_notifiers": [str(one), str(one)]})
    assert page.status == 400
    assert page.all("#sms_backup_notifiers-errors li") == [f"Entry 2: {one} stands in this list already."]
    assert page.soup.select("fieldset.wrong")


def test_codes_go_by_a_pattern_that_is_chosen_by_name(app: Flask, api: Api, operator: Console) -> None:
    with app.app_context():
        account = SMSNotifierFactory(name="shop").id
        sms = SMSPatternFactory(notifier_id=account, name="otp", status="approved").id
        SMSPatternFactory(notifier_id=account, name="waiting", status="pending")
        mail = EmailPatternFactory(
            notifier_id=EmailNotifierFactory(name="mail").id, name="code", subject="s", body_text="{0}"
        ).id
    choices = operator.get("/settings/otp").all("#otp_sms_pattern option")
    assert choices == ["None: the text below", "shop › otp"]
    page = operator.submit("/settings/otp", {"otp_sms_pattern": sms, "otp_email_pattern": mail})
    assert page.status == 302
    stored = api.get(API["otp"]).json
    assert (stored["otp_sms_pattern"], stored["otp_email_pattern"]) == (sms, mail)
    assert "shop › otp" in operator.get("/settings/otp").all("#otp_sms_pattern option[selected]")


def test_seconds_are_said_in_words(operator: Console) -> None:
    text = operator.get("/settings/delivery").text
    assert "Now: 5 seconds · 30 seconds · 2 minutes · 10 minutes." in text
    assert "Now: 24 hours." in text or "Now: 1 day." in text


def test_who_may_see_the_settings_may_not_change_them(app: Flask, signed_in: SignIn) -> None:
    with app.app_context():
        SMSNotifierFactory(name="hidden account")
    viewer = signed_in(Role.STAFF, (1036,))
    page = viewer.get("/settings")
    assert "You may see the settings, not change them." in page.text
    assert page.all("main button") == []
    assert page.soup.select("main fieldset[disabled]")
    assert "hidden account" not in page.html
    assert "hidden account" not in viewer.get("/settings/delivery").html
    for part in API:
        assert viewer.post(f"/settings/{part}", {"max_attempts": "9"}).status == 403
    stranger = signed_in(Role.STAFF, (2812,))
    assert stranger.get("/settings").status == 403
    assert "Settings" not in stranger.get("").all(".sections a")


def test_names_are_text_whatever_they_hold(app: Flask, operator: Console) -> None:
    text = '"><img src=x onerror=alert(1)>'
    with app.app_context():
        account = SMSNotifierFactory(name=text).id
        SMSPatternFactory(notifier_id=account, name=text, status="approved")
    for part in API:
        page = operator.get(f"/settings/{part}")
        assert page.soup.select("img") == []
    assert text in operator.get("/settings").all("option")


def test_the_number_of_statements_does_not_grow_with_what_there_is(
    app: Flask, api: Api, operator: Console, queries: Queries
) -> None:
    with app.app_context():
        ids = [SMSNotifierFactory().id for _ in range(30)]
        for id_ in ids:
            SMSPatternFactory(notifier_id=id_, status="approved")
    api.patch(API["delivery"], {"sms_backup_notifiers": ids})
    for part in API:
        with queries as statements:
            assert operator.get(f"/settings/{part}").status == 200
        assert len(statements) <= 12, part


def test_the_pages_are_in_persian_too(operator: Console) -> None:
    operator.language = "fa"
    page = operator.get("/settings/delivery")
    assert page.all("h1") == ["تنظیمات"]
    assert "ایران" in page.all("#sms_countries option[selected]")
    page = operator.submit("/settings/delivery", {"retry_delays": "x"})
    assert page.all("#retry_delays-errors li") == ["مورد ۱: یک عدد صحیح معتبر لازم است."]


@pytest.mark.parametrize("typed", ["۱٬۲۳۴٬۵۶۷٫۵", "1,234,567.5", "1234567.5"])
def test_a_number_is_taken_as_pages_show_it(api: Api, operator: Console, typed: str) -> None:
    assert operator.submit("/settings/delivery", {"credit_low": typed}).status == 302
    assert api.get(API["delivery"]).json["credit_low"] == 1234567.5


def test_a_persian_sentence_runs_from_right_to_left_whatever_it_begins_with(operator: Console) -> None:
    values = {"otp_email_text": "no code", "otp_max_attempts": "0"}
    for language, direction in (("fa", "rtl"), ("en", "ltr")):
        operator.language = language
        lines = operator.submit("/settings/otp", values).soup.select("#otp_email_text-errors li")
        assert [line["dir"] for line in lines] == [direction], language
