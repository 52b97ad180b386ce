"""What has been counted already: by quarters of an hour of UTC, of which each zone's hours are made.

A quarter has a row in `statistics_quarters` as long as something in it may change by itself. What is counted
of a quarter leaves out its open messages, which have a row each and are looked at when statistics are asked
for: they may change as they like. See `spans` for what is added up, `rollup` for what is written when.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import NO_ID_REUSE, Base, Identified, SingletonRow
from notifyhub.database.columns import UTC_TIME


class StatisticsState(SingletonRow):
    """How far the counting has come.

    Of what was created before `counted_until` all is counted but the quarters that have a row which says
    otherwise.
    """

    __tablename__ = "statistics_state"

    counted_until: Mapped[datetime] = mapped_column(UTC_TIME)


class StatisticsQuarter(Base):
    """A quarter of an hour that is not counted, or whose counting left out open messages.

    It is counted (anew) at `due_at`. Its row is locked by who counts it, and by whoever changes a message in
    it that is not open.
    """

    __tablename__ = "statistics_quarters"

    begins_at: Mapped[datetime] = mapped_column(UTC_TIME, primary_key=True)
    is_counted: Mapped[bool] = mapped_column()
    due_at: Mapped[datetime] = mapped_column(UTC_TIME)


class StatisticsCount(Identified):
    """How many messages of a quarter are alike: counted once `by_pattern`, and once, in fewer rows, not so.

    `segments` is the sum of theirs; those without any, such as mails, have none. `sent` are those of them
    that were sent, whatever became of them later.
    """

    __tablename__ = "statistics_counts"
    __table_args__ = (Index("ix_statistics_counts_quarter", "by_pattern", "quarter"), NO_ID_REUSE)

    quarter: Mapped[datetime] = mapped_column(UTC_TIME)
    by_pattern: Mapped[bool] = mapped_column()
    is_test: Mapped[bool] = mapped_column()
    channel: Mapped[str] = mapped_column(String(8))
    notifier_id: Mapped[int] = mapped_column(BigInteger)
    pattern_id: Mapped[int | None] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    messages: Mapped[int] = mapped_column(BigInteger)
    segments: Mapped[int] = mapped_column(BigInteger)
    sent: Mapped[int] = mapped_column(BigInteger)


class OpenMessage(Base):
    """A message that the counting of its quarter left out, as it was open then."""

    __tablename__ = "statistics_open_messages"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    quarter: Mapped[datetime] = mapped_column(UTC_TIME, index=True)
