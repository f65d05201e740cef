"""A real worker process on the loopback interface: sockets, rings, clock. Tests await what is to come, and never sleep."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from media import codecs, g711, rtcp
from media.client import start_worker
from media.control import (
    Alarm,
    Bridge,
    Close,
    Digit,
    Echo,
    Latched,
    Load,
    Modify,
    Music,
    Open,
    Play,
    PlayDone,
    Ready,
    RtpTimeout,
    SendDigits,
    Statistics,
    Stop,
    Tone,
)
from media.rtp import Packet
from tests.unit.media.relays import relays
from tests.unit.media.rig import LEGS, Bench, Phone, check_continuous, free_ports, heard, share_of, tone, write_wav


@pytest.fixture(scope="module", params=relays("tcx", "tc", "uring", "epoll", "reference"))
def shared_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    base = free_ports(LEGS)
    with start_worker(3, hosts=("127.0.0.1",), base_port=base, legs=LEGS, relay=request.param) as client:
        bench = Bench(client, base)
        ready = bench.wait(Ready)
        assert ready == Ready(  # type: ignore[union-attr]
            3,
            base,
            LEGS,
            ready.relay,
            client.process.pid,
            codecs=codecs.available(),
            fingerprint=ready.fingerprint,
        )
        assert re.fullmatch("sha-256(.[0-9A-F]{2}){32}", ready.fingerprint)
        assert ready.relay.startswith(request.param)  # type: ignore[union-attr]
        yield bench
        assert client.gauges()["faults"] == 0


@pytest.fixture
def bench(shared_bench: Bench) -> Iterator[Bench]:
    yield shared_bench
    for leg in range(LEGS - 1):
        shared_bench.client.post(Close(leg))
    shared_bench.settle()
    for phone in shared_bench.phones:
        phone.socket.close()
    shared_bench.phones.clear()
    shared_bench.seen.clear()


# --- bridges ----------------------------------------------------------------------------------------------------------


def test_bridged_legs_hear_each_other(bench: Bench) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    bench.open(0, alice)
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    for number in range(20):
        alice.say(bench.port(0), bytes([number]) * 160)
        bob.say(bench.port(1), bytes([100 + number]) * 160)
    at_bob, at_alice = bob.listen(20), alice.listen(20)
    assert [packet.payload[0] for packet in at_bob] == list(range(20))
    assert [packet.payload[0] for packet in at_alice] == list(range(100, 120))
    for packets in (at_bob, at_alice):
        check_continuous(packets)
        assert [packet.marker for packet in packets] == [True] + [False] * 19
    bench.client.post(Close(0))
    statistics = bench.wait(Statistics, lambda event: event.leg == 0)
    assert isinstance(statistics, Statistics)
    assert (statistics.packets_received, statistics.packets_sent, statistics.bytes_sent) == (20, 20, 3200)
    assert (statistics.lost, statistics.dropped_invalid) == (0, 0)


def test_legs_of_different_laws_are_transcoded(bench: Bench) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    bench.open(0, alice, "PCMU")
    bench.open(1, bob, "PCMA")
    bench.client.post(Bridge(0, 1))
    bench.settle()
    codes = g711.encode(tone(440, 1.0), g711.Law.MU).tobytes()
    for start in range(0, 8000, 160):
        alice.say(bench.port(0), codes[start : start + 160])
    packets = bob.listen(50)
    assert {packet.payload_type for packet in packets} == {8}
    signal = heard(packets, g711.Law.A)
    assert share_of(signal, 440) > 0.99


def test_many_legs_at_once_fill_a_batch(bench: Bench) -> None:
    phones = [bench.phone(f"127.0.1.{leg + 1}") for leg in range(LEGS - 2)]
    for leg, phone in enumerate(phones):
        bench.open(leg, phone)
    for leg in range(0, len(phones), 2):
        bench.client.post(Bridge(leg, leg + 1))
    bench.settle()
    for number in range(60):
        for leg, phone in enumerate(phones):
            phone.say(bench.port(leg), bytes([leg]) * 80 + bytes([number]) * 80)
    for leg, phone in enumerate(phones):
        packets = phone.listen(60)
        assert [(packet.payload[0], packet.payload[-1]) for packet in packets] == [(leg ^ 1, n) for n in range(60)]
        check_continuous(packets)


def test_echo(bench: Bench) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    bench.client.post(Echo(0))
    bench.settle()
    alice.say(bench.port(0), b"\x11" * 160)
    assert alice.hear().payload == b"\x11" * 160


@pytest.mark.parametrize(("codec", "clock"), [("G722", 8000), ("opus", 48_000)])
def test_what_is_played_is_coded_for_legs_of_every_codec(bench: Bench, tmp_path: Path, codec: str, clock: int) -> None:
    alice = bench.phone()
    path = write_wav(tmp_path / f"{codec}.wav", tone(440, 0.3))
    bench.client.post(Load(codec, path))
    bench.client.post(Open(0, *alice.address, codec, 96, 101, clock=clock))
    bench.client.post(Play(0, 1, (codec,)))
    bench.wait(PlayDone, lambda event: event.cause == "end")
    # What it waits for is silence, and is counted in no more than the time that a thread takes.
    packets = alice.listen(15)
    while (decoded := _decoded(packets, codec, clock)).max() < 4000:
        packets += alice.listen(5)
    packets += alice.listen(10)
    check_continuous(packets, clock // 50)
    decoded = _decoded(packets, codec, clock)
    sounding = decoded[np.flatnonzero(np.abs(decoded) > 4000)[0] :][1600:3200]
    assert share_of(sounding[::2], 440) > 0.97


def _decoded(packets: list[Packet], codec: str, clock: int) -> np.ndarray:
    plain = codecs.decoder(codecs.codec_of(codec, clock), 16_000)
    return np.concatenate([plain.decode(packet.payload) for packet in packets]).astype(np.float64)


# --- addresses --------------------------------------------------------------------------------------------------------


def test_packets_from_a_stranger_are_not_heard(bench: Bench) -> None:
    alice, bob, mallory = bench.phone("127.0.0.2"), bench.phone("127.0.0.3"), bench.phone("127.0.0.66")
    bench.open(0, alice)
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    other_port = bench.phone("127.0.0.2")
    alice.say(bench.port(0), b"\x01" * 160)
    for _ in range(200):
        mallory.say(bench.port(0), b"\x66" * 160)
        other_port.say(bench.port(0), b"\x67" * 160)
    alice.say(bench.port(0), b"\x02" * 160)
    assert [packet.payload[0] for packet in bob.listen(2)] == [1, 2]
    bench.settle()
    assert bob.waiting() == 0
    assert mallory.waiting() == 0


def test_a_leg_behind_a_nat_latches_once(bench: Bench) -> None:
    alice, bob, mallory = bench.phone("127.0.0.2"), bench.phone("127.0.0.3"), bench.phone("127.0.0.66")
    bench.client.post(Open(0, "", 0, "PCMU", 0, 101, latch_host="127.0.0.2"))
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    for _ in range(5):
        mallory.say(bench.port(0), b"\x66" * 160)
    alice.say(bench.port(0), b"\x01" * 160)
    alice.say(bench.port(0), b"\x02" * 160)
    assert bench.wait(Latched) == Latched(0, *alice.address)
    # From now on the kernel lets only this very address through, not even another port of the same host.
    other_port = bench.phone("127.0.0.2")
    other_port.say(bench.port(0), b"\x67" * 160)
    mallory.say(bench.port(0), b"\x66" * 160)
    alice.say(bench.port(0), b"\x03" * 160)
    assert [packet.payload[0] for packet in bob.listen(2)] == [2, 3]
    bob.say(bench.port(1), b"\x09" * 160)
    assert alice.hear().payload == b"\x09" * 160
    bench.client.post(Close(0))
    statistics = bench.wait(Statistics, lambda event: event.leg == 0)
    assert isinstance(statistics, Statistics) and statistics.dropped_foreign == 5
    assert bob.waiting() == 0


def test_an_open_leg_is_modified_to_another_address(bench: Bench) -> None:
    alice, elsewhere, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.4"), bench.phone("127.0.0.3")
    bench.open(0, alice)
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    bob.say(bench.port(1))
    first = alice.hear()
    bench.client.post(Modify(0, *elsewhere.address, "PCMU", 0, 101))
    bench.settle()
    bob.say(bench.port(1))
    assert elsewhere.hear().sequence == (first.sequence + 1) & 0xFFFF
    alice.say(bench.port(0), b"\x66" * 160)
    elsewhere.say(bench.port(0), b"\x07" * 160)
    assert bob.hear().payload == b"\x07" * 160


def test_what_came_before_a_call_is_not_heard_in_it(bench: Bench) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    alice.say(bench.port(0), b"\x66" * 160)
    bench.open(0, alice)
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    alice.say(bench.port(0), b"\x01" * 160)
    assert bob.hear().payload == b"\x01" * 160


def test_nothing_is_sent_after_close(bench: Bench) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    bench.client.post(Tone(0, "dial"))
    alice.listen(3)
    bench.client.post(Close(0))
    bench.wait(Statistics, lambda event: event.leg == 0)
    alice.waiting()
    ready, _, _ = select.select([alice.socket], [], [], 0.1)
    assert ready == []


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_reported_once_and_relayed_with_their_type_mapped(bench: Bench) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    bench.open(0, alice, dtmf_type=101)
    bench.open(1, bob, dtmf_type=96)
    bench.client.post(Bridge(0, 1))
    bench.settle()
    alice.say(bench.port(0))
    alice.press(bench.port(0), 5)
    alice.say(bench.port(0))
    packets = bob.listen(9)
    assert [packet.payload_type for packet in packets] == [0] + [96] * 7 + [0]
    assert len({packet.timestamp for packet in packets[1:8]}) == 1
    alice.press(bench.port(0), 11)
    digits = [bench.wait(Digit), bench.wait(Digit)]
    assert digits == [Digit(0, "5", 20), Digit(0, "#", 20)]
    bench.settle()
    assert not [event for event in bench.seen if isinstance(event, Digit)]


def test_digits_are_sent(bench: Bench) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    bench.open(0, alice, dtmf_type=97)
    bench.open(1, bob)
    bench.client.post(Bridge(0, 1))
    bench.client.post(SendDigits(0, "4#", 100))
    bench.client.post(SendDigits(1, "1", 100))
    packets = alice.listen(14)
    assert {packet.payload_type for packet in packets} == {97}
    assert [packet.payload[0] for packet in packets] == [4] * 7 + [11] * 7
    bob.hear()
    assert bench.seen == []


# --- what is played ---------------------------------------------------------------------------------------------------


def test_a_prompt_of_another_rate_is_heard(bench: Bench, tmp_path: Path) -> None:
    alice = bench.phone()
    bench.open(0, alice, "PCMA")
    path = write_wav(tmp_path / "prompt.wav", tone(700, 1.0, 44_100), 44_100)
    bench.client.post(Load("prompt-44100", path))
    bench.client.post(Play(0, 7, ("prompt-44100",)))
    packets = alice.listen(50)
    check_continuous(packets)
    assert share_of(heard(packets, g711.Law.A), 700) > 0.98
    assert bench.wait(PlayDone) == PlayDone(0, 7, "end")
    silence = alice.listen(5)
    assert silence[-1].payload == b"\xd5" * 160
    check_continuous([packets[-1], *silence])


def test_clips_follow_each_other_without_a_gap(bench: Bench, tmp_path: Path) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    whole = np.random.default_rng(1).integers(-20_000, 20_000, 2000).astype(np.int16)
    for name, part in (("first", whole[:333]), ("second", whole[333:1000]), ("third", whole[1000:])):
        bench.client.post(Load(name, write_wav(tmp_path / f"{name}.wav", part)))
    bench.client.post(Play(0, 1, ("first", "second", "third")))
    packets = alice.listen(13)
    np.testing.assert_array_equal(
        heard(packets)[:2000], g711.decode(g711.encode(whole, g711.Law.MU), g711.Law.MU).astype(float)
    )


def test_a_digit_stops_a_prompt(bench: Bench, tmp_path: Path) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    bench.client.post(Load("long", write_wav(tmp_path / "long.wav", tone(500, 30.0))))
    bench.client.post(Play(0, 9, ("long",), until_digit=True))
    alice.listen(3)
    alice.press(bench.port(0), 1)
    assert bench.wait(Digit) == Digit(0, "1", 20)
    assert bench.wait(PlayDone) == PlayDone(0, 9, "digit")


def test_listeners_of_music_hear_the_same_moment(bench: Bench, tmp_path: Path) -> None:
    alice, bob = bench.phone("127.0.0.2"), bench.phone("127.0.0.3")
    bench.open(0, alice)
    bench.open(2, bob)
    ramp = (np.arange(80_000) % 32_000 - 16_000).astype(np.int16)
    bench.client.post(Load("moh", write_wav(tmp_path / "moh.wav", ramp), music=True))
    bench.client.post(Music(0, "moh"))
    alice.listen(10)
    bench.client.post(Music(2, "moh"))
    late = bob.hear()
    assert late.payload in [packet.payload for packet in alice.listen(4)] or late.payload != b"\xff" * 160
    bench.client.post(Music(2, "moh", from_start=True))
    bench.client.post(Stop(0))
    first = next(packet for packet in iter(bob.hear, None) if packet.marker)
    signal = heard([first])
    assert signal[0] < -1000 and np.all(np.diff(signal) >= 0)


def test_a_missing_clip_is_an_alarm_and_not_silence(bench: Bench) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    bench.client.post(Play(0, 3, ("nothing-of-that-name",)))
    assert bench.wait(Alarm, lambda event: event.what == "missing clip")
    assert bench.wait(PlayDone) == PlayDone(0, 3, "missing")
    assert share_of(heard(alice.listen(5)), 425) > 0.9


def test_a_broken_file_is_an_alarm(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"ID3 not a wav at all")
    bench.client.post(Load("broken", str(tmp_path / "broken.wav")))
    alarm = bench.wait(Alarm, lambda event: event.what == "cannot load")
    assert isinstance(alarm, Alarm) and "MP3" in alarm.detail


@pytest.mark.parametrize(("country", "frequencies"), [("pl", (425,)), ("us", (440, 480)), ("uk", (400, 450))])
def test_ringback(bench: Bench, country: str, frequencies: tuple[int, ...]) -> None:
    alice = bench.phone()
    bench.open(0, alice)
    bench.client.post(Tone(0, "ringback", country))
    signal = heard(alice.listen(20))
    assert sum(share_of(signal, frequency) for frequency in frequencies) > 0.95


# --- RTCP and time ----------------------------------------------------------------------------------------------------


def test_rtcp_says_what_was_sent_and_goodbye(bench: Bench) -> None:
    phone = bench.phone()
    control = Phone(phone.address[0], phone.address[1] + 1)
    bench.phones.append(control)
    bench.open(0, phone, ssrc=0x1234)
    bench.client.post(Tone(0, "dial"))
    phone.listen(5)
    bench.client.post(Close(0))
    report = None
    while report is None or not report.goodbye:
        data, source = control.socket.recvfrom(2048)
        assert source == ("127.0.0.1", bench.base + 1)
        report = rtcp.parse(data)
        assert report is not None
    assert report.goodbye == (0x1234,) and report.cname
    assert report.sender is not None and report.sender.packets >= 5


def test_rtp_timeout(bench: Bench) -> None:
    alice = bench.phone()
    bench.open(0, alice, timeout=0.5)
    event = bench.wait(RtpTimeout)
    assert isinstance(event, RtpTimeout) and event.leg == 0 and 0.5 <= event.seconds < 3


def test_nonsense_is_an_alarm_and_costs_nothing_else(bench: Bench) -> None:
    bench.client.post(Tone(14, "dial"))
    assert bench.wait(Alarm, lambda event: event.what == "unknown leg")
    bench.client.post(Open(0, "127.0.0.2", 4000, "G729", 18, clock=44_100))
    assert bench.wait(Alarm, lambda event: event.what == "unknown codec")
    bench.client.post(Open(9999, "127.0.0.2", 4000, "PCMU", 0))
    bench.client.post(Open(1, "2001:db8::1", 4000, "PCMU", 0))
    assert bench.wait(Alarm, lambda event: event.what == "unreachable address")
    alice = bench.phone()
    bench.open(2, alice)
    bench.client.post(Echo(2))
    bench.settle()
    alice.socket.sendto(b"", bench.port(2))
    alice.socket.sendto(b"\x80" * 1500, bench.port(2))
    alice.say(bench.port(2))
    alice.hear()
