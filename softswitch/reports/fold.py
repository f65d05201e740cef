"""Events -> rows (RPT-16). Pure: the same events give the same rows, in whatever pieces they are read.

The definition of every count is here; of every quotient in `figures`. What the fold has to remember between two events is plain
JSON (`export`, `restore`), and bounded by what is going on; what it has to know of a number for days it asks a `Memory`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from softswitch.reports.rows import (
    ABANDONED,
    AGENT_COLUMNS,
    AGENTS_SIDE,
    COHORT,
    DAY_MS,
    EVENT,
    LOAD_COLUMNS,
    MILLI,
    MOVED,
    OUTCOMES,
    QUEUE_COLUMNS,
)
from softswitch.reports.standing import A, Agent, Q, cut, place, quarter, state
from softswitch.reports.standing import work as work_of

DEFINITION: Final = 3  # of what is counted how; another number makes everything be counted again
SHORT_ANSWER: Final = 10_000  # milliseconds: who hangs up sooner has not talked (RPT-07)
LONGEST_CALL: Final = 2 * DAY_MS  # what claims to go on for longer has no end in the journal
REMEMBERED: Final = 8 * DAY_MS  # what is known of a number
MOST_TOLD: Final = 50  # waits foretold to one caller that are compared

STARTED, BUSY, PEAK = range(len(LOAD_COLUMNS))
_OUTCOME: Final = {name: Q[name] for name in OUTCOMES}
_RINGS: Final = {"answered": "rings_answered", "no_answer": "rings_no_answer", "rejected": "rings_rejected"}
_CALLS: Final = {"outbound": A["calls_out"], "internal": A["calls_internal"]}

Row: TypeAlias = list[int]
Body: TypeAlias = dict[str, Any]


class Memory(Protocol):
    """What is known of callers' numbers."""

    def recall(self, number: str) -> Body | None: ...
    def keep(self, number: str, body: Body, at: int) -> None:
        """Remember it; `at` in milliseconds: what is older than `REMEMBERED` may be forgotten."""
        ...


class Numbers(dict[str, Body]):
    """The memory of a test."""

    def recall(self, number: str) -> Body | None:
        return self.get(number)

    def keep(self, number: str, body: Body, at: int) -> None:
        self[number] = body


@dataclass(slots=True, frozen=True)
class Limits:
    """T and S of C.2, in seconds."""

    service_level: float = 20.0
    short_abandon: float = 6.0


@dataclass(slots=True)
class Made:
    """Rows that a piece of the journal has given."""

    queues: defaultdict[tuple[str, int, str], Row] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(QUEUE_COLUMNS))
    )
    agents: defaultdict[tuple[int, str], Row] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(AGENT_COLUMNS))
    )
    bins: defaultdict[tuple[str, int, str, str, int], Row] = field(default_factory=lambda: defaultdict(lambda: [0]))
    load: defaultdict[tuple[str, int, str], Row] = field(
        default_factory=lambda: defaultdict(lambda: [0] * len(LOAD_COLUMNS))
    )
    spans: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    missed: dict[tuple[int, str, str], tuple[Any, ...]] = field(default_factory=dict)
    transfers: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)
    repeats: dict[tuple[int, int], tuple[Any, ...]] = field(default_factory=dict)

    def tables(self) -> dict[str, Mapping[Any, Any]]:
        """By the names of `rows`."""
        return {
            "report_queues": self.queues, "report_agents": self.agents, "report_bins": self.bins, "report_load": self.load,
            "report_spans": self.spans, "report_missed": self.missed, "report_transfers": self.transfers,
            "report_repeats": self.repeats,
        }  # fmt: skip


class Fold:
    """Reads the journal in its order."""

    def __init__(
        self,
        memory: Memory,
        limits: Callable[[str], Limits] = lambda queue: Limits(),
        same: Callable[[str], str] = lambda number: number,
        floor: int = 0,
    ) -> None:
        """`limits(queue)`; `same(dialled)`: the number as callers show it; `floor`: rows before this second are not made."""
        self.made = Made()
        self.now = 0  # of the last event, in milliseconds: the clock of the books never goes back
        self._memory = memory
        self._limits = limits
        self._same = same
        self._floor = floor
        self._seq = 0
        self._agents: dict[str, Agent] = {}
        self._devices: dict[str, str] = {}  # phone -> the agent who is logged in at it
        self._visits: dict[str, list[Any]] = {}  # call -> [queue, when they came, number, waits told, visit]
        self._calls: dict[str, list[Any]] = {}  # call -> [began, queue]
        self._legs: dict[str, tuple[str, int]] = {}  # leg -> trunk
        self._flow: dict[str, list[int]] = {}  # "call" or a trunk -> how many now, counted up to
        self._transfers: dict[str, list[Any]] = {}  # call -> the row, its key before it
        self._held: dict[str, int] = {}  # call -> since when it is on hold
        self._day = 0
        self._folds: dict[str, Callable[[dict[str, Any]], None]] = {
            "queue.entered": self._entered,
            "queue.left": self._left,
            "queue.ewt_told": self._told,
            "queue.offer_result": self._ring_ended,
            "queue.connected": self._connected,
            "agent.presence": self._presence,
            "agent.activity": self._activity,
            "call.created": self._call_started,
            "call.ended": self._call_ended,
            "call.held": self._hold,
            "call.resumed": self._resume,
            "leg.created": self._leg_started,
            "leg.ended": self._leg_ended,
            "transfer.started": self._transfer_started,
            "call.transferred": self._transferred,
            "transfer.failed": self._transfer_failed,
            "call.recalled": self._recalled,
            "callback.done": self._called_back,
        }

    def see(self, seq: int, wall: float, name: str, payload: dict[str, Any]) -> None:
        """An event of the journal; `wall`: Unix time."""
        fold = self._folds.get(name)
        if fold is None:
            return
        self._seq = seq
        self.now = max(self.now, round(wall * MILLI))
        if self.now // DAY_MS != self._day:
            self._day = self.now // DAY_MS
            self._tidy()
        fold(payload)

    def tick(self, wall: float) -> None:
        """So late it is at least: agents go on doing what they do while nothing happens that is counted."""
        self.now = max(self.now, round(wall * MILLI))

    # --- queues ------------------------------------------------------------------------------------------------------

    def _of(self, queue: str, came: int) -> tuple[Row, Row]:
        """The rows of a queue: of the quarter in which the caller came, and of the present one."""
        queues = self.made.queues
        return queues[COHORT, quarter(came), queue], queues[EVENT, quarter(self.now), queue]

    def _entered(self, event: dict[str, Any]) -> None:
        if event.get("kind"):
            return  # Who is called back has figures of their own.
        queue, now, number = event["queue"], self.now, event["number"]
        self._visits[event["caller"]] = [queue, now, number, [], event["visit"]]
        if (call := self._calls.get(event["caller"])) is not None:
            call[1] = queue
        for row in self._of(queue, now):
            row[0] += 1
        if not number:
            return
        body = self._recall(number) or {"v": {}, "m": {}}
        before = body["v"].get(queue)
        if before is not None and now - before[0] <= 7 * DAY_MS:
            self.made.repeats[now, self._seq] = (queue, number, before[0], before[1])
            if before[1]:  # Whom somebody had helped calls again: it was not settled (FCR proxy of C.6).
                row = self.made.queues[COHORT, quarter(before[0]), queue]
                row[Q["followed_week"]] += 1
                row[Q["followed_day"]] += now - before[0] <= DAY_MS
        body["v"][queue] = [now, 0]
        self._keep(number, body)

    def _left(self, event: dict[str, Any]) -> None:
        if event.get("kind"):
            return
        queue, outcome, wait = event["queue"], event["outcome"], event["waited"]
        waited = round(wait * MILLI)
        found = self._visits.pop(event["caller"], None)
        came, number, told = (found[1], found[2], found[3]) if found else (self.now - waited, "", [])
        limits = self._limits(queue)
        rows = self._of(queue, came)
        for row in rows:
            if (place := _OUTCOME.get(outcome)) is not None:
                row[place] += 1
            row[Q["wait_all"]] += waited
            if waited > row[-1]:
                row[-1] = waited
        seconds = -(-waited // MILLI)  # begun ones count
        if outcome == "answered":
            for row in rows:
                row[Q["wait_answered"]] += waited
                row[Q["in_time"]] += wait <= limits.service_level
            self._bin("answered", queue, came, seconds)
            self._answered(rows[0], queue, number, came, event.get("agent", ""))
            self._compare(rows, told, wait)
        elif outcome in ABANDONED:
            for row in rows:
                row[Q["wait_abandoned"]] += waited
                row[Q["abandoned_in_time"]] += wait <= limits.service_level
                row[Q["short"]] += wait <= limits.short_abandon and outcome != AGENTS_SIDE
            self._bin("abandoned", queue, came, seconds)
            self._missed(queue, number, outcome, waited)

    def _bin(self, kind: str, queue: str, came: int, seconds: int) -> None:
        """Where the caller came; and what is to be added if it is asked when they left: most left in the quarter they came in."""
        bins, then, now = self.made.bins, quarter(came), quarter(self.now)
        bins[kind, then, queue, "", seconds][0] += 1
        if now != then:
            bins[f"{kind}{MOVED}", then, queue, "", seconds][0] -= 1
            bins[f"{kind}{MOVED}", now, queue, "", seconds][0] += 1

    def _told(self, event: dict[str, Any]) -> None:
        visit = self._visits.get(event["caller"])
        if visit is not None and len(visit[3]) < MOST_TOLD:
            visit[3].append([event["seconds"], event["waited"]])

    @staticmethod
    def _compare(rows: tuple[Row, Row], told: list[list[float]], waited: float) -> None:
        """What was said of the rest of the wait against what came true, in tenths of a second."""
        for said, then in told:
            error = round(10.0 * (said - (waited - then)))
            for row in rows:
                row[Q["told"]] += 1
                row[Q["told_error"]] += error
                row[Q["told_square"]] += error * error

    def _ring_ended(self, event: dict[str, Any]) -> None:
        result, ring = event["result"], round(event["ring_seconds"] * MILLI)
        agent = self.made.agents[quarter(self.now), event["agent"]]
        visit = self._visits.get(event["caller"])
        rows = self._of(event["queue"], visit[1] if visit else self.now)
        for row, names in ((agent, A), (rows[0], Q), (rows[1], Q)):
            row[names["rings"]] += 1
            row[names["ring"]] += ring
            if result in _RINGS:
                row[names[_RINGS[result]]] += 1
        self.made.bins["ring", quarter(self.now), event["agent"], result, -(-ring // MILLI)][0] += 1

    def _connected(self, event: dict[str, Any]) -> None:
        visit = self._visits.get(event["caller"])
        name, came = event["agent"], visit[1] if visit else self.now
        agent = self._agent(name)
        self._count(name, agent)  # What was before is nobody's.
        agent.queue, agent.came = event["queue"], quarter(came)
        for row in self._of(event["queue"], came):
            row[Q["handled"]] += 1
        self.made.agents[quarter(self.now), name][A["calls_in"]] += 1
        if visit and visit[2] and self._devices.get(visit[2]) == name:
            self.made.agents[quarter(self.now), name][A["own_calls"]] += 1

    # --- numbers -----------------------------------------------------------------------------------------------------

    def _recall(self, number: str) -> Body | None:
        """What is known of a number, unless it is so old that it may be forgotten."""
        body = self._memory.recall(number)
        return body if body is not None and self.now - body["at"] <= REMEMBERED else None

    def _keep(self, number: str, body: Body) -> None:
        body["at"] = self.now
        self._memory.keep(number, body, self.now)

    def _answered(self, row: Row, queue: str, number: str, came: int, agent: str) -> None:
        body = self._recall(number) if number else None
        if body is None:
            return
        if (visit := body["v"].get(queue)) is not None:
            row[Q["contacts"]] += 1
            if visit[0] == came:
                visit[1] = 1
                self._keep(number, body)
            else:  # The number has called again while it still waited.
                row[Q["followed_week"]] += 1
                row[Q["followed_day"]] += 1
        self._contact(number, self.now, agent, "called_again")

    def _missed(self, queue: str, number: str, outcome: str, waited: int) -> None:
        """Somebody gave up: an attempt of the same number within a day belongs to the one before."""
        if not number:
            return
        body = self._recall(number) or {"v": {}, "m": {}}
        first, last, attempts = body["m"].get(queue, (self.now, self.now, 0))[:3]
        if self.now - last > DAY_MS:
            first, attempts = self.now, 0
        body["m"][queue] = [first, self.now, attempts + 1, outcome, waited]
        self._keep(number, body)
        self.made.missed[first, queue, number] = (self.now, attempts + 1, outcome, waited, None, "", "")

    def _contact(self, number: str, at: int, by: str, how: str) -> None:
        """Somebody has talked to a number: who had given up there is no longer missed."""
        body = self._recall(number)
        if body is None or not body["m"]:
            return
        for queue, (first, *known) in list(body["m"].items()):
            if at >= known[0]:
                del body["m"][queue]
                self.made.missed[first, queue, number] = (*known, at, by, how)
        self._keep(number, body)

    def _called_back(self, event: dict[str, Any]) -> None:
        if event["outcome"] in ("reached", "by_hand"):
            how = "callback" if event["outcome"] == "reached" else "by_hand"
            self._contact(event["number"], self.now, event.get("agent", ""), how)

    # --- agents ------------------------------------------------------------------------------------------------------

    def _agent(self, name: str) -> Agent:
        if (agent := self._agents.get(name)) is None:
            agent = self._agents[name] = Agent(since=self.now, began=self.now)
        return agent

    def _presence(self, event: dict[str, Any]) -> None:
        if event.get("queue"):
            return  # One membership was paused, not the person.
        name, agent = event["agent"], self._agent(event["agent"])
        self._count(name, agent)
        begun = event["presence"] == "not_ready" and (agent.presence, agent.reason) != ("not_ready", event["reason"])
        if begun:
            self.made.agents[quarter(self.now), name][A["pauses"]] += 1
            self.made.bins["pauses", quarter(self.now), name, event["reason"], 0][0] += 1
        before = state(agent)
        agent.presence, agent.reason = event["presence"], event["reason"]
        if agent.device and self._devices.get(agent.device) == name:
            del self._devices[agent.device]
        agent.device = event.get("device") or agent.device
        if agent.presence == "offline":
            agent.device = ""
        elif agent.device:
            self._devices[agent.device] = name
        if state(agent) != before:
            agent.began = self.now

    def _activity(self, event: dict[str, Any]) -> None:
        name, agent = event["agent"], self._agent(event["agent"])
        self._count(name, agent)
        before = state(agent)
        talked = agent.activity in ("talking", "holding") and agent.kind == event.get("kind", "")
        agent.activity, agent.kind = event["activity"], event.get("kind", "")
        if agent.activity == "talking" and not talked and (column := _CALLS.get(agent.kind)) is not None:
            self.made.agents[quarter(self.now), name][column] += 1
        if agent.activity not in ("talking", "holding", "wrapup"):
            agent.queue = ""
        if state(agent) != before:
            agent.began = self.now

    def _count(self, name: str, agent: Agent) -> None:
        """The time since it was last counted, cut at the quarters."""
        column = place(agent)
        logged_in = agent.presence != "offline"
        for at, length in cut(agent.since, self.now):
            if column is None and not logged_in:
                break
            row = self.made.agents[at, name]
            row[0] += length if logged_in else 0
            if column is None:
                continue
            row[column] += length
            if column == A["not_ready"]:
                self.made.bins["pause", at, name, agent.reason, 0][0] += length
            if agent.queue and (work := work_of(column)):
                self.made.queues[COHORT, agent.came, agent.queue][work] += length
                self.made.queues[EVENT, at, agent.queue][work] += length
        if self.now > agent.began and (logged_in or column is not None):
            name_of, detail = state(agent)
            self.made.spans[name, agent.began] = (self.now, name_of, detail)
        agent.since = self.now

    # --- calls -------------------------------------------------------------------------------------------------------

    def _call_started(self, event: dict[str, Any]) -> None:
        self._calls[event["call"]] = [self.now, ""]
        self._step("switch", "", 1)

    def _call_ended(self, event: dict[str, Any]) -> None:
        call = event["call"]
        if self._calls.pop(call, None) is not None:
            self._step("switch", "", -1)
        self._visits.pop(call, None)
        self._transfers.pop(call, None)
        self._held.pop(call, None)
        if event["outcome"] != "answered" or event.get("queue"):
            return
        at = self.now - round(event["talk_seconds"] * MILLI)
        if event.get("account"):
            by = event.get("agent") or self._devices.get(event["account"], event["account"])
            self._contact(self._same(event["dialled"]) or event["dialled"], at, by, "called")
        else:
            self._contact(event["caller"], at, event["dialled"], "called_again")

    def _leg_started(self, event: dict[str, Any]) -> None:
        kind, _, trunk = event.get("device", "").partition(":")
        if kind == "trunk" and trunk:
            self._legs[event["leg"]] = (trunk, self.now)
            self._step("trunk", trunk, 1)

    def _leg_ended(self, event: dict[str, Any]) -> None:
        if (found := self._legs.pop(event["leg"], None)) is not None:
            self._step("trunk", found[0], -1)
        if event["cause"] == "system_restart" and event["role"] == "agent":
            self._cut_off(event["party"])
        talk = round(event["talk_seconds"] * MILLI)
        if event["role"] == "agent" and 0 < talk < SHORT_ANSWER and event["by"] == "remote":
            led = self._transfers.get(event["call"])
            if led is not None and led[5] == event["party"]:
                return  # A desk phone that has transferred hangs up, too.
            self.made.agents[quarter(self.now), event["party"]][A["short_answers"]] += 1

    def _cut_off(self, name: str) -> None:
        """The switch died in a conversation: what its next life does not tell of an agent is that their phone is away."""
        agent = self._agents.get(name)
        if agent is not None and agent.activity in ("talking", "holding"):
            self._count(name, agent)
            agent.activity, agent.kind, agent.queue, agent.began = "unreachable", "", "", self.now

    def _step(self, kind: str, name: str, by: int) -> None:
        """So many calls more or less at once; a row holds the greatest number, and milliseconds times calls."""
        key = f"{kind}:{name}"
        flow = self._flow.setdefault(key, [0, self.now])
        self._flowed(kind, name, flow)
        flow[0] = max(0, flow[0] + by)
        row = self.made.load[kind, quarter(self.now), name]
        row[STARTED] += by > 0
        row[PEAK] = max(row[PEAK], flow[0])

    def _flowed(self, kind: str, name: str, flow: list[int]) -> None:
        if flow[0]:
            for at, length in cut(flow[1], self.now):
                row = self.made.load[kind, at, name]
                row[BUSY] += flow[0] * length
                row[PEAK] = max(row[PEAK], flow[0])
        flow[1] = self.now

    # --- transfers ---------------------------------------------------------------------------------------------------

    def _transfer_started(self, event: dict[str, Any]) -> None:
        call = self._calls.get(event["call"])
        by = self._devices.get(event["by"], event["by"])
        row = [
            self.now,
            self._seq,
            event["call"],
            call[1] if call else "",
            event["kind"],
            by,
            event["target"],
            "",
            0,
            0,
            0,
        ]
        self._transfers[event["call"]] = row
        self._tell(row)

    def _transferred(self, event: dict[str, Any]) -> None:
        row = self._transfers.get(event["call"]) or self._transfers.get(event["other"])
        if row is None:
            return
        row[7], row[9] = "done", event["transfers"]
        self._cost(row)
        if row[2] != event["call"]:
            self._transfers[event["call"]] = row

    def _transfer_failed(self, event: dict[str, Any]) -> None:
        if (row := self._transfers.get(event["call"])) is not None:
            row[7] = event["cause"] or "failed"
            self._cost(row)

    def _cost(self, row: list[Any]) -> None:
        """What it cost the transferor: the consultation, with the caller on hold. Who transfers blind is free at once.

        A desk phone consults before it says that this becomes a transfer: then the hold tells when it began.
        """
        if row[4] == "attended":
            row[8] = self.now - min(row[0], self._held.get(row[2], row[0]))
        self._tell(row)

    def _hold(self, event: dict[str, Any]) -> None:
        self._held.setdefault(event["call"], self.now)

    def _resume(self, event: dict[str, Any]) -> None:
        self._held.pop(event["call"], None)

    def _recalled(self, event: dict[str, Any]) -> None:
        if (row := self._transfers.get(event["call"])) is not None:
            row[10] += 1
            self._tell(row)

    def _tell(self, row: list[Any]) -> None:
        self.made.transfers[row[0], row[1]] = tuple(row[2:])

    # --- pieces ------------------------------------------------------------------------------------------------------

    def take(self) -> Made:
        """The rows so far, with what is going on counted up to the last event."""
        for name, agent in self._agents.items():
            self._count(name, agent)
        for key, flow in self._flow.items():
            kind, _, name = key.partition(":")
            self._flowed(kind, name, flow)
        made, self.made = self.made, Made()
        if self._floor:
            _drop(made, self._floor)
        return made

    def _tidy(self) -> None:
        """What has no end in the journal is not waited for."""
        limit = self.now - LONGEST_CALL
        for call in [call for call, (began, _) in self._calls.items() if began < limit]:
            del self._calls[call]
            self._step("switch", "", -1)
            self._transfers.pop(call, None)
        for leg in [leg for leg, (_, began) in self._legs.items() if began < limit]:
            self._step("trunk", self._legs.pop(leg)[0], -1)
        for caller in [caller for caller, visit in self._visits.items() if visit[1] < limit]:
            del self._visits[caller]
        for call in [call for call, row in self._transfers.items() if row[0] < limit]:
            del self._transfers[call]
        for call in [call for call, since in self._held.items() if since < limit]:
            del self._held[call]

    def export(self) -> dict[str, Any]:
        """What is going on, as plain JSON."""
        return {
            "now": self.now, "day": self._day, "floor": self._floor, "devices": self._devices, "visits": self._visits,
            "agents": {name: [getattr(one, field) for field in Agent.__slots__] for name, one in self._agents.items()},
            "calls": self._calls, "legs": self._legs, "flow": self._flow, "transfers": self._transfers, "held": self._held,
        }  # fmt: skip

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.now, self._day, self._floor = kept["now"], kept["day"], kept["floor"]
        self._devices, self._visits, self._calls = dict(kept["devices"]), dict(kept["visits"]), dict(kept["calls"])
        self._legs = {leg: (trunk, began) for leg, (trunk, began) in kept["legs"].items()}
        self._flow, self._transfers, self._held = dict(kept["flow"]), dict(kept["transfers"]), dict(kept["held"])
        self._agents = {name: Agent(*values) for name, values in kept["agents"].items()}


def _drop(made: Made, floor: int) -> None:
    """Leave out what belongs to a time of which the journal does not tell everything."""
    found: list[tuple[dict[Any, Row], int]] = [(made.queues, 1), (made.agents, 0), (made.bins, 1), (made.load, 1)]
    for rows, index in found:
        for key in [key for key in rows if key[index] < floor]:
            del rows[key]
