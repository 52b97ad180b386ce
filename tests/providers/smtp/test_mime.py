import email
import email.policy
import re
import tracemalloc
from collections.abc import Callable
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.messages.fields import ContentId
from notifyhub.providers.base import Attachment, Email
from notifyhub.providers.errors import Refused
from notifyhub.providers.smtp.mime import compose, read_mailbox
from notifyhub.text.addresses import Mailbox
from tests.support.header_reading import BREAKS, EXAMPLES, LINES, TEXTS, read_unstructured

MESSAGE_ID = "<0d5c4b0e-1f6e-4a53-9a5c-2d0c3a3b7f11@example.com>"
TOP = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]
BODIES = st.lists(
    st.sampled_from(["\n", "\r\n", "\r", ".", " \n", "\t\n", "=", "From ", "--", "سلام ", "x" * 100])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    max_size=20,
).map("".join)


def mail(**changes: object) -> Email:
    fields = {
        "to": "ali@example.com",
        "from_email": "Notify Hub <info@example.com>",
        "subject": "Hello",
        "text": "Hello.",
        "message_id": MESSAGE_ID,
    }
    return Email(**{**fields, **changes})  # type: ignore[arg-type]


def composed(message: Email) -> bytes:
    sender, recipient = read_mailbox(message.from_email), read_mailbox(message.to)
    assert sender
    assert recipient
    return compose(message, sender, recipient)


def parsed(message: Email) -> EmailMessage:
    return email.message_from_bytes(composed(message), policy=email.policy.default)


def header_names(raw: bytes) -> list[str]:
    """Return the names of the headers before the first empty line."""
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert all(re.match(r"[!-9;-~]+: | [^ ]", line) for line in lines)
    return [line.partition(":")[0] for line in lines if not line.startswith(" ")]


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, whichever line ends of mails it has; an end at its end begins none."""
    return re.sub(r"\r\n?", "\n", text).removesuffix("\n").split("\n")


def text_of(part: Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@EXAMPLES
@given(subject=LINES, name=LINES, filename=LINES, title=LINES)
def test_no_text_makes_a_header_or_a_body(subject: str, name: str, filename: str, title: str) -> None:
    quoted = re.sub(r'(["\\])', r"\\\1", title)
    file = Attachment(filename, f'text/x-note; charset=utf-8; title="{quoted}"', b"inner")
    message = mail(subject=subject, html="<p>", attachments=[file])
    raw = compose(message, Mailbox(name, "info@example.com"), Mailbox(name, "ali@example.com"))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "RFC 5322 2.1.1"
    assert not re.search(rb"[\r\n]", raw.replace(b"\r\n", b""))
    assert header_names(raw) == TOP
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert found.keys() == TOP
    assert (found["Subject"], found["Message-ID"]) == (subject, MESSAGE_ID)
    plain, html, noted = (part for part in found.walk() if not part.is_multipart())
    assert (plain.get_content(), html.get_content()) == ("Hello.\r\n", "<p>\r\n")
    assert plain.keys() == html.keys() == ["Content-Type", "Content-Transfer-Encoding"]
    assert noted.keys() == ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]
    assert noted["Content-Disposition"].params == {"filename": filename}
    assert noted["Content-Type"].params == {"charset": "utf-8", "title": title}
    assert noted.get_content() == "inner"
    assert not [part.defects for part in found.walk() if part.defects]


IDS = st.from_regex(ContentId.PATTERN, fullmatch=True).map(str.strip).map(lambda text: text[:255])
FILES = st.builds(
    Attachment,
    LINES,
    st.sampled_from(["image/png", "text/html; charset=utf-8", "no type"]),
    st.binary(max_size=100),
    st.none() | IDS,
)
COPIES = st.lists(st.builds(Mailbox, LINES, st.sampled_from(["a@example.com", "b@example.org"])), max_size=5)


@EXAMPLES
@given(files=st.lists(FILES, max_size=5), cc=COPIES, text=st.sampled_from(["", "Hello."]))
def test_copies_pictures_and_files_are_read_back_as_given(
    files: list[Attachment], cc: list[Mailbox], text: str
) -> None:
    bcc = ["boss@hidden.example"]
    message = mail(text=text, html="<p>", attachments=files, bcc=bcc, unsubscribe_url="https://x.ir/u")
    raw = compose(message, Mailbox("", "info@example.com"), Mailbox("", "ali@example.com"), cc)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998, "RFC 5322 2.1.1"
    top = [
        *TOP[:2],
        *(["Cc"] if cc else []),
        *TOP[2:5],
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        *TOP[5:],
    ]
    assert [name for name in header_names(raw) if name != "Content-Transfer-Encoding"] == top
    assert not {b"boss", b"hidden.example"} & set(re.findall(rb"[\w.]+", raw))
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert not [part.defects for part in found.walk() if part.defects]
    named = getaddresses([email.message_from_bytes(raw)["Cc"].replace("\r\n", "")]) if cc else []
    assert [Mailbox(str(make_header(decode_header(name))), address) for name, address in named] == cc
    shown = [file for file in files if file.content_id is not None]
    others = [file for file in files if file.content_id is None]
    parts = [part for part in found.walk() if part.get_content_disposition()]
    assert [part.get_content_disposition() for part in parts] == ["inline"] * len(shown) + [
        "attachment"
    ] * len(others)
    for part, file in zip(parts, [*shown, *others], strict=True):
        assert part["Content-Disposition"].params == {"filename": file.filename}
        assert part["Content-ID"] == (None if file.content_id is None else f"<{file.content_id}>")
        assert part.get_payload(decode=True) == file.content


def test_pictures_stand_beside_the_html_and_files_after_all() -> None:
    files = [
        Attachment("a.pdf", "application/pdf", b"%PDF"),
        Attachment("لوگو.png", "image/png", b"\x89PNG", "logo@shop"),
        Attachment("b.gif", "image/gif", b"GIF", "b"),
    ]
    found = parsed(mail(html='<img src="cid:logo@shop">', attachments=files))
    assert outline(found) == {
        "multipart/mixed": [
            {
                "multipart/alternative": [
                    "text/plain",
                    {"multipart/related": ["text/html", "image/png", "image/gif"]},
                ]
            },
            "application/pdf",
        ]
    }
    [related] = [part for part in found.walk() if part.get_content_type() == "multipart/related"]
    assert related["Content-Type"].params["type"] == "text/html", "RFC 2387, 3.1"
    body = found.get_body(("related",))
    assert body is related
    picture = list(related.iter_parts())[1]
    assert picture.items() == [
        ("Content-Type", "image/png"),
        ("Content-Disposition", 'inline; filename="لوگو.png"'),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-ID", "<logo@shop>"),
    ]
    alone = parsed(mail(text="", html="<p>", attachments=files[1:]))
    assert outline(alone) == {"multipart/related": ["text/html", "image/png", "image/gif"]}
    without_html = parsed(mail(attachments=files[1:]))
    assert outline(without_html) == {"multipart/mixed": ["text/plain", "image/png", "image/gif"]}
    assert {part.get_content_disposition() for part in without_html.iter_attachments()} == {"attachment"}


def outline(part: Message) -> object:
    """Return the types of a part and of those in it."""
    if not part.is_multipart():
        return part.get_content_type()
    inner = part.get_payload()
    assert isinstance(inner, list)
    return {part.get_content_type(): [outline(each) for each in inner]}


def test_the_headers_to_unsubscribe_by_are_a_line_each() -> None:
    url = "https://example.com/u?t=".ljust(978, "x")
    raw = composed(mail(unsubscribe_url=url))
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert max(map(len, raw.split(b"\r\n"))) == 998
    for wrong in (f"{url}x", "https://x.ir/>", "https://x.ir/ ", "https://x.ir/س", ""):
        with pytest.raises(Refused):
            composed(mail(unsubscribe_url=wrong))


@EXAMPLES
@given(text=BODIES, html=BODIES)
def test_bodies_arrive_line_by_line(text: str, html: str) -> None:
    raw = composed(mail(text=text, html=html))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert not re.search(rb"[\r\n]", raw.replace(b"\r\n", b""))
    parts = [part for part in email.message_from_bytes(raw).walk() if not part.is_multipart()]
    given = [lines_of(body) for body in ([text] if text or not html else []) + ([html] if html else [])]
    assert [lines_of(text_of(part)) for part in parts] == given


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello.\n.\n", "7bit"),
        ("a" * 79, "quoted-printable"),
        ("Hello é, how are you today", "quoted-printable"),
        ("سلام", "base64"),
    ],
)
def test_a_body_is_in_seven_bits_by_the_shortest_way(text: str, encoding: str) -> None:
    assert parsed(mail(text=text))["Content-Transfer-Encoding"] == encoding


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_misread_arrives_as_given_in_every_header(text: str) -> None:
    named = f'"{text}" <reply@example.com>'
    files = [Attachment(text, f'text/plain; title="{text}"', b"")]
    raw = composed(mail(subject=text, from_email=named, to=named, reply_to=named, attachments=files))
    assert header_names(raw) == [*TOP[:2], "Reply-To", *TOP[2:]]
    found = email.message_from_bytes(raw)
    assert read_unstructured(found["Subject"]) == text
    for header in ("From", "To", "Reply-To"):
        name, address = parseaddr(found[header].replace("\r\n", ""))
        assert (str(make_header(decode_header(name))), address) == (text.strip(), "reply@example.com")
    [file] = email.message_from_bytes(raw, policy=email.policy.default).iter_attachments()
    assert file["Content-Disposition"].params == {"filename": text}
    assert file["Content-Type"].params == {"title": text}


def test_text_stands_before_html_and_files_after_both() -> None:
    files = [
        Attachment("گزارش.pdf", "application/pdf", b"%PDF\x00\xff"),
        Attachment("table.csv", "text/csv; charset=utf-8", "الف".encode()),
        Attachment("odd", "no type", b"\n.\n"),
        Attachment("mail.eml", "message/rfc822", "Subject: میان\r\n".encode()),
        Attachment("empty", "text/plain", b""),
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
        "text/plain",
    ]
    attached = list(found.iter_attachments())
    assert [part.get_filename() for part in attached] == [file.filename for file in files]
    assert [part.get_payload(decode=True) for part in attached] == [file.content for file in files]
    assert attached[1].get_content() == "الف"
    assert found["Reply-To"].addresses[0].display_name == "پاسخ"


@pytest.mark.parametrize(
    ("content_type", "parameters"),
    [
        ("text/calendar; method=REQUEST; charset=UTF-8", {"method": "REQUEST", "charset": "UTF-8"}),
        ('text/plain; charset="utf-8";format=flowed', {"charset": "utf-8", "format": "flowed"}),
        ('application/x; title="a \\"b\\"; c"', {"title": 'a "b"; c'}),
        ('application/x; title="گزارش"', {"title": "گزارش"}),
        ("text/plain; charset*=utf-8''a%0Ab", None),
        ('text/plain; charset="=?utf-8?q?x=0A?="', None),
        ("text/plain;é*", None),
    ],
)
def test_a_file_keeps_its_types_parameters(content_type: str, parameters: dict[str, str] | None) -> None:
    [file] = parsed(mail(attachments=[Attachment("a", content_type, b"x")])).iter_attachments()
    expected = content_type.partition(";")[0] if parameters is not None else "application/octet-stream"
    assert (file.get_content_type(), file["Content-Type"].params) == (expected, parameters or {})
    assert not file.defects


def test_a_mail_within_a_mail_is_one() -> None:
    inner = b"From: a@example.com\r\nSubject: =?utf-8?q?x?=\r\n\r\n.\r\n--x--\r\n"
    files = [Attachment("mail.eml", "message/rfc822", inner), Attachment("a", "text/plain", b"x")]
    raw = composed(mail(attachments=files))
    assert b"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + inner in raw
    file, other = email.message_from_bytes(raw, policy=email.policy.default).iter_attachments()
    assert (file.get_content_type(), file.get_filename()) == ("message/rfc822", "mail.eml")
    assert file.get_content()["From"] == "a@example.com"
    assert (other.get_content_type(), file.defects) == ("text/plain", [])


@pytest.mark.parametrize(
    "inner", [b"a\nb", b"a\rb", b"a\r", b"\0", b"\x80", 999 * b"a", b"a\r\n" + 999 * b"a" + b"\r\n"]
)
@pytest.mark.parametrize("content_type", ["message/rfc822", "message/partial", "multipart/mixed; boundary=x"])
def test_what_a_composite_type_would_change_is_just_bytes(content_type: str, inner: bytes) -> None:
    [file] = parsed(mail(attachments=[Attachment("a", content_type, inner)])).iter_attachments()
    assert (file.get_content_type(), file.get_payload(decode=True)) == ("application/octet-stream", inner)


@pytest.mark.parametrize("length", [40, 70, 100, 200])
def test_a_message_id_of_any_length_stays_as_it_is(length: int) -> None:
    message_id = f"<{'a' * length}@example.com>"
    assert f"\r\nMessage-ID: {message_id}\r\n".encode() in composed(mail(message_id=message_id))


@pytest.mark.parametrize("field", ["to", "from_email", "reply_to"])
def test_an_address_beyond_ascii_is_written_as_it_is(field: str) -> None:
    raw = composed(mail(subject="سلام", **{field: "علی <علی@example.com>"}))
    assert "=?utf-8?b?2LnZhNuM?= <علی@example.com>".encode() in raw
    assert b"Subject: =?utf-8?b?2LPZhNin2YU=?=\r\n" in raw


def test_html_can_stand_alone() -> None:
    assert parsed(mail(text="", html="<p>x</p>")).get_content_type() == "text/html"


@pytest.mark.parametrize(
    "content",
    [
        lambda text: {"text": text},
        lambda text: {"text": "", "html": text},
        lambda text: {"text": text.replace("\n\n", ".\n")},
        lambda text: {"text": text.replace("\n\n\n", "س\n")},
        lambda text: {"attachments": [Attachment("a.txt", "text/plain", text.encode())]},
    ],
)
def test_empty_lines_take_a_small_multiple_of_memory(
    content: Callable[[str], dict[str, object]],
) -> None:
    size = 2 * 1024 * 1024
    message = mail(**content("\n" * size))
    tracemalloc.start()
    try:
        composed(message)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * size


@pytest.mark.parametrize("line_end", BREAKS)
@pytest.mark.parametrize(
    "spoiled",
    [
        lambda b: mail(subject=f"a{b}Bcc: eve@example.com"),
        lambda b: mail(reply_to=f"a@example.com{b}Bcc: eve@example.com"),
        lambda b: mail(message_id=f"<a@b>{b}Bcc: eve@example.com"),
        lambda b: mail(attachments=[Attachment(f"a{b}Bcc: eve", "text/plain", b"")]),
        lambda b: mail(attachments=[Attachment("a", f"text/plain{b}Bcc: eve", b"")]),
        lambda b: mail(html="x", attachments=[Attachment("a", "text/plain", b"", f"a{b}Bcc: eve")]),
        lambda b: mail(unsubscribe_url=f"https://example.com/{b}Bcc: eve"),
    ],
)
def test_line_ends_in_a_header_are_refused(spoiled: Callable[[str], Email], line_end: str) -> None:
    with pytest.raises(Refused):
        composed(spoiled(line_end))


@pytest.mark.parametrize("line_end", BREAKS)
def test_line_ends_in_an_address_make_it_none(line_end: str) -> None:
    assert read_mailbox(f"a@example.com{line_end}Bcc: eve@example.com") is None
    assert read_mailbox(f"a{line_end}Bcc: eve@example.com <a@example.com>") is None


@pytest.mark.parametrize("text", ["", "ali", "@example.com", "ali@", "a b@", "a@exa..mple", "a@b@c d", "<>"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_mailbox(text) is None
