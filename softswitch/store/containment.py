"""How far menus serve callers by themselves (IVR-18): what became of the calls that each has led, from their records.

A call is *contained* that a menu has led and that ended without having gone to a queue, to somebody's phone, to voicemail or
on a list of callbacks. Whoever hung up before the menu had come to an end of its own has *given up*: they count as contained,
too, and stand beside it, because the path alone cannot say whether they had heard what they wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from softswitch.store.records import CallRecord

LED: Final = ("menu", "flow")
# Nodes behind which a person is, or a task for one.
PEOPLE: Final = frozenset({"queue", "dial", "voicemail", "callback", "conference"})
END: Final = "destination:hangup"


@dataclass(slots=True)
class Containment:
    """The calls of one menu. `seconds`: in it, of all; `last`: the node where calls were that ended in it -> how many."""

    menu: str
    calls: int = 0
    contained: int = 0
    gave_up: int = 0
    seconds: float = 0.0
    last: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float | None:
        return self.contained / self.calls if self.calls else None


def contained(path: Sequence[str]) -> bool | None:
    """Whether a menu has served the call; None if none has led it."""
    kinds = [node.partition(":")[0] for node in path]
    led = next((index for index, kind in enumerate(kinds) if kind in LED), None)
    return None if led is None else PEOPLE.isdisjoint(kinds[led:])


def containment(records: Iterable[CallRecord]) -> list[Containment]:
    """By the menu, or the flow in Python, that each call came to first."""
    found: dict[str, Containment] = {}
    for record in records:
        served = contained(record.path)
        if served is None or record.ended_at is None:
            continue
        kinds = [node.partition(":")[0] for node in record.path]
        first = next(index for index, kind in enumerate(kinds) if kind in LED)
        kind, _, name = record.path[first].partition(":")
        menu = name.partition(":")[0] if kind == "menu" else record.path[first]
        figure = found.setdefault(menu, Containment(menu))
        figure.calls += 1
        figure.seconds += _seconds(record, kinds, first)
        if served:
            figure.contained += 1
            figure.gave_up += END not in record.path
            figure.last[_last(record.path)] += 1
    return sorted(found.values(), key=lambda one: (-one.calls, one.menu))


def _seconds(record: CallRecord, kinds: Sequence[str], first: int) -> float:
    """From the menu's first word to the person, or to the end of the call."""
    at = record.path_seconds
    if len(at) != len(kinds):
        return 0.0  # A record of a time when nodes had none.
    until = next((at[index] for index in range(first, len(kinds)) if kinds[index] in PEOPLE), record.total_seconds)
    return max(0.0, until - at[first])


def _last(path: Sequence[str]) -> str:
    return next(node.partition(":")[2] or node for node in reversed(path) if node.partition(":")[0] in LED)
