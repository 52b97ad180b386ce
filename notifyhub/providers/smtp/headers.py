"""The header fields of a mail, written so that a reader finds each text exactly as it was given.

A text that a reader could take for something else, and any text beyond ASCII, goes out encoded as a whole:
in encoded words (RFC 2047), a parameter by RFC 2231. Nothing is ever decoded on the way out, as the
standard library's `EmailMessage` does, which then writes the line ends that it found (CVE-2024-6923).
"""

import re
from collections.abc import Mapping, Sequence
from email.header import Header
from urllib.parse import quote

from notifyhub.text.addresses import Mailbox
from notifyhub.text.lines import is_line

MAX_LINE_LENGTH = 76
"""Of a line with encoded words (RFC 2047, 2); longer are only lines of one address or name."""

_SPACED = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_QUOTABLE = re.compile(r'[^"\\]*')
# As values of parameters; ' and % could be taken for RFC 2231's.
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_QUOTABLE_VALUE = re.compile(r"""[^"\\'%]*""")


class InvalidHeader(ValueError):
    """A text would end its header."""


def unstructured(header: str, text: str) -> str:
    """Return a header whose value is any text of one line, such as Subject."""
    _require_line(text)
    pieces = text.split(" ") if _is_plain(text, _room(header)) else _encoded_words(header, text)
    return _folded(header, pieces)


def mailbox(header: str, mailbox: Mailbox) -> str:
    """Return a header whose value is an address, with the name of whose it is."""
    return mailboxes(header, [mailbox])


def mailboxes(header: str, mailboxes: Sequence[Mailbox]) -> str:
    """Return a header whose value is addresses, one or more, with the names of whose they are."""
    pieces: list[str] = []
    for mailbox in mailboxes:
        _require_line(mailbox.name + mailbox.address)
        if pieces:
            pieces[-1] += ","
        if mailbox.name:
            pieces += [*_phrase(header, mailbox.name), f"<{mailbox.address}>"]
        else:
            pieces.append(mailbox.address)
    return _folded(header, pieces)


def token(header: str, value: str) -> str:
    """Return a header whose value stays as it is, such as Message-ID."""
    _require_line(value)
    return _folded(header, [value])


def parametrized(header: str, value: str, parameters: Mapping[str, str]) -> str:
    """Return a header with parameters, such as Content-Type (RFC 2045, 5.1)."""
    _require_line(value)
    pieces = [value]
    for name, text in parameters.items():
        _require_line(name + text)
        for parameter in _parameter(name, text):
            pieces[-1] += ";"
            pieces.append(parameter)
    return _folded(header, pieces)


def _require_line(text: str) -> None:
    if not is_line(text):
        raise InvalidHeader("A header must be one line without control characters.")


def _folded(header: str, pieces: Sequence[str]) -> str:
    """Return the header with its pieces separated by blanks, where its lines may be broken."""
    lines = [f"{header}: {pieces[0]}"]
    for piece in pieces[1:]:
        if len(lines[-1]) + 1 + len(piece) <= MAX_LINE_LENGTH:
            lines[-1] += f" {piece}"
        else:
            lines.append(f" {piece}")
    return "".join(f"{line}\r\n" for line in lines)


def _room(header: str) -> int:
    return MAX_LINE_LENGTH - len(f"{header}: ")


def _is_plain(text: str, room: int) -> bool:
    """Return whether no reader, and no folding, finds anything else in a text than the text itself."""
    return (
        bool(_SPACED.fullmatch(text)) and "=?" not in text and all(len(word) <= room for word in text.split())
    )


def _encoded_words(header: str, text: str) -> list[str]:
    # Given a charset, this oldest part of the library takes a text as it is.
    return Header(text, "utf-8", maxlinelen=MAX_LINE_LENGTH, header_name=header).encode().split("\n ")


def _phrase(header: str, name: str) -> list[str]:
    if not (_QUOTABLE.fullmatch(name) and _is_plain(name, _room(header) - len('""'))):
        return _encoded_words(header, name)
    return (name if _ATOMS.fullmatch(name) else f'"{name}"').split(" ")


def _parameter(name: str, text: str) -> list[str]:
    """Return a parameter; one that can't be quoted in one line is in sections (RFC 2231)."""
    room = MAX_LINE_LENGTH - len(f' {name}="";')
    if _TOKEN.fullmatch(text) and len(text) <= room:
        return [f"{name}={text}"]
    if not text or (_QUOTABLE_VALUE.fullmatch(text) and _is_plain(text, room) and len(text) <= room):
        return [f'{name}="{text}"']
    sections = _percent_encoded(text, MAX_LINE_LENGTH - len(f" {name}*99*=utf-8'';"))
    if len(sections) == 1:
        return [f"{name}*=utf-8''{sections[0]}"]
    first, *others = sections
    return [
        f"{name}*0*=utf-8''{first}",
        *(f"{name}*{number}*={section}" for number, section in enumerate(others, start=1)),
    ]


def _percent_encoded(text: str, room: int) -> list[str]:
    """Return a text in sections of whole characters."""
    sections = [""]
    for character in text:
        encoded = quote(character, safe="")
        if sections[-1] and len(sections[-1]) + len(encoded) > room:
            sections.append("")
        sections[-1] += encoded
    return sections
