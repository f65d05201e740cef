"""Opening hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, frozen=True)
class Span:
    """A weekly span: `days` 0 = Monday .. 6 = Sunday; `start`/`end` in minutes after local midnight, end exclusive."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(slots=True, frozen=True)
class Hours:
    """A named opening-hours scheme (IVR-07). `override`: "" follows the scheme, "open" or "closed" overrule it."""

    name: str
    spans: tuple[Span, ...]
    timezone: str = "Europe/Warsaw"
    holidays: str = ""  # country code of the public-holiday calendar; "" = none
    special_days: Mapping[str, tuple[tuple[int, int], ...]] = field(
        default_factory=dict
    )  # "2026-12-24" -> spans, () = closed
    override: str = ""
