import email
import email.policy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.delivery.backends.failures import Refused
from notifyhub.delivery.backends.interface import Attachment, Email
from notifyhub.delivery.backends.mime import as_bytes, compose, parse_address

MESSAGE_ID = "<0d5c4b0e-1f6e-4a53-9a5c-2d0c3a3b7f11@example.com>"
WORDS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=200)
BREAKS = ["\n", "\r\n", "\r", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"]


def mail(**changes: object) -> Email:
    fields = {
        "to": "ali@example.com",
        "from_email": "Notify Hub <info@example.com>",
        "subject": "Hello",
        "text": "Hello.",
        "message_id": MESSAGE_ID,
    }
    return Email(**{**fields, **changes})  # type: ignore[arg-type]


def parsed(message: Email) -> email.message.EmailMessage:
    sender, recipient = parse_address(message.from_email), parse_address(message.to)
    assert sender
    assert recipient
    raw = as_bytes(compose(message, sender, recipient), utf8_headers=False)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "RFC 5322 2.1.1"
    assert b"\n" not in raw.replace(b"\r\n", b"")
    return email.message_from_bytes(raw, policy=email.policy.default)


@given(
    subject=WORDS, text=st.text(st.characters(categories=["L", "N", "P", "Zs"]) | st.just("\n")), name=WORDS
)
def test_headers_and_text_of_any_script_arrive_as_they_were(subject: str, text: str, name: str) -> None:
    sender = str(email.headerregistry.Address(" ".join(name.split()), addr_spec="info@example.com"))
    found = parsed(mail(subject=subject, text=text, from_email=sender))
    assert "".join(found["Subject"].split()) == "".join(subject.split())
    assert found.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert found["From"].addresses[0].addr_spec == "info@example.com"
    assert found["Message-ID"] == MESSAGE_ID
    assert not [part.defects for part in found.walk() if part.defects]


def test_persian_headers_are_read_back_exactly() -> None:
    found = parsed(
        mail(
            subject="رمز یک‌بار مصرف شما: ۱۲۳۴۵ — لطفاً آن را به کسی ندهید، حتی به پشتیبانی",
            from_email="فروشگاه، نمونه <info@example.com>",
        )
    )
    assert found["Subject"] == "رمز یک‌بار مصرف شما: ۱۲۳۴۵ — لطفاً آن را به کسی ندهید، حتی به پشتیبانی"
    assert found["From"].addresses[0].display_name == "فروشگاه، نمونه"


def test_text_stands_before_html_and_files_after_both() -> None:
    files = [
        Attachment("گزارش.pdf", "application/pdf", b"%PDF\x00\xff"),
        Attachment("table.csv", "text/csv; charset=utf-8", "الف".encode()),
        Attachment("odd", "no type", b"\n.\n"),
        Attachment("mail.eml", "message/rfc822", b"Subject: inner\r\n\r\n.\r\n"),
    ]
    found = parsed(mail(html="<p>سلام</p>", attachments=files, reply_to="پاسخ <reply@example.com>"))
    assert [part.get_content_type() for part in found.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "application/pdf",
        "text/csv",
        "application/octet-stream",
        "application/octet-stream",
    ]
    attached = list(found.iter_attachments())
    assert [part.get_filename() for part in attached] == [file.filename for file in files]
    assert [part.get_payload(decode=True) for part in attached] == [file.content for file in files]
    assert attached[1].get_content() == "الف"
    assert found["Reply-To"].addresses[0].display_name == "پاسخ"


@pytest.mark.parametrize("length", [40, 70, 100, 200])
def test_a_message_id_of_any_length_stays_as_it_is(length: int) -> None:
    message_id = f"<{'a' * length}@example.com>"
    sender = parse_address("info@example.com")
    assert sender
    raw = as_bytes(compose(mail(message_id=message_id), sender, sender), utf8_headers=False)
    assert b"Message-ID: " + message_id.encode() in raw.replace(b"\r\n ", b" ").replace(b":  ", b": ")


def test_html_can_stand_alone() -> None:
    assert parsed(mail(text="", html="<p>x</p>")).get_content_type() == "text/html"


@pytest.mark.parametrize("line_end", BREAKS)
@pytest.mark.parametrize(
    "spoiled",
    [
        lambda b: mail(subject=f"a{b}Bcc: eve@example.com"),
        lambda b: mail(reply_to=f"a@example.com{b}Bcc: eve@example.com"),
        lambda b: mail(message_id=f"<a@b>{b}Bcc: eve@example.com"),
        lambda b: mail(attachments=[Attachment(f"a{b}Bcc: eve", "text/plain", b"")]),
        lambda b: mail(attachments=[Attachment("a", f"text/plain{b}Bcc: eve", b"")]),
    ],
)
def test_line_ends_in_a_header_are_refused(spoiled: Callable[[str], Email], line_end: str) -> None:
    with pytest.raises(Refused):
        parsed(spoiled(line_end))


@pytest.mark.parametrize("line_end", BREAKS)
def test_line_ends_in_an_address_make_it_none(line_end: str) -> None:
    assert parse_address(f"a@example.com{line_end}Bcc: eve@example.com") is None
    assert parse_address(f"a{line_end}Bcc: eve@example.com <a@example.com>") is None


@pytest.mark.parametrize(
    "text", ["", "ali", "@example.com", "ali@", "a b@", "ali@exa..mple", "a@b@c d", "<>", f"a@{'x' * 64}.com"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_address(text) is None


@given(st.text())
def test_any_text_is_a_clean_address_or_none(text: str) -> None:
    address = parse_address(text)
    assert address is None or address.domain.isascii()
    assert address is None or not set(address.addr_spec) & set("\r\n\0")


def test_a_domain_of_another_script_goes_out_in_ascii() -> None:
    address = parse_address("علی <ali@مثال.ایران>")
    assert address
    assert address.addr_spec == "ali@xn--mgbh0fb.xn--mgba3a4f16a"
