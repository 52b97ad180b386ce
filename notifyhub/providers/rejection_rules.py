"""Tables that map a provider's rejection to its meaning.

A table is a tuple of rules, tried in order; the first that fits decides, and what none knows is a rejection
of the message, never a success. `source` says where a rule comes from; rules marked [N] are a choice, where
the vendor documents nothing.
"""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from notifyhub.providers.errors import (
    BATCH_REFUSED,
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
)
from notifyhub.text.letters import persian_letters


@dataclass(frozen=True)
class Rejection:
    """What a rejection says: the status of HTTP or of SMTP's reply, and the provider's words.

    `result` is the provider's own code, `fields` names what it rejects, `retry_after` is how many seconds it
    asks to wait.
    """

    status: int
    text: str
    result: str = ""
    fields: Sequence[str] = ()
    retry_after: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule fits when all that it names fits.

    `status` holds statuses, `result` is a pattern for the provider's own code, `field` one for the name of a
    rejected field, `words` are phrases that all occur in the provider's text (spaces, marks and Arabic
    letters aside).
    """

    failure: type[Failure]
    code: str
    source: str
    status: Container[int] | None = None
    result: str | None = None
    field: str | None = None
    words: Sequence[str] = ()

    def fits(self, rejection: Rejection) -> bool:
        """Return whether this rule decides about a rejection."""
        text = squeeze(rejection.text)
        return bool(
            (self.status is None or rejection.status in self.status)
            and (self.result is None or re.fullmatch(self.result, rejection.result))
            and (self.field is None or any(re.fullmatch(self.field, name) for name in rejection.fields))
            and all(squeeze(phrase) in text for phrase in self.words)
        )


def classify(rules: Iterable[Rule], rejection: Rejection, detail: str) -> Failure:
    """Return the failure that the first fitting rule names."""
    for rule in rules:
        if rule.fits(rejection):
            failure = rule.failure(rule.code, detail)
            if isinstance(failure, RateLimited):
                failure.retry_after = rejection.retry_after
            return failure
    return Refused("refused", detail)


def rejection_of_all(failure: Failure, *, of_the_text: Container[str] = ()) -> Failure:
    """Return what a failure of a whole call means for each of the messages that shared it.

    A refusal that names nobody may be about one of them alone, so that they are tried again, singly; unless
    its code is one `of_the_text` that all have.
    """
    if isinstance(failure, Refused) and failure.code not in of_the_text:
        return Temporary(BATCH_REFUSED, failure.detail)
    return failure


@lru_cache(1024)
def _letters(phrase: str) -> str:
    text = persian_letters(phrase).replace("أ", "ا").casefold()
    return "".join(character for character in text if character.isalnum())


def squeeze(text: str) -> str:
    """Return the letters and digits of `text` alone, Arabic ي ك أ as ی ک ا: the form to compare texts in."""
    return _letters(text[:1000])


OVERLOAD_RULES = (
    Rule(RateLimited, "rate_limited", "RFC 6585", status=(429,)),
    Rule(NotifierTrouble, "unavailable", "RFC 9110", status=range(500, 600)),
)
"""What no text can change: the beginning of every provider's table."""

HTTP_STATUS_RULES = (
    Rule(Uncertain, "not_understood", "a success that is not the documented 200", status=range(201, 300)),
    Rule(NotifierTrouble, "redirected", "RFC 9110: not followed, nothing was taken", status=range(300, 400)),
    Rule(NotifierTrouble, "bad_credentials", "RFC 9110", status=(401, 407)),
    Rule(NotifierTrouble, "no_credit", "RFC 9110: Payment Required", status=(402,)),
    Rule(
        NotifierTrouble, "blocked", "RFC 9110: Forbidden, also an address that is kept out", status=(403, 451)
    ),
    Rule(
        NotifierTrouble, "not_found", "RFC 9110: the provider's address is wrong", status=(404, 405, 410, 421)
    ),
    Rule(NotifierTrouble, "unavailable", "RFC 9110: the request was not read", status=(408, 425)),
)
"""What an HTTP status alone says: the end of every provider's table."""

PERSIAN_TEXT_RULES = (
    Rule(NotifierTrouble, "no_credit", "[N]", words=("اعتبار", "کافی")),
    Rule(Refused, "blacklisted", "[N]", words=("لیست سیاه",)),
    Rule(Refused, "blacklisted", "[N]", words=("بلک لیست",)),
    Rule(Refused, "blacklisted", "[N]", words=("گیرنده", "مسدود")),
    Rule(Refused, "invalid_recipient", "[N]", words=("گیرنده", "نامعتبر")),
    Rule(NotifierTrouble, "blocked", "[N]", words=("مسدود",)),
    Rule(NotServedHere, "pattern_not_approved", "[N]", words=("الگو", "تایید نشده")),
    Rule(NotServedHere, "unknown_pattern", "[N]", words=("الگو", "یافت نشد")),
    Rule(NotServedHere, "unknown_pattern", "[N]", words=("پترن", "یافت نشد")),
    Rule(NotServedHere, "line_not_allowed", "[N]", words=("شماره فرستنده",)),
    Rule(NotServedHere, "line_not_allowed", "[N]", words=("خط نامعتبر",)),
    Rule(Refused, "forbidden_text", "[N]", words=("فیلتر شده",)),
)
"""What the usual Persian words say, where a provider documents no text for the case."""
