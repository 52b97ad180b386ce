"""The URLs of messages and batches."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g
from sqlalchemy import Connection, select

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.http.parsing import body
from notifyhub.api.idempotency import IdempotentResult
from notifyhub.api.resource import or_404
from notifyhub.api.serializers import brief
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, persist, transaction
from notifyhub.events import publish
from notifyhub.messages import batches, transitions
from notifyhub.messages.bulk import accept, compose_bulk
from notifyhub.messages.composition import compose
from notifyhub.messages.events import MessagesDue
from notifyhub.messages.models import Message
from notifyhub.messages.pages import listing
from notifyhub.messages.references import resolve
from notifyhub.messages.request_schemas import MAX_BODY_BYTES, BulkSchema, MessageRequestSchema
from notifyhub.messages.schemas import (
    AcceptedBatchSchema,
    BatchSchema,
    ChangedBatchSchema,
    MessageDetailSchema,
    MessageSchema,
    PreviewSchema,
)
from notifyhub.messages.serializers import COLUMNS, attempts, message
from notifyhub.messages.storage import store
from notifyhub.messages.transitions import BatchChange

blueprint = Blueprint("messages", __name__, url_prefix="/api/notifications/messages")
batches_blueprint = Blueprint("batches", __name__, url_prefix="/api/notifications/batches")

TAG = "Messages"
NAME = "MessagePermission"
SEND = Permission(7811, NAME, "Send messages")
VIEW = Permission(7812, NAME, "View messages")
CHANGE = Permission(7813, NAME, "Cancel and retry messages")

EXAMPLES = {
    "An SMS by pattern": {"channel": "sms", "to": "09121234567", "pattern": 1, "args": ["12345"]},
    "An SMS": {"channel": "sms", "to": "09121234567", "text": "Your order is on its way."},
    "An email": {
        "channel": "email",
        "to": "customer@example.com",
        "subject": "Your order",
        "text": "It is on its way.",
    },
    "An email by a pattern": {
        "channel": "email",
        "to": "customer@example.com",
        "pattern": "order_sent",
        "args": ["1234", "sent"],
    },
}
BULK_EXAMPLES = {
    "Messages": {"messages": [EXAMPLES["An SMS"], EXAMPLES["An email"]]},
    "A pattern for many": {
        "common": {"channel": "sms", "pattern": 1},
        "recipients": [
            {"to": "09121234567", "args": ["12345"]},
            {"to": "09351234567", "args": ["67890"]},
        ],
    },
}

_message, _bulk = MessageRequestSchema(), BulkSchema()
_detail = {200: MessageDetailSchema()}
_batch_changed = {200: ChangedBatchSchema()}
_SELECT = select(*COLUMNS)
_id = table_of(Message).c.id

RETRIED_SECONDS = 5.0
"""How long a batch's change is tried anew: the database may end it where a worker locks in another order."""


@blueprint.post("")
@endpoint(
    Endpoint(
        SEND,
        "Send a message",
        TAG,
        body=_message,
        responses={201: MessageSchema()},
        max_body=MAX_BODY_BYTES,
        idempotent=True,
        atomic=lambda request: "attachments" in request,  # else it is one insertion
        examples=EXAMPLES,
    )
)
def send(connection: Connection, request: dict[str, Any]) -> IdempotentResult:
    """Store a message, to be sent."""
    moment = now()
    composed = compose(request, resolve(connection, [request]), moment)
    message_id, row = store(connection, composed, moment, test=g.caller.test)
    if composed.send_at is None:
        publish(connection, MessagesDue([message_id]))
    return IdempotentResult(message(row))


@blueprint.post("/bulk")
@endpoint(
    Endpoint(
        SEND,
        "Send many messages",
        TAG,
        body=_bulk,
        responses={201: AcceptedBatchSchema()},
        max_body=MAX_BODY_BYTES,
        examples=BULK_EXAMPLES,
        idempotent=True,
    )
)
def send_many(connection: Connection, request: dict[str, Any]) -> IdempotentResult:
    """Store messages as a batch: all of them or none."""
    moment = now()
    composed = compose_bulk(connection, request, moment)
    batch_id = accept(connection, composed, moment, test=g.caller.test)
    return IdempotentResult({"batch": batch_id, "count": len(composed)})


@blueprint.post("/preview")
@endpoint(
    Endpoint(
        SEND,
        "Show what a message would be",
        TAG,
        body=_message,
        responses={200: PreviewSchema()},
        max_body=MAX_BODY_BYTES,
        examples=EXAMPLES,
    )
)
def preview() -> dict[str, Any]:
    """Compose a message; nothing is stored or sent."""
    request = body(_message)
    composed = compose(request, resolve(autocommit(), [request]), now())
    return {
        "text": composed.text,
        "encoding": composed.encoding,
        "segments": composed.segments,
        "notifier_data": brief(composed.notifier.id, composed.notifier.name),
        "to": composed.recipient,
    }


@blueprint.get("")
@endpoint(
    Endpoint(
        VIEW, "List messages", TAG, query=listing.query, responses={200: listing.response}, errors=(404,)
    )
)
def list_messages() -> dict[str, Any]:
    """Give a page of the list."""
    return listing.page()


@blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a message", TAG, responses=_detail, errors=(404,)))
def show(id: int) -> dict[str, Any]:
    """Give a message with its attempts."""
    return _detailed(or_404(autocommit().execute(_SELECT.where(_id == id)).first()))


@blueprint.post("/<id:id>/cancel")
@endpoint(Endpoint(CHANGE, "Cancel a message", TAG, responses=_detail, errors=(404, 409)))
def cancel(id: int) -> dict[str, Any]:
    """Cancel a message that waits."""
    with transaction() as connection:
        row = transitions.cancel(connection, id, test=g.caller.test)
    return _detailed(row)


@blueprint.post("/<id:id>/retry")
@endpoint(Endpoint(CHANGE, "Retry a message", TAG, responses=_detail, errors=(404, 409)))
def retry(id: int) -> dict[str, Any]:
    """Send a message anew that has failed."""
    with transaction() as connection:
        retried = transitions.retry(connection, id, test=g.caller.test)
        publish(connection, MessagesDue([id]))
    return _detailed(retried)


def _detailed(row: Any) -> dict[str, Any]:
    return {**message(row), "attempts": attempts(autocommit(), row.id)}


@batches_blueprint.get("")
@endpoint(
    Endpoint(
        VIEW,
        "List batches",
        TAG,
        query=batches.listing.query,
        responses={200: batches.listing.response},
        errors=(404,),
    )
)
def list_batches() -> dict[str, Any]:
    """Give a page of the list."""
    return batches.listing.page()


@batches_blueprint.get("/<id:id>")
@endpoint(Endpoint(VIEW, "Read a batch", TAG, responses={200: BatchSchema()}, errors=(404,)))
def show_batch(id: int) -> dict[str, Any]:
    """Give a batch, with the number of its messages in each status."""
    return or_404(batches.read(id))


@batches_blueprint.post("/<id:id>/cancel")
@endpoint(Endpoint(CHANGE, "Cancel a batch", TAG, responses=_batch_changed, errors=(404,)))
def cancel_batch(id: int) -> dict[str, int]:
    """Cancel the messages of a batch that wait."""
    return _change_batch(transitions.cancel_batch, id)


@batches_blueprint.post("/<id:id>/retry")
@endpoint(Endpoint(CHANGE, "Retry a batch", TAG, responses=_batch_changed, errors=(404,)))
def retry_batch(id: int) -> dict[str, int]:
    """Send the messages of a batch anew that have failed."""

    def retry_all(connection: Connection, id: int, *, test: bool) -> BatchChange:
        change = transitions.retry_batch(connection, id, test=test)
        if change.changed:
            publish(connection, MessagesDue(change.changed))
        return change

    return _change_batch(retry_all, id)


def _change_batch(change: Callable[..., BatchChange], id: int) -> dict[str, int]:
    def change_all() -> dict[str, int]:
        with transaction() as connection:
            done = change(connection, id, test=g.caller.test)
        return {"changed": len(done.changed), "unchanged": done.unchanged}

    return persist(change_all, RETRIED_SECONDS)
