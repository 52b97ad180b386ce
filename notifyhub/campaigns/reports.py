"""Files to download: what became of each row, and the rows that could not be sent, to be mended."""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

from sqlalchemy import select

from notifyhub.campaigns.checking import RowError
from notifyhub.campaigns.recipient_files import columns
from notifyhub.campaigns.recipient_files.cells import safe
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.database.base import table_of
from notifyhub.database.connections import autocommit, release
from notifyhub.messages.models import Message

_messages = table_of(Message).c

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for another encoding."""
_REPORTED = select(
    _messages.id,
    _messages.status,
    _messages.recipient,
    _messages.sent_at,
    _messages.delivered_at,
    _messages.updated_at,
    _messages.segments,
    _messages.error_code,
    _messages.error_detail,
    _messages.client_metadata,
)


def lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Give rows as lines of a CSV file for spreadsheets."""
    written = StringIO()
    writer = csv.writer(written)
    yield BYTE_ORDER_MARK
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
        yield written.getvalue()
        written.seek(0)
        written.truncate()


def messages_of(batch_ids: Iterable[int]) -> Iterator[tuple[int, Any]]:
    """Give the messages of a campaign's batches with the numbers of their rows, in their order; 0: unknown.

    A batch is read at a time, and no connection is held meanwhile: who downloads them may be slow.
    """
    for batch_id in batch_ids:
        found = autocommit().execute(_REPORTED.where(_messages.batch_id == batch_id)).all()
        release()
        numbered = [(int(row.client_metadata.get("row", 0)), row) for row in found]
        yield from sorted(numbered, key=lambda pair: (pair[0], pair[1].id))


def rows_to_mend(
    rows: Sequence[Row], errors: Iterable[RowError], *, header: bool, title: str, words: Callable[[str], str]
) -> Iterator[list[str]]:
    """Give the rows with errors as the file has them, with what is wrong in a last column, called `title`."""
    found: dict[int, list[str]] = defaultdict(list)
    for error in errors:
        found[error.number].append(
            f"{error.column}: {words(error.words)}" if error.column else words(error.words)
        )
    yield [*columns.names(rows, header=header), title]
    for row in rows:
        if row.number in found:
            yield [*row.cells, " ".join(found[row.number])]
