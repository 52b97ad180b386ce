"""What pages call the states of messages, and how they colour them."""

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from notifyhub.messages.models import Channel, MessageStatus


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
CHANNELS: dict[str, Any] = {Channel.SMS: _("SMS"), Channel.EMAIL: _("Email")}
