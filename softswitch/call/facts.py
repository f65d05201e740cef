"""What menus and flows can know: the one contract between them and whoever has the answers.

A menu asks "is an agent free, is this caller a customer, is the number on a list" in its conditions, and does not know who
answers. `Facts` holds one provider for each subject; the daemon (or the switch, for queues) puts the real ones in their place,
a test puts in a dictionary. Without a provider nothing is known: a condition about it is false, and no call fails for it.

All answers come at once and from memory. What takes time (a web service, an SMS) is an errand: an effect that the daemon
carries out (`effects.HttpRequest`, `SendText`, `SendMail`), answered by `ErrandDone`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final, Protocol, TypeAlias

from softswitch.expression import Value
from softswitch.words import AGENT_FACTS, CARD_FIELDS, QUEUE_FACTS

__all__ = [
    "AGENT_FACTS", "CARD_FIELDS", "NOTHING", "QUEUE_FACTS", "CallerLists", "Card", "Customers", "Facts", "History", "Nothing",
    "Outage", "Outages", "Queues", "Value",
]  # fmt: skip

Card: TypeAlias = Mapping[str, Value]  # a customer's card: field -> value; CARD_FIELDS and whatever else the site keeps


class Queues(Protocol):
    """The queues as they are now (IVR-06)."""

    def queue(self, name: str, now: float) -> Mapping[str, Value] | None:
        """QUEUE_FACTS of a queue, None if there is none of that name. An infinite "ewt" is None: nobody serves."""
        ...

    def agent(self, name: str, now: float) -> Mapping[str, Value] | None:
        """AGENT_FACTS of an agent, None if there is none of that name."""
        ...

    def choices(self, agent: str) -> tuple[str, ...]:
        """The dispositions that an agent may give to the call they talk in, or talked in last."""
        ...


class Customers(Protocol):
    """Customers' cards (IVR-08, IVR-11). `number` is E.164 where the call's could be made so, else as it came."""

    def by_number(self, number: str) -> Card | None: ...

    def by_value(self, name: str, value: str) -> Card | None:
        """The one customer whose field `name` (such as "id" or "pesel") has this value; None if none or several have."""
        ...


class CallerLists(Protocol):
    """Lists of numbers that the site keeps (IVR-09)."""

    def holds(self, name: str, number: str, at: datetime) -> bool:
        """Whether a list has the number, or a prefix of it. False for a list that does not exist."""
        ...

    def names(self) -> frozenset[str]:
        """Lists that exist, for the validation of menus."""
        ...


@dataclass(slots=True, frozen=True)
class Outage:
    """An announcement that stands before everything else at some numbers (IVR-10)."""

    clips: tuple[str, ...]
    then: str = ""  # a destination after it; "" = the call goes on as always


class Outages(Protocol):
    """The emergency switch."""

    def at(self, dialled: str, at: datetime) -> Outage | None:
        """What callers of this number hear first now. Expiry is the provider's."""
        ...


class History(Protocol):
    """Callers who call again."""

    def calls_today(self, number: str, at: datetime) -> int:
        """How many calls of this number came before this one on the local day of `at`."""
        ...

    def calls_within(self, number: str, hours: float, at: datetime) -> int:
        """... and in the last hours, up to 168."""
        ...


class Nothing:
    """Answers "not known" to everything: the provider of every subject until there is another."""

    def queue(self, name: str, now: float) -> Mapping[str, Value] | None:
        return None

    def agent(self, name: str, now: float) -> Mapping[str, Value] | None:
        return None

    def choices(self, agent: str) -> tuple[str, ...]:
        return ()

    def by_number(self, number: str) -> Card | None:
        return None

    def by_value(self, name: str, value: str) -> Card | None:
        return None

    def holds(self, name: str, number: str, at: datetime) -> bool:
        return False

    def names(self) -> frozenset[str]:
        return frozenset()

    def at(self, dialled: str, at: datetime) -> Outage | None:
        return None

    def calls_today(self, number: str, at: datetime) -> int:
        return 0

    def calls_within(self, number: str, hours: float, at: datetime) -> int:
        return 0


NOTHING: Final = Nothing()


@dataclass(slots=True)
class Facts:
    """One provider for each subject. Assign to replace one, also while calls are going on."""

    queues: Queues = NOTHING
    customers: Customers = NOTHING
    lists: CallerLists = NOTHING
    outages: Outages = NOTHING
    history: History = NOTHING
    wall: Callable[[float], float] = lambda now: now  # the Unix time of a monotonic one
    # (opening hours, now) -> from when on they are open: now, or the next time; None if nobody knows.
    opening: Callable[[str, float], datetime | None] = lambda name, now: None
    zone: Callable[[], tzinfo] = field(default=lambda: UTC)  # of the site

    def local(self, now: float) -> datetime:
        """The wall clock of the site."""
        return datetime.fromtimestamp(self.wall(now), self.zone())
