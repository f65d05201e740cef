"""Every relay on real sockets must do to any trace what the reference relay does, to the octet and to the counter.

Both run in this process on the loopback interface, where a packet has arrived when the call that sends it returns. Time is
the test's own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.bank import Bank
from media.control import Bridge, Close, Command, Echo, Modify, Open, SendDigits, Stop, Tone
from media.engine import Engine
from media.legs import Legs
from media.ports import PortPool
from media.relay import choose, epoll, reference, sockets, uring
from media.relay.sockets import SocketRelay
from tests.unit.media.relays import relays
from tests.unit.media.rig import free_ports
from tests.unit.media.test_relay_equality import CLOCKS, CODECS, TYPES, Mute, Sender, packet_kinds

LEGS = 6
HOME, AWAY, STRANGER = "127.0.0.2", "127.0.0.3", "127.0.0.66"

places = st.sampled_from([HOME] * 6 + [AWAY] * 3 + [STRANGER])
arrivals = st.tuples(
    st.integers(0, LEGS - 1), st.one_of(packet_kinds, packet_kinds, st.just("nothing")), st.integers(0, 70_000), places
)
batches = st.lists(arrivals, min_size=1, max_size=4 * LEGS)
commands = st.tuples(
    st.sampled_from(
        ["bridge", "bridge", "echo", "tone", "stop", "close", "open", "hold", "resume", "digits"]  # noqa: RUF005
        + ["home", "away", "latch", "latch away"]
    ),
    st.integers(0, LEGS - 1),
    st.integers(0, LEGS - 1),
)
steps = st.lists(st.one_of(batches, batches, commands, st.integers(1, 60)), max_size=30)


class Clock:
    """The time that the relays see."""

    now = 1000.0025

    def __call__(self) -> float:
        return self.now


class Stage:
    """A relay and its phones: each leg has three sockets that may send to it."""

    def __init__(self, name: str, clock: Clock, host: str, pool: PortPool) -> None:
        self.clock, self.host, self.base = clock, host, pool.base_port
        legs = Legs(LEGS)
        relay, _ = choose(name, pool, legs)
        assert isinstance(relay, SocketRelay)
        self.relay = relay
        self.engine = Engine(legs, Bank(1 << 17), relay, Random(1).getrandbits, lambda command: None, 1.7e9)
        relay.attach(self.engine)
        self.engine.sources.translate_by(Mute())
        self.phones = {(leg, place): self._phone(place) for leg in range(LEGS) for place in (HOME, AWAY, STRANGER)}
        self.heard: dict[tuple[int, str], list[bytes]] = {who: [] for who in self.phones}
        self.engine.run(clock.now)

    def _phone(self, place: str) -> socket.socket:
        phone = socket.socket(
            socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        )
        phone.bind((self.host if ":" in self.host else place, 0))
        return phone

    def at(self, leg: int, place: str) -> tuple[str, int]:
        host, port = self.phones[leg, place].getsockname()[:2]
        return host, port

    def command(self, name: str, leg: int, peer: int) -> Command:
        terms = CODECS[leg], TYPES[leg], 101
        clock = CLOCKS[leg]
        home, away = self.at(leg, HOME), self.at(leg, AWAY)
        latch_host = self.host if ":" in self.host else AWAY
        return {
            "bridge": Bridge(leg, peer),
            "echo": Echo(leg),
            "tone": Tone(leg, "busy"),
            "stop": Stop(leg),
            "close": Close(leg),
            "open": Open(leg, *home, *terms, ssrc=1000 + leg, clock=clock),
            "hold": Modify(leg, *home, *terms, send=False, receive=peer % 2 == 0, clock=clock),
            "resume": Modify(leg, *home, *terms, clock=clock),
            "digits": SendDigits(leg, "12", 60),
            "home": Modify(leg, *home, *terms, clock=clock),
            "away": Modify(leg, *away, *terms, clock=clock),
            "latch": Modify(leg, "", 0, *terms, latch_host=latch_host, clock=clock),
            "latch away": Modify(leg, *away, *terms, latch_host=latch_host, clock=clock),
        }[name]

    def do(self, *commands: tuple[str, int, int]) -> None:
        for name, leg, peer in commands:
            self.engine.perform(self.command(name, leg, peer), self.clock.now)

    def say(self, leg: int, place: str, data: bytes) -> None:
        self.phones[leg, place].sendto(data, (self.host, self.base + 2 * leg))

    def waits_for_latch(self, leg: int) -> bool:
        state = self.engine.sources.states.get(leg)
        return state is not None and state.latch is not None

    def say_all(self, packets: list[tuple[int, str, bytes]]) -> None:
        for leg, place, data in packets:
            if self.waits_for_latch(leg):  # It changes who is heard: packets of others come before it, or after.
                self.work()
            self.say(leg, place, data)
            if self.waits_for_latch(leg):
                self.work()

    def work(self) -> None:
        """Move what has arrived, and hear what is sent."""
        while self.relay.poll(0.0):
            pass
        self.relay.poll(0.0)  # What is looked after one by one counts as no packet.
        self.relay.poll(0.0)
        self.engine.run(self.clock.now)
        self.listen()

    def listen(self) -> None:
        for who, phone in self.phones.items():
            while True:
                try:
                    self.heard[who].append(phone.recv(2048))
                except BlockingIOError:
                    break

    def close(self) -> None:
        self.relay.close()
        for phone in self.phones.values():
            phone.close()


@contextmanager
def stages(*names: str, host: str = "127.0.0.1") -> Iterator[list[Stage]]:
    clock = Clock()
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for module in (sockets, reference, epoll, uring):
            patch.setattr(module, "monotonic", clock)
        base = free_ports(LEGS * len(names))
        # All at once: phones may be given any port that is free.
        pools = [PortPool(tuple({"127.0.0.1", host}), base + 2 * LEGS * place, LEGS) for place in range(len(names))]
        made: list[Stage] = []
        for name, pool in zip(names, pools, strict=True):
            plain, _, batch = name.partition("-")
            if batch:  # Even one packet goes through the array code.
                patch.setattr(uring, "CROSSOVER", 1)
                patch.setattr(epoll, "CROSSOVER", 1)
            made.append(Stage(plain, clock, host, pool))
            stack.callback(made[-1].close)
        yield made


def play(trace: list[Any], *both: Stage) -> None:
    """The same trace on both stages."""
    senders = [Sender(leg) for leg in range(LEGS)]
    opening = [("open", leg, 0) for leg in range(LEGS)] + [("bridge", 0, 1), ("bridge", 2, 4), ("echo", 3, 0)]
    for stage in both:
        stage.do(*opening)
        stage.work()
    for step in trace:
        if isinstance(step, int):
            both[0].clock.now += step / 1000
        elif isinstance(step, tuple):
            for stage in both:
                stage.do(step)
        else:
            packets = [
                (leg, place, b"" if kind == "nothing" else senders[leg].packet(kind, amount))
                for leg, kind, amount, place in step
            ]
            for stage in both:
                stage.say_all(packets)
        for stage in both:
            stage.work()


def compare(one: Stage, other: Stage) -> None:
    assert one.heard == other.heard
    for leg in range(LEGS):
        mine, theirs = one.engine.session.open[leg], other.engine.session.open[leg]
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            for name in ("foreign", "invalid", "digits", "received_before", "lost_before", "started", "bad_sequence"):
                assert getattr(mine, name) == getattr(theirs, name), name
    assert one.engine.session.asides == other.engine.session.asides
    for name in ("mapping", "inbound", "outbound", "playout", "timing"):
        np.testing.assert_array_equal(getattr(one.engine.legs, name), getattr(other.engine.legs, name), name)
    for name in ("received", "send_errors", "receive_errors"):
        assert getattr(one.relay, name) == getattr(other.relay, name), name
    assert sorted(map(repr, events_of(one))) == sorted(map(repr, events_of(other)))


def events_of(stage: Stage) -> list[Any]:
    """What was reported, without the ports of the phones, which the system chose."""
    return [type(event) if hasattr(event, "host") else event for event in stage.engine.events]


@pytest.mark.parametrize("name", relays("uring", "uring-batch", "epoll-batch"))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(trace=steps)
def test_any_trace(name: str, trace: list[Any]) -> None:
    with stages(name, "reference") as (one, other):
        play(trace, one, other)
        compare(one, other)


@pytest.mark.parametrize("name", relays("uring", "uring-batch", "epoll-batch"))
def test_many_packets_of_a_leg_at_once_keep_their_order(name: str) -> None:
    """A worker that was held up finds several packets of each leg, digits among them."""
    trace: list[Any] = []
    for kinds in (
        ["next"],
        ["next", "next", "digit", "next", "gap", "noise", "next", "nothing", "next", "next", "ssrc"],
    ):
        trace.append([(leg, kind, 1, HOME) for kind in kinds for leg in range(LEGS)])
        trace.append([(leg, kind, 1, HOME) for leg in range(LEGS) for kind in kinds])
    with stages(name, "reference") as (one, other):
        play(trace, one, other)
        compare(one, other)
        assert len(one.heard[1, HOME]) > 10


@pytest.mark.parametrize("name", relays("uring", "uring-batch", "epoll-batch"))
def test_ipv6(name: str) -> None:
    trace: list[Any] = [[(leg, "next", 1, HOME) for leg in range(LEGS)] for _ in range(3)]
    trace += [("away", 0, 0), ("latch", 4, 0), [(0, "next", 1, AWAY)], [(4, "next", 1, AWAY)], [(4, "next", 1, AWAY)]]
    trace += [[(leg, "next", 1, AWAY if leg in (0, 4) else HOME) for leg in range(LEGS)] for _ in range(3)]
    with stages(name, "reference", host="::1") as (one, other):
        play(trace, one, other)
        compare(one, other)
        assert len(one.heard[1, HOME]) == 7 and len(one.heard[4, AWAY]) == 3
