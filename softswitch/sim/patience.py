"""How long callers are ready to wait, from those who gave up and those who were answered first (Kaplan and Meier 1958)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf, log

from softswitch.acd.estimate import give_up_rate


@dataclass(slots=True)
class Patience:
    """A survival curve: `share[i]` of callers are still there after `times[i]` seconds."""

    times: list[float] = field(default_factory=list)
    share: list[float] = field(default_factory=list)
    rate: float = 0.0  # give-ups a second beyond the curve, where nobody was seen to give up

    @classmethod
    def of(cls, waits: Iterable[tuple[float, bool]]) -> Patience:
        """From (seconds waited, gave up). Who did not give up is known to have been ready to wait at least so long."""
        ordered = sorted((wait, not gave_up) for wait, gave_up in waits)  # At equal times give-ups count first.
        curve = cls()
        left, share = len(ordered), 1.0
        for wait, censored in ordered:
            if not censored:
                share *= (left - 1) / left
                if curve.times and curve.times[-1] == wait:
                    curve.share[-1] = share
                else:
                    curve.times.append(wait)
                    curve.share.append(share)
            left -= 1
        gave_up = sum(not censored for _, censored in ordered)
        curve.rate = give_up_rate(gave_up, sum(wait for wait, _ in ordered))
        return curve

    def after(self, seconds: float) -> float:
        """The share that is still there after so many seconds."""
        index = bisect_right(self.times, seconds)
        return self.share[index - 1] if index else 1.0

    def median(self) -> float | None:
        """When half of the callers would have given up; None if that was not seen."""
        return next((time for time, share in zip(self.times, self.share, strict=True) if share <= 0.5), None)

    def draw(self, chance: float, beyond: float = 0.0) -> float:
        """Seconds of patience of a caller who has waited `beyond`. `chance`: uniform in (0, 1]."""
        target = self.after(beyond) * chance
        low, high = bisect_right(self.times, beyond), len(self.times)
        while low < high:  # The curve falls.
            middle = (low + high) // 2
            low, high = (low, middle) if self.share[middle] <= target else (middle + 1, high)
        if low < len(self.times):
            return self.times[low]
        if self.rate <= 0.0:
            return inf
        tail = self.share[-1] if self.share else 1.0  # Beyond what was seen patience has no memory.
        last = max(beyond, self.times[-1] if self.times else 0.0)
        return last - log(min(1.0, target / tail) if tail > 0.0 else chance) / self.rate
