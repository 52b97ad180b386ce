"""Entries are kept for the days that the delivery settings say, and deleted in batches after them."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, select

from notifyhub.audit import tasks
from notifyhub.audit.models import AuditEntry
from notifyhub.audit.retention import purge_entries
from notifyhub.database import purge
from notifyhub.database.base import now, table_of
from notifyhub.database.connections import autocommit
from notifyhub.jobs.tasks import beat_schedule
from tests.support.clients import Api
from tests.support.rows import change_settings

entries = table_of(AuditEntry)


def store(*days: float) -> None:
    """Store entries, some days old."""
    row = {"via": "command", "action": "delete", "object_type": "user", "changes": "{}"}
    old = [{**row, "created_at": now() - timedelta(days=age), "object_id": n} for n, age in enumerate(days)]
    autocommit().execute(insert(entries), old)


def kept() -> list[int]:
    return list(autocommit().scalars(select(entries.c.object_id).order_by(entries.c.object_id)))


@pytest.mark.parametrize(("days", "left"), [(365, [0, 1, 2]), (30, [0, 1]), (3650, [0, 1, 2, 3])])
def test_entries_are_kept_for_so_many_days(app: Flask, days: int, left: list[int]) -> None:
    with app.app_context():
        change_settings(audit_days=days)
        store(0, 29.9, 364.9, 365.1)
        purge_entries()
        assert kept() == left


def test_old_ones_go_in_batches(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "BATCH", 3)
    with app.app_context():
        store(*[400] * 7, 1)
        assert purge_entries() == 7
        assert kept() == [7]
        assert purge_entries() == 0


def test_the_task_runs_from_time_to_time() -> None:
    assert tasks.PURGE in beat_schedule()


def test_the_days_are_set_over_http(api: Api) -> None:
    url = "/api/settings/delivery"
    assert api.get(url).json["audit_days"] == 365
    assert api.patch(url, {"audit_days": 30}).json["audit_days"] == 30
    for wrong in (29, 3651):
        assert list(api.patch(url, {"audit_days": wrong}).json) == ["audit_days"]
