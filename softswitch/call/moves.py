"""Where a step of a menu leads, and how its expressions are computed at the moment that it is reached."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from softswitch.call.flow import Do, Step
from softswitch.call.visitor import Scope
from softswitch.expression import ExpressionError

if TYPE_CHECKING:
    from softswitch.call.tree import Walk

T = TypeVar("T")


@dataclass(slots=True)
class Move:
    """Where a step leads: a destination, or "next". `keyed`: the caller has said so by a key."""

    to: str = "next"
    keyed: bool = False


# The steps that the caller experiences; then where to go on, None if the walk is over.
Acting: TypeAlias = Generator[Step, str, "Move | None"]


def computed(at: Walk, compute: Callable[[Scope], T], fallback: T) -> Generator[Step, str, T]:
    """What `compute` gives now; the fallback, and a word to whoever looks after the menu, where it makes no sense."""
    found = fallback

    def act(now: float) -> str:
        nonlocal found
        try:
            found = compute(Scope(at.visitor, at.site, now))
        except ExpressionError as error:
            at.problem("expression", str(error))
        return ""

    yield Do(act)
    return found
