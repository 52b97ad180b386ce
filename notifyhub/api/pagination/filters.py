"""Filters of lists: a parameter, and what is compared with its value. Each function makes one kind."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from marshmallow.fields import Field
from sqlalchemy import Column, ColumnElement, String, Table, and_, bindparam, cast, or_

from notifyhub.api import fields
from notifyhub.api.fields import Boolean, Choice, Integer, described
from notifyhub.api.pagination.parameters import Choices, Date, DateOrMoment


class Comparison(NamedTuple):
    """A comparison of an expression with the parameter's value, which `convert` makes comparable."""

    expression: ColumnElement[Any]
    compare: Callable[[Any, Any], Any] = operator.eq
    convert: Callable[[Any], Any] = lambda value: value


@dataclass
class Filter:
    """A parameter of a list and the comparisons that must all hold."""

    parameter: Field[Any]
    comparisons: tuple[Comparison, ...]

    def conditions(self, name: str) -> list[ColumnElement[bool]]:
        """Return the conditions, for whatever value `values` gives; `name` is the parameter's."""
        return [
            compare(expression, bindparam(f"{name}_{n}", type_=expression.type))
            for n, (expression, compare, _) in enumerate(self.comparisons)
        ]

    def values(self, name: str, value: Any) -> dict[str, Any]:
        """Return the values that belong to the conditions."""
        return {f"{name}_{n}": convert(value) for n, (_, _, convert) in enumerate(self.comparisons)}


class ColumnFilter(Filter):
    """A filter for rows with a value in a column, or with one of several, which an index can serve.

    `choices` are all values that the column can have, where they are few.
    """

    def __init__(self, parameter: Field[Any], column: Column[Any], choices: tuple[Any, ...] = ()) -> None:
        super().__init__(parameter, (Comparison(column),))
        self.column = column
        self.choices = choices

    def conditions(self, name: str) -> list[ColumnElement[bool]]:
        if isinstance(self.parameter, Choices):
            return [self.column.in_(bindparam(f"{name}_0", expanding=True))]
        return super().conditions(name)


Filters = dict[str, Filter]


def one_of(column: Column[str], choices: Iterable[str], words: str | None = None) -> Filter:
    """Return the filter for rows with one of the choices."""
    choices = tuple(choices)
    names = ", ".join(f"`{choice}`" for choice in choices)
    metadata = described(words or f"Only those with this `{column.name}`: {names}.")
    return ColumnFilter(Choice(choices, metadata=metadata), column, choices)


def any_of(column: Column[str], choices: Iterable[str], words: str) -> Filter:
    """Return the filter for rows with any of the choices that are given, comma-separated."""
    choices = tuple(choices)
    return ColumnFilter(Choices(choices, metadata=described(words)), column, choices)


def flag(column: Column[bool], words: str | None = None) -> Filter:
    """Return the filter by a yes or no."""
    metadata = described(words or f"Only those with this `{column.name}`.")
    return ColumnFilter(Boolean(strict=True, metadata=metadata), column, (False, True))


def number(column: Column[Any], words: str) -> ColumnFilter:
    """Return the filter for rows with a number, such as the id of another object."""
    return ColumnFilter(Integer(strict=True, metadata=described(words)), column)


def text(column: Column[Any], words: str) -> Filter:
    """Return the filter for rows with a text, compared as it is."""
    return ColumnFilter(fields.String(strict=True, metadata=described(words)), column)


def text_in_any_case(parameter: Field[Any], column: Column[Any]) -> Filter:
    """Return the filter for rows with a text, as `parameter` reads it, whatever the case of its letters.

    That holds for ASCII letters at least, as for `containing`.
    """
    return Filter(parameter, (Comparison(column, _is_like, literally),))


def _is_like(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
    return column.ilike(value, escape="/")


def filled(column: Column[Any], words: str) -> Filter:
    """Return the filter for rows where a column is neither null nor empty, or is."""
    there: ColumnElement[bool] = column.is_not(None)
    if isinstance(column.type, String):
        there = and_(there, column != "")
    return Filter(Boolean(strict=True, metadata=described(words)), (Comparison(there.self_group()),))


def base_filters(table: Table, *, moments: bool) -> Filters:
    """Return the filters that every resource has: by id, and by the days of creation and last change.

    What never changes has no day of last change. With `moments`, what begins or ends a range may be a moment,
    too.
    """
    kind, day = (DateOrMoment, "UTC day, or moment,") if moments else (Date, "UTC day")
    filters = {}
    for name, words, compare in (
        ("id_min", "Least id.", operator.ge),
        ("id_max", "Greatest id.", operator.le),
    ):
        parameter = Integer(strict=True, metadata=described(words))
        filters[name] = Filter(parameter, (Comparison(table.c.id, compare),))
    times = {name: table.c.get(f"{name}_at") for name in ("created", "updated")}
    for name, column in times.items():
        if column is None:
            continue
        since = Comparison(column, operator.ge, _first_moment)
        until = Comparison(column, operator.le, _last_moment)
        on_day = described(f"Only those {name} on this UTC day (`YYYY-MM-DD`).")
        from_day = described(f"Only those {name} on this {day} or later.")
        to_day = described(f"Only those {name} on this {day} or earlier.")
        filters |= {
            f"{name}_date": Filter(Date(metadata=on_day), (since, until)),
            f"{name}_from": Filter(kind(metadata=from_day), (since,)),
            f"{name}_to": Filter(kind(metadata=to_day), (until,)),
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
