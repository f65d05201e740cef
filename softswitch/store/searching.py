"""Call records and recordings, searched: the newest first, in pages, by indexes only.

A page begins behind a call (keyset): however far back somebody reads, a page costs the same. What can match by one of several
columns or queues is asked for each by itself, so that each goes by its own index and stops after a page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from softswitch.store.records import CallRecord, JournalEntry, LegRecord, RecordingRecord, VisitRecord
from softswitch.store.reports import (
    FOREVER,
    LAST_SEQ,
    Reports,
    call_record,
    journal_entries,
    leg_record,
    recording_record,
)
from softswitch.store.statements import (
    AUDIT_COLUMNS,
    CALL_COLUMNS,
    LEG_COLUMNS,
    MARK_COLUMNS,
    RECORDING_COLUMNS,
    VISIT_COLUMNS,
    select,
)

FEW_RECORDINGS: Final = 20_000  # up to so many, calls are looked for by their recordings, else the other way round
EVENTS: Final = 5_000  # of one call, at most
ON_DISK: Final = "SELECT call FROM recordings WHERE deleted_at IS NULL"


@dataclass(slots=True, frozen=True)
class Scope:
    """Whose calls: those of some queues, and those of an agent and of their phone. Empty: everybody's."""

    queues: tuple[str, ...] = ()
    agent: str = ""
    account: str = ""

    @property
    def narrow(self) -> bool:
        return bool(self.queues or self.agent or self.account)


@dataclass(slots=True, frozen=True)
class CallQuery:
    """What to look for. Empty means any. `numbers`: spellings of one, the caller's or the dialled one; `before`: a `seq`."""

    numbers: tuple[str, ...] = ()
    queue: str = ""
    agent: str = ""
    trunk: str = ""
    outcome: str = ""
    recorded: bool | None = None
    since: float = 0.0
    until: float = FOREVER
    before: int = 0
    scope: Scope = field(default=Scope())


@dataclass(slots=True, frozen=True)
class RecordingQuery:
    """Which recordings. `callers`: spellings of a number; `text`: in the note; `before`: a recording."""

    callers: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    agent: str = ""
    call: str = ""
    tag: str = ""
    text: str = ""
    recording: int = 0
    since: float = 0.0
    until: float = FOREVER
    before: int = 0
    stored: bool = False  # only those whose file is there


@dataclass(slots=True, frozen=True)
class Mark:
    """What somebody added to a recording."""

    recording: int
    tags: tuple[str, ...] = ()
    note: str = ""
    held: bool = False
    actor: str = ""
    at: float = 0.0


@dataclass(slots=True, frozen=True)
class AuditRecord:
    """One line of the audit. `at`: seconds since 1970."""

    seq: int
    at: float
    actor: str
    action: str
    subject: str
    detail: str
    source: str
    error: str


@dataclass(slots=True, frozen=True)
class CallStory:
    """A call with everything that is known of it, but the messages on the wire."""

    call: CallRecord
    legs: list[LegRecord]
    visits: list[VisitRecord]
    recordings: list[RecordingRecord]
    events: list[JournalEntry]


class Searching:
    """Questions to the tables of a database."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        return await self._reports.rows(sql, values)

    # --- calls -------------------------------------------------------------------------------------------------------

    async def calls(self, which: CallQuery, limit: int) -> list[CallRecord]:
        """The newest first, those that go on included."""
        few = 0
        if which.recorded:
            few = (await self._rows(f"SELECT count(*) FROM (SELECT 1 FROM recordings LIMIT {FEW_RECORDINGS})", []))[0][
                0
            ]
        sql, values = calls_sql(which, limit, by_recordings=0 < few < FEW_RECORDINGS)
        return [call_record(row) for row in await self._rows(sql, values)]

    async def recorded(self, calls: Sequence[str]) -> set[str]:
        """Those of some calls of which a recording is on the disk."""
        if not calls:
            return set()
        marks = ", ".join("?" * len(calls))
        return {row[0] for row in await self._rows(f"{ON_DISK} AND call IN ({marks})", list(calls))}

    async def legs(self, calls: Sequence[str]) -> list[LegRecord]:
        """The legs of some calls, call by call."""
        marks = ", ".join("?" * len(calls))
        rest = f"WHERE call IN ({marks}) ORDER BY call, seq"
        return [leg_record(row) for row in await self._rows(select("legs", LEG_COLUMNS, rest), list(calls))]

    async def story(self, call: str) -> CallStory | None:
        """One call."""
        rows = await self._rows(select("calls", CALL_COLUMNS, "WHERE call = ?"), [call])
        if not rows:
            return None
        record = call_record(rows[0])
        until = FOREVER if record.ended_at is None else record.ended_at
        visits = await self._rows(
            select(
                "queue_visits", VISIT_COLUMNS, "WHERE entered_at >= ? AND entered_at <= ? AND call = ? ORDER BY visit"
            ),
            [record.started_at - 1.0, until, call],
        )
        # Blocks that do not name the call are not read as JSON: while a call lasted, thousands of others were told.
        blocks = await self._rows(
            "SELECT first_wall, first_mono, events FROM journal WHERE first_seq >="
            " (SELECT coalesce(max(first_seq), 0) FROM journal WHERE first_seq <= ?) AND first_seq <= ?"
            " AND instr(events, ?) > 0 ORDER BY first_seq",
            [record.seq, record.end_seq or LAST_SEQ, call],
        )
        events = await asyncio.to_thread(journal_entries, blocks, {call})
        found = await self.recordings(RecordingQuery(call=call), 100)
        return CallStory(record, await self.legs([call]), [VisitRecord(*row) for row in visits], found, events[:EVENTS])

    # --- recordings --------------------------------------------------------------------------------------------------

    async def recordings(self, which: RecordingQuery, limit: int) -> list[RecordingRecord]:
        """The newest first, those that go on included."""
        clauses, values = ["started_at >= ?", "started_at < ?"], [which.since, which.until]
        for column, given in (("caller", which.callers), ("queue", which.queues)):
            if given:
                clauses.append(f"{column} IN ({', '.join('?' * len(given))})")
                values += given  # type: ignore[arg-type]
        for column in ("agent", "call", "recording"):
            if value := getattr(which, column):
                clauses.append(f"{column} = ?")
                values.append(value)
        if which.stored:
            clauses.append("deleted_at IS NULL AND ended_at IS NOT NULL")
        for column, text in (("tags", f"|{which.tag}|" if which.tag else ""), ("note", which.text)):
            if text:
                clauses.append(
                    f"recording IN (SELECT recording FROM recording_marks WHERE instr(lower({column}), lower(?)) > 0)"
                )
                values.append(text)  # type: ignore[arg-type]
        if which.before:
            clauses.append(
                "(started_at, recording) < (SELECT started_at, recording FROM recordings WHERE recording = ?)"
            )
            values.append(which.before)
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY started_at DESC, recording DESC LIMIT {limit:d}"
        rows = await self._rows(select("recordings", RECORDING_COLUMNS, rest), values)
        return [recording_record(row) for row in rows]

    async def marks(self, recordings: Sequence[int]) -> dict[int, Mark]:
        """What was added to some recordings."""
        if not recordings:
            return {}
        places = ", ".join("?" * len(recordings))
        rows = await self._rows(
            select("recording_marks", MARK_COLUMNS, f"WHERE recording IN ({places})"), list(recordings)
        )
        return {
            row[0]: Mark(row[0], tuple(one for one in row[1].split("|") if one), row[2], bool(row[3]), row[4], row[5])
            for row in rows
        }

    async def tags(self) -> dict[str, int]:
        """The tags in use, and of how many recordings."""
        counts: dict[str, int] = {}
        for (tags,) in await self._rows("SELECT tags FROM recording_marks WHERE tags <> ''", []):
            for one in tags.strip("|").split("|"):
                counts[one] = counts.get(one, 0) + 1
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    # --- audit -------------------------------------------------------------------------------------------------------

    async def audit(
        self,
        *,
        actor: str = "",
        action: str = "",
        subject: str = "",
        since: float = 0.0,
        until: float = FOREVER,
        before: int = 0,
        limit: int = 100,
    ) -> list[AuditRecord]:
        """Who did what, the newest first. `action`: how it begins; `before`: a `seq`."""
        clauses, values = ["at >= ?", "at < ?"], [since, until]
        for clause, value in (("actor = ?", actor), ("instr(action, ?) = 1", action), ("subject = ?", subject)):
            if value:
                clauses.append(clause)
                values.append(value)  # type: ignore[arg-type]
        if before:
            clauses.append("seq < ?")
            values.append(before)
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY seq DESC LIMIT {limit:d}"
        return [AuditRecord(*row) for row in await self._rows(select("audit", AUDIT_COLUMNS, rest), values)]


def calls_sql(which: CallQuery, limit: int, *, by_recordings: bool = False) -> tuple[str, list[Any]]:
    """The question and its values. `by_recordings`: recordings are few, so begin with them."""
    common, given = ["started_at >= ?", "started_at < ?"], [which.since, which.until]
    for column in ("queue", "agent", "trunk", "outcome"):
        if value := getattr(which, column):
            common.append(f"{column} = ?")
            given.append(value)
    if which.recorded is not None:
        inside = f"call IN ({ON_DISK})" if by_recordings else f"EXISTS ({ON_DISK} AND recordings.call = calls.call)"
        common.append(inside if which.recorded else f"NOT EXISTS ({ON_DISK} AND recordings.call = calls.call)")
    if which.before:
        # The first half says nothing new, but lets the index begin there.
        common.append("started_at <= (SELECT started_at FROM calls WHERE seq = ?)")
        common.append("(started_at, seq) < (SELECT started_at, seq FROM calls WHERE seq = ?)")
        given += [which.before, which.before]
    scope = which.scope
    whose = [("queue", one) for one in scope.queues] + [
        (column, value) for column, value in (("agent", scope.agent), ("account", scope.account)) if value
    ]
    order = f"ORDER BY started_at DESC, seq DESC LIMIT {limit:d}"
    branches: list[tuple[str, list[Any]]] = []
    if which.numbers:
        within = f" AND ({' OR '.join(f'{column} = ?' for column, _ in whose)})" if whose else ""
        branches = [
            (f"{column} = ?{within}", [number, *(value for _, value in whose)])
            for column in ("caller", "dialled")
            for number in which.numbers
        ]
    elif whose:
        branches = [(f"{column} = ?", [value]) for column, value in whose]
    if len(branches) < 2:
        clause, more = branches[0] if branches else ("", [])
        rest = f"WHERE {' AND '.join([*([clause] if clause else []), *common])} {order}"
        return select("calls", CALL_COLUMNS, rest), [*more, *given]
    further = " AND ".join(common)
    parts = [
        f"SELECT * FROM ({select('calls', CALL_COLUMNS, f'WHERE {clause} AND {further} {order}')})"
        for clause, _ in branches
    ]
    return f"{' UNION '.join(parts)} {order}", [value for _, more in branches for value in (*more, *given)]
