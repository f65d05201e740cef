"""Runs the campaigns of a switch: hears what becomes of their callbacks, calls whom they want called, keeps every contact.

Who is called, and when, is decided in `campaigns.Book`; that callers come first, and agents are rung before customers, by the
queue engine. Here is what needs the clock, the tables and the switch.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from softswitch import logs
from softswitch.acd.agent import Activity
from softswitch.campaigns import CALLING, Book, Contact, Dial, Found, Order, Withdraw, row_of, script_of
from softswitch.errors import StoreError
from softswitch.events import (
    AgentActivityChanged,
    CallbackAttempted,
    CallbackCancelled,
    CallbackDone,
    CallbackExpired,
    CallbackMissed,
    CampaignContact,
    CampaignHeld,
    DispositionChosen,
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
LOOKED: Final = 20_000  # contacts that one search goes through before calls have their turn
OPEN_SLACK: Final = 5.0  # seconds by which the clock may have been set back between an order and its record
SLICE: Final = 500  # contacts that are taken at a stretch

HEARD: Final = (
    CallbackAttempted, CallbackMissed, CallbackDone, CallbackExpired, CallbackCancelled, DispositionChosen,
    AgentActivityChanged,
)  # fmt: skip

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
        self.ready = False  # the lists are read, and what happened while nobody listened is known
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
        for book in self.books.values():
            for one in book.unsure():
                book.found_out(one.id, await self._found(book, one), time.time())
        for name, book in self.books.items():
            self._carry_out(name, book, book.taken())
        self._daemon.switch.calls.board.callback_number = self.number_shown
        self.ready = True
        await self.write()

    async def _found(self, book: Book, one: Contact) -> Found | None:
        """What is known of the callback of a contact; of one that was ordered and never kept, by the number."""
        switch = self._daemon.switch
        for task in switch.queues.callbacks.of_number(one.number):
            if task.id == one.callback or (not one.callback and task.queue == book.config.queue):
                attempt = switch.calls.board.callbacks.get(task.id)
                if attempt is None:
                    return Found(task.id, task.attempts, True)
                call = attempt.call
                rings = call.fork is not None or not call.summoning  # whoever is called, or has answered
                return Found(task.id, task.attempts, True, True, rings, call.id)
        await self._daemon.store.flush(1.0)
        rows = await (await self._daemon.store.reports()).callbacks(number=one.number, limit=50)
        for row in rows:
            since = row.created_at >= one.due - OPEN_SLACK and row.queue == book.config.queue
            if row.callback == one.callback or (not one.callback and since):
                return Found(row.callback, row.attempts, outcome=row.outcome, cause=row.cause, agent=row.agent)
        return None

    def number_shown(self, callback: str) -> str:
        """The number that the customer of a callback is shown; "" = as always."""
        for book in self.books.values():
            if book.config.caller_number and book.of(callback=callback) is not None:
                return book.config.caller_number
        return ""

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
        """Whether a number may not be called: by a list of the campaign, the customer's card, or because the site blocks it."""
        callers, config = self._daemon.facilities.desk.callers, self._daemon.directory.campaigns.get(name)
        if callers.blocked(number):
            return True
        card = self._daemon.facilities.desk.cards.by_number(number)
        if card is not None and card["do_not_call"]:
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
        if not self.books or not isinstance(event, HEARD):
            return
        if isinstance(event, AgentActivityChanged):
            self._connecting(event)
            return
        now = time.time()
        for book in self.books.values():
            if isinstance(event, CallbackAttempted):
                book.attempted(event.callback, now, event.call)
            elif isinstance(event, DispositionChosen):
                book.said(event.call, event.disposition)
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

    def _connecting(self, event: AgentActivityChanged) -> None:
        """An agent has answered. What is kept now, before the customer is dialled, is known after whatever happens."""
        if event.activity != Activity.TALKING or event.kind != "queue":
            return
        agent = self._daemon.switch.queues.roster.agents.get(event.agent)
        if agent is None or agent.offer is None:
            return
        callback = agent.offer.caller.id
        found = [book.connecting(callback, event.agent) for book in self.books.values()]
        if any(found):
            self._daemon.spawn(self.write())

    def look(self) -> None:
        """Once a second: call whom the campaigns want called, keep what has changed."""
        if not self.ready or self._daemon.draining:
            return
        engine = self._daemon.switch.queues
        board = self._daemon.switch.queue_board(time.monotonic())["queues"] if self.books else {}
        free = {name: max(0, one["agents"].get("idle", 0) - one["waiting"]) for name, one in board.items()}
        for name, book in list(self.books.items()):
            queue = book.config.queue
            idle = free.get(queue, 0)
            rested = [
                one for one in book.config.agents if one in engine.roster.agents and engine.roster.agents[one].places
            ]
            orders = book.tick(time.time(), idle, rested)
            free[queue] = idle - sum(isinstance(one, Dial) for one in orders)
            if orders:
                self._daemon.spawn(self.carry_out(name, orders))
        if self._changed:
            self._daemon.spawn(self.write())

    async def carry_out(self, name: str, orders: Iterable[Order] = ()) -> None:
        """What was ordered of a campaign. Who is to be called is kept as such before anybody rings."""
        book = self.books[name]
        todo = [*orders, *book.taken()]
        try:
            await self.write()
        except StoreError as error:
            log.error("campaign not kept", campaign=name, error=str(error))
            for one in todo:
                if isinstance(one, Dial):
                    book.listed(one.contact, "", "not kept", time.time())
            todo = [one for one in todo if isinstance(one, Withdraw)]
        self._carry_out(name, book, todo)

    def _carry_out(self, name: str, book: Book, orders: Iterable[Order]) -> None:
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
        daemon, contact = self._daemon, book.contacts.get(order.contact)
        if contact is None or contact.status != CALLING or contact.callback:
            return  # Something has become of it while it was kept.
        if self._denied(name, contact.number):
            book.listed(contact.id, "", "denied", time.time())
            return
        note = f"{book.config.title or name}: {contact.note}".rstrip(": ")

        def add(queue: str, number: str, now: float) -> tuple[str, str]:
            return daemon.switch.add_callback(
                queue, number, now, owner=order.agent, name=contact.name, note=note, by=BY, mode="agent"
            )

        callback, refusal = daemon.input("campaign", add, book.config.queue, contact.number) or ("", "see the log")
        book.listed(contact.id, callback, refusal, time.time())

    def keep(self, name: str) -> None:
        """What is known of a campaign as such: the figures of the day, and whether it pauses."""
        self._daemon.store.save_state(f"{STATE}{name}", self.books[name].export())

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
                    self.keep(name)

    # --- orders ------------------------------------------------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """Every campaign, with what has become of its contacts."""
        return [self.row(name) for name in self.books] if self.ready else []

    def row(self, name: str) -> dict[str, Any]:
        book = self.books[name]
        config = book.config
        return {
            "campaign": name, "title": config.title, "queue": config.queue, "mode": config.mode, "enabled": config.enabled,
            "paused": book.paused, "held": book.held, "contacts": len(book.contacts), "statuses": book.counts(),
            "answered_today": book.answered, "abandoned_today": book.abandoned,
            "abandoned_share": round(book.abandoned_share, 2), "attempts": book.attempts, "called": book.called,
            "hit_rate": book.hit_rate, "next_due": book.next_due(), "steps": config.steps,
            "dispositions": {one: count for one, count in sorted(book.dispositions.items()) if count},
        }  # fmt: skip

    async def contacts(
        self, name: str, status: str, limit: int, offset: int = 0, text: str = ""
    ) -> list[dict[str, Any]]:
        """Contacts in the order of the list, of whom something contains a text; telephone numbers however they are written."""
        found: list[dict[str, Any]] = []
        needle = text.strip().casefold()
        digits = "".join(char for char in needle if char.isdigit())
        digits = digits if len(digits) >= 3 and not any(char.isalpha() for char in needle) else ""
        for count, one in enumerate(list(self.books[name].contacts.values()), 1):
            if count % LOOKED == 0:
                await asyncio.sleep(0)
            if status not in ("", one.status) or (needle and not _has(one, needle, digits)):
                continue
            if offset:
                offset -= 1
                continue
            found.append(row_of(one))
            if len(found) == limit:
                break
        return found

    def of_call(self, call: str, callback: str = "") -> tuple[str, Contact] | None:
        """Whom a call is to, and the campaign; `callback`: of a call that is about to be made."""
        for name, book in self.books.items():
            if (one := book.of(call, callback)) is not None:
                return name, one
        return None

    def shown(self, name: str, one: Contact | None) -> dict[str, Any] | None:
        """A contact as its agent sees it."""
        return None if one is None else row_of(one) | {"script": script_of(self.books[name].config, one)}

    async def import_rows(self, name: str, rows: list[Mapping[str, Any]], dry_run: bool) -> dict[str, Any]:
        """Put customers on a list. A row that is wrong is told, and nothing is changed by any of them."""
        return await self._import(name, [(f"row {line}", row) for line, row in enumerate(rows[:MOST_ROWS], 1)], dry_run)

    async def import_lines(self, name: str, rows: list[tuple[int, dict[str, str]]], dry_run: bool) -> dict[str, Any]:
        """The same for rows of a file, each with its line."""
        return await self._import(name, [(f"line {line}", row) for line, row in rows], dry_run)

    async def _import(self, name: str, rows: Sequence[tuple[str, Mapping[str, Any]]], dry_run: bool) -> dict[str, Any]:
        book = self.books[name]
        country = self._daemon.directory.country
        found: dict[str, Contact] = {}
        problems: list[str] = []
        known = denied = 0
        for count, (where, row) in enumerate(rows, 1):
            if count % SLICE == 0:
                await asyncio.sleep(0)
            one = _contact(row, country)
            if isinstance(one, str):
                problems.append(f"{where}: {one}")
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
            "new": len(found), "known": known, "denied": denied, "problems": problems[:100], "mistakes": len(problems),
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
        paused, self.books[name] = book.paused, self._new(name)
        self.books[name].paused = paused
        return count


def _has(one: Contact, needle: str, digits: str) -> bool:
    if digits:
        return digits.lstrip("0") in one.number
    texts = (one.name, one.note, one.agent, one.outcome, one.disposition, *one.fields.values())
    return any(needle in text.casefold() for text in texts)


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
