"""Messages as clients ask for them, one or many."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from notifyhub.api.fields import MAX_TEXT, Choice, Id, List, Moment, Nested, SingleLine, String, described
from notifyhub.api.schemas import StrictSchema
from notifyhub.messages.fields import HTTPSURL, Arguments, Base64, ContentId, PatternField, Recipient, Texts
from notifyhub.messages.models import Channel
from notifyhub.messages.schemas import AcceptedBatchSchema, MessageDetailSchema
from notifyhub.notifiers.fields import NamedAddress
from notifyhub.text import media_types

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Of a request with messages."""

MAX_MAIL_TEXT = 100_000
MAX_HTML = 1_000_000
MAX_ATTACHMENTS = 100
MAX_BULK = 1000
MAX_COPIES = 50
"""Addresses in `cc` and `bcc` together."""
MAX_METADATA = 50

_FOR_EMAIL = "Of an email:"


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
    content_id = ContentId(
        allow_none=True,
        metadata=described(
            "Of a picture in the `html`, which names it by `cid:` and this.",
            "logo",
            pattern=ContentId.PATTERN,
        ),
    )


def _copies(words: str) -> List:
    documented = described(words, ["Shop <shop@example.com>"])
    return List(NamedAddress(), most=MAX_COPIES, allow_none=True, metadata=documented)


class RecipientSchema(StrictSchema):
    """A recipient, with arguments of its own."""

    to = Recipient(
        required=True,
        metadata=described("Recipient: a phone number in any usual form, or an address.", "09121234567"),
    )
    args = Arguments(
        allow_none=True,
        metadata=described(
            "What fills the pattern: a list, or for the named placeholders of an SMS an object. Numbers are "
            "taken as their text.",
            ["12345"],
        ),
    )


class MessageRequestSchema(RecipientSchema):
    """A message to send.

    It has a `pattern` with `args`, or an SMS a `text`, an email a `subject` and a `text`, `html` or both.
    Moments without a zone are in UTC.
    """

    read_only = frozenset(MessageDetailSchema().fields)

    channel = Choice(list(Channel), required=True, metadata=described("How it goes.", Channel.SMS))
    notifier = Id(
        allow_none=True,
        metadata=described("Id of the notifier: by default the pattern's, or the one of the settings.", 1),
    )
    pattern = PatternField(
        allow_none=True,
        metadata=described(
            "A pattern of the `channel`, for an SMS an approved one: its id, or as a string its name at the "
            "`notifier`, by default at the one of the settings.",
            1,
            "otp-code",
        ),
    )
    text = String(
        max_length=MAX_MAIL_TEXT,
        allow_none=True,
        metadata=described(f"The text; that of an SMS has no more than {MAX_TEXT} characters."),
    )
    subject = SingleLine(
        allow_none=True, metadata=described(f"{_FOR_EMAIL} its subject, if no pattern gives it.")
    )
    html = String(max_length=MAX_HTML, allow_none=True, metadata=described(f"{_FOR_EMAIL} the text as HTML."))
    cc = _copies(
        f"{_FOR_EMAIL} who gets a copy; with `bcc` no more than {MAX_COPIES}. One who is named twice, or is "
        "the recipient, gets one mail."
    )
    bcc = _copies(f"{_FOR_EMAIL} who gets a copy that no other reader, and no answer, tells of.")
    reply_to = NamedAddress(
        allow_none=True, metadata=described(f"{_FOR_EMAIL} where answers go.", "Shop <shop@example.com>")
    )
    attachments = List(
        Nested(AttachmentSchema), most=MAX_ATTACHMENTS, metadata=described(f"{_FOR_EMAIL} files.")
    )
    unsubscribe_url = HTTPSURL(
        allow_none=True,
        metadata=described(
            f"{_FOR_EMAIL} https URL that takes the recipient off a list when mail programs POST to it "
            "(RFC 8058).",
            "https://example.com/unsubscribe/5f0c",
        ),
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

    @validates_schema
    def _count_copies(self, data: dict[str, Any], **_: Any) -> None:
        cc, bcc = data.get("cc") or (), data.get("bcc") or ()
        if len(cc) + len(bcc) > MAX_COPIES:
            words = f"Ensure `cc` and `bcc` together have no more than {MAX_COPIES} elements."
            raise ValidationError({"bcc": [words]})


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
    """Messages to send: whole, in `messages`, or what they share in `common`, the rest in `recipients`.

    All together hold at most 200 million characters of texts and bytes of files, what is common once for
    each; patterns make at most 20 million of them.
    """

    read_only = frozenset(AcceptedBatchSchema().fields)

    messages = Entries(MessageRequestSchema, metadata=described("Messages, each by itself."))
    common = Nested(
        SharedMessageSchema,
        metadata=described(
            "What all have in common, as of a message.", {"channel": Channel.SMS, "pattern": 1}
        ),
    )
    recipients = Entries(RecipientSchema, metadata=described("Recipients of what is in `common`."))
