"""What a supervisor is told about by itself: the rules of alerts (SUP-04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SERVICE_LEVEL: Final = "service_level"  # of the last minutes is below the threshold
WAIT: Final = "wait"  # the first caller has waited for longer
WAITING: Final = "waiting"  # more callers wait
NO_AGENTS: Final = "no_agents"  # nobody takes calls of the queue
PAUSE: Final = "pause"  # an agent has been in a pause for longer
TRUNK_DOWN: Final = "trunk_down"  # a line to outside does not work
CONDITIONS: Final = (SERVICE_LEVEL, WAIT, WAITING, NO_AGENTS, PAUSE, TRUNK_DOWN)
MEASURED: Final = (SERVICE_LEVEL, WAIT, WAITING, PAUSE)  # those that have a threshold
SEVERITIES: Final = ("warning", "critical")


@dataclass(slots=True, frozen=True)
class Alert:
    """One rule. It is looked at for each queue, agent or trunk by itself."""

    name: str
    title: str = ""
    condition: str = WAIT
    queues: tuple[str, ...] = ()  # () = all
    trunks: tuple[str, ...] = ()  # of trunk_down; () = all
    reasons: tuple[str, ...] = ()  # of pause; () = whatever the reason
    threshold: float = 0.0  # a share for service_level, seconds for wait and pause, callers for waiting
    clear: float | None = None  # it is over only when this is reached again; None = the threshold
    hold: float = 30.0  # seconds that it must last before it is told, and be over before that is told
    minutes: int = 30  # that service_level looks back
    at_least: int = 5  # calls that must have ended in them, else there is nothing to be told
    hours: str = ""  # looked at only while this scheme is open; "" = always
    severity: str = "warning"
    mail: tuple[str, ...] = ()
    sms: tuple[str, ...] = ()  # numbers

    @property
    def falls(self) -> bool:
        """Whether it is the low values that are bad."""
        return self.condition == SERVICE_LEVEL

    def bad(self, value: float) -> bool:
        return value < self.threshold if self.falls else value > self.threshold

    def good(self, value: float) -> bool:
        """Whether the value is so far on the right side that it is over."""
        clear = self.threshold if self.clear is None else self.clear
        return value >= clear if self.falls else value <= clear
