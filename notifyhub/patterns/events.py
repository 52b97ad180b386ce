"""The events of patterns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Mapper, Session, object_session

from notifyhub.events import publish
from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema

_schema = SMSPatternSchema()
_TEST = "patterns.test"


@dataclass(frozen=True)
class PatternStatusChanged:
    """An SMS pattern has another status: its row, as it is shown; `test` if a test token changed it."""

    row: Mapping[str, Any]
    test: bool


def mark_test(session: Session) -> None:
    """Have the changes of a session published as those of a test token."""
    session.info[_TEST] = True


@event.listens_for(SMSPattern, "after_update")
def _publish(_mapper: Mapper[Any], connection: Connection, pattern: SMSPattern) -> None:
    if inspect(pattern).attrs.status.history.has_changes():
        session = object_session(pattern)
        test = session is not None and _TEST in session.info
        publish(connection, PatternStatusChanged(_schema.dump(pattern), test))
