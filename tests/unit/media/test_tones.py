"""Tones: frequencies, cadence, level."""

from __future__ import annotations

import numpy as np
import pytest

from media.tones import DEFAULT_COUNTRY, DTMF, RATE, TONES, Tone, dtmf, find, render

ALL = [(country, name) for country, table in TONES.items() for name in table]


def power_at(signal: np.ndarray, frequency: float) -> float:
    n = np.arange(len(signal))
    return float(2 * np.abs(np.sum(signal * np.exp(-2j * np.pi * frequency * n / RATE))) ** 2 / len(signal))


def share(signal: np.ndarray, frequencies: tuple[int, ...]) -> float:
    return sum(power_at(signal, frequency) for frequency in frequencies) / float(np.sum(signal.astype(float) ** 2))


@pytest.mark.parametrize(("country", "name"), ALL)
def test_each_tone_sounds_as_its_table_says(country: str, name: str) -> None:
    tone = find(name, country)
    assert tone is not None
    once, loop = render(tone)
    for samples, cadence in ((once, tone.once), (loop, tone.loop)):
        at = 0
        for frequencies, milliseconds in cadence:
            part = samples[at : at + RATE * milliseconds // 1000].astype(float)
            at += len(part)
            if frequencies:
                assert share(part, frequencies) > 0.9
                level = 10 * np.log10(np.mean(part**2) / 32768**2)
                assert -26 < level < -14
            else:
                assert not part.any()
        assert at == len(samples)


@pytest.mark.parametrize(("country", "name"), ALL)
def test_a_loop_joins_itself_without_a_click(country: str, name: str) -> None:
    tone = find(name, country)
    assert tone is not None
    _, loop = render(tone)
    twice = np.concatenate((loop, loop)).astype(float)
    steps = np.abs(np.diff(twice))
    join = steps[len(loop) - 2 : len(loop) + 1].max()
    assert join <= steps[: len(loop) - 2].max() + 1


def test_every_country_has_every_tone() -> None:
    for table in TONES.values():
        assert set(table) == {"dial", "ringback", "busy", "congestion", "beep", "hold"}


def test_an_unknown_country_has_the_default() -> None:
    assert find("busy", "zz") is TONES[DEFAULT_COUNTRY]["busy"]
    assert find("no such tone", "pl") is None


def test_a_beep_is_heard_once() -> None:
    once, loop = render(TONES["pl"]["beep"])
    assert once.any() and not loop.any()


def test_a_tone_without_beginning_has_none() -> None:
    once, loop = render(Tone((((425,), 1000),)))
    assert len(once) == 0 and len(loop) == RATE


@pytest.mark.parametrize("digit", DTMF)
def test_digits_sound_as_keys_do(digit: str) -> None:
    assert share(dtmf(digit, 100).astype(float), DTMF[digit]) > 0.9


def test_the_keypad() -> None:
    assert DTMF["1"] == (697, 1209) and DTMF["#"] == (941, 1477) and DTMF["D"] == (941, 1633)
    assert dtmf("a", 50).any() and not dtmf("!", 50).any()
