"""The circuit breaker, the rate limit and the figures of each notifier, shared by all workers."""

from datetime import datetime

from sqlalchemy import BigInteger, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import Base
from notifyhub.database.columns import UTC_TIME, text


class CircuitBreaker(Base):
    """How often in a row a notifier has failed, and until when its breaker is open; none: it is closed.

    While it `is_probed` one message tries the notifier.
    """

    __tablename__ = "circuit_breakers"

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    open_until: Mapped[datetime | None] = mapped_column(UTC_TIME)
    is_probed: Mapped[bool] = mapped_column(default=False, server_default=false())


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


class MinuteFigures(Base):
    """How many attempts at a notifier ended in a minute, by how they did and how long they took.

    `counted` says what (`figures.Counted`), `ms` how long they took at most, 0 where that is not known. The
    minutes are those since 1970. Messages of test tokens are not counted.
    """

    __tablename__ = "notifier_minutes"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    counted: Mapped[str] = mapped_column(String(16), primary_key=True)
    ms: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer)


class LatestFigures(Base):
    """When a notifier last took a message, and how an attempt last failed."""

    __tablename__ = "notifier_latest"

    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    notifier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    accepted_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    failed_at: Mapped[datetime | None] = mapped_column(UTC_TIME)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(text())
