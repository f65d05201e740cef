"""What all events have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(slots=True)
class Event:
    """Base of all events."""

    name: ClassVar[str] = "event"

    def as_dict(self) -> dict[str, Any]:
        """The event's fields as plain values, for the journal and the feeds."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
