"""What tests of the delivery do to the rows, inside an application context."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Message
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.settings.models import DeliverySettings
from tests.support.factories import SMSNotifierFactory
from tests.support.scripted import NAME, Scripted


@contextmanager
def context(app: Flask) -> Iterator[None]:
    """Enter the application's context, as a task of a worker does.

    Stored objects are not read anew: on SQLite the session's reading would lock out the delivery.
    """
    with app.app_context():
        db.session().expire_on_commit = False
        yield


def message(id: int) -> Message:
    """Return a message as it is stored now, with its attempts; the session is let go."""
    db.session.rollback()
    db.session.expunge_all()
    found = db.session.get_one(Message, id)
    assert found.attempts is not None
    db.session.expunge_all()
    db.session.rollback()
    return found


def attempts(id: int) -> list[tuple[int, str, str | None]]:
    """Return a message's attempts: round, notifier's name, outcome."""
    return [(each.round, each.notifier_name, each.outcome) for each in message(id).attempts]


def attempt(id: int) -> Attempt:
    """Return the only attempt of a message."""
    (only,) = message(id).attempts
    return only


def change_settings(**values: Any) -> None:
    """Change the delivery settings."""
    db.session.merge(DeliverySettings(id=1, **values))
    db.session.commit()


def scripted_notifier(token: str, *script: str) -> SMSNotifier:
    """Store a notifier of the scripted backend whose sends end as the script says."""
    Scripted.script(token, script)
    notifier: SMSNotifier = SMSNotifierFactory(name=token, backend=NAME, settings={"token": token})
    return notifier
