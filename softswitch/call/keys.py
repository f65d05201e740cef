"""Keys that are pressed on one leg, by whichever way they come: telephone-event, SIP INFO, tones in the audio (MED-08, MED-09).

Some phones send a press twice, as an event and by INFO. The first report counts; the other way's report of the same key
soon after is its copy, once for each press.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW: Final = (
    2.0  # seconds between the two reports of one press: INFO comes after the key was let go, or is retransmitted
)
MAX_RECENT: Final = 32


@dataclass(slots=True)
class Press:
    digit: str
    method: str
    at: float
    copies: set[str] = field(default_factory=set)  # the other ways by which it came


class Keys:
    """The recent presses of a leg."""

    __slots__ = ("_recent",)

    def __init__(self) -> None:
        self._recent: deque[Press] = deque(maxlen=MAX_RECENT)

    def press(self, digit: str, method: str, now: float) -> bool:
        """Whether this report is a press of its own."""
        recent = self._recent
        while recent and now - recent[0].at > WINDOW:
            recent.popleft()
        for one in recent:
            if one.digit == digit and one.method != method and method not in one.copies:
                one.copies.add(method)
                return False
        recent.append(Press(digit, method, now))
        return True
