"""Every setting: its variable, its default, its check. The one place that reads the environment."""

import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from flask import Flask
from limits import parse_many
from marshmallow import Schema, ValidationError, fields, post_load, validate
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from notifyhub import instance
from notifyhub.instance import PREFIX, InvalidSetting
from notifyhub.text import origins, zones

DEFAULT_BODY_BYTES = 1024 * 1024
_EMBEDDED = "sqlite:///notifyhub.db"


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _database_url(text: str) -> None:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        url = None
    if url is None or url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ValidationError("must be a sqlite:// or postgresql:// URL")
    if url.get_backend_name() == "sqlite" and (url.database in {None, "", ":memory:"} or "uri" in url.query):
        raise ValidationError("must name a file by its path: sqlite:////var/lib/notifyhub/notifyhub.db")
    if url.query.get("prepare_threshold", "none") != "none":
        raise ValidationError("must have prepare_threshold=none, or none at all: it is for poolers")


def _names_host(text: str, *schemes: str) -> bool:
    """Return whether a URL has one of the schemes, and a host with a usable port."""
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _redis_url(text: str) -> None:
    if not _names_host(text, "redis", "rediss"):
        raise ValidationError("must be a redis:// or rediss:// URL")


def _broker_url(text: str) -> None:
    if not _names_host(text, "amqp", "amqps") and not (
        _names_host(text, "redis", "rediss") and re.fullmatch("/?[0-9]*", urlsplit(text).path)
    ):
        raise ValidationError("must be an amqp:// or redis:// URL; the path of the latter is a number")


def _base_url(text: str) -> None:
    """Check a base URL, to which paths are appended: without a user name, a query or a fragment."""
    if not _names_host(text, "http", "https") or not re.fullmatch(r"[!-~]+", text) or set("?#@") & set(text):
        raise ValidationError("must be an http:// or https:// URL without a log-in, a query or a fragment")


def _encryption_keys(text: str) -> None:
    try:
        keys = [Fernet(key) for key in _split(text)]
    except ValueError:
        keys = []
    if not keys:
        raise ValidationError("must be Fernet keys (32 bytes in URL-safe base64), separated by commas")


def _rate_limit(text: str) -> None:
    if text == "0":
        return
    try:
        limits = parse_many(text)
    except ValueError:
        limits = []
    if not limits or any(limit.amount < 1 for limit in limits):
        raise ValidationError("must be a limit such as 600/minute, or 0 for none")


def _time_zone(text: str) -> None:
    try:
        zones.zone(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _hosts(text: str) -> list[str]:
    """Return host names, addresses and networks, which are checked and left as texts."""
    entries = _split(text)
    for entry in entries:
        try:
            ipaddress.ip_network(entry, strict=False)
        except ValueError:
            # What ends with a number is an address, here a wrong one.
            if not re.fullmatch(r"([A-Za-z0-9_-]{1,63}\.)*(?![0-9]+\.?\Z)[A-Za-z0-9_-]{1,63}\.?", entry):
                raise ValidationError(
                    "must be host names, addresses and networks, separated by commas"
                ) from None
    return entries


def _whole_number(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < least:
            raise ValidationError(f"must be a whole number of at least {least}")
        return int(text)

    return read


class _Flag(fields.Boolean):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            truthy={"1", "true"},
            falsy={"0", "false"},
            error_messages={"invalid": "must be 1 or 0"},
            **options,
        )


class _Environment(Schema):
    """The variables, without their prefix. An empty one counts as absent."""

    DATABASE_URL = fields.String(validate=_database_url)
    SECRET_KEY = fields.String(validate=validate.Length(min=16, error="must have at least 16 characters"))
    ENCRYPTION_KEYS = fields.String(validate=_encryption_keys)
    INSTANCE = fields.String()
    REDIS_URL = fields.String(validate=_redis_url, load_default=None)
    MASK_SECRETS = _Flag(load_default=False)
    RATE_LIMIT = fields.String(validate=_rate_limit, load_default="0")
    MAX_LIMIT = fields.Function(deserialize=_whole_number(1), load_default=1000)
    MAX_BODY_BYTES = fields.Function(deserialize=_whole_number(1), load_default=DEFAULT_BODY_BYTES)
    TRUSTED_PROXIES = fields.Function(deserialize=_whole_number(0), load_default=0)
    ALLOWED_HOSTS = fields.Function(
        deserialize=lambda text: origins.names(_split(text)), load_default=frozenset
    )
    CORS_ORIGINS = fields.Function(deserialize=lambda text: origins.origins(_split(text)), load_default=list)
    BROKER_URL = fields.String(validate=_broker_url, load_default="filesystem://")
    QUEUE_PREFIX = fields.String(
        validate=validate.Regexp(
            r"[A-Za-z0-9_-]{1,64}\Z", error="must be 1 to 64 ASCII letters, digits, hyphens or underscores"
        ),
        load_default="notifyhub",
    )
    LEASE_SECONDS = fields.Function(deserialize=_whole_number(1), load_default=60)
    REPORT_DELAY = fields.Function(deserialize=_whole_number(1), load_default=10)
    BREAKER_FAILURES = fields.Function(deserialize=_whole_number(1), load_default=5)
    BREAKER_REST = fields.Function(deserialize=_whole_number(1), load_default=30)
    CREDIT_INTERVAL = fields.Function(deserialize=_whole_number(1), load_default=600)
    SMTP_VERIFY = _Flag(load_default=True)
    MAIL_HOSTS = fields.Function(deserialize=_hosts, load_default=list)
    WEBHOOK_ALLOW = fields.Function(deserialize=_hosts, load_default=list)
    TIMEZONE = fields.String(validate=_time_zone, load_default="Asia/Tehran")
    METRICS_TOKEN = fields.String(
        validate=validate.Regexp(
            r"[A-Za-z0-9._~+/-]+=*\Z", error="must have ASCII letters, digits, and . _ ~ + / - only"
        ),
        load_default=None,
    )
    LOG_FORMAT = fields.String(
        validate=validate.OneOf(("json", "console"), error="must be json or console"), load_default="console"
    )

    @post_load
    def _use_own_drivers(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Use psycopg 3 and Python's sqlite3, whatever driver the URL names."""
        if "DATABASE_URL" in values:
            url = make_url(values["DATABASE_URL"])
            url = url.set(drivername=_DRIVERS[url.get_backend_name()])
            values["DATABASE_URL"] = url.render_as_string(hide_password=False)
        return values


_DRIVERS = {"postgresql": "postgresql+psycopg", "sqlite": "sqlite"}

_GENERATED_SECRETS: Mapping[str, Callable[[], str]] = {
    "SECRET_KEY": secrets.token_hex,
    "ENCRYPTION_KEYS": lambda: Fernet.generate_key().decode(),
}
"""What generates the secrets that no variable gives; the instance folder keeps them."""


def read(environment: Mapping[str, str], url_variables: Iterable[str] = ()) -> dict[str, Any]:
    """Return the settings that `environment` gives, checked, under their names without the prefix.

    `url_variables` are further ones, which hold the base of an HTTP API's URLs and are None by default.
    Raises InvalidSetting for the first variable that is wrong, or that nothing reads: it may be a known one,
    misspelt.
    """
    given = {
        name.removeprefix(PREFIX): value.strip()
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    known = _Environment.from_dict(
        {name: fields.String(validate=_base_url, load_default=None) for name in url_variables}
    )()
    for name in sorted(given.keys() - known.fields.keys()):
        raise InvalidSetting(_unknown(name, known.fields))
    for name in (
        name for name, value in given.items() if any("\ud800" <= letter <= "\udfff" for letter in value)
    ):
        raise InvalidSetting(f"{PREFIX}{name} must be UTF-8")
    try:
        return dict(known.load({name: value for name, value in given.items() if value}))
    except ValidationError as error:
        name, words = next(iter(cast("dict[str, list[str]]", error.messages).items()))
        raise InvalidSetting(f"{PREFIX}{name} {words[0]}") from None


def _unknown(name: str, known: Iterable[str]) -> str:
    shown = ascii(f"{PREFIX}{name[:64]}")[1:-1]
    meant = get_close_matches(name, known, n=1, cutoff=0.8)
    return f"{shown} is not a variable that is read{f': is {PREFIX}{meant[0]} meant?' if meant else '.'}"


def configure(
    app: Flask, environment: Mapping[str, str] | None = None, url_variables: Iterable[str] = ()
) -> None:
    """Fill `app.config` from the environment, and from the instance folder what it leaves open.

    `url_variables` are those of the providers, which declare them themselves.
    The instance folder holds the embedded default: the SQLite database, the queue and the keys, which are
    made on the first start, readable by their owner alone. It is not touched where the variables leave
    nothing open. A PostgreSQL server is there for several machines, which need the same keys: there they are
    made only in a folder that was named for it.
    """
    values = read(os.environ if environment is None else environment, url_variables)
    named = "INSTANCE" in values
    folder = _folder(values, app.instance_path)
    app.instance_path = str(folder)
    missing = tuple(name for name in _GENERATED_SECRETS if name not in values)
    url = values.pop("DATABASE_URL", _EMBEDDED)
    if make_url(url).get_backend_name() == "sqlite":
        url = instance.sqlite_file(folder, url, missing)
    elif missing and not named:
        raise InvalidSetting(
            f"{PREFIX}{missing[0]} must be given with PostgreSQL: it is the same on every machine. "
            f"(Or {PREFIX}INSTANCE must name a folder that keeps it.)"
        )
    for name in missing:
        values[name] = _read_or_create(folder, name)
    app.config.update(
        values,
        ENCRYPTION_KEYS=_split(values["ENCRYPTION_KEYS"]),
        SQLALCHEMY_DATABASE_URI=url,
        MAX_CONTENT_LENGTH=values["MAX_BODY_BYTES"],
        RATELIMIT_ENABLED=values["RATE_LIMIT"] != "0",
    )


@dataclass(frozen=True)
class Installation:
    """Where an installation keeps its data: read from the variables, nothing touched.

    `database` is SQLite's file, None with PostgreSQL; `keys` are those that variables give.
    """

    folder: Path
    database: Path | None
    keys: Mapping[str, str]


def installation(environment: Mapping[str, str], url_variables: Iterable[str] = ()) -> Installation:
    """Return what the variables say of the installation. Raises InvalidSetting for a wrong one."""
    values = read(environment, url_variables)
    folder = _folder(values, Flask("notifyhub.app").instance_path)
    url = make_url(values.get("DATABASE_URL", _EMBEDDED))
    database = folder / str(url.database) if url.get_backend_name() == "sqlite" else None
    keys = {name: values[name] for name in _GENERATED_SECRETS if name in values}
    return Installation(folder, database, keys)


def _folder(values: dict[str, Any], default: str) -> Path:
    return Path(values.pop("INSTANCE", default)).absolute()


def _read_or_create(folder: Path, name: str) -> str:
    file, text = instance.read_or_create(folder, name, _GENERATED_SECRETS[name])
    try:
        return str(_Environment().fields[name].deserialize(text))
    except ValidationError as error:
        raise InvalidSetting(f"{PREFIX}{name}, as {file} holds it, {error.messages[0]}") from None
