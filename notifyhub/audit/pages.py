"""The list of the audit: what it can be filtered by."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, select, tuple_

from notifyhub.api.changes import Action
from notifyhub.api.http.json import timestamp
from notifyhub.api.pagination.cursor import CursorListing
from notifyhub.api.pagination.filters import any_of, number, text
from notifyhub.api.serializers import RowSerializer
from notifyhub.audit.models import TYPES, AuditEntry
from notifyhub.audit.schemas import AuditEntrySchema
from notifyhub.database.base import table_of

_entries = table_of(AuditEntry)


def _entry(row: Sequence[Any]) -> dict[str, Any]:
    """Return an entry as `AuditEntrySchema` describes it."""
    id_, at, actor, token, via, request_id, action, type_, object_id, name, changes = row
    return {
        "id": id_,
        "at": timestamp(at),
        "actor": actor,
        "token": token,
        "via": via,
        "request_id": request_id,
        "action": action,
        "object": {"type": type_, "id": object_id, "name": name},
        "changes": orjson.Fragment(changes),
    }


listing = CursorListing(
    _entries,
    RowSerializer(AuditEntrySchema(), tuple(_entries.c), _entry),
    filters={
        "actor": text(_entries.c.actor, "Only what the user with this name, as it was then, has done."),
        "action": any_of(_entries.c.action, Action, "Only these actions, comma-separated."),
        "type": any_of(
            _entries.c.object_type, TYPES.values(), "Only objects of these types, comma-separated."
        ),
        "object_id": number(_entries.c.object_id, "Only objects with this id; of one kind with a `type`."),
    },
    indexes=(("type", "object_id"), ("actor",), ("action", "type")),
)


MAX_LATEST = 50
"""Entries of an object that are shown beside it."""


def latest(connection: Connection, *objects: tuple[str, int]) -> list[dict[str, Any]]:
    """Return the latest entries of some objects, each given by its type and id, the latest first.

    Along the index ix_audit_entries_object.
    """
    named = tuple_(_entries.c.object_type, _entries.c.object_id).in_(objects)
    newest = select(_entries).where(named).order_by(_entries.c.id.desc()).limit(MAX_LATEST)
    return [_entry(row) for row in connection.execute(newest)]
