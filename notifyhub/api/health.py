"""Whether the process lives, and whether it can serve."""

from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from notifyhub.api.endpoint import Access, Endpoint, endpoint
from notifyhub.database.connections import read_first

blueprint = Blueprint("health", __name__)


class LivenessSchema(Schema):
    """That the process lives."""

    status = fields.String(required=True, validate=validate.Equal("ok"))


class ReadinessSchema(Schema):
    """Whether requests can be served, and what fails."""

    status = fields.String(required=True, validate=validate.OneOf(("ok", "unavailable")))
    database = fields.String(required=True, validate=validate.OneOf(("ok", "no answer", "not migrated")))


_READINESS = ReadinessSchema()


@blueprint.get("/healthz")
@endpoint(
    Endpoint(Access.PUBLIC, "Tell whether the process lives", "Health", answers={200: LivenessSchema()})
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
        answers={200: _READINESS, 503: _READINESS},
    )
)
def readyz() -> tuple[dict[str, str], int]:
    """Answer 200, or 503 with what fails."""
    database = _database()
    ready = database == "ok"
    return {"status": "ok" if ready else "unavailable", "database": database}, 200 if ready else 503


def _database() -> str:
    try:
        current = read_first(_revision)
    except SQLAlchemyError as error:
        current_app.logger.warning("The database does not answer: %s", type(error).__name__)
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
