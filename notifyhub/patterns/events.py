"""What others can learn of patterns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import g, has_request_context
from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Mapper

from notifyhub.events import publish
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema

_schema = SMSPatternSchema()


@dataclass(frozen=True)
class PatternStatusChanged:
    """An SMS pattern has another status: its row, as it is shown; `test` if a test token changed it."""

    row: Mapping[str, Any]
    test: bool


@event.listens_for(SMSPattern, "after_update")
def _publish(_mapper: Mapper[Any], connection: Connection, pattern: SMSPattern) -> None:
    if inspect(pattern).attrs.status.history.has_changes():
        test = has_request_context() and g.caller.test
        publish(connection, PatternStatusChanged(_schema.dump(pattern), test))
