"""What a token's holder can learn about themselves."""

from typing import Any

from flask import Blueprint, current_app, g
from marshmallow import Schema, fields, validate
from sqlalchemy import select

from notifyhub.api.endpoint import Access, Endpoint, endpoint, permissions
from notifyhub.api.fields import described
from notifyhub.auth.models import Role, UserPermission
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit

blueprint = Blueprint("auth", __name__, url_prefix="/api")

_permissions = table_of(UserPermission).c


class MeSchema(Schema):
    """The caller."""

    name = fields.String(required=True, metadata=described("Name of the token's user.", "admin"))
    role = fields.String(
        required=True,
        validate=validate.OneOf(list(Role)),
        metadata=described("Role of the user.", Role.ADMIN),
    )
    permissions = fields.List(
        fields.Integer(),
        required=True,
        metadata=described("Codes of all that the user may do.", [1036, 2811, 2812]),
    )
    test = fields.Boolean(required=True, metadata=described("Whether the token is one for tests."))


@blueprint.get("/me")
@endpoint(Endpoint(Access.ANY_TOKEN, "Read who the token belongs to", "Account", responses={200: MeSchema()}))
def me() -> dict[str, Any]:
    """Give the caller's name, role and codes of all that they may do, and whether the token is for tests."""
    return {
        "name": g.caller.name,
        "role": g.caller.role,
        "permissions": _codes(),
        "test": g.caller.test,
    }


def _codes() -> list[int]:
    if g.caller.role == Role.ADMIN:
        return [permission.code for permission in permissions(current_app)]
    if g.caller.role != Role.STAFF:
        return []
    named = select(_permissions.code).where(_permissions.user_id == g.caller.user_id)
    return list(autocommit().scalars(named.order_by(_permissions.code)))
