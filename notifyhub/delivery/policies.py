"""The delivery settings as the delivery reads them."""

from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select

from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit
from notifyhub.delivery.retry_policy import Policy
from notifyhub.messages.models import Channel
from notifyhub.settings.models import DeliverySettings


@dataclass(frozen=True)
class Delivery:
    """The rules in force: the policy of rounds, backups by channel, days until a message is erased.

    `sms_batch_size` is how many texts go to a provider in one call.
    """

    policy: Policy
    backups: dict[str, list[int]]
    retention_days: int
    sms_batch_size: int


def in_force() -> Delivery:
    """Return the stored settings."""
    stored = autocommit().execute(select(table_of(DeliverySettings))).one()
    return Delivery(
        Policy(
            stored.max_attempts,
            stored.retry_delays,
            stored.resend_uncertain,
            current_app.config["BREAKER_REST"],
        ),
        {Channel.SMS: stored.sms_backup_notifiers, Channel.EMAIL: stored.email_backup_notifiers},
        stored.retention_days,
        stored.sms_batch_size,
    )
