"""What goes in and out for the settings."""

from marshmallow import EXCLUDE, Schema, fields

from notifyhub.api.fields import Boolean, Integer, List, Reference, References, described
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


DAY = 86_400  # seconds
MOST_BACKUPS = 100
_BACKUPS = ", in this order. Deleted ones are left out."


class DeliverySettingsSchema(Schema):
    """How hard a message is tried, and through which notifiers when its own one fails."""

    class Meta:
        unknown = EXCLUDE

    sms_backup_notifiers = References(
        SMSNotifier,
        most=MOST_BACKUPS,
        required=True,
        metadata=described(
            f"Ids of the SMS notifiers to try when a message's own one fails{_BACKUPS}", [3, 1]
        ),
    )
    email_backup_notifiers = References(
        EmailNotifier,
        most=MOST_BACKUPS,
        required=True,
        metadata=described(
            f"Ids of the email notifiers to try when a message's own one fails{_BACKUPS}", [2]
        ),
    )
    max_attempts = Integer(
        1, 50, required=True, metadata=described("Rounds of attempts for a message (at first 5).", 5)
    )
    retry_delays = List(
        Integer(1, DAY),
        least=1,
        most=50,
        required=True,
        metadata=described("Seconds to wait after each round; the last one repeats.", [5, 30, 120, 600]),
    )
    message_ttl = Integer(
        60,
        30 * DAY,
        required=True,
        metadata=described("Seconds after which an unsent message expires (at first a day).", DAY),
    )
    retention_days = Integer(
        1,
        3650,
        required=True,
        metadata=described("Days after which a message's text, recipient and arguments are erased.", 90),
    )
    resend_uncertain = Boolean(
        required=True,
        metadata=described(
            "Whether a message that may have been taken is sent again, and may arrive twice; else it fails.",
            True,
        ),
    )
