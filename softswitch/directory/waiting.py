"""What a site says about callers who wait: the ladder that they climb, and what changes when too many call at once.

Values only; `acd.escalation` and `acd.surge` carry them out. Times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TIER: Final = "tier"
AGENTS: Final = "agents"
PRIORITY: Final = "priority"
STAYS: Final = (TIER, AGENTS, PRIORITY)  # what a rung may do besides leading the caller to a destination
CALLBACK: Final = "callback"  # the kind of the destination that offers to call back


@dataclass(slots=True, frozen=True)
class Rung:
    """One rung of a queue's ladder (ACD-25): each caller climbs it once, when all that it names is so.

    `do`: "tier:2" opens that tier for the caller, "agents:QUEUE" adds the members of another queue, "priority:+5" and
    "priority:9" raise the caller, anything else is the destination that the caller leaves for.
    """

    wait: float = 0.0  # the caller has waited so long
    length: int = 0  # the caller's place is behind this one
    estimate: float = 0.0  # the wait still to be expected is longer
    no_agents: bool = False  # nobody is there who could answer (`empty_when`)
    service_level: float = 0.0  # the share of calls answered in time is below this (0..1)
    play: tuple[str, ...] = ()  # clips that the caller hears; waiting goes on meanwhile
    do: str = ""

    @property
    def kind(self) -> str:
        """ "tier", "agents", "priority", "play", or "leave"."""
        if not self.do:
            return "play"
        kind = self.do.partition(":")[0]
        return kind if kind in STAYS else "leave"

    @property
    def target(self) -> str:
        """What stands behind the colon."""
        return self.do.partition(":")[2]

    @property
    def timed(self) -> bool:
        """Whether nothing but the caller's own wait decides."""
        return not (self.length or self.estimate or self.no_agents or self.service_level)

    @property
    def trigger(self) -> str:
        """What it waits for, in a few words for events and explanations."""
        named = (
            (f"wait {self.wait:g}", self.wait), (f"length {self.length}", self.length),
            (f"estimate {self.estimate:g}", self.estimate), ("no agents", self.no_agents),
            (f"service level {self.service_level:g}", self.service_level),
        )  # fmt: skip
        return ", ".join(text for text, given in named if given) or "entry"

    def priority(self, present: int) -> int:
        """The priority of a caller who has climbed this rung: never a lower one."""
        amount = int(self.target)
        return max(present, present + amount if self.target.startswith("+") else amount)


@dataclass(slots=True, frozen=True)
class Surge:
    """How a queue behaves while more callers come than it can serve (ACD-27). On by a threshold, or by hand.

    A number without a threshold (0) turns nothing on.
    """

    length: int = 0  # on when so many callers wait
    wait: float = 0.0  # ... or the first of them has waited so long
    until: int = 0  # off again when no more than so many wait; 0 = half of `length`, or nobody
    greeting: tuple[str, ...] = ()  # clips that who comes hears instead of the greeting
    positions: int = 0  # places behind this one are told as "more than"; 0 = as ever
    callback: bool = False  # who comes is first asked whether we may call back
    shed_below: int = 0  # callers of a lower priority than this are not admitted ...
    shed_to: str = ""  # ... and led to this destination; "" = everybody is admitted

    @property
    def calm(self) -> int:
        """With so many callers waiting, or fewer, it is over."""
        return self.until or self.length // 2


NO_SURGE: Final = Surge()
