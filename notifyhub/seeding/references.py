"""Names in the settings of a seed file, where the API has ids."""

from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api import fields
from notifyhub.api.references import Reference, ReferenceList
from notifyhub.seeding.document import Node
from notifyhub.seeding.entries import EntryReader
from notifyhub.seeding.kinds import EMAIL_NOTIFIER, NAMED, SMS_NOTIFIER, Kind
from notifyhub.settings.notification import notification_settings

_DEFAULTS = {
    SMS_NOTIFIER: ("notifications_sms_notifier", "sms_notifier_id"),
    EMAIL_NOTIFIER: ("notifications_email_notifier", "email_notifier_id"),
}
"""Where the settings have the default notifier of a kind: in the file, and as it is stored."""


@dataclass
class Names:
    """The objects that a file names, wrong ones too, and their lines.

    The id of the notifier is None for what belongs to none, or to a wrong one.
    """

    _lines: dict[tuple[Kind, int | None, str], int] = field(default_factory=dict)

    def line(self, kind: Kind, notifier_id: int | None, name: str) -> int | None:
        """Return the line of an object, None if the file does not name it."""
        return self._lines.get((kind, notifier_id, name))

    def add(self, kind: Kind, notifier_id: int | None, name: str, line: int) -> None:
        """Add an object, if it is not there yet."""
        self._lines.setdefault((kind, notifier_id, name), line)


@dataclass
class References:
    """Puts ids in the place of names, and notes those names that lead nowhere, or to several objects.

    A name of something that the file holds and that is wrong is no other mistake.
    """

    session: Session
    reader: EntryReader
    names: Names
    _resolved: dict[str, Any] = field(default_factory=dict)
    _wrong: set[str] = field(default_factory=set)

    def resolve(self, section: Node, schema: Schema, given: dict[str, Any]) -> dict[str, Any]:
        """Return what a section gives, with ids in it; what has no id is left out."""
        resolved = dict(given)
        for key, value in given.items():
            declared = schema.fields[key]
            if isinstance(declared, Reference) and value is not None:
                resolved[key] = self._id(NAMED[declared.model], section, value, key)
                if resolved[key] is None:
                    del resolved[key]
                    self._wrong.add(key)
            elif isinstance(declared, ReferenceList) and isinstance(value, list):
                resolved[key] = self._ids(NAMED[declared.model], section, value, key)
        self._resolved |= resolved
        return resolved

    def _ids(self, kind: Kind, section: Node, names: list[Any], key: str) -> list[int]:
        ids: list[int] = []
        for place, name in enumerate(names):
            number = self._id(kind, section, name, key, str(place))
            if number in ids:
                self.reader.note(section, f"This {kind.noun} stands in this list already.", key, str(place))
            elif number is not None:
                ids.append(number)
        return ids

    def _id(self, kind: Kind, section: Node, given: Any, *path: str) -> int | None:
        try:
            name = fields.String().deserialize(given)
        except ValidationError as error:
            self.reader.note(section, error.messages, *path)
            return None
        notifier_id = None
        if kind.notifier:
            notifier_id = self._default(kind.notifier, section, *path)
            if notifier_id is None:
                return None
        scope = {"notifier_id": notifier_id} if kind.notifier else {}
        ids = self.session.scalars(select(kind.model.id).filter_by(name=name, **scope)).all()
        if len(ids) > 1:
            self.reader.note(section, f"{len(ids)} {kind.noun}s have this name.", *path)
        elif not ids and not any(self.names.line(kind, parent, name) for parent in (notifier_id, None)):
            where = f" at the default {kind.notifier.noun}" if kind.notifier else ""
            self.reader.note(section, f"There is no {kind.noun} with this name{where}.", *path)
        return ids[0] if len(ids) == 1 else None

    def _default(self, kind: Kind, section: Node, *path: str) -> int | None:
        """Return the id of the default notifier, once the file is applied; None if there is none."""
        key, attribute = _DEFAULTS[kind]
        if key in self._wrong:
            return None
        stored: int | None = getattr(notification_settings.locked(self.session), attribute)
        notifier_id = self._resolved.get(key, stored)
        if notifier_id is None:
            words = f"There is no default {kind.noun} to have a pattern of this name: {key} is null."
            self.reader.note(section, words, *path)
        return notifier_id
