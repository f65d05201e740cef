"""Loads Python of the site's owner: files of a folder, and entry points of installed packages.

What cannot be loaded costs itself only: the fault is told, the rest is there.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

Fault = tuple[str, str]  # where, why


def files(folder: Path | None, faults: list[Fault]) -> list[Path]:
    """The Python files of a folder in the order of their names; a folder that is not there is a fault."""
    if folder is None:
        return []
    if not folder.is_dir():
        faults.append((str(folder), "there is no such folder"))
    return sorted(folder.glob("*.py"))


def load_file(file: Path, prefix: str, mark: str, faults: list[Fault]) -> list[tuple[Any, Callable[..., Any]]] | None:
    """The functions of a file that carry `mark`, with its value, in their order; None: it cannot be loaded.

    Its module is called `prefix` and the name of the file; one that was loaded before stays if the new one fails.
    """
    name = prefix + file.stem
    spec = spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module, last = module_from_spec(spec), sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # Whatever the file raises is the file's.
        faults.append((str(file), _reason(error)))
        if last is not None:
            sys.modules[name] = last
        return None
    own = (one for one in vars(module).values() if getattr(one, "__module__", "") == name)
    return [(value, one) for one in own if (value := getattr(one, mark, None)) is not None]


def from_packages(group: str, faults: list[Fault]) -> Iterator[tuple[str, Any, str]]:
    """What installed packages offer under an entry point: its name, the object, and where it is from."""
    if not _offered(group):
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=group):
        source = f"{point.value} ({point.dist.name if point.dist is not None else 'installed'})"
        try:
            yield point.name, point.load(), source
        except Exception as error:
            faults.append((source, _reason(error)))


def _offered(group: str) -> bool:
    """Whether some package may offer anything there: most machines have none, and `importlib.metadata` takes 20 ms and 1 MiB."""
    for place in map(Path, sys.path):
        if place.is_file():  # An archive: let the library look into it.
            return True
        for offers in (*place.glob("*.dist-info/entry_points.txt"), *place.glob("*.egg-info/entry_points.txt")):
            with contextlib.suppress(OSError):
                if f"[{group}]".encode() in offers.read_bytes():
                    return True
    return False


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
