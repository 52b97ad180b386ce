"""The sweep: deliveries that are due and that nobody has looked after, found in the rows.

So are those whose worker has died: they are due again when its lease is over.
"""

from notifyhub.database.base import table_of
from notifyhub.jobs import leases, queues
from notifyhub.jobs.dispatcher import Dispatcher
from notifyhub.webhooks.attempts import wake
from notifyhub.webhooks.models import WebhookDelivery

_d = table_of(WebhookDelivery)
_WAITING = Dispatcher(_d, _d.c.next_attempt_at <= leases.NOW, _d.c.attempts == 0, queues.WEBHOOKS, wake)


def sweep() -> int:
    """Wake workers for what waits; return for how many deliveries."""
    return _WAITING.enqueue_due()
