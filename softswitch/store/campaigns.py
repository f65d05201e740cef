"""The contacts of campaigns in the database. Calls wait for none of this: what is called from is in memory (`campaigns.Book`)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import aiosqlite

from softswitch.campaigns import Contact
from softswitch.store import statements as sql
from softswitch.store.database import transaction
from softswitch.store.projection import clean, to_json


class CampaignContacts:
    """The table. `writing` is the lock of everybody who writes on this connection."""

    def __init__(self, connection: aiosqlite.Connection, writing: asyncio.Lock, path: Path) -> None:
        self._connection = connection
        self._writing = writing
        self._path = path

    async def all(self) -> dict[str, list[Contact]]:
        """Every contact by its campaign, in the order in which they came. Raises StoreError."""
        found: dict[str, list[Contact]] = {}
        for row in await self._connection.execute_fetchall(sql.CONTACTS):
            id, number, name, fields, *rest = row[1:]
            found.setdefault(str(row[0]), []).append(Contact(id, number, name, json.loads(fields), *rest))
        return found

    async def put(self, campaign: str, contacts: Iterable[Contact]) -> None:
        """Add or replace contacts, all or none. Raises StoreError."""
        rows = [
            (
                campaign, one.id, one.number, clean(one.name), to_json(one.fields), one.timezone, one.status, one.attempts,
                one.due, one.last, one.outcome, one.agent, clean(one.note), one.callback,
                one.call, one.disposition,
            )
            for one in contacts
        ]  # fmt: skip
        async with self._writing, transaction(self._connection, self._path):
            await self._connection.executemany(sql.CONTACT, rows)

    async def remove(self, campaign: str) -> None:
        """Forget a list. Raises StoreError."""
        async with self._writing, transaction(self._connection, self._path):
            await self._connection.execute(sql.CONTACTS_GONE, (campaign,))
