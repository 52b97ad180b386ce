"""Files as Excel and other programs write them."""

import csv
import zipfile
from datetime import date, datetime, time
from io import BytesIO, StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyhub.campaigns.recipient_files import workbooks
from notifyhub.campaigns.recipient_files.cells import clean, safe
from notifyhub.campaigns.recipient_files.delimited_text import guess_delimiter
from notifyhub.campaigns.recipient_files.reading import read
from notifyhub.campaigns.recipient_files.table import (
    MAX_CELL_CHARACTERS,
    MAX_COLUMNS,
    MAX_ROWS,
    Row,
    UnreadableFile,
)
from tests.support.recipient_files import workbook

PERSIAN = "موبایل;نام\r\n09121234567;علی‌رضا کیانی\r\n"


def cells(data: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in read(data)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"], ids=lambda encoding: encoding
)
def test_texts_are_read_in_the_encodings_of_unicode(encoding: str) -> None:
    assert cells(PERSIAN.encode(encoding)) == [("موبایل", "نام"), ("09121234567", "علی‌رضا کیانی")]


def test_what_is_not_unicode_is_windows_1256_whose_arabic_yeh_stands_for_the_persian_one() -> None:
    data = PERSIAN.replace("ی", "ي").encode("cp1256")
    assert cells(data) == [("موبایل", "نام"), ("09121234567", "علی‌رضا کیانی")]


def test_arabic_letters_of_a_unicode_text_stay_as_they_are() -> None:
    assert cells("نام,شماره\nعلي,1".encode())[1] == ("علي", "1")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    data = f'to{delimiter}name\n0912{delimiter}"a{delimiter}b, c; d"\n0935{delimiter}e\n'
    assert cells(data.encode()) == [("to", "name"), ("0912", f"a{delimiter}b, c; d"), ("0935", "e")]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("0912\n0935\n", ","),
        ("a;b\n1,5;2\n1,7;3\n", ";"),
        ("", ","),
        ("to\tname, given\n1\tb\n2\tc, d\n", "\t"),
        ('"unclosed', ","),
    ],
)
def test_the_delimiter_is_the_one_by_which_rows_are_alike(text: str, delimiter: str) -> None:
    assert guess_delimiter(text) == delimiter


def test_the_first_line_may_name_the_delimiter() -> None:
    rows = read(b"sep=|\r\nto|text\r\n0912|a,b,c\r\n")
    assert [(row.number, row.cells) for row in rows] == [(2, ("to", "text")), (3, ("0912", "a,b,c"))]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_empty_rows_are_left_out_and_counted(line_end: str) -> None:
    data = line_end.join(["to,name", "", "0912,a", ",", "\ufeff\u200f,\u00a0", "0935,b", ""])
    assert [(row.number, row.cells) for row in read(data.encode())] == [
        (1, ("to", "name")),
        (3, ("0912", "a")),
        (6, ("0935", "b")),
    ]


def test_a_cell_of_several_lines_is_one_row() -> None:
    rows = read(b'to,text\n0912,"a\nb"\n0935,c\n')
    assert [(row.number, row.cells) for row in rows][1:] == [(2, ("0912", "a\nb")), (3, ("0935", "c"))]


@pytest.mark.parametrize(
    ("given_", "cleaned"),
    [
        ("  09121234567 ", "09121234567"),
        ("\u200e09121234567\u200f", "09121234567"),
        ("\ufeff\u202a0912\u202c\u00a0", "0912"),
        ("می‌شود", "می‌شود"),
        ("\u200cمی‌شود\u200c", "می‌شود"),
        ("'09121234567", "09121234567"),
        ("’۰۹۱۲۱۲۳۴۵۶۷", "۰۹۱۲۱۲۳۴۵۶۷"),
        ("'tis", "'tis"),
        ('="09121234567"', "09121234567"),
        ('="a ""b"""', 'a "b"'),
        ("9.121234567E+09", "9121234567"),
        ("9.12E+09", "9.12E+09"),
        ("9.89121E+11", "9.89121E+11"),
        ("1E1", "1E1"),
        ("1e0", "1"),
        ("a\0b", "ab"),
        ("a_x000D_\nb", "a\nb"),
        ("", ""),
        ("'", "'"),
    ],
)
def test_a_cell_loses_what_is_not_meant(given_: str, cleaned: str) -> None:
    assert clean(given_) == cleaned


@given(st.text())
def test_a_clean_cell_stays_as_it_is_but_for_a_mark_within_a_mark(text: str) -> None:
    once = clean(text)
    assert len(once) <= max(len(text), 100)
    assert once == once.strip()


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_no_spreadsheet_takes_a_safe_cell_for_a_formula(text: str) -> None:
    shown = safe(text)
    assert shown in {text, f"'{text}"}
    assert shown[:1] not in {"=", "+", "@", "\t", "\r"}
    assert not shown.startswith("-") or shown[1:].replace(".", "").replace(",", "").isdecimal()


@pytest.mark.parametrize(
    "text", ["+989121234567", "=1+1", "@SUM(A1)", "-cmd|' /C calc'!A0", "09121234567", "-5"]
)
def test_what_was_made_safe_is_read_back_as_it_was(text: str) -> None:
    assert clean(safe(text)) == text


def _read_or_none(data: bytes) -> list[Row] | None:
    """Return the rows; None for a file that is refused, as it has to be, by UnreadableFile alone."""
    try:
        return read(data)
    except UnreadableFile:
        return None


@given(
    st.lists(
        st.lists(
            st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5
        ),
        max_size=20,
    )
)
def test_any_table_is_read_or_refused_with_words(rows: list[list[str]]) -> None:
    written = StringIO()
    csv.writer(written).writerows(rows)
    table = _read_or_none(written.getvalue().encode()) or []
    assert len({len(row.cells) for row in table}) <= 1
    assert all(any(row.cells) for row in table)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_words(data: bytes) -> None:
    for prefix in (b"", b"PK\x03\x04", b"\xff\xfe"):
        assert _read_or_none(prefix + data) != []


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (9121234567, "General", "9121234567"),
        (9121234567.0, "General", "9121234567"),
        (9121234567, "00000000000", "09121234567"),
        (9.89121234567e11, "General", "989121234567"),
        ("9.12E+09", "General", "9.12E+09"),
        (1.5, "General", "1.5"),
        (-3, "General", "-3"),
        (True, "General", "TRUE"),
        (date(2026, 11, 26), "yyyy-mm-dd", "2026-11-26"),
        (
            datetime(2026, 11, 26, 9, 30),  # noqa: DTZ001 - a spreadsheet knows no zones
            "yyyy-mm-dd hh:mm",
            "2026-11-26 09:30",
        ),
        (time(9, 30), "hh:mm", "09:30:00"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "General", "۰۹۱۲۱۲۳۴۵۶۷"),
        ("'0912", "General", "0912"),
        ("a\nb", "General", "a\nb"),
    ],
)
def test_a_cell_of_a_workbook_is_the_text_that_it_means(value: Any, number_format: str, text: str) -> None:
    data = workbook([["x", value]], formats={"B1": number_format})
    assert cells(data) == [("x", text)]


def test_a_workbook_s_first_sheet_with_anything_counts_with_its_own_row_numbers() -> None:
    data = workbook(
        [], [[None, None], [None, "to", "name", None], [], [None, "0912", None, "x"]], [["other"]]
    )
    assert [(row.number, row.cells) for row in read(data)] == [
        (2, ("", "to", "name", "")),
        (4, ("", "0912", "", "x")),
    ]


def _with_formula(cached: str | None) -> bytes:
    """Return a workbook with a formula, and what Excel has computed of it."""
    data, changed = workbook([["to"], ["=1+1"]]), BytesIO()
    value = f"<v>{cached}</v>" if cached else "<v></v>"
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(changed, "w") as target:
        for part in source.infolist():
            content = source.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                assert b"<f>1+1</f>" in content
                content = content.replace(b"<v></v>", value.encode()).replace(b"<v/>", value.encode())
                content = content.replace(b"<v />", value.encode())
            target.writestr(part, content)
    return changed.getvalue()


def test_a_formula_is_what_it_came_to_and_is_never_evaluated() -> None:
    assert cells(_with_formula("9121234567")) == [("to",), ("9121234567",)]
    assert cells(_with_formula(None)) == [("to",)]


def _zipped(**parts: bytes) -> bytes:
    stored = BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stored.getvalue()


def _with_sheet(content: bytes) -> bytes:
    data, changed = workbook([["to"]]), BytesIO()
    with (
        zipfile.ZipFile(BytesIO(data)) as source,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.infolist():
            is_sheet = part.filename == "xl/worksheets/sheet1.xml"
            target.writestr(part.filename, content if is_sheet else source.read(part))
    return changed.getvalue()


LAUGHS = b"".join(
    [
        b'<?xml version="1.0"?><!DOCTYPE worksheet [<!ENTITY a0 "ha">',
        *(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)),
        b']><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">',
        b'<sheetData><row r="1">',
        b'<c r="A1" t="inlineStr"><is><t>&a11;</t></is></c></row></sheetData></worksheet>',
    ]
)


REFUSED: list[tuple[bytes, str]] = [
    (b"", "The file is empty."),
    (b" \r\n", "The file is empty."),
    ("\ufeff".encode(), "The file is empty: it has no cell with anything in it."),
    (b",,\n,,\n", "The file is empty: it has no cell with anything in it."),
    (b"%PDF-1.7 ...", "This is a PDF: save the table as .xlsx or .csv."),
    (b"\x89PNG\r\n\x1a\n", "This is a picture: save the table as .xlsx or .csv."),
    (b"<html><table>", "This is a web page or XML: save the table as .xlsx or .csv."),
    (workbooks.OLE + b"\0" * 100, "This is a workbook of an old kind (.xls): save it as .xlsx or .csv."),
    (
        workbooks.OLE + "EncryptedPackage".encode("utf-16-le"),
        "The workbook has a password: save it without one.",
    ),
    (workbook([["to"]])[:-60], "The workbook is damaged: open it in Excel and save it again."),
    (b"PK\x03\x04", "The workbook is damaged: open it in Excel and save it again."),
    (_zipped(**{"a.csv": b"x"}), "This is an archive, not a workbook: send the file that is in it."),
    (
        _zipped(**{"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}),
        "This is no Excel workbook: save it as .xlsx or .csv.",
    ),
    (
        _zipped(**{"xl/workbook.bin": b"x"}),
        "This is a binary workbook (.xlsb): save it as .xlsx or .csv.",
    ),
    (
        _zipped(**{"xl/workbook.xml": b"x", "xl/big.xml": b"0" * (workbooks.MAX_UNPACKED_BYTES + 1)}),
        "Unpacked, the workbook has more than 50 megabytes: divide it.",
    ),
    (
        _zipped(**{"xl/workbook.xml": b"x", "xl/styles.xml": b"<xf/>" * 500_000}),
        "The workbook has too many styles: copy the table to a new one.",
    ),
    (_with_sheet(LAUGHS), "The workbook is damaged: open it in Excel and save it again."),
    (workbook([], []), "The file is empty: it has no cell with anything in it."),
    (b"to\x01\x02\x03\n", "This is neither an Excel workbook (.xlsx) nor a text file (.csv)."),
    (
        b"??????,???\r\n09121234567,???\r\n",
        "The file has question marks in place of letters: save it as .xlsx or CSV UTF-8.",
    ),
    (b"\xff\xfea", "The file is damaged: not all of it is text in the encoding that it names."),
    (b'to\n"' + b"x" * 200_000, "The file is no table: look for a quotation mark that nothing closes."),
    (b"0912\n" * (MAX_ROWS + 2), "The file has more than 10000 rows: divide it."),
    (b"," * MAX_COLUMNS + b"x", "Row 1 has more than 100 columns."),
    (b"to\n" + b"x" * (MAX_CELL_CHARACTERS + 1), "Row 2 has a cell with more than 1000 characters."),
]


@pytest.mark.parametrize(
    ("data", "words"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_file_that_is_no_table_is_refused_with_words(data: bytes, words: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(data)
    assert str(refused.value) == words


def test_question_marks_here_and_there_are_a_text_as_any_other() -> None:
    assert cells(b"to,text\n0912,why??\n0913,x\n0914,y\n")[1] == ("0912", "why??")


def test_a_text_that_a_workbook_repeats_is_bounded() -> None:
    data = workbook([["x" * 900] * 100] * 120)
    assert len(data) < 100_000
    with pytest.raises(UnreadableFile, match="more than 10000000 characters"):
        read(data)


def test_as_many_rows_as_there_may_be_and_a_header_are_read() -> None:
    assert len(read(b"to\n" + b"0912\n" * MAX_ROWS)) == MAX_ROWS + 1
