"""Recordings: everything at its place in time, whatever the network and the call do to it."""

from __future__ import annotations

import errno
import os
from collections import deque
from pathlib import Path
from random import Random
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from media import g711, opus, wav
from media.codec import Samples
from media.codecs import codec_of, encoder
from media.control import Alarm, Bridge, Close, Finish, Modify, Open, Pause, Record, Recorded
from media.g711 import Law
from media.relay.batch import Batch, Buffers
from media.rtp import CLOCK_RATE, Packet
from media.tape import Block, Job, Outcome, Tape
from media.writing import Writer, WritingDesk
from tests.unit.media.twins import World, audio

NOISE = np.random.default_rng(5).normal(0, 300, (2, 80_000))  # So that no stretch is like another.
VOICE: Samples = (9000 * np.sin(np.arange(80_000) * 2 * np.pi * 440 / 8000) + NOISE[0]).astype(np.int16)
OTHER: Samples = (6000 * np.sin(np.arange(80_000) * 2 * np.pi * 300 / 8000) + NOISE[1]).astype(np.int16)


class Immediate:
    """A desk that writes at once; `full`: it takes no block."""

    def __init__(self) -> None:
        self.done: deque[Outcome] = deque()
        self.full = False
        self.jobs: list[Job] = []
        self.writer = Writer(lambda tape, error: self.done.append(tape.close(error)), self.done.append)

    def put(self, job: Job) -> bool:
        if self.full and isinstance(job, Block):
            return False
        self.jobs.append(job)
        self.writer.perform(job)
        return True


def world(legs: int = 8) -> tuple[World, Immediate]:
    desk = Immediate()
    return World(legs, desk=desk), desk


def said(samples: Samples, law: Law = Law.MU) -> Samples:
    """What is left of audio after G.711."""
    return g711.decode(g711.encode(samples, law), law)


def payload(samples: Samples, index: int, law: Law = Law.MU) -> bytes:
    return g711.encode(samples[160 * index : 160 * index + 160], law).tobytes()


def sides(path: Path | str, rate: int = 8000) -> tuple[Samples, Samples]:
    data = Path(path).read_bytes()
    assert int.from_bytes(data[24:28], "little") == rate
    assert int.from_bytes(data[40:44], "little") == len(data) - 44
    frames = np.frombuffer(data, "<i2", offset=44).reshape(-1, 2)
    return frames[:, 0].copy(), frames[:, 1].copy()


def recorded(world: World) -> Recorded:
    found = [event for event in world.events() if isinstance(event, Recorded)]
    assert len(found) == 1
    return found[0]


def find(track: Samples, part: Samples) -> int:
    """Where a part is in a track; it must be there once."""
    windows = np.lib.stride_tricks.sliding_window_view(track, len(part))
    places = np.flatnonzero((windows == part).all(axis=1))
    assert len(places) == 1
    return int(places[0])


def talk(world: World, leg: int, samples: Samples, start: int, count: int, *, ssrc: int = 77, lost: tuple[int, ...] = (),
         first_timestamp: int = 0, law: Law = Law.MU) -> None:  # fmt: skip
    """A leg sends packets in step with time."""
    for index in range(start, start + count):
        world.pass_time(0.02)
        if index not in lost:
            packet = audio(index, first_timestamp + index * 160, ssrc=ssrc, payload=payload(samples, index, law))
            packet.payload_type = 8 if law else 0
            world.arrive(leg, packet)


def test_each_side_is_in_its_channel_bit_exact(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1), Record(7, str(tmp_path / "a.wav"), 0, 1))
    for index in range(150):
        hall.pass_time(0.02)
        hall.arrive(0, audio(index, payload=payload(VOICE, index)))
        hall.arrive(1, audio(900 + index, 5000 + 160 * index, ssrc=5, payload=payload(OTHER, index)))
    hall.do(Finish(7))
    hall.pass_time(0.01)
    event = recorded(hall)
    assert (event.record, event.error, event.lost, event.paused) == (7, "", 0.0, 0.0)
    assert event.seconds == pytest.approx(3.0, abs=0.01)
    assert event.octets == os.path.getsize(event.path)
    assert not (tmp_path / "a.wav.part").exists()
    left, right = sides(event.path)
    assert abs(find(left, said(VOICE)[160:23_800]) - find(right, said(OTHER)[160:23_800])) <= 1


def test_a_law_legs_and_other_packet_times(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0, codec="PCMA")
    hall.do(Record(1, str(tmp_path / "a.wav"), -1, 0))
    codes = g711.encode(VOICE, Law.A)
    at = 0
    for size in [80, 240, 160, 480, 80] * 12:
        hall.pass_time(size / 8000)
        hall.arrive(0, Packet(8, at // 80, at, 3, codes[at : at + size].tobytes()))
        at += size
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, right = sides(recorded(hall).path)
    assert not left.any()
    find(right, said(VOICE, Law.A)[: at - 480])


def test_a_lost_packet_is_concealed_and_moves_nothing(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 100, lost=(40, 41, 70))
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, _ = sides(recorded(hall).path)
    at = find(left, said(VOICE)[: 40 * 160])
    assert np.array_equal(left[at + 45 * 160 : at + 70 * 160], said(VOICE)[45 * 160 : 70 * 160])
    hole = left[at + 40 * 160 : at + 40 * 160 + 80].astype(float)
    assert np.corrcoef(hole, VOICE[40 * 160 : 40 * 160 + 80])[0, 1] > 0.95


def test_packets_out_of_order_and_twice_lie_in_order(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    chance = Random(4)
    due = sorted((index * 0.02 + chance.random() * 0.2, index) for index in range(1, 200))
    due += [(at + 0.03, index) for at, index in due[::7]]
    began = hall.now
    hall.arrive(0, audio(0, payload=payload(VOICE, 0)))
    for at, index in sorted(due):
        hall.pass_time(max(began + at - hall.now, 0.0))
        hall.arrive(0, audio(index, payload=payload(VOICE, index)))
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, _ = sides(recorded(hall).path)
    assert np.array_equal(left[: 190 * 160 - 160], said(VOICE)[160 : 190 * 160])


@pytest.mark.parametrize("batched", [False, True])
def test_a_batch_leaves_what_single_packets_leave(tmp_path: Path, batched: bool) -> None:
    hall, _ = world(64)
    legs = list(range(64))
    hall.open(*legs)
    for pair in range(32):
        hall.do(Bridge(2 * pair, 2 * pair + 1), Record(pair, str(tmp_path / f"{pair}.wav"), 2 * pair, 2 * pair + 1))
    buffers = Buffers(64)
    batch = Batch(hall.engine.legs, buffers)
    batch.ears = hall.engine.session.ears
    clock = 0
    for index in range(120):
        hall.pass_time(0.02)
        packets = [
            bytes(audio(index, leg * 1000 + index * 160, payload=payload(VOICE[leg * 160 :], index))) for leg in legs
        ]
        if not batched or not index:
            for leg, packet in zip(legs, packets, strict=True):
                hall.arrive(leg, packet)
            continue
        clock = int(hall.now * CLOCK_RATE)
        for leg, packet in zip(legs, packets, strict=True):
            buffers.octets[leg, : len(packet)] = np.frombuffer(packet, np.uint8)
            buffers.leg[leg], buffers.size[leg] = leg, len(packet)
        _, _, slow = batch.relay(64, clock)
        assert not slow
    hall.do(*(Finish(pair) for pair in range(32)))
    hall.pass_time(0.01)
    events = [event for event in hall.events() if isinstance(event, Recorded)]
    assert len(events) == 32
    for event in events:
        left, right = sides(event.path)
        find(left, said(VOICE[event.record * 320 :])[: 118 * 160])
        find(right, said(VOICE[event.record * 320 + 160 :])[: 118 * 160])


def test_a_new_stream_goes_on_where_time_is(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 60)
    hall.pass_time(0.5)  # Put on hold, say.
    talk(hall, 0, VOICE, 60, 60, ssrc=99, first_timestamp=0x9000_0000)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, _ = sides(recorded(hall).path)
    first, second = find(left, said(VOICE)[: 60 * 160]), find(left, said(VOICE)[61 * 160 : 119 * 160])
    assert abs(second - first - 61 * 160 - 4000) <= 80


def test_a_sender_whose_timestamps_stood_still_in_a_pause(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 50)
    hall.pass_time(1.5)
    talk(hall, 0, VOICE, 50, 60)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, _ = sides(recorded(hall).path)
    first, second = find(left, said(VOICE)[: 50 * 160]), find(left, said(VOICE)[51 * 160 : 109 * 160])
    assert abs(second - first - 51 * 160 - 12_000) <= 80


def test_a_network_that_held_up_packets_moves_nothing_that_follows(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 50)
    hall.pass_time(0.6)
    for index in range(50, 80):
        hall.arrive(0, audio(index, payload=payload(VOICE, index)))
    talk(hall, 0, VOICE, 80, 70)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, _ = sides(recorded(hall).path)
    first, last = find(left, said(VOICE)[: 50 * 160]), find(left, said(VOICE)[85 * 160 : 148 * 160])
    assert last - first == 85 * 160


def test_a_clock_that_runs_fast_is_followed(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0, 1)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, 1))
    tone = np.full(160, 8000, np.int16)
    beep = g711.encode(tone, Law.MU).tobytes()
    quiet = b"\xff" * 160
    began, drift = hall.now, 1.0002  # 200 parts in a million: 12 ms a minute
    for index in range(1, 6001):
        hall.pass_time(began + index * 0.02 - hall.now)
        hall.arrive(0, audio(index, payload=quiet if index < 5900 else beep))
        hall.arrive(1, audio(index, round(index * 160 * drift), ssrc=9, payload=quiet if index < 5900 else beep))
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, right = sides(recorded(hall).path)
    apart = int(np.argmax(left > 4000)) - int(np.argmax(right > 4000))
    assert abs(apart) <= 40  # 192 without


def test_what_is_said_in_a_pause_is_not_in_the_file(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 50)
    hall.do(Pause(1))
    talk(hall, 0, VOICE, 50, 100)
    hall.do(Pause(1, False))
    talk(hall, 0, VOICE, 150, 50)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    event = recorded(hall)
    assert event.paused == pytest.approx(2.0, abs=0.01)
    left, _ = sides(event.path)
    assert len(left) == pytest.approx(32_000, abs=100)
    assert not left[8001:23_999].any()
    assert left[24_010:].any() and left[7000:7990].any()


def test_a_transfer_goes_on_in_the_same_file(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0, 1, 2)
    path = str(tmp_path / "a.wav")
    hall.do(Record(1, path, 0, 1))
    talk(hall, 0, VOICE, 0, 30)
    hall.do(Record(1, path, 2, 1))
    hall.arrive(0, audio(31, payload=payload(OTHER, 31)))
    talk(hall, 2, VOICE, 0, 30)
    hall.do(Close(2))
    hall.pass_time(0.3)
    hall.open(2)
    talk(hall, 2, OTHER, 0, 30)  # Another call on the same port.
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, right = sides(recorded(hall).path)
    part = said(VOICE)[160 : 29 * 160]
    windows = np.lib.stride_tricks.sliding_window_view(left, len(part))
    assert (windows == part).all(axis=1).sum() == 2
    assert not left[-30 * 160 :].any() and not right.any()


def test_two_recordings_of_one_leg(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 20)
    hall.do(Record(2, str(tmp_path / "b.wav"), -1, 0))
    talk(hall, 0, VOICE, 20, 50)
    hall.do(Finish(1))
    talk(hall, 0, VOICE, 70, 20)
    hall.do(Finish(2))
    hall.pass_time(0.01)
    find(sides(tmp_path / "a.wav")[0], said(VOICE)[160 : 69 * 160])
    find(sides(tmp_path / "b.wav")[1], said(VOICE)[21 * 160 : 89 * 160])


def test_what_the_disk_does_not_take_is_told_and_silent(tmp_path: Path) -> None:
    hall, desk = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 60)
    desk.full = True
    talk(hall, 0, VOICE, 60, 100)
    desk.full = False
    talk(hall, 0, VOICE, 160, 60)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    events = hall.events()
    assert any(isinstance(event, Alarm) and event.what == "recording lost" for event in events)
    (event,) = [event for event in events if isinstance(event, Recorded)]
    left, _ = sides(event.path)
    assert event.lost >= 1.0 and len(left) == pytest.approx(220 * 160, abs=100)
    missing = len(left) - np.count_nonzero(np.convolve(left != 0, np.ones(40), "same") > 0)
    assert missing == pytest.approx(event.lost * 8000, abs=100)
    assert hall.engine.recorders.lost / CLOCK_RATE == event.lost


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hall, _ = world()
    hall.open(0, 1)
    hall.do(Bridge(0, 1), Record(1, str(tmp_path / "a.wav"), 0, 1))
    talk(hall, 0, VOICE, 0, 100)

    def full(file: int, data: memoryview, at: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr("media.tape.os.pwrite", full)
        talk(hall, 0, VOICE, 100, 60)
    events = hall.events()
    (event,) = [event for event in events if isinstance(event, Recorded)]
    assert "No space" in event.error and event.octets > 20_000
    assert any(isinstance(one, Alarm) and one.what == "recording failed" for one in events)
    find(sides_lenient(event.path), said(VOICE)[:8000])
    assert hall.relayed(0, audio(160, payload=payload(VOICE, 160))).payload == payload(VOICE, 160)
    assert not hall.listening()
    hall.do(Finish(1))
    hall.pass_time(0.1)
    assert not [event for event in hall.events() if isinstance(event, Recorded)]


def sides_lenient(path: str) -> Samples:
    """The left side; the header may be older than the file."""
    return np.frombuffer(Path(path).read_bytes(), "<i2", offset=44).reshape(-1, 2)[:, 0].copy()


@pytest.mark.parametrize("path", ["/proc/nowhere/at/all.wav", "/proc/a.wav"])
def test_a_folder_that_cannot_be_written_to(path: str) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, path, 0, -1))
    talk(hall, 0, VOICE, 0, 5)
    event = recorded(hall)
    assert event.error and event.octets == 0
    assert not hall.engine.recorders.running


def test_commands_that_make_no_sense(tmp_path: Path) -> None:
    hall, _ = world()
    hall.do(Finish(3), Pause(3), Record(1, str(tmp_path / "a.mp3"), 0, 1, "mp3"))
    assert "mp3" in recorded(hall).error
    hall.do(Record(2, str(tmp_path / "b.wav"), 5, 6))  # Legs that are not open: silent until they are.
    hall.pass_time(0.2)
    hall.open(5)
    talk(hall, 5, VOICE, 0, 20)
    hall.do(Finish(2))
    hall.pass_time(0.01)
    find(sides(recorded(hall).path)[0], said(VOICE)[160 : 19 * 160])


def test_no_recording_without_a_desk(tmp_path: Path) -> None:
    hall = World()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    assert recorded(hall).error


# --- wideband, Opus ---------------------------------------------------------------------------------------------------


def correlation(first: NDArray[np.int16], second: NDArray[np.int16]) -> float:
    """How alike two signals are at their best alignment within 40 ms."""
    best = 0.0
    for shift in range(640):
        part = first[shift : shift + len(second)].astype(float)
        if len(part) == len(second) and part.any():
            best = max(best, float(np.corrcoef(part, second)[0, 1]))
    return best


@pytest.mark.parametrize("codec, clock, kind", [("G722", 8000, 9), ("opus", 48000, 107), ("L16", 16000, 96)])
def test_a_wideband_leg_makes_a_wideband_file(tmp_path: Path, codec: str, clock: int, kind: int) -> None:
    hall, _ = world()
    hall.do(Open(0, "192.0.2.9", 4000, codec, kind, clock=clock))
    hall.open(1)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, 1))
    speech = (8000 * np.sin(np.cumsum(np.linspace(0.05, 0.5, 32_000)))).astype(np.int16)
    coder = encoder(codec_of(codec, clock), 16_000)
    packets = [coder.encode(speech[at : at + 320]) for at in range(0, 32_000, 320)]
    for index, octets in enumerate(packets):
        hall.pass_time(0.02)
        timestamp = 0xFFFF_F000 + index * clock // 50 & 0xFFFFFFFF
        if index != 57:
            hall.arrive(0, Packet(kind, index, timestamp, 4, octets))
        hall.arrive(1, audio(index, payload=payload(VOICE, index)))
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left, right = sides(recorded(hall).path, 16_000)
    assert len(left) == pytest.approx(32_000, abs=200)
    assert correlation(left[2000:18_000], speech[2000:10_000]) > 0.95
    assert correlation(left[18_900:], speech[19_000:30_000]) > 0.9
    assert correlation(right[:9000:2][2000:], VOICE[2000:4000]) > 0.99


@pytest.mark.parametrize("seconds", [0.5, 3.21])
def test_opus_in_ogg_as_another_program_reads_it(tmp_path: Path, seconds: float) -> None:
    import av

    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.opus"), 0, -1, "opus"))
    hall.pass_time(0.2)  # Silence before the first word.
    talk(hall, 0, VOICE, 0, int((seconds - 0.2) * 50))
    hall.pass_time(0.01)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    event = recorded(hall)
    with av.open(event.path) as container:
        frames = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
        assert container.streams.audio[0].codec_context.channels == 2
    samples = frames.shape[1] if frames.shape[0] == 2 else frames.shape[1] // 2
    assert samples == pytest.approx(event.seconds * 48_000, abs=48)
    left = (frames[0] if frames.shape[0] == 2 else frames[0, ::2]) * 32768
    narrow = left[::6].astype(np.int16)
    assert not np.abs(narrow[:1400]).max() > 200
    assert correlation(narrow[1400:], VOICE[:1500]) > 0.97


def test_a_recording_at_work_in_its_threads(tmp_path: Path) -> None:
    woken: list[int] = []
    desk = WritingDesk(lambda: woken.append(1))
    hall = World(desk=desk)
    hall.open(0, 1)
    for record in range(20):
        hall.do(Record(record, str(tmp_path / f"{record}.wav"), 0, 1))
    talk(hall, 0, VOICE, 0, 100)
    hall.engine.recorders.finish_all(hall.now)
    desk.close(10.0)
    hall.pass_time(0.01)
    events = [event for event in hall.events() if isinstance(event, Recorded)]
    assert len(events) == 20 and woken
    for event in events:
        assert not event.error
        find(sides(event.path)[0], said(VOICE)[:15_000])


def test_a_queue_that_is_full_refuses_blocks_only(tmp_path: Path) -> None:
    desk = WritingDesk(lambda: None, limit=30_000)
    gate = Event()
    hall = World(desk=desk)
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 20)
    original = Tape.write

    def slow(tape: Tape, block: Block) -> None:
        assert gate.wait(10.0)
        original(tape, block)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "write", slow)
        talk(hall, 0, VOICE, 20, 200)
        lost = hall.engine.recorders.lost
        assert lost > SEGMENTS_AT_LEAST * 4096
        gate.set()
        hall.do(Finish(1))
        desk.close(10.0)
    hall.pass_time(0.01)
    event = recorded(hall)
    assert not event.error and event.lost == pytest.approx(lost / 8000)
    assert desk.most <= 30_000


SEGMENTS_AT_LEAST = 3


def test_an_opus_recording_needs_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "_library", lambda: None)
    hall, _ = world()
    hall.do(Record(1, str(tmp_path / "a.opus"), -1, -1, "opus"))
    hall.pass_time(0.01)
    assert "libopus" in recorded(hall).error
    assert not list(tmp_path.iterdir())


def test_a_new_answer_changes_the_codec(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 50)
    hall.do(Modify(0, "192.0.2.1", 4000, "PCMA", 8, 101))
    talk(hall, 0, VOICE, 50, 50, law=Law.A)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    left = sides(recorded(hall).path)[0]
    first, second = find(left, said(VOICE)[160 : 49 * 160]), find(left, said(VOICE, Law.A)[51 * 160 : 99 * 160])
    assert abs(second - first - 50 * 160) <= 80


def test_the_reader_of_prompts_reads_it(tmp_path: Path) -> None:
    hall, _ = world()
    hall.open(0)
    hall.do(Record(1, str(tmp_path / "a.wav"), 0, -1))
    talk(hall, 0, VOICE, 0, 50)
    hall.do(Finish(1))
    hall.pass_time(0.01)
    found = wav.read(recorded(hall).path)
    assert found.rate == 8000 and found.seconds == pytest.approx(1.0, abs=0.02)
