"""Transitions: what a client may do to a stored message, or to all of a batch, in a transaction. Each is one
conditional UPDATE of locked rows, so that one of several at once wins.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, or_, select, update
from werkzeug.exceptions import Conflict

from notifyhub.api.changes import Action, ObjectChanged
from notifyhub.api.resource import or_404
from notifyhub.database.base import now, table_of
from notifyhub.events import publish
from notifyhub.messages.events import MessagesDue, MessagesRetried
from notifyhub.messages.models import ERASED, Batch, Message, MessageStatus
from notifyhub.messages.references import MESSAGE_TTL
from notifyhub.messages.serializers import COLUMNS

_messages, _batches = table_of(Message).c, table_of(Batch).c

CANCELLABLE = (MessageStatus.SCHEDULED, MessageStatus.QUEUED)
RETRIABLE = (MessageStatus.FAILED, MessageStatus.UNDELIVERED, MessageStatus.EXPIRED)


_WAITING = or_(
    _messages.status.in_(CANCELLABLE),
    and_(_messages.status == MessageStatus.SENDING, _messages.lease_until.is_(None)),
)
"""The condition of a message that no worker has: also between two attempts."""
_ENDED = and_(_messages.status.in_(RETRIABLE), _messages.otp_id.is_(None))
"""The condition of a message that has failed and may be sent anew."""
_CANCELLED = {"status": MessageStatus.CANCELLED, "next_attempt_at": None}


class Change(NamedTuple):
    """What can be done to many messages at once: to those in one of the statuses that meet the condition."""

    action: Action
    statuses: tuple[MessageStatus, ...]
    condition: ColumnElement[bool]


CANCEL = Change(
    Action.CANCEL, (*CANCELLABLE, MessageStatus.SENDING), and_(_WAITING, _messages.recipient != ERASED)
)
RETRY = Change(Action.RETRY, RETRIABLE, and_(_ENDED, _messages.recipient != ERASED))


class BatchChange(NamedTuple):
    """What was done to a batch: when those of its messages were created that were changed, by their ids in
    order; and the number of the others.
    """

    created_at: dict[int, datetime]
    unchanged: int

    @property
    def changed(self) -> list[int]:
        """The ids of the messages that were changed."""
        return list(self.created_at)


def cancel(connection: Connection, id: int, *, test: bool) -> Row[Any]:
    """Cancel a message that no worker has; return its row, as `serializers.message` takes it.

    With `test` one of a test token. Raises NotFound, or Conflict if it is in another state.
    """
    row = _change(connection, Action.CANCEL, id, _CANCELLED, _WAITING, *_visible(test=test))
    return row or _refuse(connection, id, "cancelled", (*CANCELLABLE, "waiting"), test=test)


def retry(connection: Connection, id: int, *, test: bool) -> Row[Any]:
    """Send a message anew that has failed, and return its row; a new life if the old one is over.

    To be called in a transaction. With `test` one of a test token. Raises NotFound, or Conflict if it is in
    another state or carries a one-time password.
    """
    row = _change(connection, Action.RETRY, id, _new_round(connection), _ENDED, *_visible(test=test))
    if row is None:
        _refuse(connection, id, "sent anew", RETRIABLE, test=test)
    publish(connection, MessagesRetried({id: row.created_at}))
    return row


def cancel_batch(connection: Connection, id: int, *, test: bool) -> BatchChange:
    """Cancel the messages of a batch that no worker has, in a transaction.

    With `test` a batch of a test token. Raises NotFound.
    """
    return _change_batch(connection, Action.CANCEL, id, _CANCELLED, _WAITING, test=test)


def retry_batch(connection: Connection, id: int, *, test: bool) -> BatchChange:
    """Send the messages of a batch anew that have failed, in a transaction, as `retry` does one.

    With `test` a batch of a test token. Raises NotFound.
    """
    change = _change_batch(connection, Action.RETRY, id, _new_round(connection), _ENDED, test=test)
    if change.created_at:
        publish(connection, MessagesRetried(change.created_at))
    return change


def change_several(connection: Connection, change: Change, ids: Sequence[int], *, test: bool) -> list[int]:
    """Cancel some messages, or send them anew, in a transaction; return the ids of those that it was done to.

    With `test` only those of test tokens. Each is audited by itself, as if it were the only one.
    """
    states = select(_messages.id, _messages.status)
    meets = states.where(_messages.id.in_(ids), change.condition, *_visible(test=test))
    before = {row.id: row.status for row in connection.execute(_in_lock_order(meets))}
    if not before:
        return []
    values = _CANCELLED if change.action is Action.CANCEL else _new_round(connection)
    publish(
        connection,
        *(
            ObjectChanged(Message, id_, None, change.action, {"status": (status, values["status"])})
            for id_, status in before.items()
        ),
    )
    these = update(table_of(Message)).where(_messages.id.in_(before)).values(values)
    rows = connection.execute(these.returning(_messages.id, _messages.created_at)).all()
    if change.action is Action.RETRY:
        publish(connection, MessagesRetried({row.id: row.created_at for row in rows}))
        publish(connection, MessagesDue(list(before)))
    return list(before)


def _in_lock_order(messages: Select[Any]) -> Select[Any]:
    """Return a query that locks messages in the order of their ids: several such wait for one another."""
    return messages.order_by(_messages.id).with_for_update()


def _new_round(connection: Connection) -> dict[str, Any]:
    """Return the values of a message that is sent anew."""
    moment = now()
    renewed = moment + timedelta(seconds=connection.execute(select(MESSAGE_TTL)).scalar_one())
    expires_at = _messages.expires_at
    return {
        "status": MessageStatus.QUEUED,
        "rounds": 0,
        "next_attempt_at": moment,
        "enqueued_at": None,
        "expires_at": case((expires_at <= moment, renewed), else_=expires_at),
        "report_due_at": None,
        "reports_asked": 0,
        "earlier_sent_at": func.coalesce(_messages.sent_at, _messages.earlier_sent_at),
        **dict.fromkeys(("sent_at", "delivered_at", "provider_message_id", "error_code", "error_detail")),
    }


def _visible(*, test: bool) -> list[ColumnElement[bool]]:
    """Return the conditions of messages that a token may change: a test token those of test tokens."""
    return [_messages.is_test.is_(True)] if test else []


def _change(
    connection: Connection,
    action: Action,
    id: int,
    values: dict[str, Any],
    *conditions: ColumnElement[bool],
) -> Row[Any] | None:
    """Change a message that meets the conditions; return its row, None if it doesn't."""
    meets = (_messages.id == id, _messages.recipient != ERASED, *conditions)
    before = connection.scalar(select(_messages.status).where(*meets).with_for_update())
    if before is None:
        return None
    change = update(table_of(Message)).where(_messages.id == id).values(values)
    row = connection.execute(change.returning(*COLUMNS)).one()
    changes = {"status": (before, values["status"])}
    publish(connection, ObjectChanged(Message, id, None, action, changes))
    return row


def _change_batch(
    connection: Connection,
    action: Action,
    id: int,
    values: dict[str, Any],
    condition: ColumnElement[bool],
    *,
    test: bool,
) -> BatchChange:
    """Change the messages of a batch that meet the condition; those that a worker claims meanwhile don't."""
    visible = select(_messages.id).where(_messages.batch_id == _batches.id, *_visible(test=test)).exists()
    count = or_404(connection.scalar(select(_batches.count).where(_batches.id == id, visible)))
    locked = select(_messages.id).where(_messages.batch_id == id, _messages.recipient != ERASED, condition)
    change = update(table_of(Message)).where(_messages.id.in_(_in_lock_order(locked)))
    rows = connection.execute(change.values(values).returning(_messages.id, _messages.created_at)).all()
    if rows:
        publish(connection, ObjectChanged(Batch, id, None, action, {"changed": (None, len(rows))}))
    return BatchChange({row.id: row.created_at for row in sorted(rows)}, count - len(rows))


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
