"""Legs that cannot be relayed to each other, and listeners of decoded audio."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from media import codecs
from media.codec import Decoder
from media.control import Alarm, Bridge, Close, Digit, Join, Modify, Music, Open
from media.dtmf import EVENT
from media.rtp import Packet
from tests.unit.media.phones import Hall, loudness
from tests.unit.media.twins import World

TYPES = {"PCMU": (0, 8000), "PCMA": (8, 8000), "G722": (9, 8000), "opus": (111, 48000), "L16": (97, 16000)}
RATES = {"PCMU": 8000, "PCMA": 8000, "G722": 16000, "opus": 16000, "L16": 16000}


@dataclass
class Softphone:
    """A phone of any codec, which says a sum of tones."""

    leg: int
    codec: str
    pitches: tuple[float, ...]
    ptime: int = 20
    amplitude: float = 3000
    phase: float = 0.004
    sent: int = 0
    next_at: float = 0.0
    lose: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self.kind, self.clock = TYPES[self.codec]
        self.rate = RATES[self.codec]
        self._encoder = codecs.encoder(codecs.codec_of(self.codec, self.clock))

    def open(self) -> Open:
        where = f"192.0.2.{self.leg + 1}"
        return Open(self.leg, where, 4000, self.codec, self.kind, 101, clock=self.clock, ptime=self.ptime)

    def say(self) -> Packet:
        count = self.rate * self.ptime // 1000
        time = (self.sent * count + np.arange(count)) / self.rate
        audio = sum(self.amplitude * np.sin(2 * np.pi * pitch * time) for pitch in self.pitches)
        self.sent += 1
        stamp = self.sent * self.ptime * self.clock // 1000 + 4_294_900_000
        payload = self._encoder.encode(np.asarray(audio).astype(np.int16))
        return Packet(self.kind, self.sent, stamp & 0xFFFFFFFF, 7000 + self.leg, payload)

    def decoder(self) -> Decoder:
        return codecs.decoder(codecs.codec_of(self.codec, self.clock))


@dataclass
class Talk:
    """A world with softphones."""

    phones: list[Softphone]
    world: World = field(default_factory=lambda: World(16))

    def __post_init__(self) -> None:
        for phone in self.phones:
            self.world.do(phone.open())
            phone.next_at = self.world.now + phone.phase

    def go_on(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self.world.now < end - 1e-9:
            self.world.pass_time(0.005)
            for phone in self.phones:
                while phone.next_at <= self.world.now:
                    phone.next_at += phone.ptime / 1000
                    packet = phone.say()
                    if packet.sequence not in phone.lose and self.world.engine.session.open[phone.leg]:
                        self.world.arrive(phone.leg, packet)

    def packets(self, phone: Softphone) -> list[Packet]:
        return [each for each in self.world.network.packets(phone.leg) if each.payload_type == phone.kind]

    def heard(self, phone: Softphone) -> NDArray[np.int16]:
        decoder = phone.decoder()
        return np.concatenate([decoder.decode(packet.payload) for packet in self.packets(phone)])


PAIRS = [
    ("PCMU", "G722", 20, 20),
    ("PCMA", "opus", 20, 20),
    ("G722", "opus", 20, 20),
    ("L16", "G722", 20, 20),
    ("opus", "PCMU", 60, 10),
    ("G722", "PCMA", 30, 40),
    ("PCMU", "PCMU", 60, 20),
    ("PCMU", "PCMA", 10, 50),
]


@pytest.mark.parametrize(("first", "second", "ptime", "other_ptime"), PAIRS)
def test_two_of_different_codecs(first: str, second: str, ptime: int, other_ptime: int) -> None:
    one = Softphone(0, first, (500.0, 1700.0), ptime, phase=0.001)
    other = Softphone(1, second, (800.0, 2300.0), other_ptime, phase=0.013)
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(2.0)
    for speaker, listener in ((one, other), (other, one)):
        audio = talk.heard(listener)
        audio = audio[len(audio) // 2 :]
        for pitch in speaker.pitches:
            assert loudness(audio, pitch, listener.rate) == pytest.approx(speaker.amplitude, rel=0.15)
        for pitch in listener.pitches:
            assert loudness(audio, pitch, listener.rate) < 60
        packets = talk.packets(listener)
        step = listener.ptime * listener.clock // 1000
        assert {(b.sequence - a.sequence, b.timestamp - a.timestamp & 0xFFFFFFFF) for a, b in pairwise(packets)} == {
            (1, step)
        }
        assert len(packets) >= 1700 / listener.ptime
    assert [event for event in talk.world.events() if isinstance(event, Alarm)] == []


def test_wide_audio_stays_wide_between_two_that_can_hear_it() -> None:
    one, other = Softphone(0, "G722", (5800.0,)), Softphone(1, "opus", (6200.0,))
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(1.5)
    assert loudness(talk.heard(one)[-8000:], 6200.0, 16000) > 2000
    assert loudness(talk.heard(other)[-8000:], 5800.0, 16000) > 2000


def test_a_room_of_both_kinds() -> None:
    phones = [
        Softphone(0, "G722", (600.0, 5000.0)),
        Softphone(1, "opus", (900.0, 5500.0)),
        Softphone(2, "PCMU", (1300.0,)),
        Softphone(3, "PCMA", (1900.0,)),
    ]
    talk = Talk(phones)
    talk.world.do(*(Join(leg, 5) for leg in range(4)))
    talk.go_on(2.0)
    for listener in phones:
        audio = talk.heard(listener)
        audio = audio[len(audio) // 2 :]
        for speaker in phones:
            for pitch in speaker.pitches:
                level = loudness(audio, pitch, listener.rate)
                if speaker is listener or pitch > listener.rate / 2:
                    assert level < 80
                else:
                    assert level == pytest.approx(speaker.amplitude, rel=0.2)


def test_a_wide_leg_comes_and_goes_without_a_click() -> None:
    speaker = Softphone(0, "PCMU", (337.0,), amplitude=8000)
    phones = [speaker, Softphone(1, "PCMU", ()), Softphone(2, "PCMA", ()), Softphone(3, "G722", ())]
    talk = Talk(phones)
    talk.world.do(*(Join(leg, 5) for leg in range(3)))
    talk.go_on(0.6)
    for command in (Join(3, 5), Join(3, 6)):
        talk.world.network.sent.clear()
        talk.go_on(0.1)
        talk.world.do(command)
        talk.go_on(0.3)
        for listener in phones[1:3]:
            audio = talk.heard(listener).astype(int)
            assert np.abs(np.diff(audio)).max() < 1.35 * 8000 * 2 * np.pi * 337 / 8000
            assert np.abs(audio[: len(audio) // 160 * 160].reshape(-1, 160)).max(axis=1).min() > 3000


def test_the_way_is_short() -> None:
    """From the mouth to the wire: the packet, a delay of 20 ms at most beside it, and where rates differ 5 ms of filters."""
    one, other = Softphone(0, "PCMU", (), phase=0.003), Softphone(1, "G722", (), phase=0.003)
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(1.0)
    talk.world.network.sent.clear()
    one.pitches = (1000.0,)
    talk.go_on(0.3)
    first = next(
        i for i, packet in enumerate(talk.packets(other)) if np.abs(other.decoder().decode(packet.payload)).max() > 800
    )
    assert first * 0.020 <= 0.020 + 0.032 + 0.020


def test_loss_is_concealed_by_the_codec() -> None:
    lost = frozenset(range(60, 400, 20))
    one, other = Softphone(0, "opus", (700.0,), lose=lost), Softphone(1, "PCMU", ())
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(6.0)
    condition = talk.world.engine.studio.condition(0)
    assert condition is not None and condition.concealed == pytest.approx(13 * 20, abs=80)
    audio = talk.heard(other)[16_000:40_000]
    assert np.abs(audio.reshape(-1, 80)).max(axis=1).min() > 300  # a steady tone is no voice


def test_keys_pass_beside_audio_that_is_made_anew() -> None:
    talk = Talk([Softphone(0, "G722", (700.0,)), Softphone(1, "opus", (900.0,))])
    talk.world.do(Bridge(0, 1))
    talk.go_on(0.5)
    for duration in (160, 320):
        talk.world.arrive(0, Packet(101, 500 + duration, 80_000, 7000, EVENT.pack(7, 10, duration)))
    talk.go_on(0.1)
    assert [event.digit for event in talk.world.events() if isinstance(event, Digit)] == ["7"]
    events = [each for each in talk.world.network.packets(1) if each.payload_type == 101]
    assert [EVENT.unpack(each.payload)[0] for each in events] == [7, 7]


def test_one_of_a_pair_goes_and_the_other_is_looked_after() -> None:
    talk = Talk([Softphone(0, "G722", (700.0,)), Softphone(1, "PCMU", (900.0,))])
    talk.world.do(Bridge(0, 1))
    talk.go_on(0.5)
    talk.world.do(Close(0))
    talk.world.events()
    talk.go_on(2.5)
    assert [event.what for event in talk.world.events() if isinstance(event, Alarm)] == ["dead air"]
    assert talk.world.listening() == 0
    assert np.abs(talk.heard(talk.phones[1])[-12_000:]).max() > 500  # the tone that says: wait


def test_one_hears_music_the_other_goes_on_to_hear() -> None:
    one, other = Softphone(0, "G722", (700.0,)), Softphone(1, "PCMU", (900.0,))
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(0.5)
    talk.world.do(Music(1, "none"))
    talk.world.network.sent.clear()
    talk.go_on(0.5)
    assert loudness(talk.heard(one)[-4000:], 900.0, 16000) > 2000
    assert loudness(talk.heard(other)[-2000:], 700.0) < 300


def test_a_new_answer_changes_the_codec_in_the_middle() -> None:
    one, other = Softphone(0, "G722", (700.0,)), Softphone(1, "PCMU", (900.0,))
    talk = Talk([one, other])
    talk.world.do(Bridge(0, 1))
    talk.go_on(0.6)
    talk.world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101))
    talk.phones[0] = changed = Softphone(0, "PCMU", (700.0,), next_at=talk.world.now, sent=one.sent)
    talk.world.network.sent.clear()
    talk.go_on(0.6)
    assert talk.world.listening() == 0
    assert loudness(talk.heard(other)[-2000:], 700.0) > 2500
    assert loudness(talk.heard(changed)[-2000:], 900.0) > 2500


@dataclass
class Follower:
    """Keeps what it is given."""

    heard: dict[int, list[NDArray[np.int16]]] = field(default_factory=dict)
    rates: set[int] = field(default_factory=set)

    def follow(self, legs: NDArray[np.int64], samples: NDArray[np.int16], rate: int, tick: int) -> None:
        self.rates.add(rate)
        for leg, row in zip(legs.tolist(), samples, strict=True):
            self.heard.setdefault(leg, []).append(row.copy())


def test_a_follower_of_a_relayed_call() -> None:
    made = Hall()
    made.phone(0, 700.0)
    made.phone(1, 900.0)
    made.world.do(Bridge(0, 1))
    follower = Follower()
    made.talk(0.1)
    made.world.engine.studio.follow(0, follower)
    made.talk(1.0)
    audio = np.concatenate(follower.heard[0])
    assert follower.rates == {8000} and len(follower.heard[0]) in (49, 50, 51)
    assert loudness(audio[-4000:], 700.0) > 3500
    assert loudness(made.heard(1)[-2000:], 700.0) > 3500
    made.world.engine.studio.unfollow(0, follower)
    made.talk(0.2)
    assert len(follower.heard[0]) <= 51 and made.world.listening() == 0


def test_a_follower_stays_when_a_room_comes_and_goes() -> None:
    made = Hall()
    for leg in range(3):
        made.phone(leg, 500.0 + 300 * leg)
    follower = Follower()
    made.world.engine.studio.follow(0, follower)
    made.talk(0.5)
    made.world.do(*(Join(leg, 1) for leg in range(3)))
    made.talk(0.5)
    made.world.do(Close(2))
    made.talk(0.5)
    audio = np.concatenate(follower.heard[0])
    assert len(audio) == pytest.approx(1.5 * 8000, abs=800)
    assert loudness(audio[2000:], 500.0) > 3000
    assert made.world.engine.legs.listening == 1
