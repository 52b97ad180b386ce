"""Names of notifiers, read without their secrets: also where those can't be decrypted any more."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from notifyhub.api.resource import or_404
from notifyhub.database.base import Base, table_of

MOST_NAMES = 1000


def name_of(connection: Connection, model: type[Base], id: int) -> str:
    """Return a notifier's name; raises NotFound."""
    table = table_of(model)
    name: str = or_404(connection.scalar(select(table.c.name).where(table.c.id == id)))
    return name


def names(connection: Connection, model: type[Base]) -> Sequence[tuple[int, str]]:
    """Return the ids and names of the first MOST_NAMES notifiers, by name."""
    table = table_of(model)
    query = select(table.c.id, table.c.name).order_by(table.c.name, table.c.id).limit(MOST_NAMES)
    return [(row.id, row.name) for row in connection.execute(query)]
