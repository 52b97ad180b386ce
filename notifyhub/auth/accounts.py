"""Users and their tokens, as an operator manages them."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from notifyhub.auth.models import Role, Token, User, UserPermission
from notifyhub.auth.tokens import PREFIX_LENGTH, digest, issue
from notifyhub.database.base import now
from notifyhub.database.commands import CommandError
from notifyhub.text.lines import is_line

MAX_NAME = 255


class AccountError(CommandError):
    """What was asked for can't be done; the text says why, in words for an operator."""


class NameTaken(AccountError):
    """Another user has the name."""


def create_first_admin(session: Session) -> str | None:
    """Store user `admin`, if there is no user yet, and return the key of a first token of theirs.

    Raises NameTaken if another process does so at the same time.
    """
    if session.scalar(select(exists().select_from(User))):
        return None
    return create_user(session, "admin", Role.ADMIN)


def create_user(session: Session, name: str, role: Role, codes: Iterable[int] = ()) -> str:
    """Store a new user with a first token and return the token's key, which can't be had again."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not is_line(name):
        raise AccountError(f"A user's name has 1 to {MAX_NAME} characters, none of them a control character.")
    user = User(name=name, role=role)
    permit(user, codes)
    token, key = issue(user)
    session.add_all([user, token])
    try:
        session.flush()
    except IntegrityError:
        raise NameTaken(f"There is a user {name} already.") from None
    return key


def find_user(session: Session, name: str) -> User:
    """Return the user with a name."""
    if not is_line(name):
        raise AccountError("There is no user with a name like this.")
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        raise AccountError(f"There is no user {name}.")
    return user


def permit(user: User, codes: Iterable[int]) -> None:
    """Give a user permission codes, beside those that they have; only staff have any."""
    new = set(codes) - {permission.code for permission in user.permissions}
    if new and user.role != Role.STAFF:
        raise AccountError("Permission codes are for staff: an admin may do all, a user nothing.")
    user.permissions += [UserPermission(code=code) for code in sorted(new)]


def forbid(user: User, codes: Iterable[int]) -> None:
    """Take permission codes from a user."""
    taken = set(codes)
    user.permissions = [permission for permission in user.permissions if permission.code not in taken]


def issue_token(session: Session, user: User, lifetime: timedelta | None, *, test: bool) -> str:
    """Store a further token of a user and return its key."""
    token, key = issue(user, lifetime=lifetime, test=test)
    session.add(token)
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
    found[0].revoked_at = found[0].revoked_at or now()
    return found[0]


def status(token: Token) -> str:
    """Return whether a token works: `active`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now() else "active"
