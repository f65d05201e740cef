"""Who calls: lists of numbers, numbers that are blocked, and who called how often lately (IVR-09, SEC-09)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from softswitch.directory import Directory
from softswitch.directory.entry import ANONYMOUS, NumberList
from softswitch.events import CallerBlocked, CallerUnblocked, Event
from softswitch.numbers import MAX_SHORT, normalise

BLOCKED: Final = "blocked"  # the list of the numbers that are blocked now, for menus and screenings
REMEMBERED: Final = 8 * 86_400.0  # seconds of calls that are remembered
MOST_NUMBERS: Final = 200_000  # whose calls are
MOST_CALLS: Final = 256  # of one number
MOST_BLOCKED: Final = 100_000
TIDY_EVERY: Final = 3_600.0  # seconds


def canonical(number: str, country: str) -> str:
    """A caller's number in the one spelling for it: E.164 where it is a number of a country, else as it came."""
    if len(number) <= MAX_SHORT or number[0] == "+" or not number.isascii():
        return number
    return normalise(number, country) or number


def pattern(text: str, country: str) -> str:
    """A number as people write it, a beginning ("+4870*") or "anonymous", in its one spelling; "" if it is neither."""
    text = text.strip(" \t")
    if text == ANONYMOUS:
        return text
    if text.endswith("*"):
        head = text[:-1].replace(" ", "")
        plain = head.removeprefix("+")
        return f"{head}*" if plain.isascii() and plain.isdigit() else ""
    if text.isascii() and text.isdigit() and len(text) <= MAX_SHORT:
        return text
    return normalise(text, country)


class Numbers:
    """A list made ready for questions."""

    __slots__ = ("_anonymous", "_exact", "_heads", "_lengths")

    def __init__(self, patterns: Iterable[str]) -> None:
        """`patterns` are in their one spelling."""
        found = frozenset(patterns)
        self._anonymous = ANONYMOUS in found
        self._heads = frozenset(one[:-1] for one in found if one.endswith("*"))
        self._exact = frozenset(one for one in found if not one.endswith("*"))
        self._lengths = sorted({len(one) for one in self._heads})

    def holds(self, number: str) -> bool:
        """`number`: "" for a caller who does not show one."""
        if not number or number == ANONYMOUS:
            return self._anonymous
        return number in self._exact or any(number[:length] in self._heads for length in self._lengths)


@dataclass(slots=True)
class Block:
    """A number that may not call. `until`: Unix time, 0 = for good."""

    until: float = 0.0
    since: float = 0.0
    reason: str = ""
    by: str = ""


class Callers:
    """Lists, blocks and history of one site (`facts.CallerLists`, `facts.History`)."""

    def __init__(self, publish: Callable[[Event], None], directory: Directory) -> None:
        self.blocks: dict[str, Block] = {}
        self.epoch = 0.0  # Unix time when the monotonic clock was 0
        self._publish = publish
        self._blocked: Numbers | None = None  # made when it is asked for
        self._end: float | None = None  # of the block that ends first, Unix time
        self._calls: dict[str, deque[float]] = {}  # number -> when it called, in Unix time; who called last comes last
        self._present: dict[str, deque[float]] = {}  # while the calls of another life are read
        self._tidied = 0.0
        self.configure(directory)

    def configure(self, directory: Directory) -> None:
        self._country = directory.country
        self._sources: dict[str, NumberList] = dict(directory.lists)
        self._lists: dict[str, Numbers] = {}  # made when they are asked for: spelling numbers takes a library

    # --- lists -------------------------------------------------------------------------------------------------------

    def names(self) -> frozenset[str]:
        return frozenset((*self._sources, BLOCKED))

    def holds(self, name: str, number: str, at: datetime | None = None) -> bool:
        """Whether a list has a number; False for a list that does not exist."""
        if name == BLOCKED and name not in self._sources:
            return self.blocked(number)
        found = self._lists.get(name)
        if found is None:
            source = self._sources.get(name)
            if source is None:
                return False
            found = self._lists[name] = Numbers(pattern(one, self._country) for one in source.numbers)
        return found.holds(canonical(number, self._country))

    def spelt(self, number: str) -> str:
        """A number in its one spelling, as far as it has one."""
        return canonical(number, self._country)

    def lists_of(self, number: str) -> list[str]:
        """Every list that has a number."""
        return sorted(name for name in self.names() if self.holds(name, number))

    # --- blocks ------------------------------------------------------------------------------------------------------

    def blocked(self, number: str) -> bool:
        if not self.blocks:
            return False
        if self._blocked is None:
            self._blocked = Numbers(self.blocks)
        return self._blocked.holds(canonical(number, self._country))

    def block(self, number: str, by: str, now: float, until: float = 0.0, reason: str = "") -> str:
        """Block a number, a beginning or "anonymous"; its one spelling, "" if it is no number."""
        spelt = pattern(number, self._country)
        if not spelt or (spelt not in self.blocks and len(self.blocks) >= MOST_BLOCKED):
            return ""
        self.blocks[spelt] = Block(until, self.epoch + now, reason, by)
        self._changed()
        self._publish(CallerBlocked(spelt, until, reason, by))
        return spelt

    def unblock(self, number: str, by: str) -> str:
        """Let a number call again; its one spelling, "" if it was not blocked."""
        spelt = number if number in self.blocks else pattern(number, self._country)
        if self.blocks.pop(spelt, None) is None:
            return ""
        self._changed()
        self._publish(CallerUnblocked(spelt, by))
        return spelt

    def _changed(self) -> None:
        self._blocked = None
        self._end = min((one.until for one in self.blocks.values() if one.until), default=None)

    # --- history -----------------------------------------------------------------------------------------------------

    def note(self, number: str, wall: float) -> None:
        """A call came."""
        if not number or number == ANONYMOUS:
            return
        number = canonical(number, self._country)
        calls = self._calls.pop(number, None)
        if calls is None:
            if len(self._calls) >= MOST_NUMBERS:
                del self._calls[next(iter(self._calls))]
            calls = deque(maxlen=MOST_CALLS)
        self._calls[number] = calls
        calls.append(wall)

    def begin_recall(self) -> None:
        """The calls of another life come next, by `recall`."""
        self._present, self._calls = self._calls, {}

    def recall(self, past: Iterable[tuple[str, float]]) -> None:
        """Calls of another life, the oldest first."""
        for number, wall in past:
            self.note(number, wall)

    def end_recall(self) -> None:
        """What came since the start stays behind them."""
        present, self._present = self._present, {}
        for number, calls in present.items():
            for wall in calls:
                self.note(number, wall)

    def calls_since(self, number: str, wall: float) -> int:
        """Calls of a number since a Unix time, the present one included."""
        return sum(one >= wall for one in self._calls.get(canonical(number, self._country), ()))

    def calls_within(self, number: str, hours: float, at: datetime) -> int:
        """Calls of a number in the last hours before this one."""
        return max(0, self.calls_since(number, at.timestamp() - 3_600.0 * hours) - 1)

    def calls_today(self, number: str, at: datetime) -> int:
        """Calls of a number on the local day of `at` before this one."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return max(0, self.calls_since(number, midnight.timestamp()) - 1)

    @property
    def remembered(self) -> int:
        """Numbers whose calls are known."""
        return len(self._calls)

    def forget(self, is_theirs: Callable[[str], bool]) -> None:
        """Forget the calls of somebody's numbers."""
        for number in [number for number in self._calls if is_theirs(number)]:
            del self._calls[number]

    # --- time and restarts -------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        return self._end - self.epoch if self._end is not None else None

    def expire(self, now: float) -> None:
        wall = self.epoch + now
        for number in [number for number, one in self.blocks.items() if one.until and one.until <= wall]:
            self.unblock(number, "expired")

    def tidy(self, now: float) -> None:
        """Forget old calls; now and then."""
        if now - self._tidied < TIDY_EVERY:
            return
        self._tidied, oldest = now, self.epoch + now - REMEMBERED
        # Who called last comes last: the first one who called lately ends the search.
        while self._calls and next(iter(self._calls.values()))[-1] < oldest:
            del self._calls[next(iter(self._calls))]

    def export(self) -> dict[str, Any]:
        """The blocks, as JSON values. Calls are in the records."""
        return {number: asdict(one) for number, one in self.blocks.items()}

    def restore(self, data: Mapping[str, Any]) -> None:
        for number, one in data.items():
            self.blocks[number] = Block(
                float(one.get("until", 0.0)), float(one.get("since", 0.0)), str(one.get("reason", "")),
                str(one.get("by", "")),
            )  # fmt: skip
        self._changed()
