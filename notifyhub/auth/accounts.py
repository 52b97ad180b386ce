"""Users and their tokens, as they are made, changed and deleted by requests and by commands.

`grants` says who may; whoever calls from a request names the actor in `by`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from notifyhub.api.changes import Action
from notifyhub.auth.account_changes import publish_issue, publish_revocation, publish_user, shown
from notifyhub.auth.grants import NONE, OPERATOR, Actor, Rights
from notifyhub.auth.models import CODES_OF_USER, Role, Token, User, UserPermission
from notifyhub.auth.tokens import PREFIX_LENGTH, digest, issue
from notifyhub.database.base import now
from notifyhub.database.commands import CommandError
from notifyhub.database.connections import orm_session
from notifyhub.database.locks import ACCOUNTS, acquire
from notifyhub.text.lines import is_line

MAX_LINE = 255
"""Characters of a user's name, and of a token's label."""
MAX_DAYS = 36_500
"""The longest life of a token that expires."""

WORKS: ColumnElement[bool] = and_(
    Token.revoked_at.is_(None), or_(Token.expires_at.is_(None), Token.expires_at > bindparam("now"))
)
"""The condition that a token is neither revoked nor expired."""

_select_actor = select(User.name, User.role, User.is_active, CODES_OF_USER).where(User.id == bindparam("id"))

_count_tokens = select(func.count()).where(Token.user_id == User.id).correlate(User).scalar_subquery()
_select_belongings = select(CODES_OF_USER, _count_tokens.label("tokens")).where(User.id == bindparam("id"))


class AccountError(CommandError):
    """What was asked for can't be done; the text says why, in words for an operator."""


class LastAdmin(AccountError):
    """Without this user nobody could administer the service."""


@contextmanager
def changes() -> Iterator[Session]:
    """Give a session for changes of users and tokens, which are made one at a time.

    What a change was allowed by, such as another active admin, stays so until it is committed.
    """
    with orm_session() as session:
        acquire(session.connection(), ACCOUNTS)
        yield session


def read_actor(session: Session, user_id: int, *, test: bool) -> Actor | None:
    """Return who makes a change by a token, with the rights that they have now; None if they are gone."""
    user = session.execute(_select_actor, {"id": user_id}).first()
    if user is None:
        return None
    return Actor(user.name, Rights(user.role, frozenset(user.codes), user.is_active), test)


def create_first_admin(session: Session) -> str | None:
    """Store user `admin`, if there is no user yet, and return the key of a first token of theirs.

    Raises IntegrityError if another process does so at the same time.
    """
    if session.scalar(select(exists().select_from(User))):
        return None
    return issue_token(session, create_user(session, "admin", Role.ADMIN), None, test=False)


def create_user(
    session: Session,
    name: str,
    role: str,
    codes: Iterable[int] = (),
    *,
    is_active: bool = True,
    by: Actor = OPERATOR,
) -> User:
    """Store a new user with permission codes and without a token.

    Raises NotGranted, and IntegrityError if another user has the name.
    """
    user = User(name=_checked_line(name, "A user's name"), role=role, is_active=is_active)
    _set_codes(user, codes)
    by.check_grants(NONE, Rights.of(user))
    session.add(user)
    session.flush()
    publish_user(session, Action.CREATE, user, {}, shown(user))
    return user


def find_user(session: Session, name: str) -> User:
    """Return the user with a name."""
    if not is_line(name):
        raise AccountError("There is no user with a name like this.")
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise AccountError(f"There is no user {name}.")
    return user


def change_user(session: Session, user: User, *, by: Actor = OPERATOR, **values: Any) -> None:
    """Change what is given of a user: `name`, `role`, `codes`, `is_active`.

    Permission codes stay when the role is changed, and count whenever it is staff. Raises NotGranted;
    LastAdmin where nobody else is an active admin, but a command may deactivate that one; IntegrityError if
    another user has the name.
    """
    before, was = Rights.of(user), shown(user)
    codes = values.pop("codes", before.codes)
    after = Rights(values.get("role", user.role), frozenset(codes), values.get("is_active", user.is_active))
    by.check_grants(before, after)
    # Whoever runs commands can stop a leaked token so, and undo it.
    is_undone_by_command = by is OPERATOR and after.role == Role.ADMIN
    if before.all and not after.all and not is_undone_by_command:
        _refuse_last_admin(session, user)
    for name, value in values.items():
        setattr(user, name, value)
    if after.codes != before.codes:
        _set_codes(user, after.codes)
        user.updated_at = now()
    session.flush()
    publish_user(session, Action.CHANGE, user, was, shown(user))


def delete_user(session: Session, user: User, *, by: Actor = OPERATOR) -> int:
    """Delete a user and all that is theirs; return how many tokens that were. What they have sent stays.

    Raises NotGranted, and LastAdmin where nobody else is an active admin.
    """
    by.check_touches(user.role)
    _refuse_last_admin(session, user)
    had = session.execute(_select_belongings, {"id": user.id}).one()
    publish_user(session, Action.DELETE, user, shown(user, had.codes), {})
    session.execute(delete(User).where(User.id == user.id))  # what refers to the row goes by its foreign key
    return int(had.tokens)


def _set_codes(user: User, codes: Iterable[int]) -> None:
    kept = {permission.code: permission for permission in user.permissions}
    user.permissions = [kept.get(code) or UserPermission(code=code) for code in sorted(set(codes))]


def _refuse_last_admin(session: Session, user: User) -> None:
    """Raise LastAdmin where nobody else is an active admin, and keep the others so until the commit."""
    admins = select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.id)
    if session.scalars(admins.with_for_update(key_share=True)).all() == [user.id]:
        raise LastAdmin(f"{user.name} is the last active admin: make another user an admin first.")


def lifetime(days: float) -> timedelta:
    """Return a token's life of some days, fractions too, as a span of time; raises ValueError."""
    if not 0 < days <= MAX_DAYS or (span := timedelta(days=days)) <= timedelta():  # no NaN either
        raise ValueError(f"A number of days above 0, at most {MAX_DAYS}, is expected.")
    return span


def issue_token(
    session: Session,
    user: User,
    lifetime: timedelta | None,
    *,
    test: bool,
    label: str | None = None,
    by: Actor = OPERATOR,
) -> str:
    """Store a further token of a user, with a label to tell it by, and return its key.

    The key can't be had again. Raises NotGranted.
    """
    by.check_issues(Rights.of(user), test=test)
    if label is not None:
        label = _checked_line(label, "A token's label")
    token, key = issue(user, by.name, lifetime=lifetime, test=test, label=label)
    session.add(token)
    session.flush()
    publish_issue(session, token)
    return key


def revoke(session: Session, prefix: str) -> Token:
    """Revoke the token that begins with `prefix`, or is it; one that is revoked already stays so."""
    query = select(Token).where(Token.prefix.startswith(prefix[:PREFIX_LENGTH], autoescape=True))
    if len(prefix) > PREFIX_LENGTH:
        query = query.where(Token.digest == digest(prefix))
    found = list(session.scalars(query))
    if not prefix or not found:
        raise AccountError("There is no token that begins so.")
    if len(found) > 1:
        raise AccountError("Several tokens begin so: give more of it.")
    revoke_token(session, found[0])
    return found[0]


def find_working_token(connection: Connection, user_id: int, token_id: int) -> Row[str, str | None] | None:
    """Return the prefix and label of a user's token that works; None if there is none."""
    query = select(Token.prefix, Token.label).where(Token.id == token_id, Token.user_id == user_id, WORKS)
    return connection.execute(query, {"now": now()}).first()


def revoke_token(session: Session, token: Token, *, by: Actor = OPERATOR) -> None:
    """Revoke a token; one that is revoked already stays so. Raises NotGranted."""
    by.check_touches(token.user.role)
    if token.revoked_at is None:
        token.revoked_at = now()
        publish_revocation(session, token)


def status(token: Token) -> str:
    """Return whether a token works: `active`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now() else "active"


def _checked_line(text: str, noun: str) -> str:
    """Return a text without blanks around it; raises AccountError if it can't stand in a line of a list."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_LINE or not is_line(text):
        raise AccountError(f"{noun} has 1 to {MAX_LINE} characters, none of them a control character.")
    return text
