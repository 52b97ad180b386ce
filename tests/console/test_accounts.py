"""Pages of accounts: what they show, what they take, and that no secret is in them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from marshmallow import Schema, fields, validate

from notifyhub.auth.models import Role
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.provider_settings import schema_of
from notifyhub.providers.base import SMSProvider
from notifyhub.providers.registry import BUILT_IN, sms_provider
from tests.simulators import SMTPSimulator, ippanel, melipayamak, smtp
from tests.support.clients import Api
from tests.support.console import Console, Page
from tests.support.environment import slow_on_postgresql
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    MessageFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.queries import Queries
from tests.support.threads import in_threads

pytestmark = slow_on_postgresql

SignIn = Callable[..., Console]

TOKEN = "a-long-token-of-ippanel-9876"
MARKUP = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "x\u202egnp.exe")


@pytest.fixture
def sms(api: Api) -> int:
    """The id of an SMS account with all that settings may hold."""
    known = {"token": TOKEN, "from_number": "+983000505", "max_per_second": 5}
    settings = {**known, "note": "kept", "api_key": "k" * 20}
    return int(api.post("/api/notifications/notifiers/sms", _sms(settings=settings)).json["id"])


@pytest.fixture
def email(api: Api) -> int:
    """The id of an email account."""
    made = api.post(
        "/api/notifications/notifiers/email",
        {
            "name": "mail",
            "host": "mail.example.com",
            "username": "info",
            "password": "a-long-mail-password",
            "from_email": "Shop <shop@example.com>",
        },
    )
    return int(made.json["id"])


def _sms(**values: Any) -> dict[str, Any]:
    return {"name": "shop", "backend": "ippanel", "settings": {}, **values}


def _id(page: Page) -> int:
    """The id of the account that a page leads to."""
    return int(str(page.location).rpartition("/")[2])


def _settings(app: Flask, id: int) -> Any:
    with app.app_context():
        return dict(db.session.get_one(SMSNotifier, id).settings or {})


def _password(app: Flask, id: int) -> str:
    with app.app_context():
        return db.session.get_one(EmailNotifier, id).password


def test_the_section_shows_the_accounts_of_both_channels(operator: Console, sms: int, email: int) -> None:
    page = operator.get("/accounts")
    assert page.all(".tabs a") == ["SMS", "Email"]
    assert page.all(".sections a[aria-current]") == ["Accounts"]
    assert page.all("tbody td")[:3] == ["shop", "IPPanel", "+983000505"]
    page = operator.get("/accounts/email")
    assert page.all("tbody td")[:3] == ["mail", "mail.example.com", "Shop <shop@example.com>"]
    assert "There is no account yet" not in page.text


def test_without_accounts_the_page_says_so(operator: Console) -> None:
    assert "There is no account yet. Without one nothing is sent." in operator.get("/accounts").text


def test_a_list_is_filtered_searched_and_ordered_as_the_api_does(app: Flask, operator: Console) -> None:
    with app.app_context():
        for name in ("beta", "alpha", "gamma"):
            SMSNotifierFactory(name=name)
        SMSNotifierFactory(name="other", backend="ippanel", settings={})
    names = "td:first-child"
    assert operator.get("/accounts?search=alp").all(names) == ["alpha"]
    assert operator.get("/accounts?backend=ippanel").all(names) == ["other"]
    assert operator.get("/accounts/sms?has_settings=false").all(names) == ["other"]
    assert operator.get("/accounts/sms?ordering=name&limit=2").all(names) == ["alpha", "beta"]
    page = operator.get("/accounts?limit=2&ordering=name")
    following = page.soup.select_one("[rel=next]")
    assert following is not None
    assert operator.get(str(following["href"]).partition("/console")[2]).all(names) == ["gamma", "other"]
    wrong = operator.get("/accounts?backend=pigeon&created_from=yesterday")
    assert wrong.all(".errors li") == ['"pigeon" is not a valid choice.']
    assert "Enter a valid date." in wrong.text


def test_an_account_is_created_through_the_fields_that_its_provider_declares(
    app: Flask, operator: Console
) -> None:
    form = operator.get("/accounts/sms/new?backend=ippanel").form()
    assert {"name", "settings-token", "settings-from_number", "settings-max_per_second"} < set(form)
    values = {"name": "shop", "settings-token": TOKEN, "settings-from_number": "+۹۸۳۰۰۰۵۰۵"}
    values["settings-max_per_second"] = "۲٫۵"
    page = operator.submit("/accounts/sms/new?backend=ippanel", values)
    assert "The account was created." in operator.follow(page).text
    assert _settings(app, _id(page)) == {"token": TOKEN, "from_number": "+983000505", "max_per_second": 2.5}


def test_the_fields_are_those_of_any_provider(operator: Console) -> None:
    assert "settings-number" in operator.get("/accounts/sms/new?backend=melipayamak").form()
    assert operator.get("/accounts/sms/new").status == 200
    assert operator.get("/accounts/sms/new?backend=pigeon").status == 404


class PigeonSettingsSchema(Schema):
    """What a provider asks for whose kinds of fields the others don't have."""

    api_key = fields.String(required=True)
    loft = fields.Integer(required=True, metadata={"description": "Number of the loft."})
    speed = fields.String(validate=validate.OneOf(["slow", "fast"]))
    rings = fields.List(fields.String())
    by_night = fields.Boolean()
    owner = fields.Dict()


class Pigeon(SMSProvider):
    settings_schema = PigeonSettingsSchema


@pytest.fixture
def pigeon(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The id of an account at a further provider."""
    monkeypatch.setitem(BUILT_IN, "pigeon", Pigeon)
    settings = {"api_key": "secret-of-pigeons", "loft": 1, "by_night": True, "owner": {"name": "x"}}
    with app.app_context():
        id_ = SMSNotifierFactory(backend="pigeon", settings=settings).id
    yield id_
    sms_provider.cache_clear()
    schema_of.cache_clear()


def test_a_further_provider_needs_no_change_here(app: Flask, operator: Console, pigeon: int) -> None:
    address = f"/accounts/sms/{pigeon}/edit"
    page = operator.get(address)
    assert "pigeon" in page.all(".tabs [aria-current]")
    assert "Number of the loft." in page.text
    assert page.all("[name=settings-speed] option") == ["–", "slow", "fast"]
    assert "secret-of-pigeons" not in page.html
    assert "Further settings, which stay as they are: owner" in page.text
    values = {"settings-loft": "۷", "settings-speed": "fast", "settings-rings": "a\nb"}
    form = {name: value for name, value in page.form().items() if name != "settings-by_night"}
    assert operator.post(address, {**form, **values}).status == 302
    kept = {"api_key": "secret-of-pigeons", "owner": {"name": "x"}}
    changed = {"loft": 7, "speed": "fast", "rings": ["a", "b"], "by_night": False}
    assert _settings(app, pigeon) == kept | changed
    page = operator.submit(address, {"settings-loft": "high", "settings-speed": ""})
    assert page.errors == {"settings-loft": ["Not a valid integer."]}


def test_an_account_without_settings_can_be_prepared(app: Flask, operator: Console) -> None:
    page = operator.submit("/accounts/sms/new?backend=ippanel", {"name": "later"})
    assert _settings(app, _id(page)) == {}
    assert "nothing can be sent through it" in operator.follow(page).text
    assert "No settings" in operator.get("/accounts").text


BAD_SMS = [
    ({"name": ""}, {"name": ["This field may not be blank."]}),
    ({"name": "n" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
    ({"settings-from_number": "12"}, {"settings-from_number": ["Must be +98 and 5 to 12 digits."]}),
    ({"settings-from_number": ""}, {"settings-from_number": ["This field is required."]}),
    ({"settings-token": ""}, {"settings-token": ["This field is required."]}),
    ({"settings-max_per_second": "fast"}, {"settings-max_per_second": ["A valid number is required."]}),
    ({"settings-max_per_second": "0"}, {"settings-max_per_second": ["Ensure this value is greater than 0."]}),
]


@pytest.mark.parametrize(("values", "errors"), BAD_SMS)
def test_what_is_wrong_with_an_sms_account_stands_at_its_field(
    operator: Console, values: dict[str, str], errors: Any
) -> None:
    given = {"name": "shop", "settings-token": TOKEN, "settings-from_number": "+983000505", **values}
    page = operator.submit("/accounts/sms/new?backend=ippanel", given)
    assert (page.status, page.errors) == (400, errors)
    kept = {name: value for name, value in given.items() if name != "settings-token"}
    assert kept.items() <= page.form().items()
    assert TOKEN not in page.html


BAD_EMAIL = [
    ({"host": ""}, {"host": ["This field may not be blank."]}),
    ({"port": "70000"}, {"port": ["Ensure this value is less than or equal to 65535."]}),
    ({"port": "x"}, {"port": ["A valid integer is required."]}),
]


@pytest.mark.parametrize(("values", "errors"), BAD_EMAIL)
def test_what_is_wrong_with_an_email_account_stands_at_its_field(
    operator: Console, values: dict[str, str], errors: Any
) -> None:
    given = {"name": "mail", "host": "mail.example.com", "from_email": "a@example.com"}
    given["password"] = "secret-of-mail"
    page = operator.submit("/accounts/email/new", {**given, **values})
    assert (page.status, page.errors) == (400, errors)
    assert "Shop <shop@example.com>" in page.text
    assert "secret-of-mail" not in page.html


def test_an_email_account_may_have_no_password(app: Flask, operator: Console) -> None:
    given = {"name": "mail", "host": "mail.example.com", "from_email": "a@example.com", "port": ""}
    assert _password(app, _id(operator.submit("/accounts/email/new", given))) == ""


@pytest.mark.parametrize("masked", [False, True])
def test_no_page_holds_a_secret_or_a_part_of_one(
    app: Flask, monkeypatch: pytest.MonkeyPatch, operator: Console, sms: int, email: int, masked: bool
) -> None:
    monkeypatch.setitem(app.config, "MASK_SECRETS", masked)
    pages = [
        "",
        "/sms",
        "/email",
        f"/sms/{sms}",
        f"/email/{email}",
        f"/sms/{sms}/edit",
        f"/email/{email}/edit",
    ]
    for path in pages:
        page = operator.get(f"/accounts{path}")
        assert page.status == 200
        for secret in ("9876", TOKEN, "kkkk", "a-long-mail-password", "word••", "••••"):
            assert secret not in page.html.replace("Password", "")


def test_a_secret_that_is_left_empty_stays_and_so_do_keys_that_no_form_has(
    app: Flask, operator: Console, sms: int, email: int
) -> None:
    before = _settings(app, sms)
    assert operator.submit(f"/accounts/sms/{sms}/edit", {"settings-from_number": "+983000506"}).status == 302
    assert _settings(app, sms) == {**before, "from_number": "+983000506"}
    assert operator.submit(f"/accounts/email/{email}/edit", {"name": "post"}).status == 302
    assert _password(app, email) == "a-long-mail-password"


def test_a_new_secret_takes_the_place_of_the_stored_one(
    app: Flask, operator: Console, sms: int, email: int
) -> None:
    operator.submit(f"/accounts/sms/{sms}/edit", {"settings-token": "another-token"})
    operator.submit(f"/accounts/email/{email}/edit", {"password": "another-password"})
    assert _settings(app, sms)["token"] == "another-token"
    assert _password(app, email) == "another-password"


def test_an_optional_setting_that_is_emptied_is_gone(app: Flask, operator: Console, sms: int) -> None:
    operator.submit(f"/accounts/sms/{sms}/edit", {"settings-max_per_second": ""})
    assert "max_per_second" not in _settings(app, sms)
    assert _settings(app, sms)["note"] == "kept"


def test_what_somebody_else_has_changed_meanwhile_is_not_undone(
    app: Flask, api: Api, operator: Console, sms: int
) -> None:
    form = operator.get(f"/accounts/sms/{sms}/edit").form()
    settings = {"token": "rotated-meanwhile-1234", "from_number": "+983000999", "new_key": "x"}
    api.patch(f"/api/notifications/notifiers/sms/{sms}", {"settings": settings})
    assert operator.post(f"/accounts/sms/{sms}/edit", {**form, "name": "renamed"}).status == 302
    assert _settings(app, sms) == settings
    entry = api.get("/api/audit?type=sms_notifier&action=change").json["results"][0]
    assert (entry["via"], entry["changes"]) == ("console", {"name": ["shop", "renamed"]})


def test_a_token_that_is_rotated_at_the_same_time_is_not_lost(
    app: Flask, signed_in: SignIn, sms: int
) -> None:
    colleagues = [signed_in(Role.ADMIN) for _ in range(4)]
    address = f"/accounts/sms/{sms}/edit"
    form = colleagues[0].get(address).form()
    del form["csrf_token"]  # each has their own
    changes = [
        {"settings-token": "rotated-token-0123"},
        {"settings-from_number": "+983000777"},
        {"settings-max_per_second": "9"},
        {"name": "renamed"},
    ]

    def change(n: int) -> int:
        return colleagues[n].post(address, {**form, **changes[n]}).status

    assert in_threads(change, range(4)) == [302] * 4
    stored = _settings(app, sms)
    assert {name: stored[name] for name in ("token", "from_number", "max_per_second", "note")} == {
        "token": "rotated-token-0123",
        "from_number": "+983000777",
        "max_per_second": 9,
        "note": "kept",
    }


def test_a_stored_secret_is_not_sent_elsewhere_for_who_does_not_know_it(
    app: Flask, operator: Console, sms: int, email: int
) -> None:
    page = operator.submit(f"/accounts/email/{email}/edit", {"host": "evil.example.com"})
    assert (page.status, list(page.errors)) == (400, ["password"])
    page = operator.submit(f"/accounts/sms/{sms}/edit?backend=melipayamak")
    assert (page.status, list(page.errors)) == (400, ["settings-token"])
    given = {"host": "other.example.com", "password": "given-anew"}
    assert operator.submit(f"/accounts/email/{email}/edit", given).status == 302
    assert _password(app, email) == "given-anew"


def test_an_account_moves_to_another_provider_with_a_new_token(
    app: Flask, operator: Console, sms: int
) -> None:
    asked = operator.get(f"/accounts/sms/{sms}/edit?backend=melipayamak").text
    assert "Left empty it stays as it is" not in asked
    assert "which stay as they are" not in asked
    assert operator.get(f"/accounts/sms/{sms}/edit?backend=nobody").status == 404
    given = {"settings-token": "a-token-of-melipayamak", "settings-number": "50002710"}
    assert operator.submit(f"/accounts/sms/{sms}/edit?backend=melipayamak", given).status == 302
    with app.app_context():
        assert db.session.get_one(SMSNotifier, sms).backend == "melipayamak"
    assert _settings(app, sms)["number"] == "50002710"


def test_an_account_whose_provider_is_not_installed_can_be_renamed(app: Flask, operator: Console) -> None:
    with app.app_context():
        id_ = SMSNotifierFactory(backend="gone", settings={"token": "kept-token"}).id
    assert operator.get(f"/accounts/sms/{id_}").status == 200
    page = operator.get(f"/accounts/sms/{id_}/edit")
    assert "is not installed" in page.text
    assert operator.submit(f"/accounts/sms/{id_}/edit", {"name": "renamed"}).status == 302
    assert _settings(app, id_) == {"token": "kept-token"}


def test_an_account_whose_secret_cant_be_read_can_be_deleted(app: Flask, operator: Console, sms: int) -> None:
    with app.app_context():
        db.session.connection().exec_driver_sql(f"UPDATE sms_notifiers SET settings = 'x' WHERE id = {sms}")
        db.session.commit()
    assert operator.submit(f"/accounts/sms/{sms}/delete").status == 302


def test_a_page_tells_what_an_account_is_used_for_and_how_it_works(
    api: Api, operator: Console, sms: int
) -> None:
    other = api.post("/api/notifications/notifiers/sms", _sms(name="other")).json["id"]
    api.patch("/api/settings/notifications", {"notifications_sms_notifier": sms})
    api.patch("/api/settings/delivery", {"sms_backup_notifiers": [other, sms]})
    page = operator.get(f"/accounts/sms/{sms}")
    assert page.all("h1 .badge") == ["Default account", "Backup 2"]
    assert "Not used yet" in page.all("section .badge")
    assert operator.get("/accounts").all("tbody .badge.busy") == ["Backup 1", "Default account", "Backup 2"]


@pytest.mark.usefixtures("_simulated")
def test_a_check_shows_what_the_provider_answers(app: Flask, operator: Console, mail: SMTPSimulator) -> None:
    with app.app_context():
        good = SMSNotifierFactory(settings={"token": melipayamak.TOKEN, "number": melipayamak.NUMBER}).id
        wrong = {"token": "wrong", "from_number": ippanel.LINE}
        bad = SMSNotifierFactory(backend="ippanel", settings=wrong).id
        login = {"username": smtp.USERNAME, "password": smtp.PASSWORD}
        post = EmailNotifierFactory(host="127.0.0.1", port=mail.port, **login).id
    page = operator.post(f"/accounts/sms/{good}/check")
    assert page.status == 200
    assert "The account works. The provider takes the notifier's account." in page.text
    assert "Credit: " in page.text
    assert "The account does not work." in operator.post(f"/accounts/sms/{bad}/check").text
    assert "The account works." in operator.post(f"/accounts/email/{post}/check").text


def test_a_deletion_asks_once_and_names_what_goes(app: Flask, operator: Console, sms: int) -> None:
    with app.app_context():
        notifier = db.session.get_one(SMSNotifier, sms)
        for _ in range(2):
            SMSPatternFactory(notifier_id=sms)
        MessageFactory(notifier=notifier)
    page = operator.get(f"/accounts/sms/{sms}/delete")
    assert "Do you want to delete the account “ shop ”?" in page.text
    assert "2 patterns are deleted with it. Its 1 message stays readable." in page.text
    assert operator.get(f"/accounts/sms/{sms}").status == 200
    page = operator.submit(f"/accounts/sms/{sms}/delete")
    assert "The account was deleted." in operator.follow(page).text
    assert operator.get(f"/accounts/sms/{sms}").status == 404


def test_an_account_that_the_settings_name_is_not_deleted(
    api: Api, operator: Console, sms: int, email: int
) -> None:
    for kind, id_ in (("sms", sms), ("email", email)):
        api.patch("/api/settings/notifications", {f"notifications_{kind}_notifier": id_})
        page = operator.submit(f"/accounts/{kind}/{id_}/delete")
        assert page.status == 409
        assert "This notifier is the default one in the notification settings." in page.text


@pytest.mark.parametrize("text", MARKUP)
def test_markup_from_outside_is_text(app: Flask, operator: Console, text: str) -> None:
    with app.app_context():
        sms = SMSNotifierFactory(name=text, settings={"token": "t" * 9, text: "x"}).id
        email = EmailNotifierFactory(name=text, host=text, username=text).id
        SMSPatternFactory(notifier_id=sms, name=text, code=text)
        EmailPatternFactory(notifier_id=email, name=text, subject=text)
    paths = ["", "/email", f"/sms/{sms}", f"/email/{email}", f"/sms/{sms}/edit", f"/email/{email}/edit"]
    for path in [*paths, f"/sms/{sms}/delete", f"/email/{email}/delete"]:
        page = operator.get(f"/accounts{path}")
        assert page.status == 200
        assert [script for script in page.soup.select("script") if not script.get("src")] == []
        assert page.soup.select("img") == []
        assert text in page.soup.get_text() + str(page.soup.select("input"))


SEEN = [
    ((2812,), "/accounts", 200),
    ((2832,), "/accounts", 200),
    ((1036, 7812, 2822), "/accounts", 403),
    ((2832,), "/accounts/sms", 403),
    ((2812,), "/accounts/email/{email}", 403),
    ((2812,), "/accounts/sms/{sms}", 200),
    ((2812,), "/accounts/sms/{sms}/edit", 403),
    ((2812, 2813), "/accounts/sms/{sms}/edit", 200),
    ((2812, 2813), "/accounts/sms/{sms}/delete", 403),
    ((2812, 2814), "/accounts/sms/{sms}/delete", 200),
    ((2812,), "/accounts/sms/new", 403),
    ((2811,), "/accounts/sms/new", 200),
    ((2832, 2833), "/accounts/email/{email}/edit", 200),
]


@pytest.mark.parametrize(("codes", "path", "status"), SEEN)
def test_each_page_is_for_those_who_may_do_its_operation(
    signed_in: SignIn, sms: int, email: int, codes: tuple[int, ...], path: str, status: int
) -> None:
    assert signed_in(Role.STAFF, codes).get(path.format(sms=sms, email=email)).status == status


def test_what_may_not_be_done_is_not_shown_and_not_possible(
    signed_in: SignIn, api: Api, sms: int, email: int
) -> None:
    api.patch("/api/settings/notifications", {"notifications_sms_notifier": sms})
    viewer = signed_in(Role.STAFF, (2812,))
    page = viewer.get("/accounts")
    assert page.all(".tabs a") == ["SMS"]
    assert page.all(".sections a") == ["Overview", "Accounts"]
    assert page.all(".heading .button") == []
    assert "Default account" not in page.text
    page = viewer.get(f"/accounts/sms/{sms}")
    assert page.all(".actions .button") == []
    assert page.all("h2") == ["Facts"]
    for action in ("edit", "delete"):
        assert viewer.post(f"/accounts/sms/{sms}/{action}").status == 403
    assert viewer.post("/accounts/sms/new").status == 403
    assert viewer.post(f"/accounts/email/{email}/check").status == 403
    assert "Accounts" not in signed_in(Role.STAFF, (7812,)).get("").all(".sections a")


def test_the_number_of_statements_does_not_grow_with_what_there_is(
    app: Flask, operator: Console, queries: Queries, sms: int, email: int
) -> None:
    with app.app_context():
        for _ in range(60):
            SMSNotifierFactory()
            SMSPatternFactory(notifier_id=sms)
            EmailPatternFactory(notifier_id=email)
    pages = [
        "",
        "/email",
        f"/sms/{sms}",
        f"/email/{email}",
        f"/sms/{sms}/edit",
        f"/sms/{sms}/delete",
        "/sms/new",
    ]
    for path in pages:
        with queries as statements:
            assert operator.get(f"/accounts{path}").status == 200
        assert len(statements) <= 12, path


def test_the_pages_are_in_persian_too(operator: Console, api: Api, sms: int) -> None:
    operator.language = "fa"
    page = operator.get("/accounts")
    assert page.all("h1") == ["حساب‌ها"]
    assert page.soup.select_one("td bdi.code[dir=ltr]") is not None
    page = operator.submit(f"/accounts/sms/{sms}/edit", {"settings-from_number": "1"})
    assert page.errors == {"settings-from_number": ["باید +98 و ۵ تا ۱۲ رقم باشد."]}


def test_who_may_create_alone_is_not_led_to_what_they_may_not_see(signed_in: SignIn) -> None:
    creator = signed_in(Role.STAFF, (2811,))
    page = creator.submit("/accounts/sms/new?backend=ippanel", {"name": "x"})
    assert page.location == "/console"
    assert "The account was created." in creator.follow(page).text
    assert creator.get("/accounts/sms/new").all(".trail a") == []
