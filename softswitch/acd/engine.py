"""The queue engine: callers enter, agents are rung, one function decides (ARCHITECTURE: life of a queued call).

Every input changes facts and then runs `_match`, which looks only at queues that something happened to. An offer reserves its
agent in the same step; races are settled by offer id. What a peer did late, twice or for somebody unknown is counted in
`ignored` and changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

from softswitch.acd import recovery, steering, view, wrapping
from softswitch.acd.acquaintances import Acquaintances
from softswitch.acd.callbacks import Callbacks
from softswitch.acd.caller import Caller, CallerState
from softswitch.acd.custom import PREFIX, Custom, Ranker
from softswitch.acd.dispatcher import Dispatcher
from softswitch.acd.escalation import Ladder
from softswitch.acd.measure import Measure
from softswitch.acd.queue import QueueState
from softswitch.acd.review import IsOpen, Review
from softswitch.acd.roster import Roster
from softswitch.acd.sections import Sections
from softswitch.acd.standing import standing
from softswitch.acd.strategy import DEFAULT, STRATEGIES, Strategy
from softswitch.acd.surge import Surges
from softswitch.acd.visits import Visits
from softswitch.callbacks import CustomerDialled, CustomerMissed, CustomerReached, RequestCallback
from softswitch.effects import (
    AgentCommand,
    CallerKey,
    CallerServed,
    ConversationEnded,
    ConversationHeld,
    ConversationResumed,
    DeviceBusy,
    DeviceFree,
    DeviceReachable,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferAsked,
    OfferConnected,
    OfferFailed,
    OfferResult,
    OfferResumed,
    OfferRinging,
    Outcome,
    Publish,
    ReleaseCaller,
    Standing,
    TellCaller,
    WaitTold,
)
from softswitch.events import CallerLeft, Event
from softswitch.machine import Deadlines, take

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
        is_open: IsOpen = lambda hours: False,
    ) -> None:
        """`pause_grace`: seconds a pause may last without starting the idle clock anew; `idle_clock`: "available", or
        "since_call" to leave pauses and contact out of it (C.5); `is_open`: whether an opening-hours scheme is open now."""
        self.queues: dict[str, QueueState] = {}
        self.ignored: Counter[str] = Counter()  # late, double or unknown reports, by what they were about
        self.measure = Measure()
        self._folds: dict[type, Callable[[Any], None]] = {**self.measure.folds, CallerLeft: self._left}
        self.deadlines: Deadlines[tuple[str, object]] = Deadlines()
        self._strategies: Mapping[str, Strategy] = strategies
        self.out: list[object] = []  # The parts hold its `append`.
        self._dirty: dict[QueueState, None] = {}
        self._closing = False  # whether a queue that is gone still has callers
        self.entropy = entropy
        self.emit = emit = self.out.append
        self.roster = Roster(emit, self.deadlines, self._dirty, pause_grace=pause_grace, idle_clock=idle_clock)
        self.outlook = self.roster.floor.outlook
        self.acquaintances = Acquaintances()
        self.sections = Sections(self.roster, self.acquaintances, self.deadlines, self._dirty)
        self.visits = Visits(self.publish, emit, self.deadlines, self._dirty, self.sections)
        self.review = review = Review(
            self.visits, self.sections, self.roster.floor, self.publish, self._strategy, is_open
        )
        self.dispatcher = Dispatcher(
            self.visits, self.roster, self.deadlines, self._dirty, self.ignored, self.publish, emit, entropy, review,
            self.acquaintances,
        )  # fmt: skip
        self.surges = Surges(self.deadlines, self.publish)
        self.ladder = Ladder(self.visits, self.dispatcher, self.deadlines, self.measure, self.publish, emit)
        self.ladder.estimate = self._estimate
        self.callbacks = Callbacks(self)
        self._handlers: dict[type, Callable[[Any, float], object]] = {
            RequestCallback: self.callbacks.request,
            CustomerDialled: self.callbacks.dialled,
            CustomerReached: self.callbacks.reached,
            CustomerMissed: self.callbacks.missed,
            EnterQueue: self.enter,
            WaitTold: self._told,
            CallerKey: lambda item, now: self.key(item.caller, item.key, now),
            LeaveQueue: lambda item, now: self.leave(item.caller, now, item.outcome, item.detail),
            OfferRinging: lambda item, now: self.offer_ringing(item.offer, now),
            OfferAsked: lambda item, now: self.dispatcher.asked(item.offer, item.until, now),
            OfferAnswered: lambda item, now: self.offer_answered(item.offer, now),
            OfferConnected: lambda item, now: self.offer_connected(item.offer, now),
            OfferFailed: lambda item, now: self.offer_failed(item.offer, item.result, now, item.status),
            ConversationHeld: lambda item, now: self.conversation_held(item.offer, item.held, now),
            ConversationEnded: lambda item, now: self.conversation_ended(item.offer, now, item.cause),
            OfferResumed: lambda item, now: recovery.resume_offer(self, item, now),
            ConversationResumed: lambda item, now: recovery.resume_conversation(self, item, now),
            DeviceBusy: lambda item, now: self._outside(item.device, item.kind or "internal", now),
            DeviceFree: lambda item, now: self._outside(item.device, "", now),
            CallerServed: lambda item, now: self.caller_served(item.device, item.queue, now),
            DeviceReachable: lambda item, now: self.device_reachable(item.device, item.reachable, now),
            AgentCommand: self.command,
        }
        self._timers: dict[str, Callable[[Any, float], None]] = {
            "ring": self.dispatcher.timed_out,
            "tier": self._tier_step,
            "section": self._section_step,
            "widen": self._widen,
            "wait": self._max_wait,
            "vacant": self._vacancy,
            "age": self._age,
            "join": self._join_grace,
            "rung": lambda caller, now: self.ladder.due(caller),
            "ladder": self._look_again,
            "surge": self._weigh,
            "callback": self.callbacks.timer,
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
        return take(self.out)

    def publish(self, event: Event) -> None:
        """Announce an event that counts: the counters are a fold of the same events the journal gets."""
        fold = self._folds.get(type(event))
        if fold is not None:
            fold(event)
        self.out.append(Publish(event))

    def _left(self, event: CallerLeft) -> None:
        self.measure.folds[CallerLeft](event)
        self.outlook.left(event)

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
            self.surges.weigh(queue, now)
        self.visits.returns.forget(queues)
        self._closing = any(queue.closing for queue in self.queues.values())
        for name in [name for name, queue in self.queues.items() if queue.closing]:
            self.callbacks.forget_queue(name, now)
        self.roster.seat(self.queues.values())
        self.outlook.forget(self.queues, self.roster.agents)
        self.sections.relay(self.visits.callers.values(), now)
        for caller in self.visits.callers.values():
            self.visits.arm_widening(caller, now)
        self.dispatcher.stop_ringing((*removed, *self.roster.agents.values()), now)
        self._dirty.update(dict.fromkeys(self.queues.values()))
        self._match(now)

    def plug_in(self, rankers: Mapping[str, Ranker], now: float, clock: Callable[[], float] | None = None) -> None:
        """Take the strategies of the site's own in place of those of before (ACD-21). `clock` measures them, in seconds."""
        own = [Custom(name, rank, self.publish, clock) for name, rank in rankers.items()]
        built_in = {name: one for name, one in self._strategies.items() if not name.startswith(PREFIX)}
        self._strategies = {**built_in, **{one.name: one for one in own}}
        for queue in self.queues.values():
            self.review.use(queue, self._strategy(queue.config.strategy), now)
            self._dirty[queue] = None
        self._match(now)

    def _strategy(self, name: str) -> Strategy:
        return self._strategies.get(name) or self._strategies[DEFAULT]

    def _configure_queue(self, name: str, config: Queue, now: float) -> None:
        strategy = self._strategy(config.strategy)
        queue = self.queues.get(name)
        if queue is None:
            self.queues[name] = QueueState(config, strategy)
        else:
            steps, before = queue.steps, queue.config
            queue.configure(config, strategy)
            self.visits.relay(queue, before, steps, now)
        self.measure.configure(config)

    def _drop_closed(self) -> None:
        """Forget queues that are gone from the configuration and have no callers left."""
        occupied = {caller.queue for caller in self.visits.callers.values()}
        closed = [name for name, queue in self.queues.items() if queue.closing and queue not in occupied]
        if closed:
            self.roster.unseat()
            for name in closed:
                for timer in ("vacant", "ladder", "surge"):
                    self.deadlines.clear((timer, name))
                self.visits.stirred.pop(self.queues[name], None)
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
            self.out.append(ReleaseCaller(item.caller, item.queue, Outcome.FAILED))
            return
        if self.callbacks.tasks:
            self.callbacks.returned(item.caller, now)
        present = self.visits.callers.get(item.caller)
        if present is not None:
            if present.queue is queue:
                self.ignored["caller"] += 1
                self._match(now)  # After a restart a ring may have brought the caller back already.
                return
            self.dispatcher.depart(present, Outcome.TRANSFERRED_OUT, item.queue, now)
        if self.callbacks.tasks:
            self.callbacks.called_again(item, now)
            item.preferred = item.preferred or self.callbacks.preferred(item.queue, item.number)
        if queue.surging:
            self._admit_to_surge(item, queue, now)
        else:
            self.visits.open(item, queue, now)
        self._match(now)

    def _admit_to_surge(self, item: EnterQueue, queue: QueueState, now: float) -> None:
        surge = queue.config.surge
        if item.caller in self.visits.interrupted:
            self.visits.open(item, queue, now)
        elif surge.callback and self.surges.asks(item.caller):
            asked, to = Outcome.CALLBACK_REQUESTED, f"callback:{queue.name}"
            self.out.append(ReleaseCaller(item.caller, queue.name, asked, to, item.priority, item.wait_credit))
        elif self.visits.open(item, queue, now) is not None and surge.greeting:
            self.out.append(TellCaller(item.caller, queue.name, surge.greeting))

    def leave(self, caller_id: str, now: float, outcome: Outcome = Outcome.ABANDONED, detail: str = "") -> None:
        """The caller is gone before an agent was connected; ABANDONED is refined into its sub-classes."""
        caller = self.visits.callers.get(caller_id)
        if caller is None:
            if not self.visits.leave_interrupted(caller_id, outcome, now, detail):
                self.ignored["caller"] += 1
            return
        if caller.absent:
            self.ignored["caller"] += 1  # Nobody who is not on the line can hang up.
            return
        if caller.callback is not None and outcome is not Outcome.WITHDRAWN:
            # They answered, waited and hung up: called again, if that is still wanted.
            self.callbacks.missed(CustomerMissed(caller.id, "hung_up"), now)
            return
        if outcome is Outcome.ABANDONED:
            outcome, refinement = caller.abandonment(now)
            detail = detail or refinement
        self.dispatcher.depart(caller, outcome, detail, now)
        self._match(now)

    def _told(self, item: WaitTold, now: float) -> None:
        caller = self.visits.callers.get(item.caller)
        if caller is not None:
            caller.told = item.seconds

    def _estimate(self, caller: Caller, now: float) -> float | None:
        outlook = self.outlook
        return outlook.caller(caller, now, exact=True).seconds if outlook.knows(caller.queue) else None

    def key(self, caller_id: str, key: str, now: float) -> bool:
        """A caller who waits presses a key: they leave, if the queue has a way out by it (ACD-29)."""
        caller = self.visits.callers.get(caller_id)
        destination = caller.queue.config.exit_keys.get(key, "") if caller is not None else ""
        return bool(destination) and self.release(caller_id, Outcome.EXIT_KEY, destination, now, key)

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

    def standing(self, caller_id: str, now: float, told: float = -1.0, people: int = 0) -> Standing | None:
        """What may be told to a waiting caller who was told `told` seconds (-1 = nothing) when `people` served them."""
        return standing(self, caller_id, now, told, people)

    def watch_place(self, caller_id: str, below: int) -> None:
        """Tell by `PlaceImproved` when the caller's place is less than `below`, once; 0 = not any more."""
        if (caller := self.visits.callers.get(caller_id)) is not None:
            self.visits.places.watch(caller, below)

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

    def _age(self, caller_id: str, now: float) -> None:
        if (caller := self.visits.callers.get(caller_id)) is not None:
            self.visits.age(caller)

    def _join_grace(self, caller_id: str, now: float) -> None:
        """Who came while nobody was there has waited for somebody to come (ACD-26)."""
        caller = self.visits.callers.get(caller_id)
        if caller is None or caller.state is not CallerState.WAITING:
            return
        config = caller.queue.config
        if caller.queue.is_vacant(now, config.empty_when, now - caller.joined):
            self.dispatcher.release(caller, Outcome.NO_AGENTS_ON_ENTRY, config.on_no_agents, now)

    def _look_again(self, name: str, now: float) -> None:
        if (queue := self.queues.get(name)) is not None:
            self.ladder.look_again(queue)

    def _weigh(self, name: str, now: float) -> None:
        if (queue := self.queues.get(name)) is not None:
            self.surges.weigh(queue, now)

    def _tier_step(self, caller_id: str, now: float) -> None:
        if (caller := self.visits.callers.get(caller_id)) is not None:
            self.visits.tier_step(caller)

    def _section_step(self, caller_id: str, now: float) -> None:
        if (caller := self.visits.callers.get(caller_id)) is not None:
            self.sections.change(caller, now)

    def _widen(self, caller_id: str, now: float) -> None:
        if (caller := self.visits.callers.get(caller_id)) is not None and caller.state is CallerState.OFFERING:
            self._dirty[caller.queue] = None
            self.visits.arm_widening(caller, now)

    def _vacancy(self, name: str, now: float) -> None:
        if (queue := self.queues.get(name)) is not None:
            for caller in self.visits.stranded(queue, now):
                self.dispatcher.release(caller, Outcome.NO_AGENTS_LATER, queue.config.on_no_agents, now)
            self.visits.watch(queue, now)

    def steer(self, verb: str, subject: str, value: str | int, by: str, now: float) -> str:
        """A supervisor's order about a caller, or a queue (`steering`): "" or the reason why that cannot be."""
        return steering.STEERING[verb](self, subject, value, by, now)

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

    def conversation_ended(self, offer: int, now: float, cause: str = "") -> None:
        """Caller and agent no longer talk: wrap-up begins. `cause`: why it broke off, if neither has hung up."""
        talk = self.dispatcher.offers.get(offer) if cause else None
        self.dispatcher.ended(offer, now)
        if talk is not None:
            self.callbacks.dropped(talk.caller, talk.agent.name, cause, now)
        self._match(now)

    # --- agents ----------------------------------------------------------------------------------------------------

    def command(self, item: AgentCommand, now: float) -> str:
        """A person changes an agent's presence; "" or the reason why that cannot be."""
        refusal = wrapping.choose(self, item, now) if item.verb == "disposition" else self.roster.command(item, now)
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
        self._outside(device, kind or "internal", now)

    def _outside(self, device: str, kind: str, now: float) -> None:
        agents = self.roster.device_outside(device, kind, now)
        if agents and kind:
            self.dispatcher.stop_ringing(agents, now)
        if agents or self.callbacks.pending:  # At most phones no agent sits: then nothing has changed.
            self._match(now)

    def caller_served(self, device: str, queue: str, now: float) -> None:
        """A conversation outside of offers with a caller of a queue is over: wrap-up begins, as after one that was offered."""
        found = self.queues.get(queue)
        if found is not None:
            self.roster.caller_served(device, found, now)
            self._match(now)

    def device_free(self, device: str, now: float) -> None:
        self._outside(device, "", now)

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
            if caller.absent:
                continue  # Who is to be called back is called by the next life.
            self.dispatcher.release(caller, Outcome.SYSTEM_SHUTDOWN, "", now)
        self.visits.close_interrupted(now)

    # --- the one decision ------------------------------------------------------------------------------------------

    def match(self, now: float) -> None:
        """Something has changed that was no input of the engine's own."""
        self._match(now)

    def _match(self, now: float) -> None:
        if self._dirty:
            self.dispatcher.match(now)
        visits, callbacks = self.visits, self.callbacks
        while visits.fresh or visits.stirred:
            self.ladder.climb(now)
            self.dispatcher.match(now)
        while callbacks.tasks and callbacks.pending and callbacks.blend(now):
            self.dispatcher.match(now)
        if visits.counted:
            for queue in visits.counted:
                self.surges.weigh(queue, now)
            visits.counted.clear()
        if self._closing:
            self._drop_closed()
