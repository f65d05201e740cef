"""Prompts, music, tones and digits for legs of every codec."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media.bank import Bank
from media.codecs import codec_of, decoder
from media.control import Alarm, Modify, Music, Open, Play, PlayDone, SendDigits, Stop, Tone
from media.forms import BLOCK, Audio, Coding, Form, form_of
from media.g711 import encode_both
from media.library import Library, Recording, prepare
from media.resample import MUSIC_RMS_DBFS, widen
from tests.unit.media.twins import World

CODECS = [
    ("PCMU", 8000),
    ("PCMA", 8000),
    ("G722", 8000),
    ("L16", 8000),
    ("L16", 16_000),
    ("opus", 48_000),
]
each_codec = pytest.mark.parametrize(("codec", "clock"), CODECS)


def tune(hertz: float, samples: int, rate: int = 8000) -> np.ndarray:
    """A tone that swells and fades, so that one part of it is not like another."""
    time = np.arange(samples) / rate
    swell = 0.2 + 0.8 * np.sin(np.pi * time * rate / samples) ** 2
    return np.round(9000 * swell * np.sin(2 * np.pi * hertz * time)).astype(np.int16)


def open_leg(world: World, leg: int, codec: str, clock: int, dtmf_type: int = 101, **values: object) -> None:
    world.do(Open(leg, f"192.0.2.{leg + 1}", 4000, codec, 96, dtmf_type, clock=clock, **values))  # type: ignore[arg-type]


def add(world: World, name: str, samples: np.ndarray, music: bool = False) -> None:
    world.engine.loaded(Recording(name, music, encode_both(samples)), world.now)


def heard(world: World, leg: int, codec: str, clock: int, since: int = 0) -> np.ndarray:
    """What the far end hears, at 8 kHz if that is what is coded, else at 16."""
    plain = decoder(codec_of(codec, clock))
    return np.concatenate([plain.decode(packet.payload) for packet in world.network.packets(leg)[since:]])


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=float))))


def likeness(samples: np.ndarray, true: np.ndarray, most_delay: int = 600) -> float:
    """The highest correlation with what it should be, over some delays."""
    whole = np.concatenate((samples, np.zeros(len(true) + most_delay))).astype(float)
    size = 1 << int(len(whole) + len(true)).bit_length()
    products = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(true.astype(float), size)), size)
    energy = np.concatenate((np.zeros(1), np.cumsum(whole**2)))
    energy = energy[len(true) : len(true) + most_delay] - energy[:most_delay]
    return float((products[:most_delay] / np.maximum(np.sqrt(energy) * np.linalg.norm(true), 1.0)).max())


def at_rate_of(codec: str, clock: int, samples: np.ndarray) -> np.ndarray:
    return widen(samples) if codec_of(codec, clock).rate == 16_000 else samples


# --- what a leg hears -------------------------------------------------------------------------------------------------


@each_codec
@pytest.mark.parametrize("few", [0, 16])
def test_a_clip_is_heard_from_its_beginning_to_its_end(codec: str, clock: int, few: int) -> None:
    world = World()
    world.engine.player.few = few
    open_leg(world, 0, codec, clock)
    clip = tune(440, 8000)
    add(world, "clip", clip)
    world.do(Play(0, 1, ("clip",)))
    world.pass_time(0.1)
    world.code()
    waited = len(world.network.packets(0)) if form_of(codec_of(codec, clock)) not in (Form.MU, Form.A) else 0
    world.pass_time(1.2)
    assert [event for event in world.events() if isinstance(event, PlayDone)] == [PlayDone(0, 1, "end")]
    out = world.network.packets(0)
    assert {(b.sequence - a.sequence, b.timestamp - a.timestamp & 0xFFFFFFFF) for a, b in pairwise(out)} == {
        (1, clock // 50)
    }
    samples = heard(world, 0, codec, clock)
    before = samples[: waited * len(samples) // len(out)]
    assert not len(before) or loudness(before) < 40
    assert likeness(samples[len(before) :], at_rate_of(codec, clock, clip)) > 0.98
    assert loudness(samples[-len(samples) // 50 :]) < 40


@each_codec
def test_clips_follow_each_other_without_a_gap(codec: str, clock: int) -> None:
    world = World()
    open_leg(world, 0, codec, clock)
    # Whole blocks for Opus, whose packets cannot be cut; odd ends for all others.
    lengths = (3200, 1600, 4800) if codec == "opus" else (3333, 1111, 4567)
    # Each of them rises from silence and ends in it, while the tone goes on through them all.
    whole = np.concatenate([np.sin(np.pi * np.arange(length) / length) ** 2 for length in lengths])
    whole = (9000 * whole * np.sin(2 * np.pi * 310 * np.arange(len(whole)) / 8000)).astype(np.int16)
    ends = np.cumsum(lengths)
    for name, end, length in zip("abc", ends, lengths, strict=True):
        add(world, name, whole[end - length : end])
    # Let all be coded, as they are when they were heard before.
    for name in "abc":
        world.do(Play(0, 1, (name,)))
        world.pass_time(0.03)
        world.code()
    first = len(world.network.packets(0))
    world.do(Stop(0), Play(0, 2, ("a", "b", "c")))
    world.pass_time(1.3)
    samples = heard(world, 0, codec, clock, first)
    true = at_rate_of(codec, clock, whole)
    assert likeness(samples, true) > 0.985


@each_codec
def test_music_has_one_play_head_for_all_who_hear_it(codec: str, clock: int) -> None:
    world = World()
    open_leg(world, 0, codec, clock)
    add(world, "moh", tune(300, 16_000), music=True)
    world.do(Music(0, "moh"))
    world.pass_time(0.05)
    world.code()
    world.pass_time(0.5)
    open_leg(world, 1, codec, clock)
    world.do(Music(1, "moh"))
    sent = len(world.network.packets(0))
    world.pass_time(3.0)
    late = [packet.payload for packet in world.network.packets(1)]
    # But for the packet in which a decoder of G.722 comes to rest.
    assert late[1:140] == [packet.payload for packet in world.network.packets(0)][sent + 1 : sent + 140]
    # Two seconds later it comes round.
    assert late[5] == late[105]


@each_codec
def test_tones_sound_the_same_in_all_codecs(codec: str, clock: int) -> None:
    world = World()
    open_leg(world, 0, codec, clock)
    world.do(Tone(0, "busy"))
    world.pass_time(0.02)
    world.code()
    world.pass_time(2.0)
    samples = heard(world, 0, codec, clock).astype(float)
    rate = codec_of(codec, clock).rate
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert np.argmax(spectrum) * rate / len(samples) == pytest.approx(425, abs=3)
    blocks = samples[: len(samples) // (rate // 50) * (rate // 50)].reshape(-1, rate // 50)
    sounding = np.sqrt(np.mean(blocks**2, axis=1))
    assert np.mean(sounding > 1500) == pytest.approx(0.5, abs=0.06)
    assert np.median(sounding[sounding > 1500]) == pytest.approx(32_768 * 10 ** (-17 / 20) / 2**0.5, rel=0.12)


@each_codec
@pytest.mark.parametrize("milliseconds", [80, 200])
def test_digits_are_heard_where_no_events_were_agreed(codec: str, clock: int, milliseconds: int) -> None:
    world = World()
    open_leg(world, 0, codec, clock, -1)
    world.do(SendDigits(0, "5", milliseconds))
    world.pass_time(0.5)
    rate = codec_of(codec, clock).rate
    samples = heard(world, 0, codec, clock)[: rate * milliseconds // 1000].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8192))
    strongest = [float(np.argmax(spectrum[low * 8192 // rate : high * 8192 // rate]) * rate / 8192 + low)
                 for low, high in ((600, 1050), (1050, 1700))]  # fmt: skip
    assert strongest == [pytest.approx(770, abs=15), pytest.approx(1336, abs=20)]
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(world.network.packets(0))} == {clock // 50}


@each_codec
@pytest.mark.parametrize("ptime", [10, 30, 40, 60])
def test_other_packet_times(codec: str, clock: int, ptime: int) -> None:
    world = World()
    open_leg(world, 0, codec, clock, ptime=ptime)
    clip = tune(440, 4800)
    add(world, "clip", clip)
    world.do(Play(0, 1, ("clip",)))
    world.pass_time(0.06)
    world.code()
    world.pass_time(0.9)
    # A recording is coded in Opus once, in 20 ms; and 16-bit samples of 60 ms at 16 kHz are more than a frame of Ethernet.
    sent = 20 if codec == "opus" else min(ptime, 40) if clock == 16_000 else ptime
    out = world.network.packets(0)
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(out)} == {clock * sent // 1000}
    assert max(len(packet.payload) for packet in out) < 1400
    assert len(out) == pytest.approx(0.96 / (sent / 1000), abs=2)
    assert likeness(heard(world, 0, codec, clock), at_rate_of(codec, clock, clip), 3000) > 0.97


# --- until it is coded ------------------------------------------------------------------------------------------------


def test_each_recording_is_coded_once_for_each_form_that_is_heard() -> None:
    world = World()
    for leg, (codec, clock) in enumerate([*CODECS, ("opus", 48_000)]):
        open_leg(world, leg, codec, clock)
    add(world, "moh", tune(300, 16_000), music=True)
    assert world.codings == []
    for leg in range(7):
        world.do(Music(leg, "moh"))
    world.pass_time(0.5)
    assert sorted(coding.form for coding in world.codings) == [Form.G722, Form.L16, Form.WIDE_L16, Form.OPUS]
    world.code()
    world.pass_time(0.5)
    assert world.codings == []


def test_a_clip_waits_and_music_goes_on_while_they_are_coded() -> None:
    world = World()
    for leg in (0, 1):
        open_leg(world, leg, "L16", 8000)
    clip = tune(440, 8000)
    add(world, "clip", clip)
    add(world, "moh", clip, music=True)
    world.do(Play(0, 1, ("clip",)), Music(1, "moh", from_start=True))
    world.pass_time(0.4)
    assert not heard(world, 0, "L16", 8000).any() and not heard(world, 1, "L16", 8000).any()
    world.code()
    sent = len(world.network.packets(0))
    world.pass_time(0.4)
    assert likeness(heard(world, 0, "L16", 8000, sent), clip[:3000], 1) > 0.999
    assert likeness(heard(world, 1, "L16", 8000, sent), clip[3200:6200], 1) > 0.999


def test_a_new_answer_changes_the_codec_in_the_middle_of_a_clip() -> None:
    world = World()
    open_leg(world, 0, "PCMU", 8000)
    clip = tune(440, 16_000)
    add(world, "clip", clip)
    world.do(Play(0, 1, ("clip",)))
    world.pass_time(0.5)
    first = len(world.network.packets(0))
    world.do(Modify(0, "192.0.2.1", 4000, "opus", 111, 101, clock=48_000))
    world.pass_time(0.1)
    world.code()
    waited = len(world.network.packets(0)) - first
    world.pass_time(1.7)
    assert [event for event in world.events() if isinstance(event, PlayDone)] == [PlayDone(0, 1, "end")]
    samples = heard(world, 0, "opus", 48_000, first + waited)
    assert likeness(samples, widen(clip[first * 160 :])[:-320]) > 0.98
    out = world.network.packets(0)
    assert {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(out[first + 1 :])} == {960}


def test_the_next_clip_of_a_sequence_is_waited_for() -> None:
    world = World()
    open_leg(world, 0, "G722", 8000)
    add(world, "one", tune(300, 1000))
    add(world, "two", tune(500, 1000))
    world.do(Play(0, 1, ("one",)))
    world.pass_time(0.05)
    world.code()
    world.do(Play(0, 2, ("one", "two")))
    world.pass_time(0.4)
    assert world.events() == [PlayDone(0, 1, "replaced")]
    world.code()
    sent = len(world.network.packets(0))
    world.pass_time(0.2)
    assert PlayDone(0, 2, "end") in world.events()
    assert likeness(heard(world, 0, "G722", 8000)[sent * 320 :], widen(tune(500, 1000))) > 0.95


def test_a_leg_of_a_codec_that_is_only_passed_through_cannot_be_played_to() -> None:
    world = World()
    open_leg(world, 0, "G729", 8000)
    add(world, "clip", tune(440, 1600))
    world.do(Play(0, 1, ("clip",)), SendDigits(0, "1"), Tone(0, "busy"))
    world.pass_time(0.5)
    events = world.events()
    assert PlayDone(0, 1, "missing") in events
    assert {event.what for event in events if isinstance(event, Alarm)} == {"cannot play"}
    assert {packet.payload_type for packet in world.network.packets(0)} == {101}
    # A new answer makes it possible.
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, 101))
    before = len(world.network.packets(0))
    world.pass_time(0.5)
    assert len(world.network.packets(0)) - before == 25


# --- one by one and together ------------------------------------------------------------------------------------------


def test_legs_of_all_codecs_are_sent_the_same_one_by_one_and_together() -> None:
    worlds = []
    for few in (10_000, 0):
        world = World(legs=18)
        world.engine.player.few = few
        for leg in range(18):
            codec, clock = CODECS[leg % 6]
            open_leg(world, leg, codec, clock, ptime=(20, 30, 10)[leg // 6], ssrc=1 + leg)
        for name, end in (("a", 777), ("b", 1300)):
            add(world, name, tune(400, end))
        add(world, "moh", tune(300, 1700), music=True)
        world.do(*(Play(leg, leg, ("a", "b", "a"), repeat=1 + leg % 3) for leg in range(9)))
        world.do(*(Music(leg, "moh", from_start=leg % 2 == 0) for leg in range(9, 18)))
        for _ in range(20):
            world.pass_time(0.05)
            world.code()
        worlds.append(world)
    one, other = worlds
    for leg in range(18):
        assert one.network.packets(leg) == other.network.packets(leg)
    assert one.events() == other.events()
    for name in ("outbound", "playout"):
        np.testing.assert_array_equal(getattr(one.engine.legs, name), getattr(other.engine.legs, name))


# --- where it comes from ----------------------------------------------------------------------------------------------


def write(path: Path, samples: np.ndarray, rate: int) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return str(path)


def coded(library: Library, form: Form, position: int) -> Audio:
    coding = library.coding(form, position)
    assert coding is not None
    return coding.audio()


@pytest.mark.parametrize(("rate", "audible"), [(8000, False), (16_000, True), (44_100, True)])
@pytest.mark.parametrize("music", [False, True])
def test_wideband_codecs_get_the_whole_band_of_a_file(tmp_path: Path, rate: int, audible: bool, music: bool) -> None:
    both = tune(440, rate, rate) // 2 + (tune(5500, rate, rate) // 2 if audible else 0)
    path = write(tmp_path / "a.wav", both, rate)
    library, bank = Library(bank := Bank(1 << 16)), bank
    library.add(prepare("x", path, music))
    span = library.music("x") if music else library.clip("x")
    assert span is not None
    audio = coded(library, Form.G722, span.start)
    assert len(audio.wide) == 2 * len(audio.narrow) == 2 * (span.end - span.start + (480 if music else 0))
    spectrum = np.abs(np.fft.rfft(audio.wide[:16_000].astype(float)))
    assert bool(spectrum[5400:5600].max() > 0.5 * spectrum[400:480].max()) is audible
    # The two rates are at one level, which music is brought to.
    tone = [np.abs(np.fft.rfft(each[:length].astype(float)))[430:450].max() / length
            for each, length in ((audio.narrow, 8000), (audio.wide, 16_000))]  # fmt: skip
    assert tone[0] == pytest.approx(tone[1], rel=0.01)
    if music and not audible:
        assert 20 * np.log10(loudness(audio.wide[:16_000]) / 32_768) == pytest.approx(MUSIC_RMS_DBFS, abs=1.0)


@pytest.mark.parametrize("change", ["gone", "replaced", "damaged"])
def test_a_file_that_is_not_what_it_was_is_taken_from_the_bank(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.wav"
    clip = tune(440, 4000)
    write(path, clip, 8000)
    library = Library(Bank(1 << 16))
    library.add(prepare("x", str(path), False))
    if change == "gone":
        path.unlink()
    elif change == "replaced":
        write(path, tune(900, 3000), 8000)
    else:
        path.write_bytes(b"RIFF????")
    span = library.clip("x")
    assert span is not None
    audio = coded(library, Form.OPUS, span.start)
    assert likeness(audio.wide, widen(clip), 3) > 0.999
    assert len(audio.wide) == 8000


def test_several_files_are_one_recording_in_every_form(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "a.wav", tune(440, 1000), 8000),
        write(tmp_path / "b.wav", tune(880, 3001, 16_000), 16_000),
    ]
    library = Library(Bank(1 << 16))
    recording = prepare("x", paths[0], False, paths[1:])
    library.add(recording)
    span = library.clip("x")
    assert span is not None and recording.codes is not None
    audio = coded(library, Form.G722, span.start)
    assert len(audio.narrow) == recording.codes.shape[1]
    assert likeness(audio.wide[2000:], tune(880, 3001, 16_000), 3) > 0.999


def test_pieces_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.forms.PIECE", 10 * BLOCK)
    long = np.random.default_rng(1).integers(-9000, 9000, 12_345).astype(np.int16)
    audio = Audio(long, widen(long))
    for form in (Form.G722, Form.L16, Form.WIDE_L16, Form.OPUS):
        bank, whole = Bank(1 << 15), Bank(1 << 15)
        spans = [each.add(encode_both(long)) for each in (bank, whole)]
        pieces = list(Coding(form, spans[0].start, lambda: audio).pieces())
        assert len(pieces) == 8
        for piece in pieces:
            bank.store(piece)
        monkeypatch.setattr("media.forms.PIECE", 1 << 20)
        for piece in Coding(form, spans[1].start, lambda: audio).pieces():
            whole.store(piece)
        monkeypatch.setattr("media.forms.PIECE", 10 * BLOCK)
        for start in range(spans[0].start, spans[0].end - BLOCK, BLOCK):
            assert bank.has(form, start)
            assert bank.codes(form, start, start + BLOCK) == whole.codes(form, start, start + BLOCK)


def test_the_bank_grows_with_all_its_forms() -> None:
    bank = Bank(4096)
    clip = tune(440, 1600)
    kept = {}
    first = bank.add(encode_both(clip))
    for form in (Form.G722, Form.L16, Form.WIDE_L16, Form.OPUS):
        for piece in Coding(form, first.start, lambda: Audio(clip, widen(clip))).pieces():
            bank.store(piece)
        kept[form] = [bank.codes(form, at, at + BLOCK) for at in range(first.start, first.end, BLOCK)]
    second = bank.add(encode_both(tune(300, 40_000)))
    for form, codes in kept.items():
        assert [bank.codes(form, at, at + BLOCK) for at in range(first.start, first.end, BLOCK)] == codes
        assert bank.has(form, first.end - 1) and not bank.has(form, second.start)


def test_g722_of_silence_decodes_to_silence() -> None:
    bank = Bank(4096)
    plain = decoder(codec_of("G722", 8000))
    assert max(loudness(plain.decode(bank.pad(Form.G722, 160))) for _ in range(20)) < 40
    assert len(bank.pad(Form.L16, 160)) == 320 and not any(bank.pad(Form.WIDE_L16, 160))


def test_what_is_cut_off_is_not_heard_in_what_follows_in_g722() -> None:
    world = World()
    open_leg(world, 0, "G722", 8000)
    add(world, "loud", tune(700, 8000))
    quiet = np.concatenate((np.zeros(800, np.int16), tune(440, 4000) // 4))
    add(world, "quiet", quiet)
    for name in ("quiet", "loud"):
        world.do(Play(0, 1, (name,)))
        world.pass_time(0.03)
        world.code()
    world.pass_time(0.5)
    sent = len(world.network.packets(0))
    world.do(Play(0, 2, ("quiet",)))
    world.pass_time(0.5)
    samples = heard(world, 0, "G722", 8000)
    before = loudness(samples[sent * 320 - 1600 : sent * 320])
    # The packet after the cut brings the decoder to rest, and nothing is left of it in the next ones.
    assert loudness(samples[(sent + 1) * 320 : (sent + 5) * 320]) < before / 40
    assert likeness(samples[sent * 320 :], widen(quiet)[:7000]) > 0.97
