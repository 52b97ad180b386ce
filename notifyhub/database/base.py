"""What every table has."""

from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, Identity, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from notifyhub.database.columns import UTC_TIME

# SQLite counts up only a column whose type is exactly INTEGER; it is 64 bits wide there.
ID = BigInteger().with_variant(Integer(), "sqlite")
ONLY_ID = 1


def now() -> datetime:
    """Return the present moment in UTC, with microseconds."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The base of all models. Constraints get names, so that a violation can be told by its name."""

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
    """A 64-bit id, which is never given again."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(ID, Identity(), primary_key=True, sort_order=-1)


class Stamped(Identified):
    """An id and two moments: when the row was made, and when it last changed."""

    __abstract__ = True

    created_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now, sort_order=1)
    updated_at: Mapped[datetime] = mapped_column(UTC_TIME, default=now, onupdate=now, sort_order=1)


class Single(Base):
    """The only row of its table; its id is always ONLY_ID."""

    __abstract__ = True

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (CheckConstraint(f"id = {ONLY_ID}", name="only_one"),)

    id: Mapped[int] = mapped_column(ID, primary_key=True, autoincrement=False, default=ONLY_ID, sort_order=-1)


# SQLite would give the id of a deleted last row to the next one.
NEVER_AGAIN = {"sqlite_autoincrement": True}


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, whose columns are selected where no objects are needed."""
    return cast("Table", model.__table__)
