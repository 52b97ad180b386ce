"""Lists by limit and offset, with search and order, as Django REST framework's LimitOffsetPagination."""

from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app
from marshmallow.fields import Integer as IntegerField
from sqlalchemy import Column, ColumnElement, Select, Table, bindparam, func, select

from notifyhub.api.fields import Integer, described
from notifyhub.api.pagination.filters import Filters, base_filters, containing, literally
from notifyhub.api.pagination.listing import Listing
from notifyhub.api.pagination.parameters import Ordering, Words
from notifyhub.api.schemas import StrictSchema
from notifyhub.api.serializers import Serializer
from notifyhub.database.connections import autocommit


class OffsetShape(NamedTuple):
    """What a list's statement depends on: filters, number of words, order. Their values are bound."""

    filters: tuple[str, ...]
    words: int
    order: tuple[tuple[str, bool], ...]


class OffsetListing(Listing):
    """A list whose pages are cut by a number of rows to pass over.

    `search` names the columns that are searched, `ordering` those that can be ordered by.
    """

    limit_words = (
        "How many to give at most. The service gives no more than its own limit (1000, unless configured)."
    )
    page_fields = {
        "count": IntegerField(required=True, metadata=described("Number of all results.", 2, minimum=0))
    }
    page_words = {
        "next": "URL of the next page of results.",
        "previous": "URL of the page of results before.",
        "results": "The page.",
    }

    def __init__(
        self,
        table: Table,
        serializer: Serializer,
        *,
        parent: str | None = None,
        filters: Filters,
        search: tuple[str, ...],
        ordering: tuple[str, ...],
    ) -> None:
        strict = isinstance(serializer.schema, StrictSchema)
        columns = ", ".join(f"`{name}`" for name in search)
        offset = described("How many to pass over first.")
        words = described(f"Words that must each occur, in any case, in one of {columns}.")
        order = described("Fields to order by, comma-separated; `-` in front: descending.")
        super().__init__(
            table,
            serializer,
            parent=parent,
            filters=base_filters(table, moments=strict) | filters,
            parameters={
                "offset": Integer(0, strict=True, load_default=0, metadata=offset),
                "search": Words(metadata=words),
                "ordering": Ordering(ordering, load_default=(("id", True),), metadata=order),
            },
            strict=strict,
        )
        self._scope = [] if parent is None else [table.c[parent] == bindparam(parent)]
        self._searched = [table.c[name] for name in search]
        # To build a statement costs as much as to run it; the clients of an installation use few shapes.
        self._statements = lru_cache(maxsize=256)(self._build)

    def page(self, **path: int) -> dict[str, Any]:
        asked = self.parse()
        limit, offset = min(asked["limit"], current_app.config["MAX_LIMIT"]), asked["offset"]
        filters = tuple(name for name in self.filters if name in asked)
        words = asked.get("search", [])
        values = {**path, **{f"word_{n}": literally(word) for n, word in enumerate(words)}}
        for name in filters:
            values |= self.filters[name].values(name, asked[name])
        page, count = self._statements(OffsetShape(filters, len(words), asked["ordering"]))
        rows = autocommit().execute(page, {**values, "limit": limit, "offset": offset}).all()
        # An empty page can't tell the count; without an offset it needs not.
        total = rows[0][-1] if rows else autocommit().execute(count, values).scalar_one() if offset else 0
        after, before = offset + limit, max(offset - limit, 0)
        return {
            "count": total,
            "next": self.link(limit=limit, offset=after) if after < total else None,
            "previous": self.link(limit=limit, offset=before or None) if offset > 0 else None,
            "results": self.serializer.encode(rows),
        }

    def _build(self, shape: OffsetShape) -> tuple[Select[Any], Select[int]]:
        """Return the statements for a page, with the count in each row's last column, and for the count."""
        conditions = [*self._scope]
        for name in shape.filters:
            conditions += self.filters[name].conditions(name)
        conditions += [containing(self._searched, f"word_{n}") for n in range(shape.words)]
        count = select(func.count()).select_from(self.table).where(*conditions)
        page = select(*self.serializer.columns, count.scalar_subquery()).where(*conditions)
        page = page.order_by(*self._order(shape)).limit(bindparam("limit")).offset(bindparam("offset"))
        return page, count

    def _order(self, shape: OffsetShape) -> list[ColumnElement[Any]]:
        """Return the order asked for; ties go by id, so that pages never overlap."""
        order = [_ordered(self.table.c[name], descending) for name, descending in shape.order]
        return order if "id" in dict(shape.order) else [*order, self.table.c.id]


def _ordered(column: Column[Any], descending: bool) -> ColumnElement[Any]:
    order = column.desc() if descending else column.asc()
    if not column.nullable:
        return order
    return order.nulls_last() if descending else order.nulls_first()
