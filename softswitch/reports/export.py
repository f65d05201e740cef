"""Reports as files for other programs: CSV, XLSX, JSON. No text of a caller's becomes a formula in somebody's spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from softswitch.exporting import harmless
from softswitch.reports.range import days

FORMATS: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHEETS: Final = ("agents", "callers", "trunks")  # further lists of some reports
SHEET_NAME: Final = 31  # characters that a sheet's name may have
MOST_WIDE: Final = 40

SEMICOLON: Final = "semicolon"  # with decimal commas, as spreadsheets of Poland and most of Europe read CSV
BY_LANGUAGE: Final = {"pl": SEMICOLON}

Table = tuple[str, list[str], list[list[Any]]]


class Moment(str):
    """A moment as ISO text."""

    __slots__ = ()

    @property
    def local(self) -> datetime:
        """On the clock of the report, for spreadsheets, which know no time zones."""
        return datetime.fromisoformat(self).replace(tzinfo=None)


def tables(report: Mapping[str, Any], language: str = "en") -> list[Table]:
    """Each list of a report as (name, heads, rows); of a quotient its numerator and denominator stand beside it."""
    found = [_table(str(report["report"]), report["columns"], report["rows"], language)]
    for name in SHEETS:
        if rows := report.get(name):
            columns = report.get(f"{name[:-1]}_columns") or [_plain(one) for one in rows[0]]
            found.append(_table(name, columns, rows, language))
    return found


def _plain(name: str) -> dict[str, Any]:
    return {"name": name, "titles": {}, "unit": "text", "formula": ""}


def _table(name: str, columns: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], language: str) -> Table:
    heads: list[str] = []
    lines: list[list[Any]] = [[] for _ in rows]
    for column in columns:
        title = column["titles"].get(language) or column["titles"].get("en") or column["name"]
        cells = [row.get(column["name"]) for row in rows]
        quotient = any(isinstance(one, Mapping) and "d" in one and "n" in one for one in cells)
        heads += [title, f"{title}: n", f"{title}: d"] if quotient else [title]
        for line, one in zip(lines, cells, strict=True):
            if quotient:
                line += [one["value"], one["n"], one["d"]] if isinstance(one, Mapping) else [one, None, None]
            elif isinstance(one, str) and one and column["unit"] == "time":
                line.append(Moment(one))
            elif isinstance(one, Mapping):
                line.append(", ".join(f"{key}: {value}" for key, value in one.items()))
            else:
                line.append(one)
    return name, heads, lines


def to_csv(report: Mapping[str, Any], language: str = "en", separator: str = "") -> bytes:
    """With a byte order mark, without which Excel takes UTF-8 for something else; several lists follow one another.

    `separator`: "comma" or `SEMICOLON`; "" = by the language.
    """
    text = io.StringIO()
    semicolon = (separator or BY_LANGUAGE.get(language, "")) == SEMICOLON
    writer = csv.writer(text, lineterminator="\r\n", delimiter=";" if semicolon else ",")

    def cell(one: Any) -> Any:
        if semicolon and isinstance(one, Moment):
            return f"{one.local:%Y-%m-%d %H:%M:%S}"
        if semicolon and isinstance(one, float):
            return repr(one).replace(".", ",")
        return harmless(one) if isinstance(one, str) else one

    for number, (name, heads, rows) in enumerate(tables(report, language)):
        if number:
            writer.writerow([])
            writer.writerow([name])
        writer.writerow([harmless(one) for one in heads])
        writer.writerows([cell(one) for one in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def to_json(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, ensure_ascii=False, indent=1).encode()


def to_xlsx(report: Mapping[str, Any], language: str = "en") -> bytes:
    """A sheet for each list, and one that says what the numbers are. Every text is a text, whatever it begins with."""
    import xlsxwriter  # Takes 60 ms, which only who wants such a file has to wait.

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    bold, share = book.add_format({"bold": True}), book.add_format({"num_format": "0.0 %"})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    units = {one["titles"].get(language) or one["name"]: one["unit"] for one in report["columns"]}
    for name, heads, rows in tables(report, language):
        sheet = book.add_worksheet(name[:SHEET_NAME])
        sheet.freeze_panes(1, 0)
        for place, head in enumerate(heads):
            sheet.write_string(0, place, head, bold)
            width = max([len(head), *(len(str(row[place])) for row in rows[:200] if row[place] is not None)])
            sheet.set_column(place, place, min(width + 2, MOST_WIDE), share if units.get(head) == "share" else None)
        for line, row in enumerate(rows, 1):
            for place, one in enumerate(row):
                if isinstance(one, Moment):
                    sheet.write_datetime(line, place, one.local, moment)
                elif isinstance(one, str):
                    sheet.write_string(line, place, one)
                elif one is not None:
                    sheet.write_number(line, place, one)
    sheet = book.add_worksheet("Definitions")
    span = report["range"]
    said = [
        ("from", span["from"]), ("to", span["to"]), ("time zone", span["timezone"]), *report["definitions"].items(),
        *report.get("more_definitions", {}).items(),
    ]  # fmt: skip
    for line, (name, text) in enumerate(said):
        sheet.write_string(line, 0, name, bold)
        sheet.write_string(line, 1, text)
    sheet.set_column(0, 1, MOST_WIDE)
    book.close()
    return target.getvalue()


def written(report: Mapping[str, Any], form: str, language: str = "en", separator: str = "") -> bytes:
    """In one of `FORMATS`."""
    if form == "xlsx":
        return to_xlsx(report, language)
    return to_csv(report, language, separator) if form == "csv" else to_json(report)


def file_name(report: Mapping[str, Any], form: str) -> str:
    return f"{report['report']}-{days(report['range'], '-')}.{form}"
