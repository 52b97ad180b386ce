"""What the metrics add to an application."""

from flask import Flask

from notifyhub.events import subscribe
from notifyhub.messages.events import MessageChanged
from notifyhub.metrics import message_counts
from notifyhub.metrics.row_figures import RowFigures


def init_app(app: Flask) -> None:
    """Count what becomes of messages, and keep the figures of the rows for a moment."""
    subscribe(MessageChanged, message_counts.on_changed)
    app.extensions["row_figures"] = RowFigures()
