"""Lists for campaigns as spreadsheets write them: what each column is, and every row that is wrong with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from softswitch.codepages import delimiter_of, table

COLUMNS: Final = ("number", "name", "timezone")  # others are fields that agents see
# Other headings of the same columns, in lower case.
HEADINGS: Final[Mapping[str, str]] = {
    "numer": "number", "telefon": "number", "nr telefonu": "number", "numer telefonu": "number", "tel": "number",
    "tel.": "number", "komórka": "number", "phone": "number", "phone number": "number", "telephone": "number",
    "mobile": "number", "imię i nazwisko": "name", "nazwa": "name", "nazwisko": "name", "klient": "name",
    "customer": "name", "full name": "name", "strefa": "timezone", "strefa czasowa": "timezone", "time zone": "timezone",
}  # fmt: skip
MOST_FIELDS: Final = 40


@dataclass(slots=True)
class Listed:
    """A file as it was read. `rows`: each with its line; `headings`: what each column is taken for, "" = left out."""

    headings: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(text: str, mapping: Mapping[str, str] | None = None) -> Listed:
    """The rows of a list. `mapping`: heading -> number, name, timezone or the name of a field; "" = not wanted."""
    text, before = table(text)
    found, mapping = Listed(), mapping or {}
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    try:
        heads = [one.strip() for one in next(lines, [])]
        found.headings = {one: _meaning(one, mapping) for one in heads if one}
        _check(heads, found)
        columns = [found.headings.get(one, "") for one in heads]
        for cells in lines:
            line = lines.line_num + before
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                found.problems.append(f"line {line}: {len(cells)} cells, where the headings are {len(columns)}")
                continue
            row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name}
            found.rows.append((line, row))
    except csv.Error as error:
        found.problems.append(f"line {lines.line_num + before}: {error}")
    return found


def _meaning(heading: str, mapping: Mapping[str, str]) -> str:
    if heading in mapping:
        return mapping[heading].strip()
    plain = heading.lower()
    return plain if plain in COLUMNS else HEADINGS.get(plain, heading)


def _check(heads: list[str], found: Listed) -> None:
    taken = [one for one in found.headings.values() if one]
    if "number" not in taken:
        found.problems.append(
            f"line 1: one column must be the telephone number; there are {', '.join(heads) or 'none'}"
        )
    for name in sorted(
        {one for one in taken if taken.count(one) > 1} | {one for one in heads if one and heads.count(one) > 1}
    ):
        found.problems.append(f"line 1: {name} stands for two columns")
    if len(taken) > MOST_FIELDS:
        found.problems.append(f"line 1: at most {MOST_FIELDS} columns")
