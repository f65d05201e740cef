"""Distributions for Prometheus (OPS-04), counted as things happen: how long callers waited, how legs sounded.

Counting is one look at the kind of an event and one search among a dozen bounds; nothing is kept of single calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from softswitch.api.source import Sample
from softswitch.events import CallerLeft, Event, LegEnded

WAITS: Final = (1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1_200, 1_800, 3_600)  # seconds
TALKS: Final = (5, 15, 30, 60, 120, 180, 300, 600, 1_200, 1_800, 3_600)  # seconds
LOSSES: Final = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # share of packets
JITTERS: Final = (1, 2, 5, 10, 20, 30, 50, 100)  # milliseconds


@dataclass(slots=True)
class Histogram:
    """How often values were at most each bound."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)  # by bound, not cumulated; the last: above all of them
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def note(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: cumulated, "+Inf" last."""
        names = [*(f"{one:g}" for one in self.bounds), "+Inf"]
        return list(zip(names, (float(one) for one in accumulate(self.counts)), strict=True))


class Meter:
    """Told of every event."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, ...], Histogram] = {}  # (queue, outcome)
        self._talks = Histogram(TALKS)
        self._losses = Histogram(LOSSES)
        self._jitters = Histogram(JITTERS)

    def see(self, wall: float, event: Event) -> None:
        kind = type(event)
        if kind is CallerLeft:
            assert isinstance(event, CallerLeft)
            key = (event.queue, event.outcome)
            found = self._waits.get(key)
            if found is None:
                found = self._waits[key] = Histogram(WAITS)
            found.note(event.waited)
        elif kind is LegEnded:
            assert isinstance(event, LegEnded)
            self._leg(event)

    def _leg(self, event: LegEnded) -> None:
        if event.talk_seconds > 0:
            self._talks.note(event.talk_seconds)
        media = event.media or {}
        received, lost = media.get("packets_received", 0), max(0, media.get("lost", 0))
        if received:
            self._losses.note(lost / (received + lost))
            self._jitters.note(media.get("jitter_ms", 0.0))

    def samples(self) -> Iterator[Sample]:
        yield Sample.histogram(
            "softswitch_queue_wait_seconds", "How long callers waited, by how the visit ended.",
            {key: (one.buckets(), one.total) for key, one in self._waits.items()}, ("queue", "outcome"),
        )  # fmt: skip
        for name, text, one in (
            ("softswitch_leg_talk_seconds", "How long answered legs lasted.", self._talks),
            ("softswitch_rtp_loss_ratio", "Share of packets that legs lost on the way to us.", self._losses),
            ("softswitch_rtp_jitter_milliseconds", "Jitter of what legs sent to us (RFC 3550).", self._jitters),
        ):
            yield Sample.histogram(name, text, {(): (one.buckets(), one.total)})
