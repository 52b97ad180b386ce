"""The URLs of webhooks and their deliveries."""

from collections.abc import Mapping
from typing import Any, ClassVar

from flask import Blueprint, g
from sqlalchemy import Column, String, bindparam, cast, insert, select
from werkzeug.exceptions import Conflict

from notifyhub.api.changes import Action, ObjectChanged
from notifyhub.api.endpoint import endpoint
from notifyhub.api.fields import Choice, described
from notifyhub.api.http.parsing import body
from notifyhub.api.pagination.filters import Comparison, Filter, flag
from notifyhub.api.resource import Names, Resource, or_404
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import after_commit, autocommit, orm_session, transaction
from notifyhub.events import publish
from notifyhub.text.secret_names import HIDDEN
from notifyhub.text.url_secrets import mask_secrets
from notifyhub.webhooks import pages, redelivery, signatures
from notifyhub.webhooks.attempts import enqueue
from notifyhub.webhooks.models import TEST, Event, Webhook, WebhookDelivery
from notifyhub.webhooks.recorder import describe
from notifyhub.webhooks.schemas import (
    NewWebhookSchema,
    WebhookDeliverySchema,
    WebhookRecoveryRequestSchema,
    WebhookRecoverySchema,
    WebhookSchema,
    WebhookSecretSchema,
)

blueprint = Blueprint("webhooks", __name__, url_prefix="/api/notifications/webhooks")

NOT_ACTIVE = "This webhook is not active: nothing would be sent. Set is_active first."

_webhooks, _deliveries = table_of(Webhook), table_of(WebhookDelivery)


def _of_event(column: Column[Any]) -> Filter:
    """Return the filter for webhooks that ask for an event, whose name stands in a list, JSON."""
    names = Comparison(
        cast(column, String), lambda text, name: text.contains(name), lambda event: f'"{event}"'
    )
    return Filter(Choice(Event, metadata=described("Only those that ask for this event.")), (names,))


class WebhookResource(Resource):
    """Webhooks, which have no names."""

    title = "url"
    change_example: ClassVar[Mapping[str, Any]] = {"is_active": True}


webhooks = WebhookResource(
    Names("webhook", "WebhookPermission", 7831),
    Webhook,
    WebhookSchema,
    create_response=NewWebhookSchema,
    search=("id", "url"),
    ordering=("id", "url", "is_active", "created_at", "updated_at"),
    filters={"is_active": flag(_webhooks.c.is_active), "event": _of_event(_webhooks.c.events)},
)
webhooks.register(blueprint)

_exists = select(_webhooks.c.id).where(_webhooks.c.id == bindparam("id"))
_lock = select(Webhook).where(Webhook.id == bindparam("id")).with_for_update(key_share=True)
_insert = insert(_deliveries).returning(*pages.serializer.columns)
_lock_active = (
    select(_webhooks.c.is_active).where(_webhooks.c.id == bindparam("id")).with_for_update(key_share=True)
)
_span = WebhookRecoveryRequestSchema()
_created: dict[str, Any] = {"responses": {201: WebhookDeliverySchema()}, "errors": (404,)}


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
        changes = {"secret": (HIDDEN, HIDDEN)}
        name = mask_secrets(webhook.url, HIDDEN)
        publish(session.connection(), ObjectChanged(Webhook, id, name, Action.ROTATE, changes))
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
@endpoint(webhooks.declare("change", "Send an event to a webhook again", **_created))
def redeliver(id: int, delivery_id: int) -> tuple[dict[str, Any], int]:
    """Make another delivery of the same event."""
    this = {"delivery_id": delivery_id, "webhook_id": id}
    return _send(dict(or_404(autocommit().execute(redelivery.event_of_one, this).mappings().first())))


@blueprint.post("/<id:id>/recover")
@endpoint(
    webhooks.declare(
        "change",
        "Send a webhook what it has missed",
        body=_span,
        responses={200: WebhookRecoverySchema()},
        errors=(404, 409),
    )
)
def recover(id: int) -> dict[str, int]:
    """Make another delivery of every event whose delivery has failed."""
    with transaction() as connection:
        webhook = or_404(connection.execute(_lock_active, {"id": id}).first())
        span = body(_span)
        if not webhook.is_active:
            raise Conflict(NOT_ACTIVE)
        count, ids = redelivery.redeliver_failed(connection, id, span["since"], span["until"])
        after_commit(lambda: enqueue(ids))
    return {"count": count}


@blueprint.post("/<id:id>/test")
@endpoint(webhooks.declare("change", "Send a test event to a webhook", **_created))
def send_test(id: int) -> tuple[dict[str, Any], int]:
    """Make a delivery of an event that says nothing."""
    data = {"id": id, "test": g.caller.test}
    return _send({**describe(TEST, None, data, now()), "webhook_id": id})


def _send(values: dict[str, Any]) -> tuple[dict[str, Any], int]:
    row = autocommit().execute(_insert, {**values, "next_attempt_at": now()}).one()
    enqueue([row.id])
    return pages.serializer.dump([row])[0], 201
