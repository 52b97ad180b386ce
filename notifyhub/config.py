"""Every setting: its variable, its default, its check. The one place that reads the environment."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from limits import parse_many
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "NOTIFYHUB_"


class InvalidSetting(Exception):
    """A variable of the environment has a value that can't be used.

    Its text is one line that names the variable and what it must be; never the value, which may be a secret.
    """


def _commas(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _database_url(text: str) -> None:
    try:
        backend = make_url(text).get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in {"sqlite", "postgresql"}:
        raise ValidationError("must be a sqlite:// or postgresql:// URL")


def _encryption_keys(text: str) -> None:
    try:
        keys = [Fernet(key) for key in _commas(text)]
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


_HTTP_URL = validate.Regexp(r"https?://[^\s/]+", error="must be an http:// or https:// URL")


class _Integer(fields.Integer):
    def __init__(self, least: int, **options: Any) -> None:
        words = f"must be a whole number of at least {least}"
        super().__init__(
            strict=True,
            validate=validate.Range(min=least, error=words),
            error_messages={"invalid": words, "too_large": words},
            **options,
        )

    def _deserialize(self, value: str, *args: Any, **options: Any) -> int | None:
        if not re.fullmatch(r"[0-9]{1,18}", value):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **options)


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

    class Meta:
        unknown = EXCLUDE

    DATABASE_URL = fields.String(validate=_database_url)
    SECRET_KEY = fields.String(validate=validate.Length(min=16, error="must have at least 16 characters"))
    ENCRYPTION_KEYS = fields.String(validate=_encryption_keys)
    INSTANCE = fields.String()
    REDIS_URL = fields.String(
        validate=validate.Regexp(r"(rediss?|unix)://.+", error="must be a redis:// URL"), load_default=None
    )
    MASK_SECRETS = _Flag(load_default=False)
    RATE_LIMIT = fields.String(validate=_rate_limit, load_default="0")
    MAX_LIMIT = _Integer(1, load_default=1000)
    MAX_BODY_BYTES = _Integer(1, load_default=1024 * 1024)
    TRUSTED_PROXIES = _Integer(0, load_default=0)
    CORS_ORIGINS = fields.Function(deserialize=_commas, load_default=list)
    BROKER_URL = fields.String(
        validate=validate.Regexp(r"(amqps?|rediss?)://.+", error="must be an amqp:// or redis:// URL"),
        load_default="filesystem://",
    )
    QUEUE_PREFIX = fields.String(
        validate=validate.Regexp(
            r"[A-Za-z0-9_-]{1,64}\Z", error="must be 1 to 64 ASCII letters, digits, hyphens or underscores"
        ),
        load_default="notifyhub",
    )
    LEASE_SECONDS = _Integer(1, load_default=60)
    REPORT_DELAY = _Integer(1, load_default=10)
    BREAKER_FAILURES = _Integer(1, load_default=5)
    BREAKER_REST = _Integer(1, load_default=30)
    IPPANEL_URL = fields.String(validate=_HTTP_URL, load_default=None)
    MELIPAYAMAK_URL = fields.String(validate=_HTTP_URL, load_default=None)
    SMTP_VERIFY = _Flag(load_default=True)
    LOG_FORMAT = fields.String(
        validate=validate.OneOf(("json", "console"), error="must be json or console"), load_default="console"
    )

    @post_load
    def _one_psycopg(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Use psycopg 3 for any spelling of a PostgreSQL URL."""
        if "DATABASE_URL" in values:
            url = make_url(values["DATABASE_URL"])
            if url.get_backend_name() == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            values["DATABASE_URL"] = url.render_as_string(hide_password=False)
        return values


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that `environment` gives, checked, under their names without the prefix.

    Raises InvalidSetting for the first variable that is wrong.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and value.strip()
    }
    try:
        return dict(_Environment().load(given))
    except ValidationError as error:
        name, words = next(iter(error.normalized_messages().items()))
        raise InvalidSetting(f"{PREFIX}{name} {words[0]}") from None


def configure(app: Flask, environment: Mapping[str, str] | None = None) -> None:
    """Fill `app.config` from the environment, and from the instance folder what it leaves open.

    The instance folder holds the embedded default: the SQLite database and the keys, which are made on the
    first start, readable by their owner alone.
    """
    values = read(os.environ if environment is None else environment)
    instance = Path(values.pop("INSTANCE", app.instance_path)).absolute()
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = {
            "SECRET_KEY": values.pop("SECRET_KEY", None) or _kept(instance / "secret_key", secrets.token_hex),
            "ENCRYPTION_KEYS": values.pop("ENCRYPTION_KEYS", None)
            or _kept(instance / "encryption_keys", lambda: Fernet.generate_key().decode()),
        }
    except OSError as error:
        raise InvalidSetting(
            f"{PREFIX}INSTANCE must be a folder that can be written: {error.strerror}"
        ) from None
    url = values.pop("DATABASE_URL", None) or f"sqlite:///{instance / 'notifyhub.db'}"
    app.instance_path = str(instance)
    app.config.update(
        values,
        SECRET_KEY=keys["SECRET_KEY"],
        ENCRYPTION_KEYS=_commas(keys["ENCRYPTION_KEYS"]),
        SQLALCHEMY_DATABASE_URI=url,
        MAX_CONTENT_LENGTH=values["MAX_BODY_BYTES"],
        RATELIMIT_ENABLED=values["RATE_LIMIT"] != "0",
    )


def _kept(file: Path, make: Any) -> str:
    """Return the secret in `file`; make it first if it is not there.

    A finished file is linked into place, so that of two processes that start together one wins and both read
    the same.
    """
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        try:
            draft.write_text(make())
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
