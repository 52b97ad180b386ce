"""What goes in and out for the settings."""

import re
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import MAX_TEXT, Boolean, Integer, List, String, described
from notifyhub.api.references import Reference, ReferenceList
from notifyhub.api.schemas import NamedSchema, StrictSchema
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.settings.fields import Address, Number
from notifyhub.text.code_masks import MASK
from notifyhub.text.phones import COUNTRIES
from notifyhub.text.truncation import MAX_QUOTED_CHARACTERS, truncate

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
        metadata=described("Id of the email notifier to use, or null.", 1),
    )
    notifications_otp_code_len = Integer(4, 10, attribute="otp_code_len", metadata=_CODE_LENGTH)
    notifications_otp_ttl = Integer(10, 86_400, attribute="otp_ttl", metadata=_LIFETIME)


class NotifierDataSchema(NamedSchema):
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


_country = String(max_length=2, metadata=described("Code of a country.", "IR", pattern="^[A-Za-z]{2}$"))


class Countries(List):
    """Countries by their alpha-2 codes of ISO 3166, each of them once; they are read in upper case."""

    default_error_messages: ErrorMessages = {"country": '"{code}" is not the code of a country.'}

    def __init__(self, **options: Any) -> None:
        super().__init__(_country, most=len(COUNTRIES), **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        codes = [code.upper() for code in super()._deserialize(value, *args, **options)]
        errors = {
            place: self.make_error("country", code=code).messages
            for place, code in enumerate(codes)
            if code not in COUNTRIES
        }
        if errors:
            raise ValidationError(errors)
        return list(dict.fromkeys(codes))


class DeliverySettingsSchema(StrictSchema):
    """How hard a message is tried, and through which notifiers when its own one fails."""

    sms_backup_notifiers = ReferenceList(
        SMSNotifier,
        most=MOST_BACKUPS,
        required=True,
        metadata=described(f"Ids of the SMS notifiers to try when a message's own one fails{_BACKUPS}", [1]),
    )
    email_backup_notifiers = ReferenceList(
        EmailNotifier,
        most=MOST_BACKUPS,
        required=True,
        metadata=described(
            f"Ids of the email notifiers to try when a message's own one fails{_BACKUPS}", [1]
        ),
    )
    sms_countries = Countries(
        required=True,
        metadata=described(
            "Countries whose numbers texts go to, as ISO 3166 has them; empty: any. At first Iran alone.",
            ["IR"],
        ),
    )
    sms_batch_size = Integer(
        1,
        1000,
        required=True,
        metadata=described(
            "Texts without a pattern that go to a provider in one call, if it takes several; 1: each in a"
            " call of its own (at first 100).",
            100,
        ),
    )
    credit_low = Number(
        allow_none=True,
        required=True,
        metadata=described(
            "An SMS notifier whose credit falls below it, in its provider's unit, is told of by"
            " `notifier.credit_low`; null: none is.",
            50_000,
        ),
    )
    alert_email = Address(
        allow_none=True,
        required=True,
        metadata=described(
            "Where the service mails what its operators have to know; null: nowhere.", "ops@example.com"
        ),
    )
    audit_days = Integer(
        30,
        3650,
        required=True,
        metadata=described("Days for which it is kept who changed what (at first 365).", 365),
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


_PLACEHOLDERS = "`{code}` stands for the code, `{minutes}` for how long it is valid, rounded up"


def _has_known_placeholders(value: str) -> None:
    """Refuse what would be sent as it stands, and what is stored in the code's place."""
    unknown = [name for name in re.findall(r"\{[^{}]*\}", value) if name not in {"{code}", "{minutes}"}]
    if unknown:
        raise ValidationError(
            f"{truncate(unknown[0], MAX_QUOTED_CHARACTERS)} is not known here: use {{code}} and {{minutes}}."
        )
    if MASK in value:
        raise ValidationError(f"The character {MASK} is not allowed: it stands for the code's digits.")


def _has_code(value: str) -> None:
    if "{code}" not in value:
        raise ValidationError("{code} is missing.")


_one_line = validate.Regexp(
    r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", error="Line ends and control characters are not allowed."
)


class OTPSettingsSchema(StrictSchema):
    """How one-time passwords are worded and limited."""

    otp_sms_pattern = Reference(
        SMSPattern,
        attribute="sms_pattern_id",
        allow_none=True,
        required=True,
        metadata=described(
            "Id of the pattern whose one placeholder takes the code; null: `otp_sms_text` is sent.", 1
        ),
    )
    otp_sms_text = String(
        attribute="sms_text",
        max_length=MAX_TEXT,
        required=True,
        validate=[_has_known_placeholders, _has_code],
        metadata=described(f"Text of an SMS: {_PLACEHOLDERS}.", "Your code is {code}"),
    )
    otp_email_pattern = Reference(
        EmailPattern,
        attribute="email_pattern_id",
        allow_none=True,
        required=True,
        metadata=described(
            "Id of the email pattern whose `{0}` takes the code, and whose `{1}`, if it has one, the minutes"
            " that it is valid, rounded up; null: `otp_email_subject` and `otp_email_text` are sent.",
            1,
        ),
    )
    otp_email_subject = String(
        attribute="email_subject",
        required=True,
        validate=[_has_known_placeholders, _one_line],
        metadata=described("Subject of an email. It may hold the same placeholders.", "Your code"),
    )
    otp_email_text = String(
        attribute="email_text",
        max_length=MAX_TEXT,
        required=True,
        validate=[_has_known_placeholders, _has_code],
        metadata=described(f"Text of an email: {_PLACEHOLDERS}.", "Your code is {code}"),
    )
    otp_max_attempts = Integer(
        1,
        20,
        attribute="max_attempts",
        required=True,
        metadata=described("Wrong guesses that a code takes (at first 5).", 5),
    )
    otp_resend_cooldown = Integer(
        0,
        3600,
        attribute="resend_cooldown",
        required=True,
        metadata=described("Seconds between two requests for a recipient and purpose (at first 60).", 60),
    )
    otp_max_per_hour = Integer(
        1,
        1000,
        attribute="max_per_hour",
        required=True,
        metadata=described("Codes that are sent to a recipient within an hour (at first 5).", 5),
    )
    otp_max_per_client_hour = Integer(
        1,
        10_000,
        attribute="max_per_client_hour",
        required=True,
        metadata=described("Codes that are sent for a `client` within an hour (at first 20).", 20),
    )
