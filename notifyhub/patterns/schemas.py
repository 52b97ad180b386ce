"""What goes in and out for patterns."""

from marshmallow import Schema, fields

from notifyhub.api.fields import MAX_TEXT, Boolean, Choice, SingleLine, String, described
from notifyhub.api.schemas import ResourceSchema, StrictSchema
from notifyhub.patterns.fields import OptionalBody, Sender
from notifyhub.patterns.models import PatternStatus

MAX_MAIL_BODY_BYTES = 2 * 1024 * 1024
"""Of a request with an email pattern: MAX_BODY_HTML characters of four bytes fit in."""
MAX_BODY_TEXT = 100_000
MAX_BODY_HTML = 500_000


class SMSPatternSchema(ResourceSchema):
    """A text with placeholders."""

    class Meta(ResourceSchema.Meta):
        fields = ("id", "status", "name", "code", "description", "body", "created_at", "updated_at")

    status = Choice(
        list(PatternStatus),
        load_default=PatternStatus.CREATED,
        metadata=described("How far the provider's approval has come.", PatternStatus.APPROVED),
    )
    name = String(required=True, metadata=described("Name, unique within the notifier.", "otp-code"))
    code = String(required=True, metadata=described("Code of the pattern at the provider.", "187566"))
    description = String(
        max_length=MAX_TEXT,
        blank=True,
        allow_none=True,
        load_default=None,
        metadata=described("Extra description.", "used for sending otp codes"),
    )
    body = String(
        max_length=MAX_TEXT,
        trim=False,
        required=True,
        metadata=described(
            "Text. It may hold positional placeholders (`{0}`, `{1}`, …, with digits of any script), "
            "named ones (`%name%`), or none.",
            "Your login otp code is {0}",
        ),
    )


class EmailPatternSchema(ResourceSchema):
    """A mail with placeholders.

    `subject`, `body_text` and `body_html` may hold positional ones (`{0}`, `{1}`, …, with digits of any
    script), which are numbered over all three; nothing else in them is a placeholder.
    """

    class Meta(ResourceSchema.Meta):
        fields = (
            *("id", "name", "description", "from_email", "subject", "body_text", "body_html"),
            *("created_at", "updated_at"),
        )

    name = String(
        required=True, metadata=described("Name, unique within the notifier.", "order_status_changed")
    )
    description = String(
        max_length=MAX_TEXT,
        blank=True,
        allow_none=True,
        load_default=None,
        metadata=described("Extra description.", "used for sending status changes"),
    )
    from_email = Sender(
        load_default=None,
        metadata=described(
            "Sender: an address, or `Name <address>`. Null or blank: the notifier's own.",
            "info@example.com",
        ),
    )
    subject = SingleLine(
        required=True, metadata=described("Subject, one line.", "The status of your order has changed")
    )
    body_text = String(
        max_length=MAX_BODY_TEXT,
        trim=False,
        required=True,
        metadata=described("The text.", "Order number {0} is in {1} status"),
    )
    body_html = OptionalBody(
        max_length=MAX_BODY_HTML,
        allow_none=True,
        load_default=None,
        metadata=described("The text as HTML.", "<p>Order number {0} is in {1} status</p>"),
    )


class PatternSyncQuerySchema(StrictSchema):
    """The parameter of a synchronization."""

    create = Boolean(
        strict=True,
        load_default=False,
        metadata=described("Create the patterns that the provider has and we don't."),
    )


_COUNTED = {
    "created": "Patterns that were created.",
    "updated": "Patterns whose status was changed.",
    "unchanged": "Patterns whose status was right.",
    "unknown": "Patterns of the provider that we don't have. `create=true` creates those that can be kept.",
}
# Not written as a class, where `unknown` would be an option of marshmallow's.
PatternSyncSchema = Schema.from_dict(
    {
        **{
            name: fields.Integer(required=True, metadata=described(words, 1, minimum=0))
            for name, words in _COUNTED.items()
        },
        "unknown_codes": fields.List(
            fields.String(),
            metadata=described(
                "Codes of the unknown patterns, sorted, the first 100. Only there if `unknown` is above 0.",
                ["187566"],
            ),
        ),
        "detail": fields.String(
            metadata=described(
                "How many of the unknown patterns `create=true` creates, and why others can't be kept. "
                "Only there if `unknown` is above 0.",
                "?create=true creates 1 of them.",
            )
        ),
    },
    name="PatternSyncSchema",
)
