"""The kinds of objects that a seed file holds."""

from dataclasses import dataclass
from typing import Any, Optional

from notifyhub.api.schemas import ResourceSchema
from notifyhub.api.singleton import Singleton
from notifyhub.database.base import Timestamped
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.schemas import EmailNotifierSchema, SMSNotifierSchema
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.patterns.schemas import EmailPatternSchema, SMSPatternSchema
from notifyhub.settings.delivery import delivery_settings
from notifyhub.settings.notification import notification_settings
from notifyhub.settings.otp import otp_settings
from notifyhub.text.secret_names import HIDDEN
from notifyhub.text.url_secrets import mask_secrets
from notifyhub.webhooks.models import Webhook
from notifyhub.webhooks.schemas import WebhookWithSecretSchema


@dataclass(frozen=True)
class Kind:
    """A kind of object: what it is called, how it is stored, what it must satisfy.

    `key` is the field by which an object is found again, among those of the same notifier if it belongs to
    one, of the kind `notifier`.
    """

    noun: str
    model: type[Timestamped]
    schema: type[ResourceSchema]
    key: str = "name"
    notifier: Optional["Kind"] = None

    def label(self, key: str) -> str:
        """Return what an object is called in words, given its `key`: a URL without its secrets."""
        return mask_secrets(key, HIDDEN) if self.key == "url" else key


SMS_NOTIFIER = Kind("SMS notifier", SMSNotifier, SMSNotifierSchema)
EMAIL_NOTIFIER = Kind("email notifier", EmailNotifier, EmailNotifierSchema)
SMS_PATTERN = Kind("SMS pattern", SMSPattern, SMSPatternSchema, notifier=SMS_NOTIFIER)
EMAIL_PATTERN = Kind("email pattern", EmailPattern, EmailPatternSchema, notifier=EMAIL_NOTIFIER)
WEBHOOK = Kind("webhook", Webhook, WebhookWithSecretSchema, key="url")

NOTIFIERS = {"sms": (SMS_NOTIFIER, SMS_PATTERN), "email": (EMAIL_NOTIFIER, EMAIL_PATTERN)}
"""The kinds of notifiers and of their patterns, by the section of the file."""

SETTINGS: dict[str, tuple[str, Singleton[Any]]] = {
    "settings": ("settings", notification_settings),
    "delivery": ("delivery settings", delivery_settings),
    "otp": ("OTP settings", otp_settings),
}
"""What the settings are called, and themselves, by the section of the file, in the order of their writing."""

NAMED: dict[type, Kind] = {
    kind.model: kind for kind in (SMS_NOTIFIER, EMAIL_NOTIFIER, SMS_PATTERN, EMAIL_PATTERN)
}
"""The kinds of what settings refer to: in the file, by name."""
