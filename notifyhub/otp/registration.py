"""What one-time passwords add to an application."""

from flask import Flask

from notifyhub.delivery.events import CodeNeeded
from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessageChanged
from notifyhub.otp import codes, fallback


def init_app(_app: Flask) -> None:
    """Register the tasks, give the delivery the codes that it needs, and send them anew where that failed."""
    celery.autodiscover_tasks(["notifyhub.otp"], force=True)
    subscribe(CodeNeeded, codes.on_code_needed)
    subscribe(MessageChanged, fallback.on_changed)
