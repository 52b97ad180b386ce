"""What is done from time to time."""

from datetime import timedelta

from flask import current_app

from notifyhub.database.base import now, table_of
from notifyhub.database.purge import purge
from notifyhub.jobs.tasks import task
from notifyhub.otp.models import OTP

RETENTION = timedelta(days=1)
"""How long a one-time password is kept after its term."""

_otps = table_of(OTP)


@task("notifyhub.purge_otps", every=600.0)
def purge_otps() -> None:
    """Forget the one-time passwords whose term ended a day ago."""
    if count := purge(_otps, _otps.c.expires_at <= now() - RETENTION, _otps.c.expires_at):
        current_app.logger.info("Forgot %s one-time passwords", count)
