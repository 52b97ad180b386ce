"""Writing an object's values, and saying which of its fields that changes."""

import json
from collections.abc import Sequence
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api.fields import Choice, Object, SingleLine, String
from notifyhub.api.references import Reference, ReferenceList
from notifyhub.database.base import Base, table_of
from notifyhub.notifiers.fields import NamedAddress
from notifyhub.patterns.fields import Sender
from notifyhub.seeding.document import Node
from notifyhub.seeding.kinds import NAMED, Kind
from notifyhub.seeding.report import in_line
from notifyhub.settings.fields import Address
from notifyhub.text.lines import is_line

_MAX_SHOWN = 60  # characters of a value in JSON; a longer one is not shown

_NOTHING = object()

_SHOWN = (fields.Boolean, fields.Number, Choice)
_SHOWN_TEXTS = {String, SingleLine, Address, NamedAddress, Sender}
"""The fields whose values are shown. Of texts exactly these classes: other ones may be secrets."""


def write(session: Session, schema: Schema, stored: Base, values: dict[str, Any], entry: Node) -> list[str]:
    """Write to an object the values that differ from its own; return the fields that change, in words.

    The words of a field are its name and, if it is short and no secret, its value before and after. What the
    entry takes from the environment counts as a secret.
    """
    changed = {name: value for name, value in values.items() if value != getattr(stored, name)}
    words: list[str] = []
    for name, declared in schema.fields.items():
        attribute = str(declared.attribute or name)
        if attribute in changed and not declared.dump_only:
            pair = (getattr(stored, attribute), changed[attribute])
            shown = _is_shown(declared) and not entry.content[name].has_variables()
            words += [_difference(session, name, declared, *pair)] if shown else _names(name, declared, *pair)
    for attribute, value in changed.items():
        setattr(stored, attribute, value)
    return words


def _is_shown(declared: fields.Field[Any]) -> bool:
    inner = declared.inner if isinstance(declared, fields.List) else declared
    return isinstance(inner, _SHOWN) or type(inner) in _SHOWN_TEXTS


def _names(name: str, declared: fields.Field[Any], before: Any, after: Any) -> list[str]:
    """Return a field's name, or those of what changes in an object of settings."""
    if not isinstance(declared, Object) or not before or not after:
        return [name]
    there = before.keys() | after.keys()
    keys = (key for key in there if before.get(key, _NOTHING) != after.get(key, _NOTHING))
    return [in_line(f"{name}.{key}") for key in sorted(keys)]


def _difference(session: Session, name: str, declared: fields.Field[Any], before: Any, after: Any) -> str:
    shown = [json.dumps(_named(session, declared, value), ensure_ascii=False) for value in (before, after)]
    short = all(len(text) <= _MAX_SHOWN and is_line(text) for text in shown)
    return f"{name} ({' → '.join(shown)})" if short else name


def _named(session: Session, declared: fields.Field[Any], value: Any) -> Any:
    """Return what a reader knows a value by: of ids the names, of patterns those of their notifiers, too."""
    if not isinstance(declared, Reference | ReferenceList):
        return value
    ids = value if isinstance(value, list) else [value]
    names = _labels(session, NAMED[declared.model], ids)
    return [names.get(number) for number in value] if isinstance(value, list) else names.get(value)


def _labels(session: Session, kind: Kind, ids: Sequence[int | None]) -> dict[int, str]:
    columns = table_of(kind.model).c
    if not kind.notifier:
        found = session.execute(select(columns.id, columns.name).where(columns.id.in_(ids)))
        return {row.id: row.name for row in found}
    notifiers = table_of(kind.notifier.model).c
    query = select(columns.id, columns.name, notifiers.name.label("notifier"))
    belonging = query.join_from(table_of(kind.model), table_of(kind.notifier.model))
    found = session.execute(belonging.where(columns.id.in_(ids)))
    return {row.id: f"{row.name} of {row.notifier}" for row in found}
