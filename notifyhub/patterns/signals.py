"""What others can learn of patterns, as it happens."""

from typing import Any

from blinker import Signal
from sqlalchemy import Connection, event, inspect
from sqlalchemy.orm import Mapper

from notifyhub.patterns.models import SMSPattern
from notifyhub.patterns.schemas import SMSPatternSchema

status_changed = Signal(
    "A pattern's status has changed: its `row`, as it is shown. Sent inside the transaction of the "
    "`connection`, in which a receiver writes what belongs to the change."
)

_schema = SMSPatternSchema()


@event.listens_for(SMSPattern, "after_update")
def _tell(_mapper: Mapper[Any], connection: Connection, pattern: SMSPattern) -> None:
    if status_changed.receivers and inspect(pattern).attrs.status.history.has_changes():
        status_changed.send(connection=connection, row=_schema.dump(pattern))
