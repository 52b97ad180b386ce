"""The processes that deliver, as they tell of themselves."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from notifyhub.database.base import Base
from notifyhub.database.columns import UTC_TIME, text


class Role(StrEnum):
    """What a process does: a worker takes jobs, a scheduler enqueues those of periodic tasks."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class Worker(Base):
    """A worker or a scheduler that lives, or has died without a word; a process may be both.

    `process` is a token that no other process has, `name` its host and number there. The moments are of the
    database's clock: the machines' own may differ.
    """

    __tablename__ = "workers"

    process: Mapped[str] = mapped_column(String(32), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(text(255))
    queues: Mapped[list[str]] = mapped_column(JSON)
    host: Mapped[str] = mapped_column(text(255))
    version: Mapped[str] = mapped_column(text(64))
    started_at: Mapped[datetime] = mapped_column(UTC_TIME)
    last_seen_at: Mapped[datetime] = mapped_column(UTC_TIME)
