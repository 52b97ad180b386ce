"""A resource of which there is one: it is read and changed over HTTP, never created or deleted."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from flask import Blueprint
from marshmallow import Schema
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from notifyhub.api.changes import ObjectChanges
from notifyhub.api.endpoint import Endpoint, Permission, View, declare_method
from notifyhub.api.http.parsing import body
from notifyhub.database.base import SingletonRow
from notifyhub.database.connections import autocommit, orm_session
from notifyhub.events import publish

Model = TypeVar("Model", bound=SingletonRow)


class Permissions(NamedTuple):
    """What a member of staff needs to see and to change it."""

    view: Permission
    change: Permission


@dataclass(frozen=True)
class Singleton(Generic[Model]):
    """The only row of a table, which a migration has inserted.

    `dump` makes the response, of the shape `response`, from the row of `selected`, whose names are the
    response's if nothing else is given. `request` reads a body
    into attributes of the model; what a body leaves out stays as it is.
    """

    model: type[Model]
    selected: Select[Any]
    request: Schema
    response: Schema
    dump: Callable[[Row[Any]], dict[str, Any]] = Row._asdict
    operations: dict[str, View] = field(default_factory=dict)
    """The declared views, `show` and `change`, as soon as they are registered."""

    def register(self, blueprint: Blueprint, url: str, noun: str, permissions: Permissions) -> None:
        """Add the two operations to `blueprint`; `noun` is what the object is called in sentences."""
        responses = {200: self.response}
        read = Endpoint(permissions.view, f"Read the {noun}", "Settings", responses=responses)
        change = Endpoint(
            permissions.change, f"Change the {noun}", "Settings", body=self.request, responses=responses
        )
        for method, view, declaration in (("GET", self.show, read), ("PATCH", self.change, change)):
            name = f"{view.__name__}_{re.sub('[ -]', '_', noun)}"
            declared = self.operations[view.__name__] = declare_method(declaration, view)
            blueprint.add_url_rule(url, name, declared, methods=[method])

    def show(self) -> dict[str, Any]:
        """Give the object."""
        return self.dump(autocommit().execute(self.selected).one())

    def change(self) -> dict[str, Any]:
        """Change what the body names."""
        with orm_session() as session:
            stored = self.locked(session)
            before = self.changes.read(stored)
            for name, value in body(self.request).items():
                setattr(stored, name, value)
            publish(session.connection(), *self.changes.changed(stored, before))
        return self.show()

    @cached_property
    def changes(self) -> ObjectChanges:
        """The events of its changes."""
        return ObjectChanges(self.model, self.request, title=None)

    def locked(self, session: Session) -> Model:
        """Return the object, locked: nobody else changes it until the transaction ends."""
        return session.scalars(select(self.model).with_for_update(key_share=True)).one()
