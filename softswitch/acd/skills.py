"""Skills: what callers ask of agents, how it weakens as they wait, and how well an agent fits (ACD-19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from softswitch.directory import Need

if TYPE_CHECKING:
    from softswitch.acd.section import Levels

UNDEFINED = -1  # a skill that an agent does not have is less than level 0


def merged(queue: Sequence[Need], own: Sequence[Need]) -> tuple[Need, ...]:
    """The queue's needs and the caller's: what the caller says of a skill takes the place of what the queue says of it."""
    if not own:
        return tuple(queue)
    named = {need.skill for need in own}
    return (*(need for need in queue if need.skill not in named), *own)


def in_force(needs: Sequence[Need], waited: float) -> Levels:
    """The skills and levels asked for after such a wait."""
    levels: dict[str, int] = {}
    for need in sorted(needs, key=lambda need: need.after):
        if need.after > waited:
            break
        if need.drop:
            levels.pop(need.skill, None)
        else:
            levels[need.skill] = need.level
    return tuple(sorted(levels.items()))


def next_change(needs: Sequence[Need], waited: float) -> float:
    """The wait at which something else is asked for; 0 if never again."""
    return min((need.after for need in needs if need.after > waited), default=0.0)


def score(skills: Mapping[str, int], needs: Sequence[Need]) -> float:
    """How well an agent fits: the levels of the skills in question, each by its weight. What was dropped still counts, so
    that the best one is rung first even where anybody will do."""
    weights = {need.skill: need.weight for need in needs if not need.drop}
    return sum(weight * skills.get(skill, UNDEFINED) for skill, weight in weights.items())
