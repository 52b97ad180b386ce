"""A resource: a kind of object that is made, listed, read, changed and deleted over HTTP."""

from functools import partial
from typing import Any, NamedTuple

from flask import Blueprint
from sqlalchemy import ColumnElement, Connection, Table, delete, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from notifyhub.api.endpoint import Endpoint, Permission, endpoint
from notifyhub.api.filters import Filters
from notifyhub.api.listing import Listing
from notifyhub.api.parsing import body
from notifyhub.api.rows import Rows
from notifyhub.api.schemas import ResourceSchema
from notifyhub.database.base import Stamped, table_of
from notifyhub.database.connections import reader, transaction


class Names(NamedTuple):
    """What a resource is called, in sentences (`SMS pattern`) and as a permission (`SMSPatternPermission`).

    Creating, viewing, changing and deleting its objects have four codes in a row, from `first_code`.
    """

    noun: str
    permission: str
    first_code: int


class Resource:
    """The five operations on one kind of object.

    A resource within another names its `parent`; its column with the parent's id is named as the parameter of the
    path, `<id:notifier_id>`. The objects of one that is `referred` to may be in use, and then not be deleted.
    """

    def __init__(
        self,
        names: Names,
        model: type[Stamped],
        schema: type[ResourceSchema],
        *,
        search: tuple[str, ...],
        ordering: tuple[str, ...],
        filters: Filters,
        referred: bool = False,
        parent: type[Stamped] | None = None,
    ) -> None:
        self.names = names
        self.referred = referred
        self.model = model
        self.table: Table = table_of(model)
        self.parent = None if parent is None else table_of(parent)
        self.schema = schema()
        self.patched = schema(partial=True)
        self.rows = Rows(self.table, self.schema)
        self.listing = Listing(self.table, self.rows, search=search, ordering=ordering, filters=filters)

    def register(self, blueprint: Blueprint) -> None:
        """Add the operations to `blueprint`, whose prefix is the collection's URL."""
        say, shown, listing = self._declare, {200: self.schema}, self.listing
        inside = () if self.parent is None else (404,)
        for url, methods, view, declaration in (
            (
                "",
                "POST",
                self.create,
                say(0, "create", body=self.schema, answers={201: self.schema}, refusals=inside),
            ),
            (
                "",
                "GET",
                self.page,
                say(1, "list", query=listing.query, answers={200: listing.answer}, refusals=inside),
            ),
            ("/<id:id>", "GET", self.show, say(1, "read", answers=shown, refusals=(404,))),
            (
                "/<id:id>",
                "PATCH POST",
                self.update,
                say(2, "change", body=self.patched, answers=shown, refusals=(404,)),
            ),
            (
                "/<id:id>",
                "DELETE",
                self.delete,
                say(3, "delete", answers={204: None}, refusals=(404, 409) if self.referred else (404,)),
            ),
        ):
            declared = endpoint(declaration)(partial(view))
            blueprint.add_url_rule(url, view.__name__, declared, methods=methods.split())

    def create(self, **path: int) -> tuple[Any, int]:
        """Make an object."""
        with transaction() as session:
            self._check_parent(session, path)
            created = self.model(**self.schema.settle(body(self.schema), None), **path)
            session.add(created)
        return self.schema.dump(created), 201

    def page(self, **path: int) -> dict[str, Any]:
        """Give a page of the list."""
        self._check_parent(reader(), path)
        return self.listing.page(*self._within(path))

    def show(self, **path: int) -> dict[str, Any]:
        """Give one object."""
        row = reader().execute(select(*self.rows.columns).where(*self._within(path))).first()
        if row is None:
            raise NotFound
        return self.rows.dump([row])[0]

    def update(self, **path: int) -> Any:
        """Change what the body names of an object."""
        with transaction() as session:
            stored = self._locked(session, path)
            for name, value in self.schema.settle(body(self.patched), stored).items():
                setattr(stored, name, value)
        return self.schema.dump(stored)

    def delete(self, **path: int) -> tuple[str, int]:
        """Delete an object, and what belongs to it."""
        with transaction() as session:
            if not session.connection().execute(delete(self.table).where(*self._within(path))).rowcount:
                raise NotFound
        return "", 204

    def _declare(self, offset: int, verb: str, **details: Any) -> Endpoint:
        noun, permission, first_code = self.names
        allows = "view" if verb in {"list", "read"} else verb
        return Endpoint(
            Permission(first_code + offset, permission, f"{allows.capitalize()} {noun}s"),
            f"{verb.capitalize()} {noun}{'s' if verb == 'list' else ''}",
            tag=f"{noun[0].upper()}{noun[1:]}s",
            **details,
        )

    def _within(self, path: dict[str, int]) -> list[ColumnElement[bool]]:
        """Return the conditions that the path's ids stand for: under another parent an object is not found."""
        return [self.table.c[name] == value for name, value in path.items()]

    def _locked(self, session: Session, path: dict[str, int]) -> Stamped:
        """Return the object that the path names, locked: nobody else changes it until the transaction ends."""
        found = session.scalar(select(self.model).where(*self._within(path)).with_for_update(key_share=True))
        if found is None:
            raise NotFound
        return found

    def _check_parent(self, connection: Connection | Session, path: dict[str, int]) -> None:
        if self.parent is not None:
            (parent_id,) = path.values()
            parent = select(self.parent.c.id).where(self.parent.c.id == parent_id)
            if connection.execute(parent).first() is None:
                raise NotFound
