"""What tests of webhooks read of the rows, and write, inside an application context."""

from typing import TypeVar

from sqlalchemy import Connection

from notifyhub.extensions import db
from notifyhub.webhooks.models import Event, Webhook, WebhookDelivery
from notifyhub.webhooks.recorder import record

T = TypeVar("T")


def delivery(id: int) -> WebhookDelivery:
    """Return a delivery as it is stored now; the session is let go."""
    return _read(WebhookDelivery, id)


def webhook(id: int) -> Webhook:
    """Return a webhook as it is stored now; the session is let go."""
    return _read(Webhook, id)


def deliveries() -> list[WebhookDelivery]:
    """Return all deliveries by their ids."""
    db.session.rollback()
    found = list(db.session.scalars(db.select(WebhookDelivery).order_by(WebhookDelivery.id)))
    db.session.expunge_all()
    db.session.rollback()
    return found


def record_each(connection: Connection, event: Event, *objects: int) -> list[int]:
    """Record an event of each of some objects, which shows their ids alone; return the deliveries' ids."""
    return record(connection, objects, lambda _: event, lambda _, wanted: [{"id": id_} for id_ in wanted])


def _read(model: type[T], id: int) -> T:
    db.session.rollback()
    db.session.expunge_all()
    found = db.session.get_one(model, id)
    db.session.expunge_all()
    db.session.rollback()
    return found
