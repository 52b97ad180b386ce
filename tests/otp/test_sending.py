"""Codes on their way: providers are given them, and nobody else."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import time_machine

from notifyhub.extensions import db
from notifyhub.jobs.queues import CODES
from notifyhub.messages.models import MessageStatus
from notifyhub.otp.codes import code_of
from notifyhub.providers.sandbox import FAILS_TWICE
from notifyhub.settings.models import DeliverySettings
from tests.otp.codes import NUMBER, Codes, wrong
from tests.simulators import SMTPSimulator
from tests.simulators.smtp import PASSWORD, USERNAME
from tests.support.databases import stored_text
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.scripted import NAME, Scripted

pytestmark = pytest.mark.usefixtures("scripted")


def notifier(codes: Codes, token: str = "home", *script: str) -> int:
    """Store a notifier whose provider does as the script says, and make it the default one."""
    Scripted.script(token, script)
    with codes.app.app_context():
        made: int = SMSNotifierFactory(name=token, backend=NAME, settings={"token": token}).id
    codes.settings(sms_notifier_id=made)
    return made


def backups(codes: Codes, **values: Any) -> None:
    with codes.app.app_context():
        db.session.merge(DeliverySettings(id=1, **values))
        db.session.commit()


def code(codes: Codes, id: int) -> str:
    with codes.app.app_context():
        return code_of(codes.row(id))


def test_the_provider_is_given_the_code_and_the_row_keeps_the_mask(live: Codes) -> None:
    notifier(live)
    live.settings(sms_text="Code: {code}")
    made = live.issued(origin="https://example.com")
    sent = live.deliver(made["message"])
    (sms,) = Scripted.sent["home"]
    secret = code(live, made["id"])
    assert sms.text == f"Code: {secret}\n@example.com #{secret}"
    assert sms.secrets == [secret]
    assert secret not in repr(sms)
    assert (sent.status, sent.text) == (MessageStatus.SENT, "Code: •••••\n@example.com #•••••")


@pytest.mark.parametrize("body", ["کد {0} است", "code %code%"])
def test_a_pattern_is_given_the_code_as_its_argument(live: Codes, body: str) -> None:
    home = notifier(live)
    with live.app.app_context():
        pattern = SMSPatternFactory(notifier_id=home, status="approved", code="7", body=body).id
    live.settings(sms_pattern_id=pattern)
    made = live.issued()
    sent = live.deliver(made["message"])
    (sms,) = Scripted.sent["home"]
    secret = code(live, made["id"])
    assert (sms.pattern_code, sms.args) == ("7", [secret])
    assert set(sms.params.values()) == {secret}
    assert secret in sms.text
    assert (sent.status, sent.args) == (MessageStatus.SENT, ["•••••"])


def test_a_mail_holds_the_code(live: Codes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(live.app.config, "SMTP_VERIFY", False)
    with SMTPSimulator() as mail:
        with live.app.app_context():
            account = EmailNotifierFactory(
                host="127.0.0.1", port=mail.port, username=USERNAME, password=PASSWORD
            ).id
        live.settings(email_notifier_id=account, email_subject="{code}", email_text="It is {code}.")
        made = live.issued("customer@example.com", channel="email")
        sent = live.deliver(made["message"])
        (received,) = mail.journal.wait_for(1)
    assert sent.status == MessageStatus.SENT
    assert received.recipient == "customer@example.com"
    assert f"It is {code(live, made['id'])}." in received.text
    assert f"Subject: {code(live, made['id'])}" in received.content.decode()


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("verified", MessageStatus.CANCELLED),
        ("cancelled", MessageStatus.CANCELLED),
        ("blocked", MessageStatus.CANCELLED),
    ],
)
def test_a_code_that_is_over_is_not_sent(live: Codes, ending: str, status: MessageStatus) -> None:
    notifier(live)
    live.settings(max_attempts=1)
    made = live.issued()
    if ending == "cancelled":
        live.cancel(made["id"])
    else:
        secret = code(live, made["id"])
        live.guess(secret if ending == "verified" else wrong(secret))
    assert live.deliver(made["message"]).status == status
    assert Scripted.sent["home"] == []


def test_a_code_is_not_sent_after_it_has_expired(live: Codes, clock: time_machine.Traveller) -> None:
    notifier(live)
    made = live.issued()
    clock.shift(120)
    assert live.deliver(made["message"]).status in {MessageStatus.QUEUED, MessageStatus.EXPIRED}
    assert Scripted.sent["home"] == []


@pytest.mark.parametrize("failure", ["temporary", "trouble", "not_here", "uncertain"])
def test_the_backup_is_tried_at_once(live: Codes, failure: str) -> None:
    backup = notifier(live, "backup")
    notifier(live, "home", failure)
    backups(live, sms_backup_notifiers=[backup])
    made = live.issued()
    assert live.deliver(made["message"]).status == MessageStatus.SENT
    assert [len(Scripted.sent[name]) for name in ("home", "backup")] == [1, 1]
    assert code(live, made["id"]) in Scripted.sent["backup"][0].text


def test_a_message_fails_when_the_next_round_would_be_too_late(live: Codes) -> None:
    notifier(live, "home", "temporary")
    backups(live, retry_delays=[200])
    made = live.issued()
    assert live.deliver(made["message"]).status == MessageStatus.FAILED


def test_a_round_that_is_in_time_sends_the_same_code(codes: Codes, clock: time_machine.Traveller) -> None:
    made = codes.issued(FAILS_TWICE)
    for seconds in (0, 10, 60):
        clock.shift(seconds)
        sent = codes.deliver(made["message"])
    assert sent.status == MessageStatus.SENT
    assert codes.guess(made["code"], FAILS_TWICE)["verified"]


def test_a_code_goes_by_a_queue_of_its_own(live: Codes) -> None:
    before = calls(live)
    made = live.issued()
    new = [call for call in calls(live) if call not in before]
    assert [(queue.rpartition(".")[2], args) for queue, args in new] == [(CODES, [[made["message"]]])]


def calls(codes: Codes) -> list[tuple[str, list[Any]]]:
    """Return what waits in the queue's folder: the queue and the arguments of each call."""
    found = []
    for file in (Path(codes.app.instance_path) / "queue").rglob("*.msg"):
        call = json.loads(file.read_text())
        args, _, _ = json.loads(base64.b64decode(call["body"]))
        found.append((call["properties"]["delivery_info"]["routing_key"], args))
    return found


def test_codes_are_in_no_row_no_line_of_the_log_and_no_call(
    codes: Codes, live: Codes, caplog: pytest.LogCaptureFixture
) -> None:
    """Codes of ten digits: shorter ones would be found in moments and ids by chance."""
    caplog.set_level(logging.DEBUG)
    backup = notifier(live, "backup", *["uncertain", "refused"] * 4)
    notifier(live, "home", *["temporary", "not_here", "accepted"] * 4)
    backups(live, sms_backup_notifiers=[backup])
    live.settings(otp_code_len=10)
    secrets = []
    for number in range(8):
        to = f"0912000000{number}"
        client = codes if number == 0 else live
        made = client.issued(to, fallback={"channel": "email", "to": "a@example.com"})
        secrets.append(code(live, made["id"]))
        client.deliver(made["message"])
        client.guess(secrets[-1] if number % 2 else wrong(secrets[-1]), to)
        client.show(made["id"])
    folder = (Path(codes.app.instance_path) / "queue").rglob("*.msg")
    kept = "\n".join([stored_text(codes.app), caplog.text, *(file.read_text() for file in folder)])
    answers = [live.api.get(f"/api/notifications/messages/{one.id}") for one in live.messages()]
    shown = "\n".join(str(answer.json) for answer in answers)
    assert NUMBER[:6] in kept
    assert "••••••••••" in shown
    assert [secret for secret in secrets if secret in kept + shown] == []
    sent = "\n".join(sms.text for sms in Scripted.sent["home"])
    assert len([secret for secret in secrets if secret in sent]) == 7
