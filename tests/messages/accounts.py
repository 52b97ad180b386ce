"""What messages are made from: notifiers, patterns, the settings that name default notifiers."""

from typing import NamedTuple

from flask import Flask

from notifyhub.extensions import db
from notifyhub.patterns.models import PatternStatus
from notifyhub.settings.models import NotificationSettings
from tests.support.factories import EmailNotifierFactory, SMSNotifierFactory, SMSPatternFactory

MESSAGES = "/api/notifications/messages"
BATCHES = "/api/notifications/batches"
SETTINGS = "/api/settings/notifications"
DELIVERY = "/api/settings/delivery"


class Accounts(NamedTuple):
    """Ids: of the default notifiers, of others, and of approved patterns by what fills them."""

    sms: int
    email: int
    other_sms: int
    other_email: int
    pattern: int
    two: int
    named: int
    fixed: int


def make_accounts(app: Flask) -> Accounts:
    """Store some of each; all patterns belong to the default notifier."""
    with app.app_context():
        line = {"token": "a-token", "number": "50002000"}
        sms, other = SMSNotifierFactory.create_batch(2, settings=line)
        email, other_email = EmailNotifierFactory.create_batch(2)
        bodies = ("Your login code is {0}", "{1} owes {0}", "Dear %name%, %code% is yours, %name%", "Welcome")
        patterns = [
            SMSPatternFactory(notifier_id=sms.id, status=PatternStatus.APPROVED, body=body).id
            for body in bodies
        ]
        db.session.merge(NotificationSettings(id=1, sms_notifier_id=sms.id, email_notifier_id=email.id))
        db.session.commit()
        return Accounts(sms.id, email.id, other.id, other_email.id, *patterns)
