"""`flask notifiers seed`."""

import json
import re
import time
from collections.abc import Callable

import pytest
from flask import Flask

from tests.seeding.rows import MODELS, PASSWORD, SECRET, TOKEN, Seed, refusal, rows
from tests.support.clients import Api
from tests.support.environment import ROOT
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, SMSPatternFactory

BASE = "/api/notifications/notifiers"

# The seed file of the documentation.
FILE = """\
sms:
  - name: melipayamak_general
    backend: melipayamak
    settings: {token: "${MELIPAYAMAK_TOKEN}", number: "50002710008883"}
    patterns:
      - {name: otp, code: 13420, status: approved, body: "Your login code is {0}"}
email:
  - {name: mail, host: mail.example.com, port: 587, username: info, password: "${SMTP_PASSWORD}",
     from_email: info@example.com}
settings:
  notifications_sms_notifier: melipayamak_general
  notifications_email_notifier: mail
  notifications_otp_code_len: 6
"""


def test_a_file_is_seeded_as_the_documentation_says(seed: Seed, app: Flask, api: Api) -> None:
    result = seed(FILE)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "SMS notifier melipayamak_general: created",
        "SMS pattern otp of melipayamak_general: created",
        "email notifier mail: created",
        (
            'settings: notifications_sms_notifier (null → "melipayamak_general"),'
            ' notifications_email_notifier (null → "mail"), notifications_otp_code_len (5 → 6) changed'
        ),
        "SMS notifier: 1 created, 0 updated, 0 unchanged",
        "SMS pattern: 1 created, 0 updated, 0 unchanged",
        "email notifier: 1 created, 0 updated, 0 unchanged",
        "settings: 0 created, 1 updated, 0 unchanged",
    ]
    (sms,) = api.get(f"{BASE}/sms").json["results"]
    assert sms["settings"] == {"token": TOKEN, "number": "50002710008883"}
    (pattern,) = api.get(f"{BASE}/sms/{sms['id']}/patterns").json["results"]
    assert (pattern["code"], pattern["status"], pattern["description"]) == ("13420", "approved", None)
    (email,) = api.get(f"{BASE}/email").json["results"]
    assert (email["password"], email["use_tls"]) == (PASSWORD, True)
    assert api.get("/api/settings/notifications").json == {
        "notifications_sms_notifier_data": {"id": sms["id"], "name": "melipayamak_general"},
        "notifications_email_notifier_data": {"id": email["id"], "name": "mail"},
        "notifications_otp_code_len": 6,
        "notifications_otp_ttl": 120,
    }


def test_seeding_twice_changes_nothing_not_even_when_things_changed_last(seed: Seed, app: Flask) -> None:
    seed(FILE)
    before = rows(app)
    time.sleep(0.01)
    result = seed(FILE)
    assert result.stdout.splitlines() == [
        f"{noun}: 0 created, 0 updated, 1 unchanged"
        for noun in ("SMS notifier", "SMS pattern", "email notifier", "settings")
    ]
    assert rows(app) == before


def test_the_printed_example_can_be_seeded(seed: Seed, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    example = app.test_cli_runner().invoke(args=["notifiers", "seed"])
    assert example.stderr == ""
    for name in re.findall(r"\$\{(\w+)\}", example.stdout):
        monkeypatch.setenv(name, SECRET if name == "WEBHOOK_SECRET" else f"the value of {name}")
    assert seed(example.stdout).exit_code == 0
    assert [len(found) for found in rows(app)] == [1] * len(MODELS)
    assert "0 created, 0 updated, 1 unchanged" in seed(example.stdout).stdout


def test_what_the_printed_example_leaves_out_fits_what_is_there(
    seed: Seed, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, sections, entries = (
        app.test_cli_runner().invoke(args=["notifiers", "seed"]).stdout.partition("\nsms:")
    )
    for name in re.findall(r"\$\{(\w+)\}", entries):
        monkeypatch.setenv(name, SECRET if name == "WEBHOOK_SECRET" else f"the value of {name}")
    whole, count = re.subn(r"^#(?=  )|^( +)# (?=\w+: )", r"\1", entries, flags=re.MULTILINE)
    assert count > 10
    assert not re.search(r"^ *# ?[- ]*[a-z_]+:", whole, re.MULTILINE)
    result = seed(words + sections + whole)
    assert result.exit_code == 0, result.stderr
    assert "email pattern: 2 created" in result.stdout


def test_the_printed_example_leaves_what_the_walk_makes_alone(app: Flask) -> None:
    example = app.test_cli_runner().invoke(args=["notifiers", "seed"]).stdout
    walk = (ROOT / "README.md").read_text().partition("## Configuration")[0]
    made = set(re.findall(r'"name": "([^"]+)"', walk))
    assert made
    assert not made & set(re.findall(r"- name: (\S+)", example))
    assert not re.findall(r"^ +notifications_\w+_notifier:", example, re.MULTILINE)
    for variable in re.findall(r"\$\{(\w+)\}", example):
        assert re.search(rf"^export .*\b{variable}=", walk, re.MULTILINE)


def test_json_from_standard_input_is_seeded(app: Flask) -> None:
    text = json.dumps({"sms": [{"name": "پنل", "backend": "ippanel"}]}, indent="\t")
    result = app.test_cli_runner().invoke(args=["notifiers", "seed", "-"], input=text)
    assert result.exit_code == 0, result.stderr
    assert rows(app)[0][0]["name"] == "پنل"


def test_only_what_the_file_names_is_changed(seed: Seed, app: Flask) -> None:
    with app.app_context():
        pattern = SMSPatternFactory(
            status="approved", description="kept", notifier_id=SMSNotifierFactory(name="a").id
        )
        EmailNotifierFactory(name="m", port=2525, use_tls=False)
    (old,), *_ = before = rows(app)
    result = seed(
        f"""
sms:
- name: a
  backend: melipayamak
  patterns:
  - {{name: {pattern.name}, code: other, body: "{pattern.body}"}}
email:
- {{name: m, host: mail.example.com, username: info, password: new, from_email: info@example.com}}
"""
    )
    assert result.stdout.splitlines() == [
        f'SMS pattern {pattern.name} of a: code ("{pattern.code}" → "other") changed',
        "email notifier m: password changed",
        "SMS notifier: 0 created, 0 updated, 1 unchanged",
        "SMS pattern: 0 created, 1 updated, 0 unchanged",
        "email notifier: 0 created, 1 updated, 0 unchanged",
    ]
    (new,), (changed,), (email,), settings, *_ = rows(app)
    assert new == old
    assert changed == before[1][0] | {"code": "other", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > before[1][0]["updated_at"]
    assert email == before[2][0] | {"password": "new", "updated_at": email["updated_at"]}
    assert settings == before[3]


def test_patterns_are_told_apart_by_their_notifiers(seed: Seed, app: Flask) -> None:
    result = seed(
        """
sms:
- {name: a, backend: ippanel, patterns: [{name: otp, code: 1, body: x}]}
- {name: b, backend: ippanel, patterns: [{name: otp, code: 2, body: x}]}
"""
    )
    assert result.exit_code == 0, result.stderr
    assert [pattern["code"] for pattern in rows(app)[1]] == ["1", "2"]


def test_defaults_can_be_taken_away(seed: Seed, app: Flask) -> None:
    seed(FILE)
    seed("settings: {notifications_sms_notifier: null}")
    (settings,) = rows(app)[3]
    assert settings["sms_notifier_id"] is None
    assert settings["email_notifier_id"] is not None


@pytest.mark.parametrize("text", ["sms:\nemail:\nsettings:\n", "{}", "sms: []"])
def test_empty_sections_are_taken(seed: Seed, app: Flask, text: str) -> None:
    before = rows(app)
    result = seed(text)
    assert (result.exit_code, result.output) == (0, "")
    assert rows(app) == before


GOOD = "sms:\n- {name: good, backend: ippanel}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "sms:\n- name: a\n  backend: melipayamak\n  settings:\n    number: '12345'\n",
            "4: settings.token: This field is required.",
        ),
        (
            "sms:\n- name: a\n  backend: melipayamak\n  settings:\n    number: '1'\n    token: x\n",
            "5: settings.number: Must be",
        ),
        ("sms:\n- name: a\n", "2: backend: This field is required."),
        ("sms:\n- name: a\n  backend: b\n", '3: backend: "b" is not a valid choice.'),
        ("sms:\n- name: true\n  backend: ippanel\n", "2: name: Not a valid string."),
        (GOOD + "- backend: ippanel\n  name: ''\n", "4: name: This field may not be blank."),
        (GOOD + "  patterns: []\n", "3: This is not YAML"),
        (
            GOOD + "smss: []\n",
            "3: smss: This key is not known here; known are delivery, email, otp, settings, sms, webhooks.",
        ),
        (GOOD + "- name: b\n  backend: ippanel\n  setings: {}\n", "5: setings: This key is not known here"),
        (GOOD + "- {id: 5, name: b, backend: ippanel}\n", "3: id: This key is not known here"),
        (GOOD + "- just a text\n", "3: A mapping is expected here"),
        (GOOD + "email: {name: a}\n", "3: email: A list is expected here."),
        ("- a\n", "1: A mapping is expected here"),
        (
            GOOD + "- {name: ' good', backend: ippanel}\n",
            "3: name: The SMS notifier in line 2 has this name too.",
        ),
        (
            "sms: [{name: a, backend: ippanel}, {name: a, backend: ippanel}]",
            "1: name: The SMS notifier in line 1 has",
        ),
        (
            "sms:\n- name: a\n  backend: ippanel\n  patterns:\n  - &p {name: p, code: 1, body: b}\n  - *p\n",
            "5: name: The SMS pattern in line 5 has this name too.",
        ),
        (
            "sms:\n- name: a\n  backend: ippanel\n  patterns:\n  - {name: p, code: 1}\n",
            "5: body: This field is required.",
        ),
        ("sms:\n- name: a\n  patterns:\n  - {name: p}\n", "2: backend: This field is required."),
        (
            "sms:\n- patterns:\n  - {name: p,\n     code: []}\n  name: a\n",
            "2: backend: This field is required.",
        ),
        (
            "sms:\n- backend: ippanel\n  patterns:\n  - {name: p, body: x,\n     code: []}\n  name: ''\n",
            "5: code: Not a valid string.",
        ),
        (
            "email:\n- {name: m, host: h, username: '', password: '',\n   port: 0, from_email: a@b.co}\n",
            "3: port: Ensure this",
        ),
        (
            "email:\n- {name: m, host: h, username: '', password: '',\n   from_email: a}\n",
            "3: from_email: Enter a valid email",
        ),
        ("settings:\n  notifications_otp_code_len: 3\n", "2: notifications_otp_code_len: Ensure this value"),
        (
            "settings:\n  notifications_otp_length: 5\n",
            "2: notifications_otp_length: This key is not known here",
        ),
        ("settings: [1]\n", "1: A mapping is expected here"),
        (
            "settings:\n\n  notifications_sms_notifier: b\n",
            "3: notifications_sms_notifier: There is no SMS notifier with this name.",
        ),
        (
            "settings:\n  notifications_sms_notifier: [1]\n",
            "2: notifications_sms_notifier: Not a valid string.",
        ),
        (
            "settings:\n  notifications_sms_notifier: b\nsms:\n- {name: b, backend: x}\n",
            '4: backend: "x" is not',
        ),
        (
            'sms:\n- name: a\n  backend: ippanel\n  settings:\n    more: {x: "\\0"}\n',
            "4: settings: Null characters are not allowed.",
        ),
        ('sms:\n- name: "\\ud800"\n  backend: ippanel\n', "2: name: Surrogate characters are not allowed."),
        (GOOD + "email:\n- name: ${NOWHERE}\n", "4: The variable NOWHERE of the environment is not set."),
        ("settings:\n  notifications_otp_ttl: 5\nsms:\n- {name: ${NOWHERE}}\n", "4: This is not YAML"),
        (
            "settings:\n  notifications_otp_ttl: 5\nsms:\n- name: ${NOWHERE}\n",
            "2: notifications_otp_ttl: Ensure",
        ),
    ],
)
def test_nothing_is_changed_by_a_file_with_a_mistake_and_the_first_is_told(
    seed: Seed, app: Flask, text: str, expected: str
) -> None:
    before = rows(app)
    assert refusal(seed(text)).startswith(f"seed.yaml:{expected}")
    assert rows(app) == before


def test_a_mistake_undoes_changes_too(seed: Seed, app: Flask) -> None:
    seed(FILE)
    before = rows(app)
    assert refusal(seed(FILE.replace("13420", "1").replace("code_len: 6", "code_len: 60"))).startswith(
        "seed.yaml:13:"
    )
    assert rows(app) == before


def test_a_name_that_several_notifiers_have_is_refused(seed: Seed, app: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory.create_batch(2, name="twin")
    for text, line in {
        "sms:\n- backend: ippanel\n  name: twin\n": "3: name: 2 SMS notifiers have this name.",
        "settings: {notifications_sms_notifier: twin}\n": "1: notifications_sms_notifier: 2 SMS",
    }.items():
        assert refusal(seed(text)).startswith(f"seed.yaml:{line}")


def test_errors_show_no_secret(seed: Seed) -> None:
    for text in (
        FILE.replace("backend: melipayamak\n", "backend: ippanel\n"),
        FILE.replace("port: 587", "port: 0"),
    ):
        words = refusal(seed(text))
        assert TOKEN not in words
        assert PASSWORD not in words


def test_masking_does_not_get_in_the_way(seed: Seed, app: Flask, other_app: Callable[..., Flask]) -> None:
    masking = other_app(NOTIFYHUB_MASK_SECRETS="1")
    assert seed(FILE, app=masking).exit_code == 0
    before = rows(app)
    assert before[0][0]["settings"]["token"] == TOKEN
    assert "0 created, 0 updated, 1 unchanged" in seed(FILE, app=masking).stdout
    assert rows(app) == before
    masked = FILE.replace("${SMTP_PASSWORD}", "••••" + PASSWORD[-4:])
    assert seed(masked, app=masking).exit_code == 0
    assert rows(app) == before
    moved = masked.replace("host: ", "host: other.")
    assert seed(moved, app=masking).exit_code == 0, "the operator knows all secrets"
    assert rows(app)[2][0]["password"] == PASSWORD
    other = FILE.replace("${SMTP_PASSWORD}", "••••abcd")
    assert refusal(seed(other, app=masking)).startswith("seed.yaml:8: password: This is the mask of a secret")


def test_a_file_that_is_not_there_is_told(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["notifiers", "seed", "nowhere.yaml"])
    assert result.exit_code == 2
    assert "'nowhere.yaml': No such file or directory" in result.stderr


def test_secrets_that_no_key_fits_are_told(seed: Seed, other_app: Callable[..., Flask]) -> None:
    seed(FILE)
    other = other_app(NOTIFYHUB_ENCRYPTION_KEYS="b3RoZXItdGVzdHMtb3RoZXItdGVzdHMtb3RoZXItdHg=")
    assert "None of the keys fits email_notifiers " in refusal(seed(FILE, app=other))
