"""Forking: one attempt to reach a device on all its contacts (SIG-07).

Contacts of equal q ring together, and the next group rings when the one before has refused. The first 2xx wins, the
others are cancelled with a Reason that keeps them from logging a missed call. A 6xx ends the attempt at once
(RFC 3261 section 16.7 step 5), otherwise the best response is reported when nobody is left.

A killed phone leaves its binding behind. When every contact that has said a word has refused, contacts that have been
silent since the INVITE are given up after `Policy.silence_timeout` rather than after 32 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Protocol

from softswitch.call.headers import ELSEWHERE
from softswitch.call.leg import Leg
from softswitch.sip.dialog import Dialog
from softswitch.sip.status import best_response

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.codecs import Format
    from softswitch.sip.message import Message
    from softswitch.sip.registrar import Binding

NO_ANSWER: Final = "no_answer"

# How a refusal reads to people and to flows.
CAUSES: Final = {
    404: "unreachable", 408: "unreachable", 410: "unreachable", 430: "unreachable", 480: "unreachable", 486: "busy",
    503: "unreachable", 600: "busy", 603: "rejected", 604: "unreachable", 607: "rejected", 608: "rejected",
}  # fmt: skip


@dataclass(slots=True)
class Invitation:
    """What every contact of an attempt is told."""

    role: str  # of the legs: "callee" | "agent"
    device: str
    party: str
    from_: str
    to: str
    headers: str = ""
    max_forwards: int = 70
    prefer: tuple[Format, ...] = ()
    occupies: str = ""


class ForkOwner(Protocol):
    """Who wants somebody to be reached."""

    def fork_ringing(self, fork: Fork, leg: Leg, now: float) -> None: ...
    def fork_answered(self, fork: Fork, leg: Leg, now: float) -> None: ...
    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None: ...


class Fork:
    """The legs that ring, and what the others have answered."""

    __slots__ = ("board", "call", "exhausted", "groups", "invitation", "legs", "owner", "rang", "statuses", "timeout")

    def __init__(
        self, board: Board, call: Call, owner: ForkOwner, invitation: Invitation, bindings: Sequence[Binding], timeout: float
    ) -> None:  # fmt: skip
        self.board = board
        self.call = call
        self.owner = owner
        self.invitation = invitation
        self.groups = [list(group) for _, group in groupby(bindings, key=lambda binding: binding.q)]
        self.timeout = timeout  # seconds for the whole attempt
        self.legs: list[Leg] = []
        self.statuses: list[int] = []
        self.rang = False  # somebody rang, in any group
        self.exhausted = False  # there was no media port for a contact

    def start(self, now: float) -> None:
        self.board.deadlines.set((self, "attempt"), now + self.timeout)
        self._next_group(now)

    def cancel(self, now: float, cause: str, headers: str = "") -> None:
        """Nobody is wanted any more."""
        self._clear()
        legs, self.legs = self.legs, []
        for leg in legs:
            leg.hang_up(now, 480, cause, headers)

    def expire(self, kind: str, now: float) -> None:
        if kind == "attempt":
            self.cancel(now, NO_ANSWER)
            self.owner.fork_failed(self, 480, NO_ANSWER, now)
        elif kind == "group":
            self._next_group(now)
        else:
            self._give_up_silent(now)

    @property
    def early(self) -> bool:
        """Whether media before the answer can be let through: only if there is one voice to hear."""
        return len(self.legs) == 1

    # --- as the owner of its legs --------------------------------------------------------------------------------------

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None:
        self.rang = True
        if message.body and self.early and leg.negotiation.offered:
            leg.take_answer(message.body, now)
        self.owner.fork_ringing(self, leg, now)

    def leg_answered(self, leg: Leg, now: float) -> None:
        self._clear()
        losers = [other for other in self.legs if other is not leg]
        self.legs = []
        for other in losers:
            other.hang_up(now, 480, "elsewhere", ELSEWHERE)
        self.owner.fork_answered(self, leg, now)

    def leg_gone(self, leg: Leg, now: float) -> None:
        if leg not in self.legs:
            return
        self.legs.remove(leg)
        status = leg.status
        self.statuses.append(status)
        if status >= 600:
            self.cancel(now, "refused")
            self._failed(now)
        elif not self.legs:
            self._next_group(now)
        elif all(not other.heard for other in self.legs):
            at = max(other.started for other in self.legs) + self.board.policy.silence_timeout
            self.board.deadlines.set((self, "silence"), max(now, at))

    def leg_changed(self, leg: Leg, now: float) -> None:
        """A leg that rings has no media of interest yet."""

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        """Keys before the answer mean nothing."""

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        """Nothing is played to a leg that rings."""

    # --- inside ------------------------------------------------------------------------------------------------------

    def _next_group(self, now: float) -> None:
        deadlines = self.board.deadlines
        deadlines.clear((self, "silence"))
        deadlines.clear((self, "group"))
        while self.groups:
            group = self.groups.pop(0)
            if self.groups:
                deadlines.set((self, "group"), now + self.board.policy.group_timeout)
            started = [leg for binding in group if (leg := self._ring(binding, now))]
            if started:
                return
            self.exhausted = True
        if not self.legs:
            self._failed(now)

    def _ring(self, binding: Binding, now: float) -> Leg | None:
        """Send an INVITE to one contact; None if there is no media port left for it."""
        board, invitation = self.board, self.invitation
        media = board.allocate(now, self.call.worker)
        if media is None:
            return None
        tag = board.endpoint.tag()
        dialog = Dialog.uac(
            invitation.from_,
            invitation.to,
            f"{tag}{board.entropy.token()}",
            tag,
            0,
            binding.flow,
            target=binding.contact,
        )
        leg = Leg(
            board, self.call, self, invitation.role, invitation.party, invitation.device, dialog, media, now,
            occupies=invitation.occupies,
        )  # fmt: skip
        self.legs.append(leg)
        routes = "".join(f"Route: {route}\r\n" for route in binding.path) + invitation.headers
        leg.invite(binding.contact, binding.flow, now, routes, invitation.prefer, invitation.max_forwards)
        return leg

    def _give_up_silent(self, now: float) -> None:
        silent = [leg for leg in self.legs if not leg.heard]
        if len(silent) < len(self.legs):
            return
        self.legs = []
        for leg in silent:
            leg.hang_up(now, 480, "unreachable")
        self._next_group(now)

    def _failed(self, now: float) -> None:
        self._clear()
        status = 503 if self.exhausted and not self.statuses else failure(self.statuses)
        cause = CAUSES.get(status, "failed")
        if cause == "busy" and self.rang:
            cause = "rejected"  # A phone that rang and then says 486: somebody pressed the red key.
        self.owner.fork_failed(self, status, cause, now)

    def _clear(self) -> None:
        for kind in ("attempt", "group", "silence"):
            self.board.deadlines.clear((self, kind))


def failure(statuses: Sequence[int]) -> int:
    """What the caller is told when all have refused (16.7 step 6), in terms of our own side of the call.

    A redirection is not followed to the outside (S12), a phone's challenge is not the caller's business, and a contact
    that never answered says something about that contact, not about the caller's request.
    """
    return best_response([480 if status < 400 or status in _NOT_OURS else status for status in statuses or (480,)])


_NOT_OURS: Final = frozenset({401, 407, 408, 421, 481, 487, 491, 494, 503})
