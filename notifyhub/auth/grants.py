"""Who may give whom what: nobody gives what they may not do themselves.

What is taken away, or stopped, needs only the permission code of the operation; but admins are in the hands
of admins alone.
"""

from collections.abc import Iterable
from typing import NamedTuple

from notifyhub.auth.models import Role, User


class NotGranted(Exception):
    """Who asks for a change may not make it; the text says why, in words for the client."""


class Rights(NamedTuple):
    """What a user may do. Permission codes are kept whatever the role is."""

    role: str
    codes: frozenset[int]
    is_active: bool

    @classmethod
    def of(cls, user: User) -> "Rights":
        """Return those of a user as they are now."""
        return cls(user.role, frozenset(user.codes), user.is_active)

    @property
    def counting(self) -> frozenset[int]:
        """The permission codes that count."""
        return self.codes if self.is_active and self.role == Role.STAFF else frozenset()

    @property
    def all(self) -> bool:
        """Whether they are an active admin's, who may do all."""
        return self.is_active and self.role == Role.ADMIN

    def allow(self, code: int) -> bool:
        """Return whether they suffice for what needs a permission code."""
        return self.all or code in self.counting


NONE = Rights(Role.USER, frozenset(), is_active=False)
"""Of a user before there is one."""


class Actor(NamedTuple):
    """Who makes a change, and what they may do themselves; `name` is None at the command line."""

    name: str | None
    rights: Rights
    test: bool = False

    def check_touches(self, role: str) -> None:
        """Raise NotGranted if they may not change a user with a role, nor that user's tokens."""
        if role == Role.ADMIN and not self.rights.all:
            raise NotGranted("Only an admin may make or change an admin, or an admin's tokens.")

    def check_grants(self, before: Rights, after: Rights) -> None:
        """Raise NotGranted if a change from one to the other gives a user what they may not do themselves.

        Codes that the user is given count, and those that come into force with the role, or as the user is
        activated.
        """
        self.check_touches(before.role)
        self.check_touches(after.role)
        if missing := self._lacks((after.codes - before.codes) | (after.counting - before.counting)):
            raise NotGranted(f"You can't give permission codes that you don't have: {missing}.")

    def check_issues(self, rights: Rights, *, test: bool) -> None:
        """Raise NotGranted if they may not issue a token, perhaps one for tests, to a user.

        The user's codes count whatever the role is: the token stays when the role is changed.
        """
        self.check_touches(rights.role)
        if missing := self._lacks(rights.codes):
            raise NotGranted(f"This user has permission codes that you don't have: {missing}.")
        if self.test and not test:
            raise NotGranted("A test token makes only test tokens: set test to true.")

    def _lacks(self, codes: Iterable[int]) -> str:
        """Return those of the codes that they don't have, as words."""
        missing = set() if self.rights.all else set(codes) - self.rights.counting
        return ", ".join(str(code) for code in sorted(missing))


OPERATOR = Actor(None, Rights(Role.ADMIN, frozenset(), is_active=True))
"""Whoever can run commands may do all."""
