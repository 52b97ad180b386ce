"""A resource: a kind of object that is created, listed, read, changed and deleted over HTTP."""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

from flask import Blueprint
from marshmallow import ValidationError
from sqlalchemy import Column, ColumnElement, Select, and_, bindparam, delete, insert, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from notifyhub.api.changes import ObjectChanges
from notifyhub.api.endpoint import Endpoint, Permission, View, declare_method
from notifyhub.api.http.parsing import body
from notifyhub.api.pagination.filters import Filters
from notifyhub.api.pagination.offset import OffsetListing
from notifyhub.api.schemas import ResourceSchema
from notifyhub.api.serializers import TableSerializer
from notifyhub.database import confidential
from notifyhub.database.base import Timestamped, table_of
from notifyhub.database.confidential import Confidential
from notifyhub.database.connections import autocommit, orm_session, transaction
from notifyhub.events import publish

T = TypeVar("T")
VERBS = ("create", "view", "change", "delete")
"""What permissions allow."""


class Operation(NamedTuple):
    """Where an operation is found, the verb of its permission, the word of its summary, its method here."""

    url: str
    methods: list[str]
    verb: str
    summary: str
    view: str


OPERATIONS = {
    "create": Operation("", ["POST"], "create", "Create", "create"),
    "list": Operation("", ["GET"], "view", "List", "page"),
    "read": Operation("/<id:id>", ["GET"], "view", "Read", "show"),
    "update": Operation("/<id:id>", ["PATCH", "POST"], "change", "Change", "update"),
    "delete": Operation("/<id:id>", ["DELETE"], "delete", "Delete", "delete"),
}


class Names(NamedTuple):
    """What a resource is called, in sentences (`SMS pattern`) and as a permission (`SMSPatternPermission`).

    The four VERBS on its objects have codes in a row, from `first_code`.
    """

    noun: str
    permission: str
    first_code: int


class Resource:
    """The OPERATIONS on one kind of object.

    A resource within another names in `parent` its column that refers to the parent object. The parameter of
    the path has the same name: `<id:notifier_id>`. An object of a resource that is `protected` is not
    deleted while it is in use. The response to a creation is as `create_response` has it, if that is more
    than `schema`. `search`, `ordering` and `filters` are those of the list, an OffsetListing.
    """

    max_body: ClassVar[int | None] = None
    """The greatest length in bytes of a body that creates or changes an object, as an Endpoint has it."""
    update_errors: ClassVar[tuple[int, ...]] = (404,)
    """The errors of a change that are its own, as an Endpoint has them."""
    change_example: ClassVar[Mapping[str, Any]] = {}
    """A change that does an object in use no harm; none: of the first field that has an example."""
    title: ClassVar[str] = "name"
    """The column that people tell the objects apart by."""
    expressions: ClassVar[Mapping[str, ColumnElement[Any]]] = {}
    """What is selected for fields that the table has no columns for, by their attributes."""

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
        self.operations: dict[str, View] = {}
        """The declared views by the names of OPERATIONS, as soon as they are registered."""
        self.names = names
        self.protected = protected
        self.model = model
        self.schema = schema()
        self.patched = schema(partial=True)
        table = table_of(model)
        self.create_response = create_response() if create_response else self.schema
        self.serializer = TableSerializer(table, self.schema, self.expressions)
        self._create_serializer = TableSerializer(table, self.create_response, self.expressions)
        self.listing = OffsetListing(
            table, self.serializer, parent=parent, filters=filters, search=search, ordering=ordering
        )
        self._select_parent = None if parent is None else _select_referred(table.c[parent])
        scope = [] if parent is None else [table.c[parent] == bindparam(parent)]
        this = and_(table.c.id == bindparam("id"), *scope)
        self._insert = insert(table).returning(*self._create_serializer.columns)
        self._select = select(*self.serializer.columns).where(this)
        self._lock = select(model).where(this).with_for_update(key_share=True)
        self._changes = ObjectChanges(model, self.create_response, self.title)
        self._delete = delete(table).where(this).returning(*self._changes.columns)

    def register(self, blueprint: Blueprint) -> None:
        """Add the operations to `blueprint`, whose prefix is the collection's URL."""
        one, listing = {200: self.schema}, self.listing
        parent_errors = () if self._select_parent is None else (404,)
        declared: dict[str, dict[str, Any]] = {
            "create": {
                "body": self.schema,
                "responses": {201: self.create_response},
                "errors": parent_errors,
                "max_body": self.max_body,
            },
            "list": {"query": listing.query, "responses": {200: listing.response}, "errors": parent_errors},
            "read": {"responses": one, "errors": (404,)},
            "update": {
                "body": self.patched,
                "responses": one,
                "errors": self.update_errors,
                "max_body": self.max_body,
                "examples": {"An example": self.change_example} if self.change_example else {},
            },
            "delete": {"responses": {204: None}, "errors": (404, 409) if self.protected else (404,)},
        }
        for name, operation in OPERATIONS.items():
            noun = f"{self.names.noun}s" if name == "list" else self.names.noun
            declaration = self.declare(operation.verb, f"{operation.summary} {noun}", **declared[name])
            view = self.operations[name] = declare_method(declaration, getattr(self, operation.view))
            blueprint.add_url_rule(operation.url, operation.view, view, methods=operation.methods)

    def create(self, **path: int) -> tuple[dict[str, Any], int]:
        """Create an object. One with secrets is given its id before."""
        self._check_parent(path)
        values = self.schema.validate_object(body(self.schema), None)
        with transaction() as connection:
            if issubclass(self.model, Confidential):
                values = confidential.with_id(connection, self.model, values)
            row = connection.execute(self._insert, {**values, **path}).one()
            publish(connection, self._changes.created(row.id, values))
        return self._create_serializer.dump([row])[0], 201

    def page(self, **path: int) -> dict[str, Any]:
        """Give a page of the list.

        What is wrong with a parameter must not hide that the parent isn't there; rows prove that it is.
        """
        try:
            page = self.listing.page(**path)
        except ValidationError:
            self._check_parent(path)
            raise
        if not page["count"]:
            self._check_parent(path)
        return page

    def show(self, **path: int) -> dict[str, Any]:
        """Give one object."""
        return self.serializer.dump([or_404(autocommit().execute(self._select, path).first())])[0]

    def update(self, **path: int) -> Any:
        """Change what the body names of an object, which nobody else changes meanwhile."""
        with orm_session() as session:
            stored = or_404(session.scalar(self._lock, path))
            before = self._changes.read(stored)
            self.perform_update(session, stored, self.schema.validate_object(body(self.patched), stored))
            session.flush()
            publish(session.connection(), *self._changes.changed(stored, before))
        return self.schema.dump(stored)

    def perform_update(self, _session: Session, stored: Timestamped, values: dict[str, Any]) -> None:
        """Write what a request changes of an object: a resource that does more has its own."""
        for name, value in values.items():
            setattr(stored, name, value)

    def delete(self, **path: int) -> tuple[str, int]:
        """Delete an object, and what belongs to it."""
        with orm_session() as session:
            connection = session.connection()
            deleted = or_404(connection.execute(self._delete, path).first())
            publish(connection, self._changes.deleted(deleted._asdict()))
        return "", 204

    def _check_parent(self, path: dict[str, int]) -> None:
        """Raise NotFound if the parent that the path names isn't there."""
        if self._select_parent is not None:
            or_404(autocommit().execute(self._select_parent, path).first())

    def declare(self, allowed: str, summary: str, **details: Any) -> Endpoint:
        """Return the declaration of an operation for those who may `create`, `view`, `change` or `delete`."""
        noun, permission, first_code = self.names
        return Endpoint(
            Permission(first_code + VERBS.index(allowed), permission, f"{allowed.capitalize()} {noun}s"),
            summary,
            tag=f"{noun[0].upper()}{noun[1:]}s",
            **details,
        )


def _select_referred(reference: Column[int]) -> Select[Any]:
    """Return the statement that selects what a foreign key refers to, its id given under the key's name."""
    (key,) = reference.foreign_keys
    return select(key.column).where(key.column == bindparam(reference.name))


def or_404(value: T | None) -> T:
    """Return what was found; raises NotFound if it is None."""
    if value is None:
        raise NotFound
    return value
