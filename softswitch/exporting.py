"""Rows as CSV or JSON lines, for spreadsheets and programs. The one place where cells are made harmless.

A spreadsheet takes a cell that begins with one of a few characters for a formula, and a caller's name is whatever the caller
likes (CWE-1236): such a cell gets an apostrophe in front. Plain numbers, signed and telephone numbers among them, stay.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # wide ones count, too
UNSEEN: Final = " \u00a0\u200b\u200c\u200d\u2060\u3000\ufeff\0"  # spreadsheets pass over these
FORMS: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_is_number = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch


def harmless(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        value = " > ".join(str(one) for one in value)
    text = str(value)
    if text.lstrip(UNSEEN).startswith(FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, head: bool = True) -> str:
    """Rows as CSV (RFC 4180); `head`: with a first line of the columns' names."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if head:
        writer.writerow(columns)
    writer.writerows([harmless(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False, default=str)}\n" for row in rows)
