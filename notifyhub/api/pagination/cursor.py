"""Lists by cursor, as Django REST framework's CursorPagination gives them: newest first, without a count.

A page costs the same wherever it is and whatever it is filtered by: it is read from ranges of an index.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from flask import current_app
from marshmallow import fields
from sqlalchemy import Column, ColumnElement, Row, Select, Table, bindparam, select
from werkzeug.exceptions import NotFound

from notifyhub.api.fields import MAX_INTEGER, described
from notifyhub.api.pagination.filters import ColumnFilter, Filters, base_filters, number
from notifyhub.api.pagination.listing import Listing
from notifyhub.api.pagination.ranges import Ranges, RangeShape, in_order
from notifyhub.api.serializers import Serializer
from notifyhub.database.connections import autocommit

MIN_ID, MAX_ID = 0, MAX_INTEGER

MAX_DISORDER = timedelta(minutes=10)
"""By how much the moments of creation may be out of the order of ids: transactions overlap, clocks differ."""

_CURSOR = re.compile(rb"(r=1&)?p=([0-9]{1,18})")
_BY_ID = ("id_min", "id_max")
_FILTERS = (*_BY_ID, "created_from", "created_to")


class MissingIndex(Exception):
    """A list is to be read along an index that its table does not have."""


class Cursor(NamedTuple):
    """A place in the list: behind the row with the id `position`; before it, with `reverse`."""

    position: int
    reverse: bool = False

    def __str__(self) -> str:
        """Return it as a link carries it."""
        return b64encode(f"{'r=1&' if self.reverse else ''}p={self.position}".encode()).decode()

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what `str` wrote; raises NotFound, as Django REST framework does."""
        try:
            match = _CURSOR.fullmatch(b64decode(text, validate=True))
        except ValueError:
            match = None
        if match is None:
            raise NotFound("Invalid cursor")
        return cls(int(match[2]), reverse=bool(match[1]))


class CursorListing(Listing):
    """A list whose pages begin behind a row, or end before one.

    `indexes` are those of the table that end with the id, each by the names of the filters of its columns
    (`parent` is one, too); the first that serves a request is used, so the most selective ones come first.
    `implied` are filters that no parameter stands for: the caller of `page` or a subclass's `parse` gives
    their values. Raises MissingIndex if the table lacks an index.
    """

    def __init__(
        self,
        table: Table,
        serializer: Serializer,
        *,
        parent: str | None = None,
        filters: Filters,
        implied: Filters | None = None,
        indexes: Iterable[tuple[str, ...]],
    ) -> None:
        by_id_and_time = {name: base_filters(table, moments=True)[name] for name in _FILTERS}
        # Whatever is wrong with a cursor, `Cursor.parse` says so.
        cursor = fields.String(
            metadata=described("Where the page is: from the link to it, `next` or `previous`.")
        )
        super().__init__(
            table,
            serializer,
            parent=parent,
            filters=filters | by_id_and_time,
            parameters={"cursor": cursor},
            strict=True,
        )
        keys = {**filters, **(implied or {})}
        self._keys = {name: key for name, key in keys.items() if isinstance(key, ColumnFilter)}
        self._others = [name for name in self.filters if name not in self._keys and name not in _BY_ID]
        if parent is not None:
            self._keys[parent] = number(table.c[parent], "The path gives it.")
        self._indexes = (*indexes, ())  # the last one is that of the ids
        for names in self._indexes[:-1]:
            _check_index(table, [*(self._keys[name].column for name in names), table.c.id])
        self._ranges = Ranges(table, serializer.columns, self._keys, self.filters | self._keys)
        # To build a statement costs as much as to run it; the clients of an installation use few shapes.
        self._statements = lru_cache(maxsize=256)(self._ranges.build)
        created_at = table.c.created_at
        self._last_before = self._id_beside(created_at <= bindparam("moment"), reverse=False)
        self._first_after = self._id_beside(created_at >= bindparam("moment"), reverse=True)

    def page(self, **path: int) -> dict[str, Any]:
        asked = {**self.parse(), **path}
        limit = min(asked["limit"], current_app.config["MAX_LIMIT"])
        cursor = Cursor.parse(asked["cursor"]) if "cursor" in asked else None
        reverse = cursor is not None and cursor.reverse
        shape, values = self._plan(asked, reverse=reverse)
        low, high = self._id_bounds(asked, cursor)
        values |= {"low": low, "high": high, "limit": limit + 1}
        rows = autocommit().execute(self._statements(shape), values).all()
        more, page = len(rows) > limit, list(rows[:limit])
        if reverse:
            page.reverse()
        behind, before = _neighbours(page, cursor)
        return {
            "next": self.link(cursor=behind) if more or reverse else None,
            "previous": self.link(cursor=before) if (more if reverse else cursor) else None,
            "results": self.serializer.encode(page),
        }

    def ids(self, asked: Mapping[str, Any], condition: ColumnElement[bool], limit: int) -> list[int]:
        """Return the ids of the newest rows, at most `limit`, that meet a condition and what is asked for.

        That is what `parse` returns, its cursor and its limit aside.
        """
        ranges = self._ranges_of_ids(condition)
        shape, values = self._bounded(asked, limit)
        return list(autocommit().scalars(ranges.build(shape), values))

    def count(self, asked: Mapping[str, Any], condition: ColumnElement[bool], limit: int) -> int:
        """Return how many rows meet a condition and what is asked for, as `ids` has it; at most `limit`."""
        ranges = self._ranges_of_ids(condition)
        shape, values = self._bounded(asked, limit)
        return int(autocommit().execute(ranges.build_count(shape), values).scalar_one())

    def _ranges_of_ids(self, condition: ColumnElement[bool]) -> Ranges:
        return Ranges(self.table, [self.table.c.id], self._keys, self.filters | self._keys, condition)

    def _bounded(self, asked: Mapping[str, Any], limit: int) -> tuple[RangeShape, dict[str, Any]]:
        shape, values = self._plan(asked, reverse=False)
        low, high = self._id_bounds(asked, None)
        return shape, values | {"low": low, "high": high, "limit": limit}

    def _plan(self, asked: Mapping[str, Any], *, reverse: bool) -> tuple[RangeShape, dict[str, Any]]:
        """Return the shape of the statement that answers a request, and its values.

        The index's columns are read in ranges, one for each combination of their values: with the index
        (status, channel), `?status=sent,failed` is read in (sent, sms), (sent, email), (failed, sms) and
        (failed, email). All else that is asked for is a condition on their rows; ids bound each range.
        """
        given = {name: _several(asked[name]) for name in self._keys if name in asked}
        index = next(index for index in self._indexes if self._serves(index, given))
        ranges = list(product(*(given.get(name, self._keys[name].choices) for name in index)))
        conditions = tuple(name for name in given if name not in index)
        conditions += tuple(name for name in self._others if name in asked)
        shape, values = self._ranges.shape(index, ranges, conditions, reverse=reverse)
        for name in conditions:
            values |= self._ranges.filters[name].values(name, asked[name])
        return shape, values

    def _serves(self, index: tuple[str, ...], given: Mapping[str, Any]) -> bool:
        """Return whether an index has some of what is asked for, and all its ranges can be named."""
        useful = not index or any(name in given for name in index)
        return useful and all(name in given or self._keys[name].choices for name in index)

    def _id_bounds(self, asked: Mapping[str, Any], cursor: Cursor | None) -> tuple[int, int]:
        """Return the least and the greatest id that the page may have.

        Ids rise with time, but for MAX_DISORDER. So a row made that long before `created_from` has none below
        its id that can be meant, and one made that long after `created_to` none above its id:

            id        1    2    3    4    5    6    7
            created   9:00 9:20 9:30 9:29 9:31 9:50 9:55      created_from=9:30: the last until 9:20 is 2,
                           low = 2                            so ids from 2 on are read, and 2 is filtered out
        """
        low, high = [asked.get("id_min", MIN_ID)], [asked.get("id_max", MAX_ID)]
        if cursor is not None and cursor.reverse:
            low.append(cursor.position + 1)
        elif cursor is not None:
            high.append(cursor.position - 1)
        if "created_from" in asked:
            low.append(self._id_by_time(self._last_before, "created_from", asked, -MAX_DISORDER) or MIN_ID)
        if "created_to" in asked:
            high.append(self._id_by_time(self._first_after, "created_to", asked, MAX_DISORDER) or MAX_ID)
        return max(low), min(high)

    def _id_by_time(
        self, statement: Select[int], name: str, asked: Mapping[str, Any], slack: timedelta
    ) -> int | None:
        """Return the id of the nearest row that lies too far outside the days asked for; else None."""
        (moment,) = self.filters[name].values(name, asked[name]).values()
        found: int | None = autocommit().execute(statement, {"moment": _shifted(moment, slack)}).scalar()
        return found

    def _id_beside(self, condition: ColumnElement[bool], *, reverse: bool) -> Select[int]:
        """Return the statement for the id of the last row by time that meets a condition, or of the first."""
        order = in_order((self.table.c.created_at, self.table.c.id), reverse=reverse)
        return select(self.table.c.id).where(condition).order_by(*order).limit(1)


def _check_index(table: Table, columns: Sequence[Column[Any]]) -> None:
    """Raise MissingIndex unless an index has these columns, and all rows in which none of them is null."""
    wheres = {None, *(f"{column.name} IS NOT NULL" for column in columns)}
    for index in table.indexes:
        where = index.dialect_kwargs.get("postgresql_where")
        if [*index.columns] == [*columns] and (where if where is None else str(where)) in wheres:
            return
    raise MissingIndex(f"{table.name} has no index of ({', '.join(column.name for column in columns)})")


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a moment later or earlier, as far as the calendar reaches."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _neighbours(page: list[Row[Any]], cursor: Cursor | None) -> tuple[Cursor, Cursor]:
    """Return the places behind a page and before it; an empty one lies at the row that its cursor names."""
    if page:
        return Cursor(page[-1].id), Cursor(page[0].id, reverse=True)
    position = cursor.position if cursor else MIN_ID
    return Cursor(position + 1), Cursor(max(position - 1, MIN_ID), reverse=True)
