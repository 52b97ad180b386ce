"""Notifiers as the delivery uses them: with a backend that is ready to send."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.database.versioned_cache import load_versioned
from notifyhub.messages.models import Channel
from notifyhub.notifiers.backends import email_backend, sms_backend
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.provider_settings import max_per_second
from notifyhub.providers.base import Provider
from notifyhub.providers.sandbox import Sandbox

_tables = {Channel.SMS: table_of(SMSNotifier), Channel.EMAIL: table_of(EmailNotifier)}


@dataclass(frozen=True)
class NotifierClient:
    """A notifier of a channel; `row` is its whole row, secrets in clear, and stays out of the repr."""

    channel: str
    id: int
    name: str
    row: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<{self.channel} notifier {self.id}>"

    @cached_property
    def backend(self) -> Provider[Any]:
        """The backend of its provider; raises a failure if its settings can't be used."""
        if self.channel == Channel.EMAIL:
            return email_backend(self.row)
        return sms_backend(self.row["backend"], self.row["settings"])

    @cached_property
    def max_per_second(self) -> float | None:
        """The most calls per second that its account allows, None if its settings don't say."""
        return max_per_second(self.row.get("settings") or {})


def missing_client(channel: str, id: int) -> NotifierClient:
    """Return what stands for a notifier that is gone or can't be read."""
    return NotifierClient(channel, id, str(id), {})


def backend_for(client: NotifierClient, *, is_test: bool) -> Provider[Any]:
    """Return the backend of a client, or for the messages of test tokens the one that pretends; may fail."""
    return Sandbox() if is_test else client.backend


def report_batch(client: NotifierClient, *, is_test: bool) -> int:
    """Return how many reports the provider gives at once, 0 for none."""
    size: object = getattr(backend_for(client, is_test=is_test), "report_batch", 0)
    return size if isinstance(size, int) else 0


def load_client(channel: str, id: int, version: datetime | None) -> NotifierClient | None:
    """Return a notifier, of which `version` says when it last changed; None if it is gone.

    Decrypting its settings takes longer than a statement.
    """

    def load() -> NotifierClient | None:
        connection = autocommit()
        return load_clients(connection, channel, [id]).get(id)

    return load_versioned(channel, id, version, load)


def load_clients(connection: Connection, channel: str, ids: Iterable[int]) -> dict[int, NotifierClient]:
    """Return those of the notifiers that there are, by id."""
    table = _tables[Channel(channel)]
    rows = connection.execute(select(table).where(table.c.id.in_(list(ids)))).mappings()
    return {row["id"]: NotifierClient(channel, row["id"], row["name"], dict(row)) for row in rows}
