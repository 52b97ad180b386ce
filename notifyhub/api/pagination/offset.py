"""Lists by limit and offset, with search and order, as Django REST framework's LimitOffsetPagination.

A page and the count are read by one statement, so that no change comes between them.
"""

from enum import Enum, auto
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app
from marshmallow.fields import Integer as IntegerField
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Select,
    Table,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from notifyhub.api.fields import Integer, described
from notifyhub.api.pagination.filters import Filters, base_filters, containing, literally
from notifyhub.api.pagination.listing import Listing
from notifyhub.api.pagination.parameters import Ordering, Words
from notifyhub.api.schemas import StrictSchema
from notifyhub.api.serializers import Serializer
from notifyhub.database.base import now
from notifyhub.database.connections import autocommit
from notifyhub.database.query import Query

DEEP_OFFSET = 1000
"""From where on the rows before a page are passed over by their ids alone."""

_OFFSET = bindparam("offset", type_=BigInteger())


class OffsetShape(NamedTuple):
    """What a list's statement depends on. The values of filters, words and the offset are bound.

    The limit is not: PostgreSQL would make another plan each time, lest one for any limit be a bad one.
    """

    filters: tuple[str, ...]
    words: int
    order: tuple[tuple[str, bool], ...]
    limit: int
    depth: "Depth"


class Depth(Enum):
    """How many rows come before a page: none, some, or DEEP_OFFSET and more."""

    FIRST = auto()
    SHALLOW = auto()
    DEEP = auto()

    @classmethod
    def of(cls, offset: int) -> "Depth":
        return cls.FIRST if not offset else cls.SHALLOW if offset < DEEP_OFFSET else cls.DEEP


class OffsetListing(Listing):
    """A list whose pages are cut by a number of rows to pass over.

    `search` names the columns that are searched, `ordering` those that can be ordered by. `present` is a
    condition for all rows of the list, in which `now` is the present moment.
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
        present: ColumnElement[bool] | None = None,
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
        self._present = [] if present is None else [present]
        self._searched = [table.c[name] for name in search]
        # To build a statement costs as much as to run it; the clients of an installation use few shapes.
        self._queries = lru_cache(maxsize=256)(self._build)

    def page(self, **path: int) -> dict[str, Any]:
        asked = self.parse()
        limit, offset = min(asked["limit"], current_app.config["MAX_LIMIT"]), asked["offset"]
        filters = tuple(name for name in self.filters if name in asked)
        words = asked.get("search", [])
        values = {**path, **{f"word_{n}": literally(word) for n, word in enumerate(words)}}
        for name in filters:
            values |= self.filters[name].values(name, asked[name])
        if self._present:
            values["now"] = now()
        shape = OffsetShape(filters, len(words), asked["ordering"], limit, Depth.of(offset))
        page, count = self._queries(shape)
        rows = page.all(autocommit(), {**values, "offset": offset})
        # An empty page can't tell the count; without an offset it needs not.
        total = rows[0][-1] if rows else self._count_before(count, values, offset)
        after, before = offset + limit, max(offset - limit, 0)
        return {
            "count": total,
            "next": self.link(limit=limit, offset=after) if after < total else None,
            "previous": self.link(limit=limit, offset=before or None) if offset > 0 else None,
            "results": self.serializer.encode(rows),
        }

    def _count_before(self, count: Query, values: dict[str, Any], offset: int) -> int:
        """Return the number of rows before an empty page; one that has come meanwhile would be on it."""
        return min(count.all(autocommit(), values)[0][0], offset) if offset else 0

    def _build(self, shape: OffsetShape) -> tuple[Query, Query]:
        """Return the queries for a page, with the count in each row's last column, and for the count."""
        conditions = [*self._scope, *self._present]
        for name in shape.filters:
            conditions += self.filters[name].conditions(name)
        conditions += [containing(self._searched, f"word_{n}") for n in range(shape.words)]
        count = select(func.count().label("count")).select_from(self.table).where(*conditions)
        if shape.depth is not Depth.DEEP:
            page = self._near_page(conditions, count, shape)
        elif shape.order[0][0] == "id":
            page = self._deep_page_by_id(conditions, count, shape)
        else:
            page = self._deep_page(conditions, count, shape)
        return Query(page.order_by(*self._order(shape))), Query(count)

    def _near_page(
        self, conditions: list[ColumnElement[bool]], count: Select[int], shape: OffsetShape
    ) -> Select[Any]:
        """Return the statement for a page that few rows come before, or none."""
        page = select(*self.serializer.columns, count.scalar_subquery()).where(*conditions)
        limited: Select[Any] = page.limit(literal_column(str(shape.limit)))
        return limited if shape.depth is Depth.FIRST else limited.offset(_OFFSET)

    def _deep_page_by_id(
        self, conditions: list[ColumnElement[bool]], count: Select[int], shape: OffsetShape
    ) -> Select[Any]:
        """Return the statement for a page that many rows come before, in the order of ids: one pass over all.

        Its ids are read first, from an index alone; as the offset says what comes before them, only the rest
        is counted:

            WITH page AS (SELECT id FROM sms_patterns WHERE … ORDER BY id DESC LIMIT 50 OFFSET 7000)
            SELECT …, 7000 + (SELECT count(*) … WHERE … AND id <= (SELECT max(id) FROM page))
            FROM sms_patterns JOIN page ON … ORDER BY id DESC
        """
        id_, descending = self.table.c.id, shape.order[0][1]
        ids = select(id_).where(*conditions).order_by(*self._order(shape))
        page = ids.limit(literal_column(str(shape.limit))).offset(_OFFSET).cte("page")
        first = select(func.max(page.c.id) if descending else func.min(page.c.id)).scalar_subquery()
        rest = count.where(id_ <= first if descending else id_ >= first).scalar_subquery()
        return select(*self.serializer.columns, _OFFSET + rest).join(page, page.c.id == id_)

    def _deep_page(
        self, conditions: list[ColumnElement[bool]], count: Select[int], shape: OffsetShape
    ) -> Select[Any]:
        """Return the statement for a page that many rows come before, in any order: from the nearer end.

        Of 10,000 rows by rising name, those from 7,000 to 7,049 are found so:

            WITH total AS (SELECT count(*) FROM sms_patterns WHERE …)
            SELECT …, (SELECT count FROM total) FROM sms_patterns JOIN (
                SELECT id … ORDER BY name, id LIMIT 0 OFFSET 7000        -- 50, if it were the nearer end
                UNION ALL
                SELECT id … ORDER BY name DESC, id DESC LIMIT 50 OFFSET 2950
                LIMIT 50) ON … ORDER BY name, id
        """
        limit, offset = literal_column(str(shape.limit), BigInteger()), _OFFSET
        total = count.cte("total").c.count
        rest = total - offset  # from the page's first row on
        ends = select(
            total,
            case((rest >= offset, limit), else_=0).label("limit_there"),
            case((or_(rest >= offset, rest <= 0), 0), (rest > limit, limit), else_=rest).label("limit_back"),
            case((rest > limit, rest - limit), else_=0).label("offset_back"),
        ).cte("ends")
        counted, limit_there, limit_back, offset_back = (select(end).scalar_subquery() for end in ends.c)
        ids = select(self.table.c.id).where(*conditions)
        there = ids.order_by(*self._order(shape)).limit(limit_there).offset(offset)
        back = ids.order_by(*self._order(shape, reverse=True)).limit(limit_back).offset(offset_back)
        both = union_all(*(select(half.subquery().c.id) for half in (there, back)))
        page_ids = both.limit(limit).subquery()
        return select(*self.serializer.columns, counted).join(page_ids, page_ids.c.id == self.table.c.id)

    def _order(self, shape: OffsetShape, *, reverse: bool = False) -> list[ColumnElement[Any]]:
        """Return the order asked for, or its reverse; ties go by id, so that pages never overlap."""
        order = shape.order if "id" in dict(shape.order) else (*shape.order, ("id", False))
        return [_ordered(self.table.c[name], descending != reverse) for name, descending in order]


def _ordered(column: Column[Any], descending: bool) -> ColumnElement[Any]:
    order = column.desc() if descending else column.asc()
    if not column.nullable:
        return order
    return order.nulls_last() if descending else order.nulls_first()
