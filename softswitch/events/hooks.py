"""What is told to programs outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class DeliveryGivenUp(Event):
    """An event was laid aside because its receiver did not take it. `kind`: "webhook" | "crm"; `number`, `what`: of the event."""

    name: ClassVar[str] = "webhook.gave_up"
    kind: str
    receiver: str
    number: int
    what: str
    attempts: int
    error: str
