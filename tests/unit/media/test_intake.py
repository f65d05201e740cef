"""Recordings of operators: whatever can be read is taken in, level; what cannot says how to mend it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.intake import CONVERT, IntakeError, look, take_in
from media.wav import read
from tests.unit.media.test_wav import KINDS, file


def speech(rate: int, level: float = -30.0, seconds: float = 2.0) -> np.ndarray:
    """Something like words and pauses, whose words are at that level."""
    at = np.arange(round(rate * seconds)) / rate
    words = np.sin(2 * np.pi * 300 * at) * (at % 0.5 < 0.3)
    return words * 10 ** (level / 20) * np.sqrt(2)


def write(path: Path, signal: np.ndarray, rate: int, kind: str = "pcm16", channels: int = 1) -> Path:
    code, bits, convert, _ = KINDS[kind]
    path.write_bytes(file(code, channels, rate, bits, convert(np.repeat(signal, channels))))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rate", "channels", "written"), [(8000, 1, 8000), (44_100, 2, 16_000), (48_000, 1, 16_000)])
def test_every_kind_of_file_becomes_one_kind(tmp_path: Path, kind: str, rate: int, channels: int, written: int) -> None:
    source = write(tmp_path / "mine.wav", speech(rate), rate, kind, channels)
    taken = take_in(source, tmp_path / "pl" / "welcome.wav")
    assert (taken.before.rate, taken.before.channels, taken.rate) == (rate, channels, written)
    made = look(tmp_path / "pl" / "welcome.wav")
    assert (made.rate, made.channels, made.coding) == (written, 1, "PCM, 16 bits")
    assert made.seconds == pytest.approx(2.0, abs=0.01)
    assert made.level == pytest.approx(-20.0, abs=1.0), "as loud as ours"
    assert [one.name for one in (tmp_path / "pl").iterdir()] == ["welcome.wav"]


def test_a_loud_peak_is_not_bent(tmp_path: Path) -> None:
    signal = speech(8000, -40.0)
    signal[4000] = 0.9
    taken = take_in(write(tmp_path / "a.wav", signal, 8000), tmp_path / "b.wav")
    assert look(tmp_path / "b.wav").peak <= -2.9
    assert "compressor" in taken.warnings[0]


def test_as_it_is_and_music_keep_their_level(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech(8000, -33.0), 8000)
    for more in ({"as_it_is": True}, {"music": True}):
        assert take_in(source, tmp_path / "b.wav", **more).gain == 0.0
        assert look(tmp_path / "b.wav").level == pytest.approx(-33.0, abs=0.5)
    assert np.allclose(read(source).signal, read(tmp_path / "b.wav").signal, atol=1e-4)


def test_what_crackles_and_what_is_faint_is_said(tmp_path: Path) -> None:
    crackling = write(tmp_path / "a.wav", np.clip(speech(8000, 5.0), -1, 1), 8000)
    assert "less gain" in take_in(crackling, tmp_path / "b.wav").warnings[0]
    faint = write(tmp_path / "a.wav", speech(8000, -50.0), 8000)
    assert "very quiet" in take_in(faint, tmp_path / "b.wav").warnings[0]
    dull = write(tmp_path / "a.wav", speech(6000), 6000)
    assert "dull" in take_in(dull, tmp_path / "b.wav").warnings[0]


@pytest.mark.parametrize(
    ("octets", "says", "mends"),
    [
        (b"ID3\x04" + bytes(100), "looks like an MP3", "ffmpeg -i mine.wav"),
        (b"fLaC" + bytes(100), "FLAC", "ffmpeg"),
        (b"", "not a WAV file", "ffmpeg"),
        (file(0x11, 1, 8000, 4, bytes(100)), "IMA ADPCM", "pcm_s16le"),
        (file(1, 1, 8000, 16, bytes(16_000)), "it is silent", "Record it anew"),
        (file(1, 1, 8000, 16, b"\x00\x40" * 400), "it lasts 50 ms", "cut off"),
    ],
)
def test_what_is_wrong_and_how_to_mend_it(tmp_path: Path, octets: bytes, says: str, mends: str) -> None:
    source = tmp_path / "mine.wav"
    source.write_bytes(octets)
    with pytest.raises(IntakeError) as caught:
        take_in(source, tmp_path / "out.wav")
    assert says in str(caught.value) and mends in caught.value.hint
    assert not (tmp_path / "out.wav").exists()


def test_a_prompt_of_an_hour_is_music(tmp_path: Path) -> None:
    source = write(tmp_path / "a.wav", speech(4000, seconds=660), 4000)
    with pytest.raises(IntakeError, match="11 minutes") as caught:
        take_in(source, tmp_path / "b.wav")
    assert "--music" in caught.value.hint
    take_in(source, tmp_path / "b.wav", music=True)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="cannot read") as caught:
        look(tmp_path / "nothing.wav")
    assert caught.value.hint != CONVERT
