"""What changed between two sites, for people: in the order of site.toml, never showing a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from softswitch.directory import Directory
from softswitch.store.objects import DIGESTS, KEPT_SECRETS, KINDS, PINS, natural, to_objects
from softswitch.toml import toml_value

SECRETS: Final = frozenset(KEPT_SECRETS.values())
SHOWN: Final = 110  # characters of a value


@dataclass(slots=True, frozen=True)
class Change:
    """One difference between two sites. `verb`: "add" | "change" | "remove"; `detail` never shows a secret."""

    verb: str
    kind: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        mark = {"add": "+", "change": "~", "remove": "-"}[self.verb]
        noun = " ".join(part for part in (self.kind.replace("_", " "), self.name) if part)
        return f"{mark} {noun}" + (f": {self.detail}" if self.detail else "")


def diff_sites(old: Directory | None, new: Directory) -> list[Change]:
    """What would change, for people, in the order of site.toml. Empty = nothing."""
    return diff_objects(to_objects(old) if old else {}, to_objects(new))


def diff_objects(
    before: Mapping[tuple[str, str], Mapping[str, Any]], after: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Change]:
    changes = []
    for kind, name in sorted({*before, *after}, key=lambda one: (KINDS.index(one[0]), natural(one[1]))):
        old, new = before.get((kind, name)), after.get((kind, name))
        if old == new:
            continue
        verb = "add" if old is None else "remove" if new is None else "change"
        detail = "; ".join(_details(old or {}, new or {})) if verb != "remove" else ""
        changes.append(Change(verb, kind, name, detail))
    return changes


def _details(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(SECRETS):
        if old.get(name) != new.get(name):
            yield f"{name} changed" if old.get(name) else f"{name} set"
    if any(old.get(one) != new.get(one) for one in DIGESTS):
        yield "password changed" if any(old.get(one) for one in DIGESTS) else "password set"
    for key in dict.fromkeys((*old, *new)):
        if key in DIGESTS or key in SECRETS or old.get(key) == new.get(key):
            continue
        if key in PINS:
            yield "pin changed"
        elif key in old and key in new:
            yield f"{key} {_brief(old[key])} -> {_brief(new[key])}"
        else:
            yield f"{key} {_brief(new[key])}" if key in new else f"{key} back to the default (was {_brief(old[key])})"


def _brief(value: Any) -> str:
    text = toml_value(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
