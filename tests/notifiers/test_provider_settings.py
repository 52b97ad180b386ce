"""The rules of the providers for their settings."""

import math
from typing import Any

import pytest
from marshmallow import ValidationError

from notifyhub.notifiers.provider_settings import check_settings, max_per_second
from notifyhub.providers.registry import BUILT_IN

REQUIRED = "This field is required."
NULL = "This field may not be null."
BLANK = "This field may not be blank."
NO_STRING = "Not a valid string."
LONG = "Ensure this field has no more than 255 characters."
NUMBER = "Must be a string of more than 4 digits."
NO_SEGMENT = 'Must be other than "." and "..".'
FROM_NUMBER = "Must be +98 and 5 to 12 digits."

MELIPAYAMAK, IPPANEL = "melipayamak", "ippanel"
LINE = "+983000505"


@pytest.mark.parametrize(
    ("backend", "settings"),
    [
        (MELIPAYAMAK, {}),
        (IPPANEL, {}),
        (MELIPAYAMAK, {"token": "t"}),
        (MELIPAYAMAK, {"token": "  kept with its blanks  "}),
        (MELIPAYAMAK, {"token": "رمز"}),
        (MELIPAYAMAK, {"token": "t" * 255}),
        (MELIPAYAMAK, {"token": "t", "number": "50002"}),
        (MELIPAYAMAK, {"number": "50002710008883", "token": "t"}),
        (MELIPAYAMAK, {"token": "t", "from_number": 5, "other": {"a": [1, 1.5, None, True, ""]}, "": None}),
        (IPPANEL, {"token": "t", "from_number": "+9830005"}),
        (IPPANEL, {"token": "t", "from_number": LINE}),
        (IPPANEL, {"from_number": "+989121234567", "token": "t"}),
        (IPPANEL, {"token": "t", "from_number": "+98123456789012"}),
        (IPPANEL, {"z": 1, "token": "t", "number": None, "from_number": LINE, "a": -(2**63)}),
    ],
)
def test_settings_that_satisfy_their_backend_are_kept_as_they_are(
    backend: str, settings: dict[str, Any]
) -> None:
    checked = check_settings(backend, settings)
    assert checked == settings
    assert list(checked) == list(settings)


@pytest.mark.parametrize(
    ("backend", "key", "written", "stored"),
    [
        (MELIPAYAMAK, "number", "۵۰۰۰۲", "50002"),
        (MELIPAYAMAK, "number", "٥٠٠٠٢", "50002"),
        (MELIPAYAMAK, "number", "5۰٠02", "50002"),
        (IPPANEL, "from_number", "+۹۸۳۰۰۰۵۰۵", LINE),
        (IPPANEL, "from_number", "+٩٨٣٠٠٠٥٠٥", LINE),
        (IPPANEL, "from_number", "+98۳٠00505", LINE),
    ],
)
def test_the_digits_of_lines_are_stored_as_ascii(backend: str, key: str, written: str, stored: str) -> None:
    assert check_settings(backend, {"token": "۱۲", key: written, "other": "۱۲"}) == {
        "token": "۱۲",
        key: stored,
        "other": "۱۲",
    }


@pytest.mark.parametrize("backend", BUILT_IN)
@pytest.mark.parametrize(
    ("token", "words"),
    [
        (None, NULL),
        ("", BLANK),
        (" \t\n ", BLANK),
        ("\u2003", BLANK),
        (5, NO_STRING),
        (1.5, NO_STRING),
        (True, NO_STRING),
        ([], NO_STRING),
        ({"token": "t"}, NO_STRING),
        ("t" * 256, LONG),
    ],
)
def test_a_token_is_a_text_that_is_not_blank(backend: str, token: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(backend, {"token": token, "from_number": LINE})
    assert refused.value.messages == {"token": [words]}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, NULL),
        (50002, NO_STRING),
        (True, NO_STRING),
        ([], NO_STRING),
        ("", NUMBER),
        ("     ", NUMBER),
        ("5000", NUMBER),
        ("+50002", NUMBER),
        ("5000 2", NUMBER),
        ("50002 ", NUMBER),
        ("50002\n", NUMBER),
        ("5000x2", NUMBER),
        ("⁵⁰⁰⁰²", NUMBER),
        ("5" * 256, NUMBER),
    ],
)
def test_a_line_of_melipayamak_has_more_than_four_digits(number: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(MELIPAYAMAK, {"token": "t", "number": number})
    assert refused.value.messages == {"number": [words]}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (None, NULL),
        (983000505, NO_STRING),
        (False, NO_STRING),
        ({}, NO_STRING),
        ("", FROM_NUMBER),
        ("+98", FROM_NUMBER),
        ("+983000", FROM_NUMBER),
        ("+981234567890123", FROM_NUMBER),
        ("983000505", FROM_NUMBER),
        ("00983000505", FROM_NUMBER),
        ("3000505", FROM_NUMBER),
        ("09121234567", FROM_NUMBER),
        ("+973000505", FROM_NUMBER),
        ("+98 3000505", FROM_NUMBER),
        (" +983000505", FROM_NUMBER),
        ("+983000505\n", FROM_NUMBER),
        ("+98300050x", FROM_NUMBER),
        ("۹۸۳۰۰۰۵۰۵+", FROM_NUMBER),
    ],
)
def test_a_line_of_ippanel_is_an_iranian_number(number: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(IPPANEL, {"token": "t", "from_number": number})
    assert refused.value.messages == {"from_number": [words]}


@pytest.mark.parametrize(
    ("backend", "settings", "errors"),
    [
        (MELIPAYAMAK, {"number": "50002"}, {"token": [REQUIRED]}),
        (MELIPAYAMAK, {"Token": "t"}, {"token": [REQUIRED]}),
        *((MELIPAYAMAK, {"token": token}, {"token": [NO_SEGMENT]}) for token in (".", "..", " .. ")),
        (MELIPAYAMAK, {"x": 1, "number": "1"}, {"token": [REQUIRED], "number": [NUMBER]}),
        (IPPANEL, {"x": 1}, {"token": [REQUIRED], "from_number": [REQUIRED]}),
        (IPPANEL, {"token": "t", "number": "50002"}, {"from_number": [REQUIRED]}),
        (IPPANEL, {"from_number": LINE}, {"token": [REQUIRED]}),
        (IPPANEL, {"token": 5, "from_number": "5"}, {"token": [NO_STRING], "from_number": [FROM_NUMBER]}),
    ],
)
def test_every_key_that_is_wrong_or_missing_is_named(
    backend: str, settings: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(backend, settings)
    assert refused.value.messages == errors


PER_SECOND: list[tuple[Any, str]] = [
    (None, NULL),
    *((odd, "A valid number is required.") for odd in ("5", "", True, False, [], {}, math.nan, math.inf)),
    *((low, "Ensure this value is greater than 0.") for low in (0, 0.0, -0.0, -1, -0.5)),
    *(
        (high, "Ensure this value is less than or equal to 10000.")
        for high in (10_001, 1e300, 2**63 - 1, 10**400)
    ),
]


@pytest.mark.parametrize("backend", BUILT_IN)
@pytest.mark.parametrize("allowed", [1, 5, 0.5, 10_000, 1e-9, 12.25])
def test_any_notifier_may_name_the_calls_per_second_that_its_account_allows(
    backend: str, allowed: float
) -> None:
    settings = {"token": "t", "max_per_second": allowed, "from_number": LINE}
    checked = check_settings(backend, settings)
    assert checked == settings
    assert type(checked["max_per_second"]) is type(allowed)
    assert max_per_second(checked) == allowed


@pytest.mark.parametrize("backend", BUILT_IN)
@pytest.mark.parametrize(("allowed", "words"), PER_SECOND)
def test_calls_per_second_are_a_number_above_0(backend: str, allowed: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(backend, {"token": "t", "from_number": LINE, "max_per_second": allowed})
    assert refused.value.messages == {"max_per_second": [words]}


def test_calls_per_second_alone_are_no_settings_of_a_backend() -> None:
    with pytest.raises(ValidationError) as refused:
        check_settings(MELIPAYAMAK, {"max_per_second": 5})
    assert refused.value.messages == {"token": [REQUIRED]}
    with pytest.raises(ValidationError) as refused:
        check_settings(IPPANEL, {"max_per_second": 0, "from_number": "5"})
    assert set(refused.value.messages) == {"token", "from_number", "max_per_second"}


@pytest.mark.parametrize("stored", [{}, *({"max_per_second": stored} for stored, _ in PER_SECOND)])
def test_stored_settings_that_name_no_valid_number_limit_nothing(stored: dict[str, Any]) -> None:
    assert max_per_second(stored) is None
