"""Headers are read back by the standard library, and by readings of the standards that are written here."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifyhub.providers.smtp import headers
from notifyhub.providers.smtp.headers import InvalidHeader
from notifyhub.text.addresses import Mailbox
from tests.support.header_reading import (
    BREAKS,
    EXAMPLES,
    LINES,
    TEXTS,
    read_parameters,
    read_phrase,
    read_unstructured,
)


def value_of(header: str, written: str) -> str:
    assert written.startswith(f"{header}: ")
    assert written.endswith("\r\n")
    lines = written.removesuffix("\r\n").split("\r\n")
    assert all(line.startswith(" ") and line.strip() for line in lines[1:])
    assert not re.search(r"[\r\n]", "".join(lines))
    assert all(len(line) <= 998 for line in lines)
    return written.removeprefix(f"{header}: ").removesuffix("\r\n")


def lines_of(written: str) -> Iterator[str]:
    yield from written.removesuffix("\r\n").split("\r\n")


def parsed(written: str) -> EmailMessage:
    return email.message_from_string(written + "\r\n", policy=email.policy.default)


def with_texts(test: Callable[..., None]) -> Callable[..., None]:
    for text in TEXTS:
        test = example(text)(test)
    return test


@EXAMPLES
@given(LINES)
@with_texts
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    written = headers.unstructured("Subject", text)
    value = value_of("Subject", written)
    assert max(map(len, lines_of(written))) <= 76
    assert read_unstructured(value) == text
    assert str(make_header(decode_header(value.replace("\r\n", "")))) == text
    assert parsed(written)["Subject"] == text


@EXAMPLES
@given(LINES, st.integers(1, 250))
@example("0 <a@b.example>", 1)
def test_any_name_is_read_back_beside_its_address(name: str, length: int) -> None:
    address = f"{'a' * length}@example.com"
    written = headers.mailbox("Reply-To", Mailbox(name, address))
    value = value_of("Reply-To", written)
    alone = re.compile(r"(Reply-To:)? <?a+@example.com>?")
    assert all(len(line) <= 76 or alone.fullmatch(line) for line in lines_of(written))
    if not name:
        assert value == address
        return
    phrase, shown = value.removesuffix(">").rsplit(" <", 1)
    assert (read_phrase(phrase.removesuffix("\r\n")), shown) == (name, address)
    read, shown = parseaddr(value.replace("\r\n", ""))
    assert (str(make_header(decode_header(read))), shown) == (name, address)
    [found] = parsed(written)["Reply-To"].addresses
    assert found.addr_spec == address
    # That parser folds blanks into one, and shows those between encoded words (against RFC 2047, 6.2).
    assert phrase.count("=?utf-8?") > 1 or found.display_name.split() == name.split()


@EXAMPLES
@given(LINES)
@with_texts
def test_any_file_name_is_read_back(name: str) -> None:
    written = headers.parametrized("Content-Disposition", "attachment", {"filename": name})
    assert max(map(len, lines_of(written))) <= 76
    value = value_of("Content-Disposition", written)
    assert read_parameters(value.removeprefix("attachment")) == {"filename": name}
    assert parsed(written)["Content-Disposition"].params["filename"] == name


@pytest.mark.parametrize("line_end", BREAKS)
@pytest.mark.parametrize("text", ["{}", "a{}Bcc: eve@example.com", "سلام{}", "a{}{}b", "{}a"])
def test_what_would_end_a_header_is_never_written(text: str, line_end: str) -> None:
    broken = text.replace("{}", line_end)
    for write in (
        lambda: headers.unstructured("Subject", broken),
        lambda: headers.mailbox("From", Mailbox(broken, "a@example.com")),
        lambda: headers.mailbox("From", Mailbox("", broken)),
        lambda: headers.mailbox("From", Mailbox("A", broken)),
        lambda: headers.token("Message-ID", broken),
        lambda: headers.parametrized("Content-Type", broken, {}),
        lambda: headers.parametrized("Content-Type", "text/plain", {"name": broken}),
        lambda: headers.parametrized("Content-Type", "text/plain", {broken: "a"}),
    ):
        with pytest.raises(InvalidHeader):
            write()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Your invoice", "Subject: Your invoice\r\n"),
        ("", "Subject: \r\n"),
        ("a  b", "Subject: =?utf-8?q?a__b?=\r\n"),
        ("سلام", "Subject: =?utf-8?b?2LPZhNin2YU=?=\r\n"),
        ("=?utf-8?q?=41?=", "Subject: =?utf-8?b?PT91dGYtOD9xPz00MT89?=\r\n"),
        (f"{'a' * 40} {'b' * 40}", f"Subject: {'a' * 40}\r\n {'b' * 40}\r\n"),
    ],
)
def test_a_text_that_nobody_misreads_goes_as_it_is(text: str, written: str) -> None:
    assert headers.unstructured("Subject", text) == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Notify Hub", "Notify Hub <a@example.com>"),
        ("Shop, Inc.", '"Shop, Inc." <a@example.com>'),
        (" Shop.", "=?utf-8?q?_Shop=2E?= <a@example.com>"),
        ('The "Shop"', "=?utf-8?q?The_=22Shop=22?= <a@example.com>"),
        ("فروشگاه", "=?utf-8?b?2YHYsdmI2LTar9in2Yc=?= <a@example.com>"),
        ("", "a@example.com"),
    ],
)
def test_names_are_atoms_or_quoted_or_encoded(name: str, written: str) -> None:
    assert headers.mailbox("From", Mailbox(name, "a@example.com")) == f"From: {written}\r\n"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("bill.pdf", "filename=bill.pdf"),
        ("my bill (2).pdf", 'filename="my bill (2).pdf"'),
        ("گزارش", "filename*=utf-8''%DA%AF%D8%B2%D8%A7%D8%B1%D8%B4"),
        ('a"b', "filename*=utf-8''a%22b"),
    ],
)
def test_file_names_are_tokens_or_quoted_or_encoded(name: str, written: str) -> None:
    found = headers.parametrized("Content-Disposition", "attachment", {"filename": name})
    assert found.replace("\r\n", "") == f"Content-Disposition: attachment; {written}"
