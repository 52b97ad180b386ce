"""The URLs of webhooks and their deliveries."""

from typing import Any

from flask import Blueprint, g
from sqlalchemy import Column, String, bindparam, cast, insert, select

from notifyhub.api.endpoint import endpoint
from notifyhub.api.fields import Choice, described
from notifyhub.api.pagination.filters import Comparison, Filter, flag
from notifyhub.api.resource import Names, Resource, or_404
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, orm_session
from notifyhub.webhooks import pages, signatures
from notifyhub.webhooks.attempts import wake
from notifyhub.webhooks.models import TEST, Event, Webhook, WebhookDelivery
from notifyhub.webhooks.recorder import describe
from notifyhub.webhooks.schemas import (
    NewWebhookSchema,
    WebhookDeliverySchema,
    WebhookSchema,
    WebhookSecretSchema,
)

blueprint = Blueprint("webhooks", __name__, url_prefix="/api/notifications/webhooks")

_w, _d = table_of(Webhook), table_of(WebhookDelivery)


def _of_event(column: Column[Any]) -> Filter:
    """Return the filter for webhooks that ask for an event, whose name stands in a list, JSON."""
    names = Comparison(
        cast(column, String), lambda text, name: text.contains(name), lambda event: f'"{event}"'
    )
    return Filter(Choice(Event, metadata=described("Only those that ask for this event.")), (names,))


webhooks = Resource(
    Names("webhook", "WebhookPermission", 7831),
    Webhook,
    WebhookSchema,
    create_response=NewWebhookSchema,
    search=("id", "url"),
    ordering=("id", "url", "is_active", "created_at", "updated_at"),
    filters={"is_active": flag(_w.c.is_active), "event": _of_event(_w.c.events)},
)
webhooks.register(blueprint)

_exists = select(_w.c.id).where(_w.c.id == bindparam("id"))
_lock = select(Webhook).where(Webhook.id == bindparam("id")).with_for_update(key_share=True)
_insert = insert(_d).returning(*pages.serializer.columns)
_repeated = [
    _d.c[name]
    for name in ("webhook_id", "event", "kind", "object_id", "uid", "sequence", "data", "happened_at")
]
_made: dict[str, Any] = {"responses": {201: WebhookDeliverySchema()}, "errors": (404,)}


@blueprint.post("/<id:id>/rotate-secret")
@endpoint(
    webhooks.declare(
        "change", "Rotate a webhook's secret", responses={200: WebhookSecretSchema()}, errors=(404,)
    )
)
def rotate_secret(id: int) -> dict[str, str]:
    """Give a webhook another secret; the old one signs along for a day."""
    with orm_session() as session:
        webhook = or_404(session.scalar(_lock, {"id": id}))
        webhook.secret = signatures.rotated(webhook.secret, now())
        return {"secret": webhook.secret["current"]}


@blueprint.get("/<id:id>/deliveries")
@endpoint(
    webhooks.declare(
        "view",
        "List the deliveries to a webhook",
        query=pages.listing.query,
        responses={200: pages.listing.response},
        errors=(404,),
    )
)
def list_deliveries(id: int) -> dict[str, Any]:
    """Give a page of the list."""
    or_404(autocommit().execute(_exists, {"id": id}).first())
    return pages.listing.page(webhook_id=id)


@blueprint.post("/<id:id>/deliveries/<id:delivery_id>/redeliver")
@endpoint(webhooks.declare("change", "Send an event to a webhook again", **_made))
def redeliver(id: int, delivery_id: int) -> tuple[dict[str, Any], int]:
    """Make another delivery of the same event."""
    original = select(*_repeated).where(_d.c.id == delivery_id, _d.c.webhook_id == id)
    row = or_404(autocommit().execute(original).mappings().first())
    return _send({**row, "sequence": row["sequence"] or delivery_id})


@blueprint.post("/<id:id>/test")
@endpoint(webhooks.declare("change", "Send a test event to a webhook", **_made))
def send_test(id: int) -> tuple[dict[str, Any], int]:
    """Make a delivery of an event that tells nothing."""
    data = {"id": id, "test": g.caller.test}
    return _send({**describe(TEST, None, data, now()), "webhook_id": id})


def _send(values: dict[str, Any]) -> tuple[dict[str, Any], int]:
    row = autocommit().execute(_insert, {**values, "next_attempt_at": now()}).one()
    wake([row.id])
    return pages.serializer.dump([row])[0], 201
