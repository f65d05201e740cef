"""G.711 against the reference of ITU-T G.191, to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media import g711
from media.g711 import Law

LAWS = [(Law.MU, "u"), (Law.A, "a")]


def words(shared: Path, name: str) -> np.ndarray:
    return np.fromfile(shared / "corpora" / "g711-g722-itu-stl" / f"g711-sweep{name}", "<i2")


@pytest.mark.parametrize(("law", "letter"), LAWS)
def test_all_samples_and_all_codes(shared: Path, law: Law, letter: str) -> None:
    source = words(shared, ".src")
    codes = words(shared, f"-r.{letter}").astype(np.uint8)
    assert len(source) == 65_536
    np.testing.assert_array_equal(g711.encode(source, law), codes)
    np.testing.assert_array_equal(g711.decode(codes, law), words(shared, f"-r.re{letter}"))
    np.testing.assert_array_equal(g711.decode(g711.encode(source, law), law), words(shared, f"-r.{letter}-{letter}"))


@pytest.mark.parametrize("law", Law)
def test_decoding_and_coding_again_changes_nothing(law: Law) -> None:
    codes = np.arange(256, dtype=np.uint8)
    again = g711.encode(g711.decode(codes, law), law)
    if law is Law.MU:
        codes[0x7F] = 0xFF  # Mu-law has two codes for zero.
    np.testing.assert_array_equal(again, codes)


@pytest.mark.parametrize("law", Law)
def test_silence(law: Law) -> None:
    assert g711.encode(np.zeros(1, np.int16), law)[0] == g711.SILENCE[law]


@pytest.mark.parametrize("law", Law)
def test_transcoding_is_decoding_and_coding(law: Law) -> None:
    codes = np.arange(256, dtype=np.uint8)
    expected = g711.encode(g711.decode(codes, law.other), law)
    np.testing.assert_array_equal(g711.TRANSCODE[law], expected)
    assert codes.tobytes().translate(g711.TRANSLATE[law]) == expected.tobytes()


@pytest.mark.parametrize("law", Law)
def test_transcoding_there_and_back_keeps_the_sound(law: Law) -> None:
    codes = np.arange(256, dtype=np.uint8)
    back = g711.TRANSCODE[law].take(g711.TRANSCODE[law.other].take(codes))
    original, returned = (g711.decode(each, law).astype(float) for each in (codes, back))
    assert np.all(np.abs(original - returned) <= 8 + 0.06 * np.abs(original))  # a step of the coarser scale
