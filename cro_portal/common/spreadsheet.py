"""Tables for a spreadsheet program, in which no cell is a formula."""

import csv
from collections.abc import Iterable, Sequence
from io import BytesIO, StringIO
from typing import TypeAlias

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Value: TypeAlias = str | int | float | None

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet program may take for a formula, or strip and then take so."""


def safe(value: Value) -> Value:
    """Make text that would be a formula plain text, by an apostrophe before it.

    Numbers stay numbers. Characters that no spreadsheet holds are left out.
    """
    if not isinstance(value, str):
        return value
    text = ILLEGAL_CHARACTERS_RE.sub("", value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def as_csv(rows: Iterable[Sequence[Value]]) -> bytes:
    """Write rows as CSV in UTF-8 with a byte order mark, which Excel needs."""
    buffer = StringIO()
    csv.writer(buffer).writerows([safe(value) for value in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def as_xlsx(
    rows: Iterable[Sequence[Value]], *, title: str, n_head_rows: int, n_columns: int = 1
) -> bytes:
    """Write rows as one sheet; head rows and first columns stay in sight."""
    book = Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append([safe(value) for value in row])
    for row in sheet.iter_rows():
        for cell in row:
            cell.alignment = Alignment(vertical="top", wrap_text=True)
            if isinstance(cell.value, str):
                cell.data_type = "s"
    for cell in sheet[n_head_rows]:
        cell.font = Font(bold=True)
    for column in sheet.iter_cols(min_row=n_head_rows, max_row=n_head_rows):
        sheet.column_dimensions[column[0].column_letter].width = 24
    sheet.freeze_panes = sheet.cell(row=n_head_rows + 1, column=n_columns + 1)
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()
