"""Strategies in Python (ACD-21): what an author needs, and how they are found.

A strategy is a pure function that is given what is known and ranks the free agents of a tier, the best first:

    from softswitch.strategies import Snapshot, strategy

    @strategy("experts")
    def experts(known: Snapshot) -> list[str]:
        return sorted((one.agent for one in known.candidates), key=lambda ...)

`strategy = "plugin:experts"` of a queue then asks it. Found are those in the files of the folder `paths.strategies`, and those
of installed packages under the entry point `softswitch.strategies`. A file that cannot be loaded costs its own strategies only.
docs/strategies.md has the whole story.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from softswitch.acd.custom import PREFIX, Candidate, Ranker, Ranking, Snapshot
from softswitch.directory import Directory
from softswitch.extensions import files, from_packages, load_file

__all__ = ["Candidate", "Found", "Ranker", "Ranking", "Snapshot", "find", "named_strategies", "strategy"]

GROUP: Final = "softswitch.strategies"
MARK: Final = "__softswitch_strategy__"
MODULES: Final = "softswitch_strategies_"  # of the modules that are made from files


def strategy(name: str) -> Callable[[Ranker], Ranker]:
    """Register a ranking function under a name."""

    def mark(function: Ranker) -> Ranker:
        setattr(function, MARK, name)
        return function

    return mark


@dataclass(slots=True)
class Found:
    """Ranking functions by name, and what could not be loaded: (where, why)."""

    rankers: dict[str, Ranker] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, function: Any, source: str) -> None:
        if name in self.rankers:
            self.faults.append((source, f"there is another strategy {name}"))
        elif not callable(function):
            self.faults.append((source, f"{name} is no function"))
        else:
            self.rankers[name] = function


def find(folder: Path | None) -> Found:
    """All strategies that there are."""
    found = Found()
    for file in files(folder, found.faults):
        for name, function in load_file(file, MODULES, MARK, found.faults) or ():
            found.add(name, function, str(file))
    for point, function, source in from_packages(GROUP, found.faults):
        found.add(getattr(function, MARK, point), function, source)
    return found


def named_strategies(site: Directory) -> set[str]:
    """The strategies of their own that the queues of a site name."""
    named = {
        name
        for queue in site.queues.values()
        for name in (queue.strategy, *(rule.strategy for rule in queue.strategy_rules))
    }
    return {name.removeprefix(PREFIX) for name in named if name.startswith(PREFIX)}
