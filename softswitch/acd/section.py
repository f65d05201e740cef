"""A section of a queue: the seats that some of its callers may use, and the callers who may use just these.

A *seat* is an agent's membership. A *tier* groups the seats of one level and keeps its idle agents in the strategy's order.
A *lane* holds the waiting callers for whom the same number of tier steps has passed, so all callers of a lane may use the
same tiers and only its head need be looked at: a caller who may not use an agent never blocks one who may (ACD-04).

The queue itself is the section of everybody. Callers who ask for skills (ACD-19), wait for one agent (ACD-22), or have climbed
a rung that brings them further agents (ACD-25), stand in sections of their own, which exist for as long as somebody is in
them; so the rules of tiers and strategies are one for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from softswitch.acd.agent import Activity
from softswitch.acd.caller import Caller, CallerEntry
from softswitch.acd.line import Line

if TYPE_CHECKING:
    from softswitch.acd.agent import AgentState
    from softswitch.acd.queue import QueueState
    from softswitch.directory import Queue

NEVER = 1_000_000_000  # A lane no caller reaches: the tier opens only because lower ones are busy or empty.

Place: TypeAlias = "tuple[float, int, str, Seat]"  # (strategy's key, position, agent's name, the seat)
Levels: TypeAlias = tuple[tuple[str, int], ...]  # skills and the levels asked for, in order of name
# (the one agent wanted, or ""; skills; how far the ladder has opened the tiers): what tells one section from another
Key: TypeAlias = tuple[str, Levels, int]
EVERYBODY: Key = ("", (), 0)


@dataclass(slots=True, eq=False)
class Seat:
    """An agent's membership in a queue."""

    agent: AgentState
    queue: QueueState
    tier: Tier
    position: int
    weight: int = 1  # of `weighted_random`
    counted: bool = False  # among the tier's present
    ready: bool = False  # counted among those of the queue who are ready ...
    busy: bool = False  # ... and have something to do
    sections: list[Section] = field(default_factory=list, repr=False)  # of the queue, in which it is, too

    @property
    def open(self) -> bool:
        """Whether the agent has not logged out of the queue, or of the one that lends them."""
        paused = self.agent.paused_in
        return not paused or not (self.queue.name in paused or self.tier.lender in paused)


@dataclass(slots=True, eq=False)
class Tier:
    """The seats of one level, all of them or those of a section."""

    number: int
    step: int  # the lane from which on it is open by time
    label: tuple[str, ...]  # the head of an offer's ranking
    seats: dict[str, Seat] = field(default_factory=dict)
    idle: Line[Place] = field(default_factory=Line)
    present: int = 0  # agents logged in and reachable
    last: tuple[int, str] | None = None  # (position, name) of the last agent rung: the round-robin memory
    rung: int = 0  # how far up the ladder it is open, whatever its step; 0 = the ladder never opens it
    lender: str = ""  # the queue whose members these are, for callers of this one whom the ladder has brought so far
    whole: Tier = field(init=False)  # of which this is the part in a section; itself, if it is the queue's
    alone: tuple[Tier] = field(init=False)

    def __post_init__(self) -> None:
        self.whole = self
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


class Section:
    """Tiers of seats, and lanes of callers."""

    __slots__ = ("_by_time", "callers", "config", "free", "key", "lanes", "tiers", "where")

    def __init__(self, config: Queue, key: Key = EVERYBODY) -> None:
        self.key = key
        self.config = config
        self.tiers: list[Tier] = []  # ascending
        self.lanes: list[Line[CallerEntry]] = []
        self.where: dict[Seat, Tier] = {}  # its seats; not kept by the queue, whose seats know their tier
        self.callers = 0  # who are in it, whether they wait or are rung for; not kept by the queue
        self.free = 0  # places in its tiers' lines; not kept by the queue
        self._by_time: dict[int, list[Tier]] = {}  # open tiers by lane, until somebody comes or goes

    def reset(self, config: Queue) -> None:
        """Forget the seats, before they are given anew under another policy; its callers stay."""
        self.config = config
        self.tiers = []
        self.where = {}
        self.free = 0
        self._by_time = {}

    @property
    def wanted(self) -> str:
        """The one agent whom its callers wait for, "" if it is no such section."""
        return self.key[0]

    # --- seats -------------------------------------------------------------------------------------------------

    def fits(self, seat: Seat) -> bool:
        """Whether callers of this section may be given to this agent. A skill that is not there is less than level 0."""
        agent, levels, height = self.key
        if agent:
            return seat.agent.name == agent
        if seat.tier.lender:
            if seat.tier.rung > height:
                return False
        elif seat.tier not in seat.queue.tiers:
            return False  # A guest of the queue is there for those who ask for them by name.
        skills = seat.agent.config.skills
        return all(skills.get(skill, -1) >= level for skill, level in levels)

    def seat(self, seat: Seat) -> None:
        """Take a seat of the queue in, if it fits."""
        if not self.fits(seat):
            return
        tier = self._part(seat.tier)
        self.where[seat] = tier
        seat.sections.append(self)
        tier.seats[seat.agent.name] = seat
        tier.present += seat.counted
        self._by_time.clear()

    def lay_out(self, tiers: Iterable[Tier]) -> None:
        """Have all tiers of the queue, also those without members, where it is only about the ladder: they open each other."""
        if not self.wanted and not self.key[1]:
            for tier in tiers:
                self._part(tier)

    def _part(self, whole: Tier) -> Tier:
        """Its part of a tier of the queue."""
        for tier in self.tiers:
            if tier.whole is whole:
                return tier
        # Whom the caller asks for by name is rung whatever the tier.
        opened = bool(self.wanted) or 0 < whole.rung <= self.key[2]
        part = Tier(whole.number, 0 if opened else whole.step, self._note(), rung=whole.rung, lender=whole.lender)
        part.whole = whole
        self.tiers.append(part)
        self.tiers.sort(key=lambda tier: tier.number)
        return part

    def _note(self) -> tuple[str, ...]:
        """What an offer's ranking tells of it."""
        agent, levels, _ = self.key
        return (f"asks for {agent}",) if agent else tuple(f"{skill} >= {level}" for skill, level in levels)

    def unseat(self, seat: Seat) -> None:
        tier = self.where.pop(seat)
        seat.sections.remove(self)
        tier.seats.pop(seat.agent.name, None)
        tier.present -= seat.counted
        self._by_time.clear()

    def place(self, seat: Seat, entry: Place) -> None:
        self.where[seat].idle.add(entry)
        self.free += 1

    def displace(self, seat: Seat, entry: Place) -> None:
        self.where[seat].idle.remove(entry)
        self.free -= 1

    def count(self, seat: Seat, by: int) -> None:
        self.where[seat].present += by
        self._by_time.clear()

    # --- tiers -------------------------------------------------------------------------------------------------

    def reason_open(self, tier: Tier) -> str:
        """Why a tier is open for a caller whose own time has not opened it: the lower ones are empty, or busy."""
        return "busy" if any(lower.present for lower in self.tiers if lower.number < tier.number) else "empty"

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
        tiers, opened = [tier for tier in self.tiers if not tier.lender], list[Tier]()
        for index, tier in enumerate(tiers):
            below = tiers[index - 1] if index else None
            if below is None or tier.step <= lane or (opened and opened[-1] is below and not below.present):
                opened.append(tier)
        if not self.config.tier_widen:
            opened = next(([tier] for tier in reversed(opened) if tier.present), opened)
        return opened + [tier for tier in self.tiers if tier.lender]

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

    def serving_tiers(self, lane: int, now: float, ringing_in: int | None = None) -> Sequence[Tier]:
        """The open tiers with somebody to ring, ascending."""
        return [tier for tier in self.open_tiers(lane, now, ringing_in) if tier.idle.entries]

    # --- who is next -------------------------------------------------------------------------------------------

    def first_served(self, now: float, best: CallerEntry | None) -> tuple[CallerEntry, Sequence[Tier]] | None:
        """The first caller who may use an idle agent, and the tiers to ring; None if nobody stands before `best`."""
        found: Sequence[Tier] | None = None
        for index, lane in enumerate(self.lanes):
            if not lane.entries:
                continue
            first = lane.entries[lane.start]
            if (best is None or first < best) and (tiers := self.serving_tiers(index, now)):
                best, found = first, tiers
        return (best, found) if best is not None and found is not None else None

    def waiting_ahead_of(self, caller: Caller) -> int:
        """How many waiting callers of this section stand before this one."""
        ahead, entry = 0, caller.entry
        for lane in self.lanes:
            if lane.entries:
                ahead += lane.ahead_of(entry)
        return ahead


def steps_of(config: Queue, upper: Sequence[int]) -> list[float]:
    """The waits at which the tiers above the lowest open, ascending."""
    if config.tier_mode == "busy":
        return []
    return sorted({_opens_after(config.tier_after, number, config.tier_mode) for number in upper} - {float("inf")})


def step_of(config: Queue, number: int, steps: Sequence[float], lowest: bool) -> int:
    """The lane from which on a tier is open."""
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
