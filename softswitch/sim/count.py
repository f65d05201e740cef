"""Counts a run: callers by queue and by stream, agents' time by team."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from softswitch.acd.agent import SERVING, Activity
from softswitch.events import AgentActivityChanged, AgentPresenceChanged, CallerJoined, CallerLeft, Event
from softswitch.sim.figures import Hours, Tally
from softswitch.sim.world import See

if TYPE_CHECKING:
    from softswitch.acd.engine import Engine
    from softswitch.sim.policy import Policy

BUSY: Final = frozenset({"talking", "holding", "wrapup"})


class Count:
    """A witness that counts. What happened before `since` is not counted, nor who came before."""

    settles = False

    def __init__(
        self,
        policy: Policy,
        label: Callable[[str], str],
        teams: Mapping[str, str],
        since: float = 0.0,
        until: float = 1e18,
    ) -> None:
        """`label`: the stream of a caller; `teams`: agent -> team."""
        self.queues: dict[str, Tally] = {name: _tally(policy, name) for name in policy.queues}
        self.streams: dict[tuple[str, str], Tally] = {}  # (queue, stream)
        self.hours: dict[str, Hours] = {team: Hours() for team in teams.values()}
        self.since = since
        self.until = until
        self._policy = policy
        self._label = label
        self._teams = teams
        self._here: dict[str, Tally] = {}  # callers who are in a queue -> where they are counted
        self._idle: dict[str, float] = {}  # agents who are ready without a call -> since when
        self._ready: set[str] = set()
        self._free: set[str] = set(teams)  # agents whose activity is idle
        self._saw: dict[type, See] = {
            CallerJoined: self._joined, CallerLeft: self._left, AgentActivityChanged: self._activity,
            AgentPresenceChanged: self._presence,
        }  # fmt: skip

    def sees(self, kind: type[Event]) -> See | None:
        return self._saw.get(kind)

    def saw(self, event: Event, now: float) -> None:
        fold = self._saw.get(type(event))
        if fold is not None:
            fold(event, now)

    def settled(self, now: float) -> None:
        """Nothing is to be done."""

    def began(self, engine: Engine, now: float) -> None:
        """The engine has taken over a state: whoever is ready without a call is so from now on."""
        for name in self._teams:
            agent = engine.roster.agents.get(name)
            if agent is None:
                continue
            if agent.serving:
                self._ready.add(name)
            if agent.activity is not Activity.IDLE:
                self._free.discard(name)
            elif agent.serving:
                self._idle.setdefault(name, now)

    def tallies(self) -> dict[tuple[str, str], Tally]:
        """By (queue, stream); a stream of "" is all of a queue, a queue of "" all queues."""
        found: dict[tuple[str, str], Tally] = {}
        for (queue, stream), tally in self.streams.items():
            for key in {(queue, stream), (queue, ""), ("", stream), ("", "")}:
                into = found.get(key)
                if into is None:
                    into = found[key] = Tally(tally.seconds, tally.short)
                into.add(tally)
        return found

    # --- callers -----------------------------------------------------------------------------------------------------

    def _joined(self, event: CallerJoined, now: float) -> None:
        if event.kind or not self.since <= now < self.until:
            return  # Callbacks have figures of their own.
        key = event.queue, self._label(event.caller)
        tally = self.streams.get(key)
        if tally is None:
            tally = self.streams[key] = _tally(self._policy, event.queue)
        tally.entered += 1
        self._here[event.caller] = tally

    def _left(self, event: CallerLeft, now: float) -> None:
        tally = self._here.pop(event.caller, None)
        if tally is not None:
            tally.left(event)

    # --- agents ------------------------------------------------------------------------------------------------------

    def _activity(self, event: AgentActivityChanged, now: float) -> None:
        name = event.agent
        team = self._teams.get(name)
        if team is None or (event.previous == "wrapup" and event.activity == "wrapup"):
            return  # A wrap-up that is prolonged is one wrap-up.
        if event.previous in BUSY:
            begun = max(self.since, now - event.seconds_in_previous)
            self.hours[team].busy += max(0.0, min(now, self.until) - begun)
        elif event.previous == "idle":
            self._free.discard(name)
            self._no_longer_idle(name, team, now)
        if event.activity == "idle":
            self._free.add(name)
            if name in self._ready:
                self._idle[name] = now

    def _presence(self, event: AgentPresenceChanged, now: float) -> None:
        name = event.agent
        team = self._teams.get(name)
        if event.queue or team is None:
            return
        if event.presence in SERVING:
            self._ready.add(name)
            if name in self._free:
                self._idle.setdefault(name, now)
        else:
            self._ready.discard(name)
            self._no_longer_idle(name, team, now)

    def _no_longer_idle(self, name: str, team: str, now: float) -> None:
        begun = self._idle.pop(name, None)
        if begun is not None:
            self.hours[team].ready += max(0.0, min(now, self.until) - max(begun, self.since))


def _tally(policy: Policy, queue: str) -> Tally:
    config = policy.queues.get(queue)
    return Tally(config.service_level_seconds, config.short_abandon) if config is not None else Tally()
