"""Messages as they go out: selected as columns, without an object for each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Attempt, Message
from notifyhub.text.truncation import truncate

_messages, _attempts = table_of(Message).c, table_of(Attempt).c

COLUMNS = (
    *(_messages.id, _messages.channel, _messages.status, _messages.recipient, _messages.notifier_id),
    *(
        _messages.notifier_name,
        _messages.pattern_id,
        _messages.pattern_name,
        _messages.subject,
        _messages.text,
    ),
    *(_messages.args, _messages.encoding, _messages.segments, _messages.reference, _messages.client_metadata),
    *(_messages.batch_id, _messages.is_test, _messages.send_at, _messages.expires_at, _messages.created_at),
    *(_messages.updated_at, _messages.next_attempt_at, _messages.sent_at, _messages.delivered_at),
    *(_messages.provider_message_id, _messages.error_code, _messages.error_detail),
)
"""What `message` takes."""

MOST_LISTED = 500
"""The characters of a text that lists show."""

LISTED = tuple(
    func.substr(column, 1, MOST_LISTED + 1, type_=column.type).label("text")
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
    """Return a row of COLUMNS as `MessageSchema` describes it, with the moments left to the encoder."""
    id_, channel, status, to, notifier_id, notifier_name, pattern_id, pattern_name, *middle = row
    subject, text, args, encoding, segments, reference, metadata, batch, test, *end = middle
    send_at, expires_at, created_at, updated_at, next_attempt_at, *reached = end
    sent_at, delivered_at, provider_message_id, error_code, error_detail, *_ = reached
    return {
        "id": id_,
        "channel": channel,
        "status": status,
        "to": to,
        "notifier_data": {"id": notifier_id, "name": notifier_name},
        "pattern_data": None if pattern_id is None else {"id": pattern_id, "name": pattern_name},
        "subject": subject,
        "text": text,
        "args": args,
        "encoding": encoding,
        "segments": segments,
        "reference": reference,
        "metadata": metadata,
        "batch": batch,
        "test": test,
        "send_at": send_at,
        "expires_at": expires_at,
        "created_at": created_at,
        "updated_at": updated_at,
        "next_attempt_at": next_attempt_at,
        "sent_at": sent_at,
        "delivered_at": delivered_at,
        "provider_message_id": provider_message_id,
        "error": _error(error_code, error_detail),
    }


def listed(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of LISTED as lists show it: the same, with a long text cut."""
    shown = message(row)
    if shown["text"] is not None:
        shown["text"] = truncate(shown["text"], MOST_LISTED)
    return shown


def attempts(connection: Connection, message_id: int) -> list[dict[str, Any]]:
    """Return the attempts to send a message, the first one first, as `AttemptSchema` describes them."""
    return [
        {
            "notifier_data": {"id": notifier_id, "name": notifier_name},
            "started_at": started_at,
            "duration_ms": duration_ms,
            "outcome": outcome,
            "error": _error(code, detail),
        }
        for notifier_id, notifier_name, started_at, duration_ms, outcome, code, detail in connection.execute(
            _ATTEMPTS.where(_attempts.message_id == message_id)
        )
    ]


def _error(code: str | None, detail: str | None) -> dict[str, str] | None:
    return None if code is None else {"code": code, "detail": detail or ""}
