"""Questions to the records: recent calls, one call with everything, queue visits, books and summaries."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import aiosqlite

from softswitch.directory import Queue
from softswitch.store import customer_history, statements
from softswitch.store.callbacks import summarise
from softswitch.store.database import explain, open_for_reading
from softswitch.store.dispositions import (
    Adherence,
    DispositionFigures,
    DispositionFilter,
    DispositionRecord,
    clauses,
    script_step,
    shares,
)
from softswitch.store.projection import MICRO
from softswitch.store.records import (
    Books,
    CallbackRecord,
    CallbackSummary,
    CallRecord,
    JournalEntry,
    LegRecord,
    QueueSummary,
    RecordingRecord,
    VisitRecord,
    VoicemailRecord,
)
from softswitch.store.statements import (
    CALL_COLUMNS,
    CALLBACK_COLUMNS,
    DISPOSITION_COLUMNS,
    LEG_COLUMNS,
    RECORDING_COLUMNS,
    SCRIPT_COLUMNS,
    VISIT_COLUMNS,
    VOICEMAIL_COLUMNS,
    select,
)

LAST_SEQ: Final = (1 << 63) - 1
PAGE: Final = 64  # blocks of the journal read at once
FOREVER: Final = 1e15  # seconds: later than anything
AGENTS_SIDE: Final = "abandoned_connecting"  # never counts as short: an agent had picked up
ABANDONED: Final = ("abandoned_short", "abandoned", "abandoned_ringing", AGENTS_SIDE)


@dataclass(slots=True, frozen=True)
class Thresholds:
    """Of FEATURES C.2: T, the service level's seconds; S, a wait that counts as a short abandon."""

    service_level: float = 20.0
    short_abandon: float = 6.0


DEFAULT_THRESHOLDS: Final = Thresholds()


@dataclass(slots=True, frozen=True)
class CallFilter:
    """Which calls to list. Empty means any; `number` is the caller's or the dialled one; `before` a seq."""

    number: str = ""
    queue: str = ""
    agent: str = ""
    trunk: str = ""
    outcome: str = ""
    since: float = 0.0
    until: float = FOREVER
    before: int | None = None


@dataclass(slots=True, frozen=True)
class RecordingFilter:
    """Which recordings to list. Empty means any."""

    call: str = ""
    queue: str = ""
    agent: str = ""
    caller: str = ""
    recording: int = 0
    since: float = 0.0
    until: float = FOREVER

    COLUMNS: ClassVar[tuple[str, ...]] = ("call", "queue", "agent", "caller")

    def texts(self) -> tuple[str, ...]:
        return (self.call, self.queue, self.agent, self.caller)

    def texts_of(self, record: RecordingRecord) -> tuple[str, ...]:
        return (record.call, record.queue, record.agent, record.caller)


@dataclass(slots=True, frozen=True)
class CallDetails:
    """A call with its legs, its queue visits and its events."""

    call: CallRecord
    legs: list[LegRecord]
    visits: list[VisitRecord]
    events: list[JournalEntry]


# --- rows -> values --------------------------------------------------------------------------------------------------


def call_record(row: Sequence[Any]) -> CallRecord:
    values = dict(zip(CALL_COLUMNS, row, strict=True))
    nodes = json.loads(values["path"])
    seconds = tuple(one[1] for one in nodes if isinstance(one, list))
    path = tuple(one[0] if isinstance(one, list) else one for one in nodes)
    return CallRecord(**values | {"path": path, "path_seconds": seconds if len(seconds) == len(path) else ()})


def leg_record(row: Sequence[Any]) -> LegRecord:
    values = dict(zip(LEG_COLUMNS, row, strict=True))
    return LegRecord(**values | {"media": values["media"] and json.loads(values["media"])})


def recording_record(row: Sequence[Any]) -> RecordingRecord:
    values = dict(zip(RECORDING_COLUMNS, row, strict=True))
    return RecordingRecord(**values | {"interrupted": bool(values["interrupted"])})


def voicemail_record(row: Sequence[Any]) -> VoicemailRecord:
    values = dict(zip(VOICEMAIL_COLUMNS, row, strict=True))
    return VoicemailRecord(**values | {name: bool(values[name]) for name in ("heard", "interrupted")})


def visit_record(row: Sequence[Any]) -> VisitRecord:
    return VisitRecord(*row)


def journal_entries(blocks: Iterable[Sequence[Any]], calls: Collection[str] | None = None) -> list[JournalEntry]:
    """From (first wall, first mono, JSON); only those of some calls, if `calls` is given."""
    return [
        JournalEntry(seq, wall + at / MICRO, mono + clock / MICRO, name, call, payload)
        for wall, mono, text in blocks
        for seq, at, clock, name, call, payload in json.loads(text)
        if calls is None or call in calls
    ]


def books_of(rows: Iterable[tuple[str, str, int]]) -> list[Books]:
    """From (queue, outcome, how many), where the outcome "" means still there."""
    outcomes: dict[str, dict[str, int]] = {}
    waiting: dict[str, int] = {}
    for queue, outcome, count in rows:
        found = outcomes.setdefault(queue, {})
        if outcome:
            found[outcome] = count
        else:
            waiting[queue] = count
    return [
        Books(queue, sum(found.values()) + waiting.get(queue, 0), dict(sorted(found.items())), waiting.get(queue, 0))
        for queue, found in sorted(outcomes.items())
    ]


def summary_of(queue: str, row: Sequence[Any]) -> QueueSummary:
    """From (entered, answered, answered within T, abandoned, short ones, still there, sum of answered waits, longest)."""
    entered, answered, in_time, abandoned, short, waiting, total, longest = (one or 0 for one in row)
    counted = answered + abandoned - short
    return QueueSummary(
        queue=queue,
        offered=entered,
        answered=answered,
        abandoned_short=short,
        abandoned=abandoned - short,
        other=entered - answered - abandoned - waiting,
        in_progress=waiting,
        asa=total / answered if answered else None,
        longest_wait=longest if entered > waiting else None,
        service_level=in_time / counted if counted else None,
        answer_rate=answered / (entered - short) if entered > short else None,
    )


# --- SQL -------------------------------------------------------------------------------------------------------------

_BOOKS: Final = (
    "SELECT queue, outcome, count(*) FROM queue_visits WHERE entered_at >= ? AND entered_at < ? GROUP BY queue, outcome"
)
_QUEUES: Final = "SELECT DISTINCT queue FROM queue_visits WHERE entered_at >= ? AND entered_at < ? ORDER BY queue"
_ABANDONED: Final = "outcome IN (" + ", ".join(f"'{one}'" for one in ABANDONED) + ")"
_SHORT: Final = f"{_ABANDONED} AND outcome <> '{AGENTS_SIDE}'"
_SUMMARY: Final = (
    "SELECT count(*), sum(outcome = 'answered'), sum(outcome = 'answered' AND waited <= ?),"
    f" sum({_ABANDONED}), sum({_SHORT} AND waited <= ?), sum(left_at IS NULL),"
    " sum(CASE WHEN outcome = 'answered' THEN waited END), max(CASE WHEN left_at IS NOT NULL THEN waited END)"
    " FROM queue_visits WHERE entered_at >= ? AND entered_at < ? AND queue = ?"
)
_QUEUE_BODY: Final = "SELECT body FROM site_objects WHERE kind = 'queue' AND name = ? ORDER BY since DESC LIMIT 1"
_CONTACTS: Final = (
    # The agent's own phone tells how long it took: a call may go on with somebody else, or with another queue.
    "SELECT visit.entered_at, visit.waited, visit.outcome, coalesce((SELECT sum(leg.talk_seconds) FROM legs AS leg"
    " WHERE leg.call = visit.call AND leg.role = 'agent' AND leg.party = visit.agent), call.talk_seconds, 0.0)"
    " FROM queue_visits AS visit LEFT JOIN calls AS call ON call.call = visit.call"
    " WHERE visit.queue = ? AND visit.entered_at >= ? AND visit.entered_at < ? AND visit.left_at IS NOT NULL"
    " ORDER BY visit.entered_at"
)
_JOURNAL: Final = (
    "SELECT first_seq, first_wall, first_mono, events FROM journal"
    " WHERE first_seq > ? AND last_wall >= ? AND first_wall < ? ORDER BY first_seq LIMIT ?"
)


class Reports:
    """Reads the records of a database, also while another process writes it."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    @classmethod
    async def open(cls, path: Path) -> Reports:
        """Raises StoreError. Needs no lock: a CLI may look while the daemon runs."""
        return cls(await open_for_reading(path), path)

    async def close(self) -> None:
        await self._connection.close()

    async def recent_calls(self, limit: int = 50, which: CallFilter | None = None) -> list[CallRecord]:
        """The newest calls first, those in progress included."""
        which = which or CallFilter()
        clauses, values = ["started_at >= ?", "started_at < ?"], [which.since, which.until]
        for column in ("queue", "agent", "trunk", "outcome"):
            if value := getattr(which, column):
                clauses.append(f"{column} = ?")
                values.append(value)
        if which.number:
            clauses.append("(caller = ? OR dialled = ?)")
            values += [which.number, which.number]  # type: ignore[list-item]
        if which.before is not None:
            clauses.append("seq < ?")
            values.append(which.before)
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY seq DESC LIMIT {limit:d}"
        return [call_record(row) for row in await self._rows(select("calls", CALL_COLUMNS, rest), values)]

    async def call(self, call: str) -> CallDetails | None:
        """Everything about one call."""
        rows = await self._rows(select("calls", CALL_COLUMNS, "WHERE call = ?"), [call])
        if not rows:
            return None
        record = call_record(rows[0])
        legs = await self._rows(select("legs", LEG_COLUMNS, "WHERE call = ? ORDER BY seq"), [call])
        until = FOREVER if record.ended_at is None else record.ended_at
        visits = await self._rows(
            # By the time of entry, for which there is an index; the call id alone has none.
            select(
                "queue_visits", VISIT_COLUMNS, "WHERE entered_at >= ? AND entered_at <= ? AND call = ? ORDER BY visit"
            ),
            [record.started_at - 1.0, until, call],
        )
        last = record.end_seq or LAST_SEQ
        blocks = await self._rows(statements.BLOCKS, [record.seq, last, LAST_SEQ])
        events = journal_entries(blocks, {call})
        return CallDetails(record, [leg_record(one) for one in legs], [visit_record(one) for one in visits], events)

    async def recordings(self, limit: int = 50, which: RecordingFilter | None = None) -> list[RecordingRecord]:
        """The newest recordings first, those that go on included."""
        which = which or RecordingFilter()
        clauses, values = ["started_at >= ?", "started_at < ?"], [which.since, which.until]
        wanted: list[tuple[str, Any]] = [
            *zip(which.COLUMNS, which.texts(), strict=True),
            ("recording", which.recording),
        ]
        for column, value in wanted:
            if value:
                clauses.append(f"{column} = ?")
                values.append(value)
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY started_at DESC, recording DESC LIMIT {limit:d}"
        return [
            recording_record(row) for row in await self._rows(select("recordings", RECORDING_COLUMNS, rest), values)
        ]

    async def due_recordings(self, now: float, limit: int = 500) -> list[RecordingRecord]:
        """Recordings whose files are to be deleted by now (Unix time)."""
        return [recording_record(row) for row in await self._rows(statements.DUE_RECORDINGS, [now, limit])]

    async def voicemail(self) -> list[VoicemailRecord]:
        """All messages, the oldest first: those that are being spoken and those that are deleted included."""
        return [voicemail_record(row) for row in await self._rows(statements.LOAD_VOICEMAIL, [])]

    async def callbacks(
        self, *, queue: str = "", number: str = "", since: float = 0.0, until: float = FOREVER, limit: int = 1000
    ) -> list[CallbackRecord]:
        """Callbacks by the time at which they were asked for, the newest first; those that are open included."""
        clauses = [
            "created_at >= ?",
            "created_at < ?",
            *(["queue = ?"] * bool(queue)),
            *(["number = ?"] * bool(number)),
        ]
        values = [since, until, *([queue] * bool(queue)), *([number] * bool(number)), limit]
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY created_at DESC, callback LIMIT ?"
        return [CallbackRecord(*row) for row in await self._rows(select("callbacks", CALLBACK_COLUMNS, rest), values)]

    async def callback_summary(
        self, *, since: float = 0.0, until: float = FOREVER, targets: Mapping[str, float] | None = None
    ) -> list[CallbackSummary]:
        """What became of them, by queue. `targets`: seconds within which they count as in time, 3600 where none is named."""
        return summarise(await self.callbacks(since=since, until=until, limit=1 << 30), targets or {})

    async def dispositions(self, which: DispositionFilter, limit: int = 1000) -> list[DispositionRecord]:
        """What agents said that calls were about, the newest first."""
        where, values = clauses(which)
        columns = ", ".join(f"d.{one}" for one in DISPOSITION_COLUMNS)
        rest = f"{where} ORDER BY d.at DESC, d.call, d.agent LIMIT ?"
        rows = await self._rows(f"SELECT {columns} FROM dispositions AS d {rest}", [*values, limit])
        return [DispositionRecord(*row) for row in rows]

    async def script_steps(self, call: str) -> list[dict[str, Any]]:
        """The steps of a script in a call, as they are ticked."""
        rest = "WHERE call = ? ORDER BY step"
        return [script_step(row) for row in await self._rows(select("script_steps", SCRIPT_COLUMNS, rest), [call])]

    async def adherence(self, script: str, queues: Sequence[str], steps: int, since: float) -> list[Adherence]:
        """How much of a script of `steps` steps was said, by agent, in the calls that were talked in its queues."""
        marks = ", ".join("?" * len(queues))
        rows = await self._rows(
            "SELECT c.agent, count(DISTINCT c.call), count(s.step) FROM calls AS c LEFT JOIN script_steps AS s"
            f" ON s.call = c.call AND s.script = ? AND s.done = 1 WHERE c.started_at >= ? AND c.queue IN ({marks})"
            " AND c.agent <> '' AND c.talk_seconds > 0 GROUP BY c.agent ORDER BY c.agent",
            [script, since, *queues],
        )
        return [
            Adherence(
                script, agent, calls, calls * steps, min(ticked, calls * steps), min(1.0, ticked / (calls * steps))
            )
            for agent, calls, ticked in rows
        ]

    async def disposition_figures(
        self, which: DispositionFilter, *, by_agent: bool = False
    ) -> list[DispositionFigures]:
        """How often each was given, by queue (and agent)."""
        where, values = clauses(which)
        agent = "d.agent" if by_agent else "''"
        rows = await self._rows(
            f"SELECT d.queue, {agent} AS who, d.disposition, count(*), avg(coalesce(c.talk_seconds, 0.0))"
            f" FROM dispositions AS d LEFT JOIN calls AS c ON c.call = d.call {where}"
            " GROUP BY d.queue, who, d.disposition",
            values,
        )
        return shares([(row[0], row[1], row[2], row[3], row[4]) for row in rows])

    async def history(self, customer: str, numbers: Sequence[str], limit: int = 20) -> dict[str, list[dict[str, Any]]]:
        """The last calls of a customer, with what belongs to them (`customer_history`)."""
        return await customer_history.history(self._rows, customer, numbers, limit)

    async def search(self, text: str, **which: Any) -> list[dict[str, Any]]:
        """Customers by parts of what is on their cards (`customer_history`)."""
        return await customer_history.search(self._rows, text, **which)

    async def visits(
        self, *, queue: str = "", since: float = 0.0, until: float = FOREVER, limit: int = 1000
    ) -> list[VisitRecord]:
        """Queue visits by the time of entry, the newest first."""
        clause, values = ("AND queue = ?", [since, until, queue]) if queue else ("", [since, until])
        rest = f"WHERE entered_at >= ? AND entered_at < ? {clause} ORDER BY entered_at DESC, visit DESC LIMIT {limit:d}"
        return [visit_record(row) for row in await self._rows(select("queue_visits", VISIT_COLUMNS, rest), values)]

    async def contacts(
        self, queue: str, *, since: float = 0.0, until: float = FOREVER
    ) -> list[tuple[float, float, str, float]]:
        """(entered at, waited, outcome, seconds of talk) of every visit that is over, for planning."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._rows(_CONTACTS, [queue, since, until])]

    async def wrap_up(self, queue: str) -> float:
        """Seconds of wrap-up that a queue of the site gives its agents; of one that is gone, what queues have by default."""
        rows = await self._rows(_QUEUE_BODY, [queue])
        body = json.loads(rows[0][0]) if rows else {}
        return float(body.get("wrap_up", Queue(queue).wrap_up))

    async def books(self, *, since: float = 0.0, until: float = FOREVER) -> list[Books]:
        """The books of every queue: offered = sum of outcomes + in progress."""
        return books_of([(row[0], row[1], row[2]) for row in await self._rows(_BOOKS, [since, until])])

    async def queue_summary(
        self, *, since: float = 0.0, until: float = FOREVER, thresholds: Mapping[str, Thresholds] | None = None
    ) -> list[QueueSummary]:
        """RPT-01 from the visits themselves: other thresholds give other figures for the past, too (RPT-16)."""
        result = []
        for (queue,) in await self._rows(_QUEUES, [since, until]):
            limits = (thresholds or {}).get(queue, DEFAULT_THRESHOLDS)
            values = [limits.service_level, limits.short_abandon, since, until, queue]
            result.append(summary_of(queue, (await self._rows(_SUMMARY, values))[0]))
        return result

    async def events(self, *, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        """Events of the journal in order, from the one after `after` on."""
        found: list[JournalEntry] = []
        while len(found) < limit:
            blocks = await self._rows(statements.BLOCKS, [after + 1, LAST_SEQ, PAGE])
            if not blocks:
                break
            entries = journal_entries(blocks)
            found += [one for one in entries if one.seq > after]
            if entries[-1].seq <= after:
                break
            after = entries[-1].seq
        return found[:limit]

    async def events_named(
        self, names: Collection[str], *, since: float = 0.0, until: float = FOREVER
    ) -> AsyncIterator[JournalEntry]:
        """Events of these names by the clock, the oldest first, as far back as the journal reaches."""
        after = -1
        while blocks := await self._rows(_JOURNAL, [after, since, until, PAGE]):
            after = blocks[-1][0]
            for entry in journal_entries([block[1:] for block in blocks]):
                if entry.name in names and since <= entry.wall < until:
                    yield entry

    async def rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """What a question of another module has for an answer. Raises StoreError."""
        return await self._rows(sql, values)

    async def _rows(self, sql: str, values: Sequence[Any]) -> list[Any]:
        try:
            return list(await self._connection.execute_fetchall(sql, values))
        except sqlite3.Error as error:
            raise explain(error, self._path) from None
