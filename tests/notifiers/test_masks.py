"""Masks of secrets, and the way back."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from notifyhub.notifiers.masks import MASK_NOT_ENOUGH, destinations, mask, mask_values, unmask_values
from notifyhub.text.secret_names import HIDDEN

NO_SECRET = "This is the mask of a secret, not a secret."

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).filter(
    lambda text: HIDDEN not in text
)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
keys = st.sampled_from(["token", "number", "API_KEY", "Secret", "user", "nested", "passwords"])
objects = st.dictionaries(
    keys,
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("", "••••"),
        ("a", "••••"),
        ("12345678", "••••"),
        ("123456789", "••••6789"),
        ("رمز خیلی طولانی", "••••لانی"),
        ("a" * 255, "••••aaaa"),
    ],
)
def test_of_a_secret_longer_than_eight_characters_the_last_four_are_shown(secret: str, shown: str) -> None:
    assert mask(secret) == shown


@pytest.mark.parametrize(
    ("given_", "stored", "meant"),
    [
        ("••••6789", "123456789", "123456789"),
        ("••••", "short", "short"),
        ("••••", "", ""),
        ("a new secret", "123456789", "a new secret"),
        ("", "123456789", ""),
        ("•••", "123456789", "•••"),
        ("••••6789 and more", "123456789", "••••6789 and more"),
        ("x••••6789", "123456789", "x••••6789"),
    ],
)
def test_the_mask_of_the_stored_secret_means_it_and_anything_else_itself(
    given_: str, stored: str, meant: str
) -> None:
    assert unmask_values(given_, stored, secret=True) == meant


@pytest.mark.parametrize(
    ("given_", "stored"),
    [
        ("••••6789", None),
        ("••••", None),
        ("••••", "123456789"),
        ("••••6780", "123456789"),
        ("••••6789", "12346789"),
        ("••••ab", "short"),
    ],
)
def test_a_mask_that_masks_nothing_stored_is_refused(given_: str, stored: str | None) -> None:
    with pytest.raises(ValidationError) as refused:
        unmask_values(given_, stored, secret=True)
    assert refused.value.messages == [NO_SECRET]


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("token", True),
        ("tokenX", True),
        ("API_KEY", True),
        ("apikey", True),
        ("Password2", True),
        ("client_secret", True),
        ("monkey", True),
        ("number", False),
        ("from_number", False),
        ("to ken", False),
        ("pass", False),
        ("", False),
    ],
)
def test_a_keys_name_says_whether_its_values_are_secret(key: str, secret: bool) -> None:
    plain = {
        key: "123456789",
        "in": {key: ["123456789", {"deep": "123456789"}]},
    }
    shown = "••••6789" if secret else "123456789"
    assert mask_values(plain) == {key: shown, "in": {key: [shown, {"deep": shown}]}}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(123456789, "••••6789"), (12345, "••••"), (1.5, "••••"), (None, None), (True, True), ({}, {}), ([], [])],
)
def test_numbers_are_masked_as_their_text_and_what_holds_nothing_is_not(value: Any, shown: Any) -> None:
    assert mask_values({"token": value}) == {"token": shown}


@pytest.mark.parametrize(
    ("sent", "stored", "errors"),
    [
        ({"token": "••••6789"}, {}, {"token": [NO_SECRET]}),
        ({"token": "••••6789"}, {"api_key": "123456789"}, {"token": [NO_SECRET]}),
        ({"a": {"key": "••••6789"}}, {"key": "123456789"}, {"a": {"key": [NO_SECRET]}}),
        ({"keys": ["a secret", "••••6789"]}, {"keys": ["123456789"]}, {"keys": [NO_SECRET]}),
        ({"token": "••••", "key": "••••"}, {"token": "x"}, {"key": [NO_SECRET]}),
        ({"token": {"a": "••••"}}, {"token": "short"}, {"token": {"a": [NO_SECRET]}}),
        ({"token": "••••"}, {"token": None}, {"token": [NO_SECRET]}),
        ({"token": "••••"}, {"token": True}, {"token": [NO_SECRET]}),
    ],
)
def test_a_mask_in_the_wrong_place_is_named_by_its_key(
    sent: dict[str, Any], stored: dict[str, Any], errors: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as refused:
        unmask_values(sent, stored)
    assert refused.value.messages == errors


def test_dots_are_a_mask_only_where_a_secret_is() -> None:
    assert unmask_values({"number": "••••6789"}, {}) == {"number": "••••6789"}


@given(objects)
def test_what_is_shown_can_be_sent_back_unchanged(stored: dict[str, Any]) -> None:
    assert repr(unmask_values(mask_values(stored), stored)) == repr(stored)


@given(st.text(min_size=9, max_size=40), st.sampled_from(["token", "A_Secret", "Passwords", "x_key"]))
def test_no_more_than_four_characters_of_a_secret_are_shown(secret: str, key: str) -> None:
    assert mask_values({"other": [{key: secret}]}) == {"other": [{key: HIDDEN + secret[-4:]}]}


def demanded_secrets(sent: dict[str, Any], stored: dict[str, Any]) -> Any:
    """Return the errors for the masks in what is sent, where the stored secrets would go elsewhere."""
    try:
        unmask_values(sent, stored, moved=True)
    except ValidationError as refused:
        return refused.messages
    return None


@given(objects)
def test_each_secret_that_is_shown_is_demanded_and_none_that_is_given(stored: dict[str, Any]) -> None:
    assume('""' not in json.dumps(stored))  # a blank one is masked too, but there is nothing to know
    shown = mask_values(stored)
    demanded = demanded_secrets(shown, stored)
    assert bool(demanded) == (json.dumps(shown) != json.dumps(stored))
    assert demanded_secrets(stored, stored) is None


@pytest.mark.parametrize(
    ("sent", "stored", "errors"),
    [
        ({"token": "••••6789"}, {"token": "123456789"}, {"token": [MASK_NOT_ENOUGH]}),
        ({"token": "••••"}, {"token": ""}, None),
        ({"token": "another"}, {"token": "123456789"}, None),
        (
            {"a": {"key": ["x", "••••6789"]}},
            {"a": {"key": ["y", "123456789"]}},
            {"a": {"key": [MASK_NOT_ENOUGH]}},
        ),
        ({"number": "••••6789"}, {"number": "123456789"}, None),
    ],
)
def test_a_secret_that_is_demanded_is_named_by_its_key(
    sent: dict[str, Any], stored: dict[str, Any], errors: dict[str, Any] | None
) -> None:
    assert demanded_secrets(sent, stored) == errors


NO_ADDRESS = {
    "number": "50002710008883",
    "from_number": "+983000505",
    "max_per_second": 1.5,
    "x": "two. Words",
}
LOOKS = {"a": "sms.example.com", "b": "10.0.0.1:80", "c": "::1", "d": "https://a.example/", "e": "a.b/c"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (NO_ADDRESS, None),
        ({"api_url": "x", "Host": "y", "n": 25, "aPort": 25}, {"api_url": "x", "Host": "y", "aPort": "25"}),
        ({"x": ["a", {"y": "https://a.example/"}]}, {"x": [None, {"y": "https://a.example/"}]}),
        (LOOKS, LOOKS),
        ({"endpoint": None, "url": True}, None),
    ],
)
def test_what_says_where_secrets_go_is_known_by_its_key_or_its_look(
    settings: dict[str, Any], expected: Any
) -> None:
    assert destinations(settings) == expected
