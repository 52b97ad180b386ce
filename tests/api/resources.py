"""The collections that the kit serves, as a table, so that what holds for each is tested once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from sqlalchemy import Table, insert

from notifyhub.database.base import Timestamped, table_of
from notifyhub.database.confidential import Confidential, placed
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from tests.support.clients import Api
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    Stored,
)

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
SETTINGS = "/api/settings/notifications"

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Collection:
    """A collection: its URL, a body that it takes, its texts by their greatest length, its list's rules.

    `parent` makes the notifier that its objects belong to, `max_body` is the greatest length of a body.
    """

    name: str
    url: str
    model: type[Timestamped]
    factory: type[Stored]
    body: Row
    texts: dict[str, int]
    search: tuple[str, ...]
    ordering: tuple[str, ...]
    filters: dict[str, Callable[[Row, str], bool]] = field(default_factory=dict)
    parent: type[Stored] | None = None
    max_body: int = 1024 * 1024

    def __str__(self) -> str:
        return self.name

    @property
    def table(self) -> Table:
        return table_of(self.model)

    def place(self, app: Flask) -> tuple[str, Row]:
        """Return the URL of an empty collection, and the columns that tie a row to it."""
        if self.parent is None:
            return self.url, {}
        with app.app_context():
            scope = {"notifier_id": self.parent().id}
        return self.url.format(**scope), scope

    def one(self, app: Flask) -> str:
        """Return the URL of a new object."""
        url, scope = self.place(app)
        with app.app_context():
            return f"{url}/{self.factory(**scope).id}"

    def fill(self, app: Flask, rows: list[Row], scope: Row) -> None:
        """Store rows, given as the list shows them."""
        if rows:
            with app.app_context(), db.engine.begin() as connection:
                values = [self._placed(_columns(row) | scope) for row in rows]
                connection.execute(insert(self.table), values)

    def _placed(self, values: Row) -> Row:
        return placed(self.model, values) if issubclass(self.model, Confidential) else values


def _columns(row: Row) -> Row:
    moments = {
        name: datetime.fromisoformat(row[name]).astimezone(UTC) for name in ("created_at", "updated_at")
    }
    return row | moments


def _flag(text: str) -> bool:
    return text.lower() in {"true", "1"}


SMS_NOTIFIERS = Collection(
    "sms notifiers",
    SMS,
    SMSNotifier,
    SMSNotifierFactory,
    {"name": "general", "backend": "melipayamak", "settings": {"token": "a-token", "number": "50002"}},
    {"name": 255},
    ("id", "name"),
    ("id", "name", "backend", "created_at", "updated_at"),
    {
        "backend": lambda row, value: row["backend"] == value,
        "has_settings": lambda row, value: bool(row["settings"]) == _flag(value),
    },
)
SMS_PATTERNS = Collection(
    "sms patterns",
    SMS + "/{notifier_id}/patterns",
    SMSPattern,
    SMSPatternFactory,
    {"status": "approved", "name": "otp", "code": "13420", "description": "one", "body": "Code: {0}"},
    {"name": 255, "code": 255, "description": 10_000, "body": 10_000},
    ("id", "name", "code", "description", "body"),
    ("id", "name", "status", "code", "created_at", "updated_at"),
    {
        "status": lambda row, value: row["status"] == value,
        "has_description": lambda row, value: bool(row["description"]) == _flag(value),
    },
    SMSNotifierFactory,
)
EMAIL_NOTIFIERS = Collection(
    "email notifiers",
    EMAIL,
    EmailNotifier,
    EmailNotifierFactory,
    {
        "name": "mail",
        "host": "mail.example.com",
        "port": 465,
        "username": "info",
        "password": "a-password",
        "from_email": "Info <info@example.com>",
        "use_tls": False,
        "use_ssl": True,
        "fail_silently": True,
    },
    {"name": 255, "host": 255, "username": 255, "password": 255},
    ("id", "name", "host", "username", "from_email"),
    ("id", "name", "host", "port", "from_email", "created_at", "updated_at"),
    {
        "use_tls": lambda row, value: row["use_tls"] == _flag(value),
        "use_ssl": lambda row, value: row["use_ssl"] == _flag(value),
    },
)
EMAIL_PATTERNS = Collection(
    "email patterns",
    EMAIL + "/{notifier_id}/patterns",
    EmailPattern,
    EmailPatternFactory,
    {
        "name": "order_status_changed",
        "description": "one",
        "from_email": "Shop <shop@example.com>",
        "subject": "Your order",
        "body_text": "It is {0}",
        "body_html": "<p>It is {0}</p>",
    },
    {"name": 255, "description": 10_000, "subject": 255, "body_text": 100_000, "body_html": 500_000},
    ("id", "name", "description", "from_email", "subject", "body_text", "body_html"),
    ("id", "name", "from_email", "subject", "created_at", "updated_at"),
    {
        "has_description": lambda row, value: bool(row["description"]) == _flag(value),
        "has_from_email": lambda row, value: bool(row["from_email"]) == _flag(value),
        "has_body_html": lambda row, value: bool(row["body_html"]) == _flag(value),
        "from_email": lambda row, value: (row["from_email"] or "").lower() == value.lower(),
    },
    EmailNotifierFactory,
    2 * 1024 * 1024,
)
COLLECTIONS = (SMS_NOTIFIERS, SMS_PATTERNS, EMAIL_NOTIFIERS, EMAIL_PATTERNS)


@dataclass(frozen=True)
class Writer:
    """An endpoint that takes a body: its method, a valid body, and how to make a URL to send it to."""

    name: str
    method: str
    body: Row
    make_url: Callable[[Flask], str]
    collection: Collection | None = None

    def __str__(self) -> str:
        return self.name

    def send(self, api: Api, url: str, data: bytes, content_type: str | None = "application/json") -> Any:
        return api.call(self.method, url, data=data, content_type=content_type)


def _writers(collection: Collection) -> list[Writer]:
    name, body = collection.name, collection.body
    return [
        Writer(f"create {name}", "POST", body, lambda app: collection.place(app)[0], collection),
        Writer(f"patch {name}", "PATCH", body, collection.one, collection),
        Writer(f"post to one of {name}", "POST", body, collection.one, collection),
    ]


WRITERS = (
    *(writer for collection in COLLECTIONS for writer in _writers(collection)),
    Writer(
        "patch settings",
        "PATCH",
        {"notifications_otp_code_len": 6, "notifications_otp_ttl": 180, "notifications_sms_notifier": None},
        lambda _app: SETTINGS,
    ),
)


TABLES = ("sms_notifiers", "sms_patterns", "email_notifiers", "email_patterns", "notification_settings")


def stored(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the resources as the database keeps it."""
    with app.app_context(), db.engine.begin() as connection:
        return {
            table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")]
            for table in TABLES
        }
