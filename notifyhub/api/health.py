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

PROBE_TIMEOUT_SECONDS = 1.5
"""How long `/readyz` waits for the broker."""

PROBE_VALID_SECONDS = 1.0
"""How long its answer is used again: frequent checks are no load for it."""

DATABASE_STATES = ("ok", "no answer", "not migrated", "keys do not fit")


class LivenessSchema(Schema):
    """That the process lives."""

    status = fields.String(required=True, validate=validate.Equal("ok"))


class ReadinessSchema(Schema):
    """Whether requests can be served, and what fails."""

    status = fields.String(required=True, validate=validate.OneOf(("ok", "unavailable")))
    database = fields.String(required=True, validate=validate.OneOf(DATABASE_STATES))
    broker = fields.String(required=True, validate=validate.OneOf(("ok", "no answer")))


_READINESS = ReadinessSchema()


class Probe:
    """Asks whether a service answers: once for all requests of a moment, which wait for a short time."""

    def __init__(self, app: Flask, ask: Callable[[], bool]) -> None:
        self._app = app
        self._ask = ask
        self._lock = threading.Lock()
        self._asked: Future[bool] | None = None
        self._fresh_until = 0.0

    def answers(self) -> bool:
        """Return whether the service answers now, or did PROBE_VALID_SECONDS ago."""
        with self._lock:
            if self._asked is None or (self._asked.done() and time.monotonic() > self._fresh_until):
                self._asked = Future()
                threading.Thread(target=self._find_out, args=(self._asked,), daemon=True).start()
            asked = self._asked
        try:
            return asked.result(PROBE_TIMEOUT_SECONDS)
        except TimeoutError:
            return False

    def _find_out(self, asked: Future[bool]) -> None:
        answers = False
        try:
            with self._app.app_context():
                answers = self._ask()
        except Exception:
            self._app.logger.exception("A check of what the service needs failed")
        self._fresh_until = time.monotonic() + PROBE_VALID_SECONDS
        asked.set_result(answers)


def watch_broker(app: Flask, ask: Callable[[], bool]) -> None:
    """Have `/readyz` say whether the broker answers; `ask` finds out, and may take long."""
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
