"""What goes in and out for users and their tokens."""

from datetime import timedelta
from typing import Any

from flask import current_app
from marshmallow import ValidationError, fields
from marshmallow.types import ErrorMessages

from notifyhub.api.endpoint import permissions
from notifyhub.api.fields import Boolean, Choice, Integer, List, SingleLine, Timestamp, Worded, described
from notifyhub.api.schemas import StrictResourceSchema, StrictSchema
from notifyhub.auth import accounts
from notifyhub.auth.models import Role

MAX_CODES = 1000
"""In a request, in which some may stand twice."""


class Codes(List):
    """Permission codes, each of which some operation asks for; one that is given twice counts once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Integer(), most=MAX_CODES, **options)

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        codes: list[int] = super()._deserialize(value, *args, **options)
        known = {permission.code for permission in permissions(current_app)}
        if unknown := {
            place: [f'"{code}" is not a valid choice.']
            for place, code in enumerate(codes)
            if code not in known
        }:
            raise ValidationError(unknown)
        return sorted(set(codes))


class Days(Worded, fields.Float):
    """A token's life in days, fractions too; its text is taken, too."""

    default_error_messages: ErrorMessages = {"invalid": "A valid number is required."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> timedelta:  # type: ignore[override]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.make_error("invalid")
        try:
            days = float(value)
        except ValueError:
            raise self.make_error("invalid") from None
        try:
            return accounts.lifetime(days)
        except ValueError as refusal:
            raise ValidationError(str(refusal)) from None


class UserSchema(StrictResourceSchema):
    """Somebody, or some program, that calls the API."""

    class Meta(StrictResourceSchema.Meta):
        fields = ("id", "name", "role", "permissions", "is_active", "created_at", "updated_at")

    name = SingleLine(required=True, metadata=described("Name, unique.", "shop"))
    role = Choice(
        list(Role),
        required=True,
        metadata=described(
            "`admin` may do all, `staff` what the permission codes name, `user` nothing.", Role.STAFF
        ),
    )
    permissions = Codes(
        attribute="codes",
        load_default=list,
        metadata=described(
            "Permission codes, as the operations' descriptions name them. They count for staff alone; others "
            "keep theirs without effect.",
            [2812, 7811, 7812],
        ),
    )
    is_active = Boolean(
        load_default=True, metadata=described("Whether the user's tokens are taken: false refuses them all.")
    )


class TokenSchema(StrictSchema):
    """A token that works: neither revoked nor expired. Its key is not shown."""

    id = fields.Integer(dump_only=True, metadata=described("Unique id.", 7, format="int64"))
    prefix = fields.String(
        dump_only=True, metadata=described("The first characters of its key, to tell it by.", "3f9a1c07")
    )
    label = fields.String(
        dump_only=True, allow_none=True, metadata=described("What it is for.", "the new site")
    )
    test = fields.Boolean(
        dump_only=True,
        attribute="is_test",
        metadata=described("Whether what it sends never reaches a provider."),
    )
    created_by = fields.String(
        dump_only=True,
        metadata=described("Name of the user who made it, or of whoever ran the command.", "admin"),
    )
    created_at = Timestamp(metadata=described("When it was made.", "2025-12-28T16:42:35.264559Z"))
    expires_at = Timestamp(allow_none=True, metadata=described("From when on it is refused; null: never."))
    last_used_at = Timestamp(
        allow_none=True,
        metadata=described(
            "When it was last used, to the minute; null: never.", "2025-12-28T16:51:00.000000Z"
        ),
    )


class NewTokenSchema(TokenSchema):
    """A new token, with its key."""

    key = fields.String(
        dump_only=True,
        metadata=described(
            "What requests carry as `Authorization: Token <key>`. It is not shown again.",
            "3f9a1c07e5d84b6f92a0c1d3e4f5061728394a5b",
        ),
    )


class TokenRequestSchema(StrictSchema):
    """What a new token is to be."""

    read_only = frozenset(NewTokenSchema().fields)

    label = SingleLine(
        allow_none=True, load_default=None, metadata=described("What it is for.", "the new site")
    )
    expires_in_days = Days(
        allow_none=True,
        load_default=None,
        metadata=described(
            "How many days it works, fractions too; null: for ever.",
            90,
            exclusiveMinimum=0,
            maximum=accounts.MAX_DAYS,
        ),
    )
    test = Boolean(
        load_default=False,
        metadata=described("Whether what it sends never reaches a provider. A test token makes only such."),
    )
