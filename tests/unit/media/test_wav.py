"""WAV files of all common kinds, and of kinds that are not."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import g711
from media.resample import RATE, to_rate, to_samples
from media.wav import EXTENSIBLE, WavError, look, parse, read

SIGNAL = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / 8000)
TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def file(
    code: int, channels: int, rate: int, bits: int, data: bytes, *, extensible: bool = False, before: bytes = b""
) -> bytes:
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", EXTENSIBLE if extensible else code, channels, rate, rate * align, align, bits)
    if extensible:
        form += struct.pack("<HHI", 22, bits, 4) + struct.pack("<H", code) + TAIL
    body = b"WAVE" + chunk(b"fmt ", form) + before + chunk(b"data", data)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def wide(signal: np.ndarray) -> bytes:
    """24-bit samples."""
    return np.round(signal * 8_388_607).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


KINDS = {
    "pcm8": (1, 8, lambda s: np.round(s * 127 + 128).astype(np.uint8).tobytes(), 0.01),
    "pcm16": (1, 16, lambda s: np.round(s * 32_767).astype("<i2").tobytes(), 1e-4),
    "pcm24": (1, 24, wide, 1e-4),
    "pcm32": (1, 32, lambda s: np.round(s * 2_147_483_647).astype("<i4").tobytes(), 1e-4),
    "float32": (3, 32, lambda s: s.astype("<f4").tobytes(), 1e-6),
    "float64": (3, 64, lambda s: s.astype("<f8").tobytes(), 1e-6),
    "mu-law": (7, 8, lambda s: g711.encode(to_samples(s.astype(np.float32)), g711.Law.MU).tobytes(), 0.02),
    "A-law": (6, 8, lambda s: g711.encode(to_samples(s.astype(np.float32)), g711.Law.A).tobytes(), 0.02),
}


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_every_common_format(kind: str, channels: int, extensible: bool) -> None:
    code, bits, convert, error = KINDS[kind]
    data = convert(np.repeat(SIGNAL, channels))
    wav = parse(file(code, channels, 8000, bits, data, extensible=extensible))
    assert (wav.rate, len(wav.signal), wav.seconds) == (8000, 1600, 0.2)
    np.testing.assert_allclose(wav.signal, SIGNAL, atol=error)


def test_channels_are_averaged() -> None:
    data = np.array([[1000, 3000], [-2000, 0]], "<i2").tobytes()
    np.testing.assert_allclose(parse(file(1, 2, 8000, 16, data)).signal * 32768, [2000, -1000])


def test_other_chunks_are_passed_over() -> None:
    before = chunk(b"LIST", b"INFOodd") + chunk(b"fact", b"1234") + chunk(b"JUNK", b"x" * 31)
    assert len(parse(file(1, 1, 8000, 16, b"\0\0" * 10, before=before)).signal) == 10


def test_a_recording_that_was_cut_off_is_used_as_far_as_it_goes() -> None:
    whole = file(1, 1, 8000, 16, b"\1\0" * 100)
    assert len(parse(whole[:-51]).signal) == 74


def test_a_recording_whose_sizes_were_never_filled_in() -> None:
    whole = bytearray(file(1, 1, 8000, 16, b"\1\0" * 100))
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    assert len(parse(bytes(whole)).signal) == 100


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a WAV file"),
        (b"ID3\3garbage", "looks like an MP3"),
        (b"OggS....", "looks like Ogg"),
        (b"fLaC....", "looks like FLAC"),
        (b"RIFF\0\0\0\0AVI LIST", "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "neither a 'fmt ' nor a 'data'"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"1234"), "samples come before their format"),
        (file(1, 1, 8000, 16, b"1234")[:36], "no samples"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"\1\0"), "2 octets, at least 16"),
        (file(2, 1, 8000, 4, b"1234"), "MS ADPCM"),
        (file(0x31, 1, 8000, 8, b"1234"), "GSM"),
        (file(0x77, 1, 8000, 8, b"1234"), "format 0x0077"),
        (file(1, 1, 8000, 12, b"1234"), "12 bits per sample"),
        (file(1, 0, 8000, 16, b"1234"), "0 channels"),
        (file(1, 9, 8000, 16, b"1234"), "9 channels"),
        (file(1, 1, 3999, 16, b"1234"), "3999 Hz"),
        (file(1, 1, 8000, 16, b"1"), "is empty"),
        (file(1, 1, 8000, 16, b""), "is empty"),
        (file(3, 1, 8000, 32, struct.pack("<f", float("nan"))), "not numbers"),
        (file(1, 1, 4000, 8, b"\x80" * (4000 * 3600 + 4000)), "3601 seconds"),
        (file(1, 1, 8000, 16, b"1234", extensible=True).replace(TAIL, b"x" * 14), "extensible"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, says: str) -> None:
    with pytest.raises(WavError, match=says):
        parse(data)


def test_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WavError, match=r"missing\.wav: No such file"):
        read(tmp_path / "missing.wav")
    (tmp_path / "bad.wav").write_bytes(b"nonsense")
    with pytest.raises(WavError, match=r"bad\.wav: not a WAV"):
        read(tmp_path / "bad.wav")
    (tmp_path / "good.wav").write_bytes(file(1, 1, 8000, 16, b"1234"))
    assert read(tmp_path / "good.wav").rate == 8000


def test_a_look_says_what_reading_would(tmp_path: Path) -> None:
    there, late = file(1, 1, 8000, 16, b"1234"), chunk(b"JUNK", b"x" * 9000)
    for data in (there, there[:-2], file(1, 1, 8000, 16, b"1234", before=late), file(7, 1, 8000, 8, b"1" * 20_000)):
        (tmp_path / "good.wav").write_bytes(data)
        look(tmp_path / "good.wav")
        assert len(read(tmp_path / "good.wav").signal)
    bad = (b"", b"ID3", there[:36], there[:44], file(2, 1, 8000, 4, b"1234"), file(1, 1, 8000, 16, b"1"),
           file(1, 1, 8000, 16, b"", before=late), file(1, 1, 4000, 8, b"\x80" * (4000 * 3601)))  # fmt: skip
    for data in bad:
        (tmp_path / "bad.wav").write_bytes(data)
        with pytest.raises(WavError) as looked:
            look(tmp_path / "bad.wav")
        with pytest.raises(WavError) as tried:
            read(tmp_path / "bad.wav")
        assert str(looked.value) == str(tried.value)
    with pytest.raises(WavError, match=r"missing\.wav: No such file"):
        look(tmp_path / "missing.wav")


@given(st.binary(max_size=120), st.integers(0, 60), st.integers(0, 255))
def test_no_file_makes_it_crash(garbage: bytes, at: int, octet: int) -> None:
    damaged = bytearray(file(1, 1, 8000, 16, b"\0\0" * 20))
    damaged[at] = octet
    for data in (garbage, b"RIFF\0\0\0\0WAVE" + garbage, bytes(damaged)):
        with contextlib.suppress(WavError):
            assert len(parse(data).signal)


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_rate_becomes_8k(rate: int) -> None:
    signal = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)
    out = to_rate(parse(file(1, 1, rate, 16, np.round(signal * 32_767).astype("<i2").tobytes())), RATE)
    assert abs(len(out) - 8000) <= 1
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(len(out)) / 8000)
    middle = slice(400, -400)
    assert np.corrcoef(out[middle], expected[middle])[0, 1] > 0.999
    assert np.abs(out[middle]).max() == pytest.approx(0.5, abs=0.02)


def test_what_a_telephone_cannot_carry_is_filtered_not_folded() -> None:
    signal = 0.5 * np.sin(2 * np.pi * 6000 * np.arange(48_000) / 48_000)
    out = to_rate(parse(file(1, 1, 48_000, 16, np.round(signal * 32_767).astype("<i2").tobytes())), RATE)
    assert np.abs(out[400:-400]).max() < 0.001
