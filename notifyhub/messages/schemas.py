"""Requests and responses of messages and batches."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from notifyhub.api.fields import (
    MAX_TEXT,
    Choice,
    Id,
    List,
    Moment,
    Nested,
    SingleLine,
    String,
    Timestamp,
    described,
)
from notifyhub.api.schemas import NamedSchema, StrictSchema
from notifyhub.messages.fields import Arguments, Base64, Recipient, Texts
from notifyhub.messages.models import Channel, MessageStatus, Outcome
from notifyhub.notifiers.fields import NamedAddress
from notifyhub.text import media_types

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Of a request with messages."""

MAX_MAIL_TEXT = 100_000
MAX_HTML = 1_000_000
MAX_ATTACHMENTS = 100
MAX_BULK = 1000
MAX_METADATA = 50

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
        metadata=described("Why it was not delivered, or what it waits for."),
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


_FOR_SMS, _FOR_EMAIL = "Of an SMS:", "Of an email:"


def _is_media_type(value: str) -> None:
    try:
        media_types.parse_media_type(value)
    except media_types.InvalidMediaType:
        raise ValidationError("Enter a type such as text/plain.") from None


class AttachmentSchema(StrictSchema):
    """A file that goes with an email."""

    filename = SingleLine(required=True, metadata=described("Name of the file.", "bill.pdf"))
    content_type = SingleLine(
        required=True,
        validate=[_is_media_type],
        metadata=described("Its media type.", "application/pdf", pattern=media_types.PATTERN),
    )
    content = Base64(
        max_length=MAX_BODY_BYTES,
        required=True,
        metadata=described("Its bytes in base64, without line ends.", "aGVsbG8=", contentEncoding="base64"),
    )


class RecipientSchema(StrictSchema):
    """A recipient, with arguments of its own."""

    to = Recipient(
        required=True,
        metadata=described("Recipient: a phone number in any usual form, or an address.", "09121234567"),
    )
    args = Arguments(
        allow_none=True,
        metadata=described(
            f"{_FOR_SMS} what fills the pattern: a list, or for named placeholders an object. Numbers are "
            "taken as their text.",
            ["12345"],
        ),
    )


class MessageRequestSchema(RecipientSchema):
    """A message to send.

    An SMS has a `pattern` with `args`, or a `text`; an email has a `subject` and a `text`, `html` or both.
    Moments without a zone are in UTC.
    """

    read_only = frozenset(MessageDetailSchema().fields)

    channel = Choice(list(Channel), required=True, metadata=described("How it goes.", Channel.SMS))
    notifier = Id(
        allow_none=True,
        metadata=described("Id of the notifier: by default the pattern's, or the one of the settings.", 3),
    )
    pattern = Id(allow_none=True, metadata=described(f"{_FOR_SMS} id of an approved pattern.", 7))
    text = String(
        max_length=MAX_MAIL_TEXT,
        allow_none=True,
        metadata=described(f"The text; that of an SMS has no more than {MAX_TEXT} characters."),
    )
    subject = SingleLine(allow_none=True, metadata=described(f"{_FOR_EMAIL} its subject, which is required."))
    html = String(max_length=MAX_HTML, allow_none=True, metadata=described(f"{_FOR_EMAIL} the text as HTML."))
    reply_to = NamedAddress(
        allow_none=True, metadata=described(f"{_FOR_EMAIL} where answers go.", "Shop <shop@example.com>")
    )
    attachments = List(
        Nested(AttachmentSchema), most=MAX_ATTACHMENTS, metadata=described(f"{_FOR_EMAIL} files.")
    )
    reference = String(allow_none=True, metadata=described("The client's own name for it.", "order-1234"))
    metadata = Texts(
        MAX_METADATA,
        attribute="client_metadata",
        metadata=described("The client's own notes.", {"campaign": "spring"}),
    )
    send_at = Moment(
        allow_none=True, metadata=described("When to send it: at most 30 days ahead, at once if not given.")
    )
    expires_at = Moment(allow_none=True, metadata=described("When not to send it any more."))


class SharedMessageSchema(MessageRequestSchema):
    """What messages have in common: all but the recipient."""

    class Meta(StrictSchema.Meta):
        exclude = ("to",)


class Entries(List):
    """A list of objects that are read one by one, so that each one's errors stand at its index."""

    def __init__(self, schema: type[Schema], **options: Any) -> None:
        super().__init__(fields.Nested(schema), least=1, most=MAX_BULK, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError(f'Expected a list of items but got type "{type(value).__name__}".')
        return value


class BulkSchema(StrictSchema):
    """Messages to send: whole, in `messages`, or what they share in `common`, the rest in `recipients`."""

    read_only = frozenset(AcceptedBatchSchema().fields)

    messages = Entries(MessageRequestSchema, metadata=described("Messages, each by itself."))
    common = Nested(
        SharedMessageSchema,
        metadata=described(
            "What all have in common, as of a message.", {"channel": Channel.SMS, "pattern": 7}
        ),
    )
    recipients = Entries(RecipientSchema, metadata=described("Recipients of what is in `common`."))
