"""A leg whose part in its call is over, but whose phone has not hung up yet: whoever has transferred the call away.

The phone is told how it goes, and hangs up by itself when it is satisfied; most do, some never (INTEROP rule 9). Until then it
hears a tone, its owner counts as free, and it gives way as soon as it is to ring for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.sip.message import Message

PATIENCE: Final = 5.0  # seconds that a phone may stay while its transfer is under way
SATISFIED: Final = 2.0  # ... once it knows that the transfer is done


class Leaving:
    """The owner of such a leg."""

    __slots__ = ("board", "leg")

    def __init__(self, leg: Leg, now: float, patience: float = PATIENCE) -> None:
        self.board = leg.board
        self.leg = leg
        leg.owner = self
        self.board.leaving.setdefault(leg.device, []).append(self)
        self.stay(now, patience)
        self._sound()

    @property
    def call(self) -> Call:
        return self.leg.call

    def stay(self, now: float, patience: float) -> None:
        """The phone may stay so long, from now on."""
        self.board.deadlines.set((self, "leave"), now + patience)

    def recover(self) -> Leg:
        """The leg is wanted again: its caller comes back to it."""
        self._forget()
        return self.leg

    def release(self, now: float, cause: str = "transferred") -> None:
        """Hang up."""
        self._forget()
        self.leg.hang_up(now, 480, cause)

    def expire(self, kind: str, now: float) -> None:
        """The phone has had its time."""
        self.release(now)

    def _sound(self) -> None:
        leg = self.leg
        if not leg.up:
            return
        if leg.holding:
            leg.media.stop()
        else:
            leg.media.tone("ringback", self.board.country)

    def _forget(self) -> None:
        board, device = self.board, self.leg.device
        board.deadlines.clear((self, "leave"))
        others = board.leaving.get(device, [])
        if self in others:
            others.remove(self)
            if not others:
                del board.leaving[device]

    # --- as the owner of the leg -----------------------------------------------------------------------------------------

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None:
        """It was answered long ago."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """It was answered long ago."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        self._sound()

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        """Nobody listens to it any more."""

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        """Nothing is played to it but a tone."""

    def leg_gone(self, leg: Leg, now: float) -> None:
        self._forget()


def give_way(board: Board, device: str, now: float) -> None:
    """The phone of this account is to ring: what has been left behind on it is hung up."""
    for one in list(board.leaving.get(device, ())):
        one.release(now)


def lingering(leg: Leg) -> Leaving | None:
    """How a leg lingers, None if it does not."""
    return leg.owner if isinstance(leg.owner, Leaving) and not leg.gone else None


def discard(board: Board, call: Call, now: float) -> None:
    """The call is over: whoever lingers goes as well."""
    if board.leaving:
        for one in [one for others in board.leaving.values() for one in others if one.call is call]:
            one.release(now)
