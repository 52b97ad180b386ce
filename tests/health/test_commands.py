"""`notifyhub status`: the health in words, with an exit status for scripts."""

import time
from datetime import timedelta

from click.testing import Result
from flask import Flask

from notifyhub.database.base import now
from notifyhub.delivery.figures import Figures, Notifier
from notifyhub.delivery.models import CircuitBreaker
from notifyhub.extensions import db
from notifyhub.health.models import NotifierCredit
from notifyhub.jobs.models import Role
from notifyhub.providers.errors import NotifierTrouble
from tests.health.conftest import Seen
from tests.support.factories import SMSNotifierFactory


def run(app: Flask) -> Result:
    return app.test_cli_runner().invoke(args=["status"])


def test_it_is_0_where_all_is_well(app: Flask, seen: Seen, figures: Figures) -> None:
    seen(*Role)
    with app.app_context():
        notifier = SMSNotifierFactory(name="console")
        figures.count_attempt(Notifier("sms", notifier.id), None, 9)
        figures.flush()
        db.session.add(NotifierCredit(notifier_id=notifier.id, asked_at=now(), amount=12, read_at=now()))
        db.session.commit()
        id_ = notifier.id
    done = run(app)
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "NotifyHub is ok."
    assert f"  sms {id_} (console): working" in lines
    assert (
        "    in the last hour: 1 accepted, 0 failed, 0 delivered, half within 9 ms, 95 % within 9 ms" in lines
    )
    assert any(line.startswith("  mq1:17: messages, codes, webhooks, upkeep; since ") for line in lines)
    assert any(line.startswith("    credit at ") and line.endswith(": 12") for line in lines)


def test_it_is_1_where_something_is_wrong(app: Flask, seen: Seen, figures: Figures) -> None:
    seen(*Role)
    with app.app_context():
        notifier = SMSNotifierFactory(name="console")
        until = now() + timedelta(seconds=30)
        db.session.add(CircuitBreaker(channel="sms", notifier_id=notifier.id, failures=5, open_until=until))
        db.session.commit()
        figures.count_attempt(Notifier("sms", notifier.id), NotifierTrouble("unreachable", "Refused."), 9)
        figures.flush()
    done = run(app)
    assert done.exit_code == 1
    assert done.output.startswith("NotifyHub is degraded.\n  SMS notifier ")
    assert ": unreachable, Refused." in done.output


def test_a_name_can_t_command_the_terminal(app: Flask, seen: Seen) -> None:
    seen(*Role)
    with app.app_context():
        SMSNotifierFactory(name="a\x1b[2Jb\nc")
    assert "(a\\x1b[2Jb\\nc): working" in run(app).output


def test_it_is_2_without_a_worker(app: Flask) -> None:
    done = run(app)
    assert done.exit_code == 2
    assert done.output.startswith("NotifyHub is down.\n  No worker is running: nothing is sent.\n")


def test_a_database_that_is_not_migrated_is_told_in_a_line(app: Flask) -> None:
    with app.app_context():
        table = "workers"
        with db.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO moved")
        try:
            began = time.monotonic()
            done = run(app)
        finally:
            with db.engine.begin() as connection:
                connection.exec_driver_sql(f"ALTER TABLE moved RENAME TO {table}")
    assert done.exit_code == 2
    first, second, *more = done.output.splitlines()
    assert first == "NotifyHub is down."
    assert second.startswith("  The database is not migrated, see `notifyhub db upgrade`: ")
    assert more == []
    assert time.monotonic() - began < 10
