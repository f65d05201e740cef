"""Forking: one attempt to reach a device on all its contacts (SIG-07).

Contacts of equal q ring together, and the next group rings when the one before has refused. The first 2xx wins, the
others are cancelled with a Reason that keeps them from logging a missed call. A 6xx ends the attempt at once
(RFC 3261 section 16.7 step 5), otherwise the best response is reported when nobody is left.

A killed phone leaves its binding behind. When every contact that has said a word has refused, contacts that have been
silent since the INVITE are given up after `Policy.silence_timeout` rather than after 32 s.

A phone with several flows (RFC 5626) rings on one of them. When that is gone, or carries no word for as long, on the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.call.headers import ELSEWHERE, auto_answer
from softswitch.call.leg import Leg
from softswitch.call.only import EVERY, Only
from softswitch.effects import FlowFailed
from softswitch.sip.dialog import Dialog
from softswitch.sip.status import best_response

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.codecs import Format
    from softswitch.sip.message import Message
    from softswitch.sip.registrar import Binding

NO_ANSWER: Final = "no_answer"
FLOW_GONE: Final = 430
KINDS: Final = ("attempt", "group", "silence", "flow")  # of its deadlines

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
    auto_answer: bool = False  # the phone is asked to answer by itself
    redirects: bool = False  # a phone may send the call elsewhere (302)
    only: Only = EVERY  # phones of the device


class ForkOwner(Protocol):
    """Who wants somebody to be reached. The fork may be a hunt, which consists of several."""

    def fork_ringing(self, fork: Any, leg: Leg, now: float) -> None: ...
    def fork_answered(self, fork: Any, leg: Leg, now: float) -> None: ...
    def fork_failed(self, fork: Any, status: int, cause: str, now: float) -> None: ...


class Fork:
    """The legs that ring, and what the others have answered."""

    __slots__ = ("board", "call", "exhausted", "groups", "invitation", "legs", "owner", "rang", "redirect",
                 "spares", "statuses", "timeout")  # fmt: skip
    parts: Final = ()  # It is one; a hunt consists of several.

    def __init__(
        self, board: Board, call: Call, owner: ForkOwner, invitation: Invitation, bindings: Sequence[Binding] | None,
        timeout: float,
    ) -> None:  # fmt: skip
        """`bindings`: None = those that the device of the invitation has when the attempt is started."""
        self.board = board
        self.call = call
        self.owner = owner
        self.invitation = invitation
        self.groups: list[list[Binding]] | None = _groups(bindings) if bindings is not None else None
        self.timeout = timeout  # seconds for the whole attempt
        self.legs: list[Leg] = []
        self.statuses: list[int] = []
        self.rang = False  # somebody rang, in any group
        self.redirect = ""  # where a phone has sent the call
        self.exhausted = False  # there was no media port for a contact
        self.spares: dict[Leg, Binding] = {}  # legs whose phone has further flows, and the binding they ring on

    @property
    def name(self) -> str:
        """What was called."""
        return f"account:{self.invitation.device}"

    def start(self, now: float) -> None:
        if self.groups is None:
            self.groups = _groups(self.invitation.only.choose(self.board.bindings(self.invitation.device, now)))
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
        elif kind == "flow":
            self._change_flows(now)
        else:
            self._give_up_silent(now)

    def keep(self) -> dict[str, Any]:
        """What a restart must know besides, as JSON values."""
        return {}

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
        if self._next_flow(leg, status, now):
            return
        self.statuses.append(status)
        if leg.redirect and self.invitation.redirects:
            self.redirect = leg.redirect
            self.cancel(now, "redirected", ELSEWHERE)
            self._failed(now)
        elif status >= 600:
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
        deadlines.forget(self, ("silence", "group"))
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
        if binding.spare:
            self.spares[leg] = binding
            board.deadlines.set((self, "flow"), now + board.policy.silence_timeout)
        routes = "".join(f"Route: {route}\r\n" for route in binding.path) + invitation.headers
        if invitation.auto_answer:
            routes += auto_answer(binding.user_agent, board.directory.domain)
        leg.invite(binding.contact, binding.flow, now, routes, invitation.prefer, invitation.max_forwards)
        return leg

    def _next_flow(self, leg: Leg, status: int, now: float) -> bool:
        """A leg is gone: ring the same phone on its next flow, if the flow was the trouble."""
        binding = self.spares.pop(leg, None)
        if binding is None:
            return False
        if status == FLOW_GONE:
            self.board.out.append(FlowFailed(binding.aor, binding.key))
        elif leg.heard:
            return False
        return self._ring(replace(binding.spare[0], spare=binding.spare[1:]), now) is not None

    def _change_flows(self, now: float) -> None:
        """Phones that have not said a word, though they have other flows: this one leads nowhere any more."""
        for leg in [leg for leg in self.legs if leg in self.spares and not leg.heard]:
            self.legs.remove(leg)
            leg.hang_up(now, 480, "flow_failed", ELSEWHERE)
            if not self._next_flow(leg, 0, now):
                self.statuses.append(480)
        if not self.legs:
            self._next_group(now)

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
        self.board.deadlines.forget(self, KINDS)


_q = attrgetter("q")


def _groups(bindings: Sequence[Binding]) -> list[list[Binding]]:
    return [list(group) for _, group in groupby(bindings, key=_q)]


def failure(statuses: Sequence[int]) -> int:
    """What the caller is told when all have refused (16.7 step 6), in terms of our own side of the call.

    A redirection is not followed to the outside (S12), a phone's challenge is not the caller's business, and a contact
    that never answered says something about that contact, not about the caller's request.
    """
    return best_response([480 if status < 400 or status in _NOT_OURS else status for status in statuses or (480,)])


_NOT_OURS: Final = frozenset({401, 407, 408, 421, 481, 487, 491, 494, 503})
