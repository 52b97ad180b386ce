"""Recording: changes become entries of the audit, in the transactions that make them."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import g, has_request_context, request
from sqlalchemy import Connection, Table, insert, select

from notifyhub.api.changes import Action, ObjectChanged
from notifyhub.api.http.json import encode
from notifyhub.audit.models import TYPES, AuditEntry, Via
from notifyhub.auth.guard import declared
from notifyhub.database.base import now, table_of
from notifyhub.database.rotation import SecretsReencrypted
from notifyhub.text.secret_names import HIDDEN
from notifyhub.text.url_secrets import mask_secrets

_insert = insert(table_of(AuditEntry))
_models = {table_of(model): model for model in TYPES}


def record(connection: Connection, changes: Iterable[ObjectChanged]) -> None:
    """Store an entry for each change, with who asks for it; of a model that TYPES lacks there can be none."""
    shared = {**_origin(), "created_at": now()}
    entries = [
        {
            **shared,
            "action": change.action,
            "object_type": TYPES[change.model],
            "object_id": change.id,
            "object_name": change.name,
            "changes": encode(change.changes).decode(),
        }
        for change in changes
    ]
    # A list of one would go the slower way of many.
    connection.execute(_insert, entries if len(entries) > 1 else entries[0])


def record_reencryption(connection: Connection, events: Sequence[SecretsReencrypted]) -> None:
    """Store an entry for each object whose secrets were encrypted anew: the same ones, so nothing changes."""
    for event in events:
        record(connection, _rotations(connection, event.table, event.ids))


def _rotations(connection: Connection, table: Table, ids: Sequence[int]) -> list[ObjectChanged]:
    """Return the events of objects, by the names that people know them by."""
    is_named = "name" in table.c
    name = table.c.name if is_named else table.c.url
    rows = connection.execute(select(table.c.id, name).where(table.c.id.in_(ids)).order_by(table.c.id))
    return [
        ObjectChanged(
            _models[table], id_, title if is_named else mask_secrets(title, HIDDEN), Action.ROTATE, {}
        )
        for id_, title in rows
    ]


def _origin() -> dict[str, Any]:
    """Return who asks for the changes, and where."""
    if not has_request_context():
        return {"via": Via.COMMAND, "actor": None, "token": None, "request_id": None}
    return {
        "via": Via.CONSOLE if declared(request.endpoint or "").for_browsers else Via.API,
        "actor": g.caller.name,
        "token": g.caller.prefix,
        "request_id": g.request_id,
    }
