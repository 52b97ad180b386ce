"""Recovery: deliveries that are due and that nobody works on, found in their rows and enqueued.

So are those whose worker has died: they are due again when its lease is over.
"""

from sqlalchemy import and_

from notifyhub.database.base import table_of
from notifyhub.jobs import leases, queues
from notifyhub.jobs.dispatcher import Dispatcher
from notifyhub.webhooks.attempts import enqueue
from notifyhub.webhooks.claims import unblocked
from notifyhub.webhooks.models import WebhookDelivery

deliveries = table_of(WebhookDelivery)
_dispatcher = Dispatcher(
    deliveries,
    due=and_(deliveries.c.next_attempt_at <= leases.NOW, unblocked),
    new=deliveries.c.attempts == 0,
    queue=queues.WEBHOOKS,
    enqueue=enqueue,
)


def recover() -> int:
    """Enqueue what is due; return for how many deliveries."""
    return _dispatcher.enqueue_due()
