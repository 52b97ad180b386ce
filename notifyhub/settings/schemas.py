"""What goes in and out for the settings."""

from marshmallow import EXCLUDE, Schema, fields

from notifyhub.api.fields import Integer, Reference, described
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier

_CODE_LENGTH = described("Length of one-time passwords (at first 5).", 6)
_LIFETIME = described("How long one-time passwords are valid, in seconds (at first 120).", 180)


class NotificationSettingsChangeSchema(Schema):
    """What may be changed of the settings."""

    class Meta:
        unknown = EXCLUDE

    notifications_sms_notifier = Reference(
        SMSNotifier,
        attribute="sms_notifier_id",
        allow_none=True,
        metadata=described("Id of the SMS notifier to use, or null.", 1),
    )
    notifications_email_notifier = Reference(
        EmailNotifier,
        attribute="email_notifier_id",
        allow_none=True,
        metadata=described("Id of the email notifier to use, or null.", 2),
    )
    notifications_otp_code_len = Integer(4, 10, attribute="otp_code_len", metadata=_CODE_LENGTH)
    notifications_otp_ttl = Integer(10, 86_400, attribute="otp_ttl", metadata=_LIFETIME)


class NotifierDataSchema(Schema):
    """A notifier, briefly."""

    id = fields.Integer(required=True, metadata=described("Id of the notifier.", 2, format="int64"))
    name = fields.String(required=True, metadata=described("Name of the notifier.", "ippanel_one"))


class NotificationSettingsSchema(Schema):
    """The settings as they are shown."""

    notifications_sms_notifier_data = fields.Nested(
        NotifierDataSchema, required=True, allow_none=True, metadata=described("The SMS notifier to use.")
    )
    notifications_email_notifier_data = fields.Nested(
        NotifierDataSchema, required=True, allow_none=True, metadata=described("The email notifier to use.")
    )
    notifications_otp_code_len = fields.Integer(required=True, metadata=_CODE_LENGTH)
    notifications_otp_ttl = fields.Integer(required=True, metadata=_LIFETIME)
