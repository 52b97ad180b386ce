"""What one-time passwords add to an application."""

from flask import Flask

from notifyhub.delivery import one_time_codes
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessageChanged
from notifyhub.otp import fallback
from notifyhub.otp.codes import code_to_send


def init_app(app: Flask) -> None:
    """Register the tasks, have the delivery ask here for codes, and send them anew where that failed."""
    celery.autodiscover_tasks(["notifyhub.otp"], force=True)
    one_time_codes.register(app, code_to_send)
    subscribe(MessageChanged, fallback.on_changed)
