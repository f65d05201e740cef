"""The world of `queue_world` with every rule about callers who wait: ladders, surges, keys, places given back, supervisors.

After every input the order of each queue is compared with what priorities, waits and hands on it allow.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

from softswitch.acd.caller import Caller, CallerState
from softswitch.directory import Queue, Rung, Surge
from softswitch.effects import CallerKey, EnterQueue, LeaveQueue
from tests.sim.queue_world import HORIZON, World

PLACES = (
    Rung(wait=3.0, play=("sorry",)), Rung(wait=8.0, do="priority:+2"), Rung(wait=25.0, do="voicemail:box"),
    Rung(length=4, do="queue:q1"), Rung(no_agents=True, wait=2.0, do="hangup"), Rung(no_agents=True, do="priority:1"),
    Rung(service_level=0.6, do="priority:+1"), Rung(estimate=20.0, play=("long",)), Rung(wait=12.0, length=2, do="hangup"),
    Rung(wait=15.0, do="priority:3", play=("sorry",)), Rung(wait=6.0, do="agents:q1"), Rung(length=2, do="agents:q0"),
    Rung(wait=4.0, do="tier:2"), Rung(no_agents=True, wait=1.0, do="tier:1"), Rung(wait=10.0, do="agents:q2"),
)  # fmt: skip
LISTED = (CallerState.WAITING, CallerState.OFFERING)


class WaitingWorld(World):
    """`plain`: all callers alike, so that nobody's place may ever grow."""

    def __init__(
        self, seed: int, *, horizon: float = HORIZON, check: bool = True, plain: bool = False
    ) -> None:  # fmt: skip
        self.more = random.Random(f"waiting {seed}")
        self.plain = plain
        self._places: dict[str, tuple[str, int]] = {}
        super().__init__(seed, horizon=horizon, check=check)

    def _draw_queue(self, name: str) -> Queue:
        draw = self.more
        drawn = replace(
            super()._draw_queue(name),
            escalation=tuple(draw.sample(PLACES, draw.randint(0, 4))),
            surge=draw.choice(
                (
                    Surge(), Surge(length=3, greeting=("busy",), positions=2), Surge(wait=10.0, shed_below=1, shed_to="hangup"),
                    Surge(length=2, until=1, callback=True), Surge(length=4, shed_below=2, shed_to="voicemail:box"),
                )
            ),
            exit_keys=draw.choice(({}, {"1": "voicemail:box", "2": "queue:q0"})),
            resume_within=draw.choice((0.0, 15.0, 60.0)),
            priority_seconds=draw.choice((0.0, 0.0, 10.0)),
            fair_after=draw.choice((0.0, 15.0, 40.0)),
            join_grace=draw.choice((0.0, 4.0)),
            leave_when=draw.choice(((), ("logged_out", "unreachable", "paused", "tier_excluded"))),
        )  # fmt: skip
        if self.plain:
            ladder = tuple(rung for rung in drawn.escalation if rung.kind != "priority")
            drawn = replace(drawn, escalation=ladder, resume_within=0.0)
        return drawn

    def _start(self) -> None:
        super()._start()
        for every, action in ((6.0, self._hand), (5.0, self._key), (60.0, self._order)):
            self._repeat(every, action)

    def _hand(self) -> None:
        """A supervisor does something with a caller."""
        draw = self.more
        caller = draw.choice((*sorted(self.engine.visits.callers), "nobody"))
        verb, value = draw.choice(
            (
                ("prioritise", draw.randint(-2, 5)), ("place", draw.randint(0, 6)),
                ("assign", draw.choice((*sorted(self.engine.roster.agents), "nobody"))),
                ("move", draw.choice((*sorted(self.queues), "q9"))), ("withdraw", draw.choice(("", "voicemail:box"))),
            )
        )  # fmt: skip
        if not self.plain or verb in ("assign", "withdraw"):
            self._input("steer", (verb, caller, value))

    def _key(self) -> None:
        caller = self.more.choice((*sorted(self.engine.visits.callers), "nobody"))
        self.report(CallerKey(caller, self.more.choice(("1", "2", "#"))))

    def _order(self) -> None:
        queue = self.more.choice((*sorted(self.queues), "q9"))
        self._input("steer", ("surge", queue, self.more.choice(("on", "off", "auto", "auto"))))

    def _supervisor(self) -> None:
        if not self.plain:
            super()._supervisor()

    def give(self, item: object) -> None:
        if isinstance(item, EnterQueue) and item.number:
            item = replace(item, number=f"6001002{self.more.randrange(30):02}")
            if self.plain:
                item = replace(item, priority=0, wait_credit=0.0)
        super().give(item)

    def _caller_arrives(self) -> None:
        super()._caller_arrives()
        if self.more.random() < 0.2:  # Somebody in a hurry: the storm in which surges and lengths matter.
            for _ in range(self.more.randint(1, 4)):
                super()._caller_arrives()

    # --- what must be true of every order ----------------------------------------------------------------------------

    def _input(self, kind: str, value: Any) -> None:
        connecting = {
            caller.id for caller in self.engine.visits.callers.values() if caller.state is CallerState.CONNECTING
        }
        super()._input(kind, value)
        if not self.check:
            return
        places: dict[str, tuple[str, int]] = {}
        for name, queue in self.engine.queues.items():
            callers = queue.in_order()
            for ahead, behind in pairwise(callers):
                assert _may_be_before(ahead, behind), f"{ahead.id} stands before {behind.id} in {name}"
            places.update({caller.id: (name, place) for place, caller in enumerate(callers)})
        if self.plain:
            back = sum(caller in places for caller in connecting)  # Agents who picked up and did not stay.
            for caller, (name, place) in places.items():
                before = self._places.get(caller)
                if before is not None and before[0] == name and kind != "crash":
                    assert place <= before[1] + back, f"the place of {caller} has grown from {before[1]} to {place}"
        self._places = places if kind != "crash" else {}
        if isinstance(value, LeaveQueue):
            self._places.pop(value.caller, None)


def _may_be_before(ahead: Caller, behind: Caller) -> bool:
    """By who they are, not by the structures that the engine keeps."""
    if ahead.moved or behind.moved:
        return True
    first, second = ahead.joined - ahead.credit, behind.joined - behind.credit
    if ahead.aged is not behind.aged:
        return ahead.aged
    worth = 0.0 if ahead.aged else ahead.queue.config.priority_seconds
    if worth:
        first, second = first - ahead.priority * worth, second - behind.priority * worth
    elif not ahead.aged and ahead.priority != behind.priority:
        return ahead.priority > behind.priority
    return (first, ahead.visit) <= (second, behind.visit)
