"""Lists of objects: filters, search, order and limit/offset pagination, as Django REST framework gives them."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import EXCLUDE, Schema, fields
from sqlalchemy import Column, ColumnElement, Select, Table, func, select

from notifyhub.api.fields import described
from notifyhub.api.filters import Filters, matching, stamped
from notifyhub.api.parameters import Number, Ordering, Words
from notifyhub.api.parsing import query
from notifyhub.api.rows import Rows
from notifyhub.database.connections import reader

DEFAULT_LIMIT = 50

_LIMIT = "How many to give at most. The service gives no more than its own limit (1000, unless configured)."


class Listing:
    """The list of one kind of object: which of its columns are searched, ordered and filtered by."""

    def __init__(
        self, table: Table, rows: Rows, *, search: Iterable[str], ordering: Iterable[str], filters: Filters
    ) -> None:
        self.table = table
        self.rows = rows
        self.searched = [table.c[name] for name in search]
        self.filters = stamped(table) | filters
        self.answer = _page_schema(rows.schema)
        self.query = _query_schema(table.name, tuple(search), tuple(ordering), self.filters)

    def page(self, *scope: ColumnElement[bool]) -> dict[str, Any]:
        """Return the page that the request asks for, of the rows within `scope`."""
        asked = query(self.query)
        limit = min(asked["limit"], current_app.config["MAX_LIMIT"])
        offset = asked["offset"]
        conditions = [*scope, *self._conditions(asked)]
        count = select(func.count()).select_from(self.table).where(*conditions)
        page = (
            select(*self.rows.columns, count.scalar_subquery())
            .where(*conditions)
            .order_by(*self._order(asked["ordering"]))
            .limit(limit)
            .offset(offset)
        )
        found = reader().execute(page).all()
        total = found[0][-1] if found else self._count(count, offset)
        return {
            "count": total,
            "next": _link(limit, offset + limit) if offset + limit < total else None,
            "previous": _link(limit, max(offset - limit, 0)) if offset > 0 else None,
            "results": self.rows.dump(found),
        }

    def _conditions(self, asked: dict[str, Any]) -> list[ColumnElement[bool]]:
        conditions = [
            filter_.condition(asked[name]) for name, filter_ in self.filters.items() if name in asked
        ]
        return conditions + matching(self.searched, asked.get("search", []))

    def _order(self, asked: list[tuple[str, bool]]) -> list[ColumnElement[Any]]:
        """Return the order asked for; ties go by id, so that pages never overlap."""
        names = [name for name, _ in asked]
        order = [_ordered(self.table.c[name], descending) for name, descending in asked]
        return order if "id" in names else [*order, self.table.c.id]

    @staticmethod
    def _count(count: Select[int], offset: int) -> int:
        """Return the number of rows where the page itself, empty, could not tell."""
        return reader().execute(count).scalar_one() if offset else 0


def _ordered(column: Column[Any], descending: bool) -> ColumnElement[Any]:
    order = column.desc() if descending else column.asc()
    if not column.nullable:
        return order
    return order.nulls_last() if descending else order.nulls_first()


def _query_schema(table: str, search: tuple[str, ...], ordering: tuple[str, ...], filters: Filters) -> Schema:
    names = ", ".join(f"`{name}`" for name in search)
    parameters: dict[str, fields.Field[Any]] = {
        "limit": Number(_LIMIT, least=1, load_default=DEFAULT_LIMIT),
        "offset": Number("How many to pass over first.", least=0, load_default=0),
        "search": Words(f"Words that must each occur, in any case, in one of {names}."),
        "ordering": Ordering("Fields to order by, comma-separated; `-` in front: descending.", ordering),
        **{name: filter_.parameter for name, filter_ in filters.items()},
    }
    parameters["ordering"].load_default = [("id", True)]
    return Schema.from_dict(parameters, name=f"{table}_query")(unknown=EXCLUDE)


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
