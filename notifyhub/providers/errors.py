"""What a provider's rejection or silence means for the message, and for the notifier's circuit breaker.

| class | the message | the circuit breaker counts |
|---|---|---|
| `Temporary` | is tried again later | a success (a mail server's grey-listing) |
| `NotifierTrouble` | is tried again later | a failure |
| `RateLimited` | is tried again later | a failure if they go on: the notifier is slowed down first |
| `Broken` | is tried again later | nothing: what failed is the program |
| `NotServedHere` | can't go through this notifier; another may serve it | a success |
| `Refused` | will be rejected everywhere | a success |
| `Uncertain` | may have been taken: trying again may send it twice | nothing |
"""

import base64
import math
import re
from collections.abc import Iterable
from typing import ClassVar, Literal
from urllib.parse import quote as url_quoted

from notifyhub.text.code_masks import MASK

Outcome = Literal["temporary", "permanent", "uncertain"]

MAX_DETAIL_LENGTH = 500

BATCH_REFUSED = "batch_refused"
"""The code of a refusal that is about one of the messages of a call and does not say which: each is tried
again, alone."""

MAX_RETRY_AFTER = 300.0
"""Seconds: the most that a provider can ask for by Retry-After."""
ZWNJ = "\u200c"  # belongs to Persian spelling


class Failure(Exception):
    """A message was not accepted, or another call failed.

    `code` is a short word that stays the same from release to release; `detail` is for people and holds the
    provider's own words, cut at `DETAIL_LENGTH` characters, without credentials.
    """

    outcome: ClassVar[Outcome]

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Temporary(Failure):
    """Not now: the message may be taken later, by this notifier or another."""

    outcome = "temporary"


class NotifierTrouble(Temporary):
    """The notifier can't send anything at present: credentials, credit, limits, the connection."""


class RateLimited(NotifierTrouble):
    """The notifier is called faster than its provider allows: slower calls are taken.

    Not for a limit of an hour or of a day, which slower calls do not help: that is NotifierTrouble.
    `retry_after` is how many seconds the provider asks to wait, None if it does not say.
    """

    def __init__(self, code: str, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Broken(Temporary):
    """The program itself failed before anything was sent, which says nothing of the notifier."""


class NotServedHere(Failure):
    """This notifier will never take this message: its pattern or sender is not known or allowed there."""

    outcome = "permanent"


class Refused(Failure):
    """The message itself is rejected: its recipient or its text."""

    outcome = "permanent"


class Uncertain(Failure):
    """The request was written, but whether the message was taken is not known."""

    outcome = "uncertain"


def seconds_to_wait(retry_after: object) -> float | None:
    """Return a number of seconds from 0 to MAX_RETRY_AFTER, of whatever another package's provider gives."""
    if isinstance(retry_after, bool) or not isinstance(retry_after, int | float):
        return None
    bounded = min(max(retry_after, 0.0), MAX_RETRY_AFTER)
    return None if math.isnan(bounded) else float(bounded)


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode(errors="replace")).decode()


def quote(words: str, secrets: Iterable[str] = ()) -> str:
    """Return a provider's `words` fit to be stored: in one line, without `secrets`, not too long.

    A secret is taken out as it is, as in a URL and as in base64.
    """
    for secret in filter(None, secrets):
        for spelling in (secret, url_quoted(secret, "", errors="replace"), _base64(secret)):
            words = re.sub(re.escape(spelling), 3 * MASK, words, flags=re.IGNORECASE)
    line = " ".join("".join(c if c.isprintable() or c == ZWNJ else " " for c in words).split())
    return line if len(line) <= MAX_DETAIL_LENGTH else line[: MAX_DETAIL_LENGTH - 1] + "…"
