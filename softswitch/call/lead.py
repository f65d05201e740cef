"""Whoever leads a party of a call to somebody else: a transfer, a consultation, a recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.fork import Fork
    from softswitch.call.hunt import Hunt
    from softswitch.call.leg import Leg


class Lead:
    """One of them. It is told what becomes of whoever is rung, and arranges what everybody hears meanwhile."""

    __slots__ = ("board", "call", "fork")

    state = "leading"  # of the call, for people

    def __init__(self, call: Call) -> None:
        self.board = call.board
        self.call = call
        self.fork: Fork | None = None  # of its own, beside that of the call

    def refresh(self) -> None:
        """Give everybody what they are to hear."""

    def fork_ringing(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        """Somebody rings."""

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        """Somebody has answered."""

    def fork_failed(self, fork: Fork | Hunt, status: int, cause: str, now: float) -> None:
        """Nobody has answered, of those that are rung beside the call."""

    def failed(self, status: int, cause: str, now: float) -> None:
        """Nobody has answered, of those that are rung for the caller."""

    def digit(self, leg: Leg, digit: str, now: float) -> bool:
        """A key of a member of the conversation; whether it was meant for the lead."""
        return False

    def partner(self, leg: Leg) -> Leg | None:
        """Whom this leg talks to, None if nobody."""
        return None

    def lost(self, leg: Leg, now: float) -> bool:
        """A member has hung up; whether the lead sees to what follows."""
        return False

    def expire(self, kind: str, now: float) -> None:
        """A deadline of its own."""

    def end(self, now: float) -> None:
        """The call is over."""

    def keep(self) -> dict[str, Any] | None:
        """What a restart must know, as JSON values; None: they talk on as if nothing had been begun."""
        return None
