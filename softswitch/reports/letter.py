"""Reports as a mail: as a page with tables, and as plain text for who reads no pages. The whole tables are attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from softswitch.reports.range import days

MOST_ROWS: Final = 25  # of one report in a mail
# What a mail has room for; the attached tables have everything.
BRIEF: Final = {
    "queues": ("queue", "entered", "answered", "abandoned", "sl", "answer_rate", "asa", "longest_wait", "aht"),
    "intervals": ("from", "entered", "answered", "abandoned", "sl", "asa", "aht"),
    "missed": ("number", "queue", "attempts", "last", "state", "contact_by"),
    "agents": ("agent", "calls_in", "calls_out", "talk", "wrap", "not_ready", "rings_no_answer", "aht", "occupancy"),
    "gaming": ("agent", "rings", "mean_ring", "offer_accept", "short_answers", "pauses", "pauses_at_peak"),
}
_WORDS: Final = {
    "pl": {
        "attached": "Tabele są w załącznikach.", "all": "razem", "nothing": "W tym czasie nic się nie działo.",
        "more": "Dalsze wiersze: {n}.", "what": "Czym są te liczby",
        "contacted": "skontaktowano się", "lost": "utracony", "open": "jeszcze nie",
    },
    "en": {
        "attached": "The tables are attached.", "all": "all", "nothing": "Nothing in that time.", "more": "Further rows: {n}.",
        "what": "What these numbers are", "contacted": "contacted", "lost": "lost", "open": "open",
    },
}  # fmt: skip
_CELL: Final = "padding:6px 10px;border-bottom:1px solid #d8dee6;font-variant-numeric:tabular-nums"
_PAGE: Final = "font:15px/1.45 system-ui,sans-serif;color:#1b2430;background:#ffffff;max-width:900px"


def letter(reports: Sequence[dict[str, Any]], language: str) -> str:
    """What a mail says of the reports that it brings."""
    words = _WORDS.get(language, _WORDS["en"])["attached"]
    lines = []
    for report in reports:
        title = report["titles"].get(language) or report["titles"]["en"]
        span = report["range"]
        lines += [f"{title}: {span['from'][:16]} - {span['to'][:16]} ({span['timezone']})"]
        for column in report["columns"]:
            value = report.get("total", {}).get(column["name"])
            found = value["value"] if isinstance(value, dict) else value
            if isinstance(value, (dict, int, float)):
                name = column["titles"].get(language) or column["titles"]["en"]
                lines.append(f"  {name}: {shown(found, column['unit'])}   [{column['formula']}]")
        lines.append("")
    return "\n".join([*lines, words])


def shown(value: Any, unit: str) -> str:
    """A value as people read it; a dash for what there is not (never 100 %)."""
    if value is None or value == "":
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "seconds":
        whole = round(value)
        if value < 60:
            return f"{value:.1f} s"
        return (
            f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
            if whole >= 3600
            else f"{whole // 60}:{whole % 60:02d}"
        )
    if unit == "number":
        return f"{value:.2f}"
    return str(value)


def page(reports: Sequence[Mapping[str, Any]], language: str) -> str:
    """The same as HTML, with the tables. Whatever callers and agents are called is a text."""
    words = _WORDS.get(language, _WORDS["en"])
    parts = [_section(report, language, words) for report in reports]
    end = f'<p style="color:#5a6675">{words["attached"]}</p>'
    return (
        f'<!doctype html><html lang="{language}"><body><div style="{_PAGE}">{"".join(parts)}{end}</div></body></html>'
    )


def _section(report: Mapping[str, Any], language: str, words: Mapping[str, str]) -> str:
    title = report["titles"].get(language) or report["titles"]["en"]
    span = f"{days(report['range'], ' – ')} ({report['range']['timezone']})"
    head = f'<h2 style="margin:24px 0 2px;font-size:20px">{escape(title)}</h2>'
    head += f'<p style="margin:0 0 10px;color:#5a6675">{escape(span)}</p>'
    names = BRIEF.get(report["report"], ())
    columns = [one for one in report["columns"] if not names or one["name"] in names]
    rows = list(report["rows"])
    if not rows:
        return f"{head}<p>{words['nothing']}</p>"
    total, first = report.get("total", {}), columns[0]["name"]
    lines = [_row(one, columns, language, words) for one in rows[:MOST_ROWS]]
    if len(rows) > 1 and any(one["name"] in total for one in columns):
        lines.append(_row({first: words["all"], **total}, columns, language, words, "font-weight:600"))
    heads = "".join(
        f'<th scope="col" style="{_CELL};text-align:{_side(one)};color:#5a6675">{escape(_title(one, language))}</th>'
        for one in columns
    )
    more = f"<p>{words['more'].format(n=len(rows) - MOST_ROWS)}</p>" if len(rows) > MOST_ROWS else ""
    formulas = "".join(
        f"<br>{escape(_title(one, language))}: {escape(one['formula'])}" for one in columns if one["formula"]
    )
    return (
        f'{head}<table style="border-collapse:collapse"><thead><tr>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
        f'{more}<p style="font-size:12px;color:#5a6675"><b>{words["what"]}</b>{formulas}</p>'
    )


def _row(
    row: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]],
    language: str,
    words: Mapping[str, str],
    style: str = "",
) -> str:
    cells = (
        f'<td style="{_CELL};text-align:{_side(one)};{style}">{escape(_text(row.get(one["name"]), one, words, language))}</td>'
        for one in columns
    )
    return f"<tr>{''.join(cells)}</tr>"


def _text(value: Any, column: Mapping[str, Any], words: Mapping[str, str], language: str) -> str:
    plain = value["value"] if isinstance(value, Mapping) and "d" in value else value
    if isinstance(plain, Mapping):
        return ", ".join(f"{name}: {one}" for name, one in plain.items())
    if column["unit"] == "time" and plain:
        return str(plain)[:16].replace("T", " ")
    if column["name"] == "state":
        return words.get(str(plain), str(plain))
    found = shown(plain, "" if isinstance(plain, str) else column["unit"])
    return found.replace(".", ",") if language == "pl" and isinstance(plain, float) else found


def _title(column: Mapping[str, Any], language: str) -> str:
    return str(column["titles"].get(language) or column["titles"].get("en") or column["name"])


def _side(column: Mapping[str, Any]) -> str:
    return "left" if column["unit"] in ("text", "time", "durations", "bins") else "right"
