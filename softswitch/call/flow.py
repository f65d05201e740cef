"""Call flows: a generator says what a caller hears and may press, `FlowRun` carries it out on one answered leg.

A flow is a generator that yields steps and is sent their results, so it reads from top to bottom; it has no I/O and no clock.
A test drives it with a list of digits. `FlowRun` keeps what a flow must not care about: digits typed ahead, the clock of a
missing key, clips that end or are cut, and a source for every pause (MED-13: a caller never hears nothing).

    Play    -> None, or the digit that cut it short
    Gather  -> the digit, or "" when the time is up
    others  -> the flow gives the call away and is over
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

MAX_TYPED_AHEAD: Final = 32  # digits kept while nothing asks for them
MAX_INSTANT_STEPS: Final = 100  # steps without any waiting: a flow that goes in circles


@dataclass(slots=True)
class Play:
    """Play clips in sequence. `until_digit`: a digit cuts them and stays for the next Gather."""

    clips: tuple[str, ...]
    until_digit: bool = True


@dataclass(slots=True)
class Gather:
    """Wait for one digit, `timeout` seconds long. The caller hears comfort music meanwhile."""

    timeout: float


@dataclass(slots=True)
class Note:
    """Record where the caller is in the flow (IVR-18). Takes no time."""

    step: str
    detail: str = ""


@dataclass(slots=True)
class Leave:
    """Give the call to a destination (see `softswitch.directory`): a queue, an extension, an echo, music."""

    destination: str


@dataclass(slots=True)
class Hangup:
    """End the call normally."""

    cause: str = "completed"


Step: TypeAlias = Play | Gather | Note | Leave | Hangup
Flow: TypeAlias = Generator[Step, str | None, None]


class Host(Protocol):
    """The answered leg that a flow runs on, as call control offers it."""

    def play(self, clips: tuple[str, ...], *, until_digit: bool, now: float) -> int:
        """Start clips, replacing what is heard; the number that comes back in `FlowRun.play_done`."""
        ...

    def comfort(self, now: float) -> None:
        """Let the caller hear something while a key is awaited."""
        ...

    def arm(self, at: float | None) -> None:
        """Call `FlowRun.expire` at this time; None: not any more."""
        ...

    def note(self, step: str, detail: str, now: float) -> None:
        """Write the path of the call."""
        ...

    def leave(self, destination: str, now: float) -> None:
        """Take the call over for a destination. The flow is over."""
        ...

    def hang_up(self, cause: str, now: float) -> None:
        """End the call. The flow is over."""
        ...


class FlowRun:
    """One flow on one leg."""

    __slots__ = ("_digits", "_flow", "_host", "_play", "_step")

    def __init__(self, flow: Flow, host: Host) -> None:
        self._flow = flow
        self._host = host
        self._digits: deque[str] = deque(maxlen=MAX_TYPED_AHEAD)
        self._step: Play | Gather | None = None
        self._play = 0

    @property
    def over(self) -> bool:
        """Whether the flow has given the call away or ended it."""
        return self._step is None

    def start(self, now: float) -> None:
        self._advance(None, now)

    def digit(self, digit: str, now: float) -> None:
        """The caller pressed a key."""
        step = self._step
        if step is None:
            return
        if isinstance(step, Gather):
            self._host.arm(None)
            self._advance(digit, now)
            return
        self._digits.append(digit)
        if step.until_digit:
            # The worker cuts the clip by itself; what comes next must not wait to hear of it.
            self._advance(digit, now)

    def play_done(self, play: int, now: float) -> None:
        """Clips came to their end, or could not be played."""
        if play == self._play and isinstance(self._step, Play):
            self._advance(None, now)

    def expire(self, now: float) -> None:
        """The time that `arm` set is up."""
        if isinstance(self._step, Gather):
            self._advance("", now)

    def stop(self) -> None:
        """The leg is gone, or somebody else has taken it over."""
        self._step = None
        self._host.arm(None)
        self._flow.close()

    def _advance(self, result: str | None, now: float) -> None:
        """Send a result into the generator and carry out steps until one of them takes time."""
        self._step = None
        for _ in range(MAX_INSTANT_STEPS):
            try:
                step = self._flow.send(result)
            except StopIteration:
                self._host.hang_up("completed", now)
                return
            result = None
            match step:
                case Note():
                    self._host.note(step.step, step.detail, now)
                case Play() if not step.clips or (step.until_digit and self._digits):
                    result = self._digits[0] if self._digits else None
                case Play():
                    self._step = step
                    self._play = self._host.play(step.clips, until_digit=step.until_digit, now=now)
                    return
                case Gather() if self._digits:
                    result = self._digits.popleft()
                case Gather():
                    self._step = step
                    self._host.comfort(now)
                    self._host.arm(now + step.timeout)
                    return
                case Leave():
                    self._flow.close()
                    self._host.leave(step.destination, now)
                    return
                case Hangup():
                    self._flow.close()
                    self._host.hang_up(step.cause, now)
                    return
        self._flow.close()
        self._host.hang_up("the flow goes in circles", now)
