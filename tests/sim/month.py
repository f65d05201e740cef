"""The journal of a call centre that never was, for reports: callers, rings, conversations, pauses, transfers, calls back.

Fast, because a month has a million calls; and it tells what it has made, so that reports can be held against it.
"""

from __future__ import annotations

import heapq
import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCK = 64  # events, as the journal writes them under load
WRAP = 15.0

Line = tuple[float, str, dict[str, Any]]


@dataclass(slots=True)
class Truth:
    """One visit as it was."""

    queue: str
    number: str
    came: float
    waited: float
    outcome: str
    agent: str = ""
    talk: float = 0.0
    short: bool = False


@dataclass
class Month:
    """`rate`: callers an hour and queue; events come from `lines`, in the order of time."""

    start: float
    days: float = 30.0
    queues: int = 3
    agents: int = 12
    rate: float = 60.0
    seed: int = 1
    truth: list[Truth] | None = None
    pauses: dict[str, float] = field(default_factory=dict)

    def lines(self) -> Iterator[Line]:
        dice = random.Random(self.seed)
        heap: list[tuple[float, int, str, dict[str, Any]]] = []
        count = 0

        def tell(at: float, name: str, **payload: Any) -> None:
            nonlocal count
            count += 1
            heapq.heappush(heap, (round(at, 3), count, name, payload))

        free: list[list[tuple[float, str]]] = []
        for queue in range(self.queues):
            names = [f"a{queue}{number:02d}" for number in range(self.agents // self.queues)]
            free.append([(self.start, name) for name in names])
            for name in names:
                presence = {"reason": "", "actor": "", "device": f"p{name}", "queue": "", "previous": "offline"}
                tell(self.start, "agent.presence", agent=name, presence="ready", **presence)
                tell(
                    self.start, "agent.activity", agent=name, activity="idle", previous="unreachable", kind="", queue=""
                )
        at, end, calls = self.start, self.start + self.days * 86_400.0, 0
        while True:
            # Twice as many at noon as on the average, few at night.
            hour = (at / 3600.0) % 24.0
            at += dice.expovariate(self.rate * self.queues / 3600.0 * (2.0 if 9 <= hour < 15 else 0.6))
            if at >= end:
                break
            while heap and heap[0][0] < at:
                when, _, name, payload = heapq.heappop(heap)
                yield when, name, payload
            calls += 1
            self._call(dice, tell, free, f"c{calls}", dice.randrange(self.queues), at)
        while heap and heap[0][0] < end:
            when, _, name, payload = heapq.heappop(heap)
            yield when, name, payload

    def _call(self, dice: random.Random, tell: Any, free: Any, call: str, queue: int, at: float) -> None:
        name = f"q{queue}"
        new = dice.random() < 0.7
        number = f"+4822{dice.randrange(10_000_000):07d}" if new else f"+4860{dice.randrange(2_000):07d}"
        common = {"queue": name, "caller": call}
        tell(at, "call.created", call=call, caller=number, caller_name="", dialled="800", account="", trunk="t1")
        tell(at, "leg.created", call=call, leg=f"{call}L", role="caller", party=number, device="trunk:t1")
        tell(at, "queue.entered", **common, visit=int(call[1:]), number=number, position=1, waiting=1, kind="")
        if dice.random() < 0.1:
            tell(at, "queue.ewt_told", **common, minutes=1, seconds=40.0, mean=30.0, waited=0.0, place=1, people=4)
        when, agent = heapq.heappop(free[queue])
        begins, patience = max(at, when), dice.expovariate(1 / 90.0)
        ring = dice.uniform(1.0, 8.0)
        if begins + ring - at > patience:
            heapq.heappush(free[queue], (when, agent))
            self._give_up(dice, tell, common, call, number, at, patience)
            return
        if dice.random() < 0.05:  # The agent lets it ring; a moment later they take it after all.
            tell(
                begins + 0.1, "queue.offer_result", **common, agent=agent, result="no_answer", ring_seconds=0.1, offer=1
            )
        answered = begins + ring
        talk = dice.expovariate(1 / 90.0) + 1.0
        ended, cut_off = answered + talk, dice.random() < 0.02
        if cut_off:
            ended = answered + 4.0
        activity = {"agent": agent, "seconds_in_previous": 0.0, "cause": ""}
        tell(begins, "agent.activity", **activity, activity="offered", previous="idle", kind="", queue=name)
        tell(answered, "agent.activity", **activity, activity="talking", previous="offered", kind="queue", queue=name)
        tell(answered, "queue.offer_result", **common, agent=agent, result="answered", ring_seconds=ring, offer=1)
        tell(answered, "queue.connected", **common, agent=agent, offer=1, waited=answered - at)
        tell(
            answered, "queue.left", **common, visit=int(call[1:]), outcome="answered", waited=answered - at, agent=agent,
            position_at_entry=1, offers=1, detail="", kind="",
        )  # fmt: skip
        if dice.random() < 0.03:
            tell(answered + 1.0, "transfer.started", call=call, kind="attended", by=f"p{agent}", target="102", note="")
            tell(
                (answered + ended) / 2 + 0.5, "call.transferred", call=call, kind="attended", by=f"p{agent}", target="102",
                leg="x", other="y", transfers=1,
            )  # fmt: skip
        tell(ended, "agent.activity", **activity, activity="wrapup", previous="talking", kind="", queue=name)
        leg = {"call": call, "status": 200, "cause": "normal", "ring_seconds": ring, "talk_seconds": ended - answered}
        tell(ended, "leg.ended", **leg, leg=f"{call}A", role="agent", party=agent, by="remote" if cut_off else "local")
        tell(
            ended, "leg.ended", **leg, leg=f"{call}L", role="caller", party=number, by="local" if cut_off else "remote"
        )
        self._ended(tell, ended, call, number, "answered", ended - answered, ended - at, name)
        idle = ended + WRAP
        tell(idle, "agent.activity", **activity, activity="idle", previous="wrapup", kind="", queue="")
        if dice.random() < 0.02:
            rest = dice.uniform(60.0, 1_800.0)
            presence = {"agent": agent, "actor": "", "device": "", "queue": ""}
            tell(idle, "agent.presence", **presence, presence="not_ready", reason="lunch", previous="ready")
            tell(idle + rest, "agent.presence", **presence, presence="ready", reason="", previous="not_ready")
            idle += rest
        heapq.heappush(free[queue], (idle, agent))
        if self.truth is not None:
            self.truth.append(Truth(name, number, at, answered - at, "answered", agent, ended - answered, cut_off))

    def _give_up(
        self, dice: random.Random, tell: Any, common: dict[str, Any], call: str, number: str, at: float, waited: float
    ) -> None:
        outcome = "abandoned_short" if waited <= 6.0 else "abandoned"
        left = at + waited
        tell(
            left, "queue.left", **common, visit=int(call[1:]), outcome=outcome, waited=waited, agent="", position_at_entry=1,
            offers=0, detail="", kind="",
        )  # fmt: skip
        leg = {"call": call, "status": 200, "cause": "normal", "ring_seconds": 0.0, "talk_seconds": waited}
        tell(left, "leg.ended", **leg, leg=f"{call}L", role="caller", party=number, by="remote")
        self._ended(tell, left, call, number, "completed", 0.0, waited, common["queue"])
        if dice.random() < 0.4:  # Somebody calls back from the back office.
            back = left + dice.uniform(60.0, 50_000.0)
            tell(
                back,
                "call.created",
                call=f"{call}b",
                caller="101",
                caller_name="",
                dialled=number,
                account="101",
                trunk="",
            )
            self._ended(tell, back + 60.0, f"{call}b", "101", "answered", 50.0, 60.0, "", number, "101")
        if self.truth is not None:
            self.truth.append(Truth(common["queue"], number, at, waited, outcome))

    @staticmethod
    def _ended(
        tell: Any, at: float, call: str, caller: str, outcome: str, talk: float, total: float, queue: str,
        dialled: str = "800", account: str = "",
    ) -> None:  # fmt: skip
        tell(
            at, "call.ended", call=call, caller=caller, caller_name="", dialled=dialled, account=account, outcome=outcome,
            status=200, cause="normal", setup_seconds=0.0, talk_seconds=talk, total_seconds=total, queue=queue, agent="",
        )  # fmt: skip


def write(lines: Iterator[Line], database: Path, first: int = 1) -> int:
    """Put lines into the journal of a migrated database; the number of the next event."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    seq, block, wall = first, [], 0.0

    def close() -> None:
        last = wall + block[-1][1] / 1e6
        row = (block[0][0], block[-1][0], wall, last, wall, json.dumps(block, separators=(",", ":")))
        connection.execute(
            "INSERT INTO journal (first_seq, last_seq, first_wall, last_wall, first_mono, events) VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    for at, name, payload in lines:
        if not block:
            wall = at
        micro = round((at - wall) * 1e6)
        block.append((seq, micro, micro, name, payload.get("call", ""), payload))
        seq += 1
        if len(block) == BLOCK:
            close()
            block = []
    if block:
        close()
    connection.execute("COMMIT")
    connection.close()
    return seq
