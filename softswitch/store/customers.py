"""Customers' cards in the database, and the figures of surveys. Cards are read in portions, written in transactions of their own.

Nothing of a call waits for these tables: what calls need is in memory (`call.customers`).
"""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

from softswitch.call.customers import Customer
from softswitch.store import statements as sql
from softswitch.store.database import transaction
from softswitch.store.projection import clean, to_json
from softswitch.store.records import SurveyFigures

PORTION: Final = 200  # rows that are read at once
STROKES: Final = str.maketrans({"ł": "l", "đ": "d", "ø": "o"})  # letters that no mark can be taken from
GROUPS: Final = ("", "agent", "queue", "customer")


class Customers:
    """The tables of customers. `writing` is the lock of everybody who writes on this connection."""

    def __init__(self, connection: aiosqlite.Connection, writing: asyncio.Lock, path: Path) -> None:
        self._connection = connection
        self._writing = writing
        self._path = path

    async def page(self, after: str, limit: int) -> list[Customer]:
        """Cards by customer number, from behind one on."""
        rows = await self._rows(sql.CUSTOMERS_AFTER, (after, limit))
        if not rows:
            return []
        numbers: dict[str, list[str]] = {}
        for number, customer in await self._rows(sql.CUSTOMER_NUMBERS_BETWEEN, (after, rows[-1][0])):
            numbers.setdefault(customer, []).append(number)
        return [_customer(row, numbers.get(row[0], ())) for row in rows]

    async def find(self, customer: str, number: str) -> Customer | None:
        """The card of a customer number, else of a telephone number in its one spelling."""
        rows = await self._rows(sql.CUSTOMER_FIND, (customer, number, customer))
        if not rows:
            return None
        numbers = await self._rows(sql.CUSTOMER_NUMBERS_OF, (rows[0][0],))
        return _customer(rows[0], [one for (one,) in numbers])

    async def portions(self) -> AsyncIterator[list[Customer]]:
        """Every card, by customer number, a portion at a time."""
        last = ""
        while portion := await self.page(last, PORTION):
            last = portion[-1].id
            yield portion

    async def put(self, cards: Iterable[Customer]) -> None:
        """Add or replace cards, all or none. A number of somebody else's is theirs from now on. Raises StoreError."""
        cards, now = list(cards), time.time()
        gone = [(one.id,) for one in cards]
        rows = [_row(one, now) for one in cards]
        numbers = [(number, one.id) for one in cards for number in one.numbers]
        async with self._writing, transaction(self._connection, self._path):
            await self._connection.executemany(sql.CUSTOMER, rows)
            await self._connection.executemany(sql.CUSTOMER_NUMBERS_GONE, gone)
            await self._connection.executemany(sql.CUSTOMER_NUMBER, numbers)

    async def remove(self, customers: Iterable[str]) -> None:
        """Delete cards, all or none. Raises StoreError."""
        gone = [(one,) for one in customers]
        async with self._writing, transaction(self._connection, self._path):
            await self._connection.executemany(sql.CUSTOMER_NUMBERS_GONE, gone)
            await self._connection.executemany(sql.CUSTOMER_NOTES_GONE, gone)
            await self._connection.executemany(sql.CUSTOMER_GONE, gone)

    async def note(self, customer: str, at: float, author: str, call: str, text: str) -> int:
        """Write something down about a customer; the number of the note. Raises StoreError."""
        async with self._writing, transaction(self._connection, self._path):
            cursor = await self._connection.execute(sql.CUSTOMER_NOTE, (customer, at, author, call, clean(text)))
            return int(cursor.lastrowid or 0)

    async def notes(self, customer: str, limit: int = 100) -> list[dict[str, Any]]:
        """What was written down about a customer, the newest first."""
        rows = await self._rows(sql.CUSTOMER_NOTES, (customer, limit))
        return [dict(zip(sql.NOTE_COLUMNS, row, strict=True)) for row in rows]

    async def merge(self, card: Customer, gone: str) -> None:
        """Two customers are one: `card` is what they are together, `gone` is no more. Raises StoreError."""
        rows = [_row(card, time.time())]
        async with self._writing, transaction(self._connection, self._path):
            for statement in sql.CUSTOMER_MERGED:
                await self._connection.execute(statement, (card.id, gone))
            await self._connection.executemany(sql.CUSTOMER_NUMBERS_GONE, [(gone,), (card.id,)])
            await self._connection.execute(sql.CUSTOMER_GONE, (gone,))
            await self._connection.executemany(sql.CUSTOMER, rows)
            await self._connection.executemany(sql.CUSTOMER_NUMBER, [(number, card.id) for number in card.numbers])

    async def count(self) -> int:
        return int((await self._rows(sql.CUSTOMER_COUNT))[0][0])

    async def calls_after(self, wall: float, seq: int, limit: int) -> list[tuple[float, int, str]]:
        """Calls behind one, the oldest first: when each began (Unix time), its number, its caller."""
        return await self._rows(sql.CALLS_SINCE, (wall, seq, limit))

    async def surveys(
        self, *, survey: str = "", by: str = "", since: float = 0.0, until: float = 1e15
    ) -> list[SurveyFigures]:
        """The answers of a time. `by`: one of GROUPS."""
        assert by in GROUPS
        group = by or "''"
        return [
            SurveyFigures(*row)
            for row in await self._rows(
                f"SELECT survey, question, {group} AS grouped, count(*), avg(score), min(score), max(score)"
                " FROM survey_answers WHERE at >= ? AND at < ? AND (? = '' OR survey = ?)"
                " GROUP BY survey, question, grouped ORDER BY survey, question, grouped",
                (since, until, survey, survey),
            )
        ]

    async def answers(self, *, survey: str = "", since: float = 0.0, until: float = 1e15) -> list[dict[str, Any]]:
        """Single answers, the oldest first."""
        rows = await self._rows(
            sql.select(
                "survey_answers", sql.SURVEY_COLUMNS, "WHERE at >= ? AND at < ? AND (? = '' OR survey = ?) ORDER BY seq"
            ),
            (since, until, survey, survey),
        )
        return [dict(zip(sql.SURVEY_COLUMNS, row, strict=True)) for row in rows]

    async def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return list(await self._connection.execute_fetchall(statement, values))


def _customer(row: Sequence[Any], numbers: Iterable[str]) -> Customer:
    customer, name, language, vip, segment, manager, fields, _, company, email, link, tags, _, do_not_call = row
    return Customer(
        customer, name, tuple(numbers), language, bool(vip), segment, manager, json.loads(fields), company, email, link,
        tuple(json.loads(tags)), bool(do_not_call),
    )  # fmt: skip


def _row(one: Customer, now: float) -> tuple[Any, ...]:
    return (
        one.id, clean(one.name), one.language, int(one.vip), clean(one.segment), one.manager, to_json(dict(one.fields)), now,
        clean(one.company), clean(one.email), one.link, to_json(one.tags),
        clean(searchable(one.id, one.name, one.company, one.email, *one.numbers)), int(one.do_not_call),
    )  # fmt: skip


def folded(text: str) -> str:
    """A text as it is compared: without case and without marks above, below and through letters."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(STROKES))
    return "".join(one for one in plain if not unicodedata.combining(one))


def searchable(*texts: str) -> str:
    """What of a card can be found by parts of it."""
    return folded("\n".join(one for one in texts if one))
