"""Retention: what messages say and to whom is erased some days after they were made; that they were stays.

So is what is known of the health and the pace of notifiers that are gone.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, select, text, update

from notifyhub.api.idempotency import KEY_LIFETIME, IdempotencyKey
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.purge import in_batches, purge
from notifyhub.delivery import policies
from notifyhub.delivery.claims import LIVE
from notifyhub.delivery.models import CircuitBreaker, LatestFigures, MinuteFigures, RateLimit
from notifyhub.messages.models import ERASED, Attempt, Channel, Message, MessageAttachment
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier

messages, attempts = table_of(Message), table_of(Attempt)
attachments, keys = table_of(MessageAttachment), table_of(IdempotencyKey)

_notifiers = {Channel.SMS: table_of(SMSNotifier), Channel.EMAIL: table_of(EmailNotifier)}
_of_deleted = [
    delete(table).where(table.c.channel == channel, table.c.notifier_id.not_in(select(notifiers.c.id)))
    for table in map(table_of, (CircuitBreaker, RateLimit, MinuteFigures, LatestFigures))
    for channel, notifiers in _notifiers.items()
]

_ERASED: dict[str, Any] = {
    "recipient": ERASED,
    "args": None,
    "subject": None,
    "text": None,
    "html": None,
    "reply_to": None,
    "cc": None,
    "bcc": None,
    "unsubscribe_url": None,
    "client_metadata": {},
    "otp_client": None,
    "error_detail": None,  # a provider may repeat the recipient
}


def erase() -> int:
    """Erase the contents of messages older than the delivery settings say; return how many.

    Those that still have to go out are kept.
    """
    before = now() - timedelta(days=policies.in_force().retention_days)
    # As text, so that the index of what is not yet erased serves.
    unerased = text("recipient <> ''")
    old = and_(messages.c.created_at < before, unerased, messages.c.status.not_in(LIVE))
    return in_batches(messages, old, messages.c.created_at, _erase)


def _erase(connection: Connection, ids: list[int]) -> None:
    connection.execute(update(messages).where(messages.c.id.in_(ids)).values(_ERASED))
    connection.execute(update(attempts).where(attempts.c.message_id.in_(ids)).values(error_detail=None))
    connection.execute(delete(attachments).where(attachments.c.message_id.in_(ids)))


def purge_keys() -> int:
    """Forget the idempotency keys that are older than their 24 hours; return how many."""
    return purge(keys, keys.c.created_at < now() - KEY_LIFETIME, keys.c.created_at)


def forget_deleted_notifiers() -> None:
    """Delete the circuit breakers, rate limits and figures of notifiers that are gone.

    Not with the notifier itself: a call that is under way then may write them afterwards.
    """
    connection = autocommit()
    for statement in _of_deleted:
        connection.execute(statement)
