"""What the database says of messages, to be compared with what the provider has received."""

import time
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import func, select

from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Message, MessageStatus, Outcome

Outcomes = Counter[tuple[str, str | None]]


def wait_until_all_are_sent(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    unsent = select(func.count()).where(Message.status.not_in([MessageStatus.SENT, MessageStatus.DELIVERED]))
    while count := db.session.scalar(unsent):
        db.session.rollback()
        assert time.monotonic() < deadline, f"{count} messages are still not sent"
        time.sleep(0.5)
    db.session.rollback()


def outcomes() -> Outcomes:
    """Count attempts by recipient, as the provider knows it, and outcome."""
    rows = db.session.execute(
        select(Message.recipient, Attempt.outcome).join(Attempt, Attempt.message_id == Message.id)
    )
    counts = Counter((recipient.replace("+98", "0"), outcome) for recipient, outcome in rows)
    db.session.rollback()
    return counts


def sent_without_need(received: Mapping[str, int], attempts: Outcomes) -> dict[str, int]:
    """Return who got a message again though no attempt for it was in doubt, and how often."""
    return {
        recipient: count
        for recipient, count in received.items()
        if count > 1 + attempts[recipient, Outcome.UNCERTAIN]
    }
