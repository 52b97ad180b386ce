"""Texts that headers are written from, and how readers find them again by the standards alone."""

import os
import re
from base64 import b64decode
from quopri import decodestring
from urllib.parse import unquote

from hypothesis import settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=int(os.environ.get("TEST_HEADER_EXAMPLES", "200")), deadline=None)

INJECTION = "=?utf-8?q?a=0D=0AX-Evil=3A_1=0D=0A=0D=0AOther?="
FRAGMENTS = [
    *("=?", "?=", "=?utf-8?q?=41bc?=", "=?utf-8?b?QQ==?=", "=?iso-8859-1*en?Q?a?=", INJECTION),
    *(
        " ",
        "  ",
        "=",
        "_",
        "?",
        "%0A",
        "'",
        '"',
        "\\",
        '\\"',
        "(",
        ")",
        ",",
        ";",
        ":",
        ".",
        "@",
        "<a@b.example>",
    ),
    *(
        "\u200c",
        "\u202e",
        "\ufeff",
        "\u00a0",
        "😀",
        "👨\u200d👩\u200d👧",
        "e\u0301",
        "صبح",
        "است",
        "a" * 70,
        "x" * 200,
    ),
]
ONE_LINE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
LINES = st.lists(st.sampled_from(FRAGMENTS) | st.text(ONE_LINE, max_size=30), max_size=20).map(
    lambda pieces: "".join(pieces)[:255]
)
BREAKS = ["\n", "\r\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\ud800"]
TEXTS = [
    "",
    " ",
    " a",
    "a ",
    "a  b",
    "code is =?utf-8?q?=41bc?= ok",
    INJECTION,
    "نوبت شما برای علی رضایی فردا ساعت ۱۰ صبح است",
    "پشتیبانی سامانه ثبت نام و نوبت دهی",
    "invoice INV-2025-000123 https://shop.example.com/orders/44131 ثبت سامانه — 😀 به لطفا خود لطفا",
]

_WORD = re.compile(r"=\?([!-)+->@-~]+?)\?([BQbq])\?([!->@-~]*)\?=")


def read_unstructured(value: str) -> str:
    """Read a value by RFC 2047: white space between two encoded words is not shown (6.2), all other is."""
    shown, after_word, blanks = "", False, ""
    for piece in re.split(r"([ \t]+)", value.replace("\r\n", "")):
        if re.fullmatch(r"[ \t]+", piece):
            blanks = piece
            continue
        word = _WORD.fullmatch(piece)
        assert word or "=?" not in piece, "what looks like an encoded word is one"
        shown += "" if word and after_word else blanks
        shown += _decoded(word) if word else piece
        after_word, blanks = bool(word), ""
    return shown + blanks


def _decoded(word: re.Match[str]) -> str:
    assert len(word[0]) <= 75, "RFC 2047, 2"
    if word[2] in "Bb":
        return b64decode(word[3], validate=True).decode(word[1])
    return decodestring(word[3].encode(), header=True).decode(word[1])


def read_phrase(value: str) -> str:
    """Read a display name: atoms, encoded words, or one quoted string (RFC 5322, 3.2.5; RFC 2047, 5)."""
    unfolded = value.replace("\r\n", "")
    if unfolded.startswith('"'):
        assert re.fullmatch(r'"[^"\\]*"', unfolded)
        assert "=?" not in unfolded
        return unfolded[1:-1]
    assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", unfolded)
    return read_unstructured(value)


def read_parameters(value: str) -> dict[str, str]:
    """Read parameters by RFC 2045, 5.1 and RFC 2231, 3 and 4."""
    found: dict[str, str] = {}
    extended: dict[str, str] = {}
    rest = value.replace("\r\n", "")
    while rest:
        match = re.match(r'; ([^=*;]+)(\*(?:(\d+)\*)?)?=("[^"\\]*"|[^\s"();:@<>,/\[\]?=\\]*)', rest)
        assert match, rest
        name, star, number, text = match.groups()
        assert not star or text.isascii()
        if star:
            assert number is None or int(number) == 0 or name in extended
            extended[name] = extended.get(name, "") + text
        else:
            assert name not in found
            found[name] = text.strip('"')
        rest = rest[match.end() :]
    for name, text in extended.items():
        charset, _, encoded = text.split("'")
        found[name] = unquote(encoded, encoding=charset, errors="strict")
    return found
