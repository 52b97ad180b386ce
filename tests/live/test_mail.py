"""Mails as they are on the wire, from what clients give."""

import email
import email.policy
import re
from base64 import b64encode
from email.message import EmailMessage
from itertools import count
from typing import Any

import pytest

from tests.support.header_reading import INJECTION, read_phrase, read_unstructured
from tests.support.live import Live

TOP = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
_numbers = count(1)


def wire(live: Live, **message: Any) -> bytes:
    """Send a mail to a recipient of its own, and return what the mail server was given."""
    to = f"mail-{next(_numbers)}@example.com"
    sent = live.send(**{"channel": "email", "to": to, "subject": "Hello", "text": "Hello.", **message})
    assert sent["status"] == "sent", sent["error"]
    [received] = live.smtp.journal.messages(to)
    return received.content


def headers(raw: bytes) -> dict[str, str]:
    """Return the lines before the first empty one, folded as they are, by the names that begin them."""
    section = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    pairs = [header.split(": ", 1) for header in re.split(r"\r\n(?! )", section)]
    found = dict(pairs)
    assert len(found) == len(pairs)
    return found


@pytest.mark.parametrize(
    "subject",
    [
        INJECTION,
        "code is =?utf-8?q?=41bc?= ok",
        "نوبت شما برای علی رضایی فردا ساعت ۱۰ صبح است",
        "invoice INV-2025-000123 https://shop.example.com/orders/44131 ثبت سامانه — 😀 به لطفا خود لطفا",
    ],
)
def test_a_subject_arrives_exactly(live: Live, subject: str) -> None:
    raw = wire(live, subject=subject)
    found = headers(raw)
    assert found.keys() == {*TOP, "Content-Transfer-Encoding"}
    assert read_unstructured(found["Subject"]) == subject
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message.get_content() == "Hello.\r\n"


def test_a_senders_name_arrives_exactly(live: Live) -> None:
    for name in ("پشتیبانی سامانه ثبت نام و نوبت دهی", INJECTION):
        raw = wire(
            live, notifier=account(live, f"{name} <info@example.com>"), reply_to=f"{name} <a@example.com>"
        )
        for header in ("From", "Reply-To"):
            assert read_phrase(headers(raw)[header].rpartition("<")[0].strip()) == name


def account(live: Live, sender: str) -> int:
    fields = {
        "name": "named",
        "host": "127.0.0.1",
        "port": live.smtp.port,
        "username": "",
        "password": "",
        "from_email": sender,
    }
    made: int = live.make("notifications/notifiers/email", fields)["id"]
    return made


def attachment(**changes: str) -> dict[str, str]:
    content = b64encode(b"inner").decode()
    return {"filename": "a.txt", "content_type": "text/plain", "content": content, **changes}


@pytest.mark.parametrize("filename", [INJECTION, "گزارش ماهانه‌ی فروشگاه، نسخه‌ی نهایی (۲).pdf"])
def test_a_files_name_and_type_arrive_exactly(live: Live, filename: str) -> None:
    calendar = "text/calendar; method=REQUEST; charset=UTF-8"
    raw = wire(live, attachments=[attachment(filename=filename, content_type=calendar)])
    assert headers(raw).keys() == TOP
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    [file] = message.iter_attachments()
    assert file.get_filename() == filename
    assert file.get_content_type() == "text/calendar"
    assert file["Content-Type"].params == {"method": "REQUEST", "charset": "UTF-8"}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain; charset*=utf-8''a%0Ab",
        'text/plain; charset="=?utf-8?q?x=0A?="',
        "text/plain; charsetcharset*",
        "text/plain;é*",
    ],
)
def test_what_is_no_media_type_is_refused(live: Live, content_type: str) -> None:
    message = {
        "channel": "email",
        "to": "a@example.com",
        "subject": "Hello",
        "text": "Hello.",
        "attachments": [attachment(content_type=content_type)],
    }
    answer = {"attachments": {"0": {"content_type": ["Enter a type such as text/plain."]}}}
    assert live.call("POST", "notifications/messages", message) == (400, answer)
