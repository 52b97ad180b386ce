"""Leases: which worker has a row, and until when.

A row is due from `next_attempt_at`. A worker takes it by writing its token and the lease's end, which is the
next attempt's moment as well: so the row of a worker that died is due again by itself.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import ColumnElement, FromClause, String, and_, bindparam, or_
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database import connections
from notifyhub.database.base import LEASE
from notifyhub.database.columns import UTC_TIME

T = TypeVar("T")

NOW = bindparam("now", type_=UTC_TIME)
UNTIL = bindparam("until", type_=UTC_TIME)
"""The end of a lease that is taken or renewed."""
TOKEN = bindparam("token", type_=String)
"""The token of the worker that takes or holds the lease."""

RELEASED = {"lease_token": None, "lease_until": None}
"""The values that end a lease."""


CLAIM_RETRIED_SECONDS = 5.0
"""How long a claim is tried while the database can't be reached; the dispatcher brings the row back."""

WORKER_LOST = "The worker stopped before the outcome was known."


class Leased:
    """The columns of a model whose rows one worker at a time works on.

    `next_attempt_at` is when a worker may take the row, null when nothing is to be done. While `lease_until`
    lies ahead, the worker whose `lease_token` it is has it. `enqueued_at` is when the dispatcher last
    enqueued it.
    """

    next_attempt_at: Mapped[datetime | None] = mapped_column(UTC_TIME, sort_order=LEASE)
    enqueued_at: Mapped[datetime | None] = mapped_column(UTC_TIME, sort_order=LEASE)
    lease_token: Mapped[str | None] = mapped_column(String(32), sort_order=LEASE)
    lease_until: Mapped[datetime | None] = mapped_column(UTC_TIME, sort_order=LEASE)


def new_token() -> str:
    """Return the token of a lease that is about to be taken."""
    return secrets.token_hex(16)


def claim_values(token: str, now: datetime) -> dict[str, Any]:
    """Return the values of NOW, UNTIL and TOKEN for a lease that is taken or renewed."""
    until = now + timedelta(seconds=current_app.config["LEASE_SECONDS"])
    return {"now": now, "until": until, "token": token}


def persist(work: Callable[[], T]) -> T:
    """Return what `work` returns, which is tried again, as by `connections.persist`, while a lease lasts."""
    return connections.persist(work, current_app.config["LEASE_SECONDS"])


def due(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition of rows that have to be worked on by `NOW` and that nobody has."""
    return and_(rows.c.next_attempt_at <= NOW, rows.c.lease_until.is_(None))


def lapsed(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition of rows whose worker died: its lease is over by `NOW`, and was not released."""
    return and_(rows.c.next_attempt_at <= NOW, rows.c.lease_until <= NOW)


def free(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition of rows that are due or whose lease has lapsed."""
    return and_(rows.c.next_attempt_at <= NOW, or_(rows.c.lease_until.is_(None), rows.c.lease_until <= NOW))


def held(rows: FromClause) -> ColumnElement[bool]:
    """Return the condition of rows that the worker with `TOKEN` has still."""
    return rows.c.lease_token == TOKEN


def renewed(until: ColumnElement[datetime] = UNTIL) -> dict[str, Any]:
    """Return the values that renew a lease."""
    return {"lease_until": until, "next_attempt_at": until}


def taken(until: ColumnElement[datetime] = UNTIL) -> dict[str, Any]:
    """Return the values that take a lease for the worker with `TOKEN`."""
    return {"lease_token": TOKEN, **renewed(until)}
