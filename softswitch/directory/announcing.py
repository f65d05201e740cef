"""What callers of a queue hear while they wait, besides music: the policy of one queue (FEATURES ACD-30..32)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

POSITIONS: Final = ("off", "own", "waiting", "both")
ORDERS: Final = ("ordered", "random")


@dataclass(slots=True, frozen=True)
class Announce:
    """The announcements of a queue. All times in seconds, measured from the end of what was said before."""

    position: str = "off"  # "off" | "own": the caller's place | "waiting": how many callers wait | "both"
    wait: bool = False  # the expected waiting time
    on_entry: bool = True  # place and wait are told when the caller comes ...
    improved: bool = True  # ... when the caller's place has become better ...
    gap: float = 15.0  # ... at most so often
    every: float = 60.0  # ... and again and again; 0 = not
    limit: int = 10  # beyond it only "more than" is told, of places and of callers; 0 = no limit
    longest: float = 3_600.0  # an expected wait beyond that is not told
    unknown: tuple[str, ...] = ()  # clips in place of an expected wait that nobody knows (no agents)
    handle_time: float = 180.0  # of a call with its wrap-up, until calls say more; 0 = no estimate before
    comfort: tuple[str, ...] = ()  # clips, one at a time
    comfort_after: float = 30.0  # the first of them
    comfort_every: float = 45.0  # the others
    comfort_order: str = "ordered"  # "ordered" | "random"

    @property
    def news(self) -> bool:
        """Whether callers are told of place or wait."""
        return self.position != "off" or self.wait
