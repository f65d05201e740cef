"""R17: a switch at twice and five times its capacity does nearly as much as at its best, and carries through what it has begun.

The processor is a queue in virtual time: each message costs what it costs in proportion on a real one (bench micro, call),
a refusal what a refusal costs. So the result depends on the rules of shedding only.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import pytest

from softswitch.effects import Flow
from softswitch.sip.overload import LONGEST, SHORTEST
from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.world import World, account, site

# Seconds of the processor, about fifteen times those of a fast machine: what counts are the proportions.
CHALLENGE, CALL, ACK, OTHER, REFUSE, DROP = 0.0015, 0.0060, 0.0005, 0.0016, 0.0004, 0.0001
A_CALL = CHALLENGE + CALL + 2 * ACK + 4 * OTHER  # 180, 200, BYE and its 200
CAPACITY = 1 / A_CALL
BATCH = 64  # datagrams read in one turn, as `net.limits.Limits` has it
CALLERS, CALLEES = 40, 10
SECONDS = 6.0
TALK = 1.0


class Busy:
    """The switch behind a socket that fills up while it works."""

    def __init__(self, seed: int = 1) -> None:
        users = [f"u{number}" for number in range(CALLERS)] + [f"c{number}" for number in range(CALLEES)]
        accounts = {user: account(user, max_calls=10_000) for user in users}
        self.world = World(site(accounts=accounts), seed=seed, legs=8_000)
        self.phones = [self.world.phone(user) for user in users]
        self.world.run(2)
        self.gate = self.world.switch.switch.guard.gate
        self.refused: Counter[str] = Counter()
        self.waits: list[int] = []
        self.lines: list[Line] = []
        self._socket: deque[tuple[bytes, tuple[str, int], float]] = deque()
        self._free_at = 0.0
        self._backlog_since = 0.0
        self._batch = 0
        self._original = self.world._deliver
        self.world._deliver = self._deliver  # type: ignore[method-assign]

    def _deliver(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        if target not in self.world.listening:
            self._original(data, source, target)
            return
        self._socket.append((data, source, self.world.now))
        if len(self._socket) == 1:
            self.world.at(max(self.world.now, self._free_at), self._work)

    def _work(self) -> None:
        """One datagram, as `net.udp` and the daemon treat it."""
        data, source, arrived = self._socket[0]
        w, now = self.world, self.world.now
        behind = min(now - self._backlog_since, now - arrived) if self._backlog_since else 0.0
        instead = self.gate.stops(data, Flow("udp", *source, 0), behind, now)
        if instead is None:
            self._free_at = now + self._cost(data)
            w.switch.receive(data, source, now)
        else:
            self._free_at = now + (REFUSE if instead else DROP)
            if instead:
                self._refuse(data, instead, source)
        w.at(self._free_at, self._next)

    def _refuse(self, data: bytes, instead: tuple[Any, ...], source: tuple[str, int]) -> None:
        (answer,) = instead
        self.refused[data.split(b" ", 1)[0].decode()] += 1
        text = answer.data.decode()
        self.waits.append(int(text.partition("Retry-After: ")[2].partition("\r\n")[0]))
        self.world.transmit(answer.data, self.world.listening[0], source)

    def _next(self) -> None:
        self._socket.popleft()
        self._batch += 1
        if not self._socket:
            self._backlog_since, self._batch = 0.0, 0
            return
        if self._batch >= BATCH:
            self._backlog_since, self._batch = self._backlog_since or self.world.now, 0
        self._work()

    @staticmethod
    def _cost(data: bytes) -> float:
        if data.startswith(b"INVITE "):
            return CALL if b"\r\nAuthorization:" in data else CHALLENGE
        return ACK if data.startswith(b"ACK ") else OTHER

    # --- load

    def calls(self, rate: float, seconds: float = SECONDS) -> None:
        w, rng = self.world, self.world.rng
        at, end = w.now, w.now + seconds
        while (at := at + rng.expovariate(rate)) < end:
            w.at(at, self._call)
        w.run(seconds)

    def _call(self) -> None:
        rng = self.world.rng
        caller: VirtualPhone = self.phones[rng.randrange(CALLERS)]
        for callee in self.phones[CALLERS:]:
            callee.behaviour = Behaviour(ring_after=0.0, answer_after=0.01)
        line = caller.call(f"c{rng.randrange(CALLEES)}")
        caller.lines = caller.lines[-400:]
        self.lines.append(line)
        self._when_up(line)

    def _when_up(self, line: Line) -> None:
        if line.state == "up":
            self.world.after(TALK, lambda: line.phone.hang_up(line))
        elif line.state != "ended":
            self.world.after(0.1, lambda: self._when_up(line))

    @property
    def answered(self) -> int:
        return sum(line.status == 200 for line in self.lines)


@pytest.mark.parametrize(("factor", "share"), [(0.8, 0.65), (2.0, 0.85), (5.0, 0.75)])
def test_r17_goodput(factor: float, share: float) -> None:
    busy = Busy()
    busy.calls(factor * CAPACITY)
    done = busy.answered / SECONDS / CAPACITY
    busy.world.run(80)
    assert done >= share, f"{100 * done:.0f} % of the capacity"
    outcomes = Counter(line.status for line in busy.lines)
    assert set(outcomes) <= {200, 503}, outcomes
    if factor > 1.0:
        assert set(busy.refused) == {"INVITE"}
        assert min(busy.waits) >= SHORTEST and max(busy.waits) <= LONGEST and len(set(busy.waits)) > 20
    else:
        assert not busy.refused
    # What was begun has been carried through: each BYE in the midst of it was answered.
    assert all(line.state == "ended" for line in busy.lines)
    names = Counter(event.name for event in busy.world.switch.events)
    assert names["call.created"] == names["call.ended"] and names["leg.created"] == names["leg.ended"]
