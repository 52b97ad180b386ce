"""Connections: transactions, reading, and writers that meet."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import IntegrityError, OperationalError

from notifyhub.auth.models import Token, User, UserPermission
from notifyhub.database import connections
from notifyhub.database.base import Base, Timestamped, table_of
from notifyhub.database.connections import autocommit, orm_session, transaction
from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.settings.models import NotificationSettings
from notifyhub.settings.notification import notification_settings
from tests.support.environment import on_postgresql, on_sqlite
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    Stored,
    UserFactory,
)


def names(app: Flask) -> list[str]:
    with app.app_context():
        return list(db.session.scalars(select(SMSNotifier.name).order_by(SMSNotifier.id)))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_transaction_that_fails_leaves_nothing(error: type[BaseException], app: Flask) -> None:
    def fail() -> None:
        with orm_session() as session:
            session.add(SMSNotifier(name="lost", backend="ippanel"))
            session.flush()
            raise error

    with app.app_context():
        with pytest.raises(error):
            fail()
        with orm_session() as session:
            session.add(SMSNotifier(name="kept", backend="ippanel"))
    assert names(app) == ["kept"]


def test_a_transaction_that_violates_a_constraint_leaves_nothing(app: Flask) -> None:
    with app.app_context():
        taken = User(name=UserFactory().name, role="admin")
        with pytest.raises(IntegrityError), orm_session() as session:
            session.add_all([SMSNotifier(name="lost", backend="ippanel"), taken])
        with orm_session() as session:
            session.add(SMSNotifier(name="kept", backend="ippanel"))
    assert names(app) == ["kept"]


def test_a_transaction_knows_nothing_of_the_one_before_it(app: Flask) -> None:
    with app.app_context():
        for name in ("1", "2", "3"):
            with orm_session() as session:
                session.add(notifier := SMSNotifier(name=name, backend="ippanel"))
            with app.app_context(), orm_session() as session:
                session.execute(update(SMSNotifier).values(name="changed by another"))
            with orm_session() as session:
                assert session.scalars(select(SMSNotifier)).first() is not None
                assert notifier.name == "changed by another"


def test_others_see_a_transaction_when_it_has_ended(app: Flask) -> None:
    with app.app_context(), orm_session() as session:
        session.add(SMSNotifier(name="new", backend="ippanel"))
        session.flush()
        with app.app_context():
            assert connections.autocommit().scalar(select(func.count()).select_from(SMSNotifier)) == 0
    assert names(app) == ["new"]


def test_a_reader_sees_what_was_committed_meanwhile(app: Flask) -> None:
    with app.app_context():
        seen = []
        for n in range(3):
            seen.append(connections.autocommit().scalar(select(func.count()).select_from(SMSNotifier)))
            with app.app_context(), orm_session() as session:
                session.add(SMSNotifier(name=str(n), backend="ippanel"))
        assert seen == [0, 1, 2]


def test_what_is_written_with_the_reader_needs_no_commit(app: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory(name="old")
        connections.autocommit().execute(update(SMSNotifier).values(name="new"))
        assert names(app) == ["new"]
    assert names(app) == ["new"]


def test_a_request_holds_one_connection_at_most_and_gives_it_back(app: Flask) -> None:
    def held() -> int:
        return sum(engine.pool.checkedout() for engine in db.engines.values())  # type: ignore[attr-defined]

    with app.app_context():
        before = held()
        reader = connections.autocommit()
        assert connections.autocommit() is reader
        assert held() == before + 1
        with orm_session() as session:
            session.execute(select(1))
            assert reader.closed
            assert held() == before + 1
        connections.autocommit()
    with app.app_context():
        assert held() == before


def together(app: Flask, work: Callable[[], None], threads: int) -> None:
    """Run `work` in threads that begin in the same moment, each with a connection of its own."""
    start = threading.Barrier(threads)

    def run() -> None:
        with app.app_context():
            start.wait(30)
            work()

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run) for _ in range(threads)]:
            done.result(60)


def test_changes_of_a_locked_row_wait_for_each_other_and_none_is_lost(app: Flask) -> None:
    def count_up() -> None:
        for _ in range(5):
            with orm_session() as session:
                settings = notification_settings.locked(session)
                settings.otp_ttl += 1

    together(app, count_up, threads=8)
    with app.app_context():
        assert db.session.scalars(select(NotificationSettings.otp_ttl)).one() == 120 + 8 * 5


@on_sqlite
def test_on_sqlite_writers_that_read_first_wait_and_none_fails(app: Flask) -> None:
    with app.app_context():
        SMSNotifierFactory(name="0")

    def count_up() -> None:
        for _ in range(5):
            with orm_session() as session:
                notifier = session.scalars(select(SMSNotifier)).one()
                notifier.name = str(int(notifier.name) + 1)

    together(app, count_up, threads=8)
    assert names(app) == ["40"]


@on_sqlite
def test_sqlite_is_set_up_on_every_connection(app: Flask) -> None:
    with app.app_context():
        for connection in (connections.autocommit(), db.session.connection()):
            told = {
                pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
                for pragma in ("journal_mode", "foreign_keys", "busy_timeout")
            }
            assert told == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000}


def test_moments_come_back_in_utc_to_the_microsecond(app: Flask) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory()
        made = notifier.created_at
        db.session.expire_all()
        assert notifier.created_at == made
        assert notifier.created_at.isoformat().endswith("+00:00")


VIOLATIONS = [
    User(name="n", role="owner"),
    UserPermission(user_id=99, code=2811),
    Token(user_id=99, prefix="p", digest="d", created_by="c"),
    EmailNotifier(name="n", host="h", port=0, username="", password="", from_email="a@b.ir"),
    EmailNotifier(name="n", host="h", port=65536, username="", password="", from_email="a@b.ir"),
    SMSPattern(notifier_id=99, name="n", code="c", body="b"),
    EmailPattern(notifier_id=99, name="n", subject="s", body_text="b"),
    SMSNotifier(name=None, backend="ippanel"),
    NotificationSettings(id=2, otp_code_len=5, otp_ttl=120),
]


@pytest.mark.parametrize("row", range(len(VIOLATIONS)))
def test_the_database_itself_refuses_what_must_not_be(row: int, app: Flask) -> None:
    given = VIOLATIONS[row]
    values = {name: value for name, value in vars(given).items() if not name.startswith("_")}
    with app.app_context(), pytest.raises(IntegrityError), orm_session() as session:
        session.add(type(given)(**values))


@pytest.mark.parametrize("column", ["sms_notifier_id", "email_notifier_id"])
def test_the_settings_can_name_no_notifier_that_is_not_there(column: str, app: Flask) -> None:
    with app.app_context(), pytest.raises(IntegrityError), orm_session() as session:
        session.execute(update(NotificationSettings).values({column: 99}))


def test_what_belongs_to_a_row_is_deleted_with_it(app: Flask) -> None:
    with app.app_context():
        user = UserFactory(role="staff", codes=(2811, 2812))
        connections.autocommit().execute(
            table_of(Token)
            .insert()
            .values(user_id=user.id, prefix="p", digest="d", is_test=False, created_by="c")
        )
        connections.autocommit().execute(text("DELETE FROM users"))
        for model in (User, UserPermission, Token):
            assert db.session.scalar(select(func.count()).select_from(model)) == 0


@pytest.mark.parametrize(
    "factory",
    [UserFactory, SMSNotifierFactory, EmailNotifierFactory, SMSPatternFactory, EmailPatternFactory],
    ids=lambda f: f.__name__,
)
def test_an_id_is_never_given_again(factory: type[Stored], app: Flask) -> None:
    with app.app_context():
        given = []
        for _ in range(3):
            stored: Timestamped = factory()
            given.append(stored.id)
            db.session.delete(stored)
            db.session.commit()
        assert given == sorted(set(given))


def test_every_table_with_an_id_counts_it_up_for_ever() -> None:
    for table in Base.metadata.sorted_tables:
        if "id" in table.c and table.c.id.identity is not None:
            assert table.dialect_options["sqlite"]["autoincrement"] is True


def _hear_last_words_in_a_statement() -> None:
    autocommit().execute(text("DO $$BEGIN RAISE SQLSTATE '57P01'; END$$"))


def _hear_last_words_from_the_driver() -> None:
    with transaction():
        raise psycopg.errors.AdminShutdown


@on_postgresql
@pytest.mark.parametrize("hear", [_hear_last_words_in_a_statement, _hear_last_words_from_the_driver])
def test_a_session_that_the_server_has_ended_is_lost_before_the_driver_has_seen_its_end(
    app: Flask, monkeypatch: pytest.MonkeyPatch, hear: Callable[[], None]
) -> None:
    is_closed = psycopg.Connection.closed.fget
    assert is_closed
    with app.app_context():
        ended = autocommit().connection.driver_connection  # others are collected as garbage meanwhile
        with monkeypatch.context() as patch:
            patch.setattr(PGDialect_psycopg, "is_disconnect", lambda *_: False)
            unseen = property(lambda one: one is not ended and is_closed(one))
            patch.setattr(psycopg.Connection, "closed", unseen)
            with pytest.raises(OperationalError) as failure:
                hear()
        assert failure.value.connection_invalidated
        assert autocommit().scalar(text("SELECT 1")) == 1
