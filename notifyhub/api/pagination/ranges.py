"""Statements that read rows by ranges of an index, each range in the order of ids.

A column of the index that no filter names is read in one range for each of its values, so that a page costs
the same wherever it is and whatever it is filtered by.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
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
from sqlalchemy.types import TypeEngine

from notifyhub.api.pagination.filters import Filter
from notifyhub.api.pagination.parameters import Parameter


class Key(NamedTuple):
    """A filter for rows with a value in a column, or one of several.

    `values` are all values that the column can have, where they are few.
    """

    parameter: Parameter
    column: Column[Any]
    values: tuple[Any, ...] = ()


class Shape(NamedTuple):
    """What a page's statement depends on: an index, further filters, the direction.

    `ranges` is the number of ranges, None where one statement is for any number of them.
    """

    along: tuple[str, ...]
    ranges: int | None
    filters: tuple[str, ...]
    reverse: bool


class Ranges:
    """The statements for the pages of a table, whose id is its last order; `times` are filters by moments."""

    def __init__(
        self,
        table: Table,
        columns: Sequence[ColumnElement[Any]],
        keys: Mapping[str, Key],
        times: Mapping[str, Filter],
    ) -> None:
        self.table = table
        self.columns = columns
        self.keys = keys
        self.times = times

    def build(self, shape: Shape) -> Select[Any]:
        """Return the statement for a page and one row more, in the direction in which it is read."""
        order = in_order((self.table.c.id,), reverse=shape.reverse)
        if not shape.along:
            return self._range(shape, {}, self.columns)
        found = (
            self._found_at_once(shape)
            if shape.ranges is None
            else self._found_one_by_one(shape, shape.ranges)
        )
        by_id = in_order((found.selected_columns.id,), reverse=shape.reverse)
        nearest = found.order_by(*by_id).limit(_known("limit")).subquery()
        return select(*self.columns).join(nearest, nearest.c.id == self.table.c.id).order_by(*order)

    def _found_one_by_one(self, shape: Shape, ranges: int) -> Select[Any]:
        """Return the statement for the first ids of all ranges, each value a parameter: `status_0`, …"""
        ids = []
        for n in range(ranges):
            value = {name: bindparam(f"{name}_{n}", type_=self._type(name)) for name in shape.along}
            ids.append(select(self._range(shape, value, [self.table.c.id]).subquery().c.id))
        return select(union_all(*ids).subquery().c.id)

    def _found_at_once(self, shape: Shape) -> Select[Any]:
        """Return the same for PostgreSQL, which takes long to plan many ranges: the values are arrays."""
        arrays = [bindparam(name, type_=ARRAY(self._type(name))) for name in shape.along]
        columns = [column(name, self._type(name)) for name in shape.along]
        given = func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
        each = self._range(shape, dict(given.c), [self.table.c.id]).lateral()
        return select(each.c.id).select_from(given.join(each, true()))

    def _type(self, name: str) -> TypeEngine[Any]:
        return self.keys[name].column.type

    def _range(
        self, shape: Shape, among: Mapping[str, ColumnElement[Any]], selected: Sequence[ColumnElement[Any]]
    ) -> Select[Any]:
        """Return the statement that reads a range of an index: one value in each column, ids in order."""
        columns = [self.keys[name].column for name in shape.along]
        conditions = [self.table.c.id >= _known("low"), self.table.c.id <= _known("high")]
        conditions += (
            [_only(columns[0], among[shape.along[0]], at_once=shape.ranges is None)] if columns else []
        )
        conditions += [
            column == among[name] for name, column in zip(shape.along[1:], columns[1:], strict=True)
        ]
        conditions += [column.is_not(None) for column in columns if column.nullable]
        for name in shape.filters:
            if name in self.keys:
                conditions.append(self.keys[name].column.in_(bindparam(name, expanding=True)))
            else:
                conditions += [_unsearched(condition) for condition in self.times[name].conditions(name)]
        order = in_order((*columns, self.table.c.id), reverse=shape.reverse)
        return select(*selected).where(*conditions).order_by(*order).limit(_known("limit"))


def _only(column: Column[Any], value: ColumnElement[Any], *, at_once: bool) -> ColumnElement[bool]:
    """Return the condition that a column has a value; PostgreSQL doesn't see that ordering by it is moot.

    Else it may read the rows along their ids, past all that don't match: as good as reading the index where
    many rows match and lie everywhere, and a scan of the whole table where they are all old.
    """
    return column == (any_(array([value])) if at_once else value)


def _unsearched(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return a condition that no index is used for: the range of ids holds few rows that it rules out."""
    return func.coalesce(condition, condition)


def _known(name: str) -> BindParameter[int]:
    """Return a value that stands in the statement itself: a plan for any ids and limit would be a bad one."""
    return bindparam(name, type_=BigInteger(), literal_execute=True)


def in_order(columns: Iterable[ColumnElement[Any]], *, reverse: bool) -> list[ColumnElement[Any]]:
    """Return columns as they are ordered by: falling, or rising in `reverse`."""
    return [column.asc() if reverse else column.desc() for column in columns]
