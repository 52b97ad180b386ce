"""Messages and batches as responses show them."""

from typing import Any

from marshmallow import Schema, fields, validate

from notifyhub.api.fields import Timestamp, described
from notifyhub.api.schemas import NamedSchema
from notifyhub.messages.models import Channel, MessageStatus, Outcome

_ID = {"format": "int64"}


def _text(words: str, *examples: str, **options: Any) -> fields.String:
    return fields.String(required=True, metadata=described(words, *examples), **options)


def _maybe(words: str, *examples: str, **options: Any) -> fields.String:
    return _text(words, *examples, allow_none=True, **options)


def _number(words: str, example: int, **options: Any) -> fields.Integer:
    return fields.Integer(required=True, metadata=described(words, example, **_ID), **options)


def _moment(words: str, *, allow_none: bool = True) -> Timestamp:
    return Timestamp(allow_none=allow_none, metadata=described(words))


class NameSchema(NamedSchema):
    """A notifier or a pattern, briefly: as it was called when the message went to it."""


class FailureSchema(Schema):
    """Why a message or an attempt failed."""

    code = _text("The kind of failure.", "invalid_recipient")
    detail = _text("The provider's own words.")


class AttemptSchema(Schema):
    """A try to hand a message to a notifier's provider."""

    notifier_data = fields.Nested(NameSchema, required=True, metadata=described("The notifier."))
    started_at = _moment("When it began.", allow_none=False)
    duration_ms = fields.Integer(
        required=True, allow_none=True, metadata=described("How long it took, in milliseconds.", 84)
    )
    outcome = _maybe(
        "How it ended; null while it runs, or if it was cut off.",
        Outcome.ACCEPTED,
        validate=validate.OneOf([*Outcome, None]),
    )
    error = fields.Nested(
        FailureSchema, required=True, allow_none=True, metadata=described("Why it was not accepted.")
    )


class MessageSchema(Schema):
    """A message to one recipient."""

    id = _number("Id.", 17)
    channel = _text("How it goes.", Channel.SMS, validate=validate.OneOf(list(Channel)))
    status = _text("How far it has come.", MessageStatus.QUEUED, validate=validate.OneOf(list(MessageStatus)))
    to = _text("The recipient: a number in E.164, or an address.", "+989121234567", attribute="recipient")
    cc = fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata=described("Who gets a copy of an email; null for an SMS.", ["Shop <shop@example.com>"]),
    )
    notifier_data = fields.Nested(
        NameSchema, required=True, metadata=described("The notifier that took it, or will be tried first.")
    )
    pattern_data = fields.Nested(
        NameSchema, required=True, allow_none=True, metadata=described("The pattern that it is made with.")
    )
    subject = _maybe("Subject of an email.")
    text = _maybe("The text as the recipient reads it.", "Your login code is 12345")
    args = fields.Raw(
        required=True, allow_none=True, metadata=described("Texts that fill the pattern.", ["12345"])
    )
    encoding = _maybe("Encoding of an SMS.", "gsm7", validate=validate.OneOf(["gsm7", "ucs2", None]))
    segments = fields.Integer(
        required=True, allow_none=True, metadata=described("How many short messages an SMS takes.", 1)
    )
    reference = _maybe("The client's own name for it.", "order-1234")
    metadata = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        attribute="client_metadata",
        required=True,
        metadata=described("The client's own notes.", {"campaign": "spring"}),
    )
    batch = _number("Id of its batch.", 4, allow_none=True, attribute="batch_id")
    test = fields.Boolean(
        attribute="is_test", required=True, metadata=described("Whether a test token sent it.")
    )
    send_at = _moment("When it was asked to be sent.")
    expires_at = _moment("When it is not sent any more.", allow_none=False)
    created_at = _moment("When it was made.", allow_none=False)
    updated_at = _moment("When it last changed.", allow_none=False)
    next_attempt_at = _moment(
        "When it is tried next; while an attempt runs, when that is given up. Null once nothing is tried."
    )
    sent_at = _moment("When a provider took it.")
    delivered_at = _moment("When it reached the recipient.")
    provider_message_id = _maybe("The provider's name for it.", "3741437414")
    error = fields.Nested(
        FailureSchema,
        required=True,
        allow_none=True,
        metadata=described(
            "Why it was not delivered, or what it waits for; of a sent email, why some did not get a copy."
        ),
    )


class MessageDetailSchema(MessageSchema):
    """A message with the attempts to send it."""

    attempts = fields.List(
        fields.Nested(AttemptSchema), required=True, metadata=described("The attempts, the first one first.")
    )


class PreviewSchema(Schema):
    """What a message would be."""

    text = _maybe("The text as the recipient would read it.", "Your login code is 12345")
    encoding = _maybe("Encoding of an SMS.", "gsm7", validate=validate.OneOf(["gsm7", "ucs2", None]))
    segments = fields.Integer(
        required=True, allow_none=True, metadata=described("How many short messages an SMS would take.", 1)
    )
    notifier_data = fields.Nested(
        NameSchema, required=True, metadata=described("The notifier that would be tried first.")
    )
    to = _text("The recipient, as it would be stored.", "+989121234567")


class AcceptedBatchSchema(Schema):
    """The batch that a bulk request made."""

    batch = _number("Id of the batch.", 4)
    count = _number("Number of its messages.", 2)


class BatchSchema(Schema):
    """A batch of messages."""

    id = _number("Id.", 4)
    count = _number("Number of its messages.", 2)
    created_at = _moment("When it was made.", allow_none=False)
    statuses = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=described("Number of its messages in each status.", {"queued": 2}),
    )


class ChangedBatchSchema(Schema):
    """What was done to a batch's messages."""

    changed = _number("Number of those that it was done to.", 2)
    unchanged = _number("Number of those whose state does not allow it.", 0)
