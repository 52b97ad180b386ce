"""Excel workbooks (.xlsx, .xlsm): the first sheet that holds anything.

A formula counts as what it came to last; none is evaluated.
"""

import zipfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from openpyxl import load_workbook

from notifyhub.campaigns.recipient_files.cells import text_of
from notifyhub.campaigns.recipient_files.table import UnreadableFile

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_PARTS = 1000
MAX_WHOLE_BYTES = 2 * 1024 * 1024
"""Of a part that is read into memory as a whole, and becomes many times as large there."""
_PARSED_WHOLE = {"xl/styles.xml", "xl/workbook.xml", "[content_types].xml", "docprops/core.xml"}
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BROKEN = "The workbook is damaged: open it in Excel and save it again."


def rows(data: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """Give the rows of a workbook with their numbers; raises UnreadableFile."""
    _check_parts(data)
    try:
        workbook = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in workbook.worksheets:
            found = False
            for number, cells in _rows(sheet):
                found = True
                yield number, cells
            if found:
                return
    except UnreadableFile:
        raise
    except Exception:  # noqa: BLE001 - openpyxl raises whatever it stumbles over in a damaged file
        raise UnreadableFile(_BROKEN) from None


def _rows(sheet: Any) -> Iterator[tuple[int, Sequence[str]]]:
    sheet.reset_dimensions()  # what a file says of its own size need not be so
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = [text_of(cell.value, cell.number_format) if cell.value is not None else "" for cell in row]
        if any(cells):
            yield number, cells


def refuse_old_workbook(data: bytes) -> None:
    """Raise UnreadableFile with words for what looks like a workbook of another kind."""
    if _ENCRYPTED in data:
        raise UnreadableFile("The workbook has a password: save it without one.")
    raise UnreadableFile("This is a workbook of an old kind (.xls): save it as .xlsx or .csv.")


def _check_parts(data: bytes) -> None:
    """Refuse an archive that is no workbook, or much larger than it looks, before it is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UnreadableFile(_BROKEN) from None
    names = {part.filename.lower() for part in parts}
    if "xl/workbook.bin" in names:
        raise UnreadableFile("This is a binary workbook (.xlsb): save it as .xlsx or .csv.")
    if not names & {"xl/workbook.xml", "[content_types].xml"}:
        raise UnreadableFile("This is an archive, not a workbook: send the file that is in it.")
    if not any(name.startswith("xl/") for name in names):
        raise UnreadableFile("This is no Excel workbook: save it as .xlsx or .csv.")
    if any(part.file_size > MAX_WHOLE_BYTES for part in parts if part.filename.lower() in _PARSED_WHOLE):
        raise UnreadableFile("The workbook has too many styles: copy the table to a new one.")
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
        most = MAX_UNPACKED_BYTES // (1024 * 1024)
        raise UnreadableFile(f"Unpacked, the workbook has more than {most} megabytes: divide it.")
