"""Delivery reports: providers are asked in batches, at growing intervals, what became of sent messages.

Messages that one call has sent may have one id at the provider. They are asked for together.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from flask import current_app
from sqlalchemy import bindparam, select, update

from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit, release, transaction
from notifyhub.delivery import journal, rate_limits
from notifyhub.delivery.figures import Notifier, figures
from notifyhub.delivery.notifier_clients import NotifierClient, backend_for, load_clients
from notifyhub.jobs import leases
from notifyhub.messages.events import CHANGED, publish_changes
from notifyhub.messages.models import Message, MessageStatus
from notifyhub.providers.base import Provider, Report, Sent
from notifyhub.providers.boundary import ask, code_of, detail_of
from notifyhub.providers.errors import Failure
from notifyhub.providers.sandbox import Sandbox

messages = table_of(Message)

BATCH = 1000
MESSAGES_PER_TASK = 100
"""The most messages, of one notifier, that a task asks for; more only of those that have one id."""

ROWS_PER_TRANSACTION = 100

PACED_SECONDS = 5.0
"""For which a task waits for places among a notifier's calls: its thread serves other periodic work, too."""

LONGEST_INTERVAL = timedelta(hours=6)
"""Between two questions about one message; each interval is twice the one before, up to this."""
ASKED_FOR = timedelta(hours=72)
"""After the sending; what has not been reported until then stays `sent`."""

_due = (
    select(
        messages.c.id,
        messages.c.channel,
        messages.c.notifier_id,
        messages.c.is_test,
        messages.c.provider_message_id,
        messages.c.sent_at,
        messages.c.reports_asked,
    )
    .where(messages.c.status == MessageStatus.SENT, messages.c.report_due_at <= leases.NOW)
    .order_by(messages.c.report_due_at)
    .limit(BATCH)
)
_postpone = (
    update(messages)
    .where(messages.c.id == bindparam("message_id"))
    .values(
        report_due_at=bindparam("next"),
        reports_asked=messages.c.reports_asked + 1,
        updated_at=messages.c.updated_at,
    )
)
_sent = select(
    messages.c.id,
    messages.c.channel,
    messages.c.notifier_id,
    messages.c.is_test,
    messages.c.provider_message_id,
    messages.c.recipient,
    messages.c.otp_id,
).where(messages.c.status == MessageStatus.SENT, messages.c.provider_message_id.is_not(None))
_report = (
    update(messages)
    # Neither a status that has moved on nor a sending that came later is touched.
    .where(
        messages.c.id == bindparam("message_id"),
        messages.c.status == MessageStatus.SENT,
        messages.c.provider_message_id == bindparam("reported_id"),
    )
    .values(
        status=bindparam("new_status"),
        delivered_at=bindparam("new_delivered_at"),
        error_code=bindparam("new_error_code"),
        error_detail=bindparam("new_error_detail"),
        report_due_at=None,
    )
    .returning(*CHANGED, messages.c.request_id, messages.c.error_code)
)


def claim_due() -> list[list[int]]:
    """Return the ids of messages whose reports are due, each list of one notifier.

    The next question is put off to its time in the same step, so that no other worker asks now, and what this
    one fails to learn is asked then.
    """
    at = now()
    connection = autocommit()
    if connection.execute(_due.limit(1), {"now": at}).first() is None:
        return []
    with transaction() as connection:
        rows = connection.execute(_due.with_for_update(skip_locked=True), {"now": at}).all()
        if rows:
            connection.execute(_postpone, [{"message_id": row.id, "next": _next(row, at)} for row in rows])
    notifiers = groupby(sorted(rows, key=_notifier), _notifier)
    return [
        [row.id for row in task]
        for _, group in notifiers
        for task in _portions(list(group), MESSAGES_PER_TASK)
    ]


def fetch(ids: Sequence[int]) -> None:
    """Ask providers what became of some messages, and write it down."""
    rows = sorted(autocommit().execute(_sent.where(messages.c.id.in_(ids))).all(), key=_notifier)
    for (channel, notifier_id, is_test), group in groupby(rows, _notifier):
        client = load_clients(autocommit(), channel, [notifier_id]).get(notifier_id)
        if client is None and not is_test:
            continue  # nobody is left to ask
        try:
            backend = Sandbox() if client is None else backend_for(client, is_test=is_test)
            _ask(backend, list(group), None if is_test else client)
        except Failure as failure:
            journal.unreported(channel, notifier_id, failure)


def _ask(backend: Provider[Any], rows: Sequence[Any], paced: NotifierClient | None) -> None:
    """Ask for the reports, of a notifier that may be called only so often for some seconds at most."""
    end = time.monotonic() + PACED_SECONDS
    size: int = getattr(backend, "report_batch", 0)
    sends = _by_id(rows)
    for start in range(0, len(sends) if size else 0, size or 1):
        batch = [row for send in sends[start : start + size] for row in send]
        if paced and not _may_call(paced, end):
            return  # the others are asked for when their next time comes
        reports = _reports(backend, [_sent_message(row) for row in batch])
        reported = [
            _values(row, report)
            for row in batch
            if (report := reports.get(_sent_message(row))) and report.state != "pending"
        ]
        for first in range(0, len(reported), ROWS_PER_TRANSACTION):
            delivered = _write(reported[first : first + ROWS_PER_TRANSACTION])
            if paced and delivered:
                figures().count_deliveries(Notifier(paced.channel, paced.id), delivered)


def _may_call(client: NotifierClient, end: float) -> bool:
    """Wait for a place among the calls of a notifier that is limited; False if there is none soon."""
    if client.max_per_second is None:
        return True
    if time.monotonic() > end:
        return False
    return rate_limits.wait_for_place(client.channel, client.id, client.max_per_second) is None


def _reports(backend: Provider[Any], sent: Sequence[Sent]) -> dict[Sent, Report]:
    """Return the reports that a backend gives; what is no report is left out."""
    # A backend of another package may have no more than `reports`.
    reports_of = getattr(backend, "reports_of", None) or partial(Provider.reports_of, backend)

    def read() -> dict[Sent, Report]:
        given = reports_of(sent)
        return {one: given[one] for one in sent if isinstance(given.get(one), Report)}

    release()
    return ask(read)


def _write(reported: Sequence[dict[str, Any]]) -> int:
    """Write what has been reported; return how many messages were delivered."""
    with transaction() as connection:
        changed = [row for values in reported for row in connection.execute(_report, values)]
        publish_changes(connection, changed)
    for row in changed:
        if row.status == MessageStatus.UNDELIVERED:
            journal.undelivered(row, row.error_code)
    return sum(row.status == MessageStatus.DELIVERED for row in changed)


def _values(row: Any, report: Report) -> dict[str, Any]:
    delivered, coded = report.state == "delivered", row.otp_id is not None
    return {
        "message_id": row.id,
        "reported_id": row.provider_message_id,
        "new_status": MessageStatus.DELIVERED if delivered else MessageStatus.UNDELIVERED,
        "new_delivered_at": now() if delivered else None,
        "new_error_code": None if report.code is None else code_of(report.code, coded=coded),
        "new_error_detail": detail_of(report.detail, coded=coded) if report.detail else None,
    }


def _next(row: Any, at: datetime) -> datetime | None:
    """Return when to ask again; None if the report that is asked for now is the last."""
    sent_at: datetime = row.sent_at
    end = sent_at + ASKED_FOR
    if at >= end:
        return None
    first = timedelta(seconds=current_app.config["REPORT_DELAY"])
    doublings: int = min(row.reports_asked + 1, 32)
    return min(at + min(first * (1 << doublings), LONGEST_INTERVAL), end)


def _portions(rows: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield rows in lists of up to `size`, in which those of one id stay together, however many they are."""
    portion: list[Any] = []
    for send in _by_id(rows):
        if portion and len(portion) + len(send) > size:
            yield portion
            portion = []
        portion += send
    if portion:
        yield portion


def _by_id(rows: Sequence[Any]) -> list[list[Any]]:
    sends: dict[str | None, list[Any]] = {}
    for row in rows:
        sends.setdefault(row.provider_message_id, []).append(row)
    return list(sends.values())


def _sent_message(row: Any) -> Sent:
    return Sent(row.provider_message_id, row.recipient)


def _notifier(row: Any) -> tuple[str, int, bool]:
    return row.channel, row.notifier_id, row.is_test
