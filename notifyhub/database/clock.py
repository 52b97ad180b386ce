"""The database's clock, by which the processes of several machines tell each other when they lived."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from notifyhub.database.columns import UTC_TIME


class DatabaseNow(FunctionElement[datetime]):
    """The present moment: by PostgreSQL's server; with SQLite, to the millisecond, by the only machine."""

    inherit_cache = True
    type = UTC_TIME


@compiles(DatabaseNow)
def _call(_element: DatabaseNow, compiler: SQLCompiler, **_: Any) -> str:
    if compiler.dialect.name == "postgresql":
        return "clock_timestamp()"
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
