"""The jitter buffer under everything that a network does, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.jitter import Condition, Jitter
from media.rings import EMPTY

LEG = 3


def speech(samples: int, rate: int = 8000) -> np.ndarray:
    """A voice that says syllables: harmonics of a pitch that rises and falls, and pauses. No second is like another."""
    time = np.arange(samples) / rate
    turns = 120 * time + 3 * np.sin(2 * np.pi * 0.37 * time) + 0.2 * time**1.5
    voice = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 12))
    envelope = np.clip(np.sin(2 * np.pi * (2.1 * time + 0.3 * np.sin(time * 1.7))) * 2, 0, 1)
    return np.asarray(voice * envelope * 6000).astype(np.int16)


@dataclass
class Packet:
    """`arrival`: in seconds."""

    number: int
    stamp: int
    samples: np.ndarray
    arrival: float


def packets(
    audio: np.ndarray,
    *,
    span: int = 160,
    rate: int = 8000,
    ppm: float = 0.0,
    delay: Callable[[int], float] = lambda _: 0.0,
    first: int = 65_000,
    stamp: int = 4_294_960_000,
) -> Iterator[Packet]:
    """Packets of an audio stream whose sender's clock is fast by that many millionths."""
    for number in range(len(audio) // span):
        spoken = (number + 1) * span / rate / (1 + ppm * 1e-6)
        at = slice(number * span, (number + 1) * span)
        yield Packet(first + number, (stamp + number * span) & 0xFFFFFFFF, audio[at], 10.0 + spoken + delay(number))


def put(jitter: Jitter, packet: Packet) -> None:
    jitter.put(
        np.array([LEG]),
        np.array([packet.number]),
        np.array([packet.stamp], np.uint32),
        packet.samples[None, :],
        np.array([int(packet.arrival * 8000)]),
    )


def play(
    jitter: Jitter,
    arriving: Iterator[Packet] | list[Packet],
    seconds: float,
    phase: float = 0.0075,
    begin: float = 10.0,
) -> np.ndarray:
    """Let packets arrive and read every 20 ms: what is heard."""
    waiting = sorted(arriving, key=lambda packet: packet.arrival)
    heard = []
    index, tick = 0, 0
    while tick * 0.02 < seconds:
        now = begin + phase + tick * 0.02
        while index < len(waiting) and waiting[index].arrival <= now:
            put(jitter, waiting[index])
            index += 1
        heard.append(jitter.pull(np.array([LEG]), int(now * 8000))[0])
        tick += 1
    return np.concatenate(heard)


def started(rate: int = 8000, **how: bool) -> Jitter:
    jitter = Jitter(5, rate)
    jitter.add(LEG, **how)
    return jitter


def offset_of(heard: np.ndarray, audio: np.ndarray) -> int:
    """Where in what was heard the audio begins."""
    size = 1 << (len(heard) + len(audio)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(audio.astype(float), size)))
    return int(product[: len(heard)].argmax())


def snr(heard: np.ndarray, audio: np.ndarray) -> float:
    """Decibels by which the audio is stronger than the difference."""
    noise = np.square(heard.astype(float) - audio.astype(float)).mean()
    return float(10 * np.log10(np.square(audio.astype(float)).mean() / max(noise, 1e-9)))


def steepest(audio: np.ndarray) -> int:
    return int(np.abs(np.diff(audio.astype(int))).max())


@pytest.mark.parametrize("span", [80, 160, 240, 320, 400, 480])
@pytest.mark.parametrize("phase", [0.0005, 0.006, 0.0199])
def test_a_perfect_network_changes_nothing(span: int, phase: float) -> None:
    audio = speech(16_000)
    jitter = started()
    heard = play(jitter, packets(audio, span=span), 1.9, phase)
    start = offset_of(heard, audio)
    assert (heard[start : start + 14_000] == audio[:14_000]).all()
    condition = jitter.condition(LEG)
    assert condition.late == condition.moved == 0
    # From speaking to hearing: the packet itself, and a delay of about 20 ms.
    assert start - span <= 0.032 * 8000


def test_before_the_first_packet_and_long_after_the_last_there_is_silence() -> None:
    audio = speech(1600)
    heard = play(started(), packets(audio), 1.0)
    assert not heard[:160].any()
    assert heard[160:2400].any()
    assert not heard[4000:].any()


def test_jitter_within_the_delay_is_not_heard() -> None:
    random = Random(3)
    audio = speech(80_000)
    jitter = started()
    heard = play(jitter, packets(audio, delay=lambda _: random.uniform(0, 0.040)), 10.0)
    condition = jitter.condition(LEG)
    assert condition.late <= 5
    assert 0.030 <= condition.delay_ms / 1000 <= 0.080
    assert snr(heard[40_000:], heard[40_000:]) > 20
    start = offset_of(heard[40_000:], audio[40_000:60_000])
    assert snr(heard[40_000 + start : 60_000 + start], audio[40_000:60_000]) > 15


def test_the_delay_grows_with_jitter_and_shrinks_after_it() -> None:
    random = Random(4)
    audio = speech(240_000)
    jitter = started()
    stream = list(packets(audio, delay=lambda n: random.uniform(0, 0.120) if 200 <= n < 500 else 0.0))
    play(jitter, [packet for packet in stream if packet.number < 65_450], 8.9)
    assert 80 <= jitter.condition(LEG).delay_ms <= 200
    jitter = started()
    play(jitter, stream, 29.0)
    condition = jitter.condition(LEG)
    assert condition.delay_ms <= 45
    assert condition.late <= 12


def test_the_longest_delay() -> None:
    random = Random(5)
    jitter = started()
    play(jitter, packets(speech(80_000), delay=lambda _: random.uniform(0, 0.6)), 9.0)
    assert jitter.condition(LEG).delay_ms <= 245


@pytest.mark.parametrize("ppm", [700, -700])
def test_a_sender_whose_clock_is_wrong(ppm: int) -> None:
    """As many frames too many or too few as at 100 ppm in twelve minutes, in less than two."""
    audio = np.tile(speech(80_000), 10)
    jitter = started()
    heard = play(jitter, packets(audio, ppm=ppm), 99.0)
    condition = jitter.condition(LEG)
    assert condition.late <= 2
    assert condition.concealed <= 60
    assert condition.delay_ms <= 60
    assert condition.moved == pytest.approx(99_000 * abs(ppm) * 1e-6, abs=45)
    assert steepest(heard) <= 1.6 * steepest(audio)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.1])
def test_loss_is_concealed(share: float) -> None:
    random = Random(6)
    audio = speech(80_000)
    jitter = started()
    kept = [packet for packet in packets(audio) if random.random() >= share]
    heard = play(jitter, kept, 9.9)
    lost = 500 - len(kept)
    assert jitter.condition(LEG).concealed == pytest.approx(20 * lost, abs=40)
    assert steepest(heard) <= 1.6 * steepest(audio)
    start = offset_of(heard, audio)
    silent = np.zeros_like(audio)
    for packet in kept:
        at = (packet.number - 65_000) * 160
        silent[at : at + 160] = packet.samples
    # A steady voice is repeated well: better than silence by decibels.
    count = 75_000
    assert snr(heard[start : start + count], audio[:count]) > snr(silent[:count], audio[:count]) + 3


def test_order_and_repetition_do_not_matter() -> None:
    audio = speech(16_000)
    swapped = list(packets(audio))
    for index in range(4, 96, 3):
        swapped[index].arrival, swapped[index + 1].arrival = swapped[index + 1].arrival, swapped[index].arrival
    swapped += [Packet(p.number, p.stamp, p.samples, p.arrival + 0.003) for p in swapped[::2]]
    jitter = started()
    heard = play(jitter, swapped, 2.0)
    start = offset_of(heard, audio)
    assert snr(heard[start : start + 14_000], audio[:14_000]) > 10
    assert jitter.condition(LEG).late <= 2


def test_packets_in_the_wrong_order_at_the_very_beginning() -> None:
    audio = speech(16_000)
    swapped = list(packets(audio))
    swapped[0].arrival, swapped[1].arrival = swapped[1].arrival + 0.001, swapped[1].arrival
    swapped[0].arrival = swapped[1].arrival + 0.001
    heard = play(started(), swapped, 2.0)
    start = offset_of(heard, audio)
    assert (heard[start : start + 8_000] == audio[:8_000]).all()


def test_silence_suppression_is_no_loss() -> None:
    audio = speech(80_000)
    stream = [packet for packet in packets(audio) if packet.samples.any()]
    assert len(stream) < 400
    for index, packet in enumerate(stream):
        packet.number = 65_000 + index
    jitter = started()
    heard = play(jitter, stream, 9.9)
    assert jitter.condition(LEG).concealed == 0
    start = offset_of(heard, audio)
    assert snr(heard[start : start + 75_000], audio[:75_000]) > 15


def test_comfort_noise() -> None:
    jitter = started()
    audio = speech(8000)
    first = list(packets(audio[:1600]))
    play(jitter, first, 0.2)
    jitter.quiet(LEG, first[-1].number + 1, b"\x2e")
    heard = play(jitter, [], 0.4, begin=10.2)[800:]
    assert np.sqrt(np.square(heard.astype(float)).mean()) == pytest.approx(32768 * 10 ** (-46 / 20), rel=0.1)
    assert jitter.condition(LEG).concealed == 0


@pytest.mark.parametrize("jump", [5000, 4_000_000, -5000, -2_000_000_000])
def test_a_clock_that_is_set_is_followed(jump: int) -> None:
    audio = speech(32_000)
    stream = list(packets(audio))
    for packet in stream[100:]:
        packet.stamp = packet.stamp + jump & 0xFFFFFFFF
    heard = play(started(), stream, 4.0)
    start = offset_of(heard[20_000:], audio[20_000:28_000])
    assert (heard[20_000 + start : 27_000 + start] == audio[20_000:27_000]).all()


def test_another_stream() -> None:
    audio = speech(32_000)
    stream = list(packets(audio))
    for packet in stream[100:]:
        packet.number, packet.stamp = packet.number - 60_000, packet.stamp * 7 & 0xFFFFFFFF
    for index, packet in enumerate(stream[100:]):
        packet.stamp = 1_000_000 + index * 160
    jitter = started()
    heard = play(jitter, stream, 4.0)
    start = offset_of(heard[20_000:], audio[20_000:28_000])
    assert (heard[20_000 + start : 27_000 + start] == audio[20_000:27_000]).all()
    assert jitter.condition(LEG).late <= 1


def test_a_network_that_stops_for_half_a_second() -> None:
    audio = speech(80_000)
    stream = list(packets(audio))
    for packet in stream[100:125]:
        packet.arrival = stream[125].arrival
    jitter = started()
    heard = play(jitter, stream, 9.9)
    start = offset_of(heard[60_000:], audio[60_000:70_000])
    assert snr(heard[60_000 + start : 70_000 + start], audio[60_000:70_000]) > 15
    assert jitter.condition(LEG).delay_ms < 240


def test_at_once_means_without_delay() -> None:
    audio = speech(16_000)[2000:]
    heard = play(started(at_once=True), packets(audio), 1.0, 0.003)
    assert (heard[160:320] == audio[:160]).all()  # The packet is there 3 ms before the frame is needed.


def test_wide_audio() -> None:
    audio = speech(32_000, 16_000)
    jitter = Jitter(5, 16_000)
    jitter.add(LEG)
    heard = play(jitter, packets(audio, span=320, rate=16_000), 1.9)
    start = offset_of(heard, audio)
    assert (heard[start : start + 20_000] == audio[:20_000]).all()


def test_a_leg_that_is_taken_out_leaves_nothing() -> None:
    jitter = started()
    play(jitter, packets(speech(8000)), 0.5)
    jitter.remove(LEG)
    jitter.add(LEG)
    assert not jitter.pull(np.array([LEG]), 100_000).any()
    assert jitter.condition(LEG) == Condition(0.0, 0, 0, 0.0, 0.0)


def test_legs_do_not_disturb_each_other() -> None:
    jitter = Jitter(4, 8000)
    audio = speech(8000)
    both = np.array([1, 2])
    for leg in (1, 2):
        jitter.add(leg)
    heard = []
    for packet in packets(audio):
        samples = np.stack((packet.samples, packet.samples // 2))
        clock = np.full(2, int(packet.arrival * 8000))
        jitter.put(both, np.full(2, packet.number), np.full(2, packet.stamp, np.uint32), samples, clock)
        heard.append(jitter.pull(both, int(packet.arrival * 8000) + 20))
    one, other = np.concatenate(heard, axis=1)
    assert (one // 2 == other).all() and one.any()


def test_many_that_lose_the_same_packet() -> None:
    """A network that fails for all at once: each is concealed without a step, at a cost that does not make all late."""
    count = 60
    jitter = Jitter(count, 8000)
    legs = np.arange(count)
    for leg in range(count):
        jitter.add(leg)
    audio = speech(16_000)[3000:]
    heard = []
    for packet in packets(audio):
        clock = np.full(count, int(packet.arrival * 8000))
        if packet.number not in (65_020, 65_040, 65_041):
            samples = np.tile(packet.samples, (count, 1))
            jitter.put(legs, np.full(count, packet.number), np.full(count, packet.stamp, np.uint32), samples, clock)
        heard.append(jitter.pull(legs, int(packet.arrival * 8000) + 20))
    for leg in (0, 30, 59):
        assert steepest(np.concatenate([frame[leg] for frame in heard])) <= 1.6 * steepest(audio)
        assert jitter.condition(leg).concealed == pytest.approx(60, abs=21)


happenings = st.lists(
    st.tuples(
        st.sampled_from(["next"] * 8 + ["lose", "repeat", "late", "jump", "restart", "odd", "pause", "noise"]),
        st.integers(0, 400),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(happenings, st.integers(0, 159), st.sampled_from([8000, 16_000]))
def test_whatever_comes_audio_goes_on(what: list[tuple[str, int]], phase: int, rate: int) -> None:
    """Never an exception, never a sample that nobody sent or made, never a second reading of the same one."""
    jitter = Jitter(4, rate)
    jitter.add(LEG)
    frame = rate // 50
    number, stamp, clock = 30_000, 4_294_900_000, 80_000
    held: list[Packet] = []
    for kind, amount in what:
        span = frame if kind != "odd" else 1 + amount
        packet = Packet(number, stamp & 0xFFFFFFFF, np.full(span, 1000 + number % 50, np.int16), clock / 8000)
        if kind == "jump":
            stamp += amount * 1000
        elif kind == "restart":
            number, stamp = amount, amount * 77
        elif kind == "pause":
            stamp += amount * frame // 10
        elif kind == "noise":
            jitter.quiet(LEG, number, bytes((127 - amount % 64,)))
            number += 1
        elif kind == "late":
            held.append(packet)
        elif kind != "lose":
            put(jitter, packet)
            if kind == "repeat":
                put(jitter, packet)
        if held and amount % 3 == 0:
            put(jitter, Packet(held[0].number, held[0].stamp, held[0].samples, clock / 8000))
            held.pop(0)
        number += 1
        stamp += span
        clock += 160
        before = int(jitter.state[LEG, 1])
        heard = jitter.pull(np.array([LEG]), clock + phase)
        assert heard.shape == (1, frame)
        assert heard.min() != EMPTY
        assert heard.min() >= -1000 and heard.max() <= 1900
        # The play-head goes back only where a stream begins.
        assert jitter.state[LEG, 1] >= before or jitter.state[LEG, 1] <= jitter._ring + frame
