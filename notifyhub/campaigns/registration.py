"""What campaigns add to an application."""

from flask import Flask

from notifyhub.extensions import celery


def init_app(_app: Flask) -> None:
    """Register the tasks."""
    celery.autodiscover_tasks(["notifyhub.campaigns"], force=True)
