"""Why agents take no calls for a while (AGT-03): the list of reasons of the site. Values of the site, as in `directory`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

UNKNOWN: Final = "?"  # what a desk phone has asked for by a digit that no reason has


@dataclass(slots=True, frozen=True)
class Pause:
    """A reason for which an agent takes no calls: lunch, mail, training. Counted by itself in boards and reports."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)  # by language; none = its name
    key: str = ""  # a digit behind the feature code `agent.not_ready`; "" = not from a desk phone
    longest: float = 0.0  # seconds that it may last, then it is an alert; 0 = as long as it takes
    alert: str = "warning"  # "warning" | "critical": what kind of alert
    offered: bool = True  # agents may choose it; false: only supervisors and programs give it

    def called(self, language: str) -> str:
        """What people read."""
        return self.title.get(language) or self.title.get("") or next(iter(self.title.values()), self.name)


def _pause(name: str, key: str, polish: str, english: str) -> Pause:
    return Pause(name, MappingProxyType({"pl": polish, "en": english}), key)


# In force until a site has a list of its own.
DEFAULT_PAUSES: Final[Mapping[str, Pause]] = MappingProxyType(
    {
        one.name: one
        for one in (
            _pause("break", "1", "Przerwa", "Break"),
            _pause("lunch", "2", "Obiad", "Lunch"),
            _pause("training", "3", "Szkolenie", "Training"),
            _pause("meeting", "4", "Spotkanie", "Meeting"),
            _pause("paperwork", "5", "Praca biurowa", "Paperwork"),
            _pause("mail", "6", "Poczta", "Mail"),
            _pause("other", "9", "Inny powód", "Another reason"),
        )
    }
)


def in_order(pauses: Mapping[str, Pause]) -> list[Pause]:
    """As people see them: those with a digit by it, then the others by name."""
    return sorted(pauses.values(), key=lambda one: (one.key or "~", one.name))


def by_digit(pauses: Mapping[str, Pause], digit: str) -> str:
    """The reason of a digit, `UNKNOWN` if there is none; without a digit the first one that agents may choose."""
    offered: Iterable[Pause] = (one for one in in_order(pauses) if one.offered and (not digit or one.key == digit))
    return next((one.name for one in offered), UNKNOWN if digit else "")
