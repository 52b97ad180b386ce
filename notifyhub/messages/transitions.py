"""What a client may do to a stored message: each is one conditional UPDATE, so that of rivals one wins."""

from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import Connection, Row, case, select, update
from werkzeug.exceptions import Conflict, NotFound

from notifyhub.database.base import now, table_of
from notifyhub.messages.models import ERASED, Message, Status
from notifyhub.messages.representation import COLUMNS
from notifyhub.messages.sources import MESSAGE_TTL

_messages = table_of(Message)

CANCELLABLE = (Status.SCHEDULED, Status.QUEUED)
RETRIABLE = (Status.FAILED, Status.UNDELIVERED, Status.EXPIRED)


def cancel(connection: Connection, id: int) -> Row[Any]:
    """Cancel a message that no worker has claimed yet; return its row, as `representation` takes it.

    Raises NotFound, or Conflict if it is in another state.
    """
    values = {"status": Status.CANCELLED, "next_attempt_at": None}
    row = _change(connection, id, CANCELLABLE, values)
    return row or _refuse(connection, id, "cancelled", CANCELLABLE)


def retry(connection: Connection, id: int) -> Row[Any]:
    """Send a message anew that has failed, and return its row; a new life if the old one is over.

    Raises NotFound, or Conflict if it is in another state.
    """
    moment = now()
    renewed = moment + timedelta(seconds=connection.execute(select(MESSAGE_TTL)).scalar_one())
    expires_at = _messages.c.expires_at
    values = {
        "status": Status.QUEUED,
        "rounds": 0,
        "next_attempt_at": moment,
        "expires_at": case((expires_at <= moment, renewed), else_=expires_at),
        "report_due_at": None,
        "reports_asked": 0,
        **dict.fromkeys(("sent_at", "delivered_at", "provider_message_id", "error_code", "error_detail")),
    }
    row = _change(connection, id, RETRIABLE, values)
    return row or _refuse(connection, id, "sent anew", RETRIABLE)


def _change(
    connection: Connection, id: int, states: tuple[Status, ...], values: dict[str, Any]
) -> Row[Any] | None:
    """Change a message that is in one of some states; return its row, None if it is not."""
    change = update(_messages).where(
        _messages.c.id == id, _messages.c.status.in_(states), _messages.c.recipient != ERASED
    )
    return connection.execute(change.values(values).returning(*COLUMNS)).first()


def _refuse(connection: Connection, id: int, done: str, states: tuple[Status, ...]) -> NoReturn:
    row = connection.execute(
        select(_messages.c.status, _messages.c.recipient).where(_messages.c.id == id)
    ).first()
    if row is None:
        raise NotFound
    status, recipient = row
    if recipient == ERASED:
        raise Conflict("This message is older than messages are kept: its recipient and content are erased.")
    raise Conflict(
        f"This message is {status}: only one that is {', '.join(states[:-1])} or {states[-1]} can be {done}."
    )
