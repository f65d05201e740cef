"""Comfort noise (RFC 3389): its level and its colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.noise import ComfortNoise


def level(samples: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=float))) / 32768))


@pytest.mark.parametrize("below", [20, 40, 60])
@pytest.mark.parametrize("coefficients", [b"", b"\x7f", b"\xc0", b"\x40\xa0\x90", bytes((200, 60, 140, 120, 130))])
def test_as_loud_as_it_was_described(below: int, coefficients: bytes) -> None:
    noise = ComfortNoise(1)
    noise.describe(bytes((below,)) + coefficients)
    samples = np.concatenate([noise.make(160) for _ in range(200)])
    assert level(samples) == pytest.approx(-below, abs=1.0)


def test_silence_before_anything_was_described_and_at_the_lowest_level() -> None:
    noise = ComfortNoise(1)
    assert not noise.make(160).any()
    noise.describe(b"\x7f")
    assert not noise.make(160).any()


def test_reflection_coefficients_give_it_colour() -> None:
    def brightness(coefficients: bytes) -> float:
        noise = ComfortNoise(1)
        noise.describe(b"\x1e" + coefficients)
        spectrum = np.abs(np.fft.rfft(noise.make(16_000))) ** 2
        return float(spectrum[len(spectrum) // 2 :].sum() / spectrum.sum())

    # The first coefficient is minus the correlation of neighbours: -0.8 is dark, +0.8 is bright.
    assert brightness(bytes((127 - 102,))) < 0.2
    assert brightness(bytes((127 + 102,))) > 0.8
    assert brightness(b"") == pytest.approx(0.5, abs=0.05)


def test_no_two_streams_sound_alike() -> None:
    one, other = ComfortNoise(1), ComfortNoise(2)
    for each in (one, other):
        each.describe(b"\x14")
    assert abs(np.corrcoef(one.make(8000), other.make(8000))[0, 1]) < 0.1


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_any_description(descriptions: list[bytes]) -> None:
    noise = ComfortNoise(3)
    for description in descriptions:
        noise.describe(description)
        samples = noise.make(160)
        assert samples.dtype == np.int16
        assert len(samples) == 160
