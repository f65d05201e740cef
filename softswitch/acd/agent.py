"""Agents: presence (what people say), activity (what the engine sees), and the two tables of arrows (FEATURES A.13)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.acd.caller import Offer
    from softswitch.acd.line import Line
    from softswitch.acd.queue import Seat
    from softswitch.directory import Agent


class Presence(StrEnum):
    """What a person (or the engine for them) last said."""

    OFFLINE = "offline"
    READY = "ready"
    READY_ONCE = "ready_once"  # one call, then not_ready("on_demand")
    NOT_READY = "not_ready"


class PresenceInput(StrEnum):
    """What changes presence."""

    LOGIN = "login"
    LOGIN_NOT_READY = "login_not_ready"
    LOGOUT = "logout"
    READY = "ready"
    READY_ONCE = "ready_once"
    NOT_READY = "not_ready"
    CALL_TAKEN = "call_taken"  # engine: a ready_once agent answered
    CALLS_MISSED = "calls_missed"  # engine: max_no_answer was reached


PRESENCE_TABLE: dict[Presence, dict[PresenceInput, Presence]] = {
    Presence.OFFLINE: {
        PresenceInput.LOGIN: Presence.READY,
        PresenceInput.LOGIN_NOT_READY: Presence.NOT_READY,
    },
    Presence.READY: {
        PresenceInput.LOGIN: Presence.READY,
        PresenceInput.LOGIN_NOT_READY: Presence.NOT_READY,
        PresenceInput.LOGOUT: Presence.OFFLINE,
        PresenceInput.READY: Presence.READY,
        PresenceInput.READY_ONCE: Presence.READY_ONCE,
        PresenceInput.NOT_READY: Presence.NOT_READY,
        PresenceInput.CALLS_MISSED: Presence.NOT_READY,
    },
    Presence.READY_ONCE: {
        PresenceInput.LOGIN: Presence.READY,
        PresenceInput.LOGIN_NOT_READY: Presence.NOT_READY,
        PresenceInput.LOGOUT: Presence.OFFLINE,
        PresenceInput.READY: Presence.READY,
        PresenceInput.READY_ONCE: Presence.READY_ONCE,
        PresenceInput.NOT_READY: Presence.NOT_READY,
        PresenceInput.CALL_TAKEN: Presence.NOT_READY,
        PresenceInput.CALLS_MISSED: Presence.NOT_READY,
    },
    Presence.NOT_READY: {
        PresenceInput.LOGIN: Presence.READY,
        PresenceInput.LOGIN_NOT_READY: Presence.NOT_READY,
        PresenceInput.LOGOUT: Presence.OFFLINE,
        PresenceInput.READY: Presence.READY,
        PresenceInput.READY_ONCE: Presence.READY_ONCE,
        PresenceInput.NOT_READY: Presence.NOT_READY,  # another reason: the interval of the old one closes
    },
}


class Activity(StrEnum):
    """What the engine sees the agent doing; only the engine changes it."""

    IDLE = "idle"
    RESERVED = "reserved"  # chosen; the phone does not ring yet
    OFFERED = "offered"  # the phone rings
    TALKING = "talking"  # in a queue call, or on a leg outside the queues
    HOLDING = "holding"
    WRAP_UP = "wrapup"
    BACK_OFF = "backoff"
    UNREACHABLE = "unreachable"


class ActivityInput(StrEnum):
    """What changes activity. The lower half says what is true once an offer or a call is over."""

    RESERVE = "reserve"
    RING = "ring"
    ANSWER = "answer"
    HOLD = "hold"
    RESUME = "resume"
    REST = "rest"  # nothing holds the agent
    OUTSIDE = "outside"  # a leg outside the queues occupies the device (ACD-38)
    WRAP = "wrap"
    BACK_OFF = "back_off"
    LOSE = "lose"  # the device has no valid contact (ACD-39)


ACTIVITY_TABLE: dict[Activity, dict[ActivityInput, Activity]] = {
    Activity.IDLE: {
        ActivityInput.RESERVE: Activity.RESERVED,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.RESERVED: {
        ActivityInput.RING: Activity.OFFERED,
        ActivityInput.ANSWER: Activity.TALKING,  # answered without a 180
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.BACK_OFF: Activity.BACK_OFF,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.OFFERED: {
        ActivityInput.ANSWER: Activity.TALKING,
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.BACK_OFF: Activity.BACK_OFF,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.TALKING: {
        ActivityInput.HOLD: Activity.HOLDING,
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,  # another kind of leg remains
        ActivityInput.WRAP: Activity.WRAP_UP,
        ActivityInput.BACK_OFF: Activity.BACK_OFF,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.HOLDING: {
        ActivityInput.RESUME: Activity.TALKING,
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.WRAP: Activity.WRAP_UP,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.WRAP_UP: {
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.BACK_OFF: {
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.LOSE: Activity.UNREACHABLE,
    },
    Activity.UNREACHABLE: {
        ActivityInput.REST: Activity.IDLE,
        ActivityInput.OUTSIDE: Activity.TALKING,
        ActivityInput.BACK_OFF: Activity.BACK_OFF,
    },
}

SERVING = frozenset({Presence.READY, Presence.READY_ONCE})
TIMED = frozenset({Activity.WRAP_UP, Activity.BACK_OFF})
OCCUPIED = frozenset({Activity.TALKING, Activity.HOLDING, Activity.WRAP_UP})


class Condition(StrEnum):
    """Why an agent does not take a call now, or `idle`: the vocabulary of `Queue.empty_when` (ACD-26) and of `explain`."""

    IDLE = "idle"
    LOGGED_OUT = "logged_out"
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    IN_USE = "in_use"
    RINGING = "ringing"
    WRAP_UP = "wrapup"
    BACK_OFF = "backoff"


CONDITIONS: Mapping[str, Condition] = {
    Activity.IDLE: Condition.IDLE,
    Activity.RESERVED: Condition.RINGING,
    Activity.OFFERED: Condition.RINGING,
    Activity.TALKING: Condition.IN_USE,
    Activity.HOLDING: Condition.IN_USE,
    Activity.WRAP_UP: Condition.WRAP_UP,
    Activity.BACK_OFF: Condition.BACK_OFF,
    Activity.UNREACHABLE: Condition.UNREACHABLE,
}

SPELL = 3600.0  # seconds: the sliding window of `least_busy` (ACD-13)
SHIFT = 8 * 3600.0  # seconds: the sliding window of `fewest_calls` (ACD-17)


class Workload:
    """What an agent did lately, in sliding windows: occupied seconds and answered calls."""

    __slots__ = ("_answered", "_seconds", "_spells")

    def __init__(self) -> None:
        self._spells: deque[tuple[float, float]] = deque()  # (ended at, seconds)
        self._seconds = 0.0
        self._answered: deque[float] = deque()

    def add(self, now: float, seconds: float) -> None:
        """A talk or a wrap-up of `seconds` has just ended."""
        self._spells.append((now, seconds))
        self._seconds += seconds
        self.occupied(now)

    def answered(self, now: float) -> None:
        self._answered.append(now)
        self.calls(now)

    def occupied(self, now: float) -> float:
        """Occupied seconds within the last hour; of a spell that began before, what lies in it."""
        ended = self._ended(now)
        if not self._spells:
            return 0.0
        at, seconds = self._spells[0]
        return ended - max(0.0, (now - SPELL) - (at - seconds))

    def _ended(self, now: float) -> float:
        """Seconds of the spells that ended within the last hour, whenever they began."""
        spells = self._spells
        while spells and spells[0][0] <= now - SPELL:
            self._seconds -= spells.popleft()[1]
        if not spells:
            self._seconds = 0.0  # Adding and subtracting floats leaves crumbs.
        return self._seconds

    def handling(self, now: float, *, talking: bool = False) -> float | None:
        """Mean occupied seconds per queue call of the last hour, without the one that goes on; None if there was none."""
        answered = sum(at > now - SPELL for at in self._answered) - talking
        return self._ended(now) / answered if answered > 0 else None

    def calls(self, now: float) -> int:
        """Queue calls answered within the last shift."""
        answered = self._answered
        while answered and answered[0] <= now - SHIFT:
            answered.popleft()
        return len(answered)

    def export(self, now: float) -> dict[str, Any]:
        self.occupied(now)
        self.calls(now)
        return {
            "spells": [[now - at, seconds] for at, seconds in self._spells],
            "answered": [now - at for at in self._answered],
        }

    def restore(self, data: dict[str, Any], now: float) -> None:
        self._spells = deque((now - age, seconds) for age, seconds in data["spells"])
        self._seconds = sum(seconds for _, seconds in self._spells)
        self._answered = deque(now - age for age in data["answered"])


@dataclass(slots=True)
class Handled:
    """The conversation about which an agent may say what it was: the one that goes on, or the last one (AGT-08)."""

    call: str
    queue: str
    number: str
    chosen: str = ""


@dataclass(slots=True, eq=False)
class AgentState:
    """One agent as the engine sees them. Times are monotonic seconds."""

    config: Agent
    device: str
    borrowed: bool = False  # logged in on another device than the configured one
    reachable: bool = False
    presence: Presence = Presence.OFFLINE
    reason: str = ""
    presence_since: float = 0.0
    logged_in: float = 0.0
    activity: Activity = Activity.IDLE
    activity_since: float = 0.0
    kind: str = ""  # while talking: "queue", or what the leg outside the queues is
    until: float | None = None  # end of wrap-up or back-off, if that is the activity
    idle_since: float = 0.0  # the idle clock (C.5)
    unavailable_since: float = 0.0  # when the current pause or loss of contact began, for the grace of the idle clock
    offer: Offer | None = None  # the one caller rung for or talked with
    outside: str = ""  # kind of the leg outside the queues on the device, "" = none
    wrap_up_until: float = 0.0
    wrap_up_from: float = 0.0
    wrap_up_queue: str = ""
    wrap_up_due: float = 0.0  # when it would end if no disposition were owed
    owes: bool = False  # a disposition for `handled`, and wraps up until it is chosen
    handled: Handled | None = None
    back_off_until: float = 0.0
    back_off_cause: str = ""
    missed: int = 0  # unanswered rings in a row (ACD-09)
    removed: bool = False  # gone from the configuration, still on a call
    paused_in: set[str] = field(default_factory=set)  # queues the agent has logged out of (ACD-02)
    seats: list[Seat] = field(default_factory=list)
    places: list[tuple[Seat, Line[Any], Any]] = field(default_factory=list)  # where they stand in line while offerable
    load: Workload = field(default_factory=Workload)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.config.name

    @property
    def serving(self) -> bool:
        """Ready to take calls, as far as the person is concerned."""
        return self.presence in SERVING

    @property
    def offerable(self) -> bool:
        """A.13: ready, idle (and hence registered); a pause in one queue is a matter of its seat."""
        return self.activity is Activity.IDLE and self.presence in SERVING

    @property
    def present(self) -> bool:
        """Logged in, with a phone that can be reached: what makes a tier not empty (ACD-10)."""
        return self.presence is not Presence.OFFLINE and self.reachable

    def condition(self, queue: str = "") -> Condition:
        """Why this agent takes no call (of `queue`) now."""
        if self.presence is Presence.OFFLINE:
            return Condition.LOGGED_OUT
        if self.activity is Activity.UNREACHABLE:
            return Condition.UNREACHABLE
        if not self.serving or queue in self.paused_in:
            return Condition.PAUSED
        return CONDITIONS[self.activity]
