"""Lists by cursor, as Django REST framework's CursorPagination gives them: newest first, without a count.

A page costs the same wherever it is and whatever it is filtered by: it is read from ranges of an index.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import current_app, request
from marshmallow import Schema, fields
from sqlalchemy import ColumnElement, Row, Select, Table, bindparam, select
from werkzeug.exceptions import NotFound

from notifyhub.api.http.parsing import query
from notifyhub.api.pagination.filters import base_filters
from notifyhub.api.pagination.offset import DEFAULT_LIMIT
from notifyhub.api.pagination.parameters import Number, Parameter
from notifyhub.api.pagination.ranges import Key, Ranges, Shape, in_order
from notifyhub.api.schemas import StrictSchema
from notifyhub.database.connections import autocommit

LEAST, GREATEST = 0, 2**63 - 1

DISORDER = timedelta(minutes=10)
"""By how much the moments of creation may be out of the order of ids: transactions overlap, clocks differ."""

_CURSOR = re.compile(rb"(r=1&)?p=([0-9]{1,18})")


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


class _Place(Parameter, fields.String):
    """A cursor as a link carries it: whatever is wrong with it, `Cursor.parse` says so."""


class CursorListing:
    """The list of one kind of object.

    `columns`, the id first, are selected and given to `dump`, which returns what `schema` describes.
    `indexes` are those of the table that end with the id, each by the names of its columns' keys; the first
    that serves a request is used, so the most selective ones come first.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[ColumnElement[Any]],
        dump: Callable[[Row[Any]], dict[str, Any]],
        schema: Schema,
        *,
        keys: Mapping[str, Key],
        indexes: Iterable[tuple[str, ...]],
    ) -> None:
        self.table = table
        self.columns = columns
        self.dump = dump
        self.keys = keys
        self.indexes = (*indexes, ())
        self.stamped = {
            name: base_filters(table, moments=True)[name]
            for name in ("id_min", "id_max", "created_from", "created_to")
        }
        self.answer = _page_schema(schema)
        parameters = {name: key.parameter for name, key in keys.items()}
        parameters |= {name: filter_.parameter for name, filter_ in self.stamped.items()}
        self.query = _query_schema(table.name, parameters)
        # To build a statement costs as much as to run it; the clients of an installation use few shapes.
        self._statements = lru_cache(maxsize=256)(Ranges(table, columns, keys, self.stamped).build)
        self._bound_by_time = {
            "created_from": self._id_beside(table.c.created_at <= bindparam("moment"), reverse=False),
            "created_to": self._id_beside(table.c.created_at >= bindparam("moment"), reverse=True),
        }

    def page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the page that the request asks for, whose parameters `parameters` has read."""
        limit = min(asked["limit"], current_app.config["MAX_LIMIT"])
        cursor = Cursor.parse(asked["cursor"]) if "cursor" in asked else None
        reverse = cursor is not None and cursor.reverse
        shape, bound = self._read(asked, reverse=reverse)
        low, high = self._ids(asked, cursor)
        bound |= {"low": low, "high": high, "limit": limit + 1}
        rows = autocommit().execute(self._statements(shape), bound).all()
        more, shown = len(rows) > limit, list(rows[:limit])
        if reverse:
            shown.reverse()
        behind, before = _neighbours(shown, cursor)
        return {
            "next": _link(behind) if more or reverse else None,
            "previous": _link(before) if (more if reverse else cursor) else None,
            "results": [self.dump(row) for row in shown],
        }

    def parameters(self) -> dict[str, Any]:
        """Return the request's parameters; raises ValidationError."""
        return query(self.query)

    def _read(self, asked: Mapping[str, Any], *, reverse: bool) -> tuple[Shape, dict[str, Any]]:
        """Return the shape of the statement that answers a request, and its values."""
        given = {name: _several(asked[name]) for name in self.keys if name in asked}
        index = next(index for index in self.indexes if self._serves(index, given))
        ranges = list(product(*(given.get(name, self.keys[name].values) for name in index)))
        others = tuple(name for name in given if name not in index)
        times = tuple(name for name in self._bound_by_time if name in asked)
        bound: dict[str, Any] = {name: given[name] for name in others}
        for name in times:
            bound |= self.stamped[name].values(name, asked[name])
        if autocommit().dialect.name == "postgresql":
            bound |= {name: [range_[n] for range_ in ranges] for n, name in enumerate(index)}
            return Shape(index, None, others + times, reverse), bound
        for n, range_ in enumerate(ranges):
            bound |= {f"{name}_{n}": value for name, value in zip(index, range_, strict=True)}
        return Shape(index, len(ranges), others + times, reverse), bound

    def _serves(self, index: tuple[str, ...], given: Mapping[str, Any]) -> bool:
        """Tell whether an index has what is asked for in ranges that can be named."""
        asked = [name for name in index if name in given]
        return (bool(asked) or not index) and all(name in given or self.keys[name].values for name in index)

    def _ids(self, asked: Mapping[str, Any], cursor: Cursor | None) -> tuple[int, int]:
        """Return the least and the greatest id that the page may have."""
        low, high = asked.get("id_min", LEAST), asked.get("id_max", GREATEST)
        if cursor is not None and cursor.reverse:
            low = max(low, cursor.position + 1)
        elif cursor is not None:
            high = min(high, cursor.position - 1)
        if "created_from" in asked:
            low = max(low, self._id_by_time("created_from", asked, -DISORDER, LEAST))
        if "created_to" in asked:
            high = min(high, self._id_by_time("created_to", asked, DISORDER, GREATEST))
        return low, high

    def _id_by_time(self, name: str, asked: Mapping[str, Any], slack: timedelta, none: int) -> int:
        """Return the id beyond which no row can meet a filter by creation, `none` if any row can.

        It is the id of a row that lies too far outside the days asked for to have passed one inside.
        """
        (moment,) = self.stamped[name].values(name, asked[name]).values()
        found: int | None = (
            autocommit().execute(self._bound_by_time[name], {"moment": _shifted(moment, slack)}).scalar()
        )
        return none if found is None else found

    def _id_beside(self, condition: ColumnElement[bool], *, reverse: bool) -> Select[int]:
        """Return the statement for the id of the first row by time, or the last, that meets a condition."""
        order = in_order((self.table.c.created_at, self.table.c.id), reverse=reverse)
        return select(self.table.c.id).where(condition).order_by(*order).limit(1)


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """Return a moment later or earlier, as far as the calendar reaches."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _neighbours(shown: list[Row[Any]], cursor: Cursor | None) -> tuple[Cursor, Cursor]:
    """Return the places behind a page and before it; an empty one lies at the row that its cursor names."""
    if shown:
        return Cursor(shown[-1][0]), Cursor(shown[0][0], reverse=True)
    position = cursor.position if cursor else LEAST
    return Cursor(position + 1), Cursor(max(position - 1, LEAST), reverse=True)


def _link(cursor: Cursor) -> str:
    """Return this request's URL with another cursor."""
    parameters: dict[str, Any] = request.args.to_dict(flat=False) | {"cursor": [str(cursor)]}
    return f"{request.base_url}?{urlencode(sorted(parameters.items()), doseq=True)}"


def _query_schema(table: str, filters: Mapping[str, Parameter]) -> Schema:
    parameters: dict[str, fields.Field[Any]] = {
        "limit": Number("How many to give at most.", least=1, load_default=DEFAULT_LIMIT),
        "cursor": _Place("Where the page is: from the link to it, `next` or `previous`."),
        **filters,
    }
    return StrictSchema.from_dict(parameters, name=f"{table}_query")()


def _page_schema(schema: Schema) -> Schema:
    parts: dict[str, fields.Field[Any]] = {
        "next": fields.URL(required=True, allow_none=True),
        "previous": fields.URL(required=True, allow_none=True),
        "results": fields.List(fields.Nested(schema), required=True),
    }
    return Schema.from_dict(parts, name=type(schema).__name__.replace("Schema", "PageSchema"))()
