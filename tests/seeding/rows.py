"""What seeding has done: the rows that it can touch, and what the command said."""

import base64
from collections.abc import Callable
from typing import Any

from click.testing import Result
from flask import Flask
from sqlalchemy import select

from notifyhub.extensions import db
from notifyhub.notifiers.models import EmailNotifier, SMSNotifier
from notifyhub.patterns.models import EmailPattern, SMSPattern
from notifyhub.settings.models import DeliverySettings, NotificationSettings, OTPSettings
from notifyhub.webhooks.models import Webhook

Seed = Callable[..., Result]

TOKEN, PASSWORD = "a-token-from-the-environment", "a-password-from-the-environment"
SECRET, OTHER_SECRET = (
    f"whsec_{base64.b64encode(bytes(range(start, start + 32))).decode()}" for start in (0, 9)
)

MODELS = (
    *(SMSNotifier, SMSPattern, EmailNotifier, NotificationSettings),
    *(EmailPattern, DeliverySettings, OTPSettings, Webhook),
)


def rows(app: Flask) -> list[list[dict[str, Any]]]:
    """Return all that seeding can touch, by MODELS."""
    with app.app_context():
        return [
            [
                {column.key: getattr(row, column.key) for column in model.__table__.columns}
                for row in db.session.scalars(select(model).order_by(model.id))
            ]
            for model in MODELS
        ]


def only(app: Flask, model: type) -> dict[str, Any]:
    """Return the one row of a model."""
    (row,) = rows(app)[MODELS.index(model)]
    return row


def refusal(result: Result) -> str:
    """Return the one line by which the command refused a file."""
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").removesuffix("\n")


def said(result: Result) -> list[str]:
    """Return the lines of a command that succeeded."""
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.splitlines()
