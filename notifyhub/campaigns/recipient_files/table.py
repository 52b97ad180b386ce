"""The rows of a file, with their numbers there, within limits."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from notifyhub.campaigns.recipient_files.cells import clean

MAX_ROWS = 10_000
MAX_COLUMNS = 100
MAX_CELL_CHARACTERS = 1000
"""As an argument of a pattern may have."""
MAX_CHARACTERS = 10_000_000
"""Of all cells: a workbook can repeat a long text in few bytes."""


class UnreadableFile(ValueError):
    """The file can't be read; its words are for who has sent it."""


class Row(NamedTuple):
    """A row that is not empty: its number in the file, from 1 on, and its cells."""

    number: int
    cells: tuple[str, ...]


def tabulate(rows: Iterable[tuple[int, Sequence[str]]]) -> list[Row]:
    """Return the rows that hold anything, cleaned, of one width; raises UnreadableFile beyond the limits."""
    found: list[Row] = []
    characters = 0
    for number, raw in rows:
        cells = _cleaned(raw, number)
        if not cells:
            continue
        if len(found) > MAX_ROWS:  # one of them may be the header
            raise UnreadableFile(f"The file has more than {MAX_ROWS} rows: divide it.")
        characters += sum(map(len, cells))
        if characters > MAX_CHARACTERS:
            raise UnreadableFile(f"The file holds more than {MAX_CHARACTERS} characters: divide it.")
        found.append(Row(number, cells))
    if not found:
        raise UnreadableFile("The file is empty: it has no cell with anything in it.")
    width = max(len(row.cells) for row in found)
    return [Row(row.number, row.cells + ("",) * (width - len(row.cells))) for row in found]


def _cleaned(raw: Sequence[str], number: int) -> tuple[str, ...]:
    cells = [clean(cell) for cell in raw]
    while cells and not cells[-1]:
        cells.pop()
    if len(cells) > MAX_COLUMNS:
        raise UnreadableFile(f"Row {number} has more than {MAX_COLUMNS} columns.")
    if any(len(cell) > MAX_CELL_CHARACTERS for cell in cells):
        raise UnreadableFile(f"Row {number} has a cell with more than {MAX_CELL_CHARACTERS} characters.")
    return tuple(cells)
