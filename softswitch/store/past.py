"""The past in the journal, read by whoever explains it or plays it again; also while another process writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import aiosqlite

from softswitch.decode import Problems
from softswitch.directory import Directory
from softswitch.store import statements
from softswitch.store.database import open_for_reading
from softswitch.store.objects import from_objects
from softswitch.store.records import JournalEntry
from softswitch.store.reports import journal_entries

_BLOCKS: Final = (
    "SELECT first_wall, first_mono, events FROM journal WHERE last_wall >= ? AND first_wall <= ? ORDER BY first_seq"
)
_CALL: Final = "SELECT started_at, ended_at FROM calls WHERE call = ?"
_VERSION: Final = "SELECT max(version) FROM site_versions WHERE at <= ?"
_FIRST_VERSION: Final = "SELECT min(version) FROM site_versions"


class Past:
    """What a database tells of other times. Times are seconds since 1970."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> Past:
        """Raises StoreError."""
        return cls(await open_for_reading(path))

    async def close(self) -> None:
        await self._connection.close()

    async def journal(self, since: float, until: float) -> list[JournalEntry]:
        """The events of a time, in order; a little more at its ends."""
        return journal_entries(await self._rows(_BLOCKS, [since, until]))

    async def call(self, call: str) -> tuple[float, float | None] | None:
        """When a call began and ended (None: it goes on); None if there is no such call."""
        rows = await self._rows(_CALL, [call])
        return (rows[0][0], rows[0][1]) if rows else None

    async def site(self, at: float) -> Directory | None:
        """The site that was in force at a time; the first one for times before it. None if there is none."""
        rows = await self._rows(_VERSION, [at])
        if not rows or rows[0][0] is None:
            rows = await self._rows(_FIRST_VERSION, [])
        version = rows[0][0] if rows else None
        if version is None:
            return None
        objects: dict[tuple[str, str], Any] = {
            (kind, name): json.loads(body)
            for kind, name, body in await self._rows(statements.SITE_AT, [version, version])
        }
        return from_objects(objects, Problems("site"), version)

    async def _rows(self, sql: str, values: list[Any]) -> list[Any]:
        return list(await self._connection.execute_fetchall(sql, values))
