"""Tokens: making them, and finding out from a request's header who sends it."""

import getpass
import hashlib
import os
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, exists, or_, select, update
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from notifyhub.auth.models import Role, Token, User, UserPermission
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, read_first
from notifyhub.database.query import Query

PREFIX_LENGTH = 8

_tokens, _users, _permissions = table_of(Token), table_of(User), table_of(UserPermission)

_use_unrecorded = or_(_tokens.c.last_used_at.is_(None), _tokens.c.last_used_at < bindparam("minute"))

_CALLER = Query(
    select(
        _tokens.c.id.label("token_id"),
        _tokens.c.is_test,
        _users.c.id.label("user_id"),
        _users.c.name,
        _users.c.role,
        _users.c.is_active,
        exists()
        .where(_permissions.c.user_id == _users.c.id, _permissions.c.code == bindparam("code"))
        .label("has_code"),
        _use_unrecorded.label("use_unrecorded"),
    )
    .join_from(_tokens, _users)
    .where(
        _tokens.c.digest == bindparam("digest"),
        _tokens.c.revoked_at.is_(None),
        or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > bindparam("now")),
    )
)

_RECORD_USE = (
    update(_tokens)
    .where(_tokens.c.id == bindparam("token_id"), _use_unrecorded)
    .values(last_used_at=bindparam("minute"))
)


class Caller(NamedTuple):
    """Who sent the request, by the token with a `prefix`, and whether they may do what it asks for."""

    token_id: int
    user_id: int
    name: str
    role: str
    test: bool
    permitted: bool
    prefix: str


def issue(
    user: User, creator: str | None, *, lifetime: timedelta | None, test: bool, label: str | None
) -> tuple[Token, str]:
    """Return a new token of `user`, not yet stored, and its key, which can't be had again.

    It is made by the user with the name `creator`; None: by whoever runs this process.
    """
    key = secrets.token_hex(20)
    token = Token(
        user=user,
        prefix=key[:PREFIX_LENGTH],
        digest=digest(key),
        is_test=test,
        created_by=creator or _operator(),
        expires_at=None if lifetime is None else now() + lifetime,
        label=label,
    )
    return token, key


def _operator() -> str:
    """Return who runs this process; in a container, its user often has a number only."""
    try:
        return getpass.getuser()[:255]
    except (KeyError, OSError):
        return str(os.getuid())


def digest(key: str) -> str:
    """Return the SHA-256 of a key, by which its token is found."""
    return hashlib.sha256(key.encode()).hexdigest()


def read_key(header: str | None) -> str:
    """Return the key in an Authorization header; raises Unauthorized, in Django REST framework's words."""
    scheme, *rest = (header or "").split() or [""]
    if scheme.lower() != "token":
        raise unauthorized("Authentication credentials were not provided.")
    if not rest:
        raise unauthorized("Invalid token header. No credentials provided.")
    if len(rest) > 1:
        raise unauthorized("Invalid token header. Token string should not contain spaces.")
    return rest[0]


def authenticate(key: str, code: int | None) -> Caller:
    """Return who has `key`, and whether they may do what needs `code`; raises Unauthorized.

    The key is looked up by its digest, so the time that this takes tells nothing about stored keys. Nothing
    is cached between requests: a revoked token stops working at once, in every process.
    """
    moment = now()
    values = {"digest": digest(key), "code": code, "now": moment, "minute": _minute(moment)}
    row = read_first(lambda connection: _CALLER.first(connection, values))
    if row is None:
        raise unauthorized("Invalid token.")
    if not row.is_active:
        raise unauthorized("User inactive or deleted.")
    if row.use_unrecorded:
        # The last use is recorded to the minute: at most one write a minute.
        autocommit().execute(_RECORD_USE, {"token_id": row.token_id, "minute": _minute(moment)})
    permitted = code is None or row.role == Role.ADMIN or (row.role == Role.STAFF and row.has_code)
    prefix = key[:PREFIX_LENGTH]
    return Caller(row.token_id, row.user_id, row.name, row.role, row.is_test, permitted, prefix)


def unauthorized(words: str) -> Unauthorized:
    """Return the error that asks for a token."""
    return Unauthorized(words, www_authenticate=WWWAuthenticate("token"))


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
