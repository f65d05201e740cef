"""Listening to live calls until what is to be heard is heard: a machine that others use, too, takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import audio

WELL = 0.7  # the share of what was said that must be recognised
LIMIT = 20.0  # seconds
_LATELY = 4 * 8000  # samples that are looked at: whether it is heard now, at a cost that does not grow


def hear(*wanted: tuple[audio.Signal, Callable[[], audio.Signal]], limit: float = LIMIT) -> None:
    """Wait until each source is heard well in what its listener has heard lately, at 8000 hertz.

    Raises AssertionError after `limit` seconds, with the best shares.
    """
    deadline = time.monotonic() + limit
    best = [0.0] * len(wanted)
    while True:
        for number, (source, listener) in enumerate(wanted):
            if best[number] < WELL:
                best[number] = max(best[number], audio.stretch(source, listener()[-_LATELY:]))
        if min(best) >= WELL:
            return
        assert time.monotonic() < deadline, f"heard after {limit} s: {[round(share, 2) for share in best]} of {WELL}"
        time.sleep(0.3)


def hear_out(source: audio.Signal, listener: Callable[[], audio.Signal], *, limit: float = LIMIT) -> None:
    """Wait until the whole of something has been heard, to its end. Raises AssertionError after `limit` seconds."""
    deadline = time.monotonic() + limit
    while (found := audio.find(source, listener())).coverage < 0.99:
        assert time.monotonic() < deadline, f"heard after {limit} s: {found}"
        time.sleep(0.3)


def cease(source: audio.Signal, listener: Callable[[], audio.Signal], *, limit: float = LIMIT) -> None:
    """Wait until a source has not been heard for a second. Raises AssertionError after `limit` seconds."""
    deadline = time.monotonic() + limit
    while (share := audio.contains(source, listener()[-8000:])) >= 0.2:
        assert time.monotonic() < deadline, f"still heard after {limit} s: {share:.2f}"
        time.sleep(0.3)
