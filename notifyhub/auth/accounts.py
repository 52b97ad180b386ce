"""Users and their tokens, as an operator manages them."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from notifyhub.auth.models import Role, Token, User, UserPermission
from notifyhub.auth.tokens import PREFIX_LENGTH, digest, issue
from notifyhub.database.base import now
from notifyhub.database.commands import CommandError
from notifyhub.text.lines import is_line

MAX_LINE = 255
"""Characters of a user's name, and of a token's label."""


class AccountError(CommandError):
    """What was asked for can't be done; the text says why, in words for an operator."""


class NameTaken(AccountError):
    """Another user has the name."""


class LastAdmin(AccountError):
    """Without this user nobody could administer the service."""


def create_first_admin(session: Session) -> str | None:
    """Store user `admin`, if there is no user yet, and return the key of a first token of theirs.

    Raises NameTaken if another process does so at the same time.
    """
    if session.scalar(select(exists().select_from(User))):
        return None
    return create_user(session, "admin", Role.ADMIN)


def create_user(session: Session, name: str, role: Role, codes: Iterable[int] = ()) -> str:
    """Store a new user with a first token and return the token's key, which can't be had again."""
    name = _checked_line(name, "A user's name")
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


def change_role(session: Session, user: User, role: Role) -> None:
    """Give a user another role. Their permission codes stay, and count whenever the role is staff.

    Raises LastAdmin where nobody else is an active admin.
    """
    if role != Role.ADMIN:
        _refuse_last_admin(session, user)
    user.role = role


def delete_user(session: Session, user: User) -> int:
    """Delete a user and all that is theirs; return how many tokens that were. What they have sent stays.

    Raises LastAdmin where nobody else is an active admin.
    """
    _refuse_last_admin(session, user)
    count = session.scalar(select(func.count()).where(Token.user_id == user.id)) or 0
    session.execute(delete(User).where(User.id == user.id))  # what refers to the row goes by its foreign key
    return count


def _refuse_last_admin(session: Session, user: User) -> None:
    """Raise LastAdmin where nobody else is an active admin, and keep the others so until the commit."""
    admins = select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.id)
    if session.scalars(admins.with_for_update()).all() == [user.id]:
        raise LastAdmin(f"{user.name} is the last active admin: make another user an admin first.")


def issue_token(
    session: Session, user: User, lifetime: timedelta | None, *, test: bool, label: str | None = None
) -> str:
    """Store a further token of a user, with a label to tell it by, and return its key."""
    if label is not None:
        label = _checked_line(label, "A token's label")
    token, key = issue(user, lifetime=lifetime, test=test, label=label)
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


def _checked_line(text: str, noun: str) -> str:
    """Return a text without blanks around it; raises AccountError if it can't stand in a line of a list."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_LINE or not is_line(text):
        raise AccountError(f"{noun} has 1 to {MAX_LINE} characters, none of them a control character.")
    return text
