"""What clients send to have a message sent, and what it leaves."""

from typing import Any

from flask import Flask
from sqlalchemy import func, select

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.extensions import db
from notifyhub.messages.models import Batch, Message, MessageAttachment

FILE = {"filename": "a.txt", "content_type": "text/plain", "content": "aGVsbG8="}


def sms(**fields: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": "09121234567", "text": "Hello"} | fields


def by_pattern(pattern: int, args: Any = ("12345",), **fields: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": "09121234567", "pattern": pattern, "args": args} | fields


def email(**fields: Any) -> dict[str, Any]:
    return {"channel": "email", "to": "ada@example.com", "subject": "A bill", "text": "Hello"} | fields


def stored(app: Flask) -> int:
    """Return how many rows sending has made."""
    with app.app_context():
        models = (Message, Batch, MessageAttachment, IdempotencyKey)
        return sum(db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models)
