"""The roster: all agents, their devices and their presence, and what an offer or a conversation means to an agent."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from softswitch.acd import wrapping
from softswitch.acd.agent import (
    PRESENCE_TABLE,
    Activity,
    ActivityInput,
    AgentState,
    Presence,
    PresenceInput,
)
from softswitch.acd.caller import OfferState
from softswitch.acd.floor import Floor
from softswitch.acd.queue import QueueState, Seat
from softswitch.effects import AgentCommand, OfferResult, Publish
from softswitch.events import AgentPresenceChanged

if TYPE_CHECKING:
    from softswitch.acd.caller import Offer
    from softswitch.acd.section import Tier
    from softswitch.directory import Agent, Membership
    from softswitch.machine import Deadlines

RING_INTERVAL = 1.0  # seconds: a phone that fails at once is not tried again sooner, whatever the back-off says
NO_ANSWER = "no_answer"  # the not-ready reason after max_no_answer
ON_DEMAND = "on_demand"  # the not-ready reason after the one call of ready_once


@dataclass(slots=True, eq=False)
class Device:
    """A phone, or an external number: what the rest of the switch reported of it."""

    registered: bool = False
    outside: str = ""  # kind of the leg outside the queues that occupies it
    agents: dict[str, AgentState] = field(default_factory=dict)


class Roster:
    """Agents by name, devices by account or number. Shares the engine's deadlines and its set of queues to match."""

    def __init__(
        self,
        emit: Callable[[object], None],
        deadlines: Deadlines[tuple[str, object]],
        dirty: dict[QueueState, None],
        *,
        pause_grace: float,
        idle_clock: str,
    ) -> None:
        self.agents: dict[str, AgentState] = {}
        self.devices: dict[str, Device] = {}
        self.floor = Floor(emit, deadlines, dirty)
        self._emit = emit
        # Seconds that a pause may last without starting the idle clock anew; None: pauses never do.
        self.pause_grace = pause_grace if idle_clock == "available" else None
        self._accounts: Container[str] | None = None

    # --- configuration -----------------------------------------------------------------------------------------

    def configure(self, agents: Mapping[str, Agent], accounts: Container[str] | None, now: float) -> list[AgentState]:
        """Add, change and remove agents; returns those removed, whose offers the engine must end."""
        self._accounts = accounts
        fresh = agents.keys() - self.agents.keys()
        for name, config in agents.items():
            if name in fresh:
                self._add(config, now)
                continue
            agent = self.agents[name]
            agent.config, agent.removed = config, False
            agent.outside = self._outside(agent)
            self._come_home(agent, now)
        for agent in self.agents.values():
            regained = self._contact(agent, self._is_reachable(agent.device), now)
            if regained or (agent.name in fresh and agent.reachable):
                self._auto_ready(agent, now)
        return [agent for name, agent in self.agents.items() if name not in agents]

    def remove(self, agent: AgentState, now: float) -> None:
        """Take an agent out of the configuration; who still talks goes when the conversation ends."""
        agent.removed = True
        if agent.presence is not Presence.OFFLINE:
            self.change_presence(agent, PresenceInput.LOGOUT, "removed", "system", now)
        self.floor.unseat(agent)
        if agent.offer is None:
            self._forget(agent)

    def unseat(self) -> None:
        """Take every seat away, before memberships, tiers or strategies change."""
        for agent in self.agents.values():
            self.floor.unseat(agent)

    def seat(self, queues: Iterable[QueueState]) -> None:
        """Give every agent their seats; idle clocks and places of round robin stay."""
        queues = list(queues)
        members = {queue.name: queue.config.members for queue in queues}
        for queue in queues:
            for member in queue.config.members:
                self._seat(queue, queue.tier(member.tier), member)
            for tier in queue.lent:
                for member in members.get(tier.lender, ()):
                    self._seat(queue, tier, member)
            for section in list(queue.sections.values()):
                self._take_in(section.wanted, queue)
        for agent in self.agents.values():
            self.floor.count(agent)
            self.floor.stand(agent)

    def _seat(self, queue: QueueState, tier: Tier, member: Membership) -> None:
        """Give a member a seat, unless there is one already: who is of both queues sits in the own one."""
        agent = self.agents.get(member.agent)
        if agent is None or agent.removed or any(seat.queue is queue for seat in agent.seats):
            return
        seat = Seat(agent, queue, tier, member.position, member.weight)
        agent.seats.append(seat)
        queue.sit(seat)

    def invite(self, name: str, queue: QueueState) -> None:
        """Give an agent who is no member of a queue a seat for those of its callers who ask for them by name."""
        agent = self._take_in(name, queue)
        if agent is not None:
            self.floor.step_aside(agent)
            self.floor.count(agent)
            self.floor.stand(agent)

    def _take_in(self, name: str, queue: QueueState) -> AgentState | None:
        """The agent who now has such a seat; None if there is no need for one."""
        agent = self.agents.get(name)
        if agent is None or agent.removed or any(seat.queue is queue for seat in agent.seats):
            return None
        seat = Seat(agent, queue, queue.guests, 0)
        agent.seats.append(seat)
        queue.sit(seat)
        return agent

    def bid_farewell(self, name: str, queue: QueueState) -> None:
        """Nobody asks for that guest of a queue any more."""
        seat = queue.guests.seats.get(name)
        if seat is not None:
            agent = seat.agent
            self.floor.step_aside(agent)
            agent.seats.remove(seat)
            queue.rise(seat)
            self.floor.stand(agent)

    def _add(self, config: Agent, now: float) -> None:
        agent = AgentState(config, config.device, presence_since=now, activity_since=now, idle_since=now)
        self.agents[config.name] = agent
        self._attach(agent, config.device)
        self.floor.place_by_facts(agent, now)

    def _forget(self, agent: AgentState) -> None:
        self._release_device(agent)
        self.floor.drop_wrap_up(agent)
        self.floor.drop_back_off(agent)
        del self.agents[agent.name]

    # --- devices -----------------------------------------------------------------------------------------------

    def is_external(self, device: str) -> bool:
        """Whether this is a number outside, which has no registration and is always reachable (ACD-44)."""
        if device.startswith(("+", "tel:", "sip:", "sips:")):
            return True
        return self._accounts is not None and bool(device) and device not in self._accounts

    def _device(self, name: str) -> Device:
        device = self.devices.get(name)
        if device is None:
            device = self.devices[name] = Device()
        return device

    def _is_reachable(self, name: str) -> bool:
        return self._device(name).registered or self.is_external(name)

    def _tidy(self, name: str) -> None:
        device = self.devices[name]
        if not (device.agents or device.registered or device.outside):
            del self.devices[name]

    def _attach(self, agent: AgentState, name: str) -> None:
        device = self._device(name)
        device.agents[agent.name] = agent
        agent.device, agent.reachable = name, self._is_reachable(name)
        agent.outside = self._outside(agent)

    def _release_device(self, agent: AgentState) -> None:
        self.devices[agent.device].agents.pop(agent.name, None)
        self._tidy(agent.device)

    def _bind(self, agent: AgentState, name: str, now: float) -> None:
        """Put the agent on this device (hot-desking, AGT-04)."""
        self._release_device(agent)
        before = agent.reachable
        self._attach(agent, name)
        after, agent.reachable = agent.reachable, before
        self._contact(agent, after, now)

    def adopt(self, agent: AgentState, name: str) -> None:
        """Put the agent back on the device they had borrowed before a restart."""
        self._release_device(agent)
        self._attach(agent, name)
        agent.borrowed = True

    def _come_home(self, agent: AgentState, now: float) -> None:
        """Return from a borrowed device at log-out, and follow a change of the configured one; never during a call."""
        if agent.presence is Presence.OFFLINE:
            agent.borrowed = False
        if not agent.borrowed and agent.device != agent.config.device and agent.offer is None:
            self._bind(agent, agent.config.device, now)

    def device_reachable(self, name: str, reachable: bool, now: float) -> list[AgentState]:
        """The device gained or lost its contact. Returns the agents it concerns."""
        device = self._device(name)
        device.registered = reachable
        agents = list(device.agents.values())
        for agent in agents:
            if self._contact(agent, self._is_reachable(name), now):
                self._auto_ready(agent, now)
        self._tidy(name)
        return agents

    def _contact(self, agent: AgentState, reachable: bool, now: float) -> bool:
        """The agent's device has, or has not, a contact. Whether it was regained."""
        regained = reachable and not agent.reachable
        lost = agent.reachable and not reachable
        agent.reachable = reachable
        if regained:
            self._back_in_service(agent, now)
            if agent.back_off_cause == OfferResult.UNREACHABLE:
                self.floor.drop_back_off(agent)
        elif lost and agent.serving:
            agent.unavailable_since = now
        self.floor.count(agent)
        self.floor.settle(agent, now, "registered" if regained else "unregistered" if lost else "device")
        return regained

    def _auto_ready(self, agent: AgentState, now: float) -> None:
        """Ready as soon as the phone registers; also when it is back after the engine had put its agent aside."""
        if not agent.config.auto_ready or agent.removed:
            return
        if agent.presence is Presence.OFFLINE and not self._rivals(agent, agent.device):
            self.change_presence(agent, PresenceInput.LOGIN, "", "system", now)
        elif agent.presence is Presence.NOT_READY and agent.reason == NO_ANSWER:
            self.change_presence(agent, PresenceInput.READY, "", "system", now)

    def device_outside(self, name: str, kind: str, now: float) -> list[AgentState]:
        """A leg outside the queues occupies the device, or ("") none does any more. Returns the agents it concerns."""
        device = self._device(name)
        ended = device.outside and not kind
        device.outside = kind
        agents = list(device.agents.values())
        for agent in agents:
            agent.outside = self._outside(agent)
            if ended:
                self.floor.step_aside(agent)  # Who may be rung meanwhile stands in line.
                agent.idle_since = now  # C.5: the end of any handled leg
            self.floor.settle(agent, now, f"{kind} call" if kind else "call ended")
        self._tidy(name)
        return agents

    def _outside(self, agent: AgentState) -> str:
        """The kind of the leg outside the queues that keeps the agent from queue calls, "" if none does."""
        return "" if agent.config.call_waiting else self._device(agent.device).outside

    def caller_served(self, name: str, queue: QueueState, now: float) -> None:
        """Whoever sits at this device has talked to a caller of a queue who had come back to them."""
        for agent in list(self.devices[name].agents.values()) if name in self.devices else ():
            own = agent.config.wrap_up
            seconds = queue.config.wrap_up if own is None else own
            if seconds > 0.0 and agent.presence is not Presence.OFFLINE and agent.offer is None:
                self.floor.begin_wrap_up(agent, queue.name, seconds, now)
                self.floor.settle(agent, now, "recall ended")

    def _rivals(self, agent: AgentState, name: str) -> list[AgentState]:
        """Other agents logged in on a device."""
        device = self.devices.get(name)
        others = device.agents.values() if device else ()
        return [other for other in others if other is not agent and other.presence is not Presence.OFFLINE]

    # --- presence ----------------------------------------------------------------------------------------------

    def command(self, item: AgentCommand, now: float) -> str:
        """Carry out what a person asked; "" or the reason why not."""
        agent = self.agents.get(item.agent)
        if agent is None or agent.removed:
            return "unknown agent"
        if item.verb in ("end_wrap_up", "extend_wrap_up"):
            # Who dials the feature code is on the phone: the wrap-up goes on behind that call.
            if not agent.wrap_up_until or (item.verb != "end_wrap_up" and agent.activity is not Activity.WRAP_UP):
                return "not in wrap-up"
            if item.verb == "end_wrap_up" and agent.owes:
                return wrapping.OWED
            if item.verb == "end_wrap_up":
                self.floor.wrap_up_over(agent, now, "wrap-up ended")
            else:
                self.floor.extend_wrap_up(agent, now)
            return ""
        if item.queue:
            return self._queue_command(agent, item, now)
        if item.verb == "login":
            return self._log_in(agent, item, now)
        what = _PRESENCE_VERBS.get(item.verb)
        if what is None:
            return "unknown verb"
        if what not in PRESENCE_TABLE[agent.presence]:
            return "not logged in"
        reason = item.reason if what is PresenceInput.NOT_READY else ""
        self.change_presence(agent, what, reason, item.actor, now)
        return ""

    def _log_in(self, agent: AgentState, item: AgentCommand, now: float) -> str:
        device = item.device or (agent.config.device if agent.presence is Presence.OFFLINE else agent.device)
        if not device:
            return "no device"
        if device != agent.device and agent.offer is not None:
            return "on a call"
        rivals = self._rivals(agent, device)
        if any(rival.offer is not None for rival in rivals):
            return "device in use"
        for rival in rivals:  # A phone belongs to one person at a time.
            self.change_presence(rival, PresenceInput.LOGOUT, "device_taken", item.actor, now)
        agent.borrowed = device != agent.config.device
        moved = device != agent.device
        if moved:
            self._bind(agent, device, now)
        what = PresenceInput.LOGIN_NOT_READY if item.reason else PresenceInput.LOGIN
        self.change_presence(agent, what, item.reason, item.actor, now, moved)
        return ""

    def _queue_command(self, agent: AgentState, item: AgentCommand, now: float) -> str:
        if all(seat.queue.name != item.queue for seat in agent.seats):
            return "not a member"
        if agent.presence is Presence.OFFLINE and item.verb in ("login", "ready"):
            return self._log_in_to(agent, item, now)
        if agent.presence is Presence.OFFLINE:
            return "not logged in"
        if item.verb in ("logout", "not_ready"):
            agent.paused_in.add(item.queue)
            presence = Presence.NOT_READY
        elif item.verb in ("login", "ready"):
            agent.paused_in.discard(item.queue)
            presence = Presence.READY
        else:
            return "unknown verb"
        self.floor.step_aside(agent)
        self.floor.count(agent)
        self.floor.stand(agent)
        self._emit(
            Publish(AgentPresenceChanged(agent.name, presence, item.reason, item.actor, agent.device, item.queue))
        )
        return ""

    def _log_in_to(self, agent: AgentState, item: AgentCommand, now: float) -> str:
        """Who was logged out logs in to one queue: the others are paused."""
        others = {seat.queue.name for seat in agent.seats if seat.tier in seat.queue.tiers} - {item.queue}
        agent.paused_in |= others
        if refusal := self._log_in(agent, replace(item, verb="login", queue=""), now):
            agent.paused_in.clear()
            return refusal
        for name in sorted(others):
            self._emit(
                Publish(AgentPresenceChanged(agent.name, Presence.NOT_READY, "", item.actor, agent.device, name))
            )
        return ""

    def change_presence(
        self, agent: AgentState, what: PresenceInput, reason: str, actor: str, now: float, moved: bool = False
    ) -> None:
        """`moved`: the agent is at another device now, which is told even if nothing else has changed."""
        row = PRESENCE_TABLE[agent.presence]
        assert what in row, f"agent {agent.name}: {what} in {agent.presence}"
        before, after = agent.presence, row[what]
        same = after is before and reason == agent.reason and not moved
        if same and what not in (PresenceInput.LOGIN, PresenceInput.READY):
            return
        was_serving, old_reason = agent.serving, agent.reason
        agent.presence, agent.reason = after, reason
        if before is Presence.OFFLINE:
            agent.logged_in = agent.idle_since = agent.unavailable_since = now
        elif was_serving and not agent.serving and agent.reachable:
            agent.unavailable_since = now
        elif agent.serving and not was_serving:
            self._back_in_service(agent, now)
        if agent.serving:
            agent.missed = 0
        if after is not before or reason != old_reason or moved:
            agent.presence_since = now
            self._emit(Publish(AgentPresenceChanged(agent.name, after, reason, actor, agent.device, previous=before)))
        if after is Presence.OFFLINE:
            self._logged_out(agent, now)
        self.floor.count(agent)
        self.floor.settle(agent, now, str(what))

    def _logged_out(self, agent: AgentState, now: float) -> None:
        """Who has gone home neither wraps up nor backs off, and gives a borrowed device back."""
        agent.paused_in.clear()
        self.floor.drop_back_off(agent)
        self.floor.drop_wrap_up(agent)
        self._come_home(agent, now)

    def _back_in_service(self, agent: AgentState, now: float) -> None:
        """C.5: a pause or a loss of contact longer than the grace starts the idle clock anew."""
        if self.pause_grace is not None and now - agent.unavailable_since > self.pause_grace:
            agent.idle_since = now

    def resume(self, agent: AgentState, offer: Offer, activity: Activity, since: float) -> None:
        """After a restart: what the agent has been doing all the time is a fact, not a transition."""
        agent.offer = offer
        if activity in (Activity.TALKING, Activity.HOLDING):
            wrapping.talks(agent, offer)
        self.floor.place(agent, activity, since, "queue" if activity in (Activity.TALKING, Activity.HOLDING) else "")

    # --- offers and conversations --------------------------------------------------------------------------------

    def reserve(self, agent: AgentState, offer: Offer, now: float) -> None:
        agent.offer = offer
        self.floor.move(agent, ActivityInput.RESERVE, now, "offer")

    def rings(self, agent: AgentState, now: float) -> None:
        if agent.activity is Activity.RESERVED:  # A second 180 changes nothing.
            self.floor.move(agent, ActivityInput.RING, now, "ringing")

    def picked_up(self, agent: AgentState, now: float) -> None:
        self.floor.move(agent, ActivityInput.ANSWER, now, "answered", "queue")

    def connected(self, agent: AgentState, now: float) -> None:
        """Agent and caller talk."""
        agent.missed = 0
        if agent.offer is not None:
            wrapping.talks(agent, agent.offer)
        agent.load.answered(now)
        if agent.presence is Presence.READY_ONCE:
            self.change_presence(agent, PresenceInput.CALL_TAKEN, ON_DEMAND, "system", now)

    def held(self, agent: AgentState, held: bool, now: float) -> None:
        if held and agent.activity is Activity.TALKING:
            self.floor.move(agent, ActivityInput.HOLD, now, "hold", "queue")
        elif not held and agent.activity is Activity.HOLDING:
            self.floor.move(agent, ActivityInput.RESUME, now, "resume", "queue")

    def offer_cancelled(self, agent: AgentState, result: OfferResult, now: float) -> None:
        """The offer ended through no fault of the agent: the idle clock does not change (C.5)."""
        agent.offer = None
        if result is OfferResult.CANCELLED_AGENT_STATE:
            agent.idle_since = now  # They left while being rung: that is a failed offer, to the back.
        self._end_of_offer(agent, now, str(result))

    def offer_failed(self, agent: AgentState, offer: Offer, result: OfferResult, now: float) -> None:
        """The agent did not take the call: to the back of the line, after the back-off of this outcome (ACD-09)."""
        agent.offer = None
        agent.idle_since = now
        config = offer.queue.config
        delay = {
            OfferResult.NO_ANSWER: config.no_answer_delay,
            OfferResult.REJECTED: config.reject_delay,
            OfferResult.BUSY: config.busy_delay,
        }.get(result, config.unreachable_delay)
        self.floor.begin_back_off(agent, max(now + delay, offer.at + RING_INTERVAL), str(result), now)
        if result is OfferResult.NO_ANSWER:
            agent.missed += 1
            if agent.serving and 0 < config.max_no_answer <= agent.missed:
                self.change_presence(agent, PresenceInput.CALLS_MISSED, NO_ANSWER, "system", now)
        self._end_of_offer(agent, now, str(result))

    def conversation_ended(self, agent: AgentState, offer: Offer, now: float) -> None:
        agent.offer = None
        agent.idle_since = now
        own = agent.config.wrap_up
        seconds = offer.queue.config.wrap_up if own is None else own
        owed = wrapping.owed(agent, offer)
        if agent.presence is Presence.OFFLINE:
            if owed:
                self._emit(Publish(wrapping.unsaid(agent)))
        elif seconds > 0.0 or owed:
            self.floor.begin_wrap_up(agent, offer.queue.name, seconds, now)
            if owed:
                self.floor.owe(agent, offer.queue.config.disposition_max)
        self.floor.outlook.talked(agent, offer.queue.name, now - offer.answered, now)
        self._end_of_offer(agent, now, "conversation ended")

    def _end_of_offer(self, agent: AgentState, now: float, cause: str) -> None:
        self.floor.settle(agent, now, cause)
        if agent.removed:
            self._forget(agent)
        else:
            self._come_home(agent, now)


_PRESENCE_VERBS = {
    "logout": PresenceInput.LOGOUT,
    "ready": PresenceInput.READY,
    "ready_once": PresenceInput.READY_ONCE,
    "not_ready": PresenceInput.NOT_READY,
}


def must_stop_ringing(agent: AgentState) -> bool:
    """Whether the phone rings for an agent who is no longer there for it (AGT-02)."""
    offer = agent.offer
    return (
        offer is not None
        and offer.state is OfferState.RINGING
        and (
            not agent.serving
            or not agent.reachable
            or bool(agent.outside)
            or agent.removed
            or offer.queue.name in agent.paused_in
        )
    )
