"""Who may take a caller, now: the section of the queue each caller is in, and when that changes.

A caller asks for skills less and less (ACD-19), or waits for one agent first (ACD-22): an account manager, or whoever talked
to them last. The place in line is never touched: only who may be given to them is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from softswitch.acd import skills
from softswitch.acd.agent import SERVING, Activity, AgentState
from softswitch.acd.caller import Caller, CallerState
from softswitch.directory import Need

if TYPE_CHECKING:
    from softswitch.acd.acquaintances import Acquaintances
    from softswitch.acd.queue import QueueState
    from softswitch.acd.roster import Roster
    from softswitch.acd.section import Key
    from softswitch.machine import Deadlines

RINGING = frozenset({Activity.RESERVED, Activity.OFFERED})


class Sections:
    """Puts callers into sections. Shares the engine's roster, deadlines and set of queues to match."""

    def __init__(
        self,
        roster: Roster,
        acquaintances: Acquaintances,
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
    ) -> None:
        self._roster = roster
        self._acquaintances = acquaintances
        self._deadlines = deadlines
        self._dirty = dirty

    # --- a visit -------------------------------------------------------------------------------------------------

    def admit(self, caller: Caller, needs: tuple[Need, ...], preferred: str, now: float) -> None:
        """Before the caller stands in line: whom they ask for."""
        queue, config = caller.queue, caller.queue.config
        caller.asks = needs
        caller.needs = skills.merged(config.needs, needs)
        if not preferred and config.last_agent_hours:
            preferred = self._last_agent(caller, now)
        if preferred and self._is_worth_waiting_for(preferred, queue, config.preferred_wait, now):
            caller.preferred, caller.preferred_for = preferred, config.preferred_wait
        if caller.needs or caller.preferred:
            self.assign(caller, now)

    def _last_agent(self, caller: Caller, now: float) -> str:
        """Who talked to this number last, if it is a member and was not too long ago."""
        queue = caller.queue
        agent = self._acquaintances.last_agent(caller.number, now, queue.config.last_agent_hours * 3600.0)
        return agent if any(member.agent == agent for member in queue.config.members) else ""

    def readmit(self, caller: Caller, past: Mapping[str, Any], now: float) -> None:
        """The same after a restart, as the caller was before."""
        caller.asks = tuple(Need(*need) for need in past.get("asks", ()))
        caller.needs = skills.merged(caller.queue.config.needs, caller.asks)
        caller.preferred, caller.preferred_for = past.get("preferred", ""), past.get("preferred_for", 0.0)
        if caller.needs or caller.preferred or caller.height:
            self.assign(caller, now)

    def export(self, caller: Caller) -> dict[str, Any]:
        """What `readmit` takes; nothing of a caller who is like others."""
        kept: dict[str, Any] = {}
        if caller.asks:
            kept["asks"] = [list(astuple(need)) for need in caller.asks]
        if caller.preferred:
            kept |= {"preferred": caller.preferred, "preferred_for": caller.preferred_for}
        return kept

    def left(self, caller: Caller) -> None:
        """The visit is over."""
        self._deadlines.clear(("section", caller.id))
        self._leave(caller)

    # --- the section ---------------------------------------------------------------------------------------------

    def assign(self, caller: Caller, now: float) -> None:
        """Put the caller, who does not stand in line, into the section of what they ask for now."""
        # The timer of a change may wake us a rounding error before it.
        waited = max(now - caller.joined, caller.section_until)
        key: Key = ("", skills.in_force(caller.needs, waited) if caller.needs else (), caller.height)
        until = skills.next_change(caller.needs, waited)
        if caller.preferred and waited < caller.preferred_for:
            key, until = (caller.preferred, (), 0), caller.preferred_for
        else:
            caller.preferred = ""
        queue = caller.queue
        if key != caller.section.key:
            self._leave(caller)
            if key[0]:
                self._roster.invite(key[0], queue)
                self._dirty[queue] = None  # Is that agent still there?
            caller.section = queue.section(key)
            caller.section.callers += 1
        caller.section_until = until
        if until:
            self._deadlines.set(("section", caller.id), caller.joined + until)
        else:
            self._deadlines.clear(("section", caller.id))

    def _leave(self, caller: Caller) -> None:
        queue, section = caller.queue, caller.section
        if section is queue:
            return
        caller.section = queue
        section.callers -= 1
        if not section.callers:
            queue.close_section(section)
            self._roster.bid_farewell(section.wanted, queue)

    def change(self, caller: Caller, now: float) -> None:
        """What the caller asks for has changed, by the time they have waited or for another reason."""
        queue = caller.queue
        waits = caller.state is CallerState.WAITING
        if waits:
            queue.leave(caller)
        self.assign(caller, now)
        if waits:
            queue.enter(caller)
        self._dirty[queue] = None

    def renounce(self, caller: Caller, now: float) -> None:
        """The one agent they waited for is not to be had: whoever else may be."""
        if caller.preferred:
            caller.preferred = ""
            caller.section_until = 0.0
            self.change(caller, now)

    def relay(self, callers: Iterable[Caller], now: float) -> None:
        """Fit callers to other needs of their queue, once everybody has a seat."""
        for caller in callers:
            needs = skills.merged(caller.queue.config.needs, caller.asks)
            height = caller.queue.height_of(caller.climbed)
            if needs != caller.needs:
                caller.section_until = 0.0
            elif height == caller.height:
                continue
            caller.needs, caller.height = needs, height
            self.change(caller, now)

    # --- the one agent -------------------------------------------------------------------------------------------

    def review(self, queue: QueueState, now: float) -> None:
        """Let those go on who wait for an agent who has gone, or rests."""
        for section in [section for section in queue.sections.values() if section in queue.doubted]:
            agent = self._roster.agents.get(section.wanted)
            if agent is not None and is_there(agent, queue):
                queue.doubted.pop(section, None)
                continue
            for caller in [entry[-1] for lane in section.lanes for entry in lane]:
                self.renounce(caller, now)

    def _is_worth_waiting_for(self, name: str, queue: QueueState, seconds: float, now: float) -> bool:
        """Whether the agent is free, or will be in that time (ACD-22)."""
        agent = self._roster.agents.get(name)
        if agent is None or seconds <= 0.0 or not is_there(agent, queue):
            return False
        expected = expected_free(agent, now)
        if expected is None:
            return True  # Nothing is known of this agent's calls: `preferred_wait` is the limit.
        section = queue.sections.get((name, (), 0))
        ahead = section.callers if section is not None else 0
        handling = agent.load.handling(now) or 0.0
        return expected + ahead * handling < seconds


def is_there(agent: AgentState, queue: QueueState) -> bool:
    """Whether the agent takes calls of the queue, now or once the present one is over."""
    return (
        agent.presence in SERVING
        and agent.reachable
        and not agent.removed
        and agent.activity is not Activity.BACK_OFF
        and queue.name not in agent.paused_in
        and all(seat.open for seat in agent.seats if seat.queue is queue)
    )


def expected_free(agent: AgentState, now: float) -> float | None:
    """Seconds until the agent is expected to be free; None if nobody can tell.

    Of a conversation: what the mean of the last hour leaves. Beyond the mean as long again, as of something without memory.
    """
    if agent.activity is Activity.IDLE:
        return 0.0
    if agent.until is not None:
        return max(0.0, agent.until - now)
    mean = agent.load.handling(now, talking=agent.offer is not None and agent.activity not in RINGING)
    if mean is None or agent.activity in RINGING:
        return mean
    left = mean - (now - agent.activity_since)
    return left if left > 0.0 else mean
