from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from media.bank import Bank
from media.library import Library, prepare


def tone(path: Path, hertz: float, seconds: float = 0.5, rate: int = 8000) -> str:
    samples = (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return str(path)


def test_several_files_become_one_recording(tmp_path: Path) -> None:
    first, second = tone(tmp_path / "a.wav", 440), tone(tmp_path / "b.wav", 880, 0.25, 16_000)
    one, other = prepare("x", first, True).codes, prepare("x", second, True).codes
    both = prepare("x", first, True, (second,))
    assert not both.error
    assert one is not None and other is not None and both.codes is not None
    assert np.array_equal(both.codes, np.concatenate([one, other], axis=1))


def test_a_missing_second_file_is_named(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.wav")
    found = prepare("x", tone(tmp_path / "a.wav", 440), True, (gone,))
    assert gone in found.error and found.codes is None


def test_the_same_files_are_known_until_one_changes(tmp_path: Path) -> None:
    paths = (tone(tmp_path / "a.wav", 440), tone(tmp_path / "b.wav", 880))
    library = Library(Bank())
    library.add(prepare("x", paths[0], True, paths[1:]))
    assert library.has("x", paths, True)
    assert (
        not library.has("x", paths[:1], True)
        and not library.has("x", paths, False)
        and not library.has("y", paths, True)
    )
    tone(tmp_path / "b.wav", 880, 1.0)
    assert not library.has("x", paths, True)
    (tmp_path / "b.wav").unlink()
    assert not library.has("x", paths, True)
