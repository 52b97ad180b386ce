"""The boundary with providers: whatever a package's provider does, one of our own types comes back."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.logs import LogThrottle
from notifyhub.providers import boundary
from notifyhub.providers.base import SMS, Accepted
from notifyhub.providers.boundary import ask, batch_key, hand_over, hand_over_all
from notifyhub.providers.errors import (
    Broken,
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
)
from notifyhub.providers.sandbox import Sandbox

PLAIN = SMS("+989121234567", "The text")
CODED = SMS("+989121234567", "The text", secrets=["12345"])


class Provider:
    """A package's provider, which does what a test says."""

    def __init__(self, result: object) -> None:
        self.result = result

    def send(self, _: SMS) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def batch_key(self, _: SMS) -> Any:
        return self.send(_)

    def send_batch(self, _: list[SMS]) -> Any:
        return self.send(_[0])


def sent_together(result: object, count: int = 2) -> list[Accepted | Failure]:
    return hand_over_all(Provider(result), [PLAIN] * count)  # type: ignore[arg-type]


def key(result: object) -> object:
    return batch_key(Provider(result), PLAIN)  # type: ignore[arg-type]


def sent(result: object, sms: SMS = PLAIN) -> Accepted | Failure:
    return hand_over(Provider(result), sms)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary, "_outlined", LogThrottle(60))


@pytest.mark.parametrize(
    "error",
    [
        *(KeyError("secret"), RecursionError(), UnicodeError("secret"), OSError(5), MemoryError()),
        *(asyncio.CancelledError("secret"), GeneratorExit(), BaseExceptionGroup("secret", [GeneratorExit()])),
    ],
)
def test_an_unexpected_error_ends_the_attempt_as_uncertain_and_the_log_has_its_place_without_its_words(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    result = sent(error)
    assert isinstance(result, Uncertain)
    assert (result.code, type(error).__name__ in result.detail) == ("backend_error", True)
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert "test_boundary.py" in line.getMessage()
    assert "secret" not in caplog.text + result.detail


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_what_stops_the_process_does_so_in_the_main_thread_alone(error: BaseException) -> None:
    def asked() -> Any:
        raise error

    with ThreadPoolExecutor(1) as threads:
        assert isinstance(threads.submit(sent, error).result(), Uncertain)
        assert isinstance(threads.submit(ask, asked).exception(), NotifierTrouble)
    for act in (lambda: sent(error), lambda: ask(asked)):
        with pytest.raises(type(error)):
            act()


def test_one_of_ours_that_has_written_nothing_has_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Provider, "__module__", "notifyhub.providers.some")
    assert isinstance(sent(KeyError()), Broken)


@pytest.mark.parametrize("result", [None, {}, "17", Failure])
def test_what_is_no_answer_is_uncertain(result: object) -> None:
    assert isinstance(sent(result), Uncertain)


@given(st.one_of(st.text(max_size=600), st.integers(), st.none()))
def test_any_id_can_be_stored(id_: Any) -> None:
    result = sent(Accepted(id_))
    assert isinstance(result, Accepted)
    assert len(result.provider_message_id) <= 255
    assert "\0" not in result.provider_message_id.encode().decode()


def test_why_copies_were_not_taken_can_be_stored() -> None:
    for id_ in ("5", "5\n"):
        result = sent(Accepted(id_, Refused("not valid!", "x" * 999)))
        assert isinstance(result, Accepted)
        assert result.refusal
        assert (result.refusal.code, len(result.refusal.detail)) == ("not_valid_", 500)
    odd: Any = "no failure"
    assert sent(Accepted("5", odd)) == Accepted("5")


@pytest.mark.parametrize("kind", [Temporary, NotifierTrouble, RateLimited, NotServedHere, Refused, Uncertain])
@given(code=st.text(max_size=100), detail=st.text(max_size=700))
def test_any_failure_can_be_stored(kind: type[Failure], code: str, detail: str) -> None:
    result = sent(kind(code, detail))
    assert type(result) is kind
    assert result.code.isascii()
    assert 0 < len(result.code) <= 64
    assert len(result.detail.encode().decode()) <= 500
    assert "\0" not in result.detail


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        *((None, None), (7, 7), (0.5, 0.5), (0, 0), (-3, 0), (1e308, 300), (10**400, 300)),
        *((float("inf"), 300), (float("nan"), None), ("7", None), (True, None), ([], None)),
    ],
)
def test_how_long_a_provider_asks_to_wait_is_a_bounded_time_or_none(asked: Any, kept: float | None) -> None:
    result = sent(RateLimited("rate_limited", "", asked))
    assert isinstance(result, RateLimited)
    assert result.retry_after == kept


def test_a_failure_of_no_known_class_is_uncertain() -> None:
    assert isinstance(sent(Failure("x", "y")), Uncertain)


def test_a_question_raises_failures_alone() -> None:
    with pytest.raises(NotifierTrouble) as caught:
        ask(lambda: {}["secret"])
    assert (caught.value.code, caught.value.__cause__) == ("backend_error", None)
    with pytest.raises(Refused):
        ask(lambda: (_ for _ in ()).throw(Refused("x")))


digits = st.characters(categories=["Nd", "No", "Nl"])


@given(
    st.lists(digits, min_size=1, max_size=12),
    st.sampled_from(["", " ", "\u200c", "\u2060", "-", "\u20e3", "a"]),
)
def test_no_digit_of_any_script_is_kept_of_the_words_about_a_code(code: list[str], between: str) -> None:
    words = f"Refused: «{between.join(code)}»"
    result = sent(Refused("content_refused", words), CODED)
    assert isinstance(result, Refused)
    assert not any(character.isnumeric() for character in result.detail)
    assert result.detail.count("•") >= len(code)
    plain = sent(Refused("content_refused", "Error 550"), PLAIN)
    assert isinstance(plain, Refused)
    assert plain.detail == "Error 550"


@pytest.mark.parametrize(
    "spelled", ["۱۲۳۴۵", "１２３４５", "1 2 3 4 5", "①②③④⑤", "¹²³⁴⁵", "𝟏𝟐𝟑𝟒𝟓", "١٢٣٤٥", "一二三四五"]
)
def test_a_code_in_another_spelling_is_masked(spelled: str) -> None:
    result = sent(NotServedHere("pattern_mismatch", f"bad value {spelled}"), CODED)
    assert isinstance(result, Failure)
    assert not set(spelled) & set(result.detail.removeprefix("bad value").replace(" ", ""))


def test_each_of_a_batch_has_its_own_fate() -> None:
    accepted, refused, odd = sent_together((Accepted("a\n" * 200), Refused("not valid!", "x" * 999), None), 3)
    assert isinstance(accepted, Accepted)
    assert len(accepted.provider_message_id) == 255
    assert isinstance(refused, Refused)
    assert (refused.code, len(refused.detail)) == ("not_valid_", 500)
    assert isinstance(odd, Uncertain)


def test_what_is_raised_is_the_fate_of_the_whole_batch() -> None:
    for failure in (NotifierTrouble("rate_limited", "x"), NotServedHere("y"), Uncertain("timeout")):
        assert sent_together(failure) == [failure, failure]
    assert [type(one) for one in sent_together(Failure("x"))] == [Uncertain, Uncertain]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "ab",
        Accepted("1"),
        [],
        [Accepted("1")],
        [Accepted("1")] * 3,
        [Accepted, "2"],
        {Accepted("1"), Accepted("2")},
        (Accepted(str(number)) for number in range(2)),
    ],
)
def test_answers_that_can_not_be_told_apart_are_uncertain_for_all(answer: object) -> None:
    assert [(type(one), one.code) for one in sent_together(answer) if isinstance(one, Failure)] == [
        (Uncertain, "not_understood")
    ] * 2


@pytest.mark.parametrize("error", [KeyError("secret"), asyncio.CancelledError("secret")])
def test_an_unexpected_error_is_uncertain_for_the_whole_batch_unless_nothing_has_left(
    error: BaseException, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [type(one) for one in sent_together(error)] == [Uncertain, Uncertain]
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text
    monkeypatch.setattr(Provider, "__module__", "notifyhub.providers.some")
    assert [type(one) for one in sent_together(error)] == [Broken, Broken]


def test_what_no_provider_has_a_key_for_goes_singly(caplog: pytest.LogCaptureFixture) -> None:
    assert key("the text") == "the text"
    assert key(None) is None
    assert caplog.records == []
    assert key([]) is None, "lists can't be compared by their hash"
    assert key(KeyError("secret")) is None
    assert "secret" not in caplog.text
    assert batch_key(object(), PLAIN) is None  # type: ignore[arg-type]


def test_a_provider_that_takes_one_at_a_time_sends_no_batch() -> None:
    assert Sandbox.batch_size == 1
    assert Sandbox().batch_key(PLAIN) is None
    assert [type(one) for one in hand_over_all(Sandbox(), [PLAIN, PLAIN])] == [Broken, Broken]
