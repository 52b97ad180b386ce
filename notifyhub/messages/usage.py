"""How much messages use something."""

from sqlalchemy import Connection, func, select

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message

_messages = table_of(Message)


def count_of_notifier(connection: Connection, channel: str, id: int, most: int) -> int:
    """Return how many messages a notifier has, counting to `most` at most."""
    conditions = (_messages.c.channel == channel, _messages.c.notifier_id == id)
    some = select(_messages.c.id).where(*conditions).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0
