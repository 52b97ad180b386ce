"""What others can learn of messages, as it happens."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from blinker import Signal
from flask import Flask, current_app
from sqlalchemy import Connection, Row

log = logging.getLogger(__name__)

due = Signal(
    "Messages are stored that may be sent now: `ids`; `urgent` ones carry one-time passwords. Sent after the "
    "commit, by the application."
)
changed = Signal(
    "A message's status has become sent, delivered, undelivered, failed or expired: its `row` of "
    "representation.COLUMNS, and the `otp_id` of the one-time password in it, if any. Sent by "
    "the application inside the transaction of the `connection`, in which a receiver writes what belongs "
    "to the change; it may return a function, which is called after the commit. Messages without a one-time "
    "password are told of only while there are webhooks."
)


def announce(ids: Sequence[int], *, urgent: bool = False) -> None:
    """Send `due`, if there are any.

    The messages are stored, and will be found by the sweep: what goes wrong in a receiver is logged, and no
    error to the client who sent them.
    """
    if not ids:
        return
    try:
        due.send(_sender(), ids=list(ids), urgent=urgent)
    except Exception:  # whatever a receiver raises
        log.exception("%d messages wait for the sweep: a receiver failed", len(ids))


def tell(connection: Connection, row: Row[Any], otp_id: int | None) -> list[Callable[[], None]]:
    """Send `changed`; return what is to be done after the commit."""
    return send(changed, connection=connection, row=row, otp_id=otp_id)


def send(signal: Signal, **news: Any) -> list[Callable[[], None]]:
    """Send a signal inside a transaction; return what its receivers want to be done after the commit."""
    return [afterwards for _, afterwards in signal.send(_sender(), **news) if afterwards]


def _sender() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]
