"""One campaign: which contact is called next, and what has become of each (OUT-05, OUT-06, OUT-10). A pure machine.

It calls nobody itself: it puts contacts on the queue's list of callbacks, which stand behind every caller and ring an agent
before the customer, and hears from there how that went. A contact is always in exactly one status. Times are Unix time.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    ringing: bool = False  # the customer's phone, or they talk


@dataclass(slots=True, frozen=True)
class Dial:
    """Put a contact on the queue's list. `agent`: only for them; "" = for whoever is free."""

    contact: str
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
        self.day = ""
        self._zone = zone
        self._denied = denied
        self._told = told  # a contact is another one: to be kept, and to be told
        self._numbers: dict[str, str] = {}
        self._callbacks: dict[str, Contact] = {}
        self._heap: list[tuple[float, int, str]] = []
        self._sequence = 0
        self._busy: dict[str, Contact] = {}  # that are shown or called

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
            elif one.status in (SHOWN, CALLING):
                one.status = WAITING
            if one.status in (SHOWN, CALLING):
                self._busy[one.id] = one
            if one.status == WAITING:
                self._push(one)
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
        found = Counter(one.status for one in self.contacts.values())
        return {status: found[status] for status in STATUSES}

    # --- who is next -------------------------------------------------------------------------------------------------

    def tick(self, now: float, free: int) -> list[Order]:
        """What is to be done now. `free`: agents of the queue who are idle beyond those whom its callers need."""
        self._new_day(now)
        for one in list(self._busy.values()):
            if one.status == SHOWN and now >= one.due:
                self._put_back(one, now)
            elif one.status == CALLING and not one.ringing and not (self._on and self._permits(one, now)):
                self._put_back(one, now)  # Nobody has taken it in time.
        if self.config.mode == PROGRESSIVE and self._on:
            for _ in range(free - sum(not one.ringing for one in self._busy.values())):
                following = self._next(now)
                if following is None:
                    break
                self._dial(following, "")
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
            return self.held or "the campaign is switched off"
        self._dial(one, agent)
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

    @property
    def _on(self) -> bool:
        return self.config.enabled and not self.held

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

    def _dial(self, one: Contact, agent: str) -> None:
        one.agent = agent
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

    def attempted(self, callback: str, now: float) -> None:
        """The customer's phone rings."""
        if (one := self._callbacks.get(callback)) is not None and not one.ringing:
            one.ringing = True
            one.attempts += 1
            one.last = now
            self._told(one)

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

    def lost(self, known: Iterable[str]) -> Iterator[Contact]:
        """Contacts whose callback is not on the queue's list any more: it ended while nobody listened."""
        listed = set(known)
        for one in list(self._callbacks.values()):
            if one.callback not in listed:
                yield one

    def export(self) -> dict[str, Any]:
        """The figures of the day, as JSON values."""
        return {"day": self.day, "answered": self.answered, "abandoned": self.abandoned, "held": self.held}

    def load(self, data: Mapping[str, Any]) -> None:
        self.day, self.held = str(data["day"]), str(data["held"])
        self.answered, self.abandoned = int(data["answered"]), int(data["abandoned"])


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
