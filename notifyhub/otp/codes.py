"""The codes: computed from a row whenever one is sent or guessed, stored nowhere.

A code is HMAC-SHA256 (RFC 2104) of the row's id and nonce, under a key that is made of the service's secret
key for this alone, modulo 10 to the power of the code's length. Of 256 bits the remainder of that division
favours no code noticeably.
"""

import hmac
from collections.abc import Sequence
from typing import Protocol

from flask import current_app
from sqlalchemy import Connection, select

from notifyhub.database.base import now, table_of
from notifyhub.delivery.events import CodeNeeded
from notifyhub.otp.models import OTP, OTPStatus
from notifyhub.text.digits import ascii_digits
from notifyhub.text.invisible import visible

_LABEL = b"notifyhub one-time passwords"
_DIGEST = "sha256"

_otps = table_of(OTP)
_LIVE = select(_otps.c.id, _otps.c.nonce, _otps.c.code_len).where(_otps.c.status == OTPStatus.PENDING)


class Row(Protocol):
    """What a code is computed from."""

    @property
    def id(self) -> int: ...

    @property
    def nonce(self) -> bytes: ...

    @property
    def code_len(self) -> int: ...


def compute_code(row: Row) -> str:
    """Return the code of a one-time password."""
    key = hmac.digest(current_app.config["SECRET_KEY"].encode(), _LABEL, _DIGEST)
    digest = hmac.digest(key, row.id.to_bytes(8) + row.nonce, _DIGEST)
    return str(int.from_bytes(digest) % 10**row.code_len).zfill(row.code_len)


def is_right(row: Row, guess: str) -> bool:
    """Return whether a guess, in digits of any script, is the code; what can't be seen does not count."""
    return hmac.compare_digest(compute_code(row).encode(), ascii_digits(visible(guess)).encode())


def on_code_needed(connection: Connection, events: Sequence[CodeNeeded]) -> None:
    """Give the delivery the codes of one-time passwords that may still be used."""
    for event in events:
        usable = _LIVE.where(_otps.c.id == event.otp_id, _otps.c.expires_at > now())
        row = connection.execute(usable).first()
        event.code = None if row is None else compute_code(row)
