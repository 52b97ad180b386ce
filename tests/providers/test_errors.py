import base64
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.providers.errors import (
    MAX_DETAIL_LENGTH,
    ZWNJ,
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
    quote,
)


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (Temporary, "temporary"),
        (NotifierTrouble, "temporary"),
        (RateLimited, "temporary"),
        (NotServedHere, "permanent"),
        (Refused, "permanent"),
        (Uncertain, "uncertain"),
    ],
)
def test_every_failure_has_its_outcome_and_survives_a_process_boundary(
    failure: type[Failure], outcome: str
) -> None:
    error = pickle.loads(pickle.dumps(failure("code", "words")))
    assert (type(error), error.outcome, error.code, error.detail) == (failure, outcome, "code", "words")
    assert str(error) == "code: words"


def test_how_long_a_provider_asks_to_wait_survives_too() -> None:
    assert pickle.loads(pickle.dumps(RateLimited("rate_limited", "", 7.0))).retry_after == 7


@given(st.text(), st.text(st.characters(categories=["L", "N"]), min_size=6), st.text())
def test_a_quote_is_one_short_line_without_the_secret(before: str, secret: str, after: str) -> None:
    spelled = base64.b64encode(secret.encode()).decode()
    line = quote(f"{before}{secret}{after} {spelled}", [secret])
    assert secret not in line
    assert spelled not in line
    assert len(line) <= MAX_DETAIL_LENGTH
    assert line.replace(ZWNJ, "").isprintable()


@given(st.text(), st.text())
def test_any_words_and_any_secret_give_a_line_that_can_be_stored(words: str, secret: str) -> None:
    quote(words + secret, [secret]).encode()


def test_a_secret_is_not_cut_in_half() -> None:
    assert "sesame" not in quote("x" * (MAX_DETAIL_LENGTH - 8) + "sesame-open", ["sesame-open"])


def test_a_secret_in_a_url_and_in_another_case_is_taken_out() -> None:
    assert quote("GET /send/a%2Fb%20C and A/B c", ["a/b C"]) == "GET /send/••• and •••"
