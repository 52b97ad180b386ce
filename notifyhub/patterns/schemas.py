"""What goes in and out for patterns."""

from marshmallow import Schema, fields

from notifyhub.api.fields import MAX_TEXT, Boolean, Choice, String, described
from notifyhub.api.schemas import ResourceSchema, StrictSchema
from notifyhub.patterns.models import PatternStatus


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
        name: fields.Integer(required=True, metadata=described(words, 1, minimum=0))
        for name, words in _COUNTED.items()
    },
    name="PatternSyncSchema",
)
