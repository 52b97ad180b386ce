"""What pages call the states of messages, of attempts and of deliveries, and how they colour them."""

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from notifyhub.messages.models import Channel, MessageStatus, Outcome
from notifyhub.webhooks.models import DeliveryStatus, Event


class Worded(NamedTuple):
    """A state in words, and the kind of its badge: ok, busy, warn, bad or none."""

    words: Any
    kind: str


MESSAGES: dict[str, Worded] = {
    MessageStatus.SCHEDULED: Worded(_("Scheduled"), "none"),
    MessageStatus.QUEUED: Worded(_("Waiting"), "busy"),
    MessageStatus.SENDING: Worded(_("Being sent"), "busy"),
    MessageStatus.SENT: Worded(_("Sent"), "ok"),
    MessageStatus.DELIVERED: Worded(_("Delivered"), "ok"),
    MessageStatus.UNDELIVERED: Worded(_("Not delivered"), "bad"),
    MessageStatus.FAILED: Worded(_("Failed"), "bad"),
    MessageStatus.CANCELLED: Worded(_("Cancelled"), "none"),
    MessageStatus.EXPIRED: Worded(_("Expired"), "warn"),
}
ATTEMPTS: dict[str | None, Worded] = {
    Outcome.ACCEPTED: Worded(_("Taken by the provider"), "ok"),
    Outcome.TEMPORARY: Worded(_("Not now"), "warn"),
    Outcome.PERMANENT: Worded(_("Refused"), "bad"),
    Outcome.UNCERTAIN: Worded(_("No clear answer"), "warn"),
    None: Worded(_("Under way"), "busy"),
}
DELIVERIES: dict[str, Worded] = {
    DeliveryStatus.PENDING: Worded(_("Not yet taken"), "busy"),
    DeliveryStatus.DELIVERED: Worded(_("Taken"), "ok"),
    DeliveryStatus.FAILED: Worded(_("Given up"), "bad"),
}
EVENTS: dict[str, Any] = {
    Event.MESSAGE_SENT: _("Told of the sending"),
    Event.MESSAGE_DELIVERED: _("Told of the delivery"),
    Event.MESSAGE_UNDELIVERED: _("Told that it was not delivered"),
    Event.MESSAGE_FAILED: _("Told of the failure"),
}
CHANNELS: dict[str, Any] = {Channel.SMS: _("SMS"), Channel.EMAIL: _("Email")}
FINAL = frozenset(
    (
        MessageStatus.DELIVERED,
        MessageStatus.UNDELIVERED,
        MessageStatus.FAILED,
        MessageStatus.CANCELLED,
        MessageStatus.EXPIRED,
    )
)
"""The states that a message leaves by a retry alone."""
