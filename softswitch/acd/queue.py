"""One queue as the engine holds it: its seats and callers in sections, and the search for who is next."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from softswitch.acd.agent import Activity
from softswitch.acd.caller import Caller, CallerEntry
from softswitch.acd.line import Line
from softswitch.acd.section import Key, Place, Seat, Section, Tier, step_of, steps_of
from softswitch.directory.waiting import AGENTS, TIER

if TYPE_CHECKING:
    from softswitch.acd.strategy import Strategy
    from softswitch.directory import Queue, Rung

PROGRESSIVE = "progressive"  # the strategy that rings more phones the longer it rings
EXCLUDED = "tier_excluded"  # the condition of members in tiers that are not open to a caller
NEVER_LOOKED = float("-inf")

__all__ = ["Place", "QueueState", "Seat", "Section", "Tier"]


class QueueState(Section):
    """A queue's callers and seats."""

    __slots__ = (
        "_plain",
        "busy",
        "called",
        "closing",
        "doubted",
        "guests",
        "idle",
        "lent",
        "live_rungs",
        "looked_at",
        "may_surge",
        "name",
        "ready",
        "ringing",
        "sections",
        "served",
        "steps",
        "strategy",
        "surge_order",
        "surging",
        "vacant_since",
        "waiting",
        "wanting",
        "watched",
        "weighs",
        "widening",
    )

    def __init__(self, config: Queue, strategy: Strategy) -> None:
        super().__init__(config)
        self.name = config.name
        self.steps: list[float] = []  # waits at which tiers open, ascending
        self.ringing: Line[CallerEntry] = Line()  # callers for whom a phone rings
        self.sections: dict[Key, Section] = {}  # of callers who may not use every seat
        self.served: dict[Section, None] = {}  # of these, those with somebody to ring
        self.wanting = 0  # of these, those of callers who wait for one agent
        self.doubted: dict[Section, None] = {}  # of those, whose agent may not be there any more
        self.ready = 0  # agents who take its calls, and how many of them are busy: counted only where a rule asks
        self.busy = 0
        self.guests = Tier(0, 0, ())  # seats of agents who are no members, for callers who ask for them by name
        self.lent: list[Tier] = []  # of members of other queues, for callers whom the ladder brings to them
        self.waiting = 0  # callers in lanes
        self.idle = 0  # offerable seats
        self.called = 0  # customers of callbacks who are being called: so many seats are kept for them
        self.closing = False  # gone from the configuration; serves those who wait, admits nobody
        self.vacant_since: float | None = None  # since when nobody could answer, where the queue watches that
        self.looked_at = NEVER_LOOKED  # when all callers were last looked at for the ladder
        self.surge_order = "auto"  # "on" | "off" by hand, "auto" = by threshold (ACD-27)
        self.surging = False
        self.configure(config, strategy)
        self.relay((), 0.0)

    @property
    def positions(self) -> int:
        """Places behind this one are told as "more than" it (ACD-27); 0 = the queue does not surge, or says nothing of it."""
        return self.config.surge.positions if self.surging else 0

    def __len__(self) -> int:
        """Callers who have no agent yet."""
        ringing = self.ringing
        return self.waiting + len(ringing.entries) - ringing.start

    # --- configuration -----------------------------------------------------------------------------------------

    def configure(self, config: Queue, strategy: Strategy) -> None:
        """Take a policy; callers are re-laid by the engine, seats by the roster."""
        self.config = config
        memory = {tier.number: tier.last for tier in (*self.tiers, *self.lent)}
        numbers = sorted({member.tier for member in config.members})
        self.steps = steps_of(config, numbers[1:])
        self.tiers = [
            Tier(number, step_of(config, number, self.steps, index == 0), ()) for index, number in enumerate(numbers)
        ]
        self.lent = []
        for height, rung in enumerate(self._opening(), 1):
            self._open_by_rung(rung, height)
        for tier in (*self.tiers, *self.lent):
            tier.last = memory.get(tier.number)
        self.guests = Tier(numbers[0] if numbers else 0, 0, ())
        self.live_rungs = any(not rung.timed for rung in config.escalation)
        self.may_surge = bool(config.surge.length or config.surge.wait)
        self._by_time = {}
        self.use(strategy)
        self._plain = config.tier_mode == "busy" and config.tier_soon <= 0.0
        self.idle = 0
        self.served = {}
        self.weighs = any(rule.load for rule in config.strategy_rules)
        self.doubted.update((section, None) for section in self.sections.values() if section.wanted)
        self.note_watched()
        for section in self.sections.values():  # Their callers stay in them; the seats come with the roster.
            section.reset(config)
            section.lay_out(self.tiers)

    def use(self, strategy: Strategy) -> None:
        """Another strategy, while nobody stands in line whose place it would change."""
        self.strategy = strategy
        self.widening = self.config.ring_step if strategy.name == PROGRESSIVE else 0.0
        for tier in self.tiers:
            tier.label = (strategy.name, f"tier {tier.number}")
        for tier in self.lent:
            tier.label = (strategy.name, f"agents of {tier.lender}")
        self.guests.label = (strategy.name, "guest")

    def note_watched(self) -> None:
        """Whether there is more to look at than who is free and who waits, before each match."""
        config = self.config
        self.watched = bool(config.leave_without_agents or self.live_rungs or config.strategy_rules or self.wanting)

    def note(self, seat: Seat) -> None:
        """Something has changed about an agent: what a queue that is watched looks at."""
        if self.weighs:
            self._weigh(seat)
        if self.wanting and (section := self.sections.get((seat.agent.name, (), 0))) is not None:
            self.doubted[section] = None

    def _weigh(self, seat: Seat) -> None:
        agent = seat.agent
        ready = agent.serving and agent.reachable and self.name not in agent.paused_in and seat.tier in self.tiers
        busy = ready and agent.activity is not Activity.IDLE
        self.ready += ready - seat.ready
        self.busy += busy - seat.busy
        seat.ready, seat.busy = ready, busy

    @property
    def load(self) -> float:
        """The share of the agents who are ready that have something to do; 1 if nobody is ready (ACD-20)."""
        return self.busy / self.ready if self.ready else 1.0

    # --- the ladder --------------------------------------------------------------------------------------------

    def _opening(self) -> list[Rung]:
        """The rungs that bring further agents; what one of them opens, all above it have open, too."""
        return [rung for rung in self.config.escalation if rung.kind in (TIER, AGENTS)]

    def height_of(self, climbed: Container[Rung]) -> int:
        """How far up those rungs somebody is who has climbed these."""
        return max((height for height, rung in enumerate(self._opening(), 1) if rung in climbed), default=0)

    def _open_by_rung(self, rung: Rung, height: int) -> None:
        """Note which tier a rung opens: one of our own, or that of the members of another queue, behind all of ours."""
        if rung.kind == TIER:
            tier = next((tier for tier in self.tiers if str(tier.number) == rung.target), None)
        else:
            tier = next((tier for tier in self.lent if tier.lender == rung.target), None)
            if tier is None:
                last = (*self.tiers, *self.lent)[-1:]
                tier = Tier(last[0].number + 1 if last else 0, 0, (), lender=rung.target)
                self.lent.append(tier)
        if tier is not None:
            tier.rung = tier.rung or height

    def tier(self, number: int) -> Tier:
        return next(tier for tier in self.tiers if tier.number == number)

    # --- sections ----------------------------------------------------------------------------------------------

    def section(self, key: Key) -> Section:
        """The section of this key, made if there is none."""
        if key == self.key:
            return self
        section = self.sections.get(key)
        if section is None:
            section = self.sections[key] = Section(self.config, key)
            section.lanes = [Line() for _ in self.lanes]
            section.lay_out(self.tiers)
            for seat in self.seats():
                self._seat_in(section, seat)
            if section.wanted:
                self.wanting += 1
                self.doubted[section] = None
                self.watched = True
        return section

    def _seat_in(self, section: Section, seat: Seat) -> None:
        section.seat(seat)
        if seat not in section.where:
            return
        for standing, _, entry in seat.agent.places:
            if standing is seat:
                section.place(seat, entry)
                self.served[section] = None

    def seats(self) -> Iterator[Seat]:
        """Every seat, those of guests last."""
        for tier in (*self.tiers, *self.lent, self.guests):
            yield from tier.seats.values()

    def sit(self, seat: Seat) -> None:
        """An agent, who stands in no line, takes a seat."""
        seat.tier.seats[seat.agent.name] = seat
        for section in self.sections.values():
            section.seat(seat)

    def rise(self, seat: Seat) -> None:
        """An agent, who stands in no line, gives a seat up."""
        self.presence_changed(seat, -seat.counted)
        self.ready -= seat.ready
        self.busy -= seat.busy
        seat.counted = seat.ready = seat.busy = False
        for section in list(seat.sections):
            section.unseat(seat)
            if section.wanted:
                self.doubted[section] = None
        seat.tier.seats.pop(seat.agent.name, None)

    def close_section(self, section: Section) -> None:
        """Nobody is in it any more."""
        del self.sections[section.key]
        self.served.pop(section, None)
        for seat in section.where:
            seat.sections.remove(section)
        if section.wanted:
            self.wanting -= 1
            self.doubted.pop(section, None)
            self.note_watched()

    # --- callers -----------------------------------------------------------------------------------------------

    def lane_of(self, waited: float) -> int:
        """How many tier steps have passed after so long a wait."""
        return bisect_right(self.steps, waited)

    def relay(self, callers: Sequence[Caller], now: float) -> None:
        """Lay the waiting callers into lanes anew, after the steps changed."""
        for section in (self, *self.sections.values()):
            section.lanes = [Line() for _ in range(len(self.steps) + 1)]
        for caller in callers:
            caller.lane = self.lane_of(now - caller.joined)
        for caller in sorted(callers, key=lambda caller: caller.entry[:3]):
            caller.section.lanes[caller.lane].add(caller.entry)

    def enter(self, caller: Caller) -> None:
        caller.section.lanes[caller.lane].add(caller.entry)
        self.waiting += 1

    def leave(self, caller: Caller) -> None:
        caller.section.lanes[caller.lane].remove(caller.entry)
        self.waiting -= 1

    def ahead_of(self, caller: Caller) -> int:
        """How many callers without an agent stand before this one."""
        ahead = self.waiting_ahead_of(caller)
        if self.ringing.entries:
            ahead += self.ringing.ahead_of(caller.entry)
        for section in self.sections.values():
            ahead += section.waiting_ahead_of(caller)
        return ahead

    def waiting_before(self, priority: int, now: float) -> int:
        """Behind how many callers for whom no phone rings somebody would stand who came now with this priority."""
        worth = self.config.priority_seconds
        last: Any = (0.0, now - priority * worth) if worth else (-priority, inf)
        return sum(lane.ahead_of(last) for section in (self, *self.sections.values()) for lane in section.lanes)

    def first(self, count: int) -> list[CallerEntry]:
        """The first callers without an agent, in order."""
        if len(self.lanes) == 1 and not self.ringing.entries and not self.sections:
            return self.lanes[0].head(count)
        lanes = [lane for section in (self, *self.sections.values()) for lane in section.lanes]
        merged = [entry for line in (self.ringing, *lanes) for entry in line.head(count)]
        merged.sort()
        return merged[:count]

    def in_order(self) -> list[Caller]:
        """All callers without an agent, first to last."""
        lanes = [lane for section in (self, *self.sections.values()) for lane in section.lanes]
        entries = [entry for lane in (*lanes, self.ringing) for entry in lane]
        entries.sort()
        return [entry[-1] for entry in entries]

    def on_the_line(self) -> list[Caller]:
        """Those of them who have waited all the time with the telephone at the ear: who is called back has not."""
        return [caller for caller in self.in_order() if caller.callback is None]

    # --- places ------------------------------------------------------------------------------------------------

    def stand(self, seat: Seat) -> tuple[Seat, Line[Place], Place]:
        """Put an offerable agent in line."""
        agent = seat.agent
        entry = (self.strategy.key(agent), seat.position, agent.name, seat)
        seat.tier.idle.add(entry)
        self.idle += 1
        for section in seat.sections:
            section.place(seat, entry)
            self.served[section] = None
        return seat, seat.tier.idle, entry

    def step_aside(self, seat: Seat, entry: Place) -> None:
        """The same in the sections, after the agent has left the queue's own line."""
        for section in seat.sections:
            section.displace(seat, entry)
            if not section.free:
                del self.served[section]

    def is_vacant(self, now: float, conditions: Container[str], waited: float = 0.0) -> bool:
        """Whether every member is in one of these conditions (ACD-26). `tier_excluded`: those of tiers that are not open to
        a caller who has waited so long.
        """
        tiers = self.open_tiers(self.lane_of(waited), now) if EXCLUDED in conditions else self.tiers
        return all(seat.agent.condition(self.name) in conditions for tier in tiers for seat in tier.seats.values())

    @property
    def leave_when(self) -> tuple[str, ...]:
        """The conditions that make the queue empty for those who wait already."""
        return self.config.leave_when or self.config.empty_when

    def presence_changed(self, seat: Seat, by: int) -> None:
        """An agent of a tier came or went: whether it is empty decides what is open."""
        seat.tier.present += by
        self._by_time.clear()
        for section in seat.sections:
            section.count(seat, by)

    # --- who is next -------------------------------------------------------------------------------------------

    def candidate(self, now: float) -> tuple[Caller, Sequence[Tier]] | None:
        """The first caller who may use an idle agent, and the tiers to ring; None if there is no such pair."""
        if not self.idle:
            return None
        if self.sections:
            return self._among_sections(now)
        if self._plain and self.waiting:  # One lane; and every tier below the lowest with somebody idle is busy.
            lane = self.lanes[0]
            for tier in self.tiers:
                if tier.idle.entries:
                    return lane.entries[lane.start][3], tier.alone
        if self.waiting and (found := self.first_served(now, None)) is not None:
            return found[0][-1], found[1]
        return self._joining(now) if self.strategy.several and self.ringing.entries else None

    def _among_sections(self, now: float) -> tuple[Caller, Sequence[Tier]] | None:
        """The same, where callers may not all use the same agents."""
        best: CallerEntry | None = None
        tiers: Sequence[Tier] = ()
        if self.waiting:
            for section in (self, *self.served):
                found = section.first_served(now, best)
                if found is not None:
                    best, tiers = found
            if best is not None:
                return best[-1], tiers
        return self._joining(now) if self.strategy.several and self.ringing.entries else None

    def _joining(self, now: float) -> tuple[Caller, Sequence[Tier]] | None:
        """A caller for whom phones ring and more may: ring all. Only when nobody waits without a phone (ACD-06)."""
        for entry in self.ringing:
            caller = entry[-1]
            if not caller.offers or caller.assigned or len(caller.offers) >= self.strategy.width(caller, now):
                continue  # Without an offer: a callback whose customer is being called.
            highest = max(offer.tier for offer in caller.offers.values())
            if tiers := caller.section.serving_tiers(caller.lane, now, highest):
                return caller, tiers
        return None
