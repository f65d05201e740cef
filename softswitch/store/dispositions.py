"""What conversations were about, as the records say it: single ones, and how often each (AGT-08)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from softswitch.directory.wrapping import NONE
from softswitch.store.statements import SCRIPT_COLUMNS

FOREVER: Final = 1e15  # seconds: later than anything


@dataclass(slots=True, frozen=True)
class DispositionRecord:
    """What an agent said about one call. `at`: Unix time."""

    call: str
    agent: str
    queue: str
    disposition: str
    note: str
    number: str
    actor: str
    at: float


@dataclass(slots=True, frozen=True)
class DispositionFilter:
    """Which ones; "" = any. `until` is no part of the time."""

    call: str = ""
    agent: str = ""
    queue: str = ""
    disposition: str = ""
    number: str = ""
    since: float = 0.0
    until: float = FOREVER

    def texts(self) -> list[tuple[str, str]]:
        """Column and value of what has to be equal."""
        names = ("call", "agent", "queue", "disposition", "number")
        return [(name, value) for name in names if (value := getattr(self, name))]

    def takes(self, one: DispositionRecord) -> bool:
        """Whether it is one of them."""
        return self.since <= one.at < self.until and all(getattr(one, name) == value for name, value in self.texts())


@dataclass(slots=True, frozen=True)
class DispositionFigures:
    """How often one was given in a queue: `count` of `base`, all of the queue (and agent). `share` of those that were chosen,
    None for "none". `talk_seconds`: mean of the calls."""

    queue: str
    agent: str
    disposition: str
    count: int
    base: int
    share: float | None
    talk_seconds: float


def shares(rows: Iterable[tuple[str, str, str, int, float]]) -> list[DispositionFigures]:
    """Figures from (queue, agent, disposition, count, mean seconds): the most frequent of each queue first, "none" last."""
    rows = list(rows)
    bases: Counter[tuple[str, str]] = Counter()
    chosen: Counter[tuple[str, str]] = Counter()
    for queue, agent, disposition, count, _ in rows:
        bases[queue, agent] += count
        chosen[queue, agent] += count if disposition != NONE else 0
    rows.sort(key=lambda row: (row[0], row[1], row[2] == NONE, -row[3], row[2]))
    return [
        DispositionFigures(
            queue, agent, disposition, count, bases[queue, agent],
            None if disposition == NONE else count / chosen[queue, agent], talk or 0.0,
        )
        for queue, agent, disposition, count, talk in rows
    ]  # fmt: skip


def clauses(which: DispositionFilter) -> tuple[str, list[Any]]:
    """The WHERE of a filter over `dispositions AS d`, and its values."""
    texts = which.texts()
    where = " AND ".join(["d.at >= ?", "d.at < ?", *(f"d.{name} = ?" for name, _ in texts)])
    return f"WHERE {where}", [which.since, which.until, *(value for _, value in texts)]


def script_step(row: Sequence[Any]) -> dict[str, Any]:
    """A step of a script as plain values."""
    found = dict(zip(SCRIPT_COLUMNS, row, strict=True))
    return found | {"done": bool(found["done"]), "fields": json.loads(found["fields"])}


@dataclass(slots=True, frozen=True)
class Adherence:
    """How much of a script an agent has said: `ticked` of `steps` in `calls` (all that were talked in its queues)."""

    script: str
    agent: str
    calls: int
    steps: int
    ticked: int
    share: float | None
