"""What is added up, as columns of a message."""

from sqlalchemy import case, func

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message

_messages = table_of(Message).c

SEGMENTS = func.coalesce(_messages.segments, 0)
SENT = case((_messages.sent_at.is_not(None), 1), else_=0)
"""1 for a message that was sent, whatever became of it later; a retry begins anew."""
