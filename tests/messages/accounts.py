"""What an installation needs to send messages."""

from typing import NamedTuple

from flask import Flask

from notifyhub.extensions import db
from notifyhub.settings.models import NotificationSettings
from tests.factories import EmailNotifierFactory, SMSNotifierFactory, SMSPatternFactory

MESSAGES = "/api/notifications/messages"
BATCHES = "/api/notifications/batches"


class Accounts(NamedTuple):
    """The ids of two notifiers that are the default ones, and of an approved pattern of the first."""

    sms: int
    email: int
    pattern: int


def make_accounts(app: Flask) -> Accounts:
    """Store notifiers and a pattern, and make them the default ones."""
    with app.app_context():
        sms = SMSNotifierFactory(settings={"token": "a-token", "number": "50002710008883"}).id
        email = EmailNotifierFactory().id
        pattern = SMSPatternFactory(notifier_id=sms, status="approved", name="otp").id
        db.session.add(NotificationSettings(sms_notifier_id=sms, email_notifier_id=email))
        db.session.commit()
    return Accounts(sms, email, pattern)
