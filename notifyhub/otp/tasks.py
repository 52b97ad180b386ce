"""What is done from time to time."""

from datetime import timedelta

from flask import current_app

from notifyhub.database.base import now, table_of
from notifyhub.delivery import retention
from notifyhub.jobs.tasks import task
from notifyhub.otp.models import OTP

KEPT = timedelta(days=1)

_otps = table_of(OTP)


@task("notifyhub.purge_otps", every=600.0)
def purge() -> None:
    """Forget the one-time passwords whose term ended a day ago."""
    if count := retention.purge(_otps, _otps.c.expires_at <= now() - KEPT, _otps.c.expires_at):
        current_app.logger.info("Forgot %s one-time passwords", count)
