"""Requests and responses of one-time passwords."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from notifyhub.api.fields import NON_FIELD, Choice, Integer, Nested, String, Timestamp, described
from notifyhub.api.schemas import StrictSchema
from notifyhub.messages.fields import Recipient
from notifyhub.messages.models import Channel
from notifyhub.otp.fields import Origin
from notifyhub.otp.models import DEFAULT_PURPOSE, OTPStatus
from notifyhub.otp.recipients import read_recipients
from notifyhub.otp.verification import Reason

_ID = {"format": "int64"}


def _to(**options: Any) -> Recipient:
    words = "Recipient: a phone number in any usual form, or an address."
    return Recipient(metadata=described(words, "09121234567"), **options)


def _purpose(words: str, **options: Any) -> String:
    return String(max_length=64, metadata=described(words, DEFAULT_PURPOSE), **options)


def _text(words: str, *examples: str, **options: Any) -> fields.String:
    return fields.String(required=True, metadata=described(words, *examples), **options)


class OTPSchema(Schema):
    """A one-time password, without its code."""

    id = fields.Integer(required=True, metadata=described("Id.", 17, **_ID))
    to = _text("The recipient, masked.", "+98912•••4567")
    channel = _text("How it goes.", Channel.SMS, validate=validate.OneOf(list(Channel)))
    purpose = _text("What it is for.", "login")
    status = _text("How far it has come.", OTPStatus.PENDING, validate=validate.OneOf(list(OTPStatus)))
    expires_at = Timestamp(metadata=described("Until when it is valid."))
    resend_at = Timestamp(metadata=described("From when on it can be sent again."))
    attempts_left = fields.Integer(required=True, metadata=described("Wrong guesses that it still takes.", 5))
    message = fields.Integer(
        required=True,
        allow_none=True,
        metadata=described(
            "Id of the message that it went out with last; null if that was erased.", 17, **_ID
        ),
    )


class IssuedOTPSchema(OTPSchema):
    """A one-time password that is being sent."""

    code = fields.String(
        metadata={**described("The code. Test tokens alone are told it.", "12345"), "optional": True}
    )


class FallbackSchema(StrictSchema):
    """Where the code goes when it can't be sent to the recipient."""

    channel = Choice(list(Channel), required=True, metadata=described("Another channel.", Channel.EMAIL))
    to = Recipient(
        required=True, metadata=described("Recipient: a phone number, or an address.", "customer@example.com")
    )


class OTPRequestSchema(StrictSchema):
    """A request for a code to be sent."""

    read_only = frozenset(IssuedOTPSchema().fields)

    to = _to(required=True)
    channel = Choice(list(Channel), load_default=Channel.SMS, metadata=described("How it goes.", Channel.SMS))
    purpose = _purpose(
        "What the code is for: a recipient has one at a time for each purpose.", load_default=DEFAULT_PURPOSE
    )
    client = String(
        max_length=128,
        allow_none=True,
        load_default=None,
        metadata=described(
            "Who asks for it, such as the address of the user's browser or its session: codes for one client "
            "are limited by `otp_max_per_client_hour`.",
            "203.0.113.7",
        ),
    )
    origin = Origin(
        allow_none=True,
        load_default=None,
        metadata=described(
            "Of an SMS: the web origin that may fill in the code by itself, on https. It has no effect where "
            "the settings name a pattern.",
            "https://example.com",
        ),
    )
    fallback = Nested(
        FallbackSchema,
        allow_none=True,
        load_default=None,
        metadata=described("Where the code goes when the message fails for good while the code is valid."),
    )

    @post_load
    def _read_recipients(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Add `recipients`: the recipient and the fallback, if there is one, each with its channel."""
        return {**data, "recipients": read_recipients(data)}


class VerificationRequestSchema(StrictSchema):
    """A guess. The one-time password is named by its `id`, or by `to` and `purpose`.

    A `to` or `purpose` beside an `id` must be its own, or the one-time password is not found.
    """

    id = Integer(1, 2**63 - 1, metadata=described("Id of the one-time password.", 1, **_ID))
    to = _to()
    purpose = _purpose(
        f"What the code is for, `{DEFAULT_PURPOSE}` if not given. Beside an `id` it must be that one's own."
    )
    code = String(
        required=True,
        metadata=described(
            "The code, in digits of any script. Blanks and what can't be seen don't count.", "12345"
        ),
    )

    @validates_schema
    def _check_named(self, data: dict[str, Any], **_: Any) -> None:
        if "id" not in data and "to" not in data:
            raise ValidationError({NON_FIELD: ["Give `id` or `to`."]})


class VerificationSchema(Schema):
    """What a guess came to."""

    verified = fields.Boolean(required=True, metadata=described("Whether the code was right."))
    reason = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf([*Reason, None]),
        metadata=described("Why it was not; null if it was.", Reason.WRONG_CODE),
    )
    attempts_left = fields.Integer(
        required=True, metadata=described("Wrong guesses that it still takes; 0 if there is none.", 4)
    )
