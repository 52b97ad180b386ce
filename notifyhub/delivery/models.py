"""The circuit breaker of each notifier, shared by all workers."""

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
