"""The alert about a webhook that the service has disabled."""

from collections.abc import Sequence

from sqlalchemy import Connection

from notifyhub.health import alerts
from notifyhub.webhooks.events import WebhookDisabled


def on_disabled(connection: Connection, events: Sequence[WebhookDisabled]) -> None:
    """Mail to the operators which webhook is disabled, and why."""
    for event in events:
        name = f"webhook {event.row['id']}"
        words = f"No events are sent to {name} any more. {event.row['disabled_reason']}"
        alerts.mail(connection, f"{name} is disabled", words)
