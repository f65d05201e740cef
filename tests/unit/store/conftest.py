"""Both stores behind one fixture: what holds for SQLite holds for its twin in memory."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from softswitch.events import Event
from softswitch.store.memory import MemoryStore, Tables
from softswitch.store.records import Moment, Recovery, Snapshot
from softswitch.store.sqlite import Store

START = Moment(wall=1_700_000_000.0, mono=1_000.0, boot="boot-1")


@dataclass
class Lives:
    """A switch that is started, runs, is killed and started again, with a clock in the hand of the test."""

    kind: str
    path: Path
    tables: Tables = field(default_factory=Tables)
    now: Moment = START
    seq: int = 0
    store: Any = None
    alarms: list[tuple[str, str]] = field(default_factory=list)

    async def start(self) -> Snapshot:
        options = {"flush_interval": 0.005, "pending_limit": 2000, "alarm": lambda *said: self.alarms.append(said)}
        if self.kind == "sqlite":
            self.store = await Store.open(self.path, **options)
        else:
            self.store = await MemoryStore.open(self.tables, **options)
        snapshot: Snapshot = await self.store.load(self.now)
        self.seq = snapshot.next_seq
        return snapshot

    def later(self, seconds: float, *, wall_step: float = 0.0) -> None:
        self.now = Moment(self.now.wall + seconds + wall_step, self.now.mono + seconds, self.now.boot)

    def reboot(self, seconds: float) -> None:
        self.now = Moment(self.now.wall + seconds, 5.0, self.now.boot + "x")

    def publish(self, *events: Event) -> None:
        for event in events:
            self.store.publish(self.seq, self.now.wall, self.now.mono, event)
            self.seq += 1

    async def write(self, *events: Event) -> None:
        self.publish(*events)
        assert await self.store.flush(5.0)

    async def kill(self) -> None:
        """What was not flushed is lost."""
        await self.store.close(flush=False)
        self.store = None

    async def stop(self) -> None:
        assert await self.store.close()
        self.store = None

    async def recover(self) -> Recovery:
        """Publish what closes the last life, as the daemon does."""
        recovery: Recovery = await self.store.recover()
        for event in recovery.events:
            self.store.publish(self.seq, recovery.at, self.now.mono, event)
            self.seq += 1
        assert await self.store.flush(5.0)
        return recovery


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: alembic takes half a second."""
    import asyncio

    path = tmp_path_factory.mktemp("store") / "empty.sqlite"

    async def create() -> None:
        await (await Store.open(path)).close()

    asyncio.run(create())
    return path


@pytest.fixture(params=["sqlite", "memory"])
async def lives(request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path) -> AsyncIterator[Lives]:
    path = tmp_path / "softswitch.sqlite"
    shutil.copy(empty_database, path)
    result = Lives(request.param, path)
    yield result
    if result.store is not None:
        await result.store.close(flush=False)
