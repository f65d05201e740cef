"""The batch relay must do to any trace of packets what the session does, to the octet and to the counter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.control import Bridge, Close, Command, Echo, Modify, Open, SendDigits, Stop, Tone
from media.relay.batch import ROW, Batch, Buffers
from media.rtp import CLOCK_RATE, Packet
from tests.unit.media.twins import World

LEGS = 6

packet_kinds = st.sampled_from(
    ["next"] * 12
    + [
        "gap",
        "jump",
        "back",
        "far_back",
        "duplicate",
        "late",
        "ssrc",
        "restart",
        "digit",
        "digit_ssrc",
        "noise",
        "empty",
    ]
    + ["contributors", "extension", "padding", "marker", "wrong_type", "garbage", "short", "long", "timestamp", "wrap"]
)
arrivals = st.tuples(st.integers(0, LEGS - 1), packet_kinds, st.integers(0, 70_000))
batches = st.lists(arrivals, min_size=1, max_size=LEGS, unique_by=lambda arrival: arrival[0])
commands = st.tuples(
    st.sampled_from(
        ["bridge"] * 4
        + [
            "echo",
            "tone",
            "stop",
            "close",
            "open",
            "hold",
            "resume",
            "codec",
            "opus",
            "digits",
            "dtmf_type",
            "noise_type",
        ]
    ),
    st.integers(0, LEGS - 1),
    st.integers(0, LEGS - 1),
)
steps = st.lists(st.one_of(batches, batches, batches, commands, st.integers(1, 400)), max_size=60)


# Two legs of G.711 that differ in its law, a pair of Opus, one of L16 and one of G.722.
CODECS = ["PCMU", "PCMA", "opus", "L16", "opus", "G722"]
CLOCKS = [8000, 8000, 48_000, 16_000, 48_000, 8000]
TYPES = [0, 8, 96, 97, 96, 9]


@dataclass
class Sender:
    """The far end of one leg, with a stream of its own."""

    leg: int
    sequence: int = 65_500
    timestamp: int = 4_294_960_000
    ssrc: int = 0

    def packet(self, kind: str, amount: int) -> bytes:
        self.sequence += 1
        self.timestamp += CLOCKS[self.leg] // 50
        if kind in ("gap", "jump", "wrap"):
            self.sequence += {"gap": amount % 20, "jump": 2994 + amount % 10, "wrap": amount % 65_536}[kind]
        elif kind == "back":
            self.sequence -= 95 + amount % 12
        elif kind == "far_back":
            self.sequence -= 20_000
        elif kind == "ssrc":
            self.ssrc += 1
        elif kind == "restart":
            self.sequence = self.timestamp = amount
        elif kind == "timestamp":
            self.timestamp += amount * 100_000
        sequence = self.sequence - {"duplicate": 1, "late": 2 + amount % 5}.get(kind, 0)
        ssrc = self.leg << 16 | self.ssrc & 0xFFFF
        payload = bytes((amount + i) & 0xFF for i in range(160))
        if kind == "digit":
            timestamp, payload = self.timestamp // 1600 * 1600, bytes((amount % 18, amount & 0x80, 1, 0x40))
            return self._build(101, sequence, timestamp, ssrc, payload)
        if kind == "digit_ssrc":
            return self._build(101, amount, amount // 7, 0xABCD, bytes((amount % 12, 10, 0, 160)))
        if kind == "noise":
            return self._build(13, sequence, self.timestamp, ssrc, b"\x20")
        data = bytearray(self._build(TYPES[self.leg], sequence, self.timestamp, ssrc, payload))
        if kind == "marker":
            data[1] |= 0x80
        elif kind == "empty":
            del data[12:]
        elif kind == "contributors":
            data[0] |= amount % 16
        elif kind == "extension":
            data[0] |= 0x10
            data[14:16] = (amount % 60).to_bytes(2, "big")
        elif kind == "padding":
            data[0] |= 0x20
            data[-1] = amount % 256
        elif kind == "wrong_type":
            data[1] = amount % 256
        elif kind == "garbage":
            return bytes((amount * 31 + i * i) & 0xFF for i in range(amount % 200))
        elif kind == "short":
            del data[amount % 20 :]
        elif kind == "long":
            data += bytes(amount % 1200)
        return bytes(data)

    @staticmethod
    def _build(kind: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
        return bytes(Packet(kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload))


class Mute:
    """Makes nothing of the audio that cannot be relayed; what goes beside it is relayed all the same."""

    def pair(self, one: int, other: int, now: float) -> None: ...
    def leave(self, leg: int, now: float) -> None: ...


class BatchWorld(World):
    """A world whose packets are handled together."""

    def __init__(self, legs: int) -> None:
        super().__init__(legs)
        self._buffers = Buffers(legs)
        self._batch = Batch(self.engine.legs, self._buffers)

    def arrive_together(self, packets: list[tuple[int, bytes]]) -> None:
        buffers, clock = self._buffers, int(self.now * CLOCK_RATE)
        for row, (leg, data) in enumerate(packets):
            buffers.views[row][:] = data.ljust(ROW, b"\0")
            buffers.legs[row], buffers.sizes[row] = leg, len(data)
        rows, routes, slow = self._batch.relay(len(packets), clock)
        for row, route in zip(range(len(packets)) if rows is None else rows, routes, strict=True):
            self.network.senders[route](buffers.views[row][: buffers.sizes[row]])
        for row in slow:
            leg = buffers.legs[row]
            size = self.engine.session.receive(leg, buffers.views[row], buffers.sizes[row], clock)
            if size:
                self.network.senders[self.engine.legs.route[leg]](buffers.views[row][:size])


def terms(leg: int, dtmf_type: int = 101) -> dict[str, Any]:
    return {
        "leg": leg,
        "host": f"192.0.2.{leg + 1}",
        "port": 4000,
        "codec": CODECS[leg],
        "payload_type": TYPES[leg],
        "dtmf_type": dtmf_type,
        "clock": CLOCKS[leg],
    }


def command_of(name: str, leg: int, peer: int) -> Command:
    return {
        "bridge": Bridge(leg, peer),
        "echo": Echo(leg),
        "tone": Tone(leg, "busy"),
        "stop": Stop(leg),
        "close": Close(leg),
        "open": Open(**terms(leg), ssrc=1000 + leg),
        "hold": Modify(**terms(leg), send=False, receive=peer % 2 == 0),
        "resume": Modify(**terms(leg)),
        "noise_type": Modify(**terms(leg), noise_type=13 + peer),
        "opus": Modify(**{**terms(leg), "codec": "opus", "clock": 48_000}, ptime=10 * peer),
        "codec": Modify(leg, f"192.0.2.{leg + 1}", 4000, "PCMU", 96 + peer, 101, leg % 2 * 8, 101, ptime=10 * peer),
        "digits": SendDigits(leg, "12", 60),
        "dtmf_type": Modify(**terms(leg, 110 if peer % 2 else -1), receive_dtmf_type=101),
    }[name]


def compare(one: World, other: World) -> None:
    for leg in range(LEGS):
        assert [data for number, data in one.network.sent if number == leg] == [
            data for number, data in other.network.sent if number == leg
        ]
        assert one.engine.session.open[leg] == other.engine.session.open[leg]
    assert one.engine.session.asides == other.engine.session.asides
    assert sorted(map(repr, one.events())) == sorted(map(repr, other.events()))
    for name in ("mapping", "inbound", "outbound", "playout", "timing"):
        np.testing.assert_array_equal(getattr(one.engine.legs, name), getattr(other.engine.legs, name), name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(steps)
def test_any_trace(trace: list[list[tuple[int, str, int]] | tuple[str, int, int] | int]) -> None:
    one, other = World(LEGS), BatchWorld(LEGS)
    senders = [Sender(leg) for leg in range(LEGS)]
    for world in (one, other):
        world.engine.sources.translate_by(Mute())
        world.do(*(Open(**terms(leg), ssrc=1000 + leg) for leg in range(LEGS)), Bridge(0, 1), Bridge(2, 4), Echo(3))
    for step in trace:
        if isinstance(step, int):
            for world in (one, other):
                world.pass_time(step / 1000)
        elif isinstance(step, tuple):
            for world in (one, other):
                world.do(command_of(*step))
        else:
            packets = [(leg, senders[leg].packet(kind, amount)) for leg, kind, amount in step]
            for leg, data in packets:
                one.arrive(leg, data)
            other.arrive_together(packets)
    compare(one, other)


@pytest.mark.parametrize("count", [2, LEGS])
def test_steady_streams_take_the_fast_path(count: int) -> None:
    world = BatchWorld(LEGS)
    bridges = (Bridge(0, 1), Bridge(2, 4), Echo(3), Echo(5))
    world.do(*(Open(**terms(leg), ssrc=1000 + leg) for leg in range(LEGS)), *bridges)
    senders = [Sender(leg) for leg in range(LEGS)]
    for _ in range(50):
        world.arrive_together([(leg, senders[leg].packet("next", 0)) for leg in range(count)])
        world.pass_time(0.02)
    handled: list[int] = []
    receive = world.engine.session.receive
    world.engine.session.receive = lambda *arguments: handled.append(arguments[0]) or receive(*arguments)  # type: ignore
    for _ in range(50):
        world.arrive_together([(leg, senders[leg].packet("next", 0)) for leg in range(count)])
        world.pass_time(0.02)
    assert handled == []
    for leg in range(count):
        packets = world.network.packets(leg)
        assert len(packets) == 100
        steps = {(b.sequence - a.sequence & 0xFFFF, b.timestamp - a.timestamp & 0xFFFFFFFF)
                 for a, b in pairwise(packets)}  # fmt: skip
        assert steps == {(1, CLOCKS[leg] // 50)}
