"""`flask users`, `flask tokens`, `flask permissions`."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.app import create_app
from notifyhub.auth import accounts
from notifyhub.auth.models import Token, User, UserPermission
from notifyhub.database.connections import orm_session
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, ROOT, SECRET_KEY, on_postgresql, on_sqlite
from tests.support.factories import EmailNotifierFactory

Run = Callable[..., Result]
SMS = "/api/notifications/notifiers/sms"
MESSAGES = "/api/notifications/messages"


@pytest.fixture
def run(app: Flask) -> Run:
    """Give a function that runs a command, which must succeed."""

    def invoke(*args: str) -> Result:
        result = app.test_cli_runner().invoke(args=list(args))
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return result

    return invoke


@pytest.fixture
def refused(app: Flask) -> Callable[..., str]:
    """Give a function that runs a command, which must fail, and returns what it says is wrong."""

    def invoke(*args: str) -> str:
        result = app.test_cli_runner().invoke(args=list(args))
        assert result.exit_code in {1, 2}
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr[result.stderr.index("Error: ") :].removesuffix("\n")

    return invoke


def status(app: Flask, key: str, path: str = "/api/me") -> int:
    return Api(app.test_client(), key).get(path).status


@pytest.mark.parametrize("role", ["admin", "staff", "user"])
def test_a_new_users_token_is_printed_alone_and_works(run: Run, app: Flask, role: str) -> None:
    key = run("users", "create", "سارا", "--role", role).stdout
    assert re.fullmatch(r"[0-9a-f]{40}\n", key)
    me = Api(app.test_client(), key.strip()).get("/api/me").json
    assert (me["name"], me["role"], me["test"]) == ("سارا", role, False)


def test_only_the_digest_of_a_token_is_stored(run: Run, app: Flask) -> None:
    key = run("users", "create", "a", "--role", "admin").stdout.strip()
    with app.app_context():
        row = db.session.execute(select(Token.__table__)).one()
    assert key not in str(row)


def test_staff_may_do_what_their_codes_name_from_the_moment_on(run: Run, app: Flask) -> None:
    key = run(
        "users", "create", "a", "--role", "staff", "--permission", "2812", "--permission", "2811"
    ).stdout.strip()
    assert status(app, key, SMS) == 200
    run("users", "forbid", "a", "2812", "2811")
    assert status(app, key, SMS) == 403
    run("users", "permit", "a", "2812", "1036")
    run("users", "permit", "a", "2812")
    assert status(app, key, SMS) == 200
    assert run("users", "list").stdout == "a\tstaff\tactive\t1036,2812\n"


def test_a_deactivated_users_tokens_are_refused_until_the_user_is_activated(run: Run, app: Flask) -> None:
    key = run("users", "create", "a", "--role", "admin").stdout.strip()
    run("users", "deactivate", "a")
    assert status(app, key) == 401
    assert run("users", "list").stdout == "a\tadmin\tinactive\t\n"
    run("users", "activate", "a")
    assert status(app, key) == 200


def test_codes_stay_when_a_role_is_changed_and_count_for_staff_alone(run: Run, app: Flask) -> None:
    key = run("users", "create", "a", "--role", "staff", "--permission", "2812").stdout.strip()
    run("users", "create", "other", "--role", "admin")
    for role, settings, notifiers in [("user", 403, 403), ("admin", 200, 200), ("staff", 403, 200)]:
        assert run("users", "role", "a", role).stdout == ""
        assert Api(app.test_client(), key).get("/api/me").json["role"] == role
        assert status(app, key, "/api/settings/notifications") == settings
        assert status(app, key, SMS) == notifiers
        assert f"a\t{role}\tactive\t2812\n" in run("users", "list").stdout


def test_what_belongs_to_a_deleted_user_is_gone_and_what_they_have_sent_stays(run: Run, app: Flask) -> None:
    admin = run("users", "create", "other", "--role", "admin").stdout.strip()
    key = run("users", "create", "shop", "--role", "staff", "--permission", "7811").stdout.strip()
    test = run("tokens", "issue", "shop", "--test").stdout.strip()
    with app.app_context():
        notifier = EmailNotifierFactory().id
    mail = {"channel": "email", "to": "a@example.com", "subject": "a", "text": "b", "notifier": notifier}
    sent = Api(app.test_client(), test).post(MESSAGES, mail, headers={"Idempotency-Key": "once"})
    assert sent.status == 201, sent.json

    told = run("users", "delete", "shop").stdout
    assert told == "User shop was deleted. Tokens that were deleted with it: 2.\n"
    assert (status(app, key), status(app, test), status(app, admin)) == (401, 401, 200)
    assert run("users", "list").stdout == "other\tadmin\tactive\t\n"
    assert len(run("tokens", "list").stdout.splitlines()) == 1
    with app.app_context():
        for model in (UserPermission, IdempotencyKey):
            assert db.session.scalars(select(model)).all() == []
    assert status(app, admin, f"{MESSAGES}/{sent.json['id']}") == 200

    run("users", "create", "shop", "--role", "staff")
    assert "shop\tstaff\tactive\t\n" in run("users", "list").stdout
    assert status(app, key) == 401


@pytest.mark.parametrize("args", ["users delete a", "users role a staff", "users role a user"])
def test_the_last_active_admin_stays_one(
    run: Run, refused: Callable[..., str], app: Flask, args: str
) -> None:
    key = run("users", "create", "a", "--role", "admin").stdout.strip()
    run("users", "create", "staff", "--role", "staff")
    run("users", "create", "away", "--role", "admin")
    run("users", "deactivate", "away")
    words = "Error: a is the last active admin: make another user an admin first."
    assert refused(*args.split()) == words
    assert Api(app.test_client(), key).get("/api/me").json["role"] == "admin"
    run("users", "role", "a", "admin")
    run("users", "role", "staff", "admin")
    run(*args.split())
    assert "a\tadmin" not in run("users", "list").stdout


@pytest.mark.parametrize("args", ["users delete away", "users role away user"])
def test_an_admin_who_is_not_active_is_not_needed(run: Run, args: str) -> None:
    run("users", "create", "away", "--role", "admin")
    run("users", "deactivate", "away")
    run(*args.split())
    assert "admin" not in run("users", "list").stdout


def test_of_two_admins_who_are_deleted_together_one_stays(run: Run, app: Flask) -> None:
    found: list[str] = []

    def delete_other() -> None:
        with app.app_context(), pytest.raises(accounts.LastAdmin) as refusal, orm_session() as session:
            accounts.delete_user(session, accounts.find_user(session, "b"))
        found.append(str(refusal.value))

    run("users", "create", "a", "--role", "admin")
    run("users", "create", "b", "--role", "admin")
    thread = threading.Thread(target=delete_other)
    with app.app_context(), orm_session() as session:
        accounts.delete_user(session, accounts.find_user(session, "a"))
        thread.start()
        time.sleep(0.3)  # it waits for this transaction's end; if it comes later, it finds the same
    thread.join()
    assert found == ["b is the last active admin: make another user an admin first."]
    assert run("users", "list").stdout == "b\tadmin\tactive\t\n"


def test_a_revoked_token_is_refused_and_others_are_not(run: Run, app: Flask) -> None:
    first = run("users", "create", "a", "--role", "admin").stdout.strip()
    second = run("tokens", "issue", "a").stdout.strip()
    run("tokens", "revoke", first[:8])
    run("tokens", "revoke", first)
    assert (status(app, first), status(app, second)) == (401, 200)


def test_a_token_expires(run: Run, app: Flask) -> None:
    run("users", "create", "a", "--role", "admin")
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        key = run("tokens", "issue", "a", "--expires-in", "0.5").stdout.strip()
        clock.shift(timedelta(hours=12) - timedelta(microseconds=1))
        assert status(app, key) == 200
        clock.shift(timedelta(microseconds=1))
        assert status(app, key) == 401


def test_a_token_for_tests_says_so(run: Run, app: Flask) -> None:
    run("users", "create", "a", "--role", "admin")
    key = run("tokens", "issue", "a", "--test").stdout.strip()
    assert Api(app.test_client(), key).get("/api/me").json["test"] is True


def test_tokens_are_listed_without_their_keys(run: Run, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "operator")
    with time_machine.travel(datetime(2030, 1, 1, 10, 30, tzinfo=UTC), tick=False):
        used = run("users", "create", "b", "--role", "admin").stdout.strip()
        run("users", "create", "a", "--role", "user")
        expired = run("tokens", "issue", "b", "--expires-in", "0.1", "--test").stdout.strip()
        revoked = run("tokens", "issue", "b").stdout.strip()
        run("tokens", "revoke", revoked)
        assert status(app, used) == 200
    with time_machine.travel(datetime(2030, 1, 2, tzinfo=UTC), tick=False):
        listed = run("tokens", "list", "b").stdout
        everybody = run("tokens", "list").stdout
    made = "made 2030-01-01T10:30Z by operator"
    assert listed.splitlines() == [
        f"{used[:8]}\tb\tactive\tlive\t{made}\texpires never\tlast used 2030-01-01T10:30Z",
        f"{expired[:8]}\tb\texpired\ttest\t{made}\texpires 2030-01-01T12:54Z\tlast used never",
        f"{revoked[:8]}\tb\trevoked\tlive\t{made}\texpires never\tlast used never",
    ]
    assert len(everybody.splitlines()) == 4
    assert used not in everybody


def test_a_label_ends_the_line_of_its_token(run: Run, app: Flask) -> None:
    run("users", "create", "a", "--role", "admin")
    key = run("tokens", "issue", "a", "--label", " فروشگاه: site 2 ").stdout.strip()
    assert status(app, key) == 200
    plain, labelled = (line.split("\t") for line in run("tokens", "list", "a").stdout.splitlines())
    assert plain[-1].startswith("last used")
    assert (labelled[0], labelled[-1]) == (key[:8], "فروشگاه: site 2")
    assert len(labelled) == len(plain) + 1


def test_a_process_whose_user_has_no_name_can_issue_tokens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    run("users", "create", "a", "--role", "admin")
    assert "by 4000000000" in run("tokens", "list").stdout


def test_listing_takes_as_many_queries_for_many_as_for_one(run: Run, queries: object) -> None:
    counts = []
    for number in range(3):
        run("users", "create", f"a{number}", "--role", "staff", "--permission", "2812")
        with queries as statements:  # type: ignore[attr-defined]
            run("users", "list")
            run("tokens", "list")
        counts.append(len(statements))
    assert len(set(counts)) == 1


def test_every_permission_is_listed_once_by_its_code(run: Run) -> None:
    lines = [line.split("\t") for line in run("permissions").stdout.splitlines()]
    codes = [int(code) for code, _, _ in lines]
    assert codes == sorted(set(codes))
    documented = {1036, 1037, *(first + n for first in (2811, 2821, 2831, 2841) for n in range(4))}
    assert documented <= set(codes)
    assert all(name and allows for _, name, allows in lines)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("users create a --role admin", "Error: There is a user a already."),
        ("users create b --role boss", "Error: Invalid value for '--role': 'boss' is not one of"),
        ("users create b", "Error: Missing option '--role'."),
        (
            "users create b --role staff --permission 1",
            "Error: 1 is no permission code: see `notifyhub permissions`.",
        ),
        ("users create b --role staff --permission x", "Error: Invalid value for '--permission'"),
        ("users create b --role admin --permission 2812", "Error: Permission codes are for staff"),
        ("users create b --role user --permission 2812", "Error: Permission codes are for staff"),
        ("users permit a 2812", "Error: Permission codes are for staff"),
        ("users permit a", "Error: Missing argument 'CODES...'."),
        ("users permit nobody 2812", "Error: There is no user nobody."),
        ("users forbid a 28", "Error: 28 is no permission code"),
        ("users deactivate nobody", "Error: There is no user nobody."),
        ("users activate nobody", "Error: There is no user nobody."),
        ("users role nobody user", "Error: There is no user nobody."),
        ("users role a boss", "Error: Invalid value for '{admin|staff|user}': 'boss' is not one of"),
        ("users role a", "Error: Missing argument '{admin|staff|user}'."),
        ("users delete nobody", "Error: There is no user nobody."),
        ("users delete", "Error: Missing argument 'NAME'."),
        (f"tokens issue a --label {'x' * 256}", "Error: A token's label has 1 to 255 characters"),
        ("tokens issue a --label a\0b", "Error: A token's label has 1 to 255 characters"),
        ("tokens issue nobody", "Error: There is no user nobody."),
        ("tokens list nobody", "Error: There is no user nobody."),
        ("tokens revoke 00000000", "Error: There is no token that begins so."),
        ("tokens revoke \udcff", "Error: PREFIX: This is not UTF-8."),
        (
            "tokens issue a --expires-in 0",
            "Error: Invalid value for '--expires-in': 0 is not a number of days above 0.",
        ),
        ("tokens issue a --expires-in -1", "Error: Invalid value for '--expires-in'"),
        ("tokens issue a --expires-in nan", "Error: Invalid value for '--expires-in'"),
        (
            "tokens issue a --expires-in 36500.1",
            "Error: Invalid value for '--expires-in': 36500.1 is not a number of days above 0. At most 36500",
        ),
        ("tokens issue a --expires-in 1e-12", "Error: Invalid value for '--expires-in'"),
        ("tokens issue a --expires-in inf", "Error: Invalid value for '--expires-in'"),
        ("tokens issue a --expires-in 1e9", "Error: Invalid value for '--expires-in'"),
        ("tokens issue a --expires-in soon", "Error: Invalid value for '--expires-in'"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    run: Run, refused: Callable[..., str], app: Flask, args: str, words: str
) -> None:
    run("users", "create", "a", "--role", "admin")
    assert refused(*args.split()).startswith(words)
    with app.app_context():
        assert len(db.session.scalars(select(User)).all()) == 1
        assert len(db.session.scalars(select(Token)).all()) == 1


@pytest.mark.parametrize("name", ["", "   ", "x" * 256, "a\tb", "a\nb", "a\0b", "\udcff", "a\u2028b"])
def test_names_that_cannot_stand_in_a_line_are_refused(refused: Callable[..., str], name: str) -> None:
    assert refused("users", "create", name, "--role", "admin").startswith("Error: A user's name has 1 to 255")
    assert refused("tokens", "issue", name).startswith("Error: There is no user")


def test_a_prefix_that_several_tokens_share_revokes_none(
    run: Run, refused: Callable[..., str], app: Flask
) -> None:
    key = run("users", "create", "a", "--role", "admin").stdout.strip()
    other = run("tokens", "issue", "a").stdout.strip()
    with app.app_context():
        for token in db.session.scalars(select(Token)):
            token.prefix = key[:8]
        db.session.commit()
    assert refused("tokens", "revoke", key[:8]) == "Error: Several tokens begin so: give more of it."
    assert refused("tokens", "revoke", "") == "Error: There is no token that begins so."
    run("tokens", "revoke", key)
    assert (status(app, key), status(app, other)) == (401, 200)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def unmigrated(request: pytest.FixtureRequest, empty_database: Callable[[str], str]) -> Iterator[Flask]:
    """The application on a database without tables."""
    app = create_app(
        {
            "NOTIFYHUB_DATABASE_URL": empty_database(request.param),
            "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
            "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
        }
    )
    yield app
    dispose(app)


@pytest.mark.parametrize(
    "args", ["users create a --role admin", "users list", "tokens list", "keys rotate", "notifiers seed -"]
)
def test_a_database_that_is_not_migrated_is_told_in_one_line(unmigrated: Flask, args: str) -> None:
    result = unmigrated.test_cli_runner().invoke(
        args=args.split(), input="sms: [{name: a, backend: ippanel}]"
    )
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database is not migrated, see `notifyhub db upgrade`: ")
    assert result.stderr.count("\n") == 1


def flask(environment: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", *args],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@on_postgresql
def test_as_a_process_the_token_is_alone_on_standard_output(app: Flask, environment: dict[str, str]) -> None:
    done = flask(environment, "users", "create", "process", "--role", "admin")
    assert (done.returncode, done.stderr) == (0, "")
    assert status(app, done.stdout.removesuffix("\n")) == 200


@on_sqlite
def test_a_wrong_variable_stops_a_command_with_one_line(environment: dict[str, str]) -> None:
    done = flask({**environment, "NOTIFYHUB_MAX_BODY_BYTES": "hunter2"}, "users", "list")
    assert done.returncode == 3
    assert done.stderr == "NOTIFYHUB_MAX_BODY_BYTES must be a whole number of at least 1\n"
    assert done.stdout == ""
