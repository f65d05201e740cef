"""The queue engine: callers enter, agents are rung, one function decides (ARCHITECTURE: life of a queued call).

Every input changes facts and then runs `_match`, which looks only at queues that something happened to. An offer reserves its
agent in the same step; races are settled by offer id. What a peer did late, twice or for somebody unknown is counted in
`ignored` and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

from softswitch.acd import recovery, view
from softswitch.acd.caller import CallerState
from softswitch.acd.dispatcher import Dispatcher
from softswitch.acd.measure import Measure
from softswitch.acd.queue import QueueState
from softswitch.acd.roster import Roster
from softswitch.acd.strategy import DEFAULT, STRATEGIES, Strategy
from softswitch.acd.visits import Visits
from softswitch.effects import (
    AgentCommand,
    ConversationEnded,
    ConversationHeld,
    ConversationResumed,
    DeviceBusy,
    DeviceFree,
    DeviceReachable,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferConnected,
    OfferFailed,
    OfferResult,
    OfferResumed,
    OfferRinging,
    Outcome,
    Publish,
    ReleaseCaller,
)
from softswitch.events import Event
from softswitch.machine import Deadlines

if TYPE_CHECKING:
    from softswitch.directory import Agent, Queue
    from softswitch.machine import Entropy


class Engine:
    """All queues and all agents of the site."""

    def __init__(
        self,
        entropy: Entropy,
        *,
        strategies: Mapping[str, Strategy] = STRATEGIES,
        pause_grace: float = 60.0,
        idle_clock: str = "available",
    ) -> None:
        """`pause_grace`: seconds a pause may last without starting the idle clock anew; `idle_clock`: "available", or
        "since_call" to leave pauses and contact out of it (C.5)."""
        self.queues: dict[str, QueueState] = {}
        self.ignored: Counter[str] = Counter()  # late, double or unknown reports, by what they were about
        self.measure = Measure()
        self._folds = self.measure.folds
        self.deadlines: Deadlines[tuple[str, object]] = Deadlines()
        self._strategies = strategies
        self._out: list[object] = []  # One list for good: the parts hold its `append`.
        self._dirty: dict[QueueState, None] = {}
        self._closing = False  # whether a queue that is gone still has callers
        emit = self._out.append
        self.roster = Roster(emit, self.deadlines, self._dirty, pause_grace=pause_grace, idle_clock=idle_clock)
        self.visits = Visits(self.publish, emit, self.deadlines, self._dirty)
        self.dispatcher = Dispatcher(
            self.visits, self.roster, self.deadlines, self._dirty, self.ignored, self.publish, emit, entropy
        )
        self._handlers: dict[type, Callable[[Any, float], object]] = {
            EnterQueue: self.enter,
            LeaveQueue: lambda item, now: self.leave(item.caller, now, item.outcome, item.detail),
            OfferRinging: lambda item, now: self.offer_ringing(item.offer, now),
            OfferAnswered: lambda item, now: self.offer_answered(item.offer, now),
            OfferConnected: lambda item, now: self.offer_connected(item.offer, now),
            OfferFailed: lambda item, now: self.offer_failed(item.offer, item.result, now, item.status),
            ConversationHeld: lambda item, now: self.conversation_held(item.offer, item.held, now),
            ConversationEnded: lambda item, now: self.conversation_ended(item.offer, now),
            OfferResumed: lambda item, now: recovery.resume_offer(self, item, now),
            ConversationResumed: lambda item, now: recovery.resume_conversation(self, item, now),
            DeviceBusy: lambda item, now: self.device_busy(item.device, item.kind, now),
            DeviceFree: lambda item, now: self.device_free(item.device, now),
            DeviceReachable: lambda item, now: self.device_reachable(item.device, item.reachable, now),
            AgentCommand: self.command,
        }
        self._timers: dict[str, Callable[[Any, float], None]] = {
            "ring": self.dispatcher.timed_out,
            "tier": self._tier_step,
            "wait": self._max_wait,
            "vacant": self._vacancy,
            "wrap_up": lambda name, now: self.roster.floor.wrap_up_over(self.roster.agents[name], now),
            "back_off": lambda name, now: self.roster.floor.back_off_over(self.roster.agents[name], now),
        }

    # --- the one shape -------------------------------------------------------------------------------------------

    def handle(self, item: object, now: float) -> None:
        """Take one item addressed to the engine (softswitch/effects.py)."""
        self._handlers[type(item)](item, now)

    @property
    def wants(self) -> tuple[type, ...]:
        """The item types that `handle` takes."""
        return tuple(self._handlers)

    def next_deadline(self) -> float | None:
        return self.deadlines.next()

    def expire(self, now: float) -> None:
        while due := self.deadlines.due(now):
            for kind, key in due:
                self._timers[kind](key, now)
            self._match(now)

    def drain(self) -> list[object]:
        out = self._out.copy()
        self._out.clear()
        return out

    def publish(self, event: Event) -> None:
        """Announce an event that counts: the counters are a fold of the same events the journal gets."""
        fold = self._folds.get(type(event))
        if fold is not None:
            fold(event)
        self._out.append(Publish(event))

    # --- configuration -------------------------------------------------------------------------------------------

    def configure(
        self,
        queues: Mapping[str, Queue],
        agents: Mapping[str, Agent],
        now: float,
        accounts: Container[str] | None = None,
    ) -> None:
        """Take the site's queues and agents (ACD-40): callers, order, timers, counters and agent states are kept.

        `accounts` tells devices from external numbers; without it only "+48..." and URIs are external. A queue that is gone
        serves the callers it has and admits nobody; an agent who is gone finishes the conversation.
        """
        removed = self.roster.configure(agents, accounts, now)
        self.roster.unseat()
        for agent in removed:
            self.roster.remove(agent, now)
        for name, config in queues.items():
            self._configure_queue(name, config, now)
        for name, queue in self.queues.items():
            queue.closing = name not in queues
        self._closing = any(queue.closing for queue in self.queues.values())
        self.roster.seat(self.queues.values())
        self.dispatcher.stop_ringing((*removed, *self.roster.agents.values()), now)
        self._dirty.update(dict.fromkeys(self.queues.values()))
        self._match(now)

    def _configure_queue(self, name: str, config: Queue, now: float) -> None:
        strategy = self._strategies.get(config.strategy) or self._strategies[DEFAULT]
        queue = self.queues.get(name)
        if queue is None:
            self.queues[name] = QueueState(config, strategy)
        else:
            steps, max_wait = queue.steps, queue.config.max_wait
            queue.configure(config, strategy)
            self.visits.relay(queue, steps != queue.steps, max_wait != config.max_wait, now)
        self.measure.configure(config)

    def _drop_closed(self) -> None:
        """Forget queues that are gone from the configuration and have no callers left."""
        occupied = {caller.queue for caller in self.visits.callers.values()}
        closed = [name for name, queue in self.queues.items() if queue.closing and queue not in occupied]
        if closed:
            self.roster.unseat()
            for name in closed:
                del self.queues[name]
            self.roster.seat(self.queues.values())
            self._dirty.clear()  # Every match was just made; what `seat` marked is nothing new.
            self._closing = any(queue.closing for queue in self.queues.values())

    # --- callers -------------------------------------------------------------------------------------------------

    def enter(self, item: EnterQueue, now: float) -> None:
        """A caller wants an agent. The same caller in another queue leaves that one first."""
        queue = self.queues.get(item.queue)
        if queue is None or queue.closing:
            self.ignored["queue"] += 1
            self._out.append(ReleaseCaller(item.caller, item.queue, Outcome.FAILED))
            return
        present = self.visits.callers.get(item.caller)
        if present is not None:
            if present.queue is queue:
                self.ignored["caller"] += 1
                self._match(now)  # After a restart a ring may have brought the caller back already.
                return
            self.dispatcher.depart(present, Outcome.TRANSFERRED_OUT, item.queue, now)
        self.visits.open(item, queue, now)
        self._match(now)

    def leave(self, caller_id: str, now: float, outcome: Outcome = Outcome.ABANDONED, detail: str = "") -> None:
        """The caller is gone before an agent was connected; ABANDONED is refined into its sub-classes."""
        caller = self.visits.callers.get(caller_id)
        if caller is None:
            if not self.visits.leave_interrupted(caller_id, outcome, now, detail):
                self.ignored["caller"] += 1
            return
        if outcome is Outcome.ABANDONED:
            outcome, refinement = caller.abandonment(now)
            detail = detail or refinement
        self.dispatcher.depart(caller, outcome, detail, now)
        self._match(now)

    def release(self, caller_id: str, outcome: Outcome, destination: str, now: float, detail: str = "") -> bool:
        """Send a caller who has no agent yet elsewhere ("" = hang up); False if there is no such caller."""
        caller = self.visits.callers.get(caller_id)
        if caller is None or caller.state is CallerState.CONNECTING:
            return False
        self.dispatcher.release(caller, outcome, destination, now, detail)
        self._match(now)
        return True

    def set_priority(self, caller_id: str, priority: int, now: float) -> bool:
        """Change a caller's priority with immediate effect (ACD-23); False if there is no such caller."""
        caller = self.visits.callers.get(caller_id)
        if caller is None:
            return False
        self.visits.set_priority(caller, priority)
        self._match(now)
        return True

    def position(self, caller_id: str) -> int | None:
        """The caller's 1-based place in the queue, None if there is no such caller or an agent picked up."""
        caller = self.visits.callers.get(caller_id)
        return self.visits.position(caller) if caller else None

    def _max_wait(self, caller_id: str, now: float) -> None:
        caller = self.visits.callers.get(caller_id)
        if caller is None:
            return
        config = caller.queue.config
        if caller.state is CallerState.CONNECTING or (
            caller.state is CallerState.OFFERING and not config.max_wait_strict
        ):
            caller.overdue = True  # They leave when the offer is over, unless it ends well.
        else:
            self.dispatcher.release(caller, Outcome.TIMEOUT, config.on_timeout, now)

    def _tier_step(self, caller_id: str, now: float) -> None:
        if (caller := self.visits.callers.get(caller_id)) is not None:
            self.visits.tier_step(caller)

    def _vacancy(self, name: str, now: float) -> None:
        if (queue := self.queues.get(name)) is not None:
            for caller in self.visits.stranded(queue, now):
                self.dispatcher.release(caller, Outcome.NO_AGENTS_LATER, queue.config.on_no_agents, now)
            self.visits.watch(queue, now)

    # --- reports about offers: each is settled by its id ----------------------------------------------------------------

    def offer_ringing(self, offer: int, now: float) -> None:
        """The agent's phone rings."""
        self.dispatcher.ringing(offer, now)

    def offer_answered(self, offer: int, now: float) -> None:
        """The agent's phone answered: the first answer wins the caller, every other is withdrawn."""
        self.dispatcher.answered(offer, now)
        self._match(now)

    def offer_connected(self, offer: int, now: float) -> None:
        """Caller and agent hear each other, after the agent was spoken to."""
        self.dispatcher.connected(offer, now)
        self._match(now)

    def offer_failed(self, offer: int, result: OfferResult, now: float, status: int = 0) -> None:
        """The ring ended without an answer, or the agent who picked up is gone before the two were joined."""
        self.dispatcher.failed(offer, result, now, status)
        self._match(now)

    def conversation_held(self, offer: int, held: bool, now: float) -> None:
        self.dispatcher.held(offer, held, now)

    def conversation_ended(self, offer: int, now: float) -> None:
        """Caller and agent no longer talk: wrap-up begins."""
        self.dispatcher.ended(offer, now)
        self._match(now)

    # --- agents ----------------------------------------------------------------------------------------------------

    def command(self, item: AgentCommand, now: float) -> str:
        """A person changes an agent's presence; "" or the reason why that cannot be."""
        refusal = self.roster.command(item, now)
        if refusal:
            self.ignored["command"] += 1
            return refusal
        self.dispatcher.stop_ringing((self.roster.agents[item.agent],), now)
        self._match(now)
        return ""

    def device_reachable(self, device: str, reachable: bool, now: float) -> None:
        """The registrar has, or no longer has, a contact of the device (ACD-39)."""
        self.dispatcher.stop_ringing(self.roster.device_reachable(device, reachable, now), now)
        self._match(now)

    def device_busy(self, device: str, kind: str, now: float) -> None:
        """A leg outside the queues occupies the device (ACD-38)."""
        self.dispatcher.stop_ringing(self.roster.device_outside(device, kind or "internal", now), now)
        self._match(now)

    def device_free(self, device: str, now: float) -> None:
        self.roster.device_outside(device, "", now)
        self._match(now)

    # --- what others want to see -------------------------------------------------------------------------------------

    def snapshot(self, now: float) -> dict[str, Any]:
        """Every queue and agent as plain values, for the board and the command line."""
        return view.snapshot(self, now)

    def explain_caller(self, caller: str, now: float) -> dict[str, Any] | None:
        """Why this caller still waits: for each member the one reason (B-2); None if there is no such caller."""
        return view.explain_caller(self, caller, now)

    def explain_agent(self, agent: str, now: float) -> dict[str, Any] | None:
        """Why this agent gets no call; None if there is no such agent."""
        return view.explain_agent(self, agent, now)

    # --- restart -----------------------------------------------------------------------------------------------------

    def export_state(self, now: float) -> dict[str, Any]:
        """Everything a restart must know, as JSON values; times are ages and remainders, never readings of this clock."""
        return recovery.export_state(self, now)

    def restore_state(self, data: Mapping[str, Any], now: float, age: float = 0.0) -> None:
        """Take the state of before, after `configure`; `age` is the wall-clock seconds since its export.

        A visit goes on when its caller enters the queue again; `close_visits` ends the others.
        """
        recovery.restore_state(self, data, now, age)
        self._dirty.update(dict.fromkeys(self.queues.values()))
        self._match(now)

    def close_visits(self, now: float) -> None:
        """End the visits that a restart cut off and nobody resumed, as `system_shutdown`; and rings of agents who are gone."""
        self.visits.close_interrupted(now)
        self.dispatcher.stop_ringing(self.roster.agents.values(), now)
        self._match(now)

    def shut_down(self, now: float) -> None:
        """Release every caller who has no agent, as `system_shutdown`; conversations go on."""
        for caller in list(self.visits.callers.values()):
            self.dispatcher.release(caller, Outcome.SYSTEM_SHUTDOWN, "", now)
        self.visits.close_interrupted(now)

    # --- the one decision ------------------------------------------------------------------------------------------

    def _match(self, now: float) -> None:
        self.dispatcher.match(now)
        if self._closing:
            self._drop_closed()
