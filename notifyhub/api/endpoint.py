"""What a view declares about itself: who may call it, what it takes, what it answers.

The guard, the documentation and the start-up check all read this one declaration.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial, update_wrapper
from typing import Any

from flask import Flask
from marshmallow import Schema

from notifyhub.api.idempotency import NeedsTransaction, Restore, idempotent

View = Callable[..., Any]


@dataclass(frozen=True)
class Permission:
    """The numeric code that a member of staff needs for an operation."""

    code: int
    name: str
    allows: str


class Access(Enum):
    """Who may call an operation that has no code of its own."""

    PUBLIC = "anybody"
    ANY_TOKEN = "anybody with a valid token"  # noqa: S105


@dataclass(frozen=True)
class Endpoint:
    """The declaration of a view.

    `query` and `body` are what it reads, `responses` what it gives by status (None: no body), `errors` the
    statuses of the errors that are its own, beside those that come with authentication, a query or a body.
    What is not for clients of the API, such as a web page, is not `documented`.
    `max_body` is the greatest length of its body in bytes, where the configured one is too small for it.
    `examples` are bodies that can be sent as they are, on an installation with one object of each kind; none:
    one body is made from the examples of its fields.
    One that is `idempotent` takes an Idempotency-Key, which the kit keeps: the view gets the connection and
    the body's values, and returns an IdempotentResult; `atomic` and `restore` as `idempotency.idempotent` has
    them.
    `operation_id` is what generated clients call it by; None: by the names of its blueprint and view.
    What is `for_browsers` knows its caller by a session, not by a token.
    """

    access: Permission | Access
    summary: str
    tag: str
    query: Schema | None = None
    body: Schema | None = None
    responses: Mapping[int, Schema | None] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    documented: bool = True
    max_body: int | None = None
    idempotent: bool = False
    atomic: NeedsTransaction | None = None
    restore: Restore | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    operation_id: str | None = None
    for_browsers: bool = False


class UndeclaredView(Exception):
    """A view says nothing about who may call it, so it is refused at start-up."""


def endpoint(declaration: Endpoint) -> Callable[[View], View]:
    """Return the decorator that declares a view, and has one that is idempotent keep that."""

    def declare(view: View) -> View:
        if declaration.idempotent:
            atomic, restore = declaration.atomic, declaration.restore
            view = idempotent(view, declaration.body, atomic=atomic, restore=restore)
        view.declared = declaration  # type: ignore[attr-defined]
        return view

    return declare


def declare_method(declaration: Endpoint, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a declared view that calls a bound method, which can't bear a declaration itself."""
    return endpoint(declaration)(update_wrapper(partial(method), method))


def declarations(app: Flask) -> dict[str, Endpoint]:
    """Return the declaration of every view of the application, by the endpoint's name.

    Raises UndeclaredView if one has none.
    """
    declared = {name: getattr(view, "declared", None) for name, view in app.view_functions.items()}
    for name, declaration in declared.items():
        if declaration is None:
            raise UndeclaredView(f"The view {name} does not declare who may call it.")
    return {name: declaration for name, declaration in declared.items() if declaration}


def permissions(app: Flask) -> Iterator[Permission]:
    """Give every permission that a view asks for, by rising code."""
    accesses = {declaration.access for declaration in declarations(app).values()}
    named = [access for access in accesses if isinstance(access, Permission)]
    yield from sorted(named, key=lambda permission: permission.code)
