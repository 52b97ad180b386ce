"""Text files with a delimiter (CSV), in the encodings and dialects of spreadsheets."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice

from notifyhub.campaigns.recipient_files.table import UnreadableFile
from notifyhub.text.letters import persian_letters

DELIMITERS = ",;\t|"
_SAMPLED_ROWS = 50
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DELIMITER_LINE = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n)')
_LOST_WORD = re.compile(r"\?{2,}")
"""What a program writes for a word that its encoding has no letters for."""
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1f]")


def decode(data: bytes) -> str:
    """Return the text: in UTF-8 or UTF-16, or else in Windows-1256.

    That has no Persian yeh: programs write the Arabic one for it, and this is undone. Raises UnreadableFile
    for what is no text.
    """
    text = _in_unicode(data)
    if text is None:
        text = persian_letters(data.decode("cp1256"))
    if _NO_TEXT.search(text):
        raise UnreadableFile("This is neither an Excel workbook (.xlsx) nor a text file (.csv).")
    if text.isascii() and 2 * len(_LOST_WORD.findall(text)) > text.count("\n") + 1:
        raise UnreadableFile(
            "The file has question marks in place of letters: save it as .xlsx or CSV UTF-8."
        )
    return text


def _in_unicode(data: bytes) -> str | None:
    encoding, mark = next(
        ((name, mark) for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), (None, b"")
    )
    try:
        return data[len(mark) :].decode(encoding or _unmarked(data))
    except UnicodeDecodeError:
        if encoding is None:
            return None
        raise UnreadableFile(
            "The file is damaged: not all of it is text in the encoding that it names."
        ) from None


def _unmarked(data: bytes) -> str:
    """Return the encoding of a text without a mark: one whose every other byte is mostly null is UTF-16."""
    sample = data[:4096]
    for name, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if len(data) % 2 == 0 and zeros and zeros.count(0) > len(zeros) // 3:
            return name
    return "utf-8"


def rows(data: bytes) -> Iterator[tuple[int, Sequence[str]]]:
    """Give the rows with their numbers, as a spreadsheet counts them; raises UnreadableFile."""
    text = decode(data)
    named = _DELIMITER_LINE.match(text)
    if named:
        text = text[named.end() :]
    delimiter = named[1] if named else guess_delimiter(text)
    first = 2 if named else 1
    try:
        yield from enumerate(_records(text, delimiter), first)
    except csv.Error:
        raise UnreadableFile("The file is no table: look for a quotation mark that nothing closes.") from None


def guess_delimiter(text: str) -> str:
    """Return the delimiter by which most rows have one number of columns, above one; else a comma."""
    return max(DELIMITERS, key=lambda delimiter: _regularity(text, delimiter))


def _regularity(text: str, delimiter: str) -> tuple[int, int]:
    try:
        widths = Counter(len(record) for record in islice(_records(text, delimiter), _SAMPLED_ROWS) if record)
    except csv.Error:
        return 0, 0
    several = {width: count for width, count in widths.items() if width > 1}
    if not several:
        return 0, 0
    width = max(several, key=lambda one: (several[one], one))
    return several[width], width


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=False)
