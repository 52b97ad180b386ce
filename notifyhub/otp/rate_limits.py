"""Rate limits: how many codes a recipient may be sent in an hour, and how many on behalf of a client.

Codes of all purposes count, and those that were sent again: each is a message.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message
from notifyhub.otp.rules import Rules

WINDOW = timedelta(hours=1)

_messages = table_of(Message).c


def _reached(whose: ColumnElement[bool], offset: str) -> Select[tuple[datetime]]:
    """Select the moment of the message that has to leave the window before the next; none below the limit.

    With a limit of five, that is the fifth of the window's messages, the latest one first.
    """
    return (
        select(_messages.created_at)
        .where(
            whose,
            _messages.is_test == bindparam("test"),
            _messages.created_at > bindparam("window_start", type_=_messages.created_at.type),
        )
        .order_by(_messages.created_at.desc())
        .offset(bindparam(offset, type_=Integer))
        .limit(1)
    )


RECIPIENT_LIMIT = _reached(
    and_(_messages.otp_id.is_not(None), _messages.recipient == bindparam("recipient")), "recipient_offset"
)
CLIENT_LIMIT = _reached(_messages.otp_client == bindparam("client"), "client_offset")


def parameters(
    rules: Rules, recipient: str, moment: datetime, *, test: bool, client: str | None = None
) -> dict[str, Any]:
    """Return the values that RECIPIENT_LIMIT and, with a client, CLIENT_LIMIT take."""
    return {
        "recipient": recipient,
        "client": client,
        "test": test,
        "window_start": moment - WINDOW,
        "recipient_offset": rules.max_per_hour - 1,
        "client_offset": rules.max_per_client_hour - 1,
    }
