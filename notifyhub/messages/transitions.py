"""Transitions: what a client may do to a stored message. Each is one conditional UPDATE, so that one of
several at once wins.
"""

from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, Connection, Row, and_, case, or_, select, update
from werkzeug.exceptions import Conflict

from notifyhub.api.resource import or_404
from notifyhub.database.base import now, table_of
from notifyhub.messages.models import ERASED, Message, MessageStatus
from notifyhub.messages.references import MESSAGE_TTL
from notifyhub.messages.serializers import COLUMNS

_messages = table_of(Message).c

CANCELLABLE = (MessageStatus.SCHEDULED, MessageStatus.QUEUED)
RETRIABLE = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.EXPIRED)


_WAITING = or_(
    _messages.status.in_(CANCELLABLE),
    and_(_messages.status == MessageStatus.SENDING, _messages.lease_until.is_(None)),
)
"""The condition of a message that no worker has: also between two attempts."""
_ENDED = _messages.status.in_(RETRIABLE)


def cancel(connection: Connection, id: int, *, test: bool) -> Row[Any]:
    """Cancel a message that no worker has; return its row, as `serializers.message` takes it.

    With `test` one of a test token. Raises NotFound, or Conflict if it is in another state.
    """
    values = {"status": MessageStatus.CANCELLED, "next_attempt_at": None}
    row = _change(connection, id, values, _WAITING, *_visible(test=test))
    return row or _refuse(connection, id, "cancelled", (*CANCELLABLE, "waiting"), test=test)


def retry(connection: Connection, id: int, *, test: bool) -> Row[Any]:
    """Send a message anew that has failed, and return its row; a new life if the old one is over.

    With `test` one of a test token. Raises NotFound, or Conflict if it is in another state or carries a
    one-time password.
    """
    moment = now()
    renewed = moment + timedelta(seconds=connection.execute(select(MESSAGE_TTL)).scalar_one())
    expires_at = _messages.expires_at
    values = {
        "status": MessageStatus.QUEUED,
        "rounds": 0,
        "next_attempt_at": moment,
        "enqueued_at": None,
        "expires_at": case((expires_at <= moment, renewed), else_=expires_at),
        "report_due_at": None,
        "reports_asked": 0,
        **dict.fromkeys(("sent_at", "delivered_at", "provider_message_id", "error_code", "error_detail")),
    }
    row = _change(connection, id, values, _ENDED, _messages.otp_id.is_(None), *_visible(test=test))
    return row or _refuse(connection, id, "sent anew", RETRIABLE, test=test)


def _visible(*, test: bool) -> list[ColumnElement[bool]]:
    """Return the conditions of messages that a token may change: a test token those of test tokens."""
    return [_messages.is_test.is_(True)] if test else []


def _change(
    connection: Connection, id: int, values: dict[str, Any], *conditions: ColumnElement[bool]
) -> Row[Any] | None:
    """Change a message that meets the conditions; return its row, None if it doesn't."""
    change = update(table_of(Message)).where(_messages.id == id, _messages.recipient != ERASED, *conditions)
    return connection.execute(change.values(values).returning(*COLUMNS)).first()


def _refuse(connection: Connection, id: int, done: str, states: tuple[str, ...], *, test: bool) -> NoReturn:
    stored = select(_messages.status, _messages.recipient, _messages.otp_id)
    row = or_404(connection.execute(stored.where(_messages.id == id, *_visible(test=test))).first())
    if row.recipient == ERASED:
        raise Conflict("This message is older than messages are kept: its recipient and content are erased.")
    if row.otp_id is not None and row.status in states:
        raise Conflict(
            "This message carries a one-time password: it is sent anew when that is asked for again."
        )
    allowed = f"{', '.join(states[:-1])} or {states[-1]}"
    raise Conflict(f"This message is {row.status}: only one that is {allowed} can be {done}.")
