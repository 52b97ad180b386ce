"""Patterns briefly: their names, without what may be long."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from notifyhub.database.base import table_of
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, PatternStatus, SMSPattern

PatternModel = type[SMSPattern] | type[EmailPattern]

MOST_CHOICES = 500

_NOTIFIERS = {SMSPattern: SMSNotifier, EmailPattern: EmailNotifier}
_BRIEF = ("id", "name", "code", "status", "subject")


def count_of(connection: Connection, model: PatternModel, notifier_id: int) -> int:
    """Return how many patterns a notifier has."""
    table = table_of(model)
    query = select(func.count()).select_from(table).where(table.c.notifier_id == notifier_id)
    return connection.scalar(query) or 0


def newest(connection: Connection, model: PatternModel, notifier_id: int, limit: int) -> Sequence[Row[Any]]:
    """Return the newest patterns of a notifier: id and name; code and status, or subject."""
    table = table_of(model)
    columns = [table.c[name] for name in _BRIEF if name in table.c]
    query = select(*columns).where(table.c.notifier_id == notifier_id).order_by(table.c.id.desc())
    return connection.execute(query.limit(limit)).all()


def usable(connection: Connection, model: PatternModel, current: int | None) -> Sequence[Any]:
    """Return the first MOST_CHOICES patterns that can be sent, by notifier and name, and the current one.

    Rows have id, name, `notifier_id` and `notifier_name`.
    """
    table, notifiers = table_of(model), table_of(_NOTIFIERS[model])
    can_be_sent = table.c.status == PatternStatus.APPROVED if "status" in table.c else table.c.id > 0
    query = (
        select(table.c.id, table.c.name, table.c.notifier_id, notifiers.c.name.label("notifier_name"))
        .join(notifiers, notifiers.c.id == table.c.notifier_id)
        .where(or_(can_be_sent, table.c.id == current))
        .order_by(table.c.id != current, notifiers.c.name, notifiers.c.id, table.c.name)
    )
    return connection.execute(query.limit(MOST_CHOICES)).all()
