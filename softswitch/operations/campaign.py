"""What people and programs may ask a running switch about campaigns. A part of `operations`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch.campaign_file import read
from softswitch.campaigns import STATUSES, Book
from softswitch.running.campaigns import MOST_CONTACTS, MOST_ROWS
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

SEE: Final = "See: softswitch campaign list"
LATEST: Final = 31 * 86_400.0
ORDERS: Final = ("start", "pause", "stop")
SAMPLE: Final = 5


class CampaignOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "campaigns": self.campaigns,
            "campaign": self.campaign,
            "campaign_contacts": self.contacts,
            "campaign_import": self.import_rows,
            "campaign_clear": self.clear,
            "campaign_next": self.next,
            "campaign_accept": self.accept,
            "campaign_skip": self.skip,
            "campaign_again": self.again,
            "campaign_read": self.read,
            "campaign_switch": self.switch,
            "call_contact": self.call_contact,
        }

    def campaigns(self) -> list[dict[str, Any]]:
        """Every campaign, with what has become of its contacts."""
        return self._daemon.campaigns.rows()

    def campaign(self, campaign: str) -> dict[str, Any]:
        self._book(campaign)
        return self._daemon.campaigns.row(campaign)

    async def contacts(
        self, campaign: str, status: str = "", limit: int = 500, offset: int = 0, text: str = ""
    ) -> list[dict[str, Any]]:
        """Contacts in the order of the list; `text`: of whom something contains it."""
        self._book(campaign)
        if status and status not in STATUSES:
            raise ConsoleError(f"There is no status {status!r}.", f"One of: {', '.join(STATUSES)}.")
        limit = max(1, min(limit, MOST_ROWS))
        return await self._daemon.campaigns.contacts(campaign, status, limit, max(0, offset), text)

    async def import_rows(
        self, campaign: str, rows: list[dict[str, Any]], dry_run: bool = False
    ) -> dict[str, Any]:  # fmt: skip
        """Put customers on the list; nothing is changed if a row is wrong."""
        self._book(campaign)
        if len(rows) > MOST_ROWS:
            raise ConsoleError(f"At most {MOST_ROWS} rows at once.", "Send them in portions.")
        return await self._daemon.campaigns.import_rows(campaign, list(rows), dry_run)

    async def read(
        self, campaign: str, text: str, mapping: Mapping[str, str] | None = None, dry_run: bool = True
    ) -> dict[str, Any]:
        """Put the customers of a CSV file on the list; nothing is changed if a row is wrong, or with `dry_run`. `mapping`:
        heading -> number, name, timezone or a field; "" = not wanted."""
        self._book(campaign)
        listed = await asyncio.to_thread(read, text, mapping)
        problems = list(listed.problems)
        if len(listed.rows) > MOST_CONTACTS:
            problems.append(f"at most {MOST_CONTACTS} rows")
        found: dict[str, Any] = {"new": 0, "known": 0, "denied": 0, "problems": [], "mistakes": 0, "changed": False}
        if not problems:
            found = await self._daemon.campaigns.import_lines(campaign, listed.rows, dry_run)
        return {
            **found, "rows": len(listed.rows), "problems": [*problems, *found["problems"]][:100],
            "mistakes": len(problems) + found["mistakes"], "headings": listed.headings,
            "sample": [row for _, row in listed.rows[:SAMPLE]],
        }  # fmt: skip

    async def switch(self, campaign: str, order: str, by: str = "cli") -> dict[str, Any]:
        """Start a campaign, let it pause, or stop it: that is `enabled` in the site; a pause is not, and outlives a restart."""
        if order not in ORDERS:
            raise ConsoleError(f"There is no {order!r} for a campaign.", f"One of: {', '.join(ORDERS)}.")
        book, daemon = self._book(campaign), self._daemon
        if order == "pause" and not book.config.enabled:
            raise ConsoleError(f"{campaign} calls nobody.", "Start it first.")
        if book.config.enabled != (order != "stop"):
            settings = {"enabled": order == "start"}
            await daemon.edit("campaign_set", {"campaign": campaign, "settings": settings}, by)
        book.paused = order == "pause"
        daemon.campaigns.keep(campaign)
        return daemon.campaigns.row(campaign)

    async def call_contact(self, call: str) -> dict[str, Any]:
        """Whom of a campaign a call is to, with the script; `contact` is None if it is of no campaign."""
        live = self._daemon.switch.calls.board.calls.get(call)
        visit = live.visit if live is not None else None
        callback = visit.caller if visit is not None and visit.attempt is not None else ""
        found = self._daemon.campaigns.of_call(call, callback)
        if found is None:
            return {"call": call, "campaign": "", "title": "", "contact": None}
        name, one = found
        title = self._daemon.campaigns.books[name].config.title or name
        return {"call": call, "campaign": name, "title": title, "contact": self._daemon.campaigns.shown(name, one)}

    async def clear(self, campaign: str) -> dict[str, Any]:
        """Forget the list; nobody on it is called any more."""
        self._book(campaign)
        return {"campaign": campaign, "removed": await self._daemon.campaigns.clear(campaign)}

    async def next(self, campaign: str, agent: str) -> dict[str, Any]:
        """Show an agent whom they may call next."""
        book = self._book(campaign)
        self._member(book, agent)
        found = book.next_for(agent, time.time())
        await self._daemon.campaigns.write()
        return {
            "contact": self._daemon.campaigns.shown(campaign, found),
            "held": book.held, "enabled": book.config.enabled,
        }  # fmt: skip

    async def accept(self, campaign: str, contact: str, agent: str) -> dict[str, Any]:
        """The agent calls the contact that they were shown: their phone rings, then the customer's."""
        book = self._book(campaign)
        self._refused(book.accept(contact, agent, time.time()))
        await self._daemon.campaigns.carry_out(campaign)
        await self._daemon.campaigns.write()
        if book.contacts[contact].status != "calling":
            raise ConsoleError(f"They cannot be called now: {book.contacts[contact].outcome}.", SEE)
        return {"contact": contact, "callback": book.contacts[contact].callback}

    async def skip(self, campaign: str, contact: str, agent: str, note: str = "", later: float = 0.0) -> dict[str, Any]:
        """The agent does not call: never, or not before so many seconds have passed."""
        if not 0.0 <= later <= LATEST:
            raise ConsoleError("Later means within a month.", SEE)
        self._refused(self._book(campaign).skip(contact, agent, note[:512], later, time.time()))
        await self._daemon.campaigns.write()
        return {"contact": contact, "status": self._book(campaign).contacts[contact].status}

    async def again(
        self, campaign: str, contact: str, agent: str, note: str = "", later: float = 0.0
    ) -> dict[str, Any]:
        """Who was called is to be called again, not before so many seconds have passed."""
        if not 0.0 <= later <= LATEST:
            raise ConsoleError("Later means within a month.", SEE)
        self._refused(self._book(campaign).again(contact, agent, note[:512], later, time.time()))
        await self._daemon.campaigns.write()
        return {"contact": contact, "status": self._book(campaign).contacts[contact].status}

    def _book(self, campaign: str) -> Book:
        if not self._daemon.campaigns.ready:
            raise ConsoleError("The lists of campaigns are being read.", "Try again in a moment.")
        found = self._daemon.campaigns.books.get(campaign)
        if found is None:
            raise ConsoleError(f"There is no campaign {campaign!r}.", SEE, kind="unknown")
        return found

    def _member(self, book: Book, agent: str) -> None:
        queue = self._daemon.directory.queues[book.config.queue]
        chosen = book.config.agents
        if all(member.agent != agent for member in queue.members) or (chosen and agent not in chosen):
            raise ConsoleError(f"{agent or 'Nobody'} is no agent of {book.config.name}.", "", kind="unknown")

    def _refused(self, refusal: str) -> None:
        if refusal:
            raise ConsoleError(f"That cannot be: {refusal}.", SEE)
