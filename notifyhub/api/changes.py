"""Changes of objects by hand, published as events in the transaction that makes them.

What is published of a secret is that it has changed; of a URL the secrets are masked. Who has asked for the
change is not said: it is whoever sends the request, or runs the command, in which the event is published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy import Column, ColumnElement, case

from notifyhub.api.fields import URL, Object
from notifyhub.database.base import Base, Identified, table_of
from notifyhub.database.columns import Encrypted
from notifyhub.text.secret_names import HIDDEN, names_secret
from notifyhub.text.truncation import truncate
from notifyhub.text.url_secrets import mask_secrets

MAX_SHOWN = 1000
"""Characters of a text in a change: of a longer one the first are shown."""

_UNTOLD = {"id", "created_at", "updated_at"}
"""The fields that every object has: a change tells them by itself."""

Changes = Mapping[str, tuple[Any, Any]]
"""The fields that change, by name: their values before and after. Null: there was none, or is none."""


class Action(StrEnum):
    """What somebody has done to an object."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    CHECK = "check"
    SYNC = "sync"
    RETRY = "retry"
    CANCEL = "cancel"
    ROTATE = "rotate"
    ISSUE = "issue"
    REVOKE = "revoke"
    SIGN_IN = "sign_in"


@dataclass(frozen=True)
class ObjectChanged:
    """Somebody has changed an object, or had something done with it.

    Of settings, of which there is one, `id` is None; `name` is None where an object has none.
    """

    model: type[Base]
    id: int | None
    name: str | None
    action: Action
    changes: Changes


class ObjectChanges:
    """The events of one kind of object, whose fields clients know by `schema`.

    `title` is the attribute that an object is told from others by; None: it is the only one of its kind.
    Values go by their attributes. What is encrypted where it is stored is hidden here, but for those keys of
    an object that its field declares and that do not name a secret.
    """

    def __init__(self, model: type[Base], schema: Schema, title: str | None = "name") -> None:
        self._model = model
        self._title = title
        self._is_named_by_url = isinstance(schema.fields.get(title or ""), URL)
        columns = table_of(model).c
        self._fields: list[tuple[str, str, fields.Field[Any], Column[Any] | None]] = [
            (name, attribute := str(declared.attribute or name), declared, columns.get(attribute))
            for name, declared in schema.fields.items()
            if name not in _UNTOLD
        ]
        self.columns: tuple[ColumnElement[Any], ...] = (
            *((columns.id, columns[title]) if title else ()),
            *(_hidden(column) for *_, column in self._fields if column is not None and column.name != title),
        )
        """What a deletion has to return for `deleted`."""

    def read(self, stored: Base) -> dict[str, Any]:
        """Return the values of an object as they are now, for `changed`."""
        return {attribute: getattr(stored, attribute) for _, attribute, *_ in self._fields}

    def created(self, id: int, values: Mapping[str, Any]) -> ObjectChanged:
        """Return the event that an object was created with these values."""
        return self._event(Action.CREATE, id, values, self._between({}, values))

    def changed(self, stored: Base, before: Mapping[str, Any]) -> list[ObjectChanged]:
        """Return the event that an object has changed since `read` returned its values, if it has."""
        after = self.read(stored)
        changes = self._between(before, after)
        id_ = stored.id if isinstance(stored, Identified) else None
        return [self._event(Action.CHANGE, id_, after, changes)] if changes else []

    def deleted(self, values: Mapping[str, Any]) -> ObjectChanged:
        """Return the event that an object was deleted, given the values of `columns`."""
        return self._event(Action.DELETE, values["id"], values, self._between(values, {}))

    def _event(
        self, action: Action, id_: int | None, values: Mapping[str, Any], changes: Changes
    ) -> ObjectChanged:
        return ObjectChanged(self._model, id_, self._name(values), action, changes)

    def _name(self, values: Mapping[str, Any]) -> str | None:
        if self._title is None:
            return None
        name: str = values[self._title]
        return mask_secrets(name, HIDDEN) if self._is_named_by_url else name

    def _between(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
        changes: dict[str, tuple[Any, Any]] = {}
        for name, attribute, declared, column in self._fields:
            pair = before.get(attribute), after.get(attribute)
            if not _are_equal(column, *pair):
                changes[name] = _shown(declared, column, *pair)
        return changes


def _hidden(column: Column[Any]) -> ColumnElement[Any]:
    """Return what is selected of a column: a secret is not decrypted, whose key may be lost."""
    if isinstance(column.type, Encrypted):
        return case((column.is_not(None), HIDDEN)).label(column.name)
    return column


def _are_equal(column: Column[Any] | None, before: Any, after: Any) -> bool:
    if column is None or before is None or after is None:
        return bool(before == after)
    return bool(column.type.compare_values(before, after))


def _shown(
    declared: fields.Field[Any], column: Column[Any] | None, before: Any, after: Any
) -> tuple[Any, Any]:
    """Return two values of a field as they are published: of objects the keys that differ."""
    if isinstance(declared, URL):
        return _without_secrets(before), _without_secrets(after)
    if column is None or not isinstance(column.type, Encrypted):
        return _short(before), _short(after)
    if not isinstance(declared, Object):
        return _masked(before), _masked(after)
    known = _known_keys(declared)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        same = {key for key in before if _are_equal(column, _only(key, before), _only(key, after))}
        before, after = _without(same, before), _without(same, after)
    return _masked(before, known), _masked(after, known)


def _without_secrets(url: str | None) -> str | None:
    return url and mask_secrets(url, HIDDEN)


def _short(value: Any) -> Any:
    return truncate(value, MAX_SHOWN) if isinstance(value, str) else value


@lru_cache
def _known_keys(declared: Object) -> frozenset[str]:
    """Return the keys that an object may show: those that are declared and do not name a secret.

    They stay as they were first: to look for the packages of all shapes takes as long as some requests.
    """
    shapes = [*declared.shapes(), *([declared.common] if declared.common else [])]
    return frozenset(key for shape in shapes for key in shape.fields if not names_secret(key))


def _masked(value: Any, known: frozenset[str] = frozenset()) -> Any:
    """Return what is shown of a secret: nothing, but the values of known keys, if they are plain ones."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not known:
        return HIDDEN
    return {
        key: _short(inner) if key in known and isinstance(inner, str | int | float) else HIDDEN
        for key, inner in value.items()
    }


def _without(keys: set[str], value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in keys}


def _only(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value[key]} if key in value else {}
