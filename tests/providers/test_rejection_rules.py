import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.providers.errors import Failure, NotifierTrouble, RateLimited, Refused, Uncertain
from notifyhub.providers.registry import BUILT_IN
from notifyhub.providers.rejection_rules import Rejection, Rule, classify, squeeze

TABLES = {name: sys.modules[provider.__module__].RULES for name, provider in BUILT_IN.items()}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize(
    ("status", "failure", "code"),
    [
        (201, Uncertain, "not_understood"),
        (204, Uncertain, "not_understood"),
        (301, NotifierTrouble, "redirected"),
        (400, Refused, "refused"),
        (401, NotifierTrouble, "bad_credentials"),
        (402, NotifierTrouble, "no_credit"),
        (403, NotifierTrouble, "blocked"),
        (404, NotifierTrouble, "not_found"),
        (408, NotifierTrouble, "unavailable"),
        (422, Refused, "refused"),
        (429, RateLimited, "rate_limited"),
        (500, NotifierTrouble, "unavailable"),
        (503, NotifierTrouble, "unavailable"),
    ],
)
def test_a_status_alone_is_classed(
    table: tuple[Rule, ...], status: int, failure: type[Failure], code: str
) -> None:
    found = classify(table, Rejection(status, "nothing known"), "nothing known")
    assert (type(found), found.code, found.detail) == (failure, code, "nothing known")


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("status", [429, 500, 502])
def test_no_text_turns_trouble_of_the_server_into_anything_else(table: tuple[Rule, ...], status: int) -> None:
    found = classify(table, Rejection(status, "شماره گیرنده در لیست سیاه است", "-6", ("code",)), "")
    assert isinstance(found, NotifierTrouble)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_a_rate_limit_keeps_how_long_the_provider_asks_to_wait(
    table: tuple[Rule, ...], retry_after: float | None
) -> None:
    found = classify(table, Rejection(429, "", retry_after=retry_after), "")
    assert isinstance(found, RateLimited)
    assert found.retry_after == retry_after


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@given(st.integers(100, 599), st.text(), st.text(), st.lists(st.text()))
def test_every_refusal_is_classed(
    table: tuple[Rule, ...], status: int, text: str, result: str, fields: list[str]
) -> None:
    assert isinstance(classify(table, Rejection(status, text, result, fields), text), Failure)


@given(st.sampled_from("یک") | st.text())
def test_arabic_letters_marks_and_spaces_make_no_difference(text: str) -> None:
    spelled = text.replace("ی", "ي").replace("ک", "ك")
    assert squeeze(f" {spelled}\u200c.") == squeeze(text)
