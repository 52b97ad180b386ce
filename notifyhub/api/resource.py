"""A resource: a kind of object that is made, listed, read, changed and deleted over HTTP."""

from typing import Any, NamedTuple, TypeVar

from flask import Blueprint
from marshmallow import ValidationError
from sqlalchemy import Column, Select, and_, bindparam, delete, insert, select
from werkzeug.exceptions import NotFound

from notifyhub.api.endpoint import Endpoint, Permission, declare_method
from notifyhub.api.http.parsing import body
from notifyhub.api.pagination.filters import Filters
from notifyhub.api.pagination.offset import OffsetListing
from notifyhub.api.rows import Rows
from notifyhub.api.schemas import ResourceSchema
from notifyhub.database import confidential
from notifyhub.database.base import Timestamped, table_of
from notifyhub.database.confidential import Confidential
from notifyhub.database.connections import autocommit, orm_session

Found = TypeVar("Found")
VERBS = ("create", "view", "change", "delete")


class Names(NamedTuple):
    """What a resource is called, in sentences (`SMS pattern`) and as a permission (`SMSPatternPermission`).

    The four VERBS on its objects have codes in a row, from `first_code`.
    """

    noun: str
    permission: str
    first_code: int


class Resource:
    """The five operations on one kind of object.

    A resource within another names in `parent` its column that refers to the outer object. The parameter of
    the path has the same name: `<id:notifier_id>`. An object of a resource that is `protected` is not
    deleted while it is in use. The answer to a creation is as `create_response` has it, if that is more than
    `schema`.
    """

    def __init__(
        self,
        names: Names,
        model: type[Timestamped],
        schema: type[ResourceSchema],
        *,
        search: tuple[str, ...],
        ordering: tuple[str, ...],
        filters: Filters,
        create_response: type[ResourceSchema] | None = None,
        parent: str | None = None,
        protected: bool = False,
    ) -> None:
        self.names = names
        self.protected = protected
        self.model = model
        self.schema = schema()
        self.patched = schema(partial=True)
        table = table_of(model)
        self.create_response = create_response() if create_response else self.schema
        self.rows = Rows(table, self.schema)
        self._made_rows = Rows(table, self.create_response)
        scope = [] if parent is None else [table.c[parent] == bindparam(parent)]
        self.listing = OffsetListing(
            table, self.rows, scope=scope, search=search, ordering=ordering, filters=filters
        )
        self._outer = None if parent is None else _exists(table.c[parent])
        self._this = and_(table.c.id == bindparam("id"), *scope)
        self._insert = insert(table).returning(*self._made_rows.columns)
        self._select = select(*self.rows.columns).where(self._this)
        self._lock = select(model).where(self._this).with_for_update(key_share=True)
        self._delete = delete(table).where(self._this)

    def register(self, blueprint: Blueprint) -> None:
        """Add the operations to `blueprint`, whose prefix is the collection's URL."""
        say, shown, listing = self._declare, {200: self.schema}, self.listing
        inside = () if self._outer is None else (404,)
        create = say("create", body=self.schema, responses={201: self.create_response}, errors=inside)
        page = say("list", query=listing.query, responses={200: listing.answer}, errors=inside)
        show = say("read", responses=shown, errors=(404,))
        update = say("change", body=self.patched, responses=shown, errors=(404,))
        delete = say("delete", responses={204: None}, errors=(404, 409) if self.protected else (404,))
        for url, methods, view, declaration in (
            ("", ["POST"], self.create, create),
            ("", ["GET"], self.page, page),
            ("/<id:id>", ["GET"], self.show, show),
            ("/<id:id>", ["PATCH", "POST"], self.update, update),
            ("/<id:id>", ["DELETE"], self.delete, delete),
        ):
            blueprint.add_url_rule(url, view.__name__, declare_method(declaration, view), methods=methods)

    def create(self, **path: int) -> tuple[dict[str, Any], int]:
        """Make an object: one statement, which is its own transaction. One with secrets has its id before."""
        self._find_outer(path)
        values = self.schema.validate_object(body(self.schema), None)
        if issubclass(self.model, Confidential):
            values = confidential.with_id(autocommit(), self.model, values)
        row = autocommit().execute(self._insert, {**values, **path}).one()
        return self._made_rows.dump([row])[0], 201

    def page(self, **path: int) -> dict[str, Any]:
        """Give a page of the list.

        What is wrong with a parameter must not hide that the outer object isn't there; rows prove that it is.
        """
        try:
            page = self.listing.page(path)
        except ValidationError:
            self._find_outer(path)
            raise
        if not page["count"]:
            self._find_outer(path)
        return page

    def show(self, **path: int) -> dict[str, Any]:
        """Give one object."""
        return self.rows.dump([or_404(autocommit().execute(self._select, path).first())])[0]

    def update(self, **path: int) -> Any:
        """Change what the body names of an object, which nobody else changes meanwhile."""
        with orm_session() as session:
            stored = or_404(session.scalar(self._lock, path))
            for name, value in self.schema.validate_object(body(self.patched), stored).items():
                setattr(stored, name, value)
        return self.schema.dump(stored)

    def delete(self, **path: int) -> tuple[str, int]:
        """Delete an object, and what belongs to it."""
        with orm_session() as session:
            or_404(session.connection().execute(self._delete, path).rowcount or None)
        return "", 204

    def _find_outer(self, path: dict[str, int]) -> None:
        if self._outer is not None:
            or_404(autocommit().execute(self._outer, path).first())

    def declare(self, allowed: str, summary: str, **details: Any) -> Endpoint:
        """Return the declaration of an operation for those who may `create`, `view`, `change` or `delete`."""
        noun, permission, first_code = self.names
        return Endpoint(
            Permission(first_code + VERBS.index(allowed), permission, f"{allowed.capitalize()} {noun}s"),
            summary,
            tag=f"{noun[0].upper()}{noun[1:]}s",
            **details,
        )

    def _declare(self, verb: str, **details: Any) -> Endpoint:
        allowed = "view" if verb in {"list", "read"} else verb
        noun = f"{self.names.noun}{'s' if verb == 'list' else ''}"
        return self.declare(allowed, f"{verb.capitalize()} {noun}", **details)


def _exists(reference: Column[int]) -> Select[Any]:
    """Return the statement that finds what a foreign key refers to, its id given under the key's name."""
    (key,) = reference.foreign_keys
    return select(key.column).where(key.column == bindparam(reference.name))


def or_404(value: Found | None) -> Found:
    """Return what was looked up; raises NotFound if it is None."""
    if value is None:
        raise NotFound
    return value
