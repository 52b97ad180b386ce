"""Delivery reports: providers are asked in batches, at growing intervals, what became of sent messages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, release, transaction
from notifyhub.delivery import journal, listeners
from notifyhub.delivery.notifier_clients import backend_for, load_clients
from notifyhub.messages.events import publish_changes
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.base import Provider, Report
from notifyhub.providers.boundary import ask, code_of, detail_of
from notifyhub.providers.errors import Failure
from notifyhub.providers.sandbox import Sandbox

_m = table_of(Message)

BATCH = 1000
TOGETHER = 100
"""So many messages of one notifier are asked for in one task."""

LONGEST = timedelta(hours=6)
"""Between two questions about one message; each interval is twice the one before, up to this."""
GIVEN_UP = timedelta(hours=72)
"""After the sending; what has not been reported until then stays `sent`."""

_due = (
    select(_m.c.id, _m.c.channel, _m.c.notifier_id, _m.c.is_test, _m.c.sent_at, _m.c.reports_asked)
    .where(_m.c.status == MessageStatus.SENT, _m.c.report_due_at <= bindparam("at", type_=_m.c.sent_at.type))
    .order_by(_m.c.report_due_at)
    .limit(BATCH)
)
_postpone = (
    update(_m)
    .where(_m.c.id == bindparam("of_message"))
    .values(
        report_due_at=bindparam("next"),
        reports_asked=_m.c.reports_asked + 1,
        updated_at=_m.c.updated_at,
    )
)
_sent = select(
    _m.c.id, _m.c.channel, _m.c.notifier_id, _m.c.is_test, _m.c.provider_message_id, _m.c.otp_id
).where(_m.c.status == MessageStatus.SENT, _m.c.provider_message_id.is_not(None))
_tell = (
    update(_m)
    # Neither a status that has moved on nor a sending that came later is touched.
    .where(
        _m.c.id == bindparam("of_message"),
        _m.c.status == MessageStatus.SENT,
        _m.c.provider_message_id == bindparam("sent_as"),
    )
    .values(
        status=bindparam("new_status"),
        delivered_at=bindparam("new_delivered_at"),
        error_code=bindparam("new_error_code"),
        error_detail=bindparam("new_error_detail"),
        report_due_at=None,
    )
)
_tell_and_know = _tell.returning(_m.c.id)


def claim_due() -> list[list[int]]:
    """Return the messages whose reports are due, each list of one notifier.

    The next question is put off to its time in the same step, so that no other worker asks now, and what this
    one fails to learn is asked then.
    """
    at = now()
    connection = autocommit()
    if connection.execute(_due.limit(1), {"at": at}).first() is None:
        return []
    with transaction() as connection:
        rows = connection.execute(_due.with_for_update(skip_locked=True), {"at": at}).all()
        if rows:
            connection.execute(_postpone, [{"of_message": row.id, "next": _next(row, at)} for row in rows])
    lists = [[row.id for row in group] for _, group in groupby(sorted(rows, key=_notifier), _notifier)]
    return [ids[start : start + TOGETHER] for ids in lists for start in range(0, len(ids), TOGETHER)]


def fetch(ids: Sequence[int]) -> None:
    """Ask providers what became of some messages, and write it down."""
    rows = sorted(autocommit().execute(_sent.where(_m.c.id.in_(ids))).all(), key=_notifier)
    for (channel, notifier_id, is_test), group in groupby(rows, _notifier):
        carrier = load_clients(autocommit(), channel, [notifier_id]).get(notifier_id)
        if carrier is None and not is_test:
            continue  # nobody is left to ask
        try:
            _ask(Sandbox() if carrier is None else backend_for(carrier, is_test=is_test), list(group))
        except Failure as failure:
            journal.unreported(channel, notifier_id, failure)


def _ask(backend: Provider[Any], rows: Sequence[Any]) -> None:
    size: int = getattr(backend, "report_batch", 0)
    for start in range(0, len(rows) if size else 0, size or 1):
        batch = rows[start : start + size]
        reports = _reports(backend, [row.provider_message_id for row in batch])
        news = [
            (row, _news(row, report))
            for row in batch
            if (report := reports.get(row.provider_message_id)) and report.state != "pending"
        ]
        if news:
            _write(news)


def _reports(backend: Provider[Any], ids: Sequence[str]) -> dict[str, Report]:
    """Return the reports that a backend gives; what is no report is left out."""

    def read() -> dict[str, Report]:
        given = backend.reports(ids)
        return {id_: given[id_] for id_ in ids if isinstance(given.get(id_), Report)}

    release()
    return ask(read)


def _write(news: Sequence[tuple[Any, dict[str, Any]]]) -> None:
    """Write what was reported; singly where others are told of what it changes."""
    with transaction() as connection:
        everything = listeners.anybody(connection)
        heard = [values for row, values in news if everything or row.otp_id is not None]
        unheard = [values for row, values in news if not everything and row.otp_id is None]
        if unheard:
            connection.execute(_tell, unheard)
        for values in heard:
            publish_changes(connection, list(connection.scalars(_tell_and_know, values)))
    for _, values in news:
        if values["new_status"] == MessageStatus.UNDELIVERED:
            journal.undelivered(values["of_message"], values["new_error_code"])


def _news(row: Any, report: Report) -> dict[str, Any]:
    delivered, coded = report.state == "delivered", row.otp_id is not None
    return {
        "of_message": row.id,
        "sent_as": row.provider_message_id,
        "new_status": MessageStatus.DELIVERED if delivered else MessageStatus.UNDELIVERED,
        "new_delivered_at": now() if delivered else None,
        "new_error_code": None if report.code is None else code_of(report.code, coded=coded),
        "new_error_detail": detail_of(report.detail, coded=coded) if report.detail else None,
    }


def _next(row: Any, at: datetime) -> datetime | None:
    """Return when to ask again; None if the report that is asked for now is the last."""
    sent_at: datetime = row.sent_at
    end = sent_at + GIVEN_UP
    if at >= end:
        return None
    first = timedelta(seconds=current_app.config["REPORT_DELAY"])
    doublings: int = min(row.reports_asked + 1, 32)
    return min(at + min(first * (1 << doublings), LONGEST), end)


def _notifier(row: Any) -> tuple[str, int, bool]:
    return row.channel, row.notifier_id, row.is_test
