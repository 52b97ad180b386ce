"""The list of a webhook's deliveries."""

from collections.abc import Sequence
from typing import Any

from notifyhub.api.http.parsing import query
from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.parameters import Number, OneOf, SomeOf
from notifyhub.api.pagination.ranges import Key
from notifyhub.database.base import table_of
from notifyhub.webhooks.models import TEST, DeliveryStatus, Event, WebhookDelivery
from notifyhub.webhooks.schemas import WebhookDeliverySchema

_deliveries = table_of(WebhookDelivery)

COLUMNS = (
    _deliveries.c.id,
    _deliveries.c.event,
    _deliveries.c.uid,
    _deliveries.c.status,
    _deliveries.c.attempts,
    _deliveries.c.response_status,
    _deliveries.c.response_body,
    _deliveries.c.error,
    _deliveries.c.duration_ms,
    _deliveries.c.next_attempt_at,
    _deliveries.c.created_at,
)
"""What `delivery` takes."""

_NAMES = tuple({"uid": "webhook_id"}.get(column.name, column.name) for column in COLUMNS)


def delivery(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of COLUMNS as `WebhookDeliverySchema` describes it, moments left to the encoder."""
    return dict(zip(_NAMES, row, strict=True))


_listing = CursorListing(
    _deliveries,
    COLUMNS,
    delivery,
    WebhookDeliverySchema(),
    keys={
        "webhook": Key(Number("Only those to this webhook."), _deliveries.c.webhook_id),
        "status": Key(
            SomeOf("Only those in one of these states, comma-separated.", DeliveryStatus),
            _deliveries.c.status,
            tuple(DeliveryStatus),
        ),
        "event": Key(OneOf("Only those of this event.", [*Event, TEST]), _deliveries.c.event),
    },
    indexes=(("webhook", "status"),),
)
ANSWER = _listing.answer
QUERY = type(_listing.query)(exclude=("webhook",))
"""The parameters: the path gives the webhook."""


def page(webhook_id: int) -> dict[str, Any]:
    """Return the page that the request asks for."""
    return _listing.page({**query(QUERY), "webhook": webhook_id})
