"""The prompts as shipped: complete, in one format, level, and without leftovers."""

from __future__ import annotations

import tomllib
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

PROMPTS = Path(__file__).resolve().parents[2] / "prompts"
CATALOGUE = tomllib.loads((PROMPTS / "catalogue.toml").read_text(encoding="utf-8"))
LANGUAGES = tuple(CATALOGUE["languages"])
MUSIC = ("evening", "morning")


def catalogue_files(language: str) -> set[Path]:
    names = [*CATALOGUE["phrases"], *CATALOGUE[language]]
    return {PROMPTS / language / f"{name}.wav" for name in names}


def read(path: Path) -> tuple[int, NDArray[np.float64]]:
    """(rate, samples in -1..1) of a mono PCM16 file; anything else is an error."""
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1, path
        assert file.getsampwidth() == 2, path
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def decibels(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-9)))


def speech_level(samples: NDArray[np.float64], rate: int) -> float:
    """RMS in dBFS of the 20 ms frames that are within 30 dB of the loudest."""
    size = rate // 50
    power = np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, axis=1)
    return float(10 * np.log10(np.mean(power[power > power.max() / 1000])))


def numbers_said(table: dict[str, str], prefix: str) -> Iterator[int]:
    return (
        int(name.removeprefix(prefix)) for name in table if name.startswith(prefix) and name[len(prefix) :].isdigit()
    )


def test_every_phrase_has_a_text_in_every_language() -> None:
    lacking = [
        (name, language)
        for name, texts in CATALOGUE["phrases"].items()
        for language in LANGUAGES
        if not texts.get(language, "").strip()
    ]
    assert lacking == []
    assert set(LANGUAGES) == {"pl", "en"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_and_files_agree(language: str) -> None:
    files = set((PROMPTS / language).rglob("*.wav"))
    assert files == catalogue_files(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_clips_have_one_format_and_loudness(language: str) -> None:
    for path in sorted(catalogue_files(language)):
        rate, samples = read(path)
        assert rate == 8000, path
        assert 0.2 <= len(samples) / rate <= 12.0, path
        assert decibels(np.abs(samples).max()) <= -2.5, path
        # A clip with a sharp peak stays a little under the target; none is above it.
        assert -22.5 <= speech_level(samples, rate) <= -19.0, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_clips_begin_and_end_without_a_click_or_dead_air(language: str) -> None:
    for path in sorted(catalogue_files(language)):
        rate, samples = read(path)
        assert max(abs(samples[0]), abs(samples[-1])) < 0.005, path
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        assert loud[0] / rate < 0.25, path
        assert (len(samples) - loud[-1]) / rate < 0.25, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_number_up_to_a_million_can_be_said(language: str) -> None:
    table = CATALOGUE[language]
    assert set(numbers_said(table, "numbers/")) == {*range(20), *range(20, 101, 10), *range(200, 1001, 100)}
    assert set(numbers_said(table, "numbers/ordinal/")) == {*range(1, 21), *range(30, 101, 10)}
    categories = {"pl": {"one", "few", "many"}, "en": {"one", "other"}}[language]
    for unit in ("minute", "person", "hour", "second"):
        assert {name for name in table if name.startswith(f"units/{unit}-")} == {
            f"units/{unit}-{c}" for c in categories
        }


def test_polish_nouns_agree_with_their_numbers() -> None:
    minutes = {n: CATALOGUE["pl"][f"minutes/{n}"].split()[-1] for n in numbers_said(CATALOGUE["pl"], "minutes/")}
    assert {n for n, noun in minutes.items() if noun == "minuta"} == {1}
    assert {n for n, noun in minutes.items() if noun == "minuty"} == {2, 3, 4}
    assert all(noun == "minut" for n, noun in minutes.items() if n >= 5)
    assert CATALOGUE["pl"]["minutes/2"] == "dwie minuty"


def test_music_is_level_and_loops_without_a_seam() -> None:
    assert {path.stem for path in (PROMPTS / "moh").glob("*.wav")} == set(MUSIC)
    for name in MUSIC:
        rate, samples = read(PROMPTS / "moh" / f"{name}.wav")
        assert rate == 16000
        assert 60 <= len(samples) / rate <= 90
        assert decibels(np.abs(samples).max()) <= -6.0
        assert decibels(float(np.sqrt(np.mean(samples**2)))) == pytest.approx(-24.0, abs=0.5)
        seconds = samples[: len(samples) // rate * rate].reshape(-1, rate)
        loudness = [decibels(float(np.sqrt(np.mean(second**2)))) for second in seconds]
        assert max(loudness) - min(loudness) < 6.0  # nobody is startled, nobody hears dead air
        # The seam is no rougher than the music: neither in the step nor in its slope.
        around = np.concatenate([samples[-2:], samples[:2]])
        assert np.abs(np.diff(around)).max() <= np.percentile(np.abs(np.diff(samples)), 99)
        assert np.abs(np.diff(around, 2)).max() <= np.percentile(np.abs(np.diff(samples, 2)), 99)
