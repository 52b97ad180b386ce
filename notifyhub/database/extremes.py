"""The greatest and the least of some values: GREATEST and LEAST in PostgreSQL, max and min in SQLite.

None of the values may be null, of which the two make different things.
"""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import ReturnTypeFromArgs


class greatest(ReturnTypeFromArgs[Any]):  # noqa: N801 - as SQL calls it
    """The greatest of some values."""

    inherit_cache = True


class least(ReturnTypeFromArgs[Any]):  # noqa: N801 - as SQL calls it
    """The least of some values."""

    inherit_cache = True


@compiles(greatest, "sqlite")
def _max(element: greatest, compiler: SQLCompiler, **options: Any) -> str:
    return f"max{compiler.function_argspec(element, **options)}"


@compiles(least, "sqlite")
def _min(element: least, compiler: SQLCompiler, **options: Any) -> str:
    return f"min{compiler.function_argspec(element, **options)}"
