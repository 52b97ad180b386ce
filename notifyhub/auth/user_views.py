"""The URLs of users and their tokens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from flask import Blueprint, g
from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, Forbidden

from notifyhub.api.endpoint import endpoint
from notifyhub.api.http.parsing import body
from notifyhub.api.pagination.filters import flag, one_of
from notifyhub.api.pagination.offset import OffsetListing
from notifyhub.api.resource import Names, Resource, or_404
from notifyhub.api.serializers import TableSerializer
from notifyhub.auth import accounts
from notifyhub.auth.grants import Actor, NotGranted
from notifyhub.auth.models import CODES_OF_USER, Role, Token, User
from notifyhub.auth.schemas import NewTokenSchema, TokenRequestSchema, TokenSchema, UserSchema
from notifyhub.auth.tokens import digest, unauthorized
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit

blueprint = Blueprint("users", __name__, url_prefix="/api/users")

_users, _tokens = table_of(User), table_of(Token)


@contextmanager
def _changes() -> Iterator[tuple[Session, Actor]]:
    """Give a session for changes and who makes them; a change that is refused is answered with 403 or 409."""
    try:
        with accounts.changes() as session:
            actor = accounts.read_actor(session, g.caller.user_id, test=g.caller.test)
            if actor is None or not actor.rights.is_active:  # since the guard has let them in
                raise unauthorized("User inactive or deleted.")
            yield session, actor
    except NotGranted as refusal:
        raise Forbidden(str(refusal)) from None
    except accounts.LastAdmin as refusal:
        raise Conflict(str(refusal)) from None


class UserResource(Resource):
    """Users, whom nobody gives what they may not do themselves."""

    update_errors = (404, 409)
    change_example: ClassVar[Mapping[str, Any]] = {"is_active": True}
    expressions: ClassVar[Mapping[str, ColumnElement[Any]]] = {"codes": CODES_OF_USER}

    def create(self, **_path: int) -> tuple[dict[str, Any], int]:
        """Create a user, who has no token yet."""
        values = body(self.schema)
        with _changes() as (session, actor):
            user = accounts.create_user(session, **values, by=actor)
            return self._answer(session, user), 201

    def update(self, **path: int) -> dict[str, Any]:
        """Change what the body names of a user."""
        with _changes() as (session, actor):
            user = or_404(session.get(User, path["id"]))
            actor.check_touches(user.role)
            accounts.change_user(session, user, **body(self.patched), by=actor)
            return self._answer(session, user)

    def delete(self, **path: int) -> tuple[str, int]:
        """Delete a user with their tokens, which are refused from now on."""
        with _changes() as (session, actor):
            accounts.delete_user(session, or_404(session.get(User, path["id"])), by=actor)
        return "", 204

    def _answer(self, session: Session, user: User) -> dict[str, Any]:
        row = session.connection().execute(self._select, {"id": user.id}).one()
        return self.serializer.dump([row])[0]


users = UserResource(
    Names("user", "UserPermission", 7851),
    User,
    UserSchema,
    protected=True,
    search=("id", "name"),
    ordering=("id", "name", "role", "is_active", "created_at", "updated_at"),
    filters={"role": one_of(_users.c.role, Role), "is_active": flag(_users.c.is_active)},
)
users.register(blueprint)

_serializer = TableSerializer(_tokens, TokenSchema())
_listing = OffsetListing(
    _tokens,
    _serializer,
    parent="user_id",
    search=("id", "prefix", "label", "created_by"),
    ordering=("id", "created_at", "expires_at", "last_used_at"),
    filters={"test": flag(_tokens.c.is_test, "Only those for tests, or the others.")},
    present=accounts.WORKS,
)
_request = TokenRequestSchema()

_user_exists = select(_users.c.id).where(_users.c.id == bindparam("id"))
_select_issued = select(*_serializer.columns).where(_tokens.c.digest == bindparam("digest"))
_select_working = select(Token).where(
    Token.id == bindparam("token_id"), Token.user_id == bindparam("id"), accounts.WORKS
)


@blueprint.get("/<id:id>/tokens")
@endpoint(
    users.declare(
        "view",
        "List a user's tokens",
        query=_listing.query,
        responses={200: _listing.response},
        errors=(404,),
    )
)
def list_tokens(id: int) -> dict[str, Any]:
    """Give a page of the tokens that work."""
    or_404(autocommit().execute(_user_exists, {"id": id}).first())
    return _listing.page(user_id=id)


@blueprint.post("/<id:id>/tokens")
@endpoint(
    users.declare("change", "Issue a token", body=_request, responses={201: NewTokenSchema()}, errors=(404,))
)
def issue_token(id: int) -> tuple[dict[str, Any], int]:
    """Make a further token of a user; its key is in this answer alone, and stored nowhere."""
    with _changes() as (session, actor):
        user = or_404(session.get(User, id))
        actor.check_touches(user.role)
        asked = body(_request)
        key = accounts.issue_token(
            session, user, asked["expires_in_days"], test=asked["test"], label=asked["label"], by=actor
        )
        session.flush()
        row = session.connection().execute(_select_issued, {"digest": digest(key)}).one()
    return {**_serializer.dump([row])[0], "key": key}, 201


@blueprint.delete("/<id:id>/tokens/<id:token_id>")
@endpoint(users.declare("change", "Revoke a token", responses={204: None}, errors=(404,)))
def revoke_token(id: int, token_id: int) -> tuple[str, int]:
    """Refuse a token from now on."""
    with _changes() as (session, actor):
        this = {"id": id, "token_id": token_id, "now": now()}
        accounts.revoke_token(session, or_404(session.scalar(_select_working, this)), by=actor)
    return "", 204
