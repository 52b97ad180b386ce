"""What others can learn of messages, as they happen."""

import logging
from collections.abc import Sequence

from blinker import Signal
from flask import current_app

log = logging.getLogger(__name__)

due = Signal("Messages are stored that may be sent now: `ids`. Sent after the commit, by the application.")


def announce(ids: Sequence[int]) -> None:
    """Send `due`, if there are any.

    The messages are stored, and will be found by the sweep: what goes wrong in a receiver is logged, and no
    error to the client who sent them.
    """
    if not ids:
        return
    try:
        due.send(current_app._get_current_object(), ids=list(ids))  # type: ignore[attr-defined]
    except Exception:  # whatever a receiver raises
        log.exception("%d messages wait for the sweep: a receiver failed", len(ids))
