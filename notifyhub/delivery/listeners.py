"""Whether anybody wants to be told of what becomes of messages.

Where nobody does, an attempt's end stays one statement on PostgreSQL. The webhooks stand higher than the
delivery, which knows no more of them than their table's name.
"""

from sqlalchemy import Boolean, ColumnElement, Connection, column, exists, select, table, true

_webhooks = table("webhooks", column("is_active", Boolean()))

listening: ColumnElement[bool] = exists().where(_webhooks.c.is_active == true())
"""The condition that there is an active webhook."""


def anybody(connection: Connection) -> bool:
    """Tell whether there is an active webhook."""
    return bool(connection.scalar(select(listening)))
