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

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

from softswitch.acd.custom import PREFIX, Candidate, Ranker, Ranking, Snapshot
from softswitch.directory import Directory

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
    if folder is not None and not folder.is_dir():
        found.faults.append((str(folder), "there is no such folder"))
    for file in sorted(folder.glob("*.py")) if folder is not None else ():
        _from_file(file, found)
    _from_packages(found)
    return found


def _from_file(file: Path, found: Found) -> None:
    name = MODULES + file.stem
    spec = spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # Whatever the file raises is the file's.
        found.faults.append((str(file), f"{type(error).__name__}: {error}"))
        return
    for function in vars(module).values():
        if getattr(function, "__module__", "") == name and (known := getattr(function, MARK, None)) is not None:
            found.add(known, function, str(file))


def _from_packages(found: Found) -> None:
    from importlib.metadata import entry_points  # 20 ms, once.

    for point in entry_points(group=GROUP):
        source = f"{point.value} ({point.dist.name if point.dist is not None else 'installed'})"
        try:
            function: Any = point.load()
        except Exception as error:
            found.faults.append((source, f"{type(error).__name__}: {error}"))
            continue
        found.add(getattr(function, MARK, point.name), function, source)


def named_strategies(site: Directory) -> set[str]:
    """The strategies of their own that the queues of a site name."""
    named = {
        name
        for queue in site.queues.values()
        for name in (queue.strategy, *(rule.strategy for rule in queue.strategy_rules))
    }
    return {name.removeprefix(PREFIX) for name in named if name.startswith(PREFIX)}
