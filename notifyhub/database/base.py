"""What every table has."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, Identity, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from notifyhub.database.columns import UTC_TIME

# SQLite counts up only a column whose type is exactly INTEGER; it is 64 bits wide there.
ID = BigInteger().with_variant(Integer(), "sqlite")
SINGLETON_ID = 1

# Where a column stands in its table (`sort_order`), as the migrations have made it. Without one a model's own
# columns stand behind its id.
LEASE, AFTER_LEASE, TIMES = 1, 2, 3
ADDED = 4
"""The `sort_order` of a column that a later migration adds to a table with TIMES: it stands at the end."""


def now() -> datetime:
    """Return the present moment in UTC, with microseconds."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base of all models. Constraints get names, by which a violation is known."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Identified(Base):
    """A row with a 64-bit id, which no later row of its table gets."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(ID, Identity(), primary_key=True, sort_order=-1)


class Timestamped(Identified):
    """A row with an id, and the moments when it was made and when it last changed."""

    __abstract__ = True

    created_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now, sort_order=TIMES)
    updated_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now, onupdate=now, sort_order=TIMES)


class SingletonRow(Base):
    """The only row of its table; its id is always SINGLETON_ID."""

    __abstract__ = True

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (CheckConstraint(f"id = {SINGLETON_ID}", name="only_one"),)

    id: Mapped[int] = mapped_column(
        ID, primary_key=True, autoincrement=False, default=SINGLETON_ID, sort_order=-1
    )


# Without it, SQLite gives the id of a deleted last row to the next one.
NO_ID_REUSE = {"sqlite_autoincrement": True}


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, whose columns are selected where no objects are needed."""
    return cast("Table", model.__table__)
