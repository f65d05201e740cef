"""Makes a person unrecognisable in what is stored: every text of every table, and the journal (`softswitch.erasing`).

Tables are found in the database itself, so that one that is added later is not forgotten here. Looking is done on a connection
of its own; what is changed is changed in portions, between which calls are written as always.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiosqlite

from softswitch.erasing import CALLED, SHOWN, Person, forget_in_block
from softswitch.store.database import explain, open_for_reading, transaction

PORTION: Final = 64  # rows or blocks of one transaction
LOOKED: Final = 256  # blocks of the journal that are looked at at once
# Not about callers: the site is its owner's, the journal has a way of its own.
LEFT_ALONE: Final = frozenset(
    {"site_objects", "site_versions", "keys", "meta", "alembic_version", "bindings", "journal"}
)


@dataclass(slots=True)
class Involved:
    """What is known of a person. `names`: as they were shown; `calls`: those that they took part in."""

    calls: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Erased:
    """What was changed: rows by table, and events of the journal."""

    rows: dict[str, int] = field(default_factory=dict)
    events: int = 0


class Erasure:
    """On the connection of the store. `writing` is the lock of everybody who writes on it."""

    def __init__(self, connection: aiosqlite.Connection, writing: asyncio.Lock, path: Path) -> None:
        self._connection = connection
        self._writing = writing
        self._path = path

    async def involved(self, who: Person) -> Involved:
        """The calls of a person, the names that they had, their customer numbers. Raises StoreError."""
        found = Involved()
        async with self._looking() as reader:
            calls = await _rows(
                reader,
                "SELECT call, caller, caller_name, customer FROM calls WHERE instr(caller, ?) OR instr(dialled, ?)",
                (who.needle, who.needle),
                self._path,
            )
            for call, caller, name, customer in calls:
                found.calls.add(call)
                if who.is_in(caller):
                    found.names |= {name} - {""}
                    found.customers |= {customer} - {""}
            legs = await _rows(reader, "SELECT call, party FROM legs WHERE instr(party, ?)", (who.needle,), self._path)
            found.calls |= {call for call, party in legs if who.is_in(party)}
            for table, column in (("voicemail", "caller_name"), ("callbacks", "name")):
                key = "caller" if table == "voicemail" else "number"
                rows = await _rows(
                    reader, f"SELECT {key}, {column} FROM {table} WHERE instr({key}, ?)", (who.needle,), self._path
                )
                found.names |= {name for number, name in rows if name and who.is_in(number)}
            numbers = await _rows(
                reader,
                "SELECT number, customer FROM customer_numbers WHERE instr(number, ?)",
                (who.needle,),
                self._path,
            )
            found.customers |= {customer for number, customer in numbers if who.is_in(number)}
            for customer in found.customers:
                rows = await _rows(reader, "SELECT name FROM customers WHERE customer = ?", (customer,), self._path)
                found.names |= {name for (name,) in rows if name}
        return found

    async def rewrite(self, who: Person, pseudonym: str, known: Involved, held: Collection[int] = ()) -> Erased:
        """Write the pseudonym wherever the person stands. `held`: recordings that stay as they are. Raises StoreError.

        What is not finished when the process dies is finished by asking for it again: the number is still there to be found.
        """
        done = Erased()
        async with self._looking() as reader:
            await self._connection.execute(
                "PRAGMA secure_delete = ON"
            )  # What was there is overwritten, not just let go.
            try:
                # The journal first: as long as the tables are not done, asking again finds the same calls and names.
                done.events = await self._journal(reader, who, pseudonym, known)
                for table, columns in (await self._tables(reader)).items():
                    count = await self._table(reader, table, columns, who, pseudonym, known, held)
                    if count:
                        done.rows[table] = count
            finally:
                await self._connection.execute("PRAGMA secure_delete = OFF")
        # Until then the old pages stand in the log beside the file.
        with contextlib.suppress(sqlite3.Error):
            async with self._writing:
                await self._connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return done

    @contextlib.asynccontextmanager
    async def _looking(self) -> Any:
        reader = await open_for_reading(self._path)
        try:
            yield reader
        finally:
            await reader.close()

    async def _tables(self, reader: aiosqlite.Connection) -> dict[str, list[str]]:
        """Tables and those of their columns that hold texts."""
        found: dict[str, list[str]] = {}
        names = await _rows(
            reader, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'", (), self._path
        )
        for (name,) in names:
            if name not in LEFT_ALONE:
                columns = await _rows(reader, "SELECT name, type FROM pragma_table_info(?)", (name,), self._path)
                found[name] = [column for column, kind in columns if kind.upper() in ("TEXT", "VARCHAR", "JSON")]
        return found

    async def _table(
        self,
        reader: aiosqlite.Connection,
        table: str,
        columns: list[str],
        who: Person,
        pseudonym: str,
        known: Involved,
        held: Collection[int],
    ) -> int:
        if not columns:
            return 0
        listed = ", ".join(f'"{one}"' for one in columns)
        # As people write them: with blanks and dashes.
        wanted = [f"instr(replace(replace(\"{one}\", ' ', ''), '-', ''), ?)" for one in columns]
        values: list[Any] = [who.needle] * len(columns)
        if "customer" in columns and known.customers:
            wanted.append(f"customer IN ({', '.join('?' * len(known.customers))})")
            values += sorted(known.customers)
        rows = await _rows(
            reader, f'SELECT rowid, {listed} FROM "{table}" WHERE {" OR ".join(wanted)}', values, self._path
        )
        changes: list[tuple[int, dict[str, tuple[str, str]]]] = []
        for count, (rowid, *texts) in enumerate(rows):
            if not count % PORTION:
                await asyncio.sleep(0)  # Calls have their turn.
            if table == "recordings" and rowid in held:
                continue
            row = {name: text for name, text in zip(columns, texts, strict=True) if isinstance(text, str)}
            new = _changed(row, who, pseudonym, known)
            if new:
                changes.append((rowid, {name: (row[name], text) for name, text in new.items()}))
        for start in range(0, len(changes), PORTION):
            async with self._writing, transaction(self._connection, self._path):
                for rowid, changed in changes[start : start + PORTION]:
                    for name, (old, text) in changed.items():
                        await self._connection.execute(
                            f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ? AND "{name}" = ?', (text, rowid, old)
                        )
        return len(changes)

    async def _journal(self, reader: aiosqlite.Connection, who: Person, pseudonym: str, known: Involved) -> int:
        changed, after = 0, -1
        last = (await _rows(reader, "SELECT coalesce(max(first_seq), 0) FROM journal", (), self._path))[0][0]
        needles = [who.needle, *(_escaped(one) for one in sorted(known.names | known.customers))]
        wanted = " OR ".join(["instr(events, ?)"] * len(needles))
        while after < last:
            until = await _rows(
                reader,
                "SELECT coalesce(max(first_seq), ?) FROM"
                " (SELECT first_seq FROM journal WHERE first_seq > ? ORDER BY first_seq LIMIT ?)",
                (last, after, LOOKED),
                self._path,
            )
            blocks = await _rows(
                reader,
                f"SELECT first_seq, events FROM journal WHERE first_seq > ? AND first_seq <= ? AND ({wanted})",
                (after, until[0][0], *needles),
                self._path,
            )
            after = until[0][0]
            new: list[tuple[str, int]] = []
            for first, text in blocks:
                rewritten, count = await asyncio.to_thread(
                    forget_in_block, text, who, pseudonym, known.names, known.customers, known.calls
                )
                if count:
                    new.append((rewritten, first))
                    changed += count
            if new:
                async with self._writing, transaction(self._connection, self._path):
                    await self._connection.executemany("UPDATE journal SET events = ? WHERE first_seq = ?", new)
        return changed


def _changed(row: dict[str, str], who: Person, pseudonym: str, known: Involved) -> dict[str, str]:
    """The columns of a row that have another value now."""
    named = row.get("customer", "") in known.customers and bool(row.get("customer"))
    new = {name: who.hide_in_column(text, pseudonym) for name, text in row.items()}
    # The called number does not make the caller's name that of the person.
    theirs = named or any(who.is_in(text) for name, text in row.items() if name not in CALLED)
    for name, text in row.items():
        if name == "customer" and named:
            new[name] = pseudonym
        elif name in SHOWN and theirs and text:
            new[name] = ""
    return {name: text for name, text in new.items() if text != row[name]}


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


async def _rows(reader: aiosqlite.Connection, sql: str, values: Iterable[Any], path: Path) -> list[Any]:
    try:
        return list(await reader.execute_fetchall(sql, tuple(values)))
    except sqlite3.Error as error:
        raise explain(error, path) from None
