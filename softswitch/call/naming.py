"""Names of recordings: a template of the settings, filled in with what is safe in any file system."""

from __future__ import annotations

import re
from typing import Final

NAME_MAX: Final = 40  # characters of one part of a name
DEFAULT_NAME: Final = "{year}/{month}/{day}/{time}_{queue}_{agent}_{number}_{call}"
PLACES: Final = ("year", "month", "day", "time", "queue", "agent", "number", "dialled", "call")
_unsafe = re.compile(r"[^A-Za-z0-9+@=-]+")


def safe(text: str) -> str:
    """A part of a file name: letters, digits and a few signs; never empty, never hidden, never a way out of the folder."""
    return _unsafe.sub("-", text)[:NAME_MAX].strip("-") or "none"


def checked_name(text: str) -> str:
    """A template for names. Raises ValueError for one that could leave the folder or give two recordings one name."""
    filled = text.format_map(dict.fromkeys(PLACES, "x"))
    parts = filled.split("/")
    if "{call}" not in text or any(not part or part.startswith(".") or "\0" in part for part in parts):
        raise ValueError
    return text
