"""JSON in and out."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.api.http.json import MAX_DEPTH, NullCharacters, ParseError, encode, parse, timestamp

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


def exactly(value: Any) -> str:
    """Return a text that tells 1 from 1.0 and from true, and keeps the order of keys."""
    return repr(value)


@given(VALUES)
def test_what_is_written_reads_the_same(value: Any) -> None:
    assert exactly(parse(encode(value))) == exactly(value)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_what_others_write_reads_the_same(value: Any, indent: int | None, escaped: bool) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=escaped).encode()
    assert exactly(parse(written)) == exactly(value)


@given(TEXTS)
def test_text_is_not_escaped_to_ascii(text: str) -> None:
    assert encode(text).decode().isascii() == text.isascii()


@given(st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("UTC")])))
def test_a_moment_is_written_in_utc_with_six_digits(moment: datetime) -> None:
    (text,) = parse(encode([moment]))
    assert text == timestamp(moment) == moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    assert datetime.fromisoformat(text) == moment


def test_a_moment_on_a_whole_second_has_its_six_zeros() -> None:
    assert (
        encode({"at": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)}) == b'{"at":"2025-01-02T03:04:05.000000Z"}'
    )


def test_what_has_no_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        encode({"a": object()})


DIGITS = st.text("0123456789", min_size=1, max_size=30)
NUMERALS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        DIGITS,
        st.just("") | DIGITS.map(lambda digits: f".{digits}"),
        st.just("") | DIGITS.map(lambda digits: f"e{digits[:4]}") | st.sampled_from(["E-400", "e+309", "e"]),
    ),
)
FRAGMENTS = st.sampled_from(
    [
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\\",
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "\\n",
        "\n",
        "null",
        "true",
        "a",
    ]
)


@given(
    st.lists(NUMERALS | FRAGMENTS | st.text(max_size=2), max_size=8).map("".join).map(str.encode)
    | st.binary()
)
def test_what_is_taken_is_json_to_another_parser_too(data: bytes) -> None:
    try:
        value = parse(data)
    except (ParseError, NullCharacters):
        return
    assert orjson.loads(data) == value


@given(NUMERALS)
def test_a_number_is_taken_if_it_fits_64_bits(numeral: str) -> None:
    try:
        value = json.loads(numeral)
    except json.JSONDecodeError:
        with pytest.raises(ParseError):
            parse(numeral.encode())
        return
    fits = -(2**63) <= value < 2**63 if isinstance(value, int) else abs(value) != float("inf")
    if fits:
        assert exactly(parse(numeral.encode())) == exactly(value)
    else:
        with pytest.raises(ParseError, match="out of range"):
            parse(numeral.encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expecting value"),
        (b" ", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"{} {}", "Extra data"),
        (b"{'a': 1}", "Expecting property name"),
        (b"[1,]", "Expecting value|Illegal trailing comma"),
        (b"NaN", "not JSON compliant: NaN"),
        (b"[Infinity]", "not JSON compliant: Infinity"),
        (b'{"a": -Infinity}', "not JSON compliant: -Infinity"),
        (b"1e400", "Number out of range"),
        (b"-1e400", "Number out of range"),
        (b"9" * 400, "Integer out of range"),
        (b"-" + b"9" * 100_000, "Integer out of range"),
        (b"9223372036854775808", "Integer out of range"),
        (b"-9223372036854775809", "Integer out of range"),
        (b"9" * 400 + b".0", "Number out of range"),
        (b"[" * 10_000 + b"]" * 10_000, "Nested too deeply"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "Nested too deeply"),
        (b"[" * 100_000, "Nested too deeply"),
        (b'"\xff"', "Not UTF-8: byte 1"),
        (b'"\xed\xa0\x80"', "Not UTF-8: byte 1"),
        (b'"\xc0\x80"', "Not UTF-8: byte 1"),
        ('{"a": 1}'.encode("utf-16"), "Not UTF-8: byte 0"),
        ('{"a": 1}'.encode("utf-16-le"), "Expecting property name"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'"a\0"', "Invalid control character"),
        (b'"a\n"', "Invalid control character"),
    ],
)
def test_what_is_not_json_is_refused_with_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(ParseError, match=words) as caught:
        parse(data)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_values_are_nested_100_deep_and_no_deeper(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"

    def nested(depth: int) -> bytes:
        return opening * depth + b"1" + closing * depth

    deepest = parse(nested(MAX_DEPTH))
    assert encode(deepest) == nested(MAX_DEPTH)
    with pytest.raises(ParseError, match="Nested too deeply"):
        parse(nested(MAX_DEPTH + 1))


@pytest.mark.parametrize(
    ("data", "key", "words"),
    [
        (b'{"a": "\\u0000"}', "a", "Null characters are not allowed."),
        (b'{"a": {"b": [1, {"c": "x\\u0000"}]}}', "a", "Null characters are not allowed."),
        (b'{"b": 1, "a": {"\\u0000": 1}}', "a", "Null characters are not allowed."),
        ('{"a": "متن\\u0000"}'.encode(), "a", "Null characters are not allowed."),
        (b'{"a": "\\ud800"}', "a", "Surrogate characters are not allowed."),
        (b'{"a": "\\udfff\\ud800"}', "a", "Surrogate characters are not allowed."),
        (b'{"a": {"\\ud800": 1}}', "a", "Surrogate characters are not allowed."),
        (b'{"\\u0000": 1}', None, "Null characters are not allowed."),
        (b'{"\\ud800": 1}', None, "Surrogate characters are not allowed."),
        (b'"\\u0000"', None, "Null characters are not allowed."),
        (b'[["\\udfff"]]', None, "Surrogate characters are not allowed."),
    ],
)
def test_texts_that_no_database_keeps_are_refused_by_their_outermost_key(
    data: bytes, key: str | None, words: str
) -> None:
    with pytest.raises(NullCharacters) as caught:
        parse(data)
    assert (caught.value.key, str(caught.value)) == (key, words)


def test_a_whole_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "😀"


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert parse(b'{"a": 1, "a": "\\u0000", "a": 2}') == {"a": 2}
