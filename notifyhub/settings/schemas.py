"""What goes in and out for the settings."""

from marshmallow import EXCLUDE, Schema, fields

from notifyhub.api.fields import Boolean, Integer, List, Reference, References
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier


class NotificationSettingsChangeSchema(Schema):
    """What may be changed, under the names of the model's attributes."""

    class Meta:
        unknown = EXCLUDE

    notifications_sms_notifier = Reference(SMSNotifier, attribute="sms_notifier_id", allow_none=True)
    notifications_email_notifier = Reference(EmailNotifier, attribute="email_notifier_id", allow_none=True)
    notifications_otp_code_len = Integer(4, 10, attribute="otp_code_len")
    notifications_otp_ttl = Integer(10, 86_400, attribute="otp_ttl")


class NotifierDataSchema(Schema):
    """A notifier, briefly."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class NotificationSettingsSchema(Schema):
    """The settings as they are shown."""

    notifications_sms_notifier_data = fields.Nested(NotifierDataSchema, required=True, allow_none=True)
    notifications_email_notifier_data = fields.Nested(NotifierDataSchema, required=True, allow_none=True)
    notifications_otp_code_len = fields.Integer(required=True)
    notifications_otp_ttl = fields.Integer(required=True)


DAY = 86_400  # seconds
MOST_BACKUPS = 100


class DeliverySettingsSchema(Schema):
    """How hard a message is tried, and through which notifiers when its own one fails."""

    class Meta:
        unknown = EXCLUDE

    sms_backup_notifiers = References(SMSNotifier, most=MOST_BACKUPS, required=True)
    email_backup_notifiers = References(EmailNotifier, most=MOST_BACKUPS, required=True)
    max_attempts = Integer(1, 50, required=True)
    retry_delays = List(Integer(1, DAY), least=1, most=50, required=True)
    message_ttl = Integer(60, 30 * DAY, required=True)
    retention_days = Integer(1, 3650, required=True)
    resend_uncertain = Boolean(required=True)
