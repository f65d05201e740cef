"""Decoders and encoders: against the vectors of ITU-T, against each other, and against whatever a peer may send."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import codecs, opus
from media.codec import Codec, parameters
from media.codecs import codec_of, decoder, encoder
from media.g722 import G722Decoder, G722Encoder

ALL = [
    codec_of("PCMU", 8000),
    codec_of("PCMA", 8000),
    codec_of("G722", 8000),
    codec_of("L16", 8000),
    codec_of("L16", 16000),
    codec_of("opus", 48000),
    codec_of("opus", 48000, "maxplaybackrate=8000;useinbandfec=1"),
]
each_codec = pytest.mark.parametrize("codec", ALL, ids=lambda codec: f"{codec.name}/{codec.clock}>{codec.rate}")


@cache
def speech(rate: int, seconds: float = 2.0, seed: int = 7) -> np.ndarray:
    """Something with a gliding pitch, four formants and syllables: what codecs and concealment are made for."""
    time = np.arange(int(rate * seconds)) / rate
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    signal = np.zeros(len(time))
    for harmonic in range(1, 28):
        frequency = harmonic * 120
        weight = sum(
            strength / (1 + ((frequency - centre) / 130) ** 2)
            for centre, strength in ((500, 1.0), (1500, 0.5), (2500, 0.25), (3300, 0.12))
        )
        signal += weight * np.sin(harmonic * phase)
    syllables = 0.25 + 0.75 * np.clip(np.sin(2 * np.pi * 2.2 * time + 1), 0, 1)
    noise = np.random.default_rng(seed).normal(0, 0.004, len(time))
    signal = signal / np.abs(signal).max() * syllables + noise
    return np.round(signal * 9000).astype(np.int16)


def packets(codec: Codec, samples: np.ndarray, milliseconds: int = 20) -> list[bytes]:
    coder, size = encoder(codec), codec.rate * milliseconds // 1000
    return [coder.encode(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size)]


def distance_db(samples: np.ndarray, true: np.ndarray, delays: range = range(120)) -> float:
    """How far the error is below the signal, at the best of some delays."""
    found = []
    for delay in delays:
        late, early = samples[delay:].astype(float), true[: len(samples) - delay].astype(float)
        found.append(10 * np.log10(np.mean(early**2) / max(np.mean((late - early) ** 2), 1e-9)))
    return float(max(found))


# --- the registry ----------------------------------------------------------------------------------------------------


def test_what_can_be_decoded_here() -> None:
    assert codecs.available() == ("PCMU", "PCMA", "G722", "L16", "opus")


@pytest.mark.parametrize(
    ("name", "clock", "fmtp", "spelled", "rate"),
    [
        ("pcmu", 8000, "", "PCMU", 8000),
        ("PCMU", 16000, "", "PCMU", 0),
        ("g722", 8000, "", "G722", 16000),
        ("G722", 16000, "", "G722", 0),
        ("l16", 8000, "", "L16", 8000),
        ("L16", 16000, "", "L16", 16000),
        ("L16", 44100, "", "L16", 0),
        ("OPUS", 48000, "", "opus", 16000),
        ("opus", 48000, "maxplaybackrate=8000", "opus", 8000),
        ("opus", 48000, "maxplaybackrate=12000", "opus", 16000),
        ("opus", 16000, "", "opus", 0),
        ("G729", 8000, "annexb=no", "G729", 0),
        ("speex", 32000, "", "speex", 0),
    ],
)
def test_codec_by_name_and_clock(name: str, clock: int, fmtp: str, spelled: str, rate: int) -> None:
    found = codec_of(name, clock, fmtp)
    assert (found.name, found.clock, found.rate, found.fmtp) == (spelled, clock, rate, fmtp)
    assert found.decodable is (rate > 0)


def test_without_its_library_a_codec_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "available", lambda: ("PCMU", "PCMA", "L16"))
    assert not codec_of("opus", 48000).decodable
    assert codec_of("PCMA", 8000).decodable


@pytest.mark.parametrize(
    ("fmtp", "said"),
    [
        ("", {}),
        ("useinbandfec=1; stereo=0", {"useinbandfec": 1, "stereo": 0}),
        (" MaxPlaybackRate = 16000 ;;", {"maxplaybackrate": 16000}),
        ("annexb=no;mode=20", {"mode": 20}),
        ("a=-1;b=1e3;c=٣;d=99999999999;e", {}),
    ],
)
def test_format_parameters(fmtp: str, said: dict[str, int]) -> None:
    assert parameters(fmtp) == said


# --- coding ----------------------------------------------------------------------------------------------------------


def itu(shared: Path, name: str) -> np.ndarray:
    return np.fromfile(shared / "corpora" / "g711-g722-itu-stl" / name, "<i2")


def test_g722_is_what_itu_says_to_the_bit(shared: Path) -> None:
    source, codes = itu(shared, "g722-inpsp.bin"), itu(shared, "g722-codspw.cod").astype(np.uint8).tobytes()
    coder, plain = G722Encoder(), G722Decoder()
    coded = b"".join(coder.encode(source[at : at + 320]) for at in range(0, len(source), 320))
    assert coded == codes
    # The other file of codes holds two of them in a word, the earlier one in its upper half.
    assert itu(shared, "g722-codsp.cod").byteswap().tobytes() == codes[: 2 * len(itu(shared, "g722-codsp.cod"))]
    decoded = np.concatenate([plain.decode(codes[at : at + 160]) for at in range(0, len(codes), 160)])
    np.testing.assert_array_equal(decoded, itu(shared, "g722-outsp1.bin"))


LEAST_DB = {"PCMU": 34, "PCMA": 34, "G722": 22, "L16": 200, "opus": 8}


@each_codec
@pytest.mark.parametrize("milliseconds", [10, 20, 40, 60])
def test_there_and_back(codec: Codec, milliseconds: int) -> None:
    said = speech(codec.rate)
    plain = decoder(codec)
    heard = [plain.decode(payload) for payload in packets(codec, said, milliseconds)]
    assert {len(samples) for samples in heard} == {codec.rate * milliseconds // 1000}
    assert {samples.dtype for samples in heard} == {np.dtype(np.int16)}
    assert distance_db(np.concatenate(heard), said) > min(LEAST_DB[codec.name], 90)


@each_codec
def test_audio_that_was_returned_stays_what_it_was(codec: Codec) -> None:
    plain, coded = decoder(codec), packets(codec, speech(codec.rate))
    first = plain.decode(coded[20])
    before = first.copy()
    for payload in coded[21:25]:
        plain.decode(payload)
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("rate", opus.RATES)
def test_opus_at_the_rate_that_the_other_side_has(rate: int) -> None:
    codec, said = codec_of("opus", 48000), speech(rate)
    coder, plain = encoder(codec, rate), decoder(codec, rate)
    assert (coder.rate, plain.rate) == (rate, rate)
    heard = [plain.decode(coder.encode(said[at : at + rate // 50])) for at in range(0, len(said), rate // 50)]
    assert distance_db(np.concatenate(heard), said) > 8


# --- loss ------------------------------------------------------------------------------------------------------------


def lossy(codec: Codec, said: np.ndarray, lost: Callable[[int], bool], *, look_ahead: bool = False) -> np.ndarray:
    plain, coded = decoder(codec), packets(codec, said)
    heard = []
    for index, payload in enumerate(coded):
        following = coded[index + 1] if look_ahead and index + 1 < len(coded) and not lost(index + 1) else None
        heard.append(plain.conceal(codec.rate // 50, following) if lost(index) else plain.decode(payload))
    return np.concatenate(heard)


@each_codec
def test_a_lost_packet_is_nearly_what_it_was(codec: Codec) -> None:
    said = speech(codec.rate)
    whole = lossy(codec, said, lambda index: False)
    concealed = lossy(codec, said, lambda index: index % 10 == 7)
    # A voice glides, so what is made up runs out of phase with the truth: it is the sound that must be the same.
    true, made = (np.abs(np.fft.rfft(each.reshape(-1, codec.rate // 50)[7::10])) for each in (whole, concealed))
    assert 20 * np.log10(np.linalg.norm(made - true) / np.linalg.norm(true)) < -4


@each_codec
def test_concealment_has_the_length_asked_for(codec: Codec) -> None:
    plain = decoder(codec)
    for size in (0, 1, codec.rate // 100, codec.rate // 50, codec.rate * 60 // 1000, codec.rate // 2):
        assert len(plain.conceal(size, None)) == size
    for payload in packets(codec, speech(codec.rate))[:10]:
        plain.decode(payload)
    assert len(plain.conceal(codec.rate // 50, b"\xff\xff\xff")) == codec.rate // 50


@pytest.mark.parametrize("codec", ALL[:5], ids=lambda codec: f"{codec.name}/{codec.clock}")
def test_a_long_loss_fades_to_silence_and_speech_comes_back_without_a_click(codec: Codec) -> None:
    said = speech(codec.rate)
    heard = lossy(codec, said, lambda index: 30 <= index < 40).astype(int)
    size = codec.rate // 50
    assert not heard[34 * size : 40 * size].any()
    loudness = [np.sqrt(np.mean(np.square(heard[at * size : (at + 1) * size]))) for at in (29, 31, 32)]
    assert loudness[0] > loudness[1] > loudness[2]
    usual = np.abs(np.diff(lossy(codec, said, lambda index: False).astype(int))).max()
    assert np.abs(np.diff(heard)).max() <= usual * 1.1


def test_opus_recovers_a_lost_packet_from_the_next_one() -> None:
    codec, said = codec_of("opus", 48000, "useinbandfec=1"), speech(16000, 4.0)
    plain, coder = decoder(codec), encoder(codec)
    coder.expect_loss(20)
    coded = [coder.encode(said[at : at + 320]) for at in range(0, len(said), 320)]
    true = np.concatenate([plain.decode(payload) for payload in coded])

    def received(*, look_ahead: bool) -> np.ndarray:
        plain, heard = decoder(codec), []
        for index, payload in enumerate(coded):
            if index % 8 == 5:
                heard.append(plain.conceal(320, coded[index + 1] if look_ahead else None))
            else:
                heard.append(plain.decode(payload))
        return np.concatenate(heard)

    def of_lost(samples: np.ndarray) -> np.ndarray:
        return samples.reshape(-1, 320)[5::8].ravel()

    made_up = distance_db(of_lost(received(look_ahead=False)), of_lost(true), range(1))
    recovered = distance_db(of_lost(received(look_ahead=True)), of_lost(true), range(1))
    assert recovered > made_up + 3


# --- what Opus peers wish --------------------------------------------------------------------------------------------


def bit_rate(codec: Codec, said: np.ndarray) -> float:
    return sum(map(len, packets(codec, said))) * 8 / (len(said) / codec.rate)


@pytest.mark.parametrize("most", [8000, 12_000, 20_000])
def test_opus_stays_below_the_bit_rate_that_was_asked_for(most: int) -> None:
    codec = codec_of("opus", 48000, f"maxaveragebitrate={most}")
    assert bit_rate(codec, speech(16000, 4.0)) < most * 1.1


def test_opus_at_a_constant_bit_rate() -> None:
    assert len(set(map(len, packets(codec_of("opus", 48000, "cbr=1"), speech(16000))))) == 1


def test_opus_sends_next_to_nothing_in_pauses_if_that_is_wished() -> None:
    quiet = np.zeros(32_000, np.int16)
    assert sorted(map(len, packets(codec_of("opus", 48000, "usedtx=1"), quiet)))[80] <= 2
    # A receiver that hears nothing of a pause makes the noise itself.
    plain = decoder(codec_of("opus", 48000))
    for payload in packets(codec_of("opus", 48000, "usedtx=1"), quiet):
        assert len(plain.decode(payload)) == 320
    assert len(plain.conceal(320, None)) == 320


def test_opus_bandwidth_follows_what_the_far_end_can_play() -> None:
    hiss = np.random.default_rng(1).normal(0, 3000, 32_000).astype(np.int16)

    def above_4_khz(fmtp: str) -> float:
        codec, plain = codec_of("opus", 48000, fmtp), decoder(codec_of("opus", 48000))
        coder, size = encoder(codec, 16000), 320
        heard = [plain.decode(coder.encode(hiss[at : at + size])) for at in range(0, len(hiss), size)]
        spectrum = np.abs(np.fft.rfft(np.concatenate(heard)[8000:])) ** 2
        return float(spectrum[len(spectrum) * 5 // 8 :].sum() / spectrum.sum())

    assert above_4_khz("maxplaybackrate=8000") < 0.01 < 0.1 < above_4_khz("maxplaybackrate=16000")


@pytest.mark.parametrize(
    "fmtp", ["maxaveragebitrate=1", "maxaveragebitrate=4294967295", "maxplaybackrate=0", "maxplaybackrate=7", "cbr=2"]
)
def test_opus_wishes_that_make_no_sense_do_no_harm(fmtp: str) -> None:
    codec = codec_of("opus", 48000, fmtp)
    assert len(decoder(codec).decode(packets(codec, speech(16000, 0.1))[0])) == 320


@pytest.mark.parametrize("milliseconds", opus.FRAMES_MS)
def test_opus_packets_tell_how_long_they_last(milliseconds: int) -> None:
    for rate in opus.RATES:
        payload = encoder(codec_of("opus", 48000), rate).encode(np.zeros(rate * milliseconds // 1000, np.int16))
        assert opus.duration(payload) == 48 * milliseconds


@given(st.binary(max_size=60))
def test_opus_duration_is_what_the_decoder_says(payload: bytes) -> None:
    decoded = len(decoder(codec_of("opus", 48000)).decode(payload))
    assert decoded in (0, opus.duration(payload) // 3)


# --- garbage ---------------------------------------------------------------------------------------------------------

payloads = st.lists(st.one_of(st.binary(max_size=200), st.binary(max_size=3), st.none()), max_size=12)


@each_codec
@settings(max_examples=20, deadline=None)
@given(payloads=payloads)
def test_garbage_is_noise_at_worst(codec: Codec, payloads: list[bytes | None]) -> None:
    plain = decoder(codec)
    for payload, following in zip(payloads, [*payloads[1:], None], strict=False):
        samples = plain.decode(payload) if payload is not None else plain.conceal(codec.rate // 50, following)
        assert samples.dtype == np.int16
        assert len(samples) <= codec.rate * 0.12
    good = packets(codec, speech(codec.rate, 0.5))
    assert len([plain.decode(payload) for payload in good][-1]) == codec.rate // 50


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 24), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_opus_packets(which: int, changes: list[tuple[int, int]]) -> None:
    codec = ALL[5]
    coded, plain = packets(codec, speech(codec.rate, 0.5)), decoder(codec)
    for payload in coded[:which]:
        plain.decode(payload)
    damaged = bytearray(coded[which])
    for at, octet in changes:
        damaged[at % len(damaged)] = octet
    plain.decode(bytes(damaged))
    assert len(plain.conceal(320, bytes(damaged))) == 320
