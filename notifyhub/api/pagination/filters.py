"""Filters of lists: a parameter, and what is compared with its value."""

import operator
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, String, Table, and_, bindparam, cast, or_

from notifyhub.api.pagination.parameters import Day, DayOrMoment, Flag, Number, OneOf, Parameter


class Comparison(NamedTuple):
    """A comparison of an expression with the parameter's value, which `convert` makes comparable."""

    expression: ColumnElement[Any]
    compare: Callable[[Any, Any], Any] = operator.eq
    convert: Callable[[Any], Any] = lambda value: value


class Filter(NamedTuple):
    """A parameter of a list and the comparisons that must all hold."""

    parameter: Parameter
    comparisons: tuple[Comparison, ...]

    def conditions(self, name: str) -> list[ColumnElement[bool]]:
        """Return the conditions, for whatever value `values` gives."""
        return [
            compare(expression, bindparam(f"{name}_{n}", type_=expression.type))
            for n, (expression, compare, _) in enumerate(self.comparisons)
        ]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Return the values that belong to the conditions."""
        return {f"{name}_{n}": convert(value) for n, (_, _, convert) in enumerate(self.comparisons)}


Filters = dict[str, Filter]


def one_of(column: Column[str], choices: Iterable[str]) -> Filter:
    """Return the filter for rows with one of the choices."""
    choices = tuple(choices)
    words = ", ".join(f"`{choice}`" for choice in choices)
    return Filter(OneOf(f"Only those with this `{column.name}`: {words}.", choices), (Comparison(column),))


def flag(column: Column[bool]) -> Filter:
    """Return the filter by a yes or no."""
    return Filter(Flag(f"Only those with this `{column.name}`."), (Comparison(column),))


def filled(column: Column[Any], described: str) -> Filter:
    """Return the filter for rows where a column is neither null nor empty, or is."""
    there: ColumnElement[bool] = column.is_not(None)
    if isinstance(column.type, String):
        there = and_(there, column != "")
    return Filter(Flag(described), (Comparison(there.self_group()),))


def base_filters(table: Table, *, moments: bool) -> Filters:
    """Return the filters that every resource has: by id, and by the days of creation and last change.

    With `moments`, what begins or ends a range may be a moment, too.
    """
    kind, this = (DayOrMoment, "UTC day, or moment,") if moments else (Day, "UTC day")
    filters = {
        "id_min": Filter(Number("Least id."), (Comparison(table.c.id, operator.ge),)),
        "id_max": Filter(Number("Greatest id."), (Comparison(table.c.id, operator.le),)),
    }
    for name, column in {"created": table.c.created_at, "updated": table.c.updated_at}.items():
        since, until = (
            Comparison(column, operator.ge, _first_moment),
            Comparison(column, operator.le, _last_moment),
        )
        filters |= {
            f"{name}_date": Filter(Day(f"Only those {name} on this UTC day (`YYYY-MM-DD`)."), (since, until)),
            f"{name}_from": Filter(kind(f"Only those {name} on this {this} or later."), (since,)),
            f"{name}_to": Filter(kind(f"Only those {name} on this {this} or earlier."), (until,)),
        }
    return filters


def _first_moment(day: date | datetime) -> datetime:
    return day if isinstance(day, datetime) else datetime.combine(day, time.min, UTC)


def _last_moment(day: date | datetime) -> datetime:
    if isinstance(day, datetime):
        return day
    # Moments are kept to the microsecond, so a day has a last one; the day after 9999-12-31 would be none.
    return datetime.combine(day, time.max, UTC)


def containing(columns: Iterable[Column[Any]], name: str) -> ColumnElement[bool]:
    """Return the condition that a word, the value `name`, occurs in any case in one of the columns."""
    texts = [column if isinstance(column.type, String) else cast(column, String) for column in columns]
    return or_(*(text.icontains(bindparam(name, type_=String()), escape="/") for text in texts))


def literally(word: str) -> str:
    """Return a word as it is given to `containing`: nothing in it is a wildcard."""
    return word.replace("/", "//").replace("%", "/%").replace("_", "/_")
