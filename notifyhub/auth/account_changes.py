"""The changes of users and tokens, published in the transactions that make them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from notifyhub.api.changes import Action, Changes, ObjectChanged
from notifyhub.auth.models import Token, User
from notifyhub.events import publish


def shown(user: User, codes: Sequence[int] | None = None) -> dict[str, Any]:
    """Return what clients know of a user, for `publish_user`; the codes are read, if they are not given."""
    return {
        "name": user.name,
        "role": user.role,
        "permissions": user.codes if codes is None else codes,
        "is_active": user.is_active,
    }


def publish_user(
    session: Session, action: Action, user: User, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Publish what has changed of a user, as `shown`: of a new one, or one that goes, all."""
    changes = {
        name: (before.get(name), after.get(name))
        for name in before or after
        if before.get(name) != after.get(name)
    }
    if changes:
        publish(session.connection(), ObjectChanged(User, user.id, user.name, action, changes))


def publish_issue(session: Session, token: Token) -> None:
    """Publish that a token was issued."""
    values = {
        "user": token.user.name,
        "prefix": token.prefix,
        "label": token.label,
        "test": token.is_test,
        "expires_at": token.expires_at,
    }
    issued = {name: (None, value) for name, value in values.items() if value is not None}
    _publish_token(session, token, Action.ISSUE, issued)


def publish_revocation(session: Session, token: Token) -> None:
    """Publish that a token was revoked."""
    _publish_token(session, token, Action.REVOKE, {"revoked_at": (None, token.revoked_at)})


def _publish_token(session: Session, token: Token, action: Action, changes: Changes) -> None:
    """People know a token by its label, if it has one, else by the first characters of its key."""
    name = token.label or token.prefix
    publish(session.connection(), ObjectChanged(Token, token.id, name, action, changes))
