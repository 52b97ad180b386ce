"""Bringing the database to what a seed file says."""

from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from notifyhub.api.changes import ObjectChanges
from notifyhub.api.singleton import Singleton
from notifyhub.database.base import Base, Timestamped
from notifyhub.database.locks import SEEDING, acquire
from notifyhub.events import publish
from notifyhub.seeding.changes import write
from notifyhub.seeding.document import Node
from notifyhub.seeding.entries import EntryReader
from notifyhub.seeding.kinds import NOTIFIERS, SETTINGS, WEBHOOK, Kind
from notifyhub.seeding.mistakes import Mistakes
from notifyhub.seeding.references import Names, References
from notifyhub.seeding.report import Report


@dataclass(frozen=True)
class Parent:
    """The notifier that patterns belong to: its name, and its id, which is None if it is wrong."""

    name: str
    id: int | None


def seed(session: Session, root: Node, mistakes: Mistakes) -> Report:
    """Create and change what the file names; what it leaves out of an object that is there stays as it is.

    Notifiers are found by their names, patterns by their notifier and name, webhooks by their URL. Notes
    mistakes, after which the transaction must not be committed.
    """
    acquire(session.connection(), SEEDING)
    reader, names = EntryReader(mistakes), Names()
    seeder = _Seeder(session, reader, names, References(session, reader, names), Report())
    seeder.seed(root)
    return seeder.report


@dataclass(frozen=True)
class _Seeder:
    session: Session
    reader: EntryReader
    names: Names
    references: References
    report: Report

    def seed(self, root: Node) -> None:
        sections = self.reader.mapping(root, {*NOTIFIERS, *SETTINGS, "webhooks"})
        for section, (notifiers, patterns) in NOTIFIERS.items():
            for entry in self.reader.items(sections.get(section), section):
                self._put_notifier(notifiers, patterns, entry)
        for section, (noun, settings) in SETTINGS.items():
            if section in sections and sections[section].content is not None:
                self._change_settings(noun, settings, sections[section])
        for entry in self.reader.items(sections.get("webhooks"), "webhooks"):
            self._put(WEBHOOK, entry)

    def _put_notifier(self, kind: Kind, patterns: Kind, entry: Node) -> None:
        notifier = self._put(kind, entry, "patterns")
        inner = entry.content.get("patterns") if isinstance(entry.content, dict) else None
        parent = Parent(getattr(notifier, kind.key, ""), notifier.id if notifier else None)
        for pattern in self.reader.items(inner, "patterns"):
            self._put(patterns, pattern, parent=parent)

    def _put(self, kind: Kind, entry: Node, *others: str, parent: Parent | None = None) -> Timestamped | None:
        """Create or change an object; return it, or None if its entry, or its parent's, is wrong."""
        schema = kind.schema()
        given = self.reader.given(entry, schema, *others)
        values = self.reader.loaded(entry, schema, given)
        self._name(kind, entry, str(given.get(kind.key, "")).strip(), parent)
        if values is None or (parent and parent.id is None):
            return None
        scope = {"notifier_id": parent.id} if parent else {}
        this = {kind.key: values[kind.key], **scope}
        query = select(kind.model).filter_by(**this).with_for_update(key_share=True)
        found = self.session.scalars(query).all()
        if len(found) > 1:
            self.reader.note(entry, f"{len(found)} {kind.noun}s have this {kind.key}.", kind.key)
            return None
        stored = found[0] if found else None
        if stored:
            values = kind.schema(partial=True).load(given)
        try:
            values = schema.validate_object(values, stored)
        except ValidationError as error:
            self.reader.note(entry, error.messages)
            return None
        changes = ObjectChanges(kind.model, schema, kind.key)
        labels = (kind.label(this[kind.key]), *([parent.name] if parent else []))
        if stored is None:
            stored = kind.model(**values, **scope)
            self.session.add(stored)
            self.session.flush()
            publish(self.session.connection(), changes.created(stored.id, changes.read(stored)))
            self.report.created(kind.noun, *labels)
        else:
            self.report.changed(self._write(changes, schema, stored, values, entry), kind.noun, *labels)
        return stored

    def _change_settings(self, noun: str, settings: Singleton[Any], section: Node) -> None:
        """Change settings, which name notifiers and patterns instead of giving their ids."""
        given = self.reader.given(section, settings.request)
        resolved = self.references.resolve(section, settings.request, given)
        values = self.reader.loaded(section, settings.request, resolved)
        if values is not None:
            stored = settings.locked(self.session)
            words = self._write(settings.changes, settings.request, stored, values, section)
            self.report.changed(words, noun)

    def _write(
        self, changes: ObjectChanges, schema: Schema, stored: Base, values: dict[str, Any], entry: Node
    ) -> list[str]:
        """Write an entry's values to an object, and publish that; return the fields that change, in words."""
        before = changes.read(stored)
        words = write(self.session, schema, stored, values, entry)
        publish(self.session.connection(), *changes.changed(stored, before))
        return words

    def _name(self, kind: Kind, entry: Node, name: str, parent: Parent | None) -> None:
        """Note that the file names an object, which it may do once."""
        notifier_id = parent.id if parent else None
        line = self.names.line(kind, notifier_id, name)
        if line is not None:
            self.reader.note(entry, f"The {kind.noun} in line {line} has this {kind.key} too.", kind.key)
        self.names.add(kind, notifier_id, name, entry.line)
