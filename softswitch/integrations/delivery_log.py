"""The last attempts to tell a receiver something, for people who look whether it works. Of this life only, and few."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Final

from softswitch.integrations.delivery import Line

MOST: Final = 50


@dataclass(slots=True, frozen=True)
class Attempt:
    """One. `at`: Unix time; `error`: "" = it was taken; `attempt`: the how manieth for this event."""

    seq: int
    event: str
    call: str
    queue: str
    at: float
    seconds: float
    attempt: int
    error: str


class DeliveryLog:
    """Those of one receiver."""

    def __init__(self) -> None:
        self._attempts: deque[Attempt] = deque(maxlen=MOST)

    def note(self, line: Line, begun: float, now: float, error: str, attempt: int) -> None:
        call, queue = str(line.get("call") or ""), str(line.get("queue") or "")
        self._attempts.append(
            Attempt(int(line["seq"]), str(line["event"]), call, queue, begun, max(0.0, now - begun), attempt, error)
        )

    def rows(self) -> list[dict[str, Any]]:
        """The newest first."""
        return [asdict(one) for one in reversed(self._attempts)]
