"""Which messages are counted, and what is added up, as columns of a message."""

from sqlalchemy import case, false, func

from notifyhub.database.base import table_of
from notifyhub.messages.models import Message

_messages = table_of(Message).c

OF_PRODUCTS = _messages.is_alert == false()
"""The condition of messages that count: the service's own mails to its operators are no product's."""

SEGMENTS = func.coalesce(_messages.segments, 0)
_sent_at = func.coalesce(_messages.sent_at, _messages.earlier_sent_at)
SENT = case((_sent_at.is_not(None), 1), else_=0)
"""1 for a message that was sent, whatever became of it later, and before a retry too."""
