"""The circuit breaker and the rate limit of each notifier, shared by all workers."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import Base
from notifyhub.database.columns import UTC_TIME


class CircuitBreaker(Base):
    """How often in a row a notifier has failed, and until when its breaker is open; none: it is closed."""

    __tablename__ = "circuit_breakers"

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    open_until: Mapped[datetime | None] = mapped_column(UTC_TIME)


class RateLimit(Base):
    """How fast a notifier may be called; none: as fast as messages come, or nothing has been sent yet.

    Moments and spans are in microseconds, so that both databases count with them; moments since 1970.
    `last_place` is the latest moment that has been given to anybody for a call, `next_return` that at which
    the next who gets none is to ask again. After a 429 nothing is sent before `paused_until`, null where
    nothing slows the notifier down; then `slow_interval` lies between two calls, and shrinks. `refusals`
    counts the 429s since a call was accepted, those of calls under way together once.
    """

    __tablename__ = "rate_limits"

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_place: Mapped[int] = mapped_column(BigInteger, default=0)
    next_return: Mapped[int] = mapped_column(BigInteger, default=0)
    slow_interval: Mapped[int] = mapped_column(BigInteger, default=0)
    paused_until: Mapped[int | None] = mapped_column(BigInteger)
    refusals: Mapped[int] = mapped_column(Integer, default=0)
