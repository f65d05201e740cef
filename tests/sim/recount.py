"""What reports must say, counted by hand from the lines of a journal: slow, and by the words of the definitions alone.

Nothing of `softswitch.reports` is used here. Times are Unix seconds; a line is (wall, name, payload) as the journal holds it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Line = tuple[float, str, dict[str, Any]]
Span = tuple[float, float]

GAVE_UP = ("abandoned_short", "abandoned", "abandoned_ringing", "abandoned_connecting")
DAY, WEEK = 86_400.0, 604_800.0
ALWAYS: Span = (0.0, 1e12)


@dataclass
class Visit:
    """From the entry into a queue to the one outcome."""

    queue: str
    caller: str
    number: str
    came: float
    left: float | None = None
    outcome: str = ""
    waited: float = 0.0
    agent: str = ""

    @property
    def gave_up(self) -> bool:
        return self.outcome in GAVE_UP


@dataclass
class Talk:
    """An agent's conversation with a queue's caller: from the connection to the end of the wrap-up."""

    queue: str
    agent: str
    came: float  # when the caller did
    spans: list[tuple[str, float, float]] = field(default_factory=list)


@dataclass
class Ring:
    queue: str
    agent: str
    at: float
    result: str
    seconds: float
    came: float


class Count:
    """Reads all lines, then answers."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)
        self.visits: list[Visit] = []
        self.rings: list[Ring] = []
        self.talks: list[Talk] = []
        self.states: dict[str, list[tuple[float, str, str, str, str]]] = defaultdict(list)
        self.pauses: list[tuple[float, str, str]] = []
        self.end = self.lines[-1][0] if self.lines else 0.0
        self._queues()
        self._agents()

    def _queues(self) -> None:
        here: dict[str, Visit] = {}
        for at, name, told in self.lines:
            if told.get("kind") == "callback":
                continue
            if name == "queue.entered":
                visit = Visit(told["queue"], told["caller"], told["number"], at)
                here[told["caller"]] = visit
                self.visits.append(visit)
            elif name == "queue.left":
                visit = here.pop(told["caller"])
                assert visit.queue == told["queue"]
                visit.left, visit.outcome, visit.waited = at, told["outcome"], told["waited"]
                visit.agent = told.get("agent", "")
            elif name == "queue.offer_result":
                known = here.get(told["caller"])
                came = known.came if known else at
                self.rings.append(Ring(told["queue"], told["agent"], at, told["result"], told["ring_seconds"], came))

    def _agents(self) -> None:
        """Presence and activity of each agent as a staircase, and which conversation it belongs to."""
        now: dict[str, list[str]] = defaultdict(lambda: ["offline", "", "", ""])
        entered: dict[str, float] = {}
        talking: dict[str, Talk] = {}
        began: dict[str, float] = {}

        def close(agent: str, at: float) -> None:
            talk, state = talking.get(agent), now[agent]
            if talk is not None and at > began[agent]:
                what = "wrap" if state[2] == "wrapup" else "hold" if state[2] == "holding" else "talk"
                if what != "talk" or state[3] in ("queue", ""):
                    talk.spans.append((what, began[agent], at))
            began[agent] = at

        for at, name, told in self.lines:
            if name == "queue.entered":
                entered[told["caller"]] = at
            if name == "queue.connected":
                talk = Talk(told["queue"], told["agent"], entered.get(told["caller"], at))
                close(told["agent"], at)
                talking[told["agent"]] = talk
                self.talks.append(talk)
            if name == "agent.presence" and not told.get("queue"):
                agent, state = told["agent"], now[told["agent"]]
                close(agent, at)
                if told["presence"] == "not_ready" and (state[0], state[1]) != ("not_ready", told["reason"]):
                    self.pauses.append((at, agent, told["reason"]))
                state[0], state[1] = told["presence"], told["reason"]
                self.states[agent].append((at, *state))  # type: ignore[arg-type]
            elif name == "agent.activity":
                agent, state = told["agent"], now[told["agent"]]
                close(agent, at)
                state[2], state[3] = told["activity"], told.get("kind", "")
                if state[2] not in ("talking", "holding", "wrapup"):
                    talking.pop(agent, None)
                self.states[agent].append((at, *state))  # type: ignore[arg-type]
        for agent in list(talking):
            close(agent, self.end)

    # --- queues ------------------------------------------------------------------------------------------------------

    def queue(
        self,
        which: Callable[[str], bool] = lambda queue: True,
        span: Span = ALWAYS,
        level: float = 20.0,
        short: float = 6.0,
        *,
        by_event: bool = False,
    ) -> dict[str, Any]:
        """C.2, C.3, C.4 over the visits that began in a time; `by_event`: over what happened in it."""
        mine = [one for one in self.visits if which(one.queue)]
        came = [one for one in mine if span[0] <= one.came < span[1]]
        over = [one for one in (mine if by_event else came) if one.left is not None]
        if by_event:
            over = [one for one in over if one.left is not None and span[0] <= one.left < span[1]]
        answered = [one for one in over if one.outcome == "answered"]
        gave_up = [one for one in over if one.gave_up]
        e, a, b = len(came), len(answered), len(gave_up)
        a_t = sum(one.waited <= level for one in answered)
        b_t = sum(one.waited <= level for one in gave_up)
        b_s = sum(one.waited <= short and one.outcome != "abandoned_connecting" for one in gave_up)
        f = len(over) - a - b
        rings = [
            one for one in self.rings if which(one.queue) and span[0] <= (one.at if by_event else one.came) < span[1]
        ]
        taken, refused = (
            sum(one.result in results for one in rings) for results in (("answered",), ("no_answer", "rejected"))
        )
        waits = sorted(one.waited for one in answered)
        return {
            "entered": e, "answered": a, "abandoned_short": b_s, "abandoned": b - b_s, "other": f, "waiting": e - a - b - f,
            "answer_rate": (a, e - b_s), "sl": (a_t, a + b - b_s), "sl_answered": (a_t, a), "sl_ast2": (a_t + b_t, a + b),
            "sl_all": (a_t, a + b), "sl_noloss": (a_t, a + b - b_t), "sl_strict": (a_t, a + b - b_s + f),
            "asa": (sum(waits), a), "awt_all": (sum(one.waited for one in over), len(over)),
            "ata": (sum(one.waited for one in gave_up), b), "abandon_rate": (b - b_s, e - b_s),
            "longest_wait": max((one.waited for one in over), default=None), "offer_accept": (taken, taken + refused),
            "aht": self.handled(which, span, by_event=by_event), "waits": waits,
        }  # fmt: skip

    def handled(self, which: Callable[[str], bool], span: Span, *, by_event: bool) -> tuple[float, int]:
        """C.6: talk with hold, and wrap-up; of conversations."""
        talks = [one for one in self.talks if which(one.queue)]
        if not by_event:
            talks = [one for one in talks if span[0] <= one.came < span[1]]
            return sum(end - start for one in talks for _, start, end in one.spans), len(talks)
        work = sum(overlap((start, end), span) for one in talks for _, start, end in one.spans)
        return work, -1  # Where a conversation began is not in question here.

    # --- agents ------------------------------------------------------------------------------------------------------

    def agent(self, name: str, span: Span) -> dict[str, Any]:
        """C.6 of one agent: seconds in each state, offers, pauses by reason."""
        sums: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        steps = self.states[name]
        ends = [one[0] for one in steps[1:]] + [self.end]
        for (at, presence, reason, activity, kind), end in zip(steps, ends, strict=True):
            length = overlap((at, end), span)
            sums["logged_in"] += length if presence != "offline" else 0.0  # type: ignore[assignment]
            what = state_of(presence, activity)
            if what == "not_ready":
                reasons[reason or "-"] += length  # type: ignore[assignment]
            sums[what] += length  # type: ignore[assignment]
            if what == "talk":
                sums[f"talk {kind or 'queue'}"] += length  # type: ignore[assignment]
        rings = [one for one in self.rings if one.agent == name and span[0] <= one.at < span[1]]
        results = Counter(one.result for one in rings)
        return {
            **{key: sums[key] for key in ("talk", "hold", "wrap", "idle", "ringing", "not_ready", "unreachable", "logged_in")},
            "calls_in": sum(
                tell == "queue.connected" and told["agent"] == name and span[0] <= at < span[1] for at, tell, told in self.lines
            ),
            "rings": len(rings), "rings_answered": results["answered"], "rings_no_answer": results["no_answer"],
            "rings_rejected": results["rejected"], "mean_ring": (sum(one.seconds for one in rings), len(rings)),
            "offer_accept": (
                results["answered"], results["answered"] + results["no_answer"] + results["rejected"],
            ),
            "occupancy": (
                work := sums["talk"] + sums["hold"] + sums["wrap"], work + sums["idle"],
            ),
            "utilisation": (work, sums["logged_in"]), "reasons": {key: one for key, one in reasons.items() if one > 0},
        }  # fmt: skip

    # --- numbers -----------------------------------------------------------------------------------------------------

    def settled(self, which: Callable[[str], bool], span: Span) -> tuple[int, int]:
        """The FCR proxy: answered visits with a number, less those whose number entered the same queue within 7 days."""
        mine = [one for one in self.visits if which(one.queue) and one.number]
        answered = [one for one in mine if one.outcome == "answered" and span[0] <= one.came < span[1]]
        again = 0
        for one in answered:
            # The next visit of that number to that queue: it is the one that tells whether this one was settled.
            behind = mine[mine.index(one) + 1 :]
            later = next((two for two in behind if (two.queue, two.number) == (one.queue, one.number)), None)
            again += later is not None and later.came - one.came <= WEEK
        return len(answered) - again, len(answered)

    # --- load --------------------------------------------------------------------------------------------------------

    def load(self, span: Span) -> dict[str, Any]:
        """Calls that began in a time, the most of them at once, and erlangs."""
        began = {told["call"]: at for at, name, told in self.lines if name == "call.created"}
        ended = {told["call"]: at for at, name, told in self.lines if name == "call.ended"}
        spans = [(at, ended.get(call, self.end)) for call, at in began.items()]
        inside = [one for one in spans if overlap(one, span) > 0 or span[0] <= one[0] < span[1]]
        moments = [span[0], *(at for at, _ in inside if at >= span[0])]
        peak = max((sum(start <= at < end or at == start for start, end in inside) for at in moments), default=0)
        return {
            "started": sum(span[0] <= at < span[1] for at, _ in spans), "peak": peak,
            "erlangs": (sum(overlap(one, span) for one in inside), span[1] - span[0]),
        }  # fmt: skip


def overlap(one: Span, two: Span) -> float:
    return max(0.0, min(one[1], two[1]) - max(one[0], two[0]))


def state_of(presence: str, activity: str) -> str:
    """A.13: what work there is counts, whatever the person said; then where they are; then what they are free for."""
    if activity == "talking":
        return "talk"
    if activity in ("holding", "wrapup"):
        return {"holding": "hold", "wrapup": "wrap"}[activity]
    if presence == "offline":
        return "away"
    if activity in ("reserved", "offered"):
        return "ringing"
    if presence == "not_ready":
        return "not_ready"
    return "unreachable" if activity == "unreachable" else "idle"


def rank(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that so many of all do not exceed."""
    for place, value in enumerate(ordered, 1):
        if place >= share * len(ordered) - 1e-9:
            return value
    return None
