"""What the records know of one customer, and customers who are looked for. Read only, on the connection of the reports."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from softswitch.store.customers import folded
from softswitch.store.projection import to_json
from softswitch.store.statements import CALLBACK_COLUMNS, DISPOSITION_COLUMNS, SURVEY_COLUMNS, select

Rows: TypeAlias = Callable[[str, list[Any]], Awaitable[Sequence[Any]]]
CALLS: Final = (
    "seq", "call", "started_at", "ended_at", "caller", "dialled", "outcome", "talk_seconds", "queue", "agent", "trunk",
    "account",
)  # fmt: skip
FOUND: Final = ("customer", "name", "company", "email", "vip", "segment", "manager")
MOST_WORDS: Final = 8


async def history(rows: Rows, customer: str, numbers: Sequence[str], limit: int) -> dict[str, list[dict[str, Any]]]:
    """The last calls of a customer with what was said about them and answered after them, and their callbacks.

    Calls are theirs by the card that was found, by the number that called, and by the number that was called.
    """
    columns = ", ".join(CALLS)
    parts = [f"SELECT * FROM (SELECT {columns} FROM calls WHERE customer = ? ORDER BY seq DESC LIMIT {limit:d})"]
    values: list[Any] = [customer]
    if not customer:
        parts.clear()
        values.clear()
    for number in numbers:  # One by one, so that each is found by its index.
        for column in ("caller", "dialled"):
            parts.append(
                f"SELECT * FROM (SELECT {columns} FROM calls WHERE {column} = ? ORDER BY seq DESC LIMIT {limit:d})"
            )
            values.append(number)
    if not parts:
        return {"calls": [], "dispositions": [], "surveys": [], "callbacks": []}
    found = await rows(f"{' UNION '.join(parts)} ORDER BY seq DESC LIMIT {limit:d}", values)
    calls = [dict(zip(CALLS, row, strict=True)) for row in found]
    ids = [one["call"] for one in calls]
    return {
        "calls": calls,
        "dispositions": await _of(rows, "dispositions", DISPOSITION_COLUMNS, "call", ids, "at"),
        "surveys": await _of(rows, "survey_answers", SURVEY_COLUMNS, "call", ids, "at"),
        "callbacks": await _of(rows, "callbacks", CALLBACK_COLUMNS, "number", list(numbers), "created_at", limit),
    }


async def _of(
    rows: Rows, table: str, columns: tuple[str, ...], key: str, values: list[Any], order: str, limit: int = 1_000
) -> list[dict[str, Any]]:
    """The rows of a table whose key is one of some values, the newest first."""
    if not values:
        return []
    marks = ", ".join("?" * len(values))
    rest = f"WHERE {key} IN ({marks}) ORDER BY {order} DESC LIMIT {limit:d}"
    return [dict(zip(columns, row, strict=True)) for row in await rows(select(table, columns, rest), values)]


async def search(
    rows: Rows,
    text: str,
    *,
    tag: str = "",
    manager: str = "",
    vip: bool | None = None,
    after: str = "",
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Customers on whose card all words of a text stand, as a part of customer number, name, company, e-mail or a number;
    by customer number, from behind one on."""
    clauses, values = ["customer > ?"], [after]
    for word in _words(text):
        clauses.append("search LIKE ? ESCAPE '\\'")
        values.append(f"%{word.translate(LITERAL)}%")
    if tag:  # JSON of a list: the text in its quotes.
        clauses.append("tags LIKE ? ESCAPE '\\'")
        values.append(f"%{to_json(tag).translate(LITERAL)}%")
    if manager:
        clauses.append("manager = ?")
        values.append(manager)
    if vip is not None:
        clauses.append("vip = ?")
        values.append(int(vip))  # type: ignore[arg-type]
    columns = (*FOUND, "tags")
    rest = f"WHERE {' AND '.join(clauses)} ORDER BY customer LIMIT {limit:d}"
    found = [dict(zip(columns, row, strict=True)) for row in await rows(select("customers", columns, rest), values)]
    return [one | {"vip": bool(one["vip"]), "tags": json.loads(one["tags"])} for one in found]


def _words(text: str) -> list[str]:
    plain = folded(text)
    if plain and not plain.strip("+0123456789 -()"):  # A telephone number, with whatever people put between its digits.
        return ["".join(one for one in plain if one.isdigit())]
    return plain.split()[:MOST_WORDS]


LITERAL: Final = str.maketrans({"%": "\\%", "_": "\\_", "\\": "\\\\"})  # of LIKE
