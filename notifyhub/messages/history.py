"""What is known of a message beyond what its answer shows: who made it, what is asked next, its parts."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, func, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message, MessageAttachment

_messages, _attachments = table_of(Message).c, table_of(MessageAttachment).c


class File(NamedTuple):
    """A file that goes with a mail; its size is in bytes."""

    filename: str
    content_type: str
    size: int


class Picture(NamedTuple):
    """A file that a mail's HTML names by `cid:` and its `content_id`."""

    content_id: str
    content_type: str
    content: bytes


class History(NamedTuple):
    """What the row of a message has beside its answer.

    `lease_until` is until when a worker has it. `report_due_at` is when its provider is asked next what has
    become of it, `reports_asked` how often that was done. `earlier_sent_at` is when it was sent before
    somebody had it sent anew. `from_email` is the sender that its pattern gave it; null once a backup has
    taken it, which sends from one of its own.
    """

    request_id: str | None
    otp_id: int | None
    lease_until: datetime | None
    report_due_at: datetime | None
    reports_asked: int
    earlier_sent_at: datetime | None
    reply_to: str | None
    from_email: str | None
    unsubscribe_url: str | None
    has_html: bool
    files: tuple[File, ...]


_COMPUTED = {
    "from_email": case((_messages.notifier_id == _messages.home_notifier_id, _messages.from_email)),
    "has_html": _messages.html.is_not(None),
}
_ROW = select(
    *(
        _COMPUTED[name] if name in _COMPUTED else _messages[name]
        for name in History._fields
        if name != "files"
    )
).where(_messages.id == bindparam("message_id"))
_FILES = (
    select(_attachments.filename, _attachments.content_type, func.length(_attachments.content))
    .where(_attachments.message_id == bindparam("message_id"))
    .order_by(_attachments.id)
)
_PICTURES = select(*(_attachments[name] for name in Picture._fields)).where(
    _attachments.message_id == bindparam("message_id"), _attachments.content_id.is_not(None)
)
_HTML = select(_messages.html).where(_messages.id == bindparam("message_id"))


def read(connection: Connection, message_id: int) -> History | None:
    """Return the history of a message, None if there is none with the id."""
    this = {"message_id": message_id}
    row: Any = connection.execute(_ROW, this).first()
    if row is None:
        return None
    files = tuple(File(*file) for file in connection.execute(_FILES, this))
    return History._make((*row, files))


def read_html(connection: Connection, message_id: int) -> str | None:
    """Return the HTML of a mail, None if it has none or there is no message with the id."""
    html: str | None = connection.execute(_HTML, {"message_id": message_id}).scalar()
    return html


def read_pictures(connection: Connection, message_id: int) -> list[Picture]:
    """Return what the HTML of a mail may show."""
    return [Picture(*row) for row in connection.execute(_PICTURES, {"message_id": message_id})]
