"""What goes in and out for messages."""

import binascii
import unicodedata
from base64 import b64decode
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate
from marshmallow.types import ErrorMessages

from notifyhub.api.fields import (
    Choice,
    Id,
    List,
    Moment,
    Nested,
    Object,
    String,
    Timestamp,
    Worded,
)
from notifyhub.messages.models import Channel, Outcome, Status
from notifyhub.notifiers.senders import is_sender

MAX_BODY = 10 * 1024 * 1024
MAX_ATTACHMENTS = 100
MAX_BULK = 1000
MAX_METADATA = 50

_BREAKING = {"Cc", "Zl", "Zp"}


class Line(String):
    """A text that goes into a header of a mail: a line end, even around it, would begin another one."""

    default_error_messages: ErrorMessages = {"line": "Line ends and control characters are not allowed."}

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> str:
        if isinstance(value, str) and any(
            unicodedata.category(character) in _BREAKING for character in value
        ):
            raise self.make_error("line")
        return super()._deserialize(value, *args, **options)


class Arguments(Worded, fields.Field[list[str] | dict[str, str]]):
    """A list or an object of texts, taken as they are; a number is taken as its text."""

    default_error_messages: ErrorMessages = {"invalid": "Expected a list or an object."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[str] | dict[str, str]:
        if not isinstance(value, list | dict):
            raise self.make_error("invalid")
        items = value.items() if isinstance(value, dict) else enumerate(value)
        texts: dict[Any, Any] = {}
        errors: dict[Any, Any] = {}
        for key, item in items:
            try:
                texts[key] = _argument.deserialize(item)
            except ValidationError as error:
                errors[key] = error.messages
        if errors:
            raise ValidationError(errors)
        return texts if isinstance(value, dict) else list(texts.values())


class Texts(Object):
    """An object of texts."""

    def __init__(self, most: int, **options: Any) -> None:
        too_many = validate.Length(max=most, error="Ensure this field has no more than {max} elements.")
        super().__init__(keys=String(), values=String(), validate=[too_many], **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> dict[str, str]:
        try:
            return super()._deserialize(value, *args, **options)
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow tells a key's errors from a value's; to a client both are the entry's.
            raise ValidationError(
                {key: _flat(messages) for key, messages in error.messages.items()}
            ) from None


class Base64(String):
    """Bytes in base64 (RFC 4648, 4), without line ends."""

    default_error_messages: ErrorMessages = {"base64": "Not valid base64."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_BODY, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> bytes:  # type: ignore[override]
        try:
            return b64decode(super()._deserialize(value, *args, **options), validate=True)
        except (binascii.Error, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
            raise self.make_error("base64") from None


def _is_reply_address(value: str) -> None:
    """Raise ValidationError unless `value` is an address or `Name <address>`, as headers of mails have it."""
    is_sender(value)
    if parseaddr(value)[1] not in {value, value.partition("<")[2].removesuffix(">")}:
        raise ValidationError("Enter a valid email address.")


class AttachmentSchema(Schema):
    """A file that goes with a mail; `content` is in base64."""

    class Meta:
        unknown = EXCLUDE

    filename = Line(required=True)
    content_type = Line(
        required=True,
        validate=[validate.Regexp(r"[\w.+-]+/[\w.+-]+(\s*;.*)?\Z", error="Enter a type such as text/plain.")],
    )
    content = Base64(required=True)


class MessageRequestSchema(Schema):
    """A message to send.

    An SMS has a `pattern` with `args`, or a `text`; an email has a `subject` and a `text`, `html` or both.
    Moments without a zone are in UTC.
    """

    class Meta:
        unknown = EXCLUDE

    channel = Choice(list(Channel), required=True)
    to = Line(required=True)
    notifier = Id(allow_none=True)
    pattern = Id(allow_none=True)
    args = Arguments(allow_none=True)
    text = String(max_length=MAX_BODY, allow_none=True)
    subject = Line(allow_none=True)
    html = String(max_length=MAX_BODY, allow_none=True)
    reply_to = Line(allow_none=True, validate=[_is_reply_address])
    attachments = List(Nested(AttachmentSchema), most=MAX_ATTACHMENTS)
    reference = String(allow_none=True)
    metadata = Texts(MAX_METADATA)
    send_at = Moment(allow_none=True)
    expires_at = Moment(allow_none=True)


class RecipientSchema(Schema):
    """A recipient of a bulk request with its own arguments."""

    class Meta:
        unknown = EXCLUDE

    to = Line(required=True)
    args = Arguments(allow_none=True)


class Entries(List):
    """A list of objects that are read one by one, so that each one's errors stand at its index."""

    def __init__(self, schema: type[Schema], **options: Any) -> None:
        super().__init__(fields.Nested(schema), least=1, most=MAX_BULK, **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError(f'Expected a list of items but got type "{type(value).__name__}".')
        return value


class BulkSchema(Schema):
    """Messages to send: whole, in `messages`, or what they share in `common`, the rest in `recipients`."""

    class Meta:
        unknown = EXCLUDE

    messages = Entries(MessageRequestSchema)
    common = Object()
    recipients = Entries(RecipientSchema)


class NameSchema(Schema):
    """A notifier or a pattern, briefly."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)


class ErrorSchema(Schema):
    """Why a message or an attempt failed, in the provider's own words."""

    code = fields.String(required=True)
    detail = fields.String(required=True)


class AttemptSchema(Schema):
    """A try to hand a message to a notifier's provider; without an outcome it goes on, or was cut off."""

    notifier_data = fields.Nested(NameSchema, required=True)
    started_at = Timestamp()
    duration_ms = fields.Integer(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True, validate=validate.OneOf(list(Outcome)))
    error = fields.Nested(ErrorSchema, required=True, allow_none=True)


class MessageSchema(Schema):
    """A message to one recipient."""

    id = fields.Integer(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(list(Channel)))
    status = fields.String(required=True, validate=validate.OneOf(list(Status)))
    to = fields.String(required=True)
    notifier_data = fields.Nested(NameSchema, required=True)
    pattern_data = fields.Nested(NameSchema, required=True, allow_none=True)
    subject = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, allow_none=True)
    args = fields.Raw(required=True, allow_none=True)
    encoding = fields.String(required=True, allow_none=True, validate=validate.OneOf(["gsm7", "ucs2"]))
    segments = fields.Integer(required=True, allow_none=True)
    reference = fields.String(required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    batch = fields.Integer(required=True, allow_none=True)
    test = fields.Boolean(required=True)
    send_at = fields.DateTime(required=True, allow_none=True)
    expires_at = fields.DateTime(required=True)
    created_at = Timestamp()
    updated_at = Timestamp()
    sent_at = fields.DateTime(required=True, allow_none=True)
    delivered_at = fields.DateTime(required=True, allow_none=True)
    provider_message_id = fields.String(required=True, allow_none=True)
    error = fields.Nested(ErrorSchema, required=True, allow_none=True)


class MessageDetailSchema(MessageSchema):
    """A message with the attempts to send it."""

    attempts = fields.List(fields.Nested(AttemptSchema), required=True)


class PreviewSchema(Schema):
    """What a message would be."""

    text = fields.String(required=True, allow_none=True)
    encoding = fields.String(required=True, allow_none=True)
    segments = fields.Integer(required=True, allow_none=True)
    notifier_data = fields.Nested(NameSchema, required=True)
    to = fields.String(required=True)


class AcceptedBatchSchema(Schema):
    """The batch that a bulk request made."""

    batch = fields.Integer(required=True)
    count = fields.Integer(required=True)


class BatchSchema(Schema):
    """A batch, with the number of its messages in each status."""

    id = fields.Integer(required=True)
    count = fields.Integer(required=True)
    created_at = Timestamp()
    statuses = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


_argument = String(blank=True, trim=False)


def _flat(messages: Any) -> list[str]:
    if isinstance(messages, Mapping):
        return [word for inner in messages.values() for word in inner]
    return list(messages)
