"""What webhooks add to an application."""

from flask import Flask

from notifyhub.events import subscribe
from notifyhub.extensions import celery
from notifyhub.messages.events import MessageChanged
from notifyhub.otp.events import OTPVerified
from notifyhub.patterns.events import PatternStatusChanged
from notifyhub.webhooks import subscribers


def init_app(_app: Flask) -> None:
    """Register the tasks, and have events recorded for the webhooks that ask for them."""
    celery.autodiscover_tasks(["notifyhub.webhooks"], force=True)
    subscribe(MessageChanged, subscribers.on_message)
    subscribe(PatternStatusChanged, subscribers.on_pattern)
    subscribe(OTPVerified, subscribers.on_otp)
