"""What others can learn of one-time passwords, as it happens."""

from collections.abc import Callable
from typing import Any

from blinker import Signal
from sqlalchemy import Connection

from notifyhub.messages.signals import send

verified = Signal(
    "A one-time password was verified: its `row`, as it is shown, and whether it is a `test` token's. Sent "
    "by the application inside the transaction of the `connection`, in which a receiver writes what belongs "
    "to it; it may return a function, which is called after the commit. Sent only while there are webhooks."
)


def tell(connection: Connection, row: dict[str, Any], *, test: bool) -> list[Callable[[], None]]:
    """Send `verified`; return what is to be done after the commit."""
    return send(verified, connection=connection, row=row, test=test)
