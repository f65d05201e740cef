"""Whatever commands come in whatever order: streams stay whole, nobody hears themselves, and nothing is left behind."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import codecs
from media.control import Bridge, Close, Command, Join, Modify, Music, Open, SendDigits, Stop
from media.rtp import Packet
from tests.unit.media.twins import World

LEGS = 5
TYPES = {
    "PCMU": (0, 8000),
    "PCMA": (8, 8000),
    "G722": (9, 8000),
    "L16": (97, 16000),
    "opus": (111, 48000),
    "G729": (18, 8000),
}
NAMES = ["PCMU", "PCMA", "PCMU", "G722", "L16", "opus", "G729"]

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["join"] * 6 + ["bridge", "bridge", "music", "stop", "close", "modify", "modify", "hold", "digits"]
        ),
        st.integers(0, LEGS - 1),
        st.integers(0, LEGS - 1),
        st.integers(0, 6),
    ),
    min_size=1,
    max_size=30,
)


class Life:
    """Legs that are opened, changed and closed while all of them talk."""

    def __init__(self) -> None:
        self.world = World(LEGS)
        self.codec = ["PCMU"] * LEGS
        self.number = 0
        self.packets = {name: self._packet(name) for name in TYPES}
        for leg in range(LEGS):
            self.world.do(self._terms(Open, leg, "PCMU", 20))

    @staticmethod
    def _packet(name: str) -> bytes:
        import numpy as np

        codec = codecs.codec_of(name, TYPES[name][1])
        return (
            codecs.encoder(codec).encode(np.full(codec.rate // 50, 900, np.int16)) if codec.decodable else b"\x11" * 20
        )

    def _terms(self, kind: type, leg: int, name: str, ptime: int, **more: object) -> Command:
        self.codec[leg] = name
        number, clock = TYPES[name]
        command: Command = kind(leg, f"192.0.2.{leg + 1}", 4000, name, number, 101, clock=clock, ptime=ptime, **more)
        return command

    def act(self, what: str, leg: int, other: int, amount: int) -> None:
        name, ptime = NAMES[amount], (10, 20, 20, 20, 30, 40, 60)[amount]
        commands: dict[str, Command] = {
            "join": Join(leg, other % 2, ("talk", "talk", "talk", "listen", "whisper")[amount % 5], other),
            "bridge": Bridge(leg, other),
            "music": Music(leg, "none"),
            "stop": Stop(leg),
            "close": Close(leg),
            "digits": SendDigits(leg, "12"),
        }
        is_open = self.world.engine.is_open(leg)
        if not is_open:
            self.world.do(self._terms(Open, leg, name, ptime, inband=amount == 1))
        elif what == "modify":
            self.world.do(self._terms(Modify, leg, name, ptime, inband=amount == 1))
        elif what == "hold":
            self.world.do(self._terms(Modify, leg, self.codec[leg], 20, send=amount % 2 == 0, receive=amount < 3))
        elif what != "bridge" or self.world.engine.is_open(other):
            self.world.do(commands[what])

    def talk(self, frames: int) -> None:
        for _ in range(frames):
            self.number += 1
            for leg, name in enumerate(self.codec):
                kind, clock = TYPES[name]
                if self.world.engine.is_open(leg):
                    stamp = self.number * clock // 50
                    self.world.arrive(leg, Packet(kind, self.number & 0xFFFF, stamp, 50 + leg, self.packets[name]))
            self.world.pass_time(0.02)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_any_order_of_commands(what: list[tuple[str, int, int, int]]) -> None:
    life = Life()
    engine = life.world.engine
    opened = [0] * LEGS
    for index, (name, leg, other, amount) in enumerate(what):
        before = engine.is_open(leg)
        if name == "close" and before:
            opened[leg] = len(life.world.network.sent)
        life.act(name, leg, other, amount)
        life.talk(1 + index % 4)
    life.talk(3)
    for leg in range(LEGS):
        sent = [packet for number, packet in life.world.network.sent[opened[leg] :] if number == leg]
        for one, following in pairwise(sent):
            if one[8:12] == following[8:12]:  # A leg that was opened anew has another stream.
                assert (int.from_bytes(following[2:4], "big") - int.from_bytes(one[2:4], "big")) & 0xFFFF == 1
                ahead = (int.from_bytes(following[4:8], "big") - int.from_bytes(one[4:8], "big")) & 0xFFFFFFFF
                assert ahead < 0x80000000 or following[1] & 0x7F == 101 or one[1] & 0x7F == 101
    for leg in range(LEGS):
        if engine.is_open(leg):
            life.world.do(Close(leg))
    life.world.pass_time(0.05)
    assert engine.legs.listening == 0
    assert engine.studio.next_due() is None
    assert not engine.studio._groups and not engine.studio._parts and not engine.sources.rooms._room_of
