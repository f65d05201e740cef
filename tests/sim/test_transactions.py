"""Two endpoints over a bad line: however messages are lost, doubled and delayed, every request has exactly one end.

A failure prints its seed; put it into SEEDS to keep it.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field

import pytest

from softswitch.effects import Flow, Send
from softswitch.sip.endpoint import (
    AckMissing,
    AckReceived,
    CancelReceived,
    ClientTransaction,
    Endpoint,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    ServerFailed,
    ServerTransaction,
)
from softswitch.sip.listener import Listener
from softswitch.sip.timers import LINGER, T1
from tests.unit.sip.peer import SeededEntropy

SEEDS = range(60)
METHODS = ("INVITE", "INVITE", "OPTIONS", "MESSAGE")
FINALS = (200, 200, 404, 486, 503, 603)


@dataclass
class Line:
    """How bad the network is: probabilities, and the longest delay in seconds."""

    loss: float
    doubling: float
    delay: float


@dataclass
class Call:
    """What one request came to, on the calling side."""

    method: str
    tx: ClientTransaction | None = None
    finals: list[int] = field(default_factory=list)
    cancelled: bool = False


class Side:
    """One endpoint with a transaction user that does what users do, at random times."""

    def __init__(self, sim: Simulation, address: str, seed: int, transport: str) -> None:
        self.sim = sim
        self.endpoint = Endpoint(SeededEntropy(seed), [Listener(transport, address, 5060)])
        self.flow = Flow(transport, address, 5060, 0, 1 if transport != "udp" else 0)
        self.calls: list[Call] = []
        self.served: dict[int, ServerTransaction] = {}
        self.requests: dict[tuple[str, int, str], int] = {}
        self.accepted: dict[str, ServerTransaction] = {}
        self.missing = 0

    def start(self, peer: Side, method: str, now: float) -> None:
        call = Call(method)
        self.calls.append(call)
        number = len(self.calls)
        call.tx = self.endpoint.request(
            method, f"sip:b@{peer.flow.host}", peer.flow, now, from_=f"<sip:a@{self.flow.host}>;tag=t{number}",
            to=f"<sip:b@{peer.flow.host}>", call_id=f"c{number}@{self.flow.host}", cseq=1,
            headers=f"Contact: <sip:a@{self.flow.host}>\r\n", owner=call,
        )  # fmt: skip
        if method == "INVITE" and self.sim.random.random() < 0.4:
            self.sim.at(now + self.sim.random.uniform(0, 6), lambda at: self.cancel(call, at))

    def cancel(self, call: Call, now: float) -> None:
        assert call.tx is not None
        if not call.finals:
            call.cancelled = True
            self.endpoint.cancel(call.tx, now)

    def handle(self, item: object, now: float) -> None:
        if isinstance(item, Send):
            self.sim.carry(self, item, now)
        elif isinstance(item, RequestReceived):
            self.serve(item, now)
        elif isinstance(item, ResponseReceived):
            self.answered(item, now)
        elif isinstance(item, RequestFailed):
            call = item.transaction.owner
            assert isinstance(call, Call)
            call.finals.append(item.status)
        elif isinstance(item, CancelReceived):
            self.endpoint.respond(item.transaction, 487, now)
        elif isinstance(item, AckReceived):
            tx = item.transaction or self.accepted.pop(item.message.call_id, None)
            if tx is not None:
                self.endpoint.acknowledged(tx, now)
        elif isinstance(item, AckMissing):
            self.missing += 1
        else:
            assert isinstance(item, ServerFailed)

    def serve(self, item: RequestReceived, now: float) -> None:
        message = item.message
        key = (message.call_id, message.cseq, message.method)
        self.requests[key] = self.requests.get(key, 0) + 1
        draw = self.sim.random
        if draw.random() < 0.15:
            self.endpoint.reject(item.transaction, 404, now)
            return
        later = now + draw.choice((0.0, 0.05, 1.0, 5.0))
        if message.method == "INVITE" and draw.random() < 0.5:
            self.sim.at(now + draw.uniform(0, 1), lambda at: self.respond(item.transaction, 180, message.call_id, at))
        self.sim.at(later, lambda at: self.respond(item.transaction, draw.choice(FINALS), message.call_id, at))

    def respond(self, tx: ServerTransaction, status: int, call_id: str, now: float) -> None:
        if tx.open and tx.invite and status == 200:
            self.accepted[call_id] = tx
        self.endpoint.respond(tx, status, now, headers=f"Contact: <sip:b@{self.flow.host}>\r\n")

    def answered(self, item: ResponseReceived, now: float) -> None:
        tx, message = item.transaction, item.message
        call = tx.owner
        assert isinstance(call, Call) and tx is call.tx
        if message.status < 200:
            assert not call.finals, "a provisional after the final"
            return
        call.finals.append(message.status)
        if tx.method == "INVITE" and message.status < 300:
            self.endpoint.ack(
                tx, f"sip:b@{message.flow.host}", now, flow=tx.flow, from_=message.header("from"), to=message.header("to"),
                call_id=message.call_id, cseq=message.cseq,
            )  # fmt: skip

    @property
    def left(self) -> int:
        core = self.endpoint._core
        return sum(map(len, (core.servers, core.clients, core.by_flow, core.merged, core.pending, core.settled)))


class Simulation:
    """Virtual time, two sides, one line."""

    def __init__(self, seed: int, line: Line, transport: str = "udp") -> None:
        self.random = random.Random(seed)
        self.line = line
        self._agenda: list[tuple[float, int, object]] = []
        self._sequence = 0
        self.sides = [Side(self, f"192.0.2.{n}", seed * 2 + n, transport) for n in (1, 2)]

    def at(self, when: float, action: object) -> None:
        self._sequence += 1
        heapq.heappush(self._agenda, (when, self._sequence, action))

    def carry(self, sender: Side, send: Send, now: float) -> None:
        receiver = next(side for side in self.sides if side.flow.host == send.flow.host)
        assert receiver is not sender
        reliable = send.flow.transport != "udp"
        draw = self.random
        tries = 1 if reliable or draw.random() >= self.line.doubling else 2
        copies = sum(reliable or draw.random() >= self.line.loss for _ in range(tries))
        source = sender.flow
        for _ in range(copies):
            delay = 0.01 if reliable else self.random.uniform(0.001, self.line.delay)
            self.at(now + delay, lambda at: receiver.endpoint.receive(send.data, source, at))

    def run(self) -> float:
        now = 0.0
        for _ in range(200_000):
            deadlines = [at for side in self.sides if (at := side.endpoint.next_deadline()) is not None]
            if self._agenda:
                deadlines.append(self._agenda[0][0])
            if not deadlines:
                return now
            now = max(now, min(deadlines))
            while self._agenda and self._agenda[0][0] <= now:
                action = heapq.heappop(self._agenda)[2]
                action(now)  # type: ignore[operator]
                self.settle(now)
            for side in self.sides:
                side.endpoint.expire(now)
            self.settle(now)
        raise AssertionError("the line never falls silent")

    def settle(self, now: float) -> None:
        for side in self.sides:
            while items := side.endpoint.drain():
                for item in items:
                    side.handle(item, now)


def simulate(seed: int, line: Line, transport: str = "udp", calls: int = 12) -> Simulation:
    sim = Simulation(seed, line, transport)
    one, two = sim.sides
    last = 0.0
    for _ in range(calls):
        caller, callee = (one, two) if sim.random.random() < 0.5 else (two, one)
        method = sim.random.choice(METHODS)
        last = sim.random.uniform(0, 20)
        sim.at(last, lambda at, a=caller, b=callee, m=method: a.start(b, m, at))
    sim.run()
    return sim


@pytest.mark.parametrize("seed", SEEDS)
def test_every_request_ends_once_and_nothing_is_left(seed: int) -> None:
    draw = random.Random(seed)
    line = Line(draw.choice((0.0, 0.1, 0.3, 0.6)), draw.choice((0.0, 0.2, 0.5)), draw.choice((0.01, 0.2, 0.9)))
    sim = simulate(seed, line)
    for side in sim.sides:
        for call in side.calls:
            assert len(call.finals) == 1, (seed, call)
            assert call.tx is not None and call.tx.owner is None
        assert side.left == 0, (seed, vars(side.endpoint._core.counters))
        assert len(side.endpoint._core.timers) == 0
    if line.loss == 0.0 and line.doubling == 0.0:
        assert all(final != 408 for side in sim.sides for call in side.calls for final in call.finals)
    if line.loss == 0.0 and line.doubling == 0.0 and line.delay < T1 / 2:
        # Answered before anything is repeated: every request came to the user once, even if it was rejected statelessly.
        assert all(count == 1 for side in sim.sides for count in side.requests.values())
        assert sum(side.missing for side in sim.sides) == 0


@pytest.mark.parametrize("seed", range(10))
def test_a_reliable_transport_carries_everything_once(seed: int) -> None:
    sim = simulate(seed, Line(0.0, 0.0, 0.0), "tcp")
    for side in sim.sides:
        counters = side.endpoint.counters
        assert counters.retransmissions_out == 0 and counters.timeouts == 0 and side.left == 0
        assert all(len(call.finals) == 1 for call in side.calls)


def test_a_dead_line_ends_everything_after_64_t1() -> None:
    sim = Simulation(1, Line(1.0, 0.0, 0.1))
    one, two = sim.sides
    for number in range(5):
        sim.at(float(number), lambda at: one.start(two, "OPTIONS", at))
    assert sim.run() == pytest.approx(4.0 + LINGER)
    assert [call.finals for call in one.calls] == [[408]] * 5 and one.left == two.left == 0
