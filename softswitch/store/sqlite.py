"""The store of the daemon: one SQLite file, written behind, read at start."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiosqlite

from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.errors import StoreError
from softswitch.events import Event
from softswitch.store import loading
from softswitch.store import statements as sql
from softswitch.store.campaigns import CampaignContacts
from softswitch.store.customers import Customers
from softswitch.store.database import Lock, create_private, explain, is_state, open_database, transaction
from softswitch.store.diff import diff_objects
from softswitch.store.erasure import Erasure
from softswitch.store.journal import Journal, Keeper
from softswitch.store.moment import present
from softswitch.store.objects import KINDS, Objects, from_objects, natural, to_objects
from softswitch.store.opening import calendars, covers
from softswitch.store.projection import Batch, Row, to_json
from softswitch.store.records import Applied, Health, LeftOpen, Moment, Recovery, SiteVersion, Snapshot
from softswitch.store.recovery import recover
from softswitch.store.reports import LAST_SEQ, Reports, journal_entries

FLUSH_INTERVAL: Final = 0.1  # seconds
PENDING_LIMIT: Final = 100_000  # events
DAY: Final = 86_400.0


class Store:
    """Site, registrations, journal and records in one file. One process has it open for writing."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, lock: Lock) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._writing = asyncio.Lock()  # Transactions of the journal and of the site take turns.
        self._reports: Reports | None = None
        self._objects: Objects = {}
        self._version = 0
        self._left: LeftOpen | None = None
        self._loaded_at = Moment(0.0, 0.0)
        self._boot = ""  # in which stored monotonic times count
        self._journal: Journal

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        flush_interval: float = FLUSH_INTERVAL,
        pending_limit: int = PENDING_LIMIT,
        alarm: Callable[[str, str], None] = lambda trouble, hint: None,
    ) -> Store:
        """Open or create the database and bring it up to date. Raises StoreError.

        `alarm(trouble, hint)` is called when events cannot be written, and with empty texts when they can again.
        """
        create_private(path)
        lock = Lock(path)
        try:
            store = cls(path, await open_database(path), lock)
        except BaseException:
            lock.release()
            raise
        store._journal = Journal(store, interval=flush_interval, limit=pending_limit, alarm=alarm)
        return store

    async def close(self, *, flush: bool = True, within: float = 10.0) -> bool:
        """Write what is pending and close. False if something could not be written in time."""
        done = await self._journal.close(within if flush else None)
        if self._reports is not None:
            await self._reports.close()
        await self._connection.close()
        self._lock.release()
        return done

    # --- writing behind ------------------------------------------------------------------------------------------

    def publish(self, seq: int, wall: float, mono: float, event: Event) -> None:
        """Take an event for the journal and the records. Never blocks; `seq` must grow."""
        self._journal.publish(seq, wall, mono, event)

    def save_state(self, name: str, value: Any, now: Moment | None = None) -> None:
        """Keep a value (plain JSON) of a machine for the next start."""
        now = now or present()
        self._journal.save_state(name, value, now.wall, now.mono)

    def keep_calls(self, keeper: Keeper) -> None:
        """Whom to ask for calls that have changed, before each write."""
        self._journal.keeper = keeper

    def calls_changed(self) -> None:
        """There is something to ask for."""
        self._journal.touch()

    def alive(self, now: Moment | None = None) -> None:
        """Note that this process lives: what it left open ended no earlier. To be called about once a second."""
        self._lock.alive((now or present()).wall)

    async def flush(self, within: float | None = None) -> bool:
        """Write everything published so far. False if that was not possible in time."""
        return await self._journal.flush(within)

    def health(self) -> Health:
        return self._journal.health(time.monotonic())

    async def write(self, batch: Batch) -> None:
        """One batch in one transaction (`journal.Sink`)."""
        async with self._writing, transaction(self._connection, self.path):
            for statement, rows in rows_of(batch):
                await self._connection.executemany(statement, rows)

    async def write_singly(self, batch: Batch) -> int:
        """Row by row; how many were refused for their own sake (`journal.Sink`)."""
        lost = 0
        async with self._writing, transaction(self._connection, self.path):
            for statement, rows in rows_of(batch):
                for row in rows:
                    try:
                        await self._connection.execute(statement, row)
                    except sqlite3.Error as error:
                        if is_state(error):
                            raise
                        lost += 1
                    except (OverflowError, ValueError, TypeError):
                        lost += 1
        return lost

    # --- start ---------------------------------------------------------------------------------------------------

    async def load(self, now: Moment | None = None) -> Snapshot:
        """Everything the daemon starts from, on this process's clock. Raises StoreError. Call it before publishing."""
        now = now or present()
        try:
            meta: dict[str, str] = dict(await self._rows(sql.LOAD_META))
            directory = await self._load_site()
            self._loaded_at, self._boot = now, meta.get("boot", "")
            snapshot, self._left = await loading.load(self._rows, now, self._boot, self._lock.last_alive)
            snapshot.directory = directory
            await self._adopt_clock(now, meta.get("boot", ""))
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
        snapshot.calendars = await self._calendars(meta.get("calendars", "{}"), directory, now)
        return snapshot

    async def since(self, seq: int) -> list[tuple[float, Event]]:
        """What the last life has told after an event, with the monotonic time on this process's clock. Raises StoreError."""
        left = self._left
        assert left is not None, "load() comes first"
        try:
            blocks = await self._rows(sql.BLOCKS, (seq + 1, left.last_seq, LAST_SEQ))
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
        return loading.events_after(seq, journal_entries(blocks), self._loaded_at, self._boot)

    async def recover(
        self,
        *,
        resumed: Collection[tuple[int, str]] = (),
        calls: Collection[str] = (),
        legs: Collection[str] = (),
    ) -> Recovery:
        """What the last life left open when `load` looked, as the events that close it: publish them with the time `at`.

        `resumed`: visits (number, call) that the engine goes on with; `calls`, `legs`: those that go on. Raises StoreError.
        """
        left = self._left
        assert left is not None, "load() comes first"
        try:
            first = left.calls[0].seq if left.calls else left.last_seq + 1
            blocks = await self._rows(sql.BLOCKS, (first, left.last_seq, LAST_SEQ))
        except sqlite3.Error as error:
            raise explain(error, self.path) from None
        journal = await asyncio.to_thread(journal_entries, blocks, {one.call for one in left.calls})
        return recover(left, journal, resumed, calls, legs)

    async def _adopt_clock(self, now: Moment, boot: str) -> None:
        """After a boot, stored monotonic times get the values they have on the new clock."""
        if now.boot == boot:
            return
        shift = now.mono - now.wall
        async with self._writing, transaction(self._connection, self.path):
            for statement in sql.ADOPT_CLOCK:
                await self._connection.execute(statement, {"shift": shift})
            await self._connection.execute(sql.META, ("boot", now.boot))

    async def _calendars(self, stored: str, site: Directory | None, now: Moment) -> dict[str, dict[str, str]]:
        """The holidays that the site needs; computed once a year, because the library is slow to import."""
        known: dict[str, dict[str, str]] = json.loads(stored)
        year = datetime.fromtimestamp(now.wall, UTC).year
        if site is None or covers(known, site, year):
            return known
        known = await asyncio.to_thread(calendars, site, year)
        async with self._writing, transaction(self._connection, self.path):
            await self._connection.execute(sql.META, ("calendars", to_json(known)))
        return known

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
        """Make a (checked) site the one in force: all of it or nothing. Raises StoreError.

        `expected`: the version the change was made from; if somebody else changed the site meanwhile, nothing is done.
        """
        now = now or present()
        objects = to_objects(site)
        async with self._writing:
            if not self._version:
                await self._load_site()  # `init` applies without having loaded.
            if expected is not None and expected != self._version:
                raise StoreError(
                    f"the site is now at version {self._version}, not {expected}: somebody changed it meanwhile",
                    hint="look at the difference and apply again",
                )
            changes = diff_objects(self._objects, objects)
            if changes or not self._version:
                version = self._version + 1
                async with transaction(self._connection, self.path):
                    for change in changes:
                        key = (change.kind, change.name)
                        await self._connection.execute(sql.CLOSE_OBJECT, (version, *key))
                        if key in objects:
                            await self._connection.execute(sql.OPEN_OBJECT, (*key, version, to_json(objects[key])))
                    said = to_json([str(one) for one in changes])
                    await self._connection.execute(sql.NEW_VERSION, (version, now.wall, actor, comment, said))
                self._objects, self._version = objects, version
        return Applied(_directory(objects, self._version), self._version, changes)

    async def site_versions(self, limit: int = 50) -> list[SiteVersion]:
        """The newest first."""
        return [
            SiteVersion(version, at, actor, comment, tuple(json.loads(changes)))
            for version, at, actor, comment, changes in await self._rows(sql.VERSIONS, (limit,))
        ]

    async def site_at(self, version: int) -> Directory:
        """The site as it was; apply it to go back. Raises StoreError."""
        rows = await self._rows(sql.SITE_AT, (version, version))
        if not await self._rows(sql.HAS_VERSION, (version,)):
            raise StoreError(f"there is no version {version} of the site", hint="`softswitch history` lists them")
        return _directory(_objects(rows), version)

    async def calendars(self, site: Directory, now: Moment | None = None) -> dict[str, dict[str, str]]:
        """The holidays that a new site needs, for `opening.Opening`."""
        rows = await self._rows("SELECT value FROM meta WHERE name = 'calendars'")
        return await self._calendars(rows[0][0] if rows else "{}", site, now or present())

    async def site(self) -> Directory | None:
        """The site in force, as it is in the database. Raises StoreError."""
        try:
            return await self._load_site()
        except sqlite3.Error as error:
            raise explain(error, self.path) from None

    async def _load_site(self) -> Directory | None:
        self._version = (await self._rows(sql.LOAD_VERSION))[0][0] or 0
        self._objects = _objects(await self._rows(sql.LOAD_SITE))
        return _directory(self._objects, self._version) if self._version else None

    # --- secrets, housekeeping, questions ----------------------------------------------------------------------------

    async def key(self, name: str, make: Callable[[], str]) -> str:
        """A secret that is made once and outlives the process.

        The key of the digest nonces is none of them: the counters that detect a replay are in memory, so after a restart
        old nonces must not be good any more. Phones answer the fresh challenge without troubling anybody.
        """
        async with self._writing, transaction(self._connection, self.path):
            await self._connection.execute(sql.KEY, (name, make(), time.time()))
            rows = await self._rows("SELECT value FROM keys WHERE name = ?", (name,))
        return str(rows[0][0])

    async def renew_key(self, name: str, value: str) -> None:
        """Put another secret in the place of one: what was sealed with it is no good any more."""
        async with self._writing, transaction(self._connection, self.path):
            await self._connection.execute(sql.KEY_RENEWED, (name, value, time.time()))

    async def prune(
        self, *, journal_days: int = 0, calls_days: int = 0, audit_days: int = 0, now: Moment | None = None
    ) -> int:
        """Delete what is older; 0 = keep. In portions, so that writing goes on. How many rows went."""
        now = now or present()
        removed = 0
        for days, statement in (
            (journal_days, sql.PRUNE_JOURNAL),
            (calls_days, sql.PRUNE_CALLS),
            (calls_days, sql.PRUNE_LEGS),
            (calls_days, sql.PRUNE_VISITS),
            (calls_days, sql.PRUNE_CALLBACKS),
            (calls_days, sql.PRUNE_SURVEYS),
            (calls_days, sql.PRUNE_DISPOSITIONS),
            (calls_days, sql.PRUNE_SCRIPTS),
            (audit_days, sql.PRUNE_AUDIT),
        ):
            count = -1 if days else 0
            while count:
                async with self._writing, transaction(self._connection, self.path):
                    cursor = await self._connection.execute(statement, {"before": now.wall - days * DAY})
                    count = cursor.rowcount
                removed += count
        return removed

    @property
    def campaigns(self) -> CampaignContacts:
        """Whom campaigns call."""
        return CampaignContacts(self._connection, self._writing, self.path)

    @property
    def customers(self) -> Customers:
        """Customers' cards, and the figures of surveys."""
        return Customers(self._connection, self._writing, self.path)

    @property
    def erasure(self) -> Erasure:
        """Makes a person unrecognisable in what is stored."""
        return Erasure(self._connection, self._writing, self.path)

    async def reports(self) -> Reports:
        """Questions to the records, on a connection of their own."""
        if self._reports is None:
            self._reports = await Reports.open(self.path)
        return self._reports

    async def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        return list(await self._connection.execute_fetchall(statement, values))


def rows_of(batch: Batch) -> list[tuple[str, list[Row]]]:
    """What a batch writes, in an order in which later statements find what they build on."""
    found: list[tuple[str, list[Row]]] = [
        (sql.JOURNAL, batch.blocks),
        (sql.CALL_STARTED, list(batch.calls_started.values())),
        (sql.CALL_ENDED, list(batch.calls_ended.values())),
        (sql.LEG_ENDED, batch.legs),
        (sql.VISIT_ENTERED, list(batch.visits_entered.values())),
        (sql.VISIT_LEFT, list(batch.visits_left.values())),
        (sql.RECORDING_STARTED, list(batch.recordings_started.values())),
        (sql.RECORDING_ENDED, list(batch.recordings_ended.values())),
        (sql.RECORDING_DELETED, list(batch.recordings_deleted.values())),
        *((sql.VOICEMAIL[what], [row]) for what, row in batch.voicemail),
        *((sql.CALLBACKS[what], [row]) for what, row in batch.callbacks),
        (sql.SURVEY_ANSWERED, batch.surveys),
        (sql.DISPOSITION, list(batch.dispositions.values())),
        (sql.SCRIPT_STEP, list(batch.script_steps.values())),
        (sql.RECORDING_MARKED, batch.marks),
        (sql.AUDIT, batch.audit),
        (sql.BINDING_ADDED, [row for row in batch.bindings.values() if row is not None]),
        (sql.BINDING_REMOVED, [key for key, row in batch.bindings.items() if row is None]),
        (sql.AGENT_PRESENCE, list(batch.presences.values())),
        (sql.AGENT_ACTIVITY, list(batch.activities.values())),
        (sql.STATE, list(batch.states.values())),
        (sql.CALL_KEPT, [row for row in batch.kept.values() if row is not None]),
        (sql.CALL_FORGOTTEN, [(call,) for call, row in batch.kept.items() if row is None]),
    ]
    return [(statement, rows) for statement, rows in found if rows]


def _objects(rows: list[Any]) -> Objects:
    ordered = sorted(rows, key=lambda row: (KINDS.index(row[0]), natural(row[1])))
    return {(kind, name): _body(kind, name, body) for kind, name, body in ordered}


def _body(kind: str, name: str, body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise StoreError(
            f"The site in the database is damaged: {kind} {name}: {error}.",
            hint="Put a site in its place: softswitch apply site.toml. Or restore a copy of the database.",
        ) from None


def _directory(objects: Objects, version: int) -> Directory:
    problems = Problems("the site in the database")
    directory = from_objects(objects, problems, version)
    problems.check()
    assert directory is not None  # from_objects() reports why it gives none
    return directory
