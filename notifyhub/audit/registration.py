"""What the audit adds to an application."""

from flask import Flask

from notifyhub.api.changes import ObjectChanged
from notifyhub.audit.recorder import record, record_reencryption
from notifyhub.database.rotation import SecretsReencrypted
from notifyhub.events import subscribe
from notifyhub.extensions import celery


def init_app(_app: Flask) -> None:
    """Register the task, and have all changes recorded."""
    celery.autodiscover_tasks(["notifyhub.audit"], force=True)
    subscribe(ObjectChanged, record)
    subscribe(SecretsReencrypted, record_reencryption)
