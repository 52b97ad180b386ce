"""Sessions: what a browser has instead of a token, for which it was given the session.

A session dies with its token, with its user's activity, when it is ended, and after LIFETIME. As a token, it
is stored as a digest.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    ForeignKey,
    String,
    bindparam,
    delete,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.auth.grants import Rights
from notifyhub.auth.models import CODES_OF_USER, Token, User
from notifyhub.auth.tokens import Caller, digest, unauthorized
from notifyhub.database.base import NO_ID_REUSE, Identified, now, table_of
from notifyhub.database.columns import UTC_TIME
from notifyhub.database.connections import read_first
from notifyhub.database.query import Query

LIFETIME = timedelta(hours=12)
SESSION_KEY = "key"
"""What the key is called in the browser's cookie."""


class BrowserSession(Identified):
    """A session, with the token that it was given for."""

    __tablename__ = "browser_sessions"
    __table_args__ = (NO_ID_REUSE,)

    digest: Mapped[str] = mapped_column(String(64), unique=True)
    token_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(table_of(Token).c.id, ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now)
    expires_at: Mapped[datetime] = mapped_column(UTC_TIME, index=True)


_sessions, _tokens, _users = table_of(BrowserSession), table_of(Token), table_of(User)

_SIGNED_IN = Query(
    select(
        _tokens.c.id.label("token_id"),
        _tokens.c.is_test,
        _tokens.c.prefix,
        _users.c.id.label("user_id"),
        _users.c.name,
        _users.c.role,
        _users.c.is_active,
        CODES_OF_USER,
    )
    .join_from(_sessions, _tokens)
    .join(_users)
    .where(
        _sessions.c.digest == bindparam("digest"),
        _sessions.c.expires_at > bindparam("now"),
        _tokens.c.revoked_at.is_(None),
        or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > bindparam("now")),
    )
)


class SignedIn(NamedTuple):
    """Who sent a request by a session, and all that they may do."""

    caller: Caller
    rights: Rights


def begin(connection: Connection, token_id: int) -> str:
    """Store a new session, and return its key; those that are over are deleted with that."""
    key, moment = secrets.token_urlsafe(32), now()
    connection.execute(delete(_sessions).where(_sessions.c.expires_at <= moment))
    connection.execute(
        insert(_sessions).values(
            digest=digest(key), token_id=token_id, created_at=moment, expires_at=moment + LIFETIME
        )
    )
    return key


def end(connection: Connection, key: str) -> None:
    """Refuse a session from now on."""
    connection.execute(delete(_sessions).where(_sessions.c.digest == digest(key)))


def authenticate_session(key: str | None, code: int | None) -> SignedIn:
    """Return who has the session with this `key`, and whether they may do what needs `code`.

    Raises Unauthorized.
    """
    if key is None:
        raise unauthorized("Authentication credentials were not provided.")
    values = {"digest": digest(key), "now": now()}
    row = read_first(lambda connection: _SIGNED_IN.first(connection, values))
    if row is None or not row.is_active:
        raise unauthorized("The session is over.")
    rights = Rights(row.role, frozenset(row.codes), row.is_active)
    permitted = code is None or rights.allow(code)
    return SignedIn(
        Caller(row.token_id, row.user_id, row.name, row.role, row.is_test, permitted, row.prefix), rights
    )
