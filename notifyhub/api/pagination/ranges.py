"""Statements that read rows by ranges of an index, each range in the order of ids.

A column of the index that no filter names is read in one range for each of its values, so that a page costs
the same wherever it is and whatever it is filtered by. For messages with the index (status, channel, id) and
`?status=sent,failed`, a page of 50 is at most 4 × 51 entries of the index and 51 rows of the table:

    messages                                 51 rows, by id
     └ the 51 greatest ids of                merged
        ├ (sent, sms)      id ≤ high         51 entries, read from the end of the range; no sort
        ├ (sent, email)    id ≤ high         51
        ├ (failed, sms)    id ≤ high         51
        └ (failed, email)  id ≤ high         51

The databases plan this differently. SQLite gets the ranges one by one, as a UNION ALL. PostgreSQL takes long
to plan many of them, so their values come as arrays, and one LATERAL subquery reads the range of each:

    Limit → Sort → Nested Loop → Function Scan on unnest (the ranges)
                               → Limit → Index Only Scan (status, channel, id)
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    Table,
    any_,
    bindparam,
    column,
    func,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from notifyhub.api.pagination.filters import ColumnFilter, Filter
from notifyhub.database.connections import autocommit


class RangeShape(NamedTuple):
    """What a page's statement depends on: an index, further conditions, the direction.

    `keys` are the index's columns; `ranges` is the number of ranges, None where one statement is for any
    number of them.
    """

    keys: tuple[str, ...]
    ranges: int | None
    conditions: tuple[str, ...]
    reverse: bool


class Ranges:
    """The statements for the pages of a table in the order of its ids.

    Columns of an index go by the names of their filters in `keys`, conditions by those in `filters`. Rows
    meet `condition`, too, if there is one.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[ColumnElement[Any]],
        keys: Mapping[str, ColumnFilter],
        filters: Mapping[str, Filter],
        condition: ColumnElement[bool] | None = None,
    ) -> None:
        self.table = table
        self.columns = columns
        self.keys = keys
        self.filters = filters
        self.condition = condition

    def shape(
        self,
        index: tuple[str, ...],
        ranges: Sequence[tuple[Any, ...]],
        conditions: tuple[str, ...],
        *,
        reverse: bool,
    ) -> tuple[RangeShape, dict[str, Any]]:
        """Return the shape of the statement that reads these ranges, and the values that name them."""
        if autocommit().dialect.name == "postgresql":
            arrays = {name: [values[n] for values in ranges] for n, name in enumerate(index)}
            return RangeShape(index, None, conditions, reverse), arrays
        values = {
            f"{name}_of_{n}": value
            for n, range_ in enumerate(ranges)
            for name, value in zip(index, range_, strict=True)
        }
        return RangeShape(index, len(ranges), conditions, reverse), values

    def build(self, shape: RangeShape) -> Select[Any]:
        """Return the statement for a page and one row more, in the direction in which it is read."""
        if not shape.keys:
            return self._range(shape, {}, self.columns)
        ids = self._ids_by_arrays(shape) if shape.ranges is None else self._ids_by_union(shape, shape.ranges)
        by_id = in_order((ids.selected_columns.id,), reverse=shape.reverse)
        nearest = ids.order_by(*by_id).limit(literal("limit")).subquery()
        page = select(*self.columns).join(nearest, nearest.c.id == self.table.c.id)
        return page.order_by(*in_order((self.table.c.id,), reverse=shape.reverse))

    def build_count(self, shape: RangeShape) -> Select[Any]:
        """Return the statement for the number of rows, which ends as soon as it has counted to the limit."""
        if not shape.keys:
            ids = self._range(shape, {}, [self.table.c.id])
        elif shape.ranges is None:
            ids = self._ids_by_arrays(shape)
        else:
            ids = self._ids_by_union(shape, shape.ranges)
        return select(func.count()).select_from(ids.limit(literal("limit")).subquery())

    def _ids_by_union(self, shape: RangeShape, ranges: int) -> Select[Any]:
        """Return the statement for the first ids of all ranges, each value a parameter: `status_of_0`, …"""
        ids = []
        for n in range(ranges):
            values = {
                name: bindparam(f"{name}_of_{n}", type_=self.keys[name].column.type) for name in shape.keys
            }
            ids.append(select(self._range(shape, values, [self.table.c.id]).subquery().c.id))
        return select(union_all(*ids).subquery().c.id)

    def _ids_by_arrays(self, shape: RangeShape) -> Select[Any]:
        """Return the same for PostgreSQL, where the values are arrays: the n-th of each is the n-th range."""
        types = {name: self.keys[name].column.type for name in shape.keys}
        arrays = [bindparam(name, type_=ARRAY(type_)) for name, type_ in types.items()]
        columns = [column(name, type_) for name, type_ in types.items()]
        given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        each = self._range(shape, dict(given.c), [self.table.c.id]).lateral()
        return select(each.c.id).select_from(given.join(each, true()))

    def _range(
        self,
        shape: RangeShape,
        values: Mapping[str, ColumnElement[Any]],
        selected: Sequence[ColumnElement[Any]],
    ) -> Select[Any]:
        """Return the statement that reads a range of an index: one value in each column, ids in order.

        SELECT id FROM messages
         WHERE id BETWEEN :low AND :high
           AND status = :status AND channel = :channel        -- the range
           AND coalesce(created_at >= :from, …)               -- conditions that no index is used for
         ORDER BY status DESC, channel DESC, id DESC          -- the index's own order: nothing is sorted
         LIMIT 51
        """
        columns = [self.keys[name].column for name in shape.keys]
        conditions = [self.table.c.id >= literal("low"), self.table.c.id <= literal("high")]
        for n, (name, indexed) in enumerate(zip(shape.keys, columns, strict=True)):
            value = values[name]
            # PostgreSQL doesn't see that to order by a column with one value is moot, and may read the rows
            # along their ids instead, past all that don't match: a scan of the whole table where those that
            # do are old. A value that is any of an array is no single one to it.
            first_of_array = n == 0 and shape.ranges is None
            conditions.append(indexed == (any_(array([value])) if first_of_array else value))
            if indexed.nullable:
                conditions.append(indexed.is_not(None))  # the index leaves null out, and has to be told
        for name in shape.conditions:
            conditions += [without_index(condition) for condition in self.filters[name].conditions(name)]
        if self.condition is not None:
            conditions.append(without_index(self.condition))
        order = in_order((*columns, self.table.c.id), reverse=shape.reverse)
        return select(*selected).where(*conditions).order_by(*order).limit(literal("limit"))


def without_index(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition that no index is used for.

    SQLite would read an index of the condition's own column instead, and sort all that it finds there.
    """
    return func.coalesce(condition, condition)


def literal(name: str) -> BindParameter[int]:
    """Return a value that stands in the statement itself: a plan for any ids and limit would be a bad one."""
    return bindparam(name, type_=BigInteger(), literal_execute=True)


def in_order(columns: Iterable[ColumnElement[Any]], *, reverse: bool) -> list[ColumnElement[Any]]:
    """Return columns as they are ordered by: falling, or rising in `reverse`."""
    return [column.asc() if reverse else column.desc() for column in columns]
