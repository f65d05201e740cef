"""What a receiver outside is still to be told, in order and at least once: a pure machine (API-03).

A receiver is a cursor in the journal. The first event that waits is tried until it is taken; meanwhile the others stay where
they are, in the journal. A receiver that cannot be reached is tried at growing pauses. An event that it refuses again and
again, or that could not be handed over for a day, is laid aside, so that it holds up the following ones no longer.
All times are Unix time, because they outlive a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

FIRST_PAUSE: Final = 2.0  # seconds after a failure, and twice as long each time ...
LONGEST_PAUSE: Final = 600.0  # ... up to this
MOST_DEAD: Final = 1_000  # that are remembered; older ones are forgotten

Line = dict[str, Any]  # seq, time, event, and the fields of the event


@dataclass(slots=True, frozen=True)
class Limits:
    """When an event is laid aside. `give_up`: seconds."""

    attempts: int
    give_up: float


@dataclass(slots=True)
class Dead:
    """An event that was laid aside. `at`: when."""

    seq: int
    event: str
    at: float
    attempts: int
    error: str


@dataclass(slots=True)
class Progress:
    """How far the first event has come, for who takes it in several steps. `known`: what was learnt on the way."""

    done: int = 0
    known: dict[str, str] = field(default_factory=dict)


class Delivery:
    """What one receiver waits for. `now`: of the start; what is older counts from there."""

    def __init__(self, cursor: int, limits: Limits, now: float) -> None:
        self.limits = limits
        self.cursor = cursor  # up to here everything is settled
        self.waiting: deque[Line] = deque()
        self.progress = Progress()
        self.attempts = 0  # of the first that waits
        self.refusals = 0  # of these, those that were about the event itself
        self.failures = 0  # in a row, of whatever event
        self.at = 0.0  # when the first is tried
        self.trouble = ""  # of the last attempt; "" = it went well
        self.dead: dict[int, Dead] = {}
        self.delivered = 0
        self.last = 0.0  # when something was delivered
        self._begun = now

    # --- in ----------------------------------------------------------------------------------------------------------

    def take(self, lines: Iterable[Line]) -> None:
        """Further events, in order."""
        self.waiting += [one for one in lines if one["seq"] > self._reached]

    def passed(self, seq: int) -> None:
        """Nothing up to there is for the receiver, apart from what waits."""
        if not self.waiting:
            self.cursor = max(self.cursor, seq)

    @property
    def _reached(self) -> int:
        return int(self.waiting[-1]["seq"]) if self.waiting else self.cursor

    # --- out ---------------------------------------------------------------------------------------------------------

    def due(self, now: float) -> Line | None:
        """What is to be handed over now."""
        return self.waiting[0] if self.waiting and now >= self.at else None

    def next_deadline(self) -> float | None:
        """When something is due; None: nothing waits."""
        return self.at if self.waiting else None

    def succeeded(self, now: float) -> None:
        """The first was taken."""
        self._settle()
        self.delivered += 1
        self.last = now
        self.failures, self.at, self.trouble = 0, 0.0, ""

    def failed(self, now: float, error: str, refused: bool) -> Dead | None:
        """The first was not taken. `refused`: the receiver was there and said no. The event, if it is laid aside now."""
        line = self.waiting[0]
        self.attempts += 1
        self.refusals += refused
        self.failures += 1
        self.trouble = error
        self.at = now + min(FIRST_PAUSE * 2.0 ** min(self.failures - 1, 20), LONGEST_PAUSE)
        age = now - max(happened(line), self._begun)
        if self.refusals < self.limits.attempts and age < self.limits.give_up:
            return None
        dead = Dead(int(line["seq"]), str(line["event"]), now, self.attempts, error)
        self._lay_aside(dead)
        self._settle()
        if refused:  # The receiver is there: the next event may be to its taste.
            self.failures, self.at = 0, now
        return dead

    def _lay_aside(self, dead: Dead) -> None:
        self.dead[dead.seq] = dead
        while len(self.dead) > MOST_DEAD:
            del self.dead[next(iter(self.dead))]

    def _settle(self) -> None:
        self.cursor = int(self.waiting.popleft()["seq"])
        self.attempts = self.refusals = 0
        self.progress = Progress()

    # --- orders ------------------------------------------------------------------------------------------------------

    def hurry(self) -> None:
        """Try the first at once."""
        self.at = 0.0

    def skip(self, seq: int) -> int:
        """Pass over everything up to there; how many of those that waited."""
        count = sum(1 for one in self.waiting if one["seq"] <= seq)
        while self.waiting and self.waiting[0]["seq"] <= seq:
            self._settle()
        self.cursor = max(self.cursor, seq)
        self.failures, self.at, self.trouble = 0, 0.0, ""
        return count

    def revived(self, seq: int) -> None:
        """One that was laid aside was taken after all, or nobody wants it any more."""
        self.dead.pop(seq, None)

    # --- restarts ----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """What the next life must know, as JSON values."""
        return {
            "cursor": self.cursor, "attempts": self.attempts, "refusals": self.refusals, "failures": self.failures,
            "at": self.at, "trouble": self.trouble, "delivered": self.delivered, "last": self.last,
            "progress": asdict(self.progress), "dead": [asdict(one) for one in self.dead.values()],
        }  # fmt: skip

    def load(self, data: Mapping[str, Any]) -> None:
        """What `export` gave in another life; what waited then is read again."""
        self.cursor = int(data["cursor"])
        self.attempts, self.refusals, self.failures = (int(data[name]) for name in ("attempts", "refusals", "failures"))
        self.at, self.last, self.delivered = float(data["at"]), float(data["last"]), int(data["delivered"])
        self.trouble = str(data["trouble"])
        self.progress = Progress(**data["progress"])
        self.dead = {int(one["seq"]): Dead(**one) for one in data["dead"]}


def happened(line: Line) -> float:
    """When an event happened, Unix time."""
    return datetime.fromisoformat(str(line["time"])).timestamp()
