"""The list of a webhook's deliveries."""

from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.filters import any_of, one_of
from notifyhub.api.serializers import TableSerializer
from notifyhub.database.base import table_of
from notifyhub.webhooks.models import TEST, DeliveryStatus, Event, WebhookDelivery
from notifyhub.webhooks.schemas import WebhookDeliverySchema

_deliveries = table_of(WebhookDelivery)

serializer = TableSerializer(_deliveries, WebhookDeliverySchema())

listing = CursorListing(
    _deliveries,
    serializer,
    parent="webhook_id",
    filters={
        "status": any_of(
            _deliveries.c.status, DeliveryStatus, "Only those in one of these states, comma-separated."
        ),
        "event": one_of(_deliveries.c.event, [*Event, TEST], "Only those of this event."),
    },
    indexes=(("webhook_id", "status"),),
)
