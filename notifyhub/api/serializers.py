"""Rows as they go out: selected as columns and turned into dictionaries, without an object for each."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import orjson
from marshmallow import Schema
from sqlalchemy import ColumnElement, DateTime, Table

from notifyhub.api.http.json import timestamp

EMPTY: Mapping[str, ColumnElement[Any]] = MappingProxyType({})


def brief(id: int | None, name: str | None) -> dict[str, Any] | None:
    """Return an object as `NamedSchema` describes it; None if there is none."""
    return None if id is None else {"id": id, "name": name}


class Serializer(Protocol):
    """Which `columns` are selected, the id first, and how their rows become what `schema` describes."""

    @property
    def schema(self) -> Schema:
        """The shape of a row in an answer."""

    @property
    def columns(self) -> Sequence[ColumnElement[Any]]:
        """The columns to select."""

    def encode(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Return the rows as a list that can be put into an answer; further columns are passed over."""


class RowSerializer:
    """A serializer by a function for one row."""

    def __init__(
        self,
        schema: Schema,
        columns: Sequence[ColumnElement[Any]],
        dump: Callable[[Sequence[Any]], dict[str, Any]],
    ) -> None:
        self.schema = schema
        self.columns = columns
        self._dump = dump

    def encode(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        return [self._dump(row) for row in rows]


class TableSerializer:
    """A serializer of the columns that a schema's fields name: the same as its `dump`.

    `expressions` are selected for fields that the table has no columns for, by their attributes.
    """

    def __init__(
        self, table: Table, schema: Schema, expressions: Mapping[str, ColumnElement[Any]] = EMPTY
    ) -> None:
        self.schema = schema
        selectable = {**table.c, **expressions}
        self.columns = [selectable[field.attribute or name] for name, field in schema.dump_fields.items()]
        self._names = list(schema.dump_fields)
        self._moments = [
            name
            for name, column in zip(self._names, self.columns, strict=True)
            if isinstance(column.type, DateTime)
        ]
        computed: tuple[str, ...] = getattr(schema, "computed", ())
        self._computed = {name: schema.dump_fields[name] for name in computed}

    def dump(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the rows, selected with `columns` in front, as dictionaries with the moments as they are."""
        dumped = [dict(zip(self._names, row, strict=False)) for row in rows]
        for name, field in self._computed.items():
            for row in dumped:
                row[name] = field.serialize(name, row, dict.get)
        return dumped

    def encode(self, rows: Iterable[Sequence[Any]]) -> orjson.Fragment:
        """Return the rows as JSON, to be put into an answer.

        orjson writes moments ten times as fast by itself, but leaves out the fraction of one that falls on a
        whole second.
        """
        dumped = self.dump(rows)
        for name in self._moments:
            for row in dumped:
                if row[name] is not None and not row[name].microsecond:
                    row[name] = timestamp(row[name])
        return orjson.Fragment(orjson.dumps(dumped, option=orjson.OPT_UTC_Z))
