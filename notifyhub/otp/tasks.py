"""What is done from time to time."""

from datetime import timedelta

from flask import current_app
from sqlalchemy import delete, select

from notifyhub.database.base import now, table_of
from notifyhub.delivery.connections import transaction
from notifyhub.delivery.tasks import task
from notifyhub.otp.models import OTP

KEPT = timedelta(days=1)
BATCH = 500

_otps = table_of(OTP)


@task("notifyhub.purge_otps", every=600.0)
def purge() -> None:
    """Forget the one-time passwords whose term ended a day ago."""
    old = select(_otps.c.id).where(_otps.c.expires_at <= now() - KEPT).limit(BATCH)
    count = 0
    while True:
        with transaction() as connection:
            purged = connection.execute(delete(_otps).where(_otps.c.id.in_(old))).rowcount
        count += purged
        if purged < BATCH:
            break
    if count:
        current_app.logger.info("Forgot %s one-time passwords", count)
