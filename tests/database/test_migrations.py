"""The migrations build what the models say, forward and back, on both databases."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.fernet import Fernet
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select

from notifyhub.app import create_app
from notifyhub.auth.models import UserPermission
from notifyhub.database.registration import MIGRATIONS
from notifyhub.extensions import db
from notifyhub.notifiers.models import SMSNotifier
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, SECRET_KEY
from tests.support.factories import (
    EmailNotifierFactory,
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
    UserFactory,
    WebhookFactory,
)

PREFIXES = {"primary key": "pk", "foreign keys": "fk", "unique": "uq", "checks": "ck", "indexes": "ix"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def application(
    request: pytest.FixtureRequest,
    empty_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Flask]:
    app = create_app(
        {
            "NOTIFYHUB_DATABASE_URL": empty_database(request.param),
            "NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance")),
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        }
    )
    yield app
    dispose(app)


@pytest.fixture
def unmigrated(application: Flask) -> Iterator[None]:
    """Enter the context of an application whose database holds nothing."""
    with application.app_context():
        downgrade(revision="base")
        yield


def described() -> dict[str, dict[str, Any]]:
    """Return all that the database tells about its tables, names of constraints included."""
    inspector = inspect(db.engine)
    columns, keys = inspector.get_multi_columns(), inspector.get_multi_pk_constraint()
    references, unique = inspector.get_multi_foreign_keys(), inspector.get_multi_unique_constraints()
    checks, indexes = inspector.get_multi_check_constraints(), inspector.get_multi_indexes()
    return {
        table: {
            "columns": [
                {**column, "type": (repr(column["type"]), getattr(column["type"], "collation", None))}
                for column in columns[place]
            ],
            "primary key": [keys[place]],
            "foreign keys": sorted(references[place], key=_name),
            "unique": sorted(unique[place], key=_name),
            "checks": sorted(checks[place], key=_name),
            "indexes": [_plain(index) for index in sorted(indexes[place], key=_name)],
        }
        for table in sorted(set(inspector.get_table_names()) - {"alembic_version"})
        for place in [(None, table)]
    }


def _plain(index: Any) -> dict[str, Any]:
    """Return an index with its condition as text, which can be compared."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _name(constraint: Any) -> str:
    return str(constraint["name"])


@pytest.mark.usefixtures("unmigrated")
def test_the_migrations_build_what_the_models_say() -> None:
    db.create_all()
    modelled = described()
    db.drop_all()
    assert described() == {}
    upgrade()
    assert described() == modelled
    assert set(modelled) == set(db.metadata.tables)
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.usefixtures("unmigrated")
def test_every_constraint_has_a_name_that_says_where_it_belongs() -> None:
    upgrade()
    for table, parts in described().items():
        for kind, prefix in PREFIXES.items():
            for part in parts[kind]:
                # SQLite has no name for a key that counts up; PostgreSQL lists what is unique as an index.
                if kind == "primary key" and part["name"] is None and db.engine.name == "sqlite":
                    continue
                if "duplicates_constraint" in part:
                    continue
                assert part["name"].startswith(f"{prefix}_{table}")


@pytest.mark.usefixtures("unmigrated")
def test_the_migrations_go_back_and_forth_with_data_and_leave_nothing() -> None:
    upgrade()
    first = described()
    UserFactory(role="staff", codes=(2811,))
    SMSPatternFactory()
    EmailPatternFactory()
    db.session.remove()
    downgrade(revision="base")
    assert inspect(db.engine).get_table_names() == ["alembic_version"]
    if db.engine.name == "postgresql":
        assert inspect(db.engine).get_sequence_names() == []
    upgrade()
    assert described() == first
    assert SMSPatternFactory().id == 1
    assert EmailPatternFactory().id == 1


@pytest.mark.parametrize(
    "application", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.usefixtures("unmigrated")
def test_each_migration_goes_back_to_the_one_before_it() -> None:
    before: dict[str, dict[str, Any]] = {}
    for revision in _revisions():
        upgrade(revision=revision)
        after = described()
        downgrade(revision="-1")
        assert described() == before
        upgrade(revision=revision)
        assert described() == after
        before = after


@pytest.mark.usefixtures("unmigrated")
def test_a_second_upgrade_keeps_everything() -> None:
    upgrade()
    stored, before = SMSPatternFactory(name="kept"), described()
    db.session.remove()
    upgrade()
    assert described() == before
    assert db.session.get_one(type(stored), stored.id).name == "kept"


@pytest.mark.usefixtures("unmigrated")
def test_grants_move_to_the_codes_that_messages_codes_and_webhooks_have_now_and_back() -> None:
    documented = [1036, 2811, 2824, 2834]
    before = [*documented, 2841, 2842, 2843, 2851, 2852, 2853, 2854, 2861, 2862, 2863, 2864]
    after = [*documented, 7811, 7812, 7813, 7821, 7822, 7823, 7824, 7831, 7832, 7833, 7834]
    upgrade(revision="0006")
    both = [UserFactory(role="staff", codes=before).id, UserFactory(role="staff", codes=(2842,)).id]
    db.session.remove()

    def granted() -> list[list[int]]:
        with db.engine.connect() as connection:
            query = select(UserPermission.code).order_by(UserPermission.code)
            return [list(connection.scalars(query.where(UserPermission.user_id == user))) for user in both]

    upgrade()
    assert granted() == [after, [7812]]
    downgrade(revision="0006")
    assert granted() == [before, [2842]]


@pytest.mark.usefixtures("unmigrated")
def test_grants_for_email_patterns_do_not_become_grants_for_messages_on_the_way_back() -> None:
    upgrade()
    user = UserFactory(role="staff", codes=(2834, 2841, 2842, 2843, 2844, 7811)).id
    db.session.remove()
    for revision, left in (("0014", [2834, 7811]), ("0006", [2834, 2841])):
        downgrade(revision=revision)
        with db.engine.connect() as connection:
            codes = select(UserPermission.code).where(UserPermission.user_id == user)
            assert sorted(connection.scalars(codes)) == left


@pytest.mark.usefixtures("unmigrated")
def test_secrets_are_bound_to_their_places_and_freed_again() -> None:
    upgrade()
    given = {"token": "t", "n": [1, None, "سلام"]}
    sms = SMSNotifierFactory(settings=given).id
    email, blank = EmailNotifierFactory(password="رمز").id, EmailNotifierFactory(password="").id
    SMSNotifierFactory(settings={})
    secret = WebhookFactory().secret
    db.session.remove()
    cipher = Fernet(ENCRYPTION_KEY)

    def contents(table: str, column: str) -> list[bytes | None]:
        with db.engine.connect() as connection:
            stored = connection.exec_driver_sql(f"SELECT {column} FROM {table} ORDER BY id").scalars()
            return [value and cipher.decrypt(value) for value in stored]

    downgrade(revision="0007")
    assert contents("email_notifiers", "password") == ["رمز".encode(), b""]
    assert [found and json.loads(found) for found in contents("sms_notifiers", "settings")] == [given, None]
    assert [json.loads(found or b"") for found in contents("webhooks", "secret")] == [dict(secret)]
    for _ in range(2):
        upgrade()
        assert contents("email_notifiers", "password") == [
            b"\0email_notifiers.password:%d\0" % row + plain
            for row, plain in ((email, "رمز".encode()), (blank, b""))
        ]
        assert db.session.get_one(SMSNotifier, sms).settings == given
        db.session.remove()


def test_there_is_one_line_of_migrations_in_files_that_tell_their_place() -> None:
    revisions = _revisions()
    files = sorted(file.stem for file in (Path(MIGRATIONS) / "versions").glob("*.py"))
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1
    assert [file.split("_")[0] for file in files] == revisions


def _revisions() -> list[str]:
    return [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()][::-1]
