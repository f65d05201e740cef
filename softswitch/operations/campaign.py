"""What people and programs may ask a running switch about campaigns. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from softswitch.campaigns import STATUSES, Book
from softswitch.running.campaigns import MOST_ROWS
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

SEE: Final = "See: softswitch campaign list"
LATEST: Final = 31 * 86_400.0


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
        }

    def campaigns(self) -> list[dict[str, Any]]:
        """Every campaign, with what has become of its contacts."""
        return self._daemon.campaigns.rows()

    def campaign(self, campaign: str) -> dict[str, Any]:
        self._book(campaign)
        return self._daemon.campaigns.row(campaign)

    def contacts(self, campaign: str, status: str = "", limit: int = 500) -> list[dict[str, Any]]:
        """Contacts in the order of the list."""
        self._book(campaign)
        if status and status not in STATUSES:
            raise ConsoleError(f"There is no status {status!r}.", f"One of: {', '.join(STATUSES)}.")
        return self._daemon.campaigns.contacts(campaign, status, max(1, min(limit, MOST_ROWS)))

    async def import_rows(
        self, campaign: str, rows: list[dict[str, Any]], dry_run: bool = False
    ) -> dict[str, Any]:  # fmt: skip
        """Put customers on the list; nothing is changed if a row is wrong."""
        self._book(campaign)
        if len(rows) > MOST_ROWS:
            raise ConsoleError(f"At most {MOST_ROWS} rows at once.", "Send them in portions.")
        return await self._daemon.campaigns.import_rows(campaign, list(rows), dry_run)

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
        self._daemon.campaigns.carry_out(campaign)
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

    def _book(self, campaign: str) -> Book:
        found = self._daemon.campaigns.books.get(campaign)
        if found is None:
            raise ConsoleError(f"There is no campaign {campaign!r}.", SEE, kind="unknown")
        return found

    def _member(self, book: Book, agent: str) -> None:
        queue = self._daemon.directory.queues[book.config.queue]
        if all(member.agent != agent for member in queue.members):
            raise ConsoleError(f"{agent or 'Nobody'} is no agent of {queue.name}.", "", kind="unknown")

    def _refused(self, refusal: str) -> None:
        if refusal:
            raise ConsoleError(f"That cannot be: {refusal}.", SEE)
