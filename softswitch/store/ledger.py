"""The rows of reports in a file of their own beside the database (RPT-16).

They follow from the journal, so the file may be deleted: it is made again. What the journal no longer reaches back to stays as it
was counted. A file of its own, because a month that is counted anew must not stand in the way of whoever writes the records.
Everything here blocks: use it in a thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from softswitch.errors import StoreError
from softswitch.reports.fold import DEFINITION, REMEMBERED, Fold, Limits, Made
from softswitch.reports.rows import ADDED, GREATEST, MILLI, QUARTER, REPLACED, TABLES, TEXT_COLUMNS
from softswitch.store.database import BUSY_TIMEOUT, create_private, explain

SUFFIX: Final = ".reports"
PIECE: Final = 128  # blocks of the journal between two transactions: some 8,000 events
LAYOUT: Final = 2  # of the tables
# Rows of four hours beside those of a quarter: what is not asked by the time of day adds up a sixteenth of the rows.
COARSE: Final = "_coarse"
WIDE: Final = 16 * QUARTER  # seconds
DAY: Final = 86_400
LONGEST_TRY: Final = 31 * DAY  # of a number that gives up again and again, each time within a day

_MALFORMED: Final = (KeyError, TypeError, ValueError, AttributeError)
Sums = dict[str, int]


def _create() -> str:
    parts = []
    coarse = {f"{name}{COARSE}": spec for name, spec in ADDED.items()}
    for name, (keys, columns) in {**ADDED, **coarse, **REPLACED}.items():
        fields = [f"{one} {'TEXT' if one in TEXT_COLUMNS else 'INTEGER'}" for one in (*keys, *columns)]
        parts.append(f"CREATE TABLE {name} ({', '.join(fields)}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID")
    parts.append("CREATE TABLE report_numbers (number TEXT PRIMARY KEY, body TEXT, at INTEGER) WITHOUT ROWID")
    parts.append("CREATE TABLE report_state (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    parts.append("CREATE INDEX report_missed_number ON report_missed (number)")
    parts.append("CREATE INDEX report_numbers_at ON report_numbers (at)")
    parts.append("CREATE INDEX report_spans_since ON report_spans (since)")
    return ";".join(parts)


def _upsert(table: str) -> str:
    keys, columns = ADDED.get(table.removesuffix(COARSE)) or REPLACED[table]
    names = (*keys, *columns)
    sets = [
        f"{one} = excluded.{one}"
        if table in REPLACED
        else f"{one} = max({one}, excluded.{one})"
        if one in GREATEST
        else f"{one} = {one} + excluded.{one}"
        for one in columns
    ]
    return (
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(sets)}"
    )


EVERY: Final = (*TABLES, *(f"{table}{COARSE}" for table in ADDED))
UPSERTS: Final = {table: _upsert(table) for table in EVERY}
# By the primary key: the block that holds the number, or the first one behind it.
_AFTER: Final = (
    "SELECT first_seq, last_seq, first_wall, last_wall, events FROM journal WHERE first_seq >="
    " coalesce((SELECT max(first_seq) FROM journal WHERE first_seq <= ?), 0) AND last_seq > ? ORDER BY first_seq LIMIT ?"
)
_KEEP_NUMBER: Final = (
    "INSERT INTO report_numbers (number, body, at) VALUES (?, ?, ?)"
    " ON CONFLICT (number) DO UPDATE SET body = excluded.body, at = excluded.at"
)
_KEEP_STATE: Final = (
    "INSERT INTO report_state (name, value) VALUES ('fold', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_STATE: Final = "SELECT value FROM report_state WHERE name = 'fold'"


class _Memory:
    """What is known of numbers (`reports.fold.Memory`): read from the file, written with the rows."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.changed: dict[str, tuple[dict[str, Any], int]] = {}
        self._connection = connection

    def recall(self, number: str) -> dict[str, Any] | None:
        if (found := self.changed.get(number)) is not None:
            return found[0]
        row = self._connection.execute("SELECT body FROM report_numbers WHERE number = ?", (number,)).fetchone()
        return json.loads(row[0]) if row else None

    def keep(self, number: str, body: dict[str, Any], at: int) -> None:
        self.changed[number] = (body, at)


class Ledger:
    """The rows of one database. Safe for several threads, which take turns, and for several processes."""

    def __init__(
        self,
        database: Path,
        *,
        limits: Callable[[str], Limits | None] = lambda queue: None,
        same: Callable[[str], str] = lambda number: number,
    ) -> None:
        """`limits(queue)`: T and S of a queue, None if there is none such; `same`: see `Fold`."""
        self.path = database.with_name(database.name + SUFFIX)
        self.limits = limits
        self.skipped = 0  # events that could not be read
        self._database = database
        self._same = same
        self._turn = threading.Lock()  # of counting ...
        self._looking = threading.Lock()  # ... and of questions, which do not wait for it
        self._look: sqlite3.Connection | None = None
        self._rows: sqlite3.Connection | None = None
        self._journal: sqlite3.Connection | None = None

    def close(self) -> None:
        with self._turn, self._looking:
            for one in (self._rows, self._journal, self._look):
                if one is not None:
                    one.close()
            self._rows = self._journal = self._look = None

    # --- from the journal ----------------------------------------------------------------------------------------

    def catch_up(self, pause: Callable[[], None] = lambda: None) -> int:
        """Count what the journal has new, or all of it anew if something else is to be counted; how many events were read.

        `pause()` is called after each block, for whoever has something else to do meanwhile. Raises StoreError.
        """
        with self._turn, self._troubles():
            journal, rows = self._open_journal(), self._open_rows()
            state = self._state(rows)
            if state is None or self._holds(json.loads(state), journal):
                return self._advance(rows, journal, pause)
            return self._anew(rows, journal, pause)

    def rebuild(self, pause: Callable[[], None] = lambda: None) -> int:
        """Count everything anew that is in the journal. Raises StoreError."""
        with self._turn, self._troubles():
            return self._anew(self._open_rows(), self._open_journal(), pause)

    def _holds(self, state: Mapping[str, Any], journal: sqlite3.Connection) -> bool:
        """Whether the rows are what would be counted now."""
        if state["definition"] != DEFINITION:
            return False
        for queue, (level, short) in state["limits"].items():
            now = self.limits(queue)
            if now is not None and (now.service_level, now.short_abandon) != (level, short):
                return False
        if not state["last"]:
            return True
        first, wall = state["last"]
        found = journal.execute("SELECT first_wall FROM journal WHERE first_seq = ?", (first,)).fetchone()
        if found is not None:
            return bool(found[0] == wall)
        # Pruned; or it is another journal, of a copy that was put in its place.
        oldest = journal.execute("SELECT min(first_seq) FROM journal").fetchone()[0]
        return oldest is not None and oldest > first

    def _advance(self, rows: sqlite3.Connection, journal: sqlite3.Connection, pause: Callable[[], None]) -> int:
        count = 0
        while True:
            before = self._state(rows)
            state = json.loads(before) if before else {}
            used: dict[str, Any] = dict(state.get("limits", {}))
            memory = _Memory(rows)
            fold = Fold(memory, partial(self._used, used), self._same, state.get("floor", 0))
            if state.get("fold"):
                fold.restore(state["fold"])
            cursor = state.get("cursor", 0)
            blocks = journal.execute(_AFTER, (cursor, cursor, PIECE)).fetchall()
            if not blocks:
                return count
            reached, last = cursor, state.get("last")
            for first, final, wall, until, text in blocks:
                for seq, at, _, name, _, payload in json.loads(text):
                    if seq > cursor:
                        count += 1
                        try:
                            fold.see(seq, wall + at / 1e6, name, payload)
                        except _MALFORMED:  # of a version that told less; all the others count
                            self.skipped += 1
                fold.tick(until)
                reached, last = final, [first, wall]
                pause()
            kept = _state_of(used, reached, last, state.get("floor", 0))
            if not self._write(rows, fold, memory, kept, before):
                continue  # Another process was faster: what it has counted is there.
            if len(blocks) < PIECE:
                return count

    def _used(self, used: dict[str, Any], queue: str) -> Limits:
        """The limits that a queue is counted with; those of one that is gone stay as they were."""
        found = self.limits(queue)
        if found is None:
            return Limits(*used[queue]) if queue in used else Limits()
        if queue not in used:
            used[queue] = [found.service_level, found.short_abandon]
        return found

    def _write(
        self, rows: sqlite3.Connection, fold: Fold, memory: _Memory, kept: dict[str, Any], before: str | None
    ) -> bool:
        made = fold.take()
        kept["fold"] = fold.export()
        rows.execute("BEGIN IMMEDIATE")
        try:
            if self._state(rows) != before:
                rows.execute("ROLLBACK")
                return False
            _put(rows, made)
            rows.executemany(
                _KEEP_NUMBER, [(number, json.dumps(body), at) for number, (body, at) in memory.changed.items()]
            )
            rows.execute("DELETE FROM report_numbers WHERE at < ?", (fold.now - REMEMBERED,))
            rows.execute(_KEEP_STATE, (json.dumps(kept),))
            rows.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                rows.execute("ROLLBACK")
            raise
        return True

    def _anew(self, rows: sqlite3.Connection, journal: sqlite3.Connection, pause: Callable[[], None]) -> int:
        """Into another file, which then takes the place of the rows in one transaction: reports are whole meanwhile."""
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        _remove(fresh)
        new = _open(fresh)
        try:
            new.executescript(_create())
            oldest = journal.execute("SELECT first_wall FROM journal ORDER BY first_seq LIMIT 1").fetchone()
            floor = 0 if oldest is None else (int(oldest[0]) // QUARTER + 1) * QUARTER
            self._carry(rows, new, floor or 1 << 40, pause)
            new.execute(_KEEP_STATE, (json.dumps(_state_of({}, 0, None, floor)),))
            count = self._advance(new, journal, pause)
            _coarsen(new)
            new.close()
            rows.execute("ATTACH ? AS fresh", (str(fresh),))
            try:
                rows.execute("BEGIN IMMEDIATE")
                for table in (*EVERY, "report_numbers", "report_state"):
                    rows.execute(f"DELETE FROM main.{table}")
                    rows.execute(f"INSERT INTO main.{table} SELECT * FROM fresh.{table}")
                rows.execute("COMMIT")
            finally:
                if rows.in_transaction:
                    rows.execute("ROLLBACK")
                rows.execute("DETACH fresh")
        finally:
            new.close()
            _remove(fresh)
        return count

    def _carry(self, old: sqlite3.Connection, new: sqlite3.Connection, floor: int, pause: Callable[[], None]) -> None:
        """What is older than the journal stays as it was counted."""
        for table in TABLES:
            column = {"report_spans": "since", "report_missed": "first_at"}.get(table, "at")
            limit = floor if table in ADDED else floor * MILLI
            keys, columns = ADDED.get(table) or REPLACED[table]
            cursor = old.execute(f"SELECT {', '.join((*keys, *columns))} FROM {table} WHERE {column} < ?", (limit,))
            while chunk := cursor.fetchmany(500):
                new.executemany(UPSERTS[table], chunk)
                pause()

    # --- questions -----------------------------------------------------------------------------------------------

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Raises StoreError."""
        with self._looking, self._troubles():
            if self._look is None:
                self._look = self._prepared()
            return self._look.execute(sql, values).fetchall()

    def sums(
        self,
        table: str,
        columns: Collection[str],
        since: int,
        until: int,
        by: str,
        where: Mapping[str, Any] | None = None,
    ) -> dict[Any, Sums]:
        """Rows of a time added up, by a column of the key. `where`: a value of a column, or several."""
        parts = [f"max({one})" if one in GREATEST else f"sum({one})" for one in columns]
        source, values = _source(table, (by, *columns), since, until, where or {}, whole=by == "at")
        found = self.rows(f"SELECT {by}, {', '.join(parts)} FROM ({source}) GROUP BY {by}", values)
        return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found}

    def bins(
        self, kind: str, since: int, until: int, where: Mapping[str, Any] | None = None
    ) -> list[tuple[str, str, int, int]]:
        """(name, detail, bin, n)"""
        names = ("name", "detail", "bin", "n")
        source, values = _source("report_bins", names, since, until, {"kind": kind} | dict(where or {}))
        sql = f"SELECT name, detail, bin, sum(n) FROM ({source}) GROUP BY name, detail, bin"
        return [(row[0], row[1], row[2], row[3]) for row in self.rows(sql, values)]

    def select(
        self, table: str, since: int, until: int, where: Mapping[str, Any] | None = None, *, limit: int = 1 << 30
    ) -> list[dict[str, Any]]:
        """Rows of `rows.REPLACED`, the newest first. `since`, `until`: seconds, of the first column of time; of who was missed,
        those who tried in the time, also if they had begun before."""
        keys, columns = REPLACED[table]
        names = (*keys, *columns)
        column = {"report_spans": "since", "report_missed": "first_at"}.get(table, "at")
        if table == "report_missed":
            clause, values = _clause((since - LONGEST_TRY) * MILLI, until * MILLI, where or {}, column)
            clause, values = f"last_at >= ? AND {clause}", [since * MILLI, *values]
        else:
            clause, values = _clause(since * MILLI, until * MILLI, where or {}, column)
        sql = f"SELECT {', '.join(names)} FROM {table} WHERE {clause} ORDER BY {column} DESC LIMIT ?"
        return [dict(zip(names, row, strict=True)) for row in self.rows(sql, [*values, limit])]

    def repeated(
        self, since: int, until: int, where: Mapping[str, Any], limit: int
    ) -> list[tuple[str, str, int, int, int]]:
        """Who called again most often: (number, queue, how often, of that after an answer, when last in milliseconds)."""
        clause, values = _clause(since * MILLI, until * MILLI, where)
        found = self.rows(
            f"SELECT number, queue, count(*), sum(answered), max(at) FROM report_repeats WHERE {clause}"
            " GROUP BY number, queue ORDER BY count(*) DESC, number, queue LIMIT ?",
            [*values, limit],
        )
        return [(one[0], one[1], one[2], one[3], one[4]) for one in found]

    def counted_to(self) -> float:
        """Unix time of the last event that is counted; 0 = there is none."""
        found = self.rows(_STATE)
        state = json.loads(found[0][0]) if found else {}
        return float((state.get("fold") or {}).get("now", 0)) / MILLI

    def forget(self, number: str) -> int:
        """Delete what is kept of a caller's number; how many rows that were."""
        count = 0
        with self._turn, self._troubles():
            connection = self._open_rows()
            for table, column in (
                ("report_missed", "number"), ("report_repeats", "number"), ("report_numbers", "number"),
                ("report_transfers", "target"),
            ):  # fmt: skip
                count += connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,)).rowcount
        return count

    def prune(self, days: int, now: float) -> int:
        """Delete what is told of single calls and people before so many days; counts stay. 0 = keep."""
        if not days:
            return 0
        before = int((now - days * DAY) * MILLI)
        count = 0
        with self._turn, self._troubles():
            connection = self._open_rows()
            for table in REPLACED:
                column = {"report_spans": "since", "report_missed": "last_at"}.get(table, "at")
                count += connection.execute(f"DELETE FROM {table} WHERE {column} < ?", (before,)).rowcount
        return count

    # --- connections ---------------------------------------------------------------------------------------------

    def _open_rows(self) -> sqlite3.Connection:
        if self._rows is None:
            self._rows = self._prepared()
        return self._rows

    def _prepared(self) -> sqlite3.Connection:
        connection = _open(self.path)
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        if 0 < layout < LAYOUT:  # They are counted again.
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f"DROP TABLE {name}")
            layout = 0
        if not layout:
            with contextlib.suppress(sqlite3.OperationalError):  # Somebody else has made them meanwhile.
                connection.executescript(f"BEGIN IMMEDIATE; {_create()}; PRAGMA user_version = {LAYOUT}; COMMIT")
        elif layout > LAYOUT:
            raise StoreError(
                f"{self.path} was written by a newer softswitch", hint="install that version, or delete the file"
            )
        return connection

    def _open_journal(self) -> sqlite3.Connection:
        if self._journal is None:
            if not self._database.exists():
                raise StoreError(f"There is no database {self._database}.", hint="begin with: softswitch init")
            self._journal = sqlite3.connect(
                self._database, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            self._journal.execute("PRAGMA query_only = ON")
        return self._journal

    def _state(self, rows: sqlite3.Connection) -> str | None:
        found = rows.execute(_STATE).fetchone()
        return str(found[0]) if found else None

    @contextlib.contextmanager
    def _troubles(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explain(error, self.path) from None


def _state_of(limits: dict[str, Any], cursor: int, last: list[Any] | None, floor: int) -> dict[str, Any]:
    """What is kept of the counting. `last`: number and time of the last block, by which the journal is known again."""
    return {
        "definition": DEFINITION, "limits": limits, "cursor": cursor, "last": last, "floor": floor, "fold": None,
    }  # fmt: skip


def _remove(path: Path) -> None:
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    create_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # What a power failure takes back is counted again: the place in the journal goes back with it.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _put(rows: sqlite3.Connection, made: Made) -> None:
    for table, found in made.tables().items():
        if found:
            rows.executemany(UPSERTS[table], _flat(found))
        if found and table in ADDED:
            rows.executemany(UPSERTS[f"{table}{COARSE}"], _flat(_wide(table, found)))


def _wide(table: str, found: Mapping[Any, Sequence[int]]) -> dict[Any, list[int]]:
    """Rows of quarters added up to those of four hours."""
    keys, columns = ADDED[table]
    place, greatest = keys.index("at"), columns[-1] in GREATEST
    wide: dict[Any, list[int]] = {}
    for key, row in found.items():
        key = (*key[:place], key[place] // WIDE * WIDE, *key[place + 1 :])
        if (into := wide.get(key)) is None:
            wide[key] = list(row)
            continue
        last = max(into[-1], row[-1])
        for index, value in enumerate(row):
            into[index] += value
        if greatest:
            into[-1] = last
    return wide


def _coarsen(rows: sqlite3.Connection) -> None:
    """Make all rows of four hours from those of quarters."""
    for table, (keys, columns) in ADDED.items():
        names = [f"at / {WIDE} * {WIDE}" if one == "at" else one for one in keys]
        parts = [f"max({one})" if one in GREATEST else f"sum({one})" for one in columns]
        rows.execute(f"DELETE FROM {table}{COARSE}")
        rows.execute(
            f"INSERT INTO {table}{COARSE} ({', '.join((*keys, *columns))})"
            f" SELECT {', '.join((*names, *parts))} FROM {table} GROUP BY {', '.join(names)}"
        )


def _source(
    table: str, names: Sequence[str], since: int, until: int, where: Mapping[str, Any], *, whole: bool = False
) -> tuple[str, list[Any]]:
    """The rows of a time: where the single quarters do not matter, whole four hours and the quarters at both ends."""
    first, last = -(-since // WIDE) * WIDE, until // WIDE * WIDE
    if whole or first >= last:
        pieces = [(table, since, until)]
    else:
        pieces = [(table, since, first), (f"{table}{COARSE}", first, last), (table, last, until)]
    parts, values = [], []
    for name, start, end in pieces:
        clause, found = _clause(start, end, where)
        parts.append(f"SELECT {', '.join(names)} FROM {name} WHERE {clause}")
        values += found
    return " UNION ALL ".join(parts), values


def _flat(found: Mapping[Any, Iterable[Any]]) -> Iterable[tuple[Any, ...]]:
    return ((*key, *values) for key, values in found.items())


def _clause(since: int, until: int, where: Mapping[str, Any], column: str = "at") -> tuple[str, list[Any]]:
    parts, values = [f"{column} >= ?", f"{column} < ?"], [since, until]
    for name, wanted in where.items():
        if isinstance(wanted, range):
            parts.append(f"{name} >= ? AND {name} < ?")
            values += [wanted.start, wanted.stop]
        elif isinstance(wanted, (list, tuple, set, frozenset)):
            parts.append(f"{name} IN ({', '.join('?' * len(wanted))})")
            values += sorted(wanted)
        elif wanted is not None:
            parts.append(f"{name} = ?")
            values.append(wanted)
    return " AND ".join(parts), values
