"""The twin of the store in memory: the same interface, the same writer, no file. For tests and simulations.

`Tables` outlive the store, as the file does: `MemoryStore.open(store.tables)` is the restart, `close(flush=False)` the crash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.errors import StoreError
from softswitch.events import Event
from softswitch.store import loading
from softswitch.store import statements as sql
from softswitch.store.callbacks import summarise, write_callback
from softswitch.store.diff import diff_objects
from softswitch.store.dispositions import DispositionFigures, DispositionFilter, DispositionRecord, script_step, shares
from softswitch.store.journal import Journal, Keeper
from softswitch.store.moment import present
from softswitch.store.objects import Objects, from_objects, to_objects
from softswitch.store.opening import calendars, covers
from softswitch.store.projection import Batch, Row
from softswitch.store.records import (
    Applied,
    Books,
    CallbackRecord,
    CallbackSummary,
    CallRecord,
    Health,
    JournalEntry,
    LeftOpen,
    Moment,
    QueueSummary,
    RecordingRecord,
    Recovery,
    SiteVersion,
    Snapshot,
    VisitRecord,
    VoicemailRecord,
)
from softswitch.store.recovery import recover
from softswitch.store.reports import (
    ABANDONED,
    AGENTS_SIDE,
    DEFAULT_THRESHOLDS,
    FOREVER,
    CallDetails,
    CallFilter,
    RecordingFilter,
    Thresholds,
    books_of,
    call_record,
    journal_entries,
    leg_record,
    recording_record,
    summary_of,
    visit_record,
    voicemail_record,
)

NOT_ENDED: Row = (None, 0, "", 0, "", 0.0, 0.0, 0.0, "", "", "[]", "")
NOT_RECORDED: Row = (None, 0.0, 0, 0.0, 0.0, "", 0, None)
NOT_LEFT: Row = (None, "", 0.0, 0, "", "", None)
NO_PRESENCE: Row = ("offline", "", "", 0.0, 0.0)
NO_ACTIVITY: Row = ("", 0.0, 0.0, None, None)
DAY = 86_400.0


@dataclass(slots=True)
class Tables:
    """What the file holds."""

    journal: dict[int, Row] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    legs: dict[int, Row] = field(default_factory=dict)
    visits: dict[tuple[int, str], Row] = field(default_factory=dict)
    recordings: dict[int, Row] = field(default_factory=dict)
    voicemail: dict[int, Row] = field(default_factory=dict)
    surveys: dict[int, Row] = field(default_factory=dict)
    dispositions: dict[tuple[str, str], Row] = field(default_factory=dict)
    script_steps: dict[tuple[str, str], Row] = field(default_factory=dict)
    marks: dict[int, Row] = field(default_factory=dict)
    audit: dict[int, Row] = field(default_factory=dict)
    callbacks: dict[str, Row] = field(default_factory=dict)
    bindings: dict[tuple[str, str], Row] = field(default_factory=dict)
    presences: dict[str, Row] = field(default_factory=dict)
    activities: dict[str, Row] = field(default_factory=dict)
    states: dict[str, Row] = field(default_factory=dict)
    live_calls: dict[str, Row] = field(default_factory=dict)
    alive: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)
    sites: list[tuple[SiteVersion, Objects]] = field(default_factory=list)
    calendars: dict[str, dict[str, str]] = field(default_factory=dict)
    boot: str = ""


class MemoryReports:
    """`reports.Reports` over `Tables`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def recent_calls(self, limit: int = 50, which: CallFilter | None = None) -> list[CallRecord]:
        which = which or CallFilter()
        found = [
            one
            for one in map(call_record, self._tables.calls.values())
            if which.since <= one.started_at < which.until
            and (not which.queue or one.queue == which.queue)
            and (not which.agent or one.agent == which.agent)
            and (not which.trunk or one.trunk == which.trunk)
            and (not which.outcome or one.outcome == which.outcome)
            and (not which.number or which.number in (one.caller, one.dialled))
            and (which.before is None or one.seq < which.before)
        ]
        return sorted(found, key=lambda one: -one.seq)[:limit]

    async def call(self, call: str) -> CallDetails | None:
        row = self._tables.calls.get(call)
        if row is None:
            return None
        return CallDetails(
            call_record(row),
            [leg_record(one) for one in self._tables.legs.values() if one[1] == call],
            [visit_record(one) for one in self._tables.visits.values() if one[1] == call],
            [one for one in self._entries() if one.call == call],
        )

    async def recordings(self, limit: int = 50, which: RecordingFilter | None = None) -> list[RecordingRecord]:
        which = which or RecordingFilter()
        found = [
            one
            for one in map(recording_record, self._tables.recordings.values())
            if which.since <= one.started_at < which.until
            and all(not want or want == have for want, have in zip(which.texts(), which.texts_of(one), strict=True))
            and (not which.recording or one.recording == which.recording)
        ]
        return sorted(found, key=lambda one: (-one.started_at, -one.recording))[:limit]

    async def due_recordings(self, now: float, limit: int = 500) -> list[RecordingRecord]:
        return [
            one
            for one in map(recording_record, self._tables.recordings.values())
            if one.days
            and one.deleted_at is None
            and one.ended_at is not None
            and one.started_at + one.days * DAY < now
            and not (one.recording in self._tables.marks and self._tables.marks[one.recording][3])
        ][:limit]

    async def voicemail(self) -> list[VoicemailRecord]:
        return sorted(
            map(voicemail_record, self._tables.voicemail.values()), key=lambda one: (one.started_at, one.message)
        )

    async def callbacks(
        self, *, queue: str = "", number: str = "", since: float = 0.0, until: float = FOREVER, limit: int = 1000
    ) -> list[CallbackRecord]:
        found = [
            one
            for one in (CallbackRecord(*row) for row in self._tables.callbacks.values())
            if since <= one.created_at < until and queue in ("", one.queue) and number in ("", one.number)
        ]
        return sorted(found, key=lambda one: (-one.created_at, one.callback))[:limit]

    async def callback_summary(
        self, *, since: float = 0.0, until: float = FOREVER, targets: Mapping[str, float] | None = None
    ) -> list[CallbackSummary]:
        return summarise(await self.callbacks(since=since, until=until, limit=1 << 30), targets or {})

    async def dispositions(self, which: DispositionFilter, limit: int = 1000) -> list[DispositionRecord]:
        rows = sorted(self._tables.dispositions.values(), key=lambda row: (-row[7], row[0], row[1]))
        return [one for row in rows if which.takes(one := DispositionRecord(*row))][:limit]

    async def script_steps(self, call: str) -> list[dict[str, Any]]:
        rows = sorted(row for row in self._tables.script_steps.values() if row[0] == call)
        return [script_step(row) for row in rows]

    async def disposition_figures(
        self, which: DispositionFilter, *, by_agent: bool = False
    ) -> list[DispositionFigures]:
        counted: dict[tuple[str, str, str], list[float]] = {}
        for one in await self.dispositions(which, 1 << 30):
            call = self._tables.calls.get(one.call)
            key = (one.queue, one.agent if by_agent else "", one.disposition)
            counted.setdefault(key, []).append(call[14] if call is not None else 0.0)
        return shares([(*key, len(talks), sum(talks) / len(talks)) for key, talks in counted.items()])

    async def visits(
        self, *, queue: str = "", since: float = 0.0, until: float = FOREVER, limit: int = 1000
    ) -> list[VisitRecord]:
        found = [one for one in self._visits(since, until) if not queue or one.queue == queue]
        return sorted(found, key=lambda one: (-one.entered_at, -one.visit))[:limit]

    async def books(self, *, since: float = 0.0, until: float = FOREVER) -> list[Books]:
        counts: dict[tuple[str, str], int] = {}
        for one in self._visits(since, until):
            counts[one.queue, one.outcome] = counts.get((one.queue, one.outcome), 0) + 1
        return books_of((queue, outcome, count) for (queue, outcome), count in counts.items())

    async def queue_summary(
        self, *, since: float = 0.0, until: float = FOREVER, thresholds: Mapping[str, Thresholds] | None = None
    ) -> list[QueueSummary]:
        visits = self._visits(since, until)
        result = []
        for queue in sorted({one.queue for one in visits}):
            limits = (thresholds or {}).get(queue, DEFAULT_THRESHOLDS)
            mine = [one for one in visits if one.queue == queue]
            answered = [one.waited for one in mine if one.outcome == "answered"]
            abandoned = [one for one in mine if one.outcome in ABANDONED]
            row = (
                len(mine),
                len(answered),
                sum(one <= limits.service_level for one in answered),
                len(abandoned),
                sum(one.waited <= limits.short_abandon and one.outcome != AGENTS_SIDE for one in abandoned),
                sum(one.left_at is None for one in mine),
                sum(answered),
                max((one.waited for one in mine if one.left_at is not None), default=0.0),
            )
            result.append(summary_of(queue, row))
        return result

    async def events_named(
        self, names: Collection[str], *, since: float = 0.0, until: float = FOREVER
    ) -> AsyncIterator[JournalEntry]:
        for entry in await self.events(limit=1 << 30):
            if entry.name in names and since <= entry.wall < until:
                yield entry

    async def events(self, *, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        return [one for one in self._entries() if one.seq > after][:limit]

    def _entries(self) -> list[JournalEntry]:
        return journal_entries((row[2], *row[4:]) for row in self._tables.journal.values())

    def _visits(self, since: float, until: float) -> list[VisitRecord]:
        return [one for one in map(visit_record, self._tables.visits.values()) if since <= one.entered_at < until]


class MemoryStore:
    """`sqlite.Store` without SQLite."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.trouble: StoreError | None = None  # set it, and writing fails with it
        self._left: LeftOpen | None = None
        self._loaded_at = Moment(0.0, 0.0)
        self._boot = ""
        self._journal: Journal

    @classmethod
    async def open(
        cls,
        tables: Tables | None = None,
        *,
        flush_interval: float = 0.1,
        pending_limit: int = 100_000,
        alarm: Callable[[str, str], None] = lambda trouble, hint: None,
    ) -> MemoryStore:
        store = cls(tables or Tables())
        store._journal = Journal(store, interval=flush_interval, limit=pending_limit, alarm=alarm)
        return store

    async def close(self, *, flush: bool = True, within: float = 10.0) -> bool:
        return await self._journal.close(within if flush else None)

    # --- writing behind ------------------------------------------------------------------------------------------

    def publish(self, seq: int, wall: float, mono: float, event: Event) -> None:
        self._journal.publish(seq, wall, mono, event)

    def save_state(self, name: str, value: Any, now: Moment | None = None) -> None:
        now = now or present()
        self._journal.save_state(name, value, now.wall, now.mono)

    def keep_calls(self, keeper: Keeper) -> None:
        self._journal.keeper = keeper

    def calls_changed(self) -> None:
        self._journal.touch()

    def alive(self, now: Moment | None = None) -> None:
        self.tables.alive = (now or present()).wall

    async def flush(self, within: float | None = None) -> bool:
        return await self._journal.flush(within)

    def health(self) -> Health:
        return self._journal.health(present().mono)

    async def write_singly(self, batch: Batch) -> int:
        await self.write(batch)
        return 0

    async def write(self, batch: Batch) -> None:
        if self.trouble is not None:
            raise self.trouble
        tables = self.tables
        for row in batch.blocks:
            tables.journal.setdefault(row[0], row)
        for call, row in batch.calls_started.items():
            tables.calls.setdefault(call, row + NOT_ENDED)
        for call, row in batch.calls_ended.items():
            old = tables.calls.get(call)
            if old is None or old[8] is None:
                tables.calls[call] = (old or row)[:3] + row[3:]
        for row in batch.legs:
            tables.legs.setdefault(row[0], row)
        for visit, row in batch.visits_entered.items():
            tables.visits.setdefault(visit, row + NOT_LEFT)
        for visit, row in batch.visits_left.items():
            past = tables.visits.get(visit)
            if past is None or past[8] is None:
                tables.visits[visit] = (past or row)[:8] + row[8:]
        for number, row in batch.recordings_started.items():
            tables.recordings.setdefault(number, row + NOT_RECORDED)
        for number, row in batch.recordings_ended.items():
            known = tables.recordings.get(number)
            if known is not None and known[12] is None:
                tables.recordings[number] = known[:12] + row[:-1] + known[19:]
        for number, row in batch.recordings_deleted.items():
            known = tables.recordings.get(number)
            if known is not None and known[19] is None:
                tables.recordings[number] = (*known[:19], row[0])
        for what, row in batch.voicemail:
            _voicemail(tables.voicemail, what, row)
        for what, row in batch.callbacks:
            write_callback(tables.callbacks, what, row)
        for row in batch.surveys:
            tables.surveys.setdefault(row[0], row)
        tables.script_steps |= batch.script_steps
        for pair, row in batch.dispositions.items():
            if pair not in tables.dispositions or tables.dispositions[pair][7] <= row[7]:
                tables.dispositions[pair] = row
        tables.marks |= {row[0]: row for row in batch.marks}
        for row in batch.audit:
            tables.audit.setdefault(row[0], row)
        for key, found in batch.bindings.items():
            if found is None:
                tables.bindings.pop(key, None)
            else:
                tables.bindings[key] = found
        tables.presences |= batch.presences
        tables.activities |= batch.activities
        tables.states |= batch.states
        for call, kept in batch.kept.items():
            if kept is None:
                tables.live_calls.pop(call, None)
            else:
                tables.live_calls[call] = kept

    # --- start ---------------------------------------------------------------------------------------------------

    async def load(self, now: Moment | None = None) -> Snapshot:
        now = now or present()
        self._loaded_at, self._boot = now, self.tables.boot
        snapshot, self._left = await loading.load(self._rows, now, self._boot, self.tables.alive)
        if self.tables.sites:
            snapshot.directory = await self.site_at(self.tables.sites[-1][0].version)
            snapshot.calendars = await self.calendars(snapshot.directory, now)
        self._adopt_clock(now)
        return snapshot

    def _journal_entries(self) -> list[JournalEntry]:
        return journal_entries((row[2], *row[4:]) for row in self.tables.journal.values())

    async def since(self, seq: int) -> list[tuple[float, Event]]:
        return loading.events_after(seq, self._journal_entries(), self._loaded_at, self._boot)

    async def recover(
        self,
        *,
        resumed: Collection[tuple[int, str]] = (),
        calls: Collection[str] = (),
        legs: Collection[str] = (),
    ) -> Recovery:
        assert self._left is not None, "load() comes first"
        return recover(self._left, self._journal_entries(), resumed, calls, legs)

    async def _rows(self, statement: str) -> list[Any]:
        """What SQLite would answer to the statements of `loading`."""
        tables = self.tables
        agents = {**tables.presences, **tables.activities}
        last = max(tables.journal, default=0)
        answers: dict[str, Callable[[], list[Any]]] = {
            sql.LOAD_BINDINGS: lambda: list(tables.bindings.values()),
            sql.LOAD_AGENTS: lambda: [
                (
                    name,
                    *tables.presences.get(name, (name, *NO_PRESENCE))[1:],
                    *tables.activities.get(name, (name, *NO_ACTIVITY))[1:],
                )
                for name in agents
            ],
            sql.LOAD_STATES: lambda: list(tables.states.values()),
            sql.LOAD_CALLS: lambda: list(tables.live_calls.values()),
            sql.LAST_BLOCK: lambda: [(tables.journal[last][1], tables.journal[last][3])] if last else [],
            sql.LAST_CALL: lambda: [(max((row[0] for row in tables.calls.values()), default=None),)],
            sql.LAST_LEG: lambda: [(max(tables.legs, default=None),)],
            sql.LAST_VISIT: lambda: [(max((visit for visit, _ in tables.visits), default=None),)],
            sql.OPEN_CALLS: lambda: sorted(row for row in tables.calls.values() if row[8] is None),
            sql.OPEN_RECORDINGS: lambda: sorted(
                (row for row in tables.recordings.values() if row[12] is None), key=lambda row: row[11]
            ),
            sql.LOAD_CALLBACKS: lambda: sorted(
                (row for row in tables.callbacks.values() if row[18] is None), key=lambda row: (row[11], row[0])
            ),
            sql.LOAD_VOICEMAIL: lambda: sorted(tables.voicemail.values(), key=lambda row: (row[7], row[0])),
            sql.OPEN_VISITS: lambda: sorted(row for row in tables.visits.values() if row[8] is None),
        }
        return answers[statement]()

    def _adopt_clock(self, now: Moment) -> None:
        tables, shift = self.tables, now.mono - now.wall
        if now.boot == tables.boot:
            return
        tables.boot = now.boot
        tables.live_calls = {}
        tables.bindings = {key: (*row[:3], row[2] + shift, *row[4:]) for key, row in tables.bindings.items()}
        tables.states = {name: (*row[:3], row[2] + shift) for name, row in tables.states.items()}
        tables.presences = {name: (*row[:5], row[4] + shift) for name, row in tables.presences.items()}
        tables.activities = {
            name: (*row[:3], row[2] + shift, row[4], None if row[4] is None else row[4] + shift)
            for name, row in tables.activities.items()
        }

    # --- the site --------------------------------------------------------------------------------------------------

    async def apply_site(
        self,
        site: Directory,
        *,
        actor: str,
        comment: str = "",
        expected: int | None = None,
        now: Moment | None = None,
    ) -> Applied:
        sites, objects = self.tables.sites, to_objects(site)
        version = sites[-1][0].version if sites else 0
        if expected is not None and expected != version:
            raise StoreError(
                f"the site is now at version {version}, not {expected}: somebody changed it meanwhile",
                hint="look at the difference and apply again",
            )
        changes = diff_objects(sites[-1][1] if sites else {}, objects)
        if changes or not sites:
            version += 1
            said = tuple(str(one) for one in changes)
            sites.append((SiteVersion(version, (now or present()).wall, actor, comment, said), objects))
        return Applied(await self.site_at(version), version, changes)

    async def site(self) -> Directory | None:
        return await self.site_at(self.tables.sites[-1][0].version) if self.tables.sites else None

    async def site_versions(self, limit: int = 50) -> list[SiteVersion]:
        return [one for one, _ in reversed(self.tables.sites)][:limit]

    async def site_at(self, version: int) -> Directory:
        for one, objects in self.tables.sites:
            if one.version == version:
                site = from_objects(objects, Problems("the site in memory"), version)
                assert site is not None
                return site
        raise StoreError(f"there is no version {version} of the site", hint="`softswitch history` lists them")

    async def calendars(self, site: Directory, now: Moment | None = None) -> dict[str, dict[str, str]]:
        year = datetime.fromtimestamp((now or present()).wall, UTC).year
        if not covers(self.tables.calendars, site, year):
            self.tables.calendars = calendars(site, year)
        return self.tables.calendars

    # --- secrets, housekeeping, questions ----------------------------------------------------------------------------

    async def key(self, name: str, make: Callable[[], str]) -> str:
        return self.tables.keys.setdefault(name, make())

    async def prune(self, *, journal_days: int = 0, calls_days: int = 0, now: Moment | None = None) -> int:
        wall, tables, removed = (now or present()).wall, self.tables, 0
        rules: tuple[tuple[int, dict[Any, Row], Callable[[Row, float], bool]], ...] = (
            (journal_days, tables.journal, lambda row, before: row[3] < before),
            (calls_days, tables.calls, lambda row, before: row[2] < before and row[8] is not None),
            (calls_days, tables.legs, lambda row, before: row[6] < before),
            (calls_days, tables.callbacks, lambda row, before: row[11] < before and row[18] is not None),
            (calls_days, tables.visits, lambda row, before: row[5] < before and row[8] is not None),
            (calls_days, tables.surveys, lambda row, before: row[1] < before),
            (calls_days, tables.dispositions, lambda row, before: row[7] < before),
            (calls_days, tables.script_steps, lambda row, before: row[7] < before),
        )
        for days, table, old in rules:
            gone = [key for key, row in table.items() if days and old(row, wall - days * DAY)]
            for key in gone:
                del table[key]
            removed += len(gone)
        return removed

    async def reports(self) -> MemoryReports:
        return MemoryReports(self.tables)


def _voicemail(table: dict[int, Row], what: str, row: Row) -> None:
    """What a statement of `statements.VOICEMAIL` does."""
    number = row[0] if what in ("begun", "left", "discarded", "purged") else row[-1]
    known = table.get(number)
    if what == "begun":
        table.setdefault(number, row)
    elif what == "left":
        if known is None or known[8] is None:
            table[number] = row if known is None else (*row[:7], known[7], *row[8:])
    elif known is None:
        return
    elif what == "purged" or (what == "discarded" and known[8] is None):
        del table[number]
    elif what == "heard":
        table[number] = (*known[:11], row[0], *known[12:])
    elif what == "deleted":
        table[number] = (*known[:12], row[0], *known[13:])
    elif what == "mailed":
        table[number] = (*known[:13], row[0], row[1], *known[15:])
