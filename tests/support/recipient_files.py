"""Files of recipients, as programs write them."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

from openpyxl import Workbook


def workbook(*sheets: Iterable[Sequence[Any]], formats: dict[str, str] | None = None) -> bytes:
    """Return an .xlsx file with these sheets of rows; `formats` are those of cells of the first."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for number, rows in enumerate(sheets, 1):
        sheet = book.create_sheet(f"Sheet{number}")
        for row in rows:
            sheet.append(list(row))
    for place, number_format in (formats or {}).items():
        book.worksheets[0][place].number_format = number_format
    stored = BytesIO()
    book.save(stored)
    return stored.getvalue()
