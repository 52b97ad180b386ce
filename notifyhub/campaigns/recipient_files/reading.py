"""Reading of a file, whatever program wrote it."""

from notifyhub.campaigns.recipient_files import delimited_text, workbooks
from notifyhub.campaigns.recipient_files.table import Row, UnreadableFile, tabulate

_KNOWN = (
    (b"%PDF", "This is a PDF: save the table as .xlsx or .csv."),
    (b"\x89PNG", "This is a picture: save the table as .xlsx or .csv."),
    (b"\xff\xd8\xff", "This is a picture: save the table as .xlsx or .csv."),
    (b"{\\rtf", "This is a text document: save the table as .xlsx or .csv."),
    (b"<", "This is a web page or XML: save the table as .xlsx or .csv."),
)


def read(data: bytes) -> list[Row]:
    """Return the rows of a workbook or a text file that hold anything; raises UnreadableFile."""
    if not data.strip():
        raise UnreadableFile("The file is empty.")
    if data.startswith(workbooks.OLE):
        workbooks.refuse_old_workbook(data)
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, words in _KNOWN:
        if start.startswith(signature):
            raise UnreadableFile(words)
    source = workbooks if data.startswith(b"PK") else delimited_text
    return tabulate(source.rows(data))
