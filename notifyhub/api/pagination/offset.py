"""Lists of objects: filters, search, order, limit/offset pagination, as Django REST framework gives them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import EXCLUDE, Schema, fields
from sqlalchemy import Column, ColumnElement, Select, Table, bindparam, func, select

from notifyhub.api.fields import described
from notifyhub.api.http.parsing import query
from notifyhub.api.pagination.filters import Filters, base_filters, containing, literally
from notifyhub.api.pagination.parameters import Number, Ordering, Words
from notifyhub.api.rows import Rows
from notifyhub.api.schemas import StrictSchema
from notifyhub.database.connections import autocommit

DEFAULT_LIMIT = 50

_LIMIT = "How many to give at most. The service gives no more than its own limit (1000, unless configured)."


class Shape(NamedTuple):
    """What a list's statement depends on: filters, number of words, order. Their values are bound."""

    filters: tuple[str, ...]
    words: int
    order: tuple[tuple[str, bool], ...]


class OffsetListing:
    """The list of one kind of object: which of its columns are searched, ordered and filtered by.

    Its rows are those that meet the conditions of `scope`, whose values the path gives.
    """

    def __init__(
        self,
        table: Table,
        rows: Rows,
        *,
        scope: Iterable[ColumnElement[bool]],
        search: Iterable[str],
        ordering: Iterable[str],
        filters: Filters,
    ) -> None:
        self.table = table
        self.rows = rows
        self.scope = tuple(scope)
        self.searched = [table.c[name] for name in search]
        strict = isinstance(rows.schema, StrictSchema)
        self.filters = base_filters(table, moments=strict) | filters
        self.answer = _page_schema(rows.schema)
        self.query = _query_schema(table.name, tuple(search), tuple(ordering), self.filters, strict=strict)
        # To build a statement costs as much as to run it; the clients of an installation use few shapes.
        self._statements = lru_cache(maxsize=256)(self._build)

    def page(self, path: Mapping[str, int]) -> dict[str, Any]:
        """Return the page that the request asks for, of the rows that belong to the path."""
        asked = query(self.query)
        limit, offset = min(asked["limit"], current_app.config["MAX_LIMIT"]), asked["offset"]
        filters = tuple(name for name in self.filters if name in asked)
        words = asked.get("search", [])
        values = {**path, **{f"word_{n}": literally(word) for n, word in enumerate(words)}}
        for name in filters:
            values |= self.filters[name].values(name, asked[name])
        page, count = self._statements(Shape(filters, len(words), asked["ordering"]))
        found = autocommit().execute(page, {**values, "limit": limit, "offset": offset}).all()
        # An empty page can't tell the count; without an offset it needs not.
        total = found[0][-1] if found else autocommit().execute(count, values).scalar_one() if offset else 0
        return {
            "count": total,
            "next": _link(limit, offset + limit) if offset + limit < total else None,
            "previous": _link(limit, max(offset - limit, 0)) if offset > 0 else None,
            "results": self.rows.encode(found),
        }

    def _build(self, shape: Shape) -> tuple[Select[Any], Select[int]]:
        """Return the statements for a page, with the count in each row's last column, and for the count."""
        conditions = [*self.scope]
        for name in shape.filters:
            conditions += self.filters[name].conditions(name)
        conditions += [containing(self.searched, f"word_{n}") for n in range(shape.words)]
        count = select(func.count()).select_from(self.table).where(*conditions)
        page = select(*self.rows.columns, count.scalar_subquery()).where(*conditions)
        page = page.order_by(*self._order(shape)).limit(bindparam("limit")).offset(bindparam("offset"))
        return page, count

    def _order(self, shape: Shape) -> list[ColumnElement[Any]]:
        """Return the order asked for; ties go by id, so that pages never overlap."""
        order = [_ordered(self.table.c[name], descending) for name, descending in shape.order]
        return order if "id" in dict(shape.order) else [*order, self.table.c.id]


def _ordered(column: Column[Any], descending: bool) -> ColumnElement[Any]:
    order = column.desc() if descending else column.asc()
    if not column.nullable:
        return order
    return order.nulls_last() if descending else order.nulls_first()


def _query_schema(
    table: str, search: tuple[str, ...], ordering: tuple[str, ...], filters: Filters, *, strict: bool
) -> Schema:
    names = ", ".join(f"`{name}`" for name in search)
    parameters: dict[str, fields.Field[Any]] = {
        "limit": Number(_LIMIT, least=1, load_default=DEFAULT_LIMIT),
        "offset": Number("How many to pass over first.", least=0, load_default=0),
        "search": Words(f"Words that must each occur, in any case, in one of {names}."),
        "ordering": Ordering("Fields to order by, comma-separated; `-` in front: descending.", ordering),
        **{name: filter_.parameter for name, filter_ in filters.items()},
    }
    parameters["ordering"].load_default = (("id", True),)
    name = f"{table}_query"
    if strict:
        return StrictSchema.from_dict(parameters, name=name)()
    return Schema.from_dict(parameters, name=name)(unknown=EXCLUDE)


def _page_schema(schema: Schema) -> Schema:
    parts: dict[str, fields.Field[Any]] = {
        "count": fields.Integer(required=True, metadata=described("Number of all results.", 2, minimum=0)),
        "next": fields.URL(
            required=True, allow_none=True, metadata=described("URL of the next page of results.")
        ),
        "previous": fields.URL(
            required=True, allow_none=True, metadata=described("URL of the page of results before.")
        ),
        "results": fields.List(fields.Nested(schema), required=True, metadata=described("The page.")),
    }
    return Schema.from_dict(parts, name=type(schema).__name__.replace("Schema", "PageSchema"))()


def _link(limit: int, offset: int) -> str:
    """Return this request's URL with another limit and offset; at the start there is no offset."""
    parameters: dict[str, Any] = request.args.to_dict(flat=False)
    parameters |= {"limit": [str(limit)], "offset": [str(offset)] if offset else []}
    return f"{request.base_url}?{urlencode(sorted(parameters.items()), doseq=True)}"
