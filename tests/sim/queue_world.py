"""A world around the queue engine, in virtual time: phones, people and a network with faults, all from one seed.

The world only sees what the call side sees: it performs the items that come out and reports what phones and callers did,
late, twice or out of order. After every input the invariants of the engine are checked, and each single choice of an agent
is compared with a plain computation over all callers and agents (`queue_inputs.Oracle`). A failure names its seed.
"""

from __future__ import annotations

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from softswitch.acd.invariants import check_invariants
from softswitch.acd.measure import recount
from softswitch.acd.strategy import STRATEGIES
from softswitch.directory import Agent, Membership, Need, Queue, StrategyRule
from softswitch.effects import (
    AgentCommand,
    ConnectOffer,
    ConversationEnded,
    ConversationHeld,
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
    OfferRinging,
    Outcome,
    Publish,
    ReleaseCaller,
    RingAgent,
    WithdrawOffer,
)
from softswitch.events import CallerJoined, CallerLeft, Event
from tests.sim.queue_inputs import apply_input, new_engine

# What makes a run: everything is drawn from the seed, so a failing seed is a complete bug report.
HORIZON = 240.0  # seconds of virtual time with new arrivals; then everybody leaves and the engine must come to rest
LAG = 0.25  # seconds: the longest delay of a report
TWICE = 0.04  # share of reports that arrive twice
VERBS = ("login", "logout", "ready", "ready_once", "not_ready", "end_wrap_up", "extend_wrap_up", "nap")
SKILLS = ("english", "claims")
QUEUE_VERBS = ("login", "logout", "ready", "not_ready")


class World:
    """One run."""

    def __init__(self, seed: int, *, horizon: float = HORIZON, check: bool = True) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        # What came later is drawn apart, so that old seeds still tell the old stories; and only in half of the worlds.
        self.more = random.Random(f"{seed} more")
        self.rich = bool(seed % 2)
        self.now = self.random.uniform(0.0, 1e6)
        self.end = self.now + horizon
        self.check = check
        self.coverage: Counter[tuple[str, str]] = Counter()
        self.journal: list[tuple[float, str, Any]] = []  # every input, for the replay
        self.output: list[object] = []
        self.events: list[Event] = []
        self.steps = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._calls = 0
        self._live: set[str] = set()  # callers whose calls are up
        self._talks: dict[int, str] = {}  # offer -> the caller in this conversation
        self._rings: dict[int, RingAgent] = {}  # phones that ring
        self.engine = new_engine(seed, check)
        self._draw_site()
        self._configure()

    # --- the site ----------------------------------------------------------------------------------------------------

    def _draw_site(self) -> None:
        draw = self.random
        self.agents = {f"a{n}": self._draw_agent(f"a{n}") for n in range(draw.randint(1, 6))}
        self.queues = {f"q{n}": self._draw_queue(f"q{n}") for n in range(draw.randint(1, 3))}

    def _draw_agent(self, name: str) -> Agent:
        draw, more = self.random, self.more
        skills = {skill: more.choice((0, 30, 60, 90)) for skill in SKILLS if more.random() < 0.6}
        return Agent(
            name,
            draw.choice((f"d{name}", f"d{name}", f"d{name}", f"+48{name}")),
            wrap_up=draw.choice((None, None, 0.0, 5.0)),
            ring_timeout=draw.choice((None, None, 6.0)),
            auto_ready=draw.random() < 0.3,
            skills=skills if self.rich else {},
            confirm=more.choice(("", "", "always", "off")) if self.rich else "",
        )

    def _draw_queue(self, name: str) -> Queue:
        draw = self.random
        names = sorted(self.agents)
        chosen = draw.sample(names, draw.randint(1, len(names)))
        return Queue(
            name,
            members=tuple(
                Membership(agent, draw.choice((0, 0, 1, 2)), draw.randint(0, 3), self.more.randint(1, 5))
                for agent in chosen
            ),
            strategy=draw.choice((*STRATEGIES, "longest_idle", "longest_idle", "ring_all", "unheard_of")),
            tier_mode=draw.choice(("busy", "timed", "both")),
            tier_after=draw.choice(({}, {1: 5.0}, {1: 5.0, 2: 12.0}, {1: 0.0, 2: 8.0}, {2: 4.0, 1: 9.0})),
            tier_widen=draw.random() < 0.7,
            tier_soon=draw.choice((0.0, 0.0, 3.0)),
            ring_timeout=draw.choice((4.0, 8.0, 15.0)),
            wrap_up=draw.choice((0.0, 4.0, 12.0)),
            max_length=draw.choice((0, 0, 3, 8)),
            max_wait=draw.choice((0.0, 0.0, 20.0, 45.0)),
            max_wait_strict=draw.random() < 0.5,
            join_without_agents=draw.random() < 0.8,
            leave_without_agents=draw.random() < 0.3,
            no_agents_grace=draw.choice((0.0, 3.0)),
            empty_when=draw.choice((("logged_out", "unreachable"), ("logged_out", "unreachable", "paused"))),
            weight=draw.choice((0, 0, 0, 5)),
            no_answer_delay=draw.choice((0.0, 5.0)),
            reject_delay=draw.choice((0.0, 7.0)),
            busy_delay=draw.choice((0.0, 3.0)),
            unreachable_delay=draw.choice((0.0, 5.0)),
            max_no_answer=draw.choice((0, 2, 3)),
            agent_greeting=draw.choice(((), (), ("whisper",))),
            **(self._draw_riches() if self.rich else {}),
        )

    def _draw_riches(self) -> dict[str, Any]:
        more = self.more
        return {
            "needs": more.choice(((), (), self._draw_needs(), self._draw_needs())),
            "ring_step": more.choice((1.0, 3.0)),
            "preferred_wait": more.choice((0.0, 6.0, 20.0)),
            "last_agent_hours": more.choice((0.0, 1.0)),
            "confirm": more.choice(("off", "outside", "always")),
            "strategy_rules": more.choice(
                (
                    (),
                    (),
                    (StrategyRule("ring_all", waiting=2), StrategyRule("progressive", load=0.5)),
                    (StrategyRule("linear", hours="peak"), StrategyRule("skills", closed="peak", load=0.3)),
                )
            ),
        }

    def _draw_needs(self) -> tuple[Need, ...]:
        more = self.more
        skill = more.choice(SKILLS)
        steps = [Need(skill, more.choice((0, 50)), weight=more.choice((1.0, 2.0)))]
        if more.random() < 0.6:
            steps.append(Need(skill, more.choice((0, 20)), after=more.choice((3.0, 10.0))))
        if more.random() < 0.6:
            steps.append(Need(skill, after=more.choice((12.0, 20.0)), drop=True))
        return tuple(steps)

    def _configure(self) -> None:
        self._input("configure", (dict(self.queues), dict(self.agents)))

    def _reload(self) -> None:
        """Change something of the site while everything goes on."""
        draw = self.random
        what = draw.randrange(6)
        if what == 0 and len(self.agents) > 1:
            del self.agents[draw.choice(sorted(self.agents))]
        elif what == 1:
            name = f"a{draw.randrange(8)}"
            self.agents[name] = self._draw_agent(name)
        elif what == 2 and len(self.queues) > 1:
            del self.queues[draw.choice(sorted(self.queues))]
        elif what == 3:
            name = f"q{draw.randrange(4)}"
            self.queues[name] = self._draw_queue(name)
        else:
            name = draw.choice(sorted(self.queues))
            fresh = self._draw_queue(name)
            if self.rich and self.more.random() < 0.5:
                name, fresh = name, replace(fresh, **self._draw_riches())
                self.queues[name] = replace(self.queues[name], needs=fresh.needs, strategy_rules=fresh.strategy_rules)
            field = draw.choice(("strategy", "members", "tier_mode", "tier_after", "max_wait", "leave_without_agents"))
            self.queues[name] = replace(self.queues[name], **{field: getattr(fresh, field)})
        self._configure()

    # --- time ----------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + seconds, self._sequence, action))

    def report(self, item: object) -> None:
        """Tell the engine, as networks do: late, sometimes twice, sometimes out of order."""
        for _ in range(2 if self.random.random() < TWICE else 1):
            self.after(self.random.choice((0.0, 0.0, self.random.uniform(0.0, LAG))), lambda: self.give(item))

    def run(self) -> Self:
        """Live until the horizon, then close the day and see that nothing is left."""
        try:
            self._start()
            self._live_until(self.end)
            self._close_the_day()
        except AssertionError as error:
            raise AssertionError(f"seed {self.seed}, step {self.steps}, now {self.now:.3f}: {error}") from error
        return self

    def _start(self) -> None:
        rate = self.random.uniform(2.0, 12.0)
        for name in sorted(self.agents):
            self.after(self.random.uniform(0.0, 3.0), lambda name=name: self._agent_arrives(name))  # type: ignore[misc]
        for every, action in (
            (rate, self._caller_arrives),
            (7.0, self._agent_does_something),
            (25.0, self._confusion),
            (12.0, self._device_does_something),
            (40.0, self._reload),
            (15.0, self._supervisor),
            (90.0, self._sleep),
            (110.0, self._crash),
        ):
            self._repeat(every, action)

    def _repeat(self, mean: float, action: Callable[[], None]) -> None:
        def again() -> None:
            if self.now < self.end:
                action()
                self._repeat(mean, action)

        self.after(self.random.expovariate(1.0 / mean), again)

    def _live_until(self, end: float) -> None:
        while True:
            deadline = self.engine.next_deadline()
            at = self._heap[0][0] if self._heap else None
            if deadline is not None and deadline <= end and (at is None or deadline <= at):
                # The loop may be a little late.
                self.now = max(self.now, deadline + self.random.choice((0.0, 0.0, 0.004)))
                self._input("expire", None)
            elif at is not None and at <= end:
                self.now = max(self.now, at)
                heapq.heappop(self._heap)[2]()
            else:
                return

    def _close_the_day(self) -> None:
        """Everybody hangs up and goes home; no timer, offer, caller or conversation remains and the books balance."""
        self.end = self.now
        self._live_until(self.now + LAG + 40.0)
        for caller in sorted(self.engine.visits.callers):
            self._hang_up(caller)
        for offer in sorted(self._talks):
            self._talk_ends(offer)
        self._input("close", None)
        self._live_until(self.now + 2 * LAG + 60.0)
        for agent in sorted(self.engine.roster.agents):
            self.give(AgentCommand(agent, "logout", actor="test"))
        assert not self.engine.visits.callers and not self.engine.visits.interrupted, "somebody is left"
        assert not self.engine.dispatcher.offers, f"offers are left: {self.engine.dispatcher.offers}"
        assert self.engine.deadlines.names() == [], f"deadlines are left: {self.engine.deadlines.names()}"
        self._check_books()

    def _check_books(self) -> None:
        """One outcome per visit; and the counters are a recount of the journal."""
        joined = Counter((e.queue, e.visit) for e in self.events if isinstance(e, CallerJoined))
        left = Counter((e.queue, e.visit) for e in self.events if isinstance(e, CallerLeft))
        assert joined == left, f"visits without one end: {joined - left}, ends without a visit: {left - joined}"
        assert set(joined.values()) <= {1}, "a visit began twice"
        fresh = recount(self.events, ()).as_dict()
        for name, counts in self.engine.measure.as_dict().items():
            again = fresh.get(name)
            for key in ("entered", "outcomes", "offers") if again else ():
                assert again is not None and again[key] == counts[key], f"{name}.{key} is not what the journal says"

    # --- the one way in ------------------------------------------------------------------------------------------------

    def give(self, item: object) -> None:
        self._input("item", item)

    def _input(self, kind: str, value: Any) -> None:
        self._cover(kind, value)
        self.journal.append((self.now, kind, value))
        self.engine = apply_input(self.engine, kind, value, self.now, self.seed, self.check)
        self.steps += 1
        items = self.engine.drain()
        self.output.extend(items)
        if self.check:
            check_invariants(self.engine, self.now)
            if kind == "expire":
                deadline = self.engine.next_deadline()
                assert deadline is None or deadline > self.now, "a deadline was left behind"
        for item in items:
            self._perform(item)

    def _cover(self, kind: str, value: Any) -> None:
        """Note which input met which state."""
        engine, name = self.engine, type(value).__name__ if kind == "item" else kind
        if isinstance(value, LeaveQueue | EnterQueue):
            caller = engine.visits.callers.get(value.caller)
            self.coverage[(f"caller {caller.state if caller else 'gone'}", name)] += 1
        elif isinstance(
            value,
            OfferAsked
            | OfferRinging
            | OfferAnswered
            | OfferConnected
            | OfferFailed
            | ConversationEnded
            | ConversationHeld,
        ):
            offer = engine.dispatcher.offers.get(value.offer)
            self.coverage[(f"offer {offer.state if offer else 'gone'}", name)] += 1
        elif isinstance(value, AgentCommand):
            agent = engine.roster.agents.get(value.agent)
            verb = value.verb + " in queue" * bool(value.queue and value.verb in QUEUE_VERBS)
            self.coverage[(f"agent {agent.activity if agent else 'gone'}", verb)] += 1
            if agent:
                self.coverage[(f"presence {agent.presence}", verb)] += 1
        elif isinstance(value, DeviceBusy | DeviceFree | DeviceReachable):
            if isinstance(value, DeviceReachable):
                name = "DeviceReachable" if value.reachable else "DeviceLost"
            device = engine.roster.devices.get(value.device)
            for agent in device.agents.values() if device else ():
                self.coverage[(f"agent {agent.activity}", name)] += 1
        elif kind == "expire":
            self._cover_timers()
        elif kind in ("configure", "crash"):
            for caller in engine.visits.callers.values():
                self.coverage[(f"caller {caller.state}", kind)] += 1
            for agent in engine.roster.agents.values():
                self.coverage[(f"agent {agent.activity}", kind)] += 1
        elif kind in ("release", "priority"):
            caller = engine.visits.callers.get(value[0])
            self.coverage[(f"caller {caller.state if caller else 'gone'}", kind)] += 1

    def _cover_timers(self) -> None:
        engine = self.engine
        for timer, key in engine.deadlines.names():
            at = engine.deadlines.at((timer, key))
            if at is None or at > self.now:
                continue
            if timer in ("tier", "wait", "section", "widen"):
                self.coverage[(f"caller {engine.visits.callers[str(key)].state}", f"timer {timer}")] += 1
            elif timer in ("wrap_up", "back_off"):
                self.coverage[(f"agent {engine.roster.agents[str(key)].activity}", f"timer {timer}")] += 1
            elif isinstance(key, int):
                self.coverage[(f"offer {engine.dispatcher.offers[key].state}", f"timer {timer}")] += 1

    # --- what comes out --------------------------------------------------------------------------------------------------

    def _perform(self, item: object) -> None:
        if isinstance(item, Publish):
            self.events.append(item.event)
            if isinstance(item.event, CallerJoined) and item.event.caller not in self._live:
                # A report that came twice, the second time after the hang-up: the call side takes the ghost out.
                ghost = item.event.caller
                self.after(1.0, lambda: self.give(LeaveQueue(ghost)))
        elif isinstance(item, RingAgent):
            assert item.offer not in self._rings, "an offer id was used twice"
            self._rings[item.offer] = item
            self._phone_rings(item)
        elif isinstance(item, WithdrawOffer):
            ring = self._rings.pop(item.offer, None)
            if ring and self.random.random() < 0.1:  # The withdrawal crossed an answer on the wire.
                self.report(OfferAnswered(item.offer))
        elif isinstance(item, ConnectOffer):
            self._connected(item)
        elif isinstance(item, ReleaseCaller):
            self._live.discard(item.caller)

    def _phone_rings(self, ring: RingAgent) -> None:
        """What the phone and its owner do."""
        draw, offer = self.random, ring.offer
        kind = draw.choices(
            ("answers", "silent", "rejects", "busy", "unreachable", "vanishes", "fails", "dead"),
            (60, 12, 6, 5, 4, 4, 3, 3),
        )[0]
        if kind in ("answers", "silent", "rejects", "vanishes") and draw.random() < 0.9:
            self.report(OfferRinging(offer))
        pause = draw.choice((0.0, draw.uniform(0.1, 3.0), draw.uniform(1.0, 10.0)))
        if ring.confirm == "always" and kind in ("answers", "silent") and draw.random() < 0.9:
            # Somebody picks up, hears who calls, and then takes the call, or does not.
            until = self.now + pause + 15.0
            self.after(pause, lambda: self.report(OfferAsked(offer, until)) if offer in self._rings else None)
            pause += draw.uniform(0.5, 5.0)
        if kind == "answers":
            self.after(pause, lambda: self.report(OfferAnswered(offer)) if offer in self._rings else None)
        elif kind == "vanishes":
            self.after(pause, lambda: self.report(DeviceReachable(ring.device, False)))
            self.after(pause + draw.uniform(1.0, 20.0), lambda: self.report(DeviceReachable(ring.device, True)))
        elif kind in ("rejects", "busy", "unreachable", "fails"):
            result, status = {
                "rejects": (OfferResult.REJECTED, 603),
                "busy": (OfferResult.BUSY, 486),
                "unreachable": (OfferResult.UNREACHABLE, 480),
                "fails": (OfferResult.FAILED, 500),
            }[kind]
            self.after(pause if kind == "rejects" else 0.0, lambda: self._fails(offer, result, status))

    def _fails(self, offer: int, result: OfferResult, status: int) -> None:
        if self._rings.pop(offer, None) or self.random.random() < 0.1:
            self.report(OfferFailed(offer, result, status))

    def _connected(self, item: ConnectOffer) -> None:
        draw = self.random
        ring = self._rings.pop(item.offer, None)
        if ring is None:  # Its own failure was reported by mistake before; the phone is gone.
            self.report(ConversationEnded(item.offer))
            return
        if draw.random() < 0.1:  # The agent hangs up at once: during the whisper, if there is one.
            self.after(draw.uniform(0.0, 1.5), lambda: self.report(OfferFailed(item.offer, OfferResult.REJECTED)))
            return
        self.after(draw.uniform(0.0, 2.0), lambda: self.report(OfferConnected(item.offer)))
        self._talks[item.offer] = item.caller
        if draw.random() < 0.3:
            self.after(draw.uniform(2.0, 6.0), lambda: self.report(ConversationHeld(item.offer, True)))
            self.after(draw.uniform(3.0, 20.0), lambda: self.report(ConversationHeld(item.offer, False)))
        self.after(draw.expovariate(1 / 15.0) + 2.5, lambda: self._talk_ends(item.offer))

    def _talk_ends(self, offer: int) -> None:
        caller = self._talks.pop(offer, None)
        if caller is not None:
            self._live.discard(caller)
            self.report(ConversationEnded(offer))

    # --- people ------------------------------------------------------------------------------------------------------------

    def _caller_arrives(self) -> None:
        draw = self.random
        self._calls += 1
        name = f"c{self._calls}"
        self._live.add(name)
        queue = draw.choice((*sorted(self.queues), *sorted(self.queues), "q9"))
        item = EnterQueue(name, queue, "600100200", "", draw.choice((0, 0, 0, 1, 5)), draw.choice((0.0, 0.0, 30.0)))
        if self.rich:
            more = self.more
            item.number = f"60010020{more.randint(0, 4)}"
            item.preferred = more.choice(("", "", "", *sorted(self.agents), "nobody"))
            item.needs = more.choice(((), (), self._draw_needs()))
        self.give(item)
        if draw.random() < TWICE:
            self.report(item)
        self.after(draw.expovariate(1 / 30.0), lambda: self._hang_up(name))
        if draw.random() < 0.1:
            other = draw.choice(sorted(self.queues))
            self.after(draw.uniform(1.0, 10.0), lambda: self._moves(name, other))

    def _moves(self, caller: str, queue: str) -> None:
        if caller in self._live and caller not in self._talks.values():
            self.report(EnterQueue(caller, queue))

    def _hang_up(self, caller: str) -> None:
        """At whatever moment of the visit this is."""
        if caller not in self._live:
            return
        self._live.discard(caller)
        outcome = self.random.choice((Outcome.ABANDONED, Outcome.ABANDONED, Outcome.ABANDONED, Outcome.EXIT_KEY))
        self.give(LeaveQueue(caller, outcome))
        for offer in [offer for offer, party in self._talks.items() if party == caller]:
            del self._talks[offer]
            self.report(ConversationEnded(offer))

    def _agent_arrives(self, name: str) -> None:
        agent = self.engine.roster.agents.get(name)
        if agent is not None:
            self.report(DeviceReachable(agent.device, True))
            self.report(AgentCommand(name, "login", actor="phone"))

    def _agent_does_something(self) -> None:
        draw = self.random
        agents = self.engine.roster.agents
        busy = sorted(name for name, agent in agents.items() if agent.activity != "idle")
        name = draw.choice((*sorted(agents), *busy, *busy, "nobody"))
        verb = draw.choice((*VERBS, "login", "ready"))
        device = draw.choice(("", "", "", "desk", "+48600", f"d{name}"))
        queue = draw.choice(("", "", "", *sorted(self.queues)))
        reason = draw.choice(("", "lunch")) if verb in ("login", "not_ready") else ""
        self.report(AgentCommand(name, verb, reason, device if verb == "login" else "", "phone", queue))
        if verb in ("not_ready", "logout"):
            self.after(draw.uniform(1.0, 25.0), lambda: self.report(AgentCommand(name, "login", actor="phone")))

    def _device_does_something(self) -> None:
        draw = self.random
        device = draw.choice((*sorted(self.engine.roster.devices), "stranger"))
        if draw.random() < 0.5:
            self.report(DeviceBusy(device, draw.choice(("outbound", "internal", "consult"))))
            self.after(draw.uniform(1.0, 20.0), lambda: self.report(DeviceFree(device)))
        else:
            self.report(DeviceReachable(device, draw.random() < 0.5))
            self.after(draw.uniform(1.0, 90.0), lambda: self.report(DeviceReachable(device, True)))

    def _supervisor(self) -> None:
        draw = self.random
        callers = (*sorted(self.engine.visits.callers), "nobody")
        if draw.random() < 0.7:
            self._input("priority", (draw.choice(callers), draw.randint(-1, 6)))
        else:
            self._input("release", (draw.choice(callers),))

    def _confusion(self) -> None:
        """A report that does not fit the offer it names."""
        draw = self.random
        offer = draw.choice((*sorted(self.engine.dispatcher.offers), 0, 1, 999_999))
        self.report(
            draw.choice(
                (
                    OfferRinging(offer),
                    OfferAsked(offer, self.now + 1.0),
                    OfferConnected(offer),
                    OfferFailed(offer, draw.choice(list(OfferResult)), 500),
                    ConversationEnded(offer),
                    ConversationHeld(offer, draw.random() < 0.5),
                )
            )
        )

    # --- faults ----------------------------------------------------------------------------------------------------------

    def _sleep(self) -> None:
        """The machine stops for a while: everything is late, deadlines first."""
        self.now += self.random.choice((0.5, 5.0, 30.0))
        self._input("expire", None)

    def _crash(self) -> None:
        """Kill -9: a new engine takes the exported state. Some calls survive and enter again; the rest is closed."""
        state = json.loads(json.dumps(self.engine.export_state(self.now)))
        devices = [name for name, device in self.engine.roster.devices.items() if device.registered]
        present = [caller for caller in self.engine.visits.callers.values() if not caller.absent]
        waiting = [(caller.id, caller.queue.name) for caller in present]
        self._input("crash", (state, dict(self.queues), dict(self.agents), self._table()))
        self._rings.clear()
        self._live.difference_update(self._talks.values())
        self._talks.clear()
        for device in devices:
            self.report(DeviceReachable(device, True))
        for caller, queue in waiting:
            if self.random.random() < 0.7:
                self.give(EnterQueue(caller, queue))
            else:
                self._live.discard(caller)
        self.after(3.0, lambda: self._input("close_visits", None))

    def _table(self) -> list[dict[str, Any]] | None:
        """What the store has of callbacks; None: there are none in this world."""
        return None
