"""Settings from the environment and the instance folder."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from marshmallow import missing

from notifyhub import config
from notifyhub.app import create_app
from notifyhub.config import InvalidSetting
from notifyhub.extensions import db
from notifyhub.providers import ippanel, melipayamak
from notifyhub.providers.registry import URL_VARIABLES
from tests.support.databases import dispose
from tests.support.environment import ENCRYPTION_KEY, ROOT, SECRET_KEY

GIVEN = {
    "NOTIFYHUB_DATABASE_URL": "postgresql://user:hunter2@localhost/notifyhub",
    "NOTIFYHUB_SECRET_KEY": SECRET_KEY,
    "NOTIFYHUB_ENCRYPTION_KEYS": ENCRYPTION_KEY,
}


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "instance"


def configured(instance: Path, **variables: str) -> dict[str, Any]:
    app = Flask("notifyhub")
    given = {f"NOTIFYHUB_{name}": value for name, value in variables.items()}
    config.configure(app, {"NOTIFYHUB_INSTANCE": str(instance), **given}, URL_VARIABLES.values())
    return dict(app.config)


def refusal(instance: Path, **variables: str) -> str:
    with pytest.raises(InvalidSetting) as raised:
        configured(instance, **variables)
    return str(raised.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_readme_lists_the_variables_that_are_read_with_their_defaults() -> None:
    table = re.findall(r"^\| `NOTIFYHUB_(\w+)` \| ([^|]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    fields = config._Environment().fields
    assert sorted(name for name, _ in table) == sorted([*fields, *URL_VARIABLES.values()])
    defaults = {name: field.load_default for name, field in fields.items()}
    given = {name: str(int(value) if isinstance(value, bool) else value) for name, value in defaults.items()}
    urls = {"IPPANEL_URL": ippanel.URL, "MELIPAYAMAK_URL": melipayamak.URL}
    for name, words in table:
        literal = re.fullmatch(r"`([^`]+)`(?: \(\w+\))?", words)
        if literal:
            assert literal[1] == {**given, **urls}[name], name
        else:  # nothing, or what can't be given: the instance folder's
            assert defaults[name] in {missing, None, list, frozenset, "filesystem://"}, name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MASK_SECRETS", "1", True),
        ("MASK_SECRETS", "0", False),
        ("MASK_SECRETS", "", False),
        ("MASK_SECRETS", " true\n", True),
        ("MAX_LIMIT", "5", 5),
        ("MAX_LIMIT", "  ", 1000),
        ("MAX_BODY_BYTES", "2048", 2048),
        ("TRUSTED_PROXIES", "0", 0),
        ("RATE_LIMIT", "600/minute;10000/day", "600/minute;10000/day"),
        ("RATE_LIMIT", "0", "0"),
        ("CORS_ORIGINS", "https://a.example, https://b.example,", ["https://a.example", "https://b.example"]),
        (
            "CORS_ORIGINS",
            "HTTPS://A.example:443,http://[::1]:3000",
            ["https://a.example", "http://[::1]:3000"],
        ),
        ("CORS_ORIGINS", "http://localhost:443,https://a:80", ["http://localhost:443", "https://a:80"]),
        ("ALLOWED_HOSTS", "", frozenset()),
        ("ALLOWED_HOSTS", "API.example.com., 192.0.2.1,[::1],", {"api.example.com", "192.0.2.1", "[::1]"}),
        ("CREDIT_INTERVAL", "60", 60),
        ("LOG_FORMAT", "json", "json"),
        ("TIMEZONE", "Asia/Kathmandu", "Asia/Kathmandu"),
        ("REDIS_URL", "rediss://:password@host:6380/1", "rediss://:password@host:6380/1"),
        ("IPPANEL_URL", "https://edge.ippanel.com/v1", "https://edge.ippanel.com/v1"),
        ("IPPANEL_URL", " ", None),
        ("MELIPAYAMAK_URL", "http://127.0.0.1:8081/api/", "http://127.0.0.1:8081/api/"),
        ("MELIPAYAMAK_URL", "http://[::1]:8081", "http://[::1]:8081"),
        ("SMTP_VERIFY", "0", False),
        ("SMTP_VERIFY", "", True),
        ("MAIL_HOSTS", "", []),
        ("MAIL_HOSTS", "mail.example.com,10.0.0.0/8", ["mail.example.com", "10.0.0.0/8"]),
        ("WEBHOOK_ALLOW", "", []),
        (
            "WEBHOOK_ALLOW",
            "shop.internal, localhost,10.0.0.0/8,::1,",
            ["shop.internal", "localhost", "10.0.0.0/8", "::1"],
        ),
    ],
)
def test_a_variable_sets_what_it_names(instance: Path, name: str, value: str, expected: Any) -> None:
    assert configured(instance, **{name: value})[name] == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("DATABASE_URL", "hunter2"),
        ("DATABASE_URL", "postgresql://user:hunter2@host:port/db"),
        ("DATABASE_URL", "postgresql://user:hunter2@host/db?prepare_threshold=5"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:///file:hunter2?mode=memory&uri=true"),
        ("SECRET_KEY", "hunter2"),
        ("ENCRYPTION_KEYS", "hunter2"),
        ("ENCRYPTION_KEYS", f"{ENCRYPTION_KEY},hunter2"),
        ("ENCRYPTION_KEYS", ","),
        ("REDIS_URL", "http://:hunter2@host"),
        ("REDIS_URL", "unix:///hunter2"),
        ("REDIS_URL", "redis://:hunter2@host:port"),
        ("REDIS_URL", "redis://"),
        ("MASK_SECRETS", "hunter2"),
        ("RATE_LIMIT", "hunter2"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "-1"),
        ("MAX_LIMIT", "0"),
        ("MAX_LIMIT", "1.5"),
        ("MAX_LIMIT", "-1"),
        ("MAX_LIMIT", "1_000"),
        ("MAX_LIMIT", "۵"),
        ("MAX_LIMIT", "9" * 19),
        ("MAX_BODY_BYTES", "hunter2"),
        ("TRUSTED_PROXIES", "hunter2"),
        ("CORS_ORIGINS", "hunter2"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://*.hunter2.example"),
        ("CORS_ORIGINS", "https://a.example,https://hunter2.example/"),
        ("CORS_ORIGINS", "https://hunter2.example?x"),
        ("CORS_ORIGINS", "https://user:hunter2@a.example"),
        ("CORS_ORIGINS", "ftp://hunter2.example"),
        ("CORS_ORIGINS", "https://hunter2.example:0"),
        ("CORS_ORIGINS", "https://hunter2.example:65536"),
        ("CORS_ORIGINS", "https://(hunter2|b).example"),
        ("CORS_ORIGINS", "null"),
        ("ALLOWED_HOSTS", "*.hunter2.example"),
        ("ALLOWED_HOSTS", ".hunter2.example"),
        ("ALLOWED_HOSTS", "hunter2.example:443"),
        ("ALLOWED_HOSTS", "https://hunter2.example"),
        ("ALLOWED_HOSTS", "hunter2 example"),
        ("CREDIT_INTERVAL", "0"),
        ("CREDIT_INTERVAL", "hunter2"),
        ("LOG_FORMAT", "hunter2"),
        ("TIMEZONE", "hunter2"),
        ("TIMEZONE", "asia/tehran"),
        ("IPPANEL_URL", "hunter2"),
        ("IPPANEL_URL", "ftp://hunter2"),
        ("IPPANEL_URL", "https:///hunter2"),
        ("IPPANEL_URL", "https://host:hunter2"),
        ("IPPANEL_URL", "https://host/hunter2?query"),
        ("IPPANEL_URL", "https://host/hunter2#fragment"),
        ("IPPANEL_URL", "https://user:hunter2@host"),
        ("MELIPAYAMAK_URL", "https://host/hunter 2"),
        ("MELIPAYAMAK_URL", "https://host/\nhunter2"),
        ("SMTP_VERIFY", "hunter2"),
        ("BROKER_URL", "hunter2"),
        ("BROKER_URL", "sqs://hunter2"),
        ("BROKER_URL", "filesystem://hunter2"),
        ("BROKER_URL", "amqp://:hunter2@"),
        ("BROKER_URL", "amqp://host:hunter2"),
        ("BROKER_URL", "amqp://[hunter2"),
        ("BROKER_URL", "redis://host/hunter2"),
        ("QUEUE_PREFIX", "hunter2 hunter2"),
        ("MAIL_HOSTS", "hunter2:25"),
        ("MAIL_HOSTS", "smtp://hunter2"),
        ("WEBHOOK_ALLOW", "https://hunter2"),
        ("WEBHOOK_ALLOW", "localhost,hunter2:8000"),
        ("WEBHOOK_ALLOW", "10.0.0.0/33"),
        ("WEBHOOK_ALLOW", "*.hunter2"),
        ("WEBHOOK_ALLOW", "256.1.1.1"),
        ("INSTANCE", "/hunter2\udcff"),
        ("QUEUE_PREFIX", "hunter2\udcff"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_variable_and_not_the_value(
    instance: Path, name: str, value: str
) -> None:
    words = refusal(instance, **{name: value})
    assert words.startswith(f"NOTIFYHUB_{name} must ")
    assert "\n" not in words
    assert "hunter2" not in words
    assert not instance.exists()


def test_any_spelling_of_a_postgresql_url_uses_psycopg_3(instance: Path) -> None:
    for scheme in ("postgresql", "postgresql+psycopg2", "postgresql+asyncpg"):
        found = configured(instance, DATABASE_URL=f"{scheme}://user:p%40ss@host/db")
        assert found["SQLALCHEMY_DATABASE_URI"] == "postgresql+psycopg://user:p%40ss@host/db"


@pytest.mark.parametrize(
    "url",
    [
        "amqp://host",
        "amqps://user:word@host:5671//",
        "redis://host",
        "redis://host:6379/",
        "rediss://:word@host/2",
    ],
)
def test_a_broker_is_rabbitmq_or_redis(instance: Path, url: str) -> None:
    assert configured(instance, BROKER_URL=url)["BROKER_URL"] == url


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("WEBHOOKS_ALLOW", "is not a variable that is read: is NOTIFYHUB_WEBHOOK_ALLOW meant?"),
        ("ENCRYPTION_KEY", "is not a variable that is read: is NOTIFYHUB_ENCRYPTION_KEYS meant?"),
        ("webhook_allow", "is not a variable that is read."),
        ("SOMETHING", "is not a variable that is read."),
        ("", "is not a variable that is read."),
    ],
)
@pytest.mark.parametrize("value", ["hunter2", ""])
def test_a_variable_that_nothing_reads_is_told(instance: Path, name: str, words: str, value: str) -> None:
    assert refusal(instance, **{name: value}) == f"NOTIFYHUB_{name} {words}"
    assert not instance.exists()


def test_the_name_of_a_variable_is_told_in_one_short_line(instance: Path) -> None:
    words = refusal(instance, **{"A\n\x1b[31m" + "B" * 10_000: "1"})
    assert words.startswith(r"NOTIFYHUB_A\n\x1b[31mBBB")
    assert words.isprintable()
    assert len(words) < 150


def test_variables_of_others_are_not_read(instance: Path) -> None:
    app = Flask("notifyhub")
    environment = {"NOTIFYHUB_INSTANCE": str(instance), "SOMETHING": "1", "NOTIFYHUBX": "1"}
    config.configure(app, environment, URL_VARIABLES.values())
    assert dict(app.config) == configured(instance)


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS"])
def test_with_postgresql_the_keys_are_given_or_a_folder_is_named_that_keeps_them(
    instance: Path, name: str
) -> None:
    app = Flask("notifyhub", instance_path=str(instance))
    given = {variable: value for variable, value in GIVEN.items() if variable != f"NOTIFYHUB_{name}"}
    with pytest.raises(InvalidSetting) as raised:
        config.configure(app, given)
    assert str(raised.value).startswith(f"NOTIFYHUB_{name} must be given with PostgreSQL: ")
    assert "\n" not in str(raised.value)
    assert not instance.exists()

    config.configure(app, {**given, "NOTIFYHUB_INSTANCE": str(instance)})
    assert [file.name for file in instance.iterdir()] == [name.lower()]


def test_the_instance_folder_is_not_touched_where_the_variables_leave_nothing_open(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    app = Flask("notifyhub")
    config.configure(app, {**GIVEN, "NOTIFYHUB_INSTANCE": str(blocked / "instance")})
    assert list(tmp_path.iterdir()) == [blocked]


def test_keys_and_database_are_made_once_for_their_owner_alone(instance: Path) -> None:
    first = configured(instance)
    assert configured(instance) == first
    assert first["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{instance}/notifyhub.db"
    assert mode(instance) == 0o700
    assert {file.name: mode(file) for file in instance.iterdir()} == {
        "secret_key": 0o600,
        "encryption_keys": 0o600,
        "notifyhub.db": 0o600,
    }
    other = configured(instance.parent / "other")
    assert other["SECRET_KEY"] != first["SECRET_KEY"]
    assert other["ENCRYPTION_KEYS"] != first["ENCRYPTION_KEYS"]


def test_a_sqlite_path_is_relative_to_the_instance_folder(instance: Path) -> None:
    found = configured(instance, DATABASE_URL="sqlite+pysqlite:///other.db?timeout=5")
    assert found["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{instance}/other.db?timeout=5"
    assert mode(instance / "other.db") == 0o600


def test_a_sqlite_database_elsewhere_is_its_owners_too(instance: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    app = create_app({**GIVEN, "NOTIFYHUB_DATABASE_URL": url, "NOTIFYHUB_INSTANCE": str(instance)})
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        assert {file.name: mode(file) for file in tmp_path.glob("x.db*")} == {
            "x.db": 0o600,
            "x.db.turn": 0o600,
            "x.db-wal": 0o600,
            "x.db-shm": 0o600,
        }
    dispose(app)


def test_places_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = refusal(tmp_path / "file" / "instance")
    assert words.startswith(
        "NOTIFYHUB_INSTANCE must name a place that can be read and written: Not a directory"
    )
    words = refusal(tmp_path, DATABASE_URL="sqlite:////nowhere/at/all.db")
    assert words.startswith(
        "NOTIFYHUB_DATABASE_URL must name a place that can be read and written: No such file"
    )
    (tmp_path / "secret_key").unlink(missing_ok=True)
    (tmp_path / "secret_key").mkdir()
    assert refusal(tmp_path).startswith("NOTIFYHUB_INSTANCE must name a place")


@pytest.mark.parametrize("content", [b"", b" \n", b"hunter2", b"\xff\0"])
@pytest.mark.parametrize("name", ["secret_key", "encryption_keys"])
def test_a_file_of_keys_that_is_empty_or_wrong_is_told(instance: Path, name: str, content: bytes) -> None:
    configured(instance)
    (instance / name).write_bytes(content)
    words = refusal(instance)
    assert words.startswith(f"NOTIFYHUB_{name.upper()}, as {instance}/{name} holds it, must ")
    assert "\n" not in words
    assert "hunter2" not in words


def test_a_file_can_hold_several_keys(instance: Path) -> None:
    keys = [Fernet.generate_key().decode() for _ in range(2)]
    instance.mkdir(parents=True)
    (instance / "encryption_keys").write_text(",".join(keys) + "\n")
    assert configured(instance)["ENCRYPTION_KEYS"] == keys


@pytest.mark.parametrize("left", [(), ("secret_key",), ("secret_key", "encryption_keys")])
def test_a_first_start_that_was_interrupted_is_taken_up_again(instance: Path, left: tuple[str, ...]) -> None:
    first = configured(instance)
    for name in {"secret_key", "encryption_keys"} - set(left):
        (instance / name).unlink()
    again = configured(instance)
    assert {name.upper() for name in left if again[name.upper()] == first[name.upper()]} == {
        name.upper() for name in left
    }
    assert len(list(instance.iterdir())) == 3


@pytest.mark.parametrize("name", ["secret_key", "encryption_keys"])
def test_no_key_is_made_beside_a_database_that_is_in_use(instance: Path, name: str) -> None:
    configured(instance)
    (instance / "notifyhub.db").write_bytes(b"rows")
    (instance / name).unlink()
    words = refusal(instance)
    assert words.startswith(f"NOTIFYHUB_{name.upper()} must be given, or {instance}/{name} restored ")
    assert "\n" not in words
    assert not (instance / name).exists()


@pytest.mark.parametrize(
    "left",
    [("secret_key", "encryption_keys"), ("notifyhub.db.turn",), ("notifyhub.db.turn", "encryption_keys")],
)
def test_no_database_is_made_in_the_place_of_one_that_is_gone(instance: Path, left: tuple[str, ...]) -> None:
    configured(instance)
    for file in list(instance.iterdir()):
        file.unlink()
    for name in left:
        (instance / name).touch()
    words = refusal(instance)
    assert words.startswith("NOTIFYHUB_INSTANCE must name the place of a whole installation: ")
    assert f"{instance}/notifyhub.db is missing" in words
    assert "\n" not in words
    for name in left:
        assert str(instance / name) in words
        (instance / name).unlink()  # as the words say
    configured(instance)


def test_a_database_elsewhere_is_not_made_again_either(instance: Path, tmp_path: Path) -> None:
    (tmp_path / "x.db.turn").touch()
    given = {name.removeprefix("NOTIFYHUB_"): value for name, value in GIVEN.items()}
    words = refusal(instance, **{**given, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"})
    assert words.startswith("NOTIFYHUB_DATABASE_URL must name the place of a whole installation: ")


def test_a_place_that_can_only_be_read_is_told(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(instance)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert refusal(instance) == (
        "NOTIFYHUB_INSTANCE must name a place that can be read and written: "
        f"Permission denied: {instance}/notifyhub.db"
    )


def test_processes_that_start_together_agree_on_the_keys(instance: Path) -> None:
    # Made before, one by one: they compile code, at which Python 3.11's threads meet.
    apps = [Flask("notifyhub") for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda app: config.configure(app, {"NOTIFYHUB_INSTANCE": str(instance)}), apps):
            pass
    assert all(app.config == apps[0].config for app in apps)
    assert len(list(instance.iterdir())) == 3
