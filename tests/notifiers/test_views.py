"""Notifiers over HTTP."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.notifiers.masks import MASK_NOT_ENOUGH
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from tests.support.clients import Api
from tests.support.databases import stored_bytes, stored_text
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.words import BLANK, LONG, NO_BOOLEAN, NO_INTEGER, NO_STRING, NULL, REQUIRED

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
SETTINGS = "/api/settings/notifications"

SMS_FIELDS = ["id", "name", "backend", "settings", "created_at", "updated_at"]
EMAIL_FIELDS = [
    *("id", "name", "host", "port", "username", "password", "from_email"),
    *("use_tls", "use_ssl", "fail_silently", "created_at", "updated_at"),
]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

NO_SECRET = ["This is the mask of a secret, not a secret."]

IPPANEL = {"token": "a-token-of-ippanel", "from_number": "+983000505"}
MELIPAYAMAK = {"token": "a-token-of-melipayamak", "number": "50002710008883"}

MAIL = {
    "name": "mail",
    "host": "mail.example.com",
    "username": "info",
    "password": "a-password-of-mail",
    "from_email": "info@example.com",
}


@pytest.fixture
def sms(app: Flask) -> int:
    with app.app_context():
        return SMSNotifierFactory(name="sms", settings=MELIPAYAMAK).id


@pytest.fixture
def mail(app: Flask) -> int:
    with app.app_context():
        return EmailNotifierFactory(name="mail").id


def test_an_sms_notifier_is_created_as_documented(api: Api) -> None:
    answer = api.post(SMS, {"name": "melipayamak_general", "backend": "melipayamak"})
    assert answer.status == 201
    assert list(answer.json) == SMS_FIELDS
    assert type(answer.json["id"]) is int
    assert (answer.json["name"], answer.json["backend"]) == ("melipayamak_general", "melipayamak")
    assert answer.json["settings"] == {}
    assert MOMENT.fullmatch(answer.json["created_at"])
    assert MOMENT.fullmatch(answer.json["updated_at"])


def test_settings_come_back_as_documented(api: Api) -> None:
    settings = {"token": "value1", "key2": "value2"}
    answer = api.post(SMS, {"name": "general", "backend": "melipayamak", "settings": settings})
    url = f"{SMS}/{answer.json['id']}"
    assert list(answer.json) == SMS_FIELDS
    for shown in (answer.json, api.get(url).json, api.get(SMS).json["results"][0], api.patch(url, {}).json):
        assert shown == answer.json
        assert shown["settings"] == settings


def test_keys_that_no_rule_names_are_kept_to_the_letter(api: Api) -> None:
    text = (
        '{"z":null,"token":"t","a":{"y":[1,1.0,-0.5,true,"۵",{}],"x":[]},"number":"50002","":0,'
        '"big":9223372036854775807,"small":-9223372036854775808,"tiny":1e-7,"نام":"علی \\"و\\" 🎉","b":" "}'
    )
    body = f'{{"name":"n","backend":"melipayamak","settings":{text}}}'
    created = api.call("POST", SMS, data=body.encode(), content_type="application/json")
    assert created.status == 201
    for answer in (created, api.get(f"{SMS}/{created.json['id']}"), api.get(SMS)):
        assert f'"settings":{text}' in answer.response.text


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": REQUIRED, "backend": REQUIRED}),
        (
            {"name": None, "backend": None, "settings": None},
            {"name": NULL, "backend": NULL, "settings": NULL},
        ),
        ({"name": "", "backend": ""}, {"name": BLANK, "backend": ['"" is not a valid choice.']}),
        ({"name": " \n ", "backend": "x"}, {"name": BLANK, "backend": ['"x" is not a valid choice.']}),
        (
            {"name": "n" * 256, "backend": "IPPANEL"},
            {"name": LONG, "backend": ['"IPPANEL" is not a valid choice.']},
        ),
        ({"name": True, "backend": True}, {"name": NO_STRING, "backend": ['"True" is not a valid choice.']}),
        ({"name": [], "backend": []}, {"name": NO_STRING, "backend": ['"[]" is not a valid choice.']}),
        ({"name": {}, "backend": 5}, {"name": NO_STRING, "backend": ['"5" is not a valid choice.']}),
        (
            {"name": "n", "backend": "ippanel", "settings": []},
            {"settings": ['Expected a dictionary of items but got type "list".']},
        ),
        (
            {"name": "n", "backend": "ippanel", "settings": "{}"},
            {"settings": ['Expected a dictionary of items but got type "str".']},
        ),
        (
            {"name": "n", "backend": "ippanel", "settings": {"token": ""}},
            {"settings": {"token": BLANK, "from_number": REQUIRED}},
        ),
        (
            {"name": "n", "backend": "melipayamak", "settings": {"number": "5"}},
            {"settings": {"token": REQUIRED, "number": ["Must be a string of more than 4 digits."]}},
        ),
        (
            {"name": "n", "backend": "ippanel", "settings": {**IPPANEL, "max_per_second": 0}},
            {"settings": {"max_per_second": ["Ensure this value is greater than 0."]}},
        ),
    ],
)
def test_a_wrong_sms_notifier_is_refused_by_field(
    body: dict[str, Any], errors: dict[str, Any], api: Api
) -> None:
    answer = api.post(SMS, body)
    assert (answer.status, answer.json) == (400, errors)
    assert api.get(SMS).json["count"] == 0


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  trimmed\n", "trimmed"),
        (5, "5"),
        (1.5, "1.5"),
        ("n" * 255, "n" * 255),
        ("نام", "نام"),
        (f" {'n' * 255} ", "n" * 255),
    ],
)
def test_names_are_trimmed_and_numbers_taken_as_their_text(sent: Any, stored: str, api: Api) -> None:
    answer = api.post(SMS, {"name": sent, "backend": "ippanel"})
    assert (answer.status, answer.json["name"]) == (201, stored)


def test_names_need_not_be_unique(api: Api) -> None:
    for url, body in ((SMS, {"name": "n", "backend": "ippanel"}), (EMAIL, MAIL)):
        assert [api.post(url, body).status for _ in range(2)] == [201, 201]


def test_read_only_and_unknown_keys_are_ignored(api: Api, sms: int) -> None:
    extra = {"id": 7, "created_at": "2000-01-01T00:00:00Z", "updated_at": None, "colour": {"red": 1}}
    created = api.post(SMS, {"name": "n", "backend": "ippanel", **extra})
    assert created.status == 201
    assert created.json["id"] != 7
    assert created.json["created_at"] > "2020"
    before = api.get(f"{SMS}/{sms}").json
    assert api.patch(f"{SMS}/{sms}", extra).json == before


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_patch_of_the_backend_alone_is_checked_against_the_stored_settings(
    method: str, api: Api, sms: int
) -> None:
    url = f"{SMS}/{sms}"
    before = api.get(url).json
    refused = api.call(method, url, {"backend": "ippanel", "name": "x"})
    assert (refused.status, refused.json) == (400, {"settings": {"from_number": REQUIRED}})
    assert api.get(url).json == before
    both = api.call(method, url, {"backend": "ippanel", "settings": IPPANEL})
    assert (both.status, both.json["backend"], both.json["settings"]) == (200, "ippanel", IPPANEL)
    assert api.call(method, url, {"backend": "melipayamak"}).json["settings"] == IPPANEL


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_patch_of_the_settings_alone_is_checked_against_the_stored_backend(
    method: str, api: Api, sms: int
) -> None:
    url = f"{SMS}/{sms}"
    refused = api.call(method, url, {"settings": {"from_number": "+983000505"}})
    assert (refused.status, refused.json) == (400, {"settings": {"token": REQUIRED}})
    assert api.get(url).json["settings"] == MELIPAYAMAK
    replaced = api.call(method, url, {"settings": {"token": "another", "number": "۵۰۰۰۲"}})
    assert replaced.json["settings"] == {"token": "another", "number": "50002"}
    assert api.call(method, url, {"settings": {}}).json["settings"] == {}
    assert api.call(method, url, {"backend": "ippanel"}).status == 200


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({}, False),
        ({"name": "sms", "backend": "melipayamak", "settings": MELIPAYAMAK}, False),
        ({"name": " sms "}, False),
        ({"settings": {**MELIPAYAMAK, "number": "۵۰۰۰۲۷۱۰۰۰۸۸۸۳"}}, False),
        ({"name": "other"}, True),
        ({"settings": {}}, True),
        ({"settings": {**MELIPAYAMAK, "more": None}}, True),
    ],
)
def test_updated_at_moves_only_when_an_sms_notifier_changes(
    change: dict[str, Any], moves: bool, api: Api, sms: int
) -> None:
    before = api.get(f"{SMS}/{sms}").json
    answer = api.patch(f"{SMS}/{sms}", change)
    assert answer.status == 200
    assert answer.json["created_at"] == before["created_at"]
    assert (answer.json["updated_at"] > before["updated_at"]) is moves
    assert api.get(f"{SMS}/{sms}").json == answer.json


def test_settings_that_differ_only_in_a_values_type_are_a_change(api: Api, sms: int) -> None:
    for value in (1, True, 1.0, "1", None, [], {}):
        settings = {**MELIPAYAMAK, "x": value}
        assert json.dumps(api.patch(f"{SMS}/{sms}", {"settings": settings}).json["settings"]) == json.dumps(
            settings
        )
        assert json.dumps(api.get(f"{SMS}/{sms}").json["settings"]) == json.dumps(settings)


def test_has_settings_tells_empty_ones_apart(api: Api, sms: int) -> None:
    bare = api.post(SMS, {"name": "bare", "backend": "ippanel", "settings": {}}).json["id"]
    cleared = api.post(SMS, {"name": "cleared", "backend": "ippanel", "settings": IPPANEL}).json["id"]
    api.patch(f"{SMS}/{cleared}", {"settings": {}})
    listed = {
        value: [one["id"] for one in api.get(f"{SMS}?has_settings={value}").json["results"]] for value in "10"
    }
    assert listed == {"1": [sms], "0": [cleared, bare]}


def test_deleting_an_sms_notifier_deletes_its_patterns_and_no_others(api: Api, app: Flask, sms: int) -> None:
    with app.app_context():
        SMSPatternFactory.create_batch(3, notifier_id=sms)
        other = SMSPatternFactory()
    answer = api.delete(f"{SMS}/{sms}")
    assert (answer.status, answer.response.data) == (204, b"")
    with app.app_context():
        assert [pattern.id for pattern in db.session.query(SMSPattern)] == [other.id]
        assert [notifier.id for notifier in db.session.query(SMSNotifier)] == [other.notifier_id]
    assert api.get(f"{SMS}/{sms}").status == 404
    assert api.delete(f"{SMS}/{sms}").status == 404


def test_deleting_an_email_notifier_deletes_its_patterns_and_no_others(
    api: Api, app: Flask, mail: int
) -> None:
    with app.app_context():
        EmailPatternFactory.create_batch(3, notifier_id=mail)
        other = EmailPatternFactory()
        sms = SMSPatternFactory(notifier_id=SMSNotifierFactory().id)
    assert api.delete(f"{EMAIL}/{mail}").status == 204
    with app.app_context():
        assert [pattern.id for pattern in db.session.query(EmailPattern)] == [other.id]
        assert [pattern.id for pattern in db.session.query(SMSPattern)] == [sms.id]
    assert api.get(f"{EMAIL}/{mail}/patterns").status == 404


@pytest.mark.parametrize("kind", ["sms", "email"])
def test_a_notifier_that_the_settings_name_is_not_deleted(kind: str, api: Api, sms: int, mail: int) -> None:
    url = {"sms": f"{SMS}/{sms}", "email": f"{EMAIL}/{mail}"}[kind]
    field = f"notifications_{kind}_notifier"
    before = api.get(url).json
    assert api.patch(SETTINGS, {field: before["id"]}).status == 200
    refused = api.delete(url)
    assert refused.status == 409
    assert list(refused.json) == ["detail"]
    assert "settings" in refused.json["detail"]
    assert api.get(url).json == before
    api.patch(SETTINGS, {field: None})
    assert api.delete(url).status == 204


def test_an_email_notifier_is_created_with_its_defaults(api: Api) -> None:
    answer = api.post(EMAIL, MAIL)
    assert answer.status == 201
    assert list(answer.json) == EMAIL_FIELDS
    defaults = {"port": None, "use_tls": True, "use_ssl": False, "fail_silently": False}
    stamps = {name: answer.json[name] for name in ("id", "created_at", "updated_at")}
    assert answer.json == {**stamps, **MAIL, **defaults}
    assert MOMENT.fullmatch(answer.json["created_at"])
    url = f"{EMAIL}/{answer.json['id']}"
    assert answer.json == api.get(url).json == api.get(EMAIL).json["results"][0] == api.patch(url, {}).json


ACCEPTED = [
    ({"port": None}, {"port": None}),
    ({"port": 1}, {"port": 1}),
    ({"port": 65535}, {"port": 65535}),
    ({"port": "587"}, {"port": 587}),
    ({"port": 587.0}, {"port": 587}),
    ({"use_tls": True, "use_ssl": True}, {"use_tls": True, "use_ssl": True}),
    ({"use_tls": "false", "use_ssl": 1}, {"use_tls": False, "use_ssl": True}),
    ({"fail_silently": True}, {"fail_silently": True}),
    ({"fail_siently": True}, {"fail_silently": True}),
    ({"fail_siently": True, "fail_silently": False}, {"fail_silently": False}),
    ({"username": "", "password": ""}, {"username": "", "password": ""}),
    ({"username": "  info "}, {"username": "info"}),
    ({"password": "  kept "}, {"password": "  kept "}),
    ({"password": " "}, {"password": " "}),
    ({"password": 12345}, {"password": "12345"}),
    ({"from_email": " Name <a@b.ir> "}, {"from_email": "Name <a@b.ir>"}),
    ({"from_email": "فروشگاه\u200cما <a@b.ir>"}, {"from_email": "فروشگاه\u200cما <a@b.ir>"}),
]
REFUSED = [
    ({"port": 0}, {"port": ["Ensure this value is greater than or equal to 1."]}),
    ({"port": 65536}, {"port": ["Ensure this value is less than or equal to 65535."]}),
    ({"port": -(2**63)}, {"port": ["Ensure this value is greater than or equal to 1."]}),
    ({"port": True}, {"port": NO_INTEGER}),
    ({"port": ""}, {"port": NO_INTEGER}),
    ({"port": "smtp"}, {"port": NO_INTEGER}),
    ({"port": 587.5}, {"port": NO_INTEGER}),
    ({"port": [587]}, {"port": NO_INTEGER}),
    ({"use_tls": None, "use_ssl": 2}, {"use_tls": NULL, "use_ssl": NO_BOOLEAN}),
    ({"fail_silently": []}, {"fail_silently": NO_BOOLEAN}),
    ({"fail_siently": "maybe"}, {"fail_silently": NO_BOOLEAN}),
    ({"name": "", "host": " "}, {"name": BLANK, "host": BLANK}),
    ({"host": "h" * 256}, {"host": LONG}),
    ({"username": None, "password": None}, {"username": NULL, "password": NULL}),
    ({"username": True, "password": ["p"]}, {"username": NO_STRING, "password": NO_STRING}),
    ({"password": "p" * 256}, {"password": LONG}),
    ({"from_email": ""}, {"from_email": BLANK}),
    ({"from_email": "info"}, {"from_email": ["Enter a valid email address."]}),
    (
        {"from_email": "a@b.ir\nBcc: c@d.ir"},
        {"from_email": ["Line ends and control characters are not allowed."]},
    ),
    ({"from_email": "a@b.ir, c@d.ir"}, {"from_email": ["Enter a valid email address."]}),
    ({"from_email": "Name <a@b.ir>, c@d.ir"}, {"from_email": ["Enter a valid email address."]}),
]


@pytest.mark.parametrize(("change", "shown"), ACCEPTED, ids=str)
def test_a_value_of_an_email_notifier_is_accepted(
    change: dict[str, Any], shown: dict[str, Any], api: Api, mail: int
) -> None:
    for answer, status in (
        (api.post(EMAIL, {**MAIL, **change}), 201),
        (api.patch(f"{EMAIL}/{mail}", change), 200),
    ):
        assert answer.status == status
        assert repr({name: answer.json[name] for name in shown}) == repr(shown)


@pytest.mark.parametrize(("change", "errors"), REFUSED, ids=str)
def test_a_value_of_an_email_notifier_is_refused(
    change: dict[str, Any], errors: dict[str, Any], api: Api, mail: int
) -> None:
    before = api.get(f"{EMAIL}/{mail}").json
    for answer in (api.post(EMAIL, {**MAIL, **change}), api.patch(f"{EMAIL}/{mail}", change)):
        assert (answer.status, answer.json) == (400, errors)
    assert api.get(EMAIL).json["results"] == [before]


def test_what_an_email_notifier_needs_is_named(api: Api) -> None:
    answer = api.post(EMAIL, {})
    assert (answer.status, answer.json) == (400, dict.fromkeys(MAIL, REQUIRED))


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        ({}, False),
        (
            {
                "password": "a-password-of-mail",
                "port": "587",
                "use_tls": 1,
                "from_email": " info@example.com",
            },
            False,
        ),
        ({"password": "another"}, True),
        ({"port": None}, True),
        ({"use_ssl": True}, True),
    ],
)
def test_updated_at_moves_only_when_an_email_notifier_changes(
    change: dict[str, Any], moves: bool, api: Api, mail: int
) -> None:
    before = api.get(f"{EMAIL}/{mail}").json
    answer = api.call("POST", f"{EMAIL}/{mail}", change)
    assert answer.status == 200
    assert answer.json["created_at"] == before["created_at"]
    assert (answer.json["updated_at"] > before["updated_at"]) is moves
    assert api.get(f"{EMAIL}/{mail}").json == answer.json


def test_secrets_are_encrypted_where_they_are_kept(api: Api, app: Flask) -> None:
    secrets = {name: f"a-clear-{name}-0123456789" for name in ("token", "other", "password", "replaced")}
    settings = {"token": secrets["replaced"], "other": {"deep": [secrets["other"]]}}
    url = f"{SMS}/{api.post(SMS, {'name': 'n', 'backend': 'melipayamak', 'settings': settings}).json['id']}"
    api.patch(url, {"settings": {**settings, "token": secrets["token"]}})
    api.post(EMAIL, {**MAIL, "password": secrets["password"]})
    assert api.get(url).json["settings"]["token"] == secrets["token"]
    kept = stored_text(app)
    assert "mail.example.com" in kept
    for secret in secrets.values():
        assert secret not in kept
    files = stored_bytes(app)
    assert not files or b"mail.example.com" in files
    assert not [secret for secret in secrets.values() if secret.encode() in files]


@pytest.fixture
def masked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve as with NOTIFYHUB_MASK_SECRETS=1."""
    monkeypatch.setitem(app.config, "MASK_SECRETS", True)


PLAIN = {
    "token": "0123456789",
    "number": "50002",
    "API_KEY": "short",
    "tokenX": 1234567890,
    "deep": {"Password": ["abcdefghi", None]},
    "secret": True,
}
SHOWN = {
    "token": "••••6789",
    "number": "50002",
    "API_KEY": "••••",
    "tokenX": "••••7890",
    "deep": {"Password": ["••••fghi", None]},
    "secret": True,
}


@pytest.mark.usefixtures("masked")
def test_secrets_of_settings_are_masked_in_every_answer_and_kept_when_sent_back(api: Api, app: Flask) -> None:
    created = api.post(SMS, {"name": "n", "backend": "melipayamak", "settings": PLAIN})
    url = f"{SMS}/{created.json['id']}"
    answers = [
        created,
        api.get(url),
        api.patch(url, {}),
        api.patch(url, {"settings": SHOWN}),
        api.call("POST", url, {"settings": created.json["settings"]}),
    ]
    for shown in [*(answer.json for answer in answers), api.get(SMS).json["results"][0]]:
        assert shown == created.json
        assert list(shown["settings"].items()) == list(SHOWN.items())
    with app.app_context():
        assert db.session.get_one(SMSNotifier, created.json["id"]).settings == PLAIN


@pytest.mark.usefixtures("masked")
def test_a_mask_keeps_its_secret_while_others_change(api: Api, app: Flask) -> None:
    url = f"{SMS}/{api.post(SMS, {'name': 'n', 'backend': 'melipayamak', 'settings': PLAIN}).json['id']}"
    changed = {"number": "50003", "token": "••••6789", "API_KEY": "a new and long key"}
    answer = api.patch(url, {"settings": changed})
    assert answer.json["settings"] == {"number": "50003", "token": "••••6789", "API_KEY": "•••• key"}
    with app.app_context():
        stored = db.session.get_one(SMSNotifier, answer.json["id"]).settings
    assert stored == {"number": "50003", "token": "0123456789", "API_KEY": "a new and long key"}


@pytest.mark.usefixtures("masked")
@pytest.mark.parametrize(
    ("settings", "errors"),
    [
        ({"token": "••••"}, {"token": NO_SECRET}),
        ({"token": "••••0000"}, {"token": NO_SECRET}),
        ({"token": "••••7890"}, {"token": NO_SECRET}),
        ({"token": "••••6789", "API_KEY": "••••6789"}, {"API_KEY": NO_SECRET}),
        ({"token": "••••6789", "deep": {"Password": ["x", "••••fghi"]}}, {"deep": {"Password": NO_SECRET}}),
        ({"token": "••••6789", "new_key": "••••"}, {"new_key": NO_SECRET}),
    ],
)
def test_a_mask_of_another_secret_is_refused(
    settings: dict[str, Any], errors: dict[str, Any], api: Api
) -> None:
    url = f"{SMS}/{api.post(SMS, {'name': 'n', 'backend': 'melipayamak', 'settings': PLAIN}).json['id']}"
    before = api.get(url).json
    answer = api.patch(url, {"settings": settings})
    assert (answer.status, answer.json) == (400, {"settings": errors})
    assert api.get(url).json == before


@pytest.mark.usefixtures("masked")
def test_a_mask_means_nothing_in_a_post(api: Api, sms: int, mail: int) -> None:
    answer = api.post(SMS, {"name": "n", "backend": "melipayamak", "settings": {"token": "••••amak"}})
    assert (answer.status, answer.json) == (400, {"settings": {"token": NO_SECRET}})
    for mask in ("••••", "••••mail"):
        answer = api.post(EMAIL, {**MAIL, "password": mask})
        assert (answer.status, answer.json) == (400, {"password": NO_SECRET})
    assert (api.get(SMS).json["count"], api.get(EMAIL).json["count"]) == (1, 1)


@pytest.mark.usefixtures("masked")
@pytest.mark.parametrize("method", ["PATCH", "POST"])
@pytest.mark.parametrize(
    "change",
    [
        {"backend": "ippanel", "settings": {"token": "••••amak", "from_number": "+983000505"}},
        {"backend": "ippanel", "name": "another"},
        {"settings": {"token": "••••amak", "number": "50002", "api_url": "https://evil.example"}},
        {"settings": {"token": "••••amak", "number": "50002", "deep": [{"gateway": "evil"}]}},
        {"settings": {"token": "••••amak", "number": "50002", "x": "evil.example:8443/api"}},
    ],
)
def test_a_masked_token_does_not_go_elsewhere(
    *, api: Api, app: Flask, sms: int, method: str, change: dict[str, Any]
) -> None:
    url = f"{SMS}/{sms}"
    before = api.get(url).json
    refused = api.call(method, url, change)
    assert (refused.status, refused.json) == (400, {"settings": {"token": [MASK_NOT_ENOUGH]}})
    assert api.get(url).json == before
    known = {
        "from_number": "+983000505",
        "number": "50002",
        **change.get("settings", {}),
        "token": "a-new-token",
    }
    accepted = api.call(method, url, {**change, "settings": known})
    assert (accepted.status, accepted.json["settings"]) == (200, {**known, "token": "••••oken"})
    with app.app_context():
        assert db.session.get_one(SMSNotifier, sms).settings == known


@pytest.mark.usefixtures("masked")
def test_what_moves_no_token_is_changed_with_its_mask(api: Api, app: Flask, sms: int) -> None:
    for change in (
        {"backend": "melipayamak"},
        {"settings": {"token": "••••amak", "number": "50003", "max_per_second": 1.5}},
        {"name": "another", "settings": {"token": "••••amak", "number": "50003"}},
    ):
        assert api.patch(f"{SMS}/{sms}", change).status == 200
    with app.app_context():
        assert db.session.get_one(SMSNotifier, sms).settings["token"] == MELIPAYAMAK["token"]
    assert api.patch(f"{SMS}/{sms}", {"backend": "ippanel", "settings": {}}).status == 200


@pytest.mark.usefixtures("masked")
@pytest.mark.parametrize("method", ["PATCH", "POST"])
@pytest.mark.parametrize("password", [{}, {"password": "••••mail"}], ids=["none", "its mask"])
@pytest.mark.parametrize(
    "change",
    [
        {"host": "evil.example"},
        {"port": 2525},
        {"port": None},
        {"username": "x"},
        {"use_tls": False},
        {"use_ssl": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_masked_password_does_not_go_elsewhere(
    *, api: Api, app: Flask, mail: int, method: str, password: dict[str, str], change: dict[str, Any]
) -> None:
    url = f"{EMAIL}/{mail}"
    before = api.get(url).json
    refused = api.call(method, url, {**change, **password})
    assert (refused.status, refused.json) == (400, {"password": [MASK_NOT_ENOUGH]})
    assert api.get(url).json == before
    assert api.call(method, url, {**change, "password": MAIL["password"]}).status == 200
    with app.app_context():
        assert db.session.get_one(EmailNotifier, mail).password == MAIL["password"]


@pytest.mark.usefixtures("masked")
def test_what_moves_no_password_is_changed_with_its_mask_or_without_it(api: Api, mail: int) -> None:
    url = f"{EMAIL}/{mail}"
    shown = api.get(url).json
    for change in ({**shown, "name": "another"}, {"from_email": "x@example.com"}, {"host": shown["host"]}):
        assert api.patch(url, change).status == 200
    assert api.patch(url, {"username": "", "password": "", "host": "other.example"}).status == 200
    assert api.patch(url, {"host": "third.example"}).status == 200, "there is no password"


def test_without_masking_secrets_are_known_to_all_and_may_go_anywhere(api: Api, mail: int, sms: int) -> None:
    assert api.patch(f"{EMAIL}/{mail}", {"host": "other.example"}).status == 200
    settings = {"token": "t", "from_number": "+983000505"}
    assert api.patch(f"{SMS}/{sms}", {"settings": settings}).status == 200
    assert api.patch(f"{SMS}/{sms}", {"backend": "ippanel"}).status == 200


@pytest.mark.usefixtures("masked")
@pytest.mark.parametrize(
    ("password", "mask"), [("a-password-of-mail", "••••mail"), ("short", "••••"), ("", "••••")]
)
def test_a_password_is_masked_in_every_answer_and_kept_when_sent_back(
    password: str, mask: str, api: Api, app: Flask
) -> None:
    created = api.post(EMAIL, {**MAIL, "password": password}).json
    url = f"{EMAIL}/{created['id']}"
    for shown in (
        created,
        api.get(url).json,
        api.get(EMAIL).json["results"][0],
        api.patch(url, created).json,
    ):
        assert shown == {**created, "password": mask}
    refused = api.patch(url, {"password": "••••0000"})
    assert (refused.status, refused.json) == (400, {"password": NO_SECRET})
    app.config["MASK_SECRETS"] = False
    assert api.get(url).json == {**created, "password": password}


def test_without_masking_dots_are_a_secret_like_any_other(api: Api, staff: Callable[..., Api]) -> None:
    body = {"name": "n", "backend": "melipayamak", "settings": {"token": "••••6789"}}
    assert api.post(SMS, body).json["settings"] == {"token": "••••6789"}
    assert staff(2812).get(SMS).json["results"][0]["settings"] == {"token": "••••6789"}
