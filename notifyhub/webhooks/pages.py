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

_table = table_of(WebhookDelivery)
_column = _table.c

COLUMNS = (
    _column.id,
    _column.event,
    _column.uid,
    _column.status,
    _column.attempts,
    _column.response_status,
    _column.response_body,
    _column.error,
    _column.duration_ms,
    _column.next_attempt_at,
    _column.created_at,
)
"""What `delivery` takes."""

_NAMES = tuple({"uid": "webhook_id"}.get(column.name, column.name) for column in COLUMNS)


def delivery(row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of COLUMNS as `WebhookDeliverySchema` describes it, moments left to the encoder."""
    return dict(zip(_NAMES, row, strict=True))


_listing = CursorListing(
    _table,
    COLUMNS,
    delivery,
    WebhookDeliverySchema(),
    keys={
        "webhook": Key(Number("Only those to this webhook."), _column.webhook_id),
        "status": Key(
            SomeOf("Only those in one of these states, comma-separated.", DeliveryStatus),
            _column.status,
            tuple(DeliveryStatus),
        ),
        "event": Key(OneOf("Only those of this event.", [*Event, TEST]), _column.event),
    },
    indexes=(("webhook", "status"),),
)
ANSWER = _listing.answer
QUERY = type(_listing.query)(exclude=("webhook",))
"""The parameters: the path gives the webhook."""


def page(webhook_id: int) -> dict[str, Any]:
    """Return the page that the request asks for."""
    return _listing.page({**query(QUERY), "webhook": webhook_id})
