"""Objects for tests, with sensible defaults, stored and committed."""

from datetime import timedelta
from pathlib import Path

import factory
from factory.alchemy import SQLAlchemyModelFactory

from notifyhub.auth.models import Role, User, UserPermission
from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Channel, Message, MessageStatus, Outcome
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.otp.models import DEFAULT_PURPOSE, OTP, OTPStatus
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.providers.plugins import GROUP
from notifyhub.webhooks import signatures
from notifyhub.webhooks.models import Event, Webhook, WebhookDelivery


class Stored(SQLAlchemyModelFactory):
    """Stores what it makes at once. To be used inside an application context."""

    class Meta:
        abstract = True
        sqlalchemy_session_factory = lambda: db.session  # noqa: E731
        sqlalchemy_session_persistence = "commit"


class UserFactory(Stored):
    class Meta:
        model = User

    name = factory.Sequence(lambda n: f"user-{n}")
    role = Role.ADMIN

    class Params:
        codes = ()

    permissions = factory.LazyAttribute(lambda user: [UserPermission(code=code) for code in user.codes])


class SMSNotifierFactory(Stored):
    class Meta:
        model = SMSNotifier

    name = factory.Sequence(lambda n: f"sms-{n}")
    backend = "melipayamak"
    settings = factory.LazyFunction(lambda: {"token": "a-token-of-melipayamak"})


class EmailNotifierFactory(Stored):
    class Meta:
        model = EmailNotifier

    name = factory.Sequence(lambda n: f"mail-{n}")
    host = "mail.example.com"
    port = 587
    username = "info"
    password = "a-password-of-mail"
    from_email = "info@example.com"


class SMSPatternFactory(Stored):
    class Meta:
        model = SMSPattern

    notifier_id = factory.LazyFunction(lambda: SMSNotifierFactory().id)
    name = factory.Sequence(lambda n: f"pattern-{n}")
    code = factory.Sequence(lambda n: str(100_000 + n))
    description = None
    body = "Your login code is {0}"


class EmailPatternFactory(Stored):
    class Meta:
        model = EmailPattern

    notifier_id = factory.LazyFunction(lambda: EmailNotifierFactory().id)
    name = factory.Sequence(lambda n: f"pattern-{n}")
    subject = "Your order"
    body_text = "Order number {0} is in {1} status"


class AttemptFactory(Stored):
    class Meta:
        model = Attempt

    round = 1
    notifier_id = 1
    notifier_name = factory.LazyAttribute(lambda attempt: f"notifier-{attempt.notifier_id}")
    started_at = factory.LazyFunction(now)
    duration_ms = 84
    outcome = Outcome.ACCEPTED


def install_backends(folder: Path, **backends: str) -> None:
    """Install in `folder` a package that offers SMS backends: by name, as `module:class`."""
    metadata = folder / "backends-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: backends\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in backends.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))


class MessageFactory(Stored):
    """A message that is due, of a `notifier`, which also stands for its names and numbers in the row."""

    class Meta:
        model = Message
        exclude = ("notifier", "pattern")

    notifier = factory.LazyFunction(SMSNotifierFactory)
    pattern = None
    channel = Channel.SMS
    status = MessageStatus.QUEUED
    recipient = "+989121234567"
    notifier_id = factory.LazyAttribute(lambda message: message.notifier.id)
    notifier_name = factory.LazyAttribute(lambda message: message.notifier.name)
    home_notifier_id = factory.LazyAttribute(lambda message: message.notifier.id)
    pattern_id = factory.LazyAttribute(lambda message: message.pattern and message.pattern.id)
    pattern_name = factory.LazyAttribute(lambda message: message.pattern and message.pattern.name)
    text = "Your order is on its way."
    next_attempt_at = factory.LazyFunction(now)
    expires_at = factory.LazyFunction(lambda: now() + timedelta(days=1))


class OTPFactory(Stored):
    """A one-time password that is over as soon as it is made."""

    class Meta:
        model = OTP

    recipient = factory.Sequence(lambda n: f"+98912{n:07}")
    purpose = DEFAULT_PURPOSE
    is_test = False
    status = OTPStatus.VERIFIED
    channel = Channel.SMS
    fallback_used = False
    nonce = b"\0"
    code_len = 5
    attempts_left = 3
    created_at = factory.LazyFunction(now)
    expires_at = factory.SelfAttribute("created_at")
    resend_at = factory.SelfAttribute("created_at")


class WebhookFactory(Stored):
    class Meta:
        model = Webhook

    url = "https://shop.example.com/notifyhub"
    events = factory.LazyFunction(lambda: list(Event))
    secret = factory.LazyFunction(signatures.new)


class WebhookDeliveryFactory(Stored):
    """A delivery that is due, of an event of the message `object_id`."""

    class Meta:
        model = WebhookDelivery

    webhook_id = factory.LazyFunction(lambda: WebhookFactory().id)
    event = Event.MESSAGE_SENT
    kind = "message"
    object_id = factory.Sequence(lambda n: n + 1)
    uid = factory.Sequence(lambda n: f"msg_{n:032}")
    data = '{"id":1}'
    happened_at = factory.LazyFunction(now)
    next_attempt_at = factory.LazyFunction(now)
