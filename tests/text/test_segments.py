import time

import pytest
import smsutil  # type: ignore[import-untyped]
from hypothesis import assume, example, given
from hypothesis import strategies as st

from notifyhub.text.segments import measure

# smsutil has the tables of TS 23.038, but lists the escape itself as a character.
GSM7 = smsutil.codecs.GSM_CHARSET.replace("\x1b", "")
EXTENSION = smsutil.codecs.GSM_EXT_CHARSET
BORDERS = st.sampled_from([0, 66, 67, 68, 69, 70, 71, 133, 134, 152, 153, 159, 160, 161, 305, 306])
GSM7_TEXTS = st.builds(
    str.__add__, BORDERS.map("a".__mul__), st.text(GSM7, max_size=400) | st.text(EXTENSION, max_size=200)
)
WIDE_TEXTS = st.builds(
    str.__add__, BORDERS.map("س".__mul__), st.text(st.sampled_from("aسی😀🇮€\u200c"), max_size=200)
)


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("", "gsm7", 1),
        ("a" * 160, "gsm7", 1),
        ("a" * 161, "gsm7", 2),
        ("a" * 306, "gsm7", 2),
        ("a" * 307, "gsm7", 3),
        ("€" * 80, "gsm7", 1),
        ("€" * 80 + "a", "gsm7", 2),
        ("€" * 76 + "a" + "€" * 76 + "a", "gsm7", 2),
        ("€" * 153, "gsm7", 3),  # 306 septets, but an escape may not end a segment
        ("a" * 152 + "€" + "a" * 152, "gsm7", 3),
        ("Line\r\nline\f", "gsm7", 1),
        ("Ç", "gsm7", 1),
        ("ç", "ucs2", 1),
        ("\x1b", "ucs2", 1),
        ("`", "ucs2", 1),
        ("س" * 70, "ucs2", 1),
        ("س" * 71, "ucs2", 2),
        ("س" * 134, "ucs2", 2),
        ("س" * 135, "ucs2", 3),
        ("😀" * 35, "ucs2", 1),
        ("😀" * 36, "ucs2", 2),
        ("😀" * 67, "ucs2", 3),  # 134 units, but a pair may not be split
        ("س" * 66 + "😀" + "س" * 66, "ucs2", 3),
        ("a" * 160 + "س", "ucs2", 3),
    ],
)
def test_borders_between_segments(text: str, encoding: str, segments: int) -> None:
    assert measure(text) == (encoding, segments)


@given(GSM7_TEXTS | WIDE_TEXTS | st.text(max_size=400))
@example("a" * 152 + "€" + "a" * 152)
@example("س" * 66 + "😀" + "س" * 66)
def test_it_counts_as_smsutil_does(text: str) -> None:
    # smsutil calls an empty text unicode, and takes the escape for a character.
    assume(text)
    assume("\x1b" not in text)
    oracle = smsutil.split(text)
    assert measure(text) == ({"gsm0338": "gsm7", "utf_16_be": "ucs2"}[oracle.encoding], len(oracle.parts))


@given(st.text(GSM7, max_size=400))
def test_the_alphabet_is_gsm7_and_one_foreign_character_makes_it_ucs2(text: str) -> None:
    assert measure(text).encoding == "gsm7"
    assert measure(f"{text}ی").encoding == "ucs2"


@given(GSM7_TEXTS | WIDE_TEXTS, st.sampled_from("a€"))
def test_one_more_character_takes_at_most_one_more_segment(text: str, more: str) -> None:
    shorter, longer = measure(text).segments, measure(text + more).segments
    assert shorter <= longer <= shorter + 1


@pytest.mark.parametrize("text", ["a" * 10_000, "€" * 10_000, "س" * 10_000, "😀" * 10_000])
def test_the_longest_text_is_measured_in_milliseconds(text: str) -> None:
    started = time.perf_counter()
    measure(text)
    assert time.perf_counter() - started < 0.1
