"""Whether the process lives, and whether it can serve."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, current_app
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.database.confidential import KeysDoNotFit
from notifyhub.database.connections import read_first
from notifyhub.database.outages import OutageLog, in_one_line

blueprint = Blueprint("health", __name__)

PATIENCE = 1.5
"""Seconds within which a service that others look after has to answer."""

FRESH = 1.0
"""Seconds for which its answer is given again: whoever asks often is no load for it."""


DATABASE = ("ok", "no answer", "not migrated", "keys do not fit")
"""How a database may be."""


class LivenessSchema(Schema):
    """That the process lives."""

    status = fields.String(required=True, validate=validate.Equal("ok"))


class ReadinessSchema(Schema):
    """Whether requests can be served, and what fails."""

    status = fields.String(required=True, validate=validate.OneOf(("ok", "unavailable")))
    database = fields.String(required=True, validate=validate.OneOf(DATABASE))
    broker = fields.String(required=True, validate=validate.OneOf(("ok", "no answer")))


_READINESS = ReadinessSchema()


class Probe:
    """Asks whether a service answers, once for all who want to know at a time; nobody waits for long."""

    def __init__(self, app: Flask, ask: Callable[[], bool]) -> None:
        self._app = app
        self._ask = ask
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None
        self._fresh_until = 0.0

    def answers(self) -> bool:
        """Tell whether the service answers, as of now or a moment ago."""
        with self._lock:
            if self._asked is None or (self._asked.done() and time.monotonic() > self._fresh_until):
                self._asked = Future()
                threading.Thread(target=self._find_out, args=(self._asked,), daemon=True).start()
            asked = self._asked
        try:
            return asked.result(PATIENCE)
        except TimeoutError:
            return False

    def _find_out(self, asked: Future[bool]) -> None:
        found = False
        try:
            with self._app.app_context():
                found = self._ask()
        except Exception:
            self._app.logger.exception("A check of what the service needs failed")
        self._fresh_until = time.monotonic() + FRESH
        asked.set_result(found)


def watch_broker(app: Flask, ask: Callable[[], bool]) -> None:
    """Have `/readyz` tell whether the broker answers, which `ask` finds out, however long it takes."""
    app.extensions["broker_probe"] = Probe(app, ask)


@blueprint.get("/healthz")
@endpoint(
    Endpoint(Access.PUBLIC, "Tell whether the process lives", "Health", responses={200: LivenessSchema()})
)
def healthz() -> dict[str, str]:
    """Answer 200 as long as the process can answer at all."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@endpoint(
    Endpoint(
        Access.PUBLIC,
        "Tell whether requests can be served",
        "Health",
        responses={200: _READINESS, 503: _READINESS},
    )
)
def readyz() -> tuple[dict[str, str], int]:
    """Answer 200, or 503 with what fails."""
    broker: Probe = current_app.extensions["broker_probe"]
    parts = {"database": _database(), "broker": "ok" if broker.answers() else "no answer"}
    ready = set(parts.values()) == {"ok"}
    return {"status": "ok" if ready else "unavailable", **parts}, 200 if ready else 503


def _database() -> str:
    trouble: OutageLog = current_app.extensions["outage_log"]
    try:
        current = read_first(_revision)
    except KeysDoNotFit as error:
        trouble.warn(str(error))
        return "keys do not fit"
    except SQLAlchemyError as error:
        trouble.warn(in_one_line(error))
        return "no answer"
    return "ok" if current == _head() else "not migrated"


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _head() -> str | None:
    if "migrations_head" not in current_app.extensions:
        folder: str = current_app.extensions["migrate"].directory
        head = ScriptDirectory(Path(folder)).get_current_head()
        current_app.extensions["migrations_head"] = head
    head_: str | None = current_app.extensions["migrations_head"]
    return head_
