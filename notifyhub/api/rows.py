"""Rows as they go out: selected as columns and turned into dictionaries, without an object for each."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import DateTime, Table

from notifyhub.api.http.json import timestamp
from notifyhub.api.schemas import ResourceSchema


class Rows:
    """What a schema shows of a table's rows: the same as its `dump`, with the moments left to the encoder."""

    def __init__(self, table: Table, schema: ResourceSchema) -> None:
        self.schema = schema
        self.columns = [table.c[name] for name in schema.dump_fields]
        self._names = list(schema.dump_fields)
        self._moments = [column.name for column in self.columns if isinstance(column.type, DateTime)]
        self._reshaped = {name: schema.dump_fields[name] for name in schema.computed}

    def dump(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the rows, selected with `columns` in front, as dictionaries."""
        dumped = [dict(zip(self._names, row, strict=False)) for row in rows]
        for name, field in self._reshaped.items():
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
