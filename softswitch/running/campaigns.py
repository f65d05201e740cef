"""Runs the campaigns of a switch: hears what becomes of their callbacks, calls whom they want called, keeps every contact.

Who is called, and when, is decided in `campaigns.Book`; that callers come first, and agents are rung before customers, by the
queue engine. Here is what needs the clock, the tables and the switch.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch import logs
from softswitch.campaigns import Book, Contact, Dial, Withdraw, row_of, script_of
from softswitch.errors import StoreError
from softswitch.events import (
    CallbackAttempted,
    CallbackCancelled,
    CallbackDone,
    CallbackExpired,
    CallbackMissed,
    CampaignContact,
    CampaignHeld,
    Event,
)
from softswitch.numbers import normalise, timezone_of

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.store.records import Snapshot

STATE: Final = "campaign:"  # and its name: names in the store
BY: Final = "campaign"
MOST_ROWS: Final = 5_000  # contacts in one order
MOST_CONTACTS: Final = 100_000  # of one campaign
TEXTS: Final = ("number", "name", "timezone")  # columns that mean something; others are fields
LONGEST: Final = 200  # characters of a value
SLICE: Final = 500  # contacts that are taken at a stretch

log = logs.get_logger()


class Campaigns:
    """Those of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.books: dict[str, Book] = {}
        self._changed: dict[str, dict[str, Contact]] = {}
        self._figures: dict[str, Any] = {}  # of the day, as they were kept
        self._stored: dict[str, list[Contact]] = {}
        self._read = False  # the lists
        self._ready = False
        self._writing = asyncio.Lock()

    # --- life --------------------------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        self._figures = {
            name.removeprefix(STATE): one.value
            for name, one in snapshot.states.items()
            if name.startswith(STATE) and one.value
        }

    async def take_up(self) -> None:
        """Read the lists, and what has become of callbacks that nobody heard the end of."""
        self._stored = await self._daemon.store.campaigns.all()
        self._read = True
        self.configure()
        listed = list(self._daemon.switch.queues.callbacks.tasks)
        for book in self.books.values():
            for one in list(book.lost(listed)):
                await self._found_out(book, one)
        self._ready = True

    async def _found_out(self, book: Book, one: Contact) -> None:
        callback, now = one.callback, time.time()
        rows = await (await self._daemon.store.reports()).callbacks(number=one.number, limit=50)
        record = next((row for row in rows if row.callback == callback), None)
        if record is None or not record.outcome:
            book.missed(callback, "lost", now)
        elif record.outcome == "not_reached":
            book.missed(callback, record.cause, now)
        else:
            book.ended(callback, record.outcome, record.agent, now)
        book.taken()

    def configure(self) -> None:
        """Take the campaigns of the site in force. A list outlives its campaign until somebody removes it."""
        if not self._read:
            return
        site = self._daemon.directory
        for name in [one for one in self.books if one not in site.campaigns]:
            book = self.books.pop(name)
            self._carry_out(name, book, [Withdraw(one.callback) for one in book.contacts.values() if one.callback])
            self._stored[name] = list(book.contacts.values())
        for name, config in site.campaigns.items():
            found = self.books.get(name)
            if found is None:
                self.books[name] = found = self._new(name)
            found.config, found.zone = config, site.timezone

    def _new(self, name: str) -> Book:
        site = self._daemon.directory
        book = Book(
            site.campaigns[name], lambda number: timezone_of(number, self._daemon.directory.timezone),
            lambda number: self._denied(name, number), lambda one: self._told(name, one), site.timezone,
        )  # fmt: skip
        book.add(self._stored.pop(name, ()))
        if figures := self._figures.pop(name, None):
            book.load(figures)
        return book

    def _denied(self, name: str, number: str) -> bool:
        """Whether a number may not be called: by a list of the campaign, or because the site blocks it."""
        callers, config = self._daemon.facilities.desk.callers, self._daemon.directory.campaigns.get(name)
        if callers.blocked(number):
            return True
        return config is None or any(callers.holds(listed, number) for listed in config.deny)

    def _told(self, name: str, one: Contact) -> None:
        self._changed.setdefault(name, {})[one.id] = one
        queue = self._daemon.directory.campaigns[name].queue if name in self._daemon.directory.campaigns else ""
        self._daemon.publisher.publish(
            CampaignContact(
                name, queue, one.id, one.number, one.status, one.attempts, one.outcome, one.agent, one.callback
            )
        )

    # --- what happens ------------------------------------------------------------------------------------------------

    def see(self, event: Event) -> None:
        """Something has become of a callback."""
        if not self.books or not isinstance(
            event, CallbackAttempted | CallbackMissed | CallbackDone | CallbackExpired | CallbackCancelled
        ):
            return
        now = time.time()
        for book in self.books.values():
            if isinstance(event, CallbackAttempted):
                book.attempted(event.callback, now)
            elif isinstance(event, CallbackMissed):
                held = book.held
                book.missed(event.callback, event.cause, now)
                if book.held and not held:
                    self._daemon.publisher.publish(
                        CampaignHeld(book.config.name, book.config.queue, book.answered, book.abandoned)
                    )
            elif isinstance(event, CallbackDone):
                book.ended(event.callback, event.outcome, event.agent, now)
            elif isinstance(event, CallbackExpired) or event.by != BY:
                book.ended(event.callback, event.outcome, "", now)

    def look(self) -> None:
        """Once a second: call whom the campaigns want called, keep what has changed."""
        if not self._ready or self._daemon.draining:
            return
        board = self._daemon.switch.queue_board(time.monotonic())["queues"] if self.books else {}
        free = {name: max(0, one["agents"].get("idle", 0) - one["waiting"]) for name, one in board.items()}
        for name, book in list(self.books.items()):
            queue = book.config.queue
            idle = free.get(queue, 0)
            orders = book.tick(time.time(), idle)
            free[queue] = idle - sum(isinstance(one, Dial) for one in orders)
            self._carry_out(name, book, orders)
        if self._changed:
            self._daemon.spawn(self.write())

    def carry_out(self, name: str) -> None:
        """What was ordered of a campaign just now."""
        self._carry_out(name, self.books[name], self.books[name].taken())

    def _carry_out(self, name: str, book: Book, orders: Iterable[Any]) -> None:
        """Put contacts on the queue's list, or take them off."""
        daemon, todo = self._daemon, list(orders)
        while todo:
            one = todo.pop(0)
            if isinstance(one, Withdraw):
                daemon.input("campaign", daemon.switch.cancel_callback, one.callback, BY)
            else:
                self._dial(name, book, one)
            todo += book.taken()

    def _dial(self, name: str, book: Book, order: Dial) -> None:
        daemon, contact = self._daemon, book.contacts[order.contact]
        note = f"{book.config.title or name}: {contact.note}".rstrip(": ")

        def add(queue: str, number: str, now: float) -> tuple[str, str]:
            return daemon.switch.add_callback(
                queue, number, now, owner=order.agent, name=contact.name, note=note, by=BY, mode="agent"
            )

        callback, refusal = daemon.input("campaign", add, book.config.queue, contact.number) or ("", "see the log")
        book.listed(contact.id, callback, refusal, time.time())

    async def write(self) -> None:
        """Keep what has changed."""
        async with self._writing:
            changed, self._changed = self._changed, {}
            for name, contacts in changed.items():
                try:
                    await self._daemon.store.campaigns.put(name, list(contacts.values()))
                except StoreError:
                    self._changed[name] = contacts | self._changed.get(name, {})
                    raise
                if name in self.books:
                    self._daemon.store.save_state(f"{STATE}{name}", self.books[name].export())

    # --- orders ------------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Every campaign, with what has become of its contacts."""
        return [self.row(name) for name in self.books]

    def row(self, name: str) -> dict[str, Any]:
        book = self.books[name]
        config, counts = book.config, book.counts()
        return {
            "campaign": name, "title": config.title, "queue": config.queue, "mode": config.mode, "enabled": config.enabled,
            "held": book.held, "contacts": len(book.contacts), "statuses": counts, "answered_today": book.answered,
            "abandoned_today": book.abandoned, "abandoned_share": round(book.abandoned_share, 2),
            "attempts": sum(one.attempts for one in book.contacts.values()),
        }  # fmt: skip

    def contacts(self, name: str, status: str, limit: int) -> list[dict[str, Any]]:
        found = (one for one in self.books[name].contacts.values() if status in ("", one.status))
        return [row_of(one) for one, _ in zip(found, range(limit), strict=False)]

    def shown(self, name: str, one: Contact | None) -> dict[str, Any] | None:
        """A contact as its agent sees it."""
        return None if one is None else row_of(one) | {"script": script_of(self.books[name].config, one)}

    async def import_rows(self, name: str, rows: list[Mapping[str, Any]], dry_run: bool) -> dict[str, Any]:
        """Put customers on a list. A row that is wrong is told, and nothing is changed by any of them."""
        book = self.books[name]
        country = self._daemon.directory.country
        found: dict[str, Contact] = {}
        problems: list[str] = []
        known = denied = 0
        for line, row in enumerate(rows[:MOST_ROWS], 1):
            if line % SLICE == 0:
                await asyncio.sleep(0)
            one = _contact(row, country)
            if isinstance(one, str):
                problems.append(f"row {line}: {one}")
            elif one.number in found or book.has(one.number):
                known += 1
            else:
                denied += self._denied(name, one.number)
                found[one.number] = one
        if len(book.contacts) + len(found) > MOST_CONTACTS:
            problems.append(f"a campaign has at most {MOST_CONTACTS} contacts")
        if not problems and not dry_run:
            book.add(found.values())
            await self._daemon.store.campaigns.put(name, found.values())
        return {
            "new": len(found), "known": known, "denied": denied, "problems": problems[:100],
            "changed": not problems and not dry_run,
        }  # fmt: skip

    async def forget(self, is_them: Callable[[str], bool], pseudonym: str) -> None:
        """Make a person unrecognisable on every list."""
        for name, book in self.books.items():
            for one in book.forget(is_them, pseudonym):
                self._changed.setdefault(name, {})[one.id] = one
            self._carry_out(name, book, book.taken())
        for contacts in self._stored.values():
            contacts[:] = [one for one in contacts if not is_them(one.number)]
        await self.write()

    async def clear(self, name: str) -> int:
        """Forget a list: nobody on it is called any more. How many there were."""
        book = self.books[name]
        book.clear()
        self._carry_out(name, book, book.taken())
        count = len(book.contacts)
        self._changed.pop(name, None)
        async with self._writing:
            await self._daemon.store.campaigns.remove(name)
        self._changed.pop(name, None)
        self.books[name] = self._new(name)
        return count


def _contact(row: Mapping[str, Any], country: str) -> Contact | str:
    """A contact of a row of a list; or what is wrong with it."""
    values = {str(key).strip(): str(value or "").strip() for key, value in row.items()}
    number = normalise(values.get("number", ""), country)
    if not number.startswith("+"):
        return f"{values.get('number', '')!r} is no telephone number"
    if any(len(value) > LONGEST or not value.isprintable() for value in values.values()):
        return f"values have at most {LONGEST} characters"
    zone = values.get("timezone", "")
    if zone and not _is_zone(zone):
        return f"{zone!r} is no time zone"
    fields = {key: value for key, value in values.items() if key not in TEXTS and value}
    return Contact(secrets.token_hex(8), number, values.get("name", ""), fields, zone)


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
