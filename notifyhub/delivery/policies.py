"""The delivery settings as the delivery reads them."""

from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery.retry_policy import Policy
from notifyhub.messages.models import Channel
from notifyhub.settings.models import DeliverySettings

_settings = table_of(DeliverySettings)
_NAMES = [column.name for column in _settings.c if column.name != "id"]
_stored = select(*(_settings.c[name] for name in _NAMES))


@dataclass(frozen=True)
class Delivery:
    """The rules in force: the policy of rounds, backups by channel, days until a message is erased."""

    policy: Policy
    backups: dict[str, list[int]]
    retention_days: int


def in_force() -> Delivery:
    """Return the stored settings; where none have been stored yet, the defaults."""
    connection = autocommit()
    row = connection.execute(_stored).mappings().first()
    values = dict(row) if row else {name: _default(name) for name in _NAMES}
    return Delivery(
        Policy(
            values["max_attempts"],
            values["retry_delays"],
            values["resend_uncertain"],
            current_app.config["BREAKER_REST"],
        ),
        {Channel.SMS: values["sms_backup_notifiers"], Channel.EMAIL: values["email_backup_notifiers"]},
        values["retention_days"],
    )


def _default(name: str) -> Any:
    default: Any = _settings.c[name].default
    return default.arg(None) if default.is_callable else default.arg
