"""How good a conversation sounds: the E-model (ITU-T G.107) in the form that is left when only the network varies.

    R = 93.2 - Id(delay) - Ie,eff(codec, loss, burstiness)        MOS = f(R), G.107 annex B

Ie and Bpl of narrowband codecs are those of G.113 appendix I; where it has none (G.722 and Opus on this scale) they are chosen so
that what is known of their robustness comes out. The jitter buffer that a phone has is taken to be twice the jitter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BEST: Final = 93.2
MAX_MOS: Final = 4.5
# By codec: what it costs by itself, and how well it stands random loss.
IMPAIRMENT: Final = {
    "PCMU": (0.0, 25.1), "PCMA": (0.0, 25.1), "L16": (0.0, 25.1), "G722": (0.0, 14.0), "OPUS": (0.0, 30.0), "G729": (11.0, 19.0),
    "GSM": (20.0, 10.0), "GSM-EFR": (5.0, 10.0), "ILBC": (12.0, 34.0), "G726-32": (7.0, 25.0), "SPEEX": (12.0, 20.0),
}  # fmt: skip
UNKNOWN: Final = (10.0, 15.0)
BUFFER_MS: Final = (40.0, 200.0)  # a jitter buffer and the packet itself: at least, at most
MAX_BURST: Final = 8.0
CLASSES: Final = ((4.0, "good"), (3.6, "fair"), (3.1, "poor"), (0.0, "bad"))


def rating(codec: str, loss: float, burst: float, delay_ms: float) -> float:
    """R for a share of packets lost (0 to 1), a burst ratio (1 = random) and a delay from mouth to ear."""
    cost, robustness = IMPAIRMENT.get(codec.upper(), UNKNOWN)
    percent = 100.0 * min(max(loss, 0.0), 1.0)
    cost += (95.0 - cost) * percent / (percent / max(burst, 1.0) + robustness)
    delay = 0.024 * delay_ms + (0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0)
    return BEST - delay - cost


def mos_of(rating: float) -> float:
    """Mean opinion score, 1.0 to 4.5."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return MAX_MOS
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def mos(codec: str, loss: float, burst: float, jitter_ms: float, round_trip_ms: float) -> float:
    """What is heard at the end of a stream."""
    buffer = min(max(2 * jitter_ms, BUFFER_MS[0]), BUFFER_MS[1])
    return round(mos_of(rating(codec, loss, burst, round_trip_ms / 2 + buffer)), 2)


def class_of(score: float) -> str:
    """A word for a score; "" if there is none."""
    return next(name for least, name in CLASSES if score >= least) if score > 0 else ""


@dataclass(slots=True)
class Losses:
    """The losses of one stream, second by second: how many, and how much they come together."""

    expected: int = 0
    lost: int = 0
    spans: int = 0
    squares: float = 0.0  # of losses in a span
    _expected_before: int = 0
    _lost_before: int = 0

    def note(self, expected: int, lost: int) -> None:
        """The counts of the whole stream by now; to be called about once a second."""
        span, missing = expected - self._expected_before, lost - self._lost_before
        self._expected_before, self._lost_before = expected, lost
        if span <= 0 or not 0 <= missing <= span:
            return  # Another stream has begun, or what was late has come.
        self.expected += span
        self.lost += missing
        self.spans += 1
        self.squares += missing * missing

    @property
    def share(self) -> float:
        return self.lost / self.expected if self.expected else 0.0

    @property
    def burst(self) -> float:
        """BurstR of G.107: 1 for losses at random, more where they come in groups.

        In a chain of two states, variance over mean of the losses in a span grows to 2 BurstR - 1.
        """
        if self.lost < 2 or self.spans < 2:
            return 1.0
        mean = self.lost / self.spans
        variance = max(self.squares / self.spans - mean * mean, 0.0)
        dispersion = variance / (mean * max(1.0 - self.share, 0.01))
        return min(max((dispersion + 1) / 2, 1.0), MAX_BURST)
