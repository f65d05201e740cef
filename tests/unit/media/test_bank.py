"""The bank of coded audio."""

from __future__ import annotations

import numpy as np
import pytest

from media import g711
from media.bank import MAX_FRAME, Bank
from media.g711 import encode_both

NOISE = np.random.default_rng(3).integers(-30_000, 30_000, 5000).astype(np.int16)


def column(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize("law", g711.Law)
@pytest.mark.parametrize("size", [80, 160, 240, 480])
def test_frames_are_what_was_put_in(law: g711.Law, size: int) -> None:
    bank = Bank(1 << 14)
    span = bank.add(encode_both(NOISE))
    positions = column(span.start, span.start + 1, span.end - size)
    frames = bank.frames(column(law, law, law), positions, size)
    codes = g711.encode(NOISE, law)
    for frame, at in zip(frames, (0, 1, len(NOISE) - size), strict=True):
        np.testing.assert_array_equal(frame, codes[at : at + size])


def test_legs_of_both_laws_in_one_gathering() -> None:
    bank = Bank(1 << 14)
    span = bank.add(encode_both(NOISE))
    mu, a = bank.frames(column(0, 1), column(span.start, span.start), 160)
    np.testing.assert_array_equal(mu, g711.encode(NOISE[:160], g711.Law.MU))
    np.testing.assert_array_equal(a, g711.encode(NOISE[:160], g711.Law.A))


def test_a_frame_across_the_end_of_a_loop_goes_on_at_its_beginning() -> None:
    bank = Bank(1 << 14)
    once, loop = NOISE[:700], NOISE[700:1300]
    span = bank.add_loop(encode_both(loop), encode_both(once))
    assert (span.end - span.start, span.loop) == (1300, 600)
    (frame,) = bank.frames(column(0), column(span.end - 100), MAX_FRAME)
    np.testing.assert_array_equal(frame, g711.encode(np.concatenate((loop[-100:], loop[:380])), g711.Law.MU))


def test_a_loop_shorter_than_a_frame_repeats_in_it() -> None:
    bank = Bank(1 << 14)
    span = bank.add_loop(encode_both(NOISE[:10]))
    (frame,) = bank.frames(column(0), column(span.start), 160)
    np.testing.assert_array_equal(frame, g711.encode(np.resize(NOISE[:10], 160), g711.Law.MU))


def test_it_grows_and_keeps_everything_in_its_place() -> None:
    bank = Bank(2048)
    spans = [bank.add(encode_both(NOISE[n : n + 1000])) for n in range(0, 4000, 500)]
    for index, span in enumerate(spans):
        start = 500 * index
        assert bank.codes(1, span.start, span.end) == g711.encode(NOISE[start : start + 1000], g711.Law.A).tobytes()
    assert bank.used >= 8000


def test_silence_is_there_from_the_start() -> None:
    bank = Bank(2048)
    (frame,) = bank.frames(column(1), column(bank.silence.start), 160)
    assert bytes(frame) == bank.pad(1, 160) == b"\xd5" * 160


def test_an_empty_clip_is_over_at_once() -> None:
    span = Bank(2048).add(encode_both(NOISE[:0]))
    assert span.start == span.end and span.loop == 0
