"""One campaign: which contact is called next, and what has become of each (OUT-05, OUT-06, OUT-10). A pure machine.

It calls nobody itself: it puts contacts on the queue's list of callbacks, which stand behind every caller and ring an agent
before the customer, and hears from there how that went. A contact is always in exactly one status. Times are Unix time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from softswitch.directory.campaigns import PROGRESSIVE, Campaign
from softswitch.directory.hours import Span

WAITING, SHOWN, CALLING = "waiting", "shown", "calling"  # "shown": an agent looks at it
REACHED, NOT_REACHED, DENIED, SKIPPED, CANCELLED = "reached", "not_reached", "denied", "skipped", "cancelled"
STATUSES: Final = (WAITING, SHOWN, CALLING, REACHED, NOT_REACHED, DENIED, SKIPPED, CANCELLED)
OPEN: Final = frozenset({WAITING, SHOWN, CALLING})
LOOK: Final = 900.0  # seconds until a contact is looked at again whose hours are over
LOOKING: Final = 600.0  # seconds that an agent may look at a contact
CONNECTING: Final = "connecting"  # the outcome of an attempt that is about to be made: kept before anybody is dialled
INTERRUPTED: Final = "interrupted"  # the cause of one that a restart has ended
MET_NOBODY: Final = frozenset({"hung_up", "lost"})  # causes of attempts in which the customer answered and met nobody
FEW: Final = 30  # customers who answered, before their share of abandoned ones says anything
ENOUGH: Final = 200  # waiting contacts that one look goes through


@dataclass(slots=True)
class Contact:
    """Somebody on the list. `due`: not before; `callback`: while they are on the queue's list."""

    id: str
    number: str
    name: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    timezone: str = ""
    status: str = WAITING
    attempts: int = 0
    due: float = 0.0
    last: float = 0.0  # when they were called last
    outcome: str = ""  # of the last attempt
    agent: str = ""
    note: str = ""
    callback: str = ""
    call: str = ""  # the last one to them
    disposition: str = ""  # what the agent said about it
    ringing: bool = False  # the customer's phone, or they talk


@dataclass(slots=True, frozen=True)
class Dial:
    """Put a contact on the queue's list. `agent`: only for them; "" = for whoever is free."""

    contact: str
    agent: str = ""


@dataclass(slots=True, frozen=True)
class Found:
    """What was found out about a callback after a restart. `open`: it is on the queue's list; `live`: its call goes on."""

    callback: str
    attempts: int = 0
    open: bool = False
    live: bool = False
    ringing: bool = False  # the customer's phone, or they talk
    call: str = ""
    outcome: str = ""  # how it ended
    cause: str = ""
    agent: str = ""


@dataclass(slots=True, frozen=True)
class Withdraw:
    """Take a callback off the queue's list."""

    callback: str


Order = Dial | Withdraw


class Book:
    """The contacts of one campaign. `zone(number)`: the time zone of a number; `denied(number)`: nobody may call it."""

    def __init__(
        self, config: Campaign, zone: Callable[[str], str], denied: Callable[[str], bool],
        told: Callable[[Contact], None] = lambda contact: None, here: str = "UTC",
    ) -> None:  # fmt: skip
        """`here`: the time zone by which days begin."""
        self.config = config
        self.zone = here
        self.contacts: dict[str, Contact] = {}
        self.orders: list[Order] = []
        self.answered = self.abandoned = 0  # customers who answered, and those of them whom nobody met, today
        self.held = ""  # why nobody is called now
        self.paused = False  # by a person, until a person says otherwise
        self.day = ""
        self._zone = zone
        self._denied = denied
        self._told = told  # a contact is another one: to be kept, and to be told
        self._numbers: dict[str, str] = {}
        self._callbacks: dict[str, Contact] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._sequence = 0
        self._busy: dict[str, Contact] = {}  # that are shown or called
        self._calls: dict[str, Contact] = {}
        self._statuses: Counter[str] = Counter()
        self.attempts = self.called = 0  # calls, and contacts who were called at least once
        self.dispositions: Counter[str] = Counter()

    # --- the list ----------------------------------------------------------------------------------------------------

    def add(self, contacts: Iterable[Contact]) -> int:
        """Contacts that are new, or come from the store; how many were taken. One number stands once on a list."""
        count = 0
        for one in contacts:
            if one.id in self.contacts or one.number in self._numbers:
                continue
            self.contacts[one.id] = one
            self._numbers[one.number] = one.id
            if one.callback:
                self._callbacks[one.callback] = one
            if one.call:
                self._calls[one.call] = one
            if one.status == SHOWN:
                one.status, one.due = WAITING, 0.0
            if one.status == CALLING:
                self._busy[one.id] = one
            if one.status == WAITING:
                self._push(one)
            self._statuses[one.status] += 1
            self.attempts += one.attempts
            self.called += one.attempts > 0
            if one.disposition:
                self.dispositions[one.disposition] += 1
            count += 1
        return count

    def has(self, number: str) -> bool:
        return number in self._numbers

    def clear(self) -> None:
        """Nobody on the list is called any more."""
        for one in self.contacts.values():
            if one.status in OPEN:
                self._end(one, CANCELLED, one.outcome)

    def forget(self, is_them: Callable[[str], bool], pseudonym: str) -> list[Contact]:
        """Make a person unrecognisable: nobody calls them any more, and the books still balance. Who that was."""
        found = [
            one for one in self.contacts.values() if any(map(is_them, (one.number, one.note, *one.fields.values())))
        ]
        for one in found:
            if one.status in OPEN:
                self._end(one, CANCELLED, one.outcome)
            del self._numbers[one.number]
            one.number, one.name, one.note, one.fields = pseudonym, "", "", {}
            self._numbers[pseudonym] = one.id
        return found

    def counts(self) -> dict[str, int]:
        return {status: self._statuses[status] for status in STATUSES}

    @property
    def hit_rate(self) -> float | None:
        """Per cent of the contacts who were called that were reached; None: nobody was called."""
        return 100.0 * self._statuses[REACHED] / self.called if self.called else None

    def next_due(self) -> float | None:
        """When the next contact may be called, as far as their own clock permits; None: nobody waits."""
        while self._heap:
            due, _, id = self._heap[0]
            one = self.contacts.get(id)
            if one is not None and one.status == WAITING and one.due == due:
                return due
            heapq.heappop(self._heap)
        return None

    # --- who is next -------------------------------------------------------------------------------------------------

    def tick(self, now: float, free: int, idle: Iterable[str] = ()) -> list[Order]:
        """What is to be done now. `free`: agents of the queue who are idle beyond those whom its callers need; `idle`: their
        names, for a campaign of some of them."""
        self._new_day(now)
        for one in list(self._busy.values()):
            if one.status == SHOWN and now >= one.due:
                self._put_back(one, now)
            elif one.status == CALLING and not one.ringing and not (self._on and self._permits(one, now)):
                self._put_back(one, now)  # Nobody has taken it in time.
        if self.config.mode == PROGRESSIVE and self._on:
            awaited = [one for one in self._busy.values() if not one.ringing]
            theirs = {one.agent for one in awaited}
            mine = (
                [one for one in idle if one in self.config.agents and one not in theirs] if self.config.agents else []
            )
            for turn in range(free - len(awaited)):
                if self.config.agents and turn >= len(mine):
                    break
                following = self._next(now)
                if following is None:
                    break
                self._dial(following, mine[turn] if mine else "", now)
        return self.taken()

    def next_for(self, agent: str, now: float) -> Contact | None:
        """Show an agent whom they may call next; the one that they look at already, if there is one. None: nobody."""
        self._new_day(now)
        mine = next((one for one in self._busy.values() if one.status == SHOWN and one.agent == agent), None)
        if mine is not None or not self._on:
            return mine
        one = self._next(now)
        if one is not None:
            one.agent, one.due = agent, now + LOOKING
            self._becomes(one, SHOWN)
        return one

    def accept(self, id: str, agent: str, now: float) -> str:
        """The agent calls the contact that they were shown; "" or why not."""
        one = self.contacts.get(id)
        if one is None or one.status != SHOWN or one.agent != agent:
            return "it is not shown to you"
        if self._denied(one.number):
            self._end(one, DENIED, "")
            return "nobody may call this number"
        if not self._on:
            return self.held or ("the campaign is paused" if self.paused else "the campaign is switched off")
        if not self._permits(one, now):
            return "nobody is called at this hour where they are"
        self._dial(one, agent, now)
        return ""

    def skip(self, id: str, agent: str, note: str, later: float, now: float) -> str:
        """The agent does not call: never, or not before `later` seconds have passed; "" or why not."""
        one = self.contacts.get(id)
        if one is None or one.status != SHOWN or one.agent != agent:
            return "it is not shown to you"
        one.note = note
        if later:
            one.due = now + later
            self._waits(one)
        else:
            self._end(one, SKIPPED, "")
        return ""

    def again(self, id: str, agent: str, note: str, later: float, now: float) -> str:
        """The agent who has talked to a contact, or to their answering machine, wants them called again; "" or why not."""
        one = self.contacts.get(id)
        if one is None or one.status not in (REACHED, NOT_REACHED) or one.agent != agent:
            return "it is no contact that you have called"
        if self._denied(one.number):
            return "nobody may call this number"
        one.note, one.due = note or one.note, now + later
        self._waits(one)
        return ""

    @property
    def _on(self) -> bool:
        return self.config.enabled and not self.held and not self.paused

    def _next(self, now: float) -> Contact | None:
        """The first contact who may be called now. Who may not be is looked at again, or never."""
        for _ in range(ENOUGH):
            if not self._heap or self._heap[0][0] > now:
                return None
            due, _, id = heapq.heappop(self._heap)
            one = self.contacts.get(id)
            if one is None or one.status != WAITING or one.due != due:
                continue
            if self._denied(one.number):
                self._end(one, DENIED, "")
            elif not self._permits(one, now):
                one.due = now + LOOK
                self._push(one)
            else:
                return one
        return None

    def _permits(self, one: Contact, now: float) -> bool:
        """Whether the clock on the customer's wall does."""
        return permits(self.config.hours, one.timezone or self._zone(one.number), now)

    def _dial(self, one: Contact, agent: str, now: float) -> None:
        """From here on `due` says when it was ordered: what is found of this attempt after a restart began later."""
        one.agent, one.due, one.outcome = agent, now, ""
        one.ringing = False
        self._becomes(one, CALLING)
        self.orders.append(Dial(one.id, agent))

    # --- how it went -------------------------------------------------------------------------------------------------

    def listed(self, id: str, callback: str, refusal: str, now: float) -> None:
        """A contact is on the queue's list, or cannot be: then later."""
        one = self.contacts[id]
        if callback:
            one.callback = callback
            self._callbacks[callback] = one
            self._told(one)
        else:
            one.outcome = refusal
            self._put_back(one, now)

    def connecting(self, callback: str, agent: str) -> bool:
        """An agent has answered: the customer will be dialled. Whether it is one of ours; then it is to be kept at once."""
        one = self._callbacks.get(callback)
        if one is None or one.ringing:
            return False
        one.outcome, one.agent = CONNECTING, agent
        self._told(one)
        return True

    def attempted(self, callback: str, now: float, call: str = "") -> None:
        """The customer's phone rings."""
        if (one := self._callbacks.get(callback)) is not None and not one.ringing:
            one.ringing = True
            one.outcome = ""
            self._count(one, now, call)
            self._told(one)

    def _count(self, one: Contact, now: float, call: str = "") -> None:
        self.attempts += 1
        self.called += not one.attempts
        one.attempts += 1
        one.last = now
        if call:
            self._calls.pop(one.call, None)
            one.call = call
            self._calls[call] = one

    def said(self, call: str, disposition: str) -> None:
        """An agent has said what a call was about."""
        if (one := self._calls.get(call)) is not None and one.disposition != disposition:
            if one.disposition:
                self.dispositions[one.disposition] -= 1
            self.dispositions[disposition] += 1
            one.disposition = disposition
            self._told(one)

    def of(self, call: str = "", callback: str = "") -> Contact | None:
        """Whom a call is to, or a callback."""
        return self._calls.get(call) or self._callbacks.get(callback)

    def missed(self, callback: str, cause: str, now: float) -> None:
        """The customer was not reached, or met nobody."""
        one = self._callbacks.get(callback)
        if one is None:
            return
        self.orders.append(Withdraw(callback))
        self._unlist(one)
        if cause in MET_NOBODY:
            self.answered += 1
            self.abandoned += 1
            self._weigh()
        if cause in ("forbidden", "invalid"):
            self._end(one, DENIED, cause)
        elif one.attempts >= self.config.attempts:
            self._end(one, NOT_REACHED, cause)
        else:
            one.outcome = cause
            one.due = now + self.config.gap * 3_600.0
            self._waits(one)

    def ended(self, callback: str, outcome: str, agent: str, now: float) -> None:
        """The callback is over: "reached", "called_again", "by_hand", or somebody has taken it off the list."""
        one = self._callbacks.get(callback)
        if one is None:
            return
        self._unlist(one)
        one.agent = agent or one.agent
        if outcome in ("reached", "called_again", "by_hand"):
            self.answered += outcome == "reached"
            self._end(one, REACHED, outcome)
        elif outcome == "cancelled":
            self._end(one, CANCELLED, outcome)
        else:  # Its time was over, or another callback of the customer has taken its place.
            one.outcome = outcome
            one.due = now + LOOK
            self._waits(one)

    def _put_back(self, one: Contact, now: float) -> None:
        """Nobody was called: it waits again, and that is no attempt."""
        if one.callback:
            self.orders.append(Withdraw(one.callback))
            self._unlist(one)
        one.due = now + LOOK
        self._waits(one)

    def _unlist(self, one: Contact) -> None:
        self._callbacks.pop(one.callback, None)
        one.callback, one.ringing = "", False

    def _waits(self, one: Contact) -> None:
        one.agent = ""
        self._becomes(one, WAITING)
        self._push(one)

    def _end(self, one: Contact, status: str, outcome: str) -> None:
        if one.callback:
            self.orders.append(Withdraw(one.callback))
            self._unlist(one)
        one.outcome = outcome
        self._becomes(one, status)

    def _becomes(self, one: Contact, status: str) -> None:
        self._statuses[one.status] -= 1
        self._statuses[status] += 1
        one.status = status
        if status in (SHOWN, CALLING):
            self._busy[one.id] = one
        else:
            self._busy.pop(one.id, None)
        self._told(one)

    def _push(self, one: Contact) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (one.due, self._sequence, one.id))

    def taken(self) -> list[Order]:
        """The orders since the last time."""
        found, self.orders = self.orders, []
        return found

    # --- the share of customers whom nobody met ----------------------------------------------------------------------

    @property
    def abandoned_share(self) -> float:
        """Per cent of the customers who answered today."""
        return 100.0 * self.abandoned / self.answered if self.answered else 0.0

    def _weigh(self) -> None:
        if self.answered >= FEW and self.abandoned_share > self.config.max_abandoned:
            self.held = f"{self.abandoned_share:.1f} % of the customers who answered today met nobody"

    def _new_day(self, now: float) -> None:
        day = f"{datetime.fromtimestamp(now, ZoneInfo(self.zone)):%Y-%m-%d}"
        if day != self.day:
            self.day, self.answered, self.abandoned, self.held = day, 0, 0, ""

    # --- restart -----------------------------------------------------------------------------------------------------

    def unsure(self) -> list[Contact]:
        """Contacts of whom nobody knows what has become of their call: it went on while nobody listened."""
        return [one for one in self._busy.values() if one.status == CALLING]

    def found_out(self, id: str, known: Found | None, now: float) -> None:
        """What has become of an attempt. Whoever may have been dialled counts as called: nobody is called twice for one
        attempt."""
        one = self.contacts[id]
        if known is None:  # Nobody was rung.
            self._unlist(one)
            one.due = now
            self._waits(one)
            return
        self._callbacks.pop(one.callback, None)
        one.callback = known.callback
        self._callbacks[known.callback] = one
        dialled = known.attempts > 0 or known.ringing or one.outcome == CONNECTING
        counted = one.last >= one.due
        if dialled and not counted:
            self._count(one, now, known.call)
        if known.live and (known.ringing or not (dialled or counted)):
            one.ringing = known.ringing
            self._told(one)
        elif known.open:
            if dialled or counted:
                self.missed(one.callback, INTERRUPTED, now)
        elif known.outcome in ("reached", "called_again", "by_hand"):
            self.ended(one.callback, known.outcome, known.agent, now)
        elif dialled or counted:
            self.missed(one.callback, known.cause or INTERRUPTED, now)
        else:
            self.ended(one.callback, "expired", "", now)

    def export(self) -> dict[str, Any]:
        """The figures of the day, as JSON values."""
        return {"day": self.day, "answered": self.answered, "abandoned": self.abandoned, "held": self.held,
                "paused": self.paused}  # fmt: skip

    def load(self, data: Mapping[str, Any]) -> None:
        self.day, self.held = str(data["day"]), str(data["held"])
        self.answered, self.abandoned = int(data["answered"]), int(data["abandoned"])
        self.paused = bool(data.get("paused", False))


def permits(hours: Iterable[Span], timezone: str, now: float) -> bool:
    """Whether a moment lies within weekly hours, by the clocks of a time zone."""
    here = datetime.fromtimestamp(now, ZoneInfo(timezone))
    minute = here.hour * 60 + here.minute
    return any(here.weekday() in span.days and span.start <= minute < span.end for span in hours)


def row_of(one: Contact) -> dict[str, Any]:
    """A contact as plain values."""
    return asdict(one)


def script_of(config: Campaign, one: Contact) -> str:
    """What the agent sees; names that say nothing stay as they are."""
    said = config.script
    for name, value in {"name": one.name, "number": one.number, **one.fields}.items():
        said = said.replace(f"{{{name}}}", value)
    return said
