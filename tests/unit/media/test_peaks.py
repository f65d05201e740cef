from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media import peaks, wavfile


def wav(path: Path, samples: np.ndarray) -> str:
    data = samples.astype("<i2").tobytes()
    path.write_bytes(wavfile.header(8000, len(data), samples.shape[1]) + data)
    return str(path)


@pytest.mark.parametrize("block", [1 << 20, 1_000, 333])
def test_the_loudest_of_each_slice_whatever_the_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(peaks, "BLOCK", block)
    samples = np.random.default_rng(1).integers(-32_768, 32_767, (8_000, 2))
    found = peaks.of_file(wav(tmp_path / "a.wav", samples), 40)
    assert found["seconds"] == 1.0
    for side in range(2):
        expected = np.abs(samples[:, side]).reshape(40, 200).max(axis=1) / 32_768
        assert found["sides"][side] == [round(float(one), 3) for one in expected]


def test_the_sides_are_apart(tmp_path: Path) -> None:
    samples = np.zeros((1_000, 2), np.int64)
    samples[:500, 0], samples[500:, 1] = -16_384, 32_767
    found = peaks.of_file(wav(tmp_path / "a.wav", samples), 2)
    assert found["sides"] == [[0.5, 0.0], [0.0, 1.0]]


def test_short_and_empty_ones(tmp_path: Path) -> None:
    assert peaks.of_file(wav(tmp_path / "a.wav", np.full((3, 2), 8_192)), 6)["sides"][0] == [0.25, 0, 0.25, 0, 0.25, 0]
    assert peaks.of_file(wav(tmp_path / "b.wav", np.zeros((0, 1))), 3) == {"seconds": 0.0, "sides": [[0.0, 0.0, 0.0]]}


def test_what_is_no_recording_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + bytes(60))
    with pytest.raises(ValueError, match="no recording"):
        peaks.of_file(str(path), 10)
