"""What is known of notifiers' credit, and what has been published."""

from datetime import datetime

from sqlalchemy import BigInteger, String, false
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import Base
from notifyhub.database.columns import NUMBER, UTC_TIME


class NotifierCredit(Base):
    """What was left on an SMS notifier's account at `read_at`, in its provider's unit.

    Null where the provider tells none. `asked_at` is when it was last asked, whatever came of that. A credit
    that `is_low` has been told of.
    """

    __tablename__ = "notifier_credits"

    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime] = mapped_column(UTC_TIME)
    amount: Mapped[float | None] = mapped_column(NUMBER)
    read_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    is_low: Mapped[bool] = mapped_column(default=False, server_default=false())


class Alarm(Base):
    """A trouble that was published and whose end was not yet: one process of all publishes each."""

    __tablename__ = "alarms"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime] = mapped_column(UTC_TIME)
