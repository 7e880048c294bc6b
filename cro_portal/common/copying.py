"""Writing many rows at once, by PostgreSQL's COPY."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import connection

CHUNK_ROWS = 20_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_rows(
    table: str, columns: Iterable[str], rows: Iterator[Sequence[Any]]
) -> Iterator[int]:
    """Write rows and yield how many there are after each chunk.

    Nothing is written before the first number is asked for. Texts, numbers,
    dates, None and bools go as they are, tuples as arrays, dicts and lists as JSON.
    """
    sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    done = 0
    with connection.cursor() as cursor:
        while chunk := list(islice(rows, CHUNK_ROWS)):
            lines = "".join("\t".join(map(cell, row)) + "\n" for row in chunk)
            cursor.copy_expert(sql, io.StringIO(lines))
            done += len(chunk)
            yield done


def cell(value: Any) -> str:
    """Write a value as COPY's text format wants it."""
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if value is None:
        return r"\N"
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, tuple):
        return cell("{" + ",".join(map(_element, value)) + "}")
    if isinstance(value, dict | list):
        return cell(json.dumps(value))
    return str(value)


def _element(value: Any) -> str:
    if isinstance(value, str):
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return "NULL" if value is None else str(value)
