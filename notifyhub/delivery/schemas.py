"""What goes out of checks and synchronizations."""

from marshmallow import Schema, fields

from notifyhub.api.fields import described
from notifyhub.api.pagination.parameters import Flag
from notifyhub.api.schemas import StrictSchema


class NotifierCheckSchema(Schema):
    """What came of a notifier's check."""

    ok = fields.Boolean(
        required=True, metadata=described("Whether the provider answered and took the credentials.", True)
    )
    detail = fields.String(
        required=True,
        metadata=described("What is wrong, in the provider's own words.", "کلید کنسول معتبر نیست"),
    )
    credit = fields.Float(
        required=True,
        allow_none=True,
        metadata=described(
            "What is left on the account, in the provider's unit; null if it tells none.", 37414
        ),
    )
    latency_ms = fields.Integer(
        required=True, metadata=described("How long the check took, in milliseconds.", 48, minimum=0)
    )


class PatternSyncQuerySchema(StrictSchema):
    """The parameter of a synchronization."""

    create = Flag("Create the patterns that the provider has and we don't.", load_default=False)


_COUNTED = {
    "created": "Patterns that were created.",
    "updated": "Patterns whose status was changed.",
    "unchanged": "Patterns whose status was right.",
    "unknown": "Patterns of the provider that we don't have: none was to be created, or it can't be kept.",
}
# Not written as a class, where `unknown` would be an option of marshmallow's.
PatternSyncSchema = Schema.from_dict(
    {
        name: fields.Integer(required=True, metadata=described(words, 1, minimum=0))
        for name, words in _COUNTED.items()
    },
    name="PatternSyncSchema",
)
