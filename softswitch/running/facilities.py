"""The front desk of a running switch: keeps its state, fills it from the database, and carries out what operators ask for.

What is in force is in `call.desk`, in memory. Here is what needs a clock, a file or a table.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from softswitch import logs
from softswitch.call.callers import REMEMBERED
from softswitch.call.customers import Customer
from softswitch.call.desk import Desk
from softswitch.call.switches import MOST_OUTAGES, STATES, UNKNOWN, Announcement
from softswitch.customers_file import ProblemList, customer_of, row_of
from softswitch.directory.entry import Outage
from softswitch.events import CallerBlocked, CallerUnblocked, HoursSwitched, OutageSwitched
from softswitch.running.console import ConsoleError
from softswitch.running.sounds import languages
from softswitch.store.customers import GROUPS

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.effects import Publish
    from softswitch.store.records import Snapshot

UNNAMED: Final = "outage"  # the announcement that is meant where none is named
STATE: Final = "desk"  # its name in the store
KEPT: Final = frozenset((HoursSwitched, OutageSwitched, CallerBlocked, CallerUnblocked))
LOOK_SECONDS: Final = 5.0
SLICE: Final = 40  # cards that are put into memory at a stretch: less than a millisecond
CALLS_PORTION: Final = 2_000
MOST_IMPORTED: Final = 5_000  # cards in one order
DAY: Final = 86_400.0
CHANGES: Final = ("put", "delete", "finish")

log = logs.get_logger()


class Facilities:
    """The desk of one switch, as far as it is a clock, tables and orders."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._looked = 0.0
        self._imports: dict[str, set[str]] = {}  # of a whole list: which customers it has named so far
        self._loaded = asyncio.Event()  # every card is in memory
        self.desk.opens = lambda name, wall: daemon.opening.next_opening(name, wall)

    @property
    def desk(self) -> Desk:
        return self._daemon.switch.calls.board.desk

    # --- life --------------------------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        """Take back what the last life knew; before anybody can call."""
        if kept := snapshot.states.get(STATE):
            self._daemon.input("desk", self.desk.restore, kept.value)

    def perform(self, effect: Publish) -> None:
        """Publish an event, and keep what it has changed."""
        self._daemon.voicemail.perform(effect)
        self._daemon.errands.see(effect.event)
        self._daemon.campaigns.see(effect.event)
        self._daemon.wrapping.see(effect.event)
        if type(effect.event) in KEPT:
            self._daemon.store.save_state(STATE, self.desk.export())

    async def take_up(self) -> None:
        """Fill the desk from the database while calls go on: customers, and who called lately."""
        table, desk = self._daemon.store.customers, self.desk
        begun = time.monotonic()
        async for portion in table.portions():
            for start in range(0, len(portion), SLICE):
                for one in portion[start : start + SLICE]:
                    desk.cards.put(one)
                await asyncio.sleep(0)
        self._loaded.set()
        await self._recall()
        if len(desk.cards):
            log.info("customers loaded", customers=len(desk.cards), seconds=round(time.monotonic() - begun, 2))

    async def _recall(self) -> None:
        """Who called in the last days; what came since the start is known already."""
        table, callers = self._daemon.store.customers, self.desk.callers
        now, wall, seq = time.time(), time.time() - REMEMBERED, 0
        past: list[tuple[str, float]] = []
        while rows := await table.calls_after(wall, seq, CALLS_PORTION):
            wall, seq = rows[-1][:2]
            past += [(caller, at) for at, _, caller in rows if at < now]
        callers.begin_recall()
        for start in range(0, len(past), CALLS_PORTION):
            callers.recall(past[start : start + CALLS_PORTION])
            await asyncio.sleep(0)
        callers.end_recall()

    def look(self, now: float) -> None:
        """Now and then: clocks are set, old calls are forgotten."""
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        self.desk.set_clock(time.time() - time.monotonic())
        self.desk.callers.tidy(now)
        self._daemon.wrapping.lookup.tidy(self.desk.cards)

    # --- opening hours -----------------------------------------------------------------------------------------------

    def hours(self) -> list[dict[str, Any]]:
        """Every scheme as it is now."""
        return [self._hours(name) for name in self._daemon.directory.hours]

    def _hours(self, name: str) -> dict[str, Any]:
        daemon, switches = self._daemon, self.desk.switches
        hours, override = daemon.directory.hours[name], switches.hours.get(name)
        change = daemon.opening.next_change(name)
        opening = self.desk.next_opening(name, time.monotonic())
        return {
            "hours": name,
            "open": switches.is_open(name),
            "scheduled": daemon.opening.is_open(name),
            "state": override.state if override is not None else "auto",
            "site": hours.override or "auto",
            "until": override.until if override is not None else 0.0,
            "by": override.by if override is not None else "",
            "holiday": daemon.opening.is_holiday(name),
            "timezone": hours.timezone,
            "next_change": change[0].isoformat() if change is not None else "",
            "opens": change[1] if change is not None else None,
            "next_opening": opening.astimezone(ZoneInfo(hours.timezone)).isoformat() if opening is not None else "",
        }

    def hours_set(self, name: str, state: str, until: str = "", actor: str = "cli") -> dict[str, Any]:
        """Overrule a scheme, or let it hold again. `until`: a local time of the scheme, or a duration such as "2h"."""
        known = self._daemon.directory.hours
        if name not in known:
            raise ConsoleError(f"There are no opening hours {name!r}.", "See: softswitch hours", kind="unknown")
        if state not in STATES:
            raise ConsoleError(f"There is no {state!r} for opening hours.", f"One of: {', '.join(STATES)}.")
        end = moment(until, known[name].timezone, time.time())
        switches = self.desk.switches
        self._daemon.input("hours", lambda now: switches.set_hours(name, state, actor, now, end))
        return self._hours(name)

    # --- outages -----------------------------------------------------------------------------------------------------

    def outages(self) -> list[dict[str, Any]]:
        """Announcements that are on, then those that the site has ready."""
        on = self.desk.switches.outages
        ready = [
            {"outage": one.name, "on": False, "numbers": list(one.numbers), "clips": list(one.clips), "then": one.then,
             "until": 0.0, "since": 0.0, "by": ""}
            for one in self._daemon.directory.outages.values() if one.name not in on
        ]  # fmt: skip
        return [_announcement(one) for one in on.values()] + ready

    def outage_on(
        self, name: str = "outage", numbers: list[str] | None = None, clips: list[str] | None = None,
        then: str | None = None, until: str = "", actor: str = "cli",
    ) -> dict[str, Any]:  # fmt: skip
        """Switch an announcement on: one of the site, or what is said here."""
        directory = self._daemon.directory
        if name not in directory.outages and name != UNNAMED and not (numbers or clips):
            ready = ", ".join(sorted(directory.outages))
            raise ConsoleError(
                f"There is no announcement {name!r}.",
                (f"The site has ready: {ready}. " if ready else "")
                + "One that the site does not know needs --play, --wav or --number.",
                kind="unknown",
            )
        outage = directory.outages.get(name, Outage(name))
        if numbers:
            outage = replace(outage, numbers=tuple(numbers))
        if clips:
            outage = replace(outage, clips=tuple(clips))
        if then is not None:
            outage = replace(outage, then=then)
        self._check_outage(outage)
        end = moment(until, directory.timezone, time.time())
        switches = self.desk.switches
        refusal = self._daemon.input("outage", lambda now: switches.outage_on(outage, actor, now, end))
        if refusal:
            raise ConsoleError(f"There are {MOST_OUTAGES} announcements already.", "See: softswitch outage status")
        return _announcement(switches.outages[outage.name])

    def _check_outage(self, outage: Outage) -> None:
        """Whether an announcement makes sense at this site, by the rules of the site itself. Raises ConsoleError."""
        from softswitch.errors import ConfigError
        from softswitch.store.site import check_site

        site = self._daemon.site
        clips = self._daemon.switch.calls.board.clips
        spoken = languages(site) | {"en"}
        for clip in outage.clips:
            if clips is not None and not any(f"{language}/{clip}" in clips for language in spoken):
                raise ConsoleError(f"There is no clip {clip!r}.", "See: softswitch prompt list", kind="unknown")
        try:
            check_site(replace(site, outages={outage.name: outage}))
        except ConfigError as error:
            raise ConsoleError(str(error), "See the numbers of the site with: softswitch export") from None

    def outage_off(self, name: str = "", actor: str = "cli") -> list[str]:
        """Switch one announcement off, or all; which were on."""
        switches = self.desk.switches
        names = [name] if name else list(switches.outages)
        for one in names:
            if self._daemon.input("outage", self._outage_off, one, actor) == UNKNOWN:
                raise ConsoleError(
                    f"The announcement {one!r} is not on.", "See: softswitch outage status", kind="unknown"
                )
        return names

    def _outage_off(self, name: str, actor: str, now: float) -> str:
        return self.desk.switches.outage_off(name, actor)

    # --- callers -----------------------------------------------------------------------------------------------------

    def callers(self) -> dict[str, Any]:
        """Numbers that are blocked, and the lists of the site."""
        callers = self.desk.callers
        return {
            "blocked": [{"number": number, **asdict(one)} for number, one in callers.blocks.items()],
            "lists": [
                {"list": one.name, "title": one.title, "numbers": len(one.numbers)}
                for one in self._daemon.directory.lists.values()
            ],
        }  # fmt: skip

    def caller(self, number: str) -> dict[str, Any]:
        """What is known of one number."""
        callers, wall = self.desk.callers, time.time()
        midnight = datetime.fromtimestamp(wall, ZoneInfo(self._daemon.directory.timezone)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        card = self.desk.cards.by_number(number)
        return {
            "number": callers.spelt(number),
            "blocked": callers.blocked(number),
            "lists": callers.lists_of(number),
            "calls_today": callers.calls_since(number, midnight.timestamp()),
            "calls_hour": callers.calls_since(number, wall - 3_600.0),
            "calls_day": callers.calls_since(number, wall - DAY),
            "calls_week": callers.calls_since(number, wall - 7 * DAY),
            "customer": dict(card) if card is not None else None,
        }

    def caller_block(self, number: str, days: float = 0.0, reason: str = "", actor: str = "cli") -> dict[str, Any]:
        """Block a number, all that begin with one, or callers who show none."""
        callers = self.desk.callers
        until = time.time() + DAY * days if days else 0.0
        spelt = self._daemon.input("block", lambda now: callers.block(number, actor, now, until, reason[:200]))
        if not spelt:
            raise ConsoleError(
                f"{number!r} cannot be blocked.",
                'A number such as +48600100200, a beginning such as "+4870*", or anonymous.',
            )
        return {"number": spelt, **asdict(callers.blocks[spelt])}

    def caller_unblock(self, number: str, actor: str = "cli") -> str:
        callers = self.desk.callers
        spelt: str = self._daemon.input("unblock", lambda now: callers.unblock(number, actor))
        if not spelt:
            raise ConsoleError(f"{number} is not blocked.", "See: softswitch callers", kind="unknown")
        return spelt

    # --- customers ---------------------------------------------------------------------------------------------------

    async def customers(self, verb: str, **options: Any) -> Any:
        """What `softswitch customers VERB` asks for. Raises ConsoleError."""
        verbs: dict[str, Callable[..., Awaitable[Any]]] = {
            "count": self._count, "list": self._list, "show": self._show, "put": self._put, "delete": self._delete,
            "finish": self._finish,
        }  # fmt: skip
        if verb not in verbs:
            raise ConsoleError(f"There is no {verb!r} for customers.", f"One of: {', '.join(verbs)}.")
        if verb in CHANGES:
            await self._loaded.wait()  # What is read from the table must not come after what is changed.
        return await verbs[verb](**options)

    async def _count(self) -> dict[str, Any]:
        country = self._daemon.directory.country
        return {
            "customers": await self._daemon.store.customers.count(),
            "loaded": self._loaded.is_set(),
            "country": country,
        }

    async def _list(self, after: str = "", limit: int = 500) -> list[dict[str, Any]]:
        """Cards by customer number, from behind one on."""
        return [row_of(one) for one in await self._daemon.store.customers.page(after, min(limit, MOST_IMPORTED))]

    async def _show(self, who: str) -> dict[str, Any]:
        """The card of a customer number, or of a telephone number."""
        found = await self._daemon.store.customers.find(who, self.desk.callers.spelt(who))
        if found is None:
            raise ConsoleError(
                f"There is no customer {who!r}.", "By customer number or telephone number.", kind="unknown"
            )
        return row_of(found)

    async def _put(self, rows: list[dict[str, Any]], token: str = "") -> int:
        """Add or replace cards. `token`: they are a part of a whole list, which `finish` ends."""
        if len(rows) > MOST_IMPORTED:
            raise ConsoleError(f"At most {MOST_IMPORTED} cards at once.", "Send them in portions.")
        problems = ProblemList()
        cards: list[Customer] = []
        for start in range(0, len(rows), SLICE):
            cards += [self._card(row, problems) for row in rows[start : start + SLICE]]
            await asyncio.sleep(0)
        if problems.found:
            raise ConsoleError("; ".join(problems.found[:5]), "Nothing was changed.")
        await self._daemon.store.customers.put(cards)
        for index, one in enumerate(cards):
            self._daemon.wrapping.lookup.disown(one.id)
            self.desk.cards.put(one)
            if index % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        if token:
            if token not in self._imports and len(self._imports) > 8:
                self._imports.clear()  # Left behind by commands that were interrupted.
            self._imports.setdefault(token, set()).update(one.id for one in cards)
        return len(cards)

    async def merged(self, card: Customer, gone: str) -> None:
        """Two customers are one from now on."""
        await self._loaded.wait()
        await self._daemon.store.customers.merge(card, gone)
        self.desk.cards.remove(gone)
        self.desk.cards.put(card)

    def customer_from(self, row: Mapping[str, Any], problems: ProblemList) -> Customer:
        """A customer from a row, by the rules of the site; what is wrong goes to `problems`."""
        return self._card(row, problems)

    def _card(self, row: Mapping[str, Any], problems: ProblemList) -> Customer:
        directory = self._daemon.directory
        agents = directory.agents.keys()
        return customer_of(row, directory.country, problems, agents=agents, where=str(row.get("customer", "")))

    async def _delete(self, customers: list[str]) -> int:
        cards = self.desk.cards
        known = [one for one in customers if cards.customer(one) is not None]
        if not known:
            raise ConsoleError("There is no such customer.", "See: softswitch customers list", kind="unknown")
        await self._daemon.store.customers.remove(known)
        for one in known:
            cards.remove(one)
        return len(known)

    async def _finish(self, token: str) -> int:
        """The whole list has been given: who is not in it is no customer any more. How many that were."""
        named = self._imports.pop(token, None)
        if named is None:
            raise ConsoleError("That import is not known any more.", "Import the whole list again.")
        gone = [one for one in self.desk.cards.ids() if one not in named]
        for start in range(0, len(gone), MOST_IMPORTED):
            part = gone[start : start + MOST_IMPORTED]
            await self._daemon.store.customers.remove(part)
            for one in part:
                self.desk.cards.remove(one)
        return len(gone)

    # --- surveys -----------------------------------------------------------------------------------------------------

    async def surveys(
        self, survey: str = "", by: str = "", since: float = 0.0, until: float = 1e15, answers: bool = False
    ) -> list[dict[str, Any]]:
        """The figures of surveys, or single answers."""
        if by not in GROUPS:
            raise ConsoleError(f"Surveys cannot be told by {by!r}.", f"By: {', '.join(one for one in GROUPS if one)}.")
        table = self._daemon.store.customers
        if answers:
            return await table.answers(survey=survey, since=since, until=until)
        return [asdict(one) for one in await table.surveys(survey=survey, by=by, since=since, until=until)]


def _announcement(one: Announcement) -> dict[str, Any]:
    return {
        "outage": one.name, "on": True, "numbers": list(one.numbers), "clips": list(one.clips), "then": one.then,
        "until": one.until, "since": one.since, "by": one.by,
    }  # fmt: skip


UNITS: Final = {"m": 60.0, "h": 3_600.0, "d": DAY}


def moment(text: str, timezone: str, wall: float) -> float:
    """A Unix time of "2026-12-24 13:00", "13:00" (the next one), "90m", "2h" or "3d"; "" = 0. Raises ConsoleError."""
    text = text.strip(" \t")
    if not text:
        return 0.0
    number, unit = text[:-1], text[-1]
    if unit in UNITS and number.isascii() and number.replace(".", "", 1).isdigit() and len(number) <= 6:
        end = wall + float(number) * UNITS[unit]
    else:
        end = _local(text, ZoneInfo(timezone), wall)
    if end <= wall:
        now = datetime.fromtimestamp(wall, ZoneInfo(timezone))
        raise ConsoleError(f"{text!r} is in the past.", f"Now it is {now:%Y-%m-%d %H:%M}.")
    return end


def _local(text: str, zone: ZoneInfo, wall: float) -> float:
    here = datetime.fromtimestamp(wall, zone)
    try:
        if len(text) <= 5:
            hour, _, minute = text.partition(":")
            at = here.replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
            return at.timestamp() if at > here else (at + timedelta(days=1)).timestamp()
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp()
    except ValueError:
        raise ConsoleError(
            f"{text!r} is no time.", 'Such as "2026-12-24 13:00", "13:00", "90m", "2h" or "3d".'
        ) from None
