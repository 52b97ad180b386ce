"""What goes in and out for the settings."""

from marshmallow import EXCLUDE, Schema, fields

from notifyhub.api.fields import Integer, Reference
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
