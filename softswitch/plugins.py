"""Finds flows in Python: those of installed packages (entry points `softswitch.flows`), and those in the folder `paths.flows`.

A file or package that cannot be loaded costs its own flows only: the others are there, and the fault is told. Loading again
takes changed files; calls in progress go on with what they have begun.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from softswitch.call.plugin import Plugin
from softswitch.extensions import files, from_packages, load_file
from softswitch.flows import MARK

GROUP: Final = "softswitch.flows"
PREFIX: Final = "softswitch_flows_"  # of the modules that are made from files


@dataclass(slots=True)
class Found:
    """Flows by name, and what could not be loaded: (where, why)."""

    flows: dict[str, Plugin] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    def add(self, plugin: Plugin) -> None:
        other = self.flows.get(plugin.name)
        if other is not None:
            self.faults.append((plugin.source, f"the flow {plugin.name} is in {other.source} already"))
        elif not plugin.name or ":" in plugin.name or plugin.name != plugin.name.strip():
            self.faults.append((plugin.source, f"{plugin.name!r} is no name for a flow"))
        elif not inspect.isgeneratorfunction(plugin.function):
            self.faults.append((plugin.source, f"{plugin.name} is no generator function: it must yield its words"))
        else:
            self.flows[plugin.name] = plugin


def find(folder: Path | None, before: Mapping[str, Plugin] | None = None) -> Found:
    """All flows that there are. `before`: what to keep of files that could be loaded then, and cannot be now."""
    found = Found()
    for file in files(folder, found.faults):
        marked = load_file(file, PREFIX, MARK, found.faults)
        if marked is None:
            for plugin in (before or {}).values():
                if plugin.source == str(file):
                    found.add(plugin)
        else:
            for (name, fallback), function in marked:
                found.add(Plugin(name, function, fallback, str(file)))
    for point, function, source in from_packages(GROUP, found.faults):
        name, fallback = getattr(function, MARK, (point, ""))
        found.add(Plugin(name, function, fallback, source))
    return found
