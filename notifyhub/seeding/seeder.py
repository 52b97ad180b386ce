"""Bringing the database to what a seed file says."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api import fields
from notifyhub.api.http.json import parse
from notifyhub.api.schemas import ResourceSchema
from notifyhub.database.base import Base, Timestamped
from notifyhub.database.locks import SEEDING, acquire
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.notifiers.schemas import EmailNotifierSchema, SMSNotifierSchema
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema
from notifyhub.seeding.document import Node
from notifyhub.seeding.mistakes import Mistakes
from notifyhub.settings.notification import notification_settings
from notifyhub.settings.schemas import NotificationSettingsChangeSchema

Counts = dict[str, Counter[str]]
"""How many objects of each kind were `created`, `updated`, `unchanged`."""


@dataclass(frozen=True)
class _Kind:
    """A kind of object: what it is called, how it is stored, what it must satisfy."""

    noun: str
    model: type[Timestamped]
    schema: type[ResourceSchema]


_SMS = _Kind("SMS notifier", SMSNotifier, SMSNotifierSchema)
_EMAIL = _Kind("email notifier", EmailNotifier, EmailNotifierSchema)
_PATTERN = _Kind("SMS pattern", SMSPattern, SMSPatternSchema)
_DEFAULTS = {"notifications_sms_notifier": _SMS, "notifications_email_notifier": _EMAIL}


def seed(session: Session, root: Node, mistakes: Mistakes) -> Counts:
    """Create and change what the file names; what it leaves out of an object that is there stays as it is.

    Notifiers are found by their names, patterns by their notifier and name. Notes mistakes, after which the
    transaction must not be committed.
    """
    acquire(session.connection(), SEEDING)
    return _Seeder(session, mistakes).seed(root)


@dataclass
class _Seeder:
    session: Session
    mistakes: Mistakes
    counts: Counts = field(default_factory=dict)
    named: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """The lines of all objects that the file names, wrong ones too, by kind, name and notifier."""

    def seed(self, root: Node) -> Counts:
        sections = self._known(root, {"sms", "email", "settings"})
        for entry in self._entries(sections.get("sms"), "sms"):
            notifier = self._put(_SMS, entry, "patterns")
            patterns = entry.content.get("patterns") if isinstance(entry.content, dict) else None
            for pattern in self._entries(patterns, "patterns"):
                self._put(_PATTERN, pattern, notifier_id=notifier.id if notifier else None)
        for entry in self._entries(sections.get("email"), "email"):
            self._put(_EMAIL, entry)
        if "settings" in sections and sections["settings"].content is not None:
            self._settings(sections["settings"])
        return self.counts

    def _put(self, kind: _Kind, entry: Node, *others: str, **parent: int | None) -> Timestamped | None:
        """Create or change an object; return it, or None if its entry, or its parent's, is wrong."""
        schema = kind.schema()
        given = self._given(entry, schema, *others)
        values = self._checked(entry, schema, given)
        self._name(kind, entry, str(given.get("name", "")).strip(), parent)
        if values is None or None in parent.values():
            return None
        query = select(kind.model).filter_by(name=values["name"], **parent).with_for_update(key_share=True)
        found = self.session.scalars(query).all()
        if len(found) > 1:
            self.mistakes.note(entry.line_of(["name"]), f"name: {len(found)} {kind.noun}s have this name.")
            return None
        stored = found[0] if found else None
        if stored:
            values = kind.schema(partial=True).load(given)
        try:
            values = schema.validate_object(values, stored)
        except ValidationError as error:
            self._note(entry, error.messages)
            return None
        if stored is None:
            stored = kind.model(**values, **parent)
            self.session.add(stored)
            self.session.flush()
            self._count(kind.noun, "created")
        else:
            self._change(kind.noun, stored, values)
        return stored

    def _settings(self, section: Node) -> None:
        """Change the settings, which name notifiers instead of giving their ids."""
        schema = NotificationSettingsChangeSchema(partial=True)
        given = self._given(section, schema)
        for key, kind in _DEFAULTS.items():
            if given.get(key) is not None:
                given[key] = self._id(kind, section, key, given[key])
        values = self._checked(section, schema, given)
        if values is not None:
            self._change("settings", notification_settings.locked(self.session), values)

    def _id(self, kind: _Kind, section: Node, key: str, name: Any) -> int | None:
        try:
            name = fields.String().deserialize(name)
        except ValidationError as error:
            self._note(section, {key: error.messages})
            return None
        ids = self.session.scalars(select(kind.model.id).filter_by(name=name)).all()
        if len(ids) > 1:
            self.mistakes.note(section.line_of([key]), f"{key}: {len(ids)} {kind.noun}s have this name.")
        elif not ids and (kind, name) not in self.named:
            self.mistakes.note(section.line_of([key]), f"{key}: There is no {kind.noun} with this name.")
        return ids[0] if ids else None

    def _change(self, noun: str, stored: Base, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(stored, name, value)
        self._count(noun, "updated" if self.session.is_modified(stored) else "unchanged")

    def _count(self, noun: str, outcome: str) -> None:
        self.counts.setdefault(noun, Counter())[outcome] += 1

    def _name(self, kind: _Kind, entry: Node, name: str, parent: dict[str, int | None]) -> None:
        """Note that the file names an object, which it may do once."""
        key = (kind, name, *parent.values())
        if key in self.named:
            words = f"name: The {kind.noun} in line {self.named[key]} has this name too."
            self.mistakes.note(entry.line_of(["name"]), words)
        self.named.setdefault(key, entry.line)

    def _given(self, entry: Node, schema: Schema, *others: str) -> dict[str, Any]:
        """Return what an entry gives for the schema, as the body of a request would be parsed."""
        known = {name for name, declared in schema.fields.items() if not declared.dump_only}
        content = self._known(entry, known.union(others))
        given: dict[str, Any] = {}
        for key in (key for key in content if key in known):
            try:
                given[key] = parse(json.dumps(content[key].plain()).encode())
            except ValueError as error:
                self._note(entry, {key: [str(error)]})
        return given

    def _checked(self, entry: Node, schema: Schema, given: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return dict(schema.load(given))
        except ValidationError as error:
            self._note(entry, error.messages)
        return None

    def _known(self, node: Node, keys: set[str]) -> dict[str, Node]:
        """Return a mapping's content; a key that nothing reads is a mistake."""
        if not isinstance(node.content, dict):
            self.mistakes.note(
                node.line, f"A mapping is expected here, with keys of {', '.join(sorted(keys))}."
            )
            return {}
        for key in (key for key in node.content if key not in keys):
            words = f"{key}: This key is not known here; known are {', '.join(sorted(keys))}."
            self.mistakes.note(node.line_of([key]), words)
        return node.content

    def _entries(self, node: Node | None, name: str) -> list[Node]:
        """Return the items of a list, which may be left out or empty."""
        if node is None or node.content is None:
            return []
        if not isinstance(node.content, list):
            self.mistakes.note(node.line, f"{name}: A list is expected here.")
            return []
        return node.content

    def _note(self, entry: Node, messages: Any, *path: str) -> None:
        """Note a schema's messages, each at the line of its field."""
        if isinstance(messages, dict):
            for key, inner in messages.items():
                self._note(entry, inner, *path, str(key))
        else:
            words = messages[0] if isinstance(messages, list) else messages
            self.mistakes.note(entry.line_of(path), f"{'.'.join(path)}: {words}")
