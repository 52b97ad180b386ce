"""Messages and attempts as responses show them: selected as columns, without an object for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from notifyhub.api.serializers import brief
from notifyhub.database.base import table_of
from notifyhub.messages.models import Attempt, Channel, Message
from notifyhub.messages.schemas import MessageSchema
from notifyhub.text.truncation import truncate

_messages, _attempts = table_of(Message).c, table_of(Attempt).c

_PAIRS = {
    "notifier_data": ("notifier_id", "notifier_name"),
    "pattern_data": ("pattern_id", "pattern_name"),
    "error": ("error_code", "error_detail"),
}
"""The fields that are made of two columns; any other shows one column: its `attribute`, or its namesake."""
_FIELDS = MessageSchema().fields
_SECONDS = tuple(second for _, second in _PAIRS.values())
_KEYS = (*_FIELDS, *_SECONDS)

COLUMNS = (
    *(_messages[_PAIRS.get(name, (field.attribute or name,))[0]] for name, field in _FIELDS.items()),
    *(_messages[second] for second in _SECONDS),
)
"""What `message` takes: a column for each field, in their order, then the pairs' second ones."""

MAX_LISTED_CHARACTERS = 500
"""Of a text, in lists."""

LISTED = tuple(
    func.substr(column, 1, MAX_LISTED_CHARACTERS + 1, type_=column.type).label("text")
    if column is _messages.text
    else column
    for column in COLUMNS
)
"""What `listed` takes: of a mail's text only as much as it needs leaves the database."""

_ATTEMPTS = select(
    _attempts.notifier_id,
    _attempts.notifier_name,
    _attempts.started_at,
    _attempts.duration_ms,
    _attempts.outcome,
    _attempts.error_code,
    _attempts.error_detail,
).order_by(_attempts.id)


def message(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row that begins with COLUMNS as `MessageSchema` describes it, its moments not encoded yet.

    A pair of columns is put where its first one is: so the response keeps the order of the schema's fields.
    """
    response = dict(zip(_KEYS, row, strict=False))
    response["notifier_data"] = brief(response["notifier_data"], response.pop("notifier_name"))
    response["pattern_data"] = brief(response["pattern_data"], response.pop("pattern_name"))
    response["error"] = _error(response["error"], response.pop("error_detail"))
    if response["channel"] == Channel.EMAIL:
        response["cc"] = response["cc"] or []
    return response


def listed(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of LISTED as `message` does, with a long text cut."""
    response = message(row)
    if response["text"] is not None:
        response["text"] = truncate(response["text"], MAX_LISTED_CHARACTERS)
    return response


def attempts(connection: Connection, message_id: int) -> list[dict[str, Any]]:
    """Return the attempts to send a message, the first one first, as `AttemptSchema` describes them."""
    return [
        {
            "notifier_data": brief(row.notifier_id, row.notifier_name),
            "started_at": row.started_at,
            "duration_ms": row.duration_ms,
            "outcome": row.outcome,
            "error": _error(row.error_code, row.error_detail),
        }
        for row in connection.execute(_ATTEMPTS.where(_attempts.message_id == message_id))
    ]


def _error(code: str | None, detail: str | None) -> dict[str, str] | None:
    return None if code is None else {"code": code, "detail": detail or ""}
