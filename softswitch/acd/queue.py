"""One queue as the engine holds it: its tiers of seats, its lanes of callers, and the search for who is next.

A *seat* is an agent's membership. A *tier* groups the seats of one level and keeps its idle agents in the strategy's order.
A *lane* holds the waiting callers for whom the same number of tier steps has passed, so all callers of a lane may use the
same tiers and only its head need be looked at: a caller who may not use an agent never blocks one who may (ACD-04).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from softswitch.acd.agent import Activity
from softswitch.acd.caller import Caller, CallerEntry
from softswitch.acd.line import Line

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.strategy import Strategy
    from softswitch.directory import Queue

NEVER = 1_000_000_000  # A lane no caller reaches: the tier opens only because lower ones are busy or empty.

Place: TypeAlias = "tuple[float, int, str, Seat]"  # (strategy's key, position, agent's name, the seat)


@dataclass(slots=True, eq=False)
class Seat:
    """An agent's membership in a queue."""

    agent: AgentState
    queue: QueueState
    tier: Tier
    position: int
    counted: bool = False  # among the tier's present


@dataclass(slots=True, eq=False)
class Tier:
    """The seats of one level."""

    number: int
    step: int  # the lane from which on it is open by time
    label: tuple[str, str]  # the head of an offer's ranking
    seats: dict[str, Seat] = field(default_factory=dict)
    idle: Line[Place] = field(default_factory=Line)
    present: int = 0  # agents logged in and reachable
    last: tuple[int, str] | None = None  # (position, name) of the last agent rung: the round-robin memory
    alone: tuple[Tier] = field(init=False)

    def __post_init__(self) -> None:
        self.alone = (self,)

    def soon(self, now: float, within: float) -> bool:
        """Whether an agent is free, or ends wrap-up or back-off within so many seconds (ACD-10 *available soon*)."""
        if self.idle.entries or within <= 0.0:
            return bool(self.idle.entries)
        return any(
            seat.agent.serving
            and seat.agent.activity in (Activity.WRAP_UP, Activity.BACK_OFF)
            and seat.queue.config.name not in seat.agent.paused_in
            and (seat.agent.until or now) - now <= within
            for seat in self.seats.values()
        )


class QueueState:
    """A queue's callers and seats."""

    __slots__ = (
        "_by_time",
        "_plain",
        "closing",
        "config",
        "idle",
        "lanes",
        "name",
        "ringing",
        "steps",
        "strategy",
        "tiers",
        "vacant_since",
        "waiting",
        "watched",
    )

    def __init__(self, config: Queue, strategy: Strategy) -> None:
        self.name = config.name
        self.tiers: list[Tier] = []  # ascending
        self.steps: list[float] = []  # waits at which tiers open, ascending
        self.lanes: list[Line[CallerEntry]] = []
        self.ringing: Line[CallerEntry] = Line()  # callers for whom a phone rings
        self.waiting = 0  # callers in lanes
        self.idle = 0  # offerable seats
        self.closing = False  # gone from the configuration; serves those who wait, admits nobody
        self.vacant_since: float | None = None  # since when nobody could answer, where the queue watches that
        self.configure(config, strategy)
        self.relay((), 0.0)

    def __len__(self) -> int:
        """Callers who have no agent yet."""
        return self.waiting + len(self.ringing)

    # --- configuration -----------------------------------------------------------------------------------------

    def configure(self, config: Queue, strategy: Strategy) -> None:
        """Take a policy; callers are re-laid by the engine, seats by the roster."""
        self.config = config
        self.strategy = strategy
        memory = {tier.number: tier.last for tier in self.tiers}
        numbers = sorted({member.tier for member in config.members})
        self.steps = _steps(config, numbers[1:])
        self.tiers = [
            Tier(number, _step_of(config, number, self.steps, index == 0), (strategy.name, f"tier {number}"))
            for index, number in enumerate(numbers)
        ]
        for tier in self.tiers:
            tier.last = memory.get(tier.number)
        self.watched = config.leave_without_agents
        self._by_time: dict[int, list[Tier]] = {}  # open tiers by lane, until somebody comes or goes
        self._plain = config.tier_mode == "busy" and config.tier_soon <= 0.0
        self.idle = 0

    def tier(self, number: int) -> Tier:
        return next(tier for tier in self.tiers if tier.number == number)

    # --- callers -----------------------------------------------------------------------------------------------

    def lane_of(self, waited: float) -> int:
        """How many tier steps have passed after so long a wait."""
        return bisect_right(self.steps, waited)

    def relay(self, callers: Sequence[Caller], now: float) -> None:
        """Lay the waiting callers into lanes anew, after the steps changed."""
        self.lanes = [Line() for _ in range(len(self.steps) + 1)]
        for caller in callers:
            caller.lane = self.lane_of(now - caller.joined)
        for caller in sorted(callers, key=lambda caller: caller.entry[:3]):
            self.lanes[caller.lane].add(caller.entry)

    def enter(self, caller: Caller) -> None:
        self.lanes[caller.lane].add(caller.entry)
        self.waiting += 1

    def leave(self, caller: Caller) -> None:
        self.lanes[caller.lane].remove(caller.entry)
        self.waiting -= 1

    def ahead_of(self, caller: Caller) -> int:
        """How many callers without an agent stand before this one."""
        return self.ringing.ahead_of(caller.entry) + sum(lane.ahead_of(caller.entry) for lane in self.lanes)

    def in_order(self) -> list[Caller]:
        """All callers without an agent, first to last."""
        entries = [entry for lane in (*self.lanes, self.ringing) for entry in lane]
        entries.sort()
        return [entry[-1] for entry in entries]

    # --- seats -------------------------------------------------------------------------------------------------

    def place(self, seat: Seat) -> tuple[Seat, Line[Place], Place]:
        """Put an offerable agent in line."""
        agent = seat.agent
        entry = (self.strategy.key(agent), seat.position, agent.name, seat)
        seat.tier.idle.add(entry)
        self.idle += 1
        return seat, seat.tier.idle, entry

    def is_vacant(self) -> bool:
        """Whether every member is in one of the conditions that make the queue empty (ACD-26)."""
        conditions = self.config.empty_when
        return all(seat.agent.condition(self.name) in conditions for tier in self.tiers for seat in tier.seats.values())

    def reason_open(self, tier: Tier) -> str:
        """Why a tier is open for a caller whose own time has not opened it: the lower ones are empty, or busy."""
        return "busy" if any(lower.present for lower in self.tiers if lower.number < tier.number) else "empty"

    # --- who is next -------------------------------------------------------------------------------------------

    def open_tiers(self, lane: int, now: float, ringing_in: int | None = None) -> list[Tier]:
        """The tiers a caller of this lane may use, ascending (ACD-10).

        By time: those whose step has passed, and any above an open but empty one; with `tier_widen` off only the highest
        of them that has anybody. By load: further tiers upward for as long as nobody in the open ones is available soon.
        `ringing_in` is the highest tier whose phones already ring for the caller: these count as available.
        """
        opened = self._by_time.get(lane)
        if opened is None:
            opened = self._by_time[lane] = self._open_by_time(lane)
        return opened if self.config.tier_mode == "timed" else self._open_by_load(opened, now, ringing_in)

    def _open_by_time(self, lane: int) -> list[Tier]:
        tiers, opened = self.tiers, list[Tier]()
        for index, tier in enumerate(tiers):
            below = tiers[index - 1] if index else None
            if below is None or tier.step <= lane or (opened and opened[-1] is below and not below.present):
                opened.append(tier)
        if not self.config.tier_widen:
            opened = next(([tier] for tier in reversed(opened) if tier.present), opened)
        return opened

    def _open_by_load(self, opened: list[Tier], now: float, ringing_in: int | None) -> list[Tier]:
        """The open tiers, and those that the load opens above them."""
        if len(opened) == len(self.tiers):
            return opened
        within = self.config.tier_soon
        reached: list[Tier] = []
        for tier in self.tiers:
            if tier in opened:
                reached.append(tier)
            elif reached and ringing_in is not None:
                if tier.number <= ringing_in:
                    reached.append(tier)
            elif reached and not any(lower.soon(now, within) for lower in reached):
                reached.append(tier)
        return reached

    def presence_changed(self, tier: Tier, by: int) -> None:
        """Agents of a tier came or went: whether it is empty decides what is open."""
        tier.present += by
        self._by_time.clear()

    def serving_tiers(self, lane: int, now: float, ringing_in: int | None = None) -> Sequence[Tier]:
        """The open tiers with somebody to ring, ascending."""
        return [tier for tier in self.open_tiers(lane, now, ringing_in) if tier.idle.entries]

    def candidate(self, now: float) -> tuple[Caller, Sequence[Tier]] | None:
        """The first caller who may use an idle agent, and the tiers to ring; None if there is no such pair."""
        if not self.idle:
            return None
        best: CallerEntry | None = None
        tiers: Sequence[Tier] = ()
        if self._plain and self.waiting:  # One lane; and every tier below the lowest with somebody idle is busy.
            lane = self.lanes[0]
            for tier in self.tiers:
                if tier.idle.entries:
                    return lane.entries[lane.start][3], tier.alone
        if self.waiting:
            for index, lane in enumerate(self.lanes):
                if not lane.entries:
                    continue
                first = lane.entries[lane.start]
                if (best is None or first < best) and (found := self.serving_tiers(index, now)):
                    best, tiers = first, found
            if best is not None:
                return best[-1], tiers
        return self._joining(now) if self.ringing else None

    def _joining(self, now: float) -> tuple[Caller, Sequence[Tier]] | None:
        """A caller for whom phones ring and more may: ring all. Only when nobody waits without a phone (ACD-06)."""
        for entry in self.ringing:
            caller = entry[-1]
            if len(caller.offers) >= self.strategy.width(caller, now):
                continue
            highest = max(offer.tier for offer in caller.offers.values())
            if tiers := self.serving_tiers(caller.lane, now, highest):
                return caller, tiers
        return None


def _steps(config: Queue, upper: Sequence[int]) -> list[float]:
    if config.tier_mode == "busy":
        return []
    return sorted({_opens_after(config.tier_after, number, config.tier_mode) for number in upper} - {float("inf")})


def _step_of(config: Queue, number: int, steps: Sequence[float], lowest: bool) -> int:
    if lowest:
        return 0
    if config.tier_mode == "busy":
        return NEVER
    after = _opens_after(config.tier_after, number, config.tier_mode)
    return steps.index(after) + 1 if after in steps else NEVER


def _opens_after(after: Mapping[int, float], number: int, mode: str) -> float:
    # A tier without a time of its own: `timed` has no other rule to open it, so it is open from the start;
    # `both` leaves it to the load.
    return max(0.0, after.get(number, 0.0 if mode == "timed" else float("inf")))
