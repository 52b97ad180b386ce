"""Filters of lists: a parameter, and the condition that its value stands for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Column, ColumnElement, String, Table, and_, cast, not_, or_

from notifyhub.api.parameters import Day, Flag, Number, OneOf, Parameter


@dataclass(frozen=True)
class Filter:
    """A parameter of a list and the condition that it stands for, made from the parameter's parsed value."""

    parameter: Parameter
    condition: Callable[[Any], ColumnElement[bool]]


Filters = dict[str, Filter]


def one_of(column: Column[str], choices: Iterable[str]) -> Filter:
    """Return the filter for rows with one of the choices."""
    choices = tuple(choices)
    words = ", ".join(f"`{choice}`" for choice in choices)
    return Filter(
        OneOf(f"Only those with this `{column.name}`: {words}.", choices), lambda value: column == value
    )


def flag(column: Column[bool]) -> Filter:
    """Return the filter by a yes or no."""
    return Filter(Flag(f"Only those with this `{column.name}`."), column.is_)


def filled(column: Column[Any], described: str) -> Filter:
    """Return the filter for rows where a column is neither null nor empty, or is."""
    there: ColumnElement[bool] = column.is_not(None)
    if isinstance(column.type, String):
        there = and_(there, column != "")
    return Filter(Flag(described), lambda value: there if value else not_(there))


def stamped(table: Table) -> Filters:
    """Return the filters that every resource has: by id, and by the days of creation and last change."""
    filters = {
        "id_min": Filter(Number("Least id."), lambda value: table.c.id >= value),
        "id_max": Filter(Number("Greatest id."), lambda value: table.c.id <= value),
    }
    for name, column in {"created": table.c.created_at, "updated": table.c.updated_at}.items():
        filters |= {
            f"{name}_date": Filter(Day(f"Only those {name} on this UTC day (`YYYY-MM-DD`)."), _on(column)),
            f"{name}_from": Filter(Day(f"Only those {name} on this UTC day or later."), _from(column)),
            f"{name}_to": Filter(Day(f"Only those {name} on this UTC day or earlier."), _to(column)),
        }
    return filters


def _from(column: Column[datetime]) -> Callable[[date], ColumnElement[bool]]:
    return lambda day: column >= datetime.combine(day, time.min, UTC)


def _to(column: Column[datetime]) -> Callable[[date], ColumnElement[bool]]:
    # Moments are kept to the microsecond, so a day's last one is a bound; 9999-12-31 has no day after it.
    return lambda day: column <= datetime.combine(day, time.max, UTC)


def _on(column: Column[datetime]) -> Callable[[date], ColumnElement[bool]]:
    return lambda day: and_(_from(column)(day), _to(column)(day))


def matching(columns: Iterable[Column[Any]], words: list[str]) -> list[ColumnElement[bool]]:
    """Return the conditions that each word occurs literally, in any case, in one of the columns."""
    texts = [column if isinstance(column.type, String) else cast(column, String) for column in columns]
    return [or_(*(text.icontains(word, autoescape=True) for text in texts)) for word in words]
