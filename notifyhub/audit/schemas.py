"""What goes out of the audit."""

from marshmallow import Schema, fields, validate

from notifyhub.api.changes import Action
from notifyhub.api.fields import Timestamp, described
from notifyhub.audit.models import TYPES, Via


class AuditObjectSchema(Schema):
    """The object that something was done with."""

    type = fields.String(
        required=True,
        validate=validate.OneOf(list(TYPES.values())),
        metadata=described("What kind of object it is.", "sms_notifier"),
    )
    id = fields.Integer(
        required=True,
        allow_none=True,
        metadata=described("Its id; null for settings, of which there are no others.", 3, format="int64"),
    )
    name = fields.String(
        required=True,
        allow_none=True,
        metadata=described(
            "Its name then; a webhook's URL, a token's label, or prefix; null if it has none.", "main"
        ),
    )


class AuditEntrySchema(Schema):
    """Something that somebody has done. It is written with it, and never changed."""

    id = fields.Integer(required=True, metadata=described("Id.", 41, format="int64"))
    at = Timestamp(metadata=described("When it was done.", "2025-12-28T16:42:35.264559Z"))
    actor = fields.String(
        required=True,
        allow_none=True,
        metadata=described("Name of the user who did it, as it was then; null for a command.", "sara"),
    )
    token = fields.String(
        required=True,
        allow_none=True,
        metadata=described("The first characters of the key of their token.", "3f9a1c07"),
    )
    via = fields.String(
        required=True,
        validate=validate.OneOf(list(Via)),
        metadata=described("Where it was asked for.", Via.API),
    )
    request_id = fields.String(
        required=True,
        allow_none=True,
        metadata=described("The request's `X-Request-ID`, by which the log has it, too.", "7d3f5a0c9b1e4f62"),
    )
    action = fields.String(
        required=True,
        validate=validate.OneOf(list(Action)),
        metadata=described("What was done.", Action.CHANGE),
    )
    object = fields.Nested(AuditObjectSchema, required=True, metadata=described("What it was done with."))
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Raw(allow_none=True), validate=validate.Length(equal=2)),
        required=True,
        metadata=described(
            "The fields that it has changed, each with its values before and after. A creation has null "
            "before, a deletion after. `••••` stands for a secret; long texts are cut.",
            {"name": ["main", "main line"], "settings": [{"token": "••••"}, {"token": "••••"}]},
        ),
    )
