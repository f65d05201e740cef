"""Finds flows in Python: those of installed packages (entry points `softswitch.flows`), and those in the folder `paths.flows`.

A file or package that cannot be loaded costs its own flows only: the others are there, and the fault is told. Loading again
takes changed files; calls in progress go on with what they have begun.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from softswitch.call.plugin import Plugin
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
    for file in sorted(folder.glob("*.py")) if folder is not None and folder.is_dir() else ():
        _from_file(file, found, before or {})
    if folder is not None and not folder.is_dir():
        found.faults.append((str(folder), "there is no such folder"))
    _from_packages(found)
    return found


def _from_file(file: Path, found: Found, before: Mapping[str, Plugin]) -> None:
    name = PREFIX + file.stem
    spec = spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module, last = module_from_spec(spec), sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # Whatever the file raises is the file's.
        found.faults.append((str(file), f"{type(error).__name__}: {error}"))
        if last is not None:
            sys.modules[name] = last
        for plugin in before.values():
            if plugin.source == str(file):
                found.add(plugin)
        return
    for plugin in _registered(module, str(file)):
        found.add(plugin)


def _registered(module: ModuleType, source: str) -> Iterator[Plugin]:
    for function in vars(module).values():
        if (
            getattr(function, "__module__", "") == module.__name__
            and (mark := getattr(function, MARK, None)) is not None
        ):
            name, fallback = mark
            yield Plugin(name, function, fallback, source)


def _from_packages(found: Found) -> None:
    from importlib.metadata import entry_points  # 20 ms, once.

    for point in entry_points(group=GROUP):
        source = f"{point.value} ({point.dist.name if point.dist is not None else 'installed'})"
        try:
            function: Any = point.load()
        except Exception as error:
            found.faults.append((source, f"{type(error).__name__}: {error}"))
            continue
        name, fallback = getattr(function, MARK, (point.name, ""))
        found.add(Plugin(name, function, fallback, source))
