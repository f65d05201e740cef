"""What waiting callers hear besides music: place, expected wait, comfort (FEATURES ACD-30..33, MED-11).

`announcements` is the sequence, a generator without clock or input; `Announcer` gives it the time and a caller's ear. Nothing
here delays an agent: what is being said when one picks up is cut, and callers are eligible whatever they hear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from media.control import Play
from softswitch.call import speech
from softswitch.effects import WaitTold
from softswitch.events import Announced, EwtTold, PositionTold

if TYPE_CHECKING:
    from softswitch.call.queueing import QueueVisit
    from softswitch.directory import Announce
    from softswitch.effects import Standing

MAX_SAY: Final = 120.0  # seconds after which an announcement counts as heard, whatever the worker says
LONGEST_TOLD: Final = 30  # minutes; more is told as "more than"
LESS_THAN_A_MINUTE: Final = 59.0  # seconds that a caller was told at most who was told this
NEVER: Final = math.inf
NEWS: Final = ("entry", "improved", "periodic")


@dataclass(slots=True)
class Cadence:
    """How far the announcements of one caller have come: all that a restart must know. Times are monotonic seconds."""

    news_at: float = NEVER  # when place and wait are told next
    comfort_at: float = NEVER
    quiet_until: float = 0.0  # until then a better place is not told
    place: int = 0  # that was told last, 0 = none
    told: float = -1.0  # the wait that was told last, in seconds; -1 = none
    people: int = 0  # agents who served the caller then
    turn: int = 0  # the comfort clip that was said last, from 1; 0 = none
    entered: bool = False  # the first announcement is made
    speaking: str = ""  # what is being said: one of NEWS, "comfort", "greeting", "" = nothing


@dataclass(slots=True)
class Rest:
    """Nothing is to be said before `until`, or before the caller's place is better than `below` (0 = that does not matter)."""

    until: float
    below: int = 0


@dataclass(slots=True)
class Listen:
    """Wait for the end of what is being said."""


@dataclass(slots=True)
class Say:
    """Say this; the result is when it ended."""

    kind: str
    standing: Standing | None = None
    place: bool = False  # tell it
    wait: bool = False
    clips: tuple[str, ...] = ()  # besides


Step: TypeAlias = Rest | Listen | Say
Announcements: TypeAlias = Generator[Step, float, None]
Look: TypeAlias = Callable[[float, Cadence], "Standing | None"]


class Standings(Protocol):
    """The queue engine, as announcements see it."""

    def standing(self, caller_id: str, now: float, told: float = -1.0, people: int = 0) -> Standing | None: ...
    def watch_place(self, caller_id: str, below: int) -> None: ...


class Nowhere:
    """Calls without a queue engine: nobody stands anywhere."""

    def standing(self, caller_id: str, now: float, told: float = -1.0, people: int = 0) -> Standing | None:
        return None

    def watch_place(self, caller_id: str, below: int) -> None:
        """Nobody moves."""


def announcements(
    policy: Announce, cadence: Cadence, look: Look, below: Callable[[int], int], now: float
) -> Announcements:
    """The cadence of one caller: on entry, on a better place, again and again; comfort in between.

    `look` is asked how the caller stands, `below(n)` is a number drawn from 0 to n - 1.
    """
    if not policy.news:  # The site may have changed since the cadence began.
        cadence.news_at = NEVER
    if not policy.comfort:
        cadence.comfort_at = NEVER
    if cadence.speaking:  # The greeting, or what a restart has interrupted.
        now = yield Listen()
        _spoken(policy, cadence, now)
    elif not cadence.entered:
        _begin(policy, cadence, now)
    while True:
        due, watch = _due(policy, cadence, now)
        if due > now:
            now = yield Rest(due, watch)
        step = _news(policy, cadence, look, now) or _comfort(policy, cadence, look, below, now)
        if step is not None:
            cadence.speaking = step.kind
            now = yield step
            _spoken(policy, cadence, now)


def _begin(policy: Announce, cadence: Cadence, now: float) -> None:
    """The caller has entered and heard the greeting."""
    cadence.entered = True
    if policy.news:
        cadence.news_at = now if policy.on_entry else _after(now, policy.every)
    if policy.comfort:
        cadence.comfort_at = now + policy.comfort_after


def _spoken(policy: Announce, cadence: Cadence, now: float) -> None:
    """What was said is over: its next time is counted from here."""
    kind, cadence.speaking = cadence.speaking, ""
    if not cadence.entered:
        _begin(policy, cadence, now)
    elif kind in NEWS:
        cadence.news_at = _after(now, policy.every)
        cadence.quiet_until = now + policy.gap
    elif kind == "comfort":
        cadence.comfort_at = now + policy.comfort_every


def _due(policy: Announce, cadence: Cadence, now: float) -> tuple[float, int]:
    """When there is something to do next, and which place is to be bettered for it to be sooner."""
    due = min(cadence.news_at, cadence.comfort_at)
    if not (policy.improved and policy.position != "off" and cadence.place > 1):
        return due, 0
    if now < cadence.quiet_until:
        return min(due, cadence.quiet_until), 0
    limit = policy.limit or NEVER
    return due, cadence.place if cadence.place <= limit else policy.limit + 1


def _news(policy: Announce, cadence: Cadence, look: Look, now: float) -> Say | None:
    """Place and wait, if it is time, or if the place has become better."""
    if not policy.news:
        return None
    due = cadence.news_at <= now
    eager = policy.improved and cadence.place > 1 and now >= cadence.quiet_until
    if not (due or eager):
        return None
    standing = look(now, cadence)
    better = standing is not None and eager and _improved(policy, cadence, standing)
    if not (due or better):
        return None
    kind = "periodic" if cadence.place or cadence.told >= 0.0 else "entry"
    said = _said(policy, cadence, standing, "improved" if better and not due else kind)
    if said is None:
        cadence.news_at = _after(now, policy.every or policy.gap)
    return said


def _improved(policy: Announce, cadence: Cadence, standing: Standing) -> bool:
    """Whether a better place is news: beyond the limit nobody is told which."""
    limit = _limit(policy, standing)
    return standing.place < cadence.place and (not limit or standing.place <= limit)


def _limit(policy: Announce, standing: Standing | None) -> int:
    """Beyond which "more than" is told: the policy's limit, or a lower one while the queue surges; 0 = none."""
    surge = standing.limit if standing is not None else 0
    return min(surge, policy.limit) if surge and policy.limit else surge or policy.limit


def _said(policy: Announce, cadence: Cadence, standing: Standing | None, kind: str) -> Say | None:
    """What there is to tell; None: nothing."""
    if standing is None or (kind == "entry" and standing.ringing):
        return None  # A phone rings already: whoever is about to be served is not told to wait.
    place = policy.position != "off" and (not cadence.place or standing.place <= cadence.place)
    known = standing.minutes is not None
    wait = policy.wait and standing.seconds > 0.0 and (not known or standing.seconds <= policy.longest)
    clips = policy.unknown if wait and not known else ()
    if not (place or (wait and (known or clips))):
        return None
    if place:
        cadence.place = standing.place
    if wait and known:
        minutes = standing.minutes or 0
        cadence.told = standing.seconds if minutes > LONGEST_TOLD else minutes * 60.0 or LESS_THAN_A_MINUTE
        cadence.people = standing.people
    return Say(kind, standing, place, wait and known, clips)


def _comfort(policy: Announce, cadence: Cadence, look: Look, below: Callable[[int], int], now: float) -> Say | None:
    if cadence.comfort_at > now:
        return None
    clips = policy.comfort
    cadence.comfort_at = now + policy.comfort_every
    if look(now, cadence) is None:
        return None  # An agent has picked up.
    chosen = cadence.turn
    if policy.comfort_order == "random":  # never the same twice in a row
        chosen = below(len(clips)) if not cadence.turn or len(clips) == 1 else chosen + below(len(clips) - 1)
    chosen %= len(clips)
    cadence.turn = chosen + 1
    return Say("comfort", clips=(clips[chosen],))


def _after(now: float, seconds: float) -> float:
    return now + seconds if seconds > 0.0 else NEVER


def words(policy: Announce, say: Say, language: str) -> tuple[str, ...]:
    """An announcement in the clips of a language."""
    standing, clips, limit = say.standing, say.clips, _limit(policy, say.standing)
    said: tuple[str, ...] = ()
    if standing is not None and say.place:
        if policy.position in ("own", "both") or standing.waiting == 1:
            said += speech.position(standing.place, language, limit)
        beyond = bool(limit) and standing.place > limit  # Then the place was told as a number of callers.
        if policy.position == "waiting" or (policy.position == "both" and not beyond):
            said += speech.waiting(standing.waiting, language, limit) if standing.waiting > 1 else ()
    if standing is not None and say.wait:
        said += speech.expected_wait(standing.minutes, language, LONGEST_TOLD)
    return said + clips


class Announcer:
    """Drives the announcements of one visit to a queue."""

    __slots__ = ("_flow", "_step", "board", "cadence", "call", "visit")

    def __init__(self, visit: QueueVisit, cadence: Cadence | None = None) -> None:
        self.visit = visit
        self.call = visit.call
        self.board = visit.board
        self.cadence = cadence or Cadence()
        self._flow: Announcements | None = None
        self._step: Step | None = None

    # --- life ------------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """The caller waits. What plays (`cadence.speaking`) is listened to first."""
        self.stop()
        below = self.board.entropy.below
        self._flow = flow = announcements(self.visit.config.announce, self.cadence, self._look, below, now)
        if self.cadence.speaking:
            self._perform(next(flow), now)
        else:
            # The engine has not heard of the caller yet: the first look is one turn later.
            self.board.deadlines.set((self, "announce"), now)

    def stop(self) -> None:
        """The caller waits no longer, or is about to talk."""
        if self._flow is not None:
            self._flow.close()
            self._flow = self._step = None
            self.board.deadlines.clear((self, "announce"))
            self.board.standings.watch_place(self.visit.caller, 0)

    def expire(self, kind: str, now: float) -> None:
        """It is time, or an announcement has not ended."""
        if self._flow is None:
            return
        if self.visit.play and not isinstance(self._step, Say | Listen):
            # Something else is being said: `heard` sets the time again.
            self.board.deadlines.set((self, "announce"), now + MAX_SAY)
        elif self._step is None:
            self._perform(next(self._flow), now)
        elif isinstance(self._step, Rest):
            self._go_on(now)
        else:
            self.visit.hushed(now)

    def improved(self, now: float) -> None:
        """The caller's place has become better."""
        if isinstance(self._step, Rest) and self.visit.play:
            self._step = Rest(now)
        elif isinstance(self._step, Rest):
            self._go_on(now)

    def heard(self, now: float) -> None:
        """What was being said has ended."""
        if isinstance(self._step, Say | Listen):
            self._go_on(now)
        elif self._flow is not None:
            until = self._step.until if self._step is not None else now
            if until < NEVER:
                self.board.deadlines.set((self, "announce"), until)
        else:
            self.cadence.speaking = ""

    # --- inside ------------------------------------------------------------------------------------------------------------

    def _look(self, now: float, cadence: Cadence) -> Standing | None:
        return self.board.standings.standing(self.visit.caller, now, cadence.told, cadence.people)

    def _go_on(self, now: float) -> None:
        if self._flow is not None:
            self._perform(self._flow.send(now), now)

    def _perform(self, step: Step, now: float) -> None:
        while isinstance(step, Say) and not self._say(step, now):
            assert self._flow is not None
            step = self._flow.send(now)
        self._step = step
        deadlines = self.board.deadlines
        if not isinstance(step, Rest):
            deadlines.set((self, "announce"), now + MAX_SAY)
            return
        self.board.standings.watch_place(self.visit.caller, step.below)
        if step.until < NEVER:
            deadlines.set((self, "announce"), step.until)
        else:
            deadlines.clear((self, "announce"))

    def _say(self, step: Say, now: float) -> bool:
        """Begin an announcement; False if there is nobody to hear it."""
        visit, call, board = self.visit, self.call, self.board
        if not call.caller.up:
            return False
        policy, standing = visit.config.announce, step.standing
        language = self._language(step)
        clips = words(policy, step, language)
        if not clips:
            return False
        queue = visit.config.name
        if standing is not None and step.place:
            board.publish(PositionTold(queue, visit.caller, standing.place, standing.waiting, standing.waited))
        if standing is not None and step.wait and standing.minutes is not None:
            board.publish(
                EwtTold(
                    queue, visit.caller, standing.minutes, standing.seconds, standing.mean, standing.place, standing.people,
                    standing.waited,
                )
            )  # fmt: skip
            board.out.append(WaitTold(visit.caller, standing.seconds))
        board.publish(Announced(queue, visit.caller, step.kind, language, clips))
        board.touch(call)
        visit.say(clips, language)
        return True

    def _language(self, step: Say) -> str:
        """The caller's language; another one if it lacks a clip of the sentence: a sentence is of one grammar."""
        board, wanted = self.board, self.call.language
        spoken = [one for one in (wanted, board.directory.language, "en") if one in speech.GRAMMARS]
        policy = self.visit.config.announce
        prompts = self.call.visitor.prompts
        lacking: list[str] = []
        for language in spoken:
            missing = [one for one in words(policy, step, language) if not board.has_exactly(one, language, prompts)]
            if not missing:
                for clip in lacking:
                    board.lacks(clip, wanted, f"{language}/{clip}", self.call.id)
                return language
            lacking = missing if language == wanted else lacking
        return spoken[0] if spoken else "en"

    # --- restart -----------------------------------------------------------------------------------------------------------

    def resume(self, now: float) -> None:
        """After a restart: the cadence goes on; what still plays is heard to its end."""
        media = self.call.caller.media
        playing = isinstance(media.source, Play) and media.source.play == self.visit.play
        if not playing and self.cadence.speaking:
            _spoken(self.visit.config.announce, self.cadence, now)
        self.start(now)


TIMES: Final = ("news_at", "comfort_at", "quiet_until")


def keep(cadence: Cadence) -> dict[str, Any]:
    """A cadence as JSON values, without what is as in the beginning."""
    kept = {one.name: getattr(cadence, one.name) for one in fields(Cadence)}
    return {name: value for name, value in kept.items() if value != getattr(Cadence(), name)}


def kept(values: dict[str, Any], time: Callable[[float], float]) -> Cadence:
    """A cadence again; `time` translates the clock of the process that kept it."""
    fresh: dict[str, Any] = {name: time(value) if name in TIMES else value for name, value in values.items()}
    return Cadence(**fresh)
