"""Climb until it fails, then look between the last good step and the first bad one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import progress

Step = dict[str, Any]


def climb(
    sizes: Sequence[int],
    measure: Callable[[int], Step],
    good: Callable[[Step], bool],
    *,
    refine: int = 2,
    unit: str = "",
) -> list[Step]:
    """The steps measured, in the order in which they were. `refine`: how often the gap at the limit is halved."""
    steps: list[Step] = []
    low = 0
    for size in sizes:
        progress.note(f"{size:,} {unit}")
        steps.append(measure(size))
        if good(steps[-1]):
            low = size
            continue
        high = size
        for _ in range(refine if low else 0):
            middle = (low + high) // 2
            progress.note(f"{middle:,} {unit}")
            steps.append(measure(middle))
            low, high = (middle, high) if good(steps[-1]) else (low, middle)
        break
    return steps


def highest(steps: Sequence[Step], good: Callable[[Step], bool], key: str) -> Step | None:
    """The step with the greatest `key` of those that are good."""
    return max((step for step in steps if good(step)), key=lambda step: int(step[key]), default=None)
