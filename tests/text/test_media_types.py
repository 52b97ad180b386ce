import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.text.media_types import PATTERN, InvalidMediaType, MediaType, parse_media_type

LINE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("text/plain", MediaType("text", "plain", {})),
        ("application/vnd.ms-excel", MediaType("application", "vnd.ms-excel", {})),
        (
            "text/calendar; method=REQUEST; charset=UTF-8",
            MediaType("text", "calendar", {"method": "REQUEST", "charset": "UTF-8"}),
        ),
        (
            'text/csv;charset="utf-8";header=present',
            MediaType("text", "csv", {"charset": "utf-8", "header": "present"}),
        ),
        (r'a/b ; title="x; \"y\" \\ z=1"', MediaType("a", "b", {"title": r'x; "y" \ z=1'})),
        ('a/b; title="=?utf-8?q?=41?="', MediaType("a", "b", {"title": "=?utf-8?q?=41?="})),
        ('a/b; title=""', MediaType("a", "b", {"title": ""})),
        ('a/b; charset="ISO_8859-1:1987"', MediaType("a", "b", {"charset": "ISO_8859-1:1987"})),
    ],
)
def test_a_media_type_has_a_type_a_subtype_and_parameters(text: str, found: MediaType) -> None:
    assert parse_media_type(text) == found
    assert re.search(PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text /plain",
        "text/plain ",
        "té/plain",
        ".text/plain",
        "text/plain;",
        "text/plain; charset",
        "text/plain; charset=",
        "text/plain; =utf-8",
        "text/plain; charset = utf-8",
        "text/plain charset=utf-8",
        "text/plain; charset=utf-8 x",
        "text/plain; a=1; A=2",
        "text/plain; charset*=utf-8''a%0Ab",
        'text/plain; charset="=?utf-8?q?x=0A?="',
        "text/plain; charset==?utf-8?q?x=0A?=",
        'text/plain; charset=""',
        f"text/plain; charset={'a' * 41}",
        "text/plain; charsetcharset*",
        "text/plain; name*0=a; name*1=b",
        "text/plain;é*",
        "text/plain; é=1",
        "text/plain; a=é",
        'text/plain; a="x',
        'text/plain; a="x"y',
        'text/plain; a="x\\"',
        "text/plain (comment)",
        "text/plain; a=b/c",
        "text/plain, text/html",
        "text/plain\n",
        "text/plain; a=1\r\nBcc: eve@example.com",
        'text/plain; a="1\r\nBcc: eve@example.com"',
        f"{'a' * 128}/b",
    ],
)
def test_what_is_no_media_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidMediaType):
        parse_media_type(text)


@given(st.from_regex(PATTERN[1:-1], fullmatch=True, alphabet=LINE))
def test_what_is_read_was_written(text: str) -> None:
    try:
        found = parse_media_type(text)
    except InvalidMediaType:
        assert "charset" in text.lower() or len(re.findall(";", text)) > 1
        return
    quoted = {name: re.sub(r'(["\\])', r"\\\1", value) for name, value in found.parameters.items()}
    written = "".join(f'; {name}="{value}"' for name, value in quoted.items())
    assert parse_media_type(f"{found.type}/{found.subtype}{written}") == found


@given(st.text() | st.text("text/plain;= \"'*\\é").map("a/b;".__add__))
def test_any_text_is_a_media_type_or_refused(text: str) -> None:
    try:
        found = parse_media_type(text)
    except InvalidMediaType:
        return
    assert f"{found.type}/{found.subtype}" == text.partition(";")[0].rstrip(" ")
