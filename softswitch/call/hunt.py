"""Hunting: several phones of different people ring for one call, together or in turn (SIG-34). The first who answers has it.

To its owner a hunt is what a fork is: it rings, it is answered, it fails. Each party is a fork of its own, so that a phone that
refuses speaks for its owner only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.confirm import ASK, ASK_SECONDS, Confirmation
from softswitch.call.fork import NO_ANSWER, Fork, Invitation
from softswitch.call.headers import ELSEWHERE, party
from softswitch.call.leaving import give_way
from softswitch.call.reach import reach, resolve
from softswitch.events import GroupLeft, GroupRang

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.fork import ForkOwner
    from softswitch.call.leg import Leg
    from softswitch.call.routing import Destination
    from softswitch.directory import Member

IN_TURN: Final = frozenset({"sequence", "random", "rotating"})
MAX_FORWARDS: Final = 5  # of a member, to another
BUSY: Final = 486
PICKED_UP: Final = "caller"  # the role of a leg that has come from a call of its own
DEADLINES: Final = ("attempt", "group", "asked")


@dataclass(slots=True)
class Party:
    """Somebody who is to ring. `start`: seconds after the hunt began; `timeout`: 0 = until its end."""

    to: str
    start: float
    timeout: float
    follow: bool = False  # their forwarding counts
    skip_busy: bool = False
    confirm: bool = False  # whoever answers is asked whether they want the call


def parties_of(members: Sequence[Member], *, follow: bool = False, skip_busy: bool = False) -> list[Party]:
    """The members of a group, or of somebody's follow-me, in order."""
    return [Party(one.to, one.delay, one.timeout, follow, skip_busy, one.confirm) for one in members]


class Hunt:
    """Who rings, who is still to ring, and how the others have failed."""

    __slots__ = (
        "asked",
        "begun",
        "board",
        "call",
        "causes",
        "confirming",
        "forks",
        "in_turn",
        "invitation",
        "member_timeout",
        "name",
        "owner",
        "rang",
        "timeout",
        "waiting",
    )  # fmt: skip
    early: Final = False  # several voices at once are none
    redirect: Final = ""

    def __init__(
        self, board: Board, call: Call, owner: ForkOwner, invitation: Invitation, name: str, parties: list[Party],
        timeout: float, *, strategy: str = "simultaneous", member_timeout: float = 0.0,
    ) -> None:  # fmt: skip
        """`name`: of what was called, "group:NAME" or "account:USER"; `timeout`: seconds of all of it."""
        self.board = board
        self.call = call
        self.owner = owner
        self.invitation = invitation
        self.name = name
        self.timeout = timeout
        self.member_timeout = member_timeout
        self.in_turn = strategy in IN_TURN
        self.waiting = _ordered(board, name, parties, strategy, member_timeout)
        self.forks: list[Fork] = []
        self.confirming: set[str] = set()  # numbers and accounts that are asked
        self.asked: dict[Leg, Confirmation] = {}  # who has answered, and may say whether they want the call
        self.causes: list[str] = []
        self.rang = False
        self.begun = 0.0

    @property
    def legs(self) -> list[Leg]:
        return [leg for fork in self.forks for leg in fork.legs]

    @property
    def trying(self) -> bool:
        """Whether somebody rings, or is asked."""
        return bool(self.forks or self.asked)

    @property
    def parts(self) -> Sequence[Fork]:
        """The forks that it consists of now."""
        return self.forks

    @property
    def group(self) -> str:
        """The ring group, "" if it is somebody's follow-me."""
        kind, _, name = self.name.partition(":")
        return name if kind == "group" else ""

    def start(self, now: float) -> None:
        self.begun = now
        if self.group:
            self.board.publish(GroupRang(self.call.id, self.group))
        self.board.deadlines.set((self, "attempt"), now + self.timeout)
        self._advance(now)

    def cancel(self, now: float, cause: str, headers: str = "") -> None:
        """Nobody is wanted any more."""
        self._stop(now, cause, headers)
        self._left("cancelled" if cause != NO_ANSWER else NO_ANSWER)

    def _stop(self, now: float, cause: str, headers: str = "") -> None:
        self._clear()
        self.waiting.clear()
        asked, self.asked = self.asked, {}
        for leg in asked:
            leg.hang_up(now, 480, cause, headers)
        forks, self.forks = self.forks, []
        for fork in forks:
            fork.cancel(now, cause, headers)

    def expire(self, kind: str, now: float) -> None:
        if kind == "attempt":
            self.cancel(now, NO_ANSWER)
            self.owner.fork_failed(self, 480, NO_ANSWER, now)
        elif kind == "asked":
            self._unconfirmed(now)
        else:
            self._advance(now)

    # --- as the owner of its forks -------------------------------------------------------------------------------------

    def fork_ringing(self, fork: Fork, leg: Leg, now: float) -> None:
        self.rang = True
        self.owner.fork_ringing(self, leg, now)

    def fork_answered(self, fork: Fork, leg: Leg, now: float) -> None:
        self.forks.remove(fork)
        if _who(fork.invitation) in self.confirming and leg.role != PICKED_UP:
            self._ask(leg, now)
        else:
            self._won(leg, now)

    def _won(self, leg: Leg, now: float) -> None:
        self._stop(now, "elsewhere", ELSEWHERE)
        self._left("answered", leg.device)
        self.owner.fork_answered(self, leg, now)

    # --- as the owner of legs that are asked ---------------------------------------------------------------------------

    def _ask(self, leg: Leg, now: float) -> None:
        self.ask(leg, now + ASK_SECONDS).ask()
        self._time_asked()

    def ask(self, leg: Leg, until: float) -> Confirmation:
        """Somebody who may take the call until then."""
        leg.owner = self
        self.asked[leg] = Confirmation(self.board, leg, ASK, until)
        return self.asked[leg]

    def _time_asked(self) -> None:
        self.board.deadlines.set((self, "asked"), min(one.until for one in self.asked.values()))

    def leg_ringing(self, leg: Leg, message: object, now: float) -> None:
        """It has answered."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """It has answered."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        """What it has changed shows when it is connected."""

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        if leg in self.asked and self.asked[leg].accepts(digit):
            del self.asked[leg]
            self._won(leg, now)

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        if leg in self.asked:
            self.asked[leg].played(play, cause)

    def leg_gone(self, leg: Leg, now: float) -> None:
        if self.asked.pop(leg, None) is not None:
            self.causes.append("rejected")
            self.board.deadlines.set((self, "group"), now)

    def _unconfirmed(self, now: float) -> None:
        """They do not want it, or are a machine."""
        for leg in [leg for leg, one in self.asked.items() if one.until <= now]:
            del self.asked[leg]
            self.causes.append(NO_ANSWER)
            leg.hang_up(now, 480, "not_confirmed")
        if self.asked:
            self._time_asked()
        self._advance(now)

    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None:
        if fork in self.forks:
            self.forks.remove(fork)
            self.causes.append(cause)
            self.board.deadlines.set((self, "group"), now)  # Not from within the fork's own step.

    # --- inside ------------------------------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Begin with those whose time has come; with the next if nobody rings."""
        waiting = self.waiting
        while waiting and (not self.trying or (not self.in_turn and self.begun + waiting[0].start <= now)):
            self._begin(waiting.pop(0), now)
        if not self.trying and not waiting:
            self._failed(now)
        elif waiting and not self.in_turn:
            self.board.deadlines.set((self, "group"), self.begun + waiting[0].start)
        else:
            self.board.deadlines.clear((self, "group"))

    def _begin(self, one: Party, now: float) -> None:
        board, accounts = self.board, self.board.directory.accounts
        destination, cause = self._phone(one)
        if destination is None:
            self.causes.append(cause)
            return
        user = destination.name
        invitation = replace(
            self.invitation, device=user, party=user, to=party("", user, board.directory.domain), redirects=False
        )
        if destination.kind == "account":
            invitation.party = accounts[user].name or user
            give_way(board, user, now)
            board.phones.called(user, "" if self.call.hidden else self.call.caller_number)
        if one.confirm:
            self.confirming.add(user)
        left = self.begun + self.timeout - now
        seconds = one.timeout or (self.member_timeout if self.in_turn else 0.0) or left
        fork = reach(board, self.call, self, invitation, destination, seconds if seconds < left else left + 1.0)
        self.forks.append(fork)
        fork.start(now)

    def _phone(self, one: Party) -> tuple[Destination | None, str]:
        """(Where a party is to be rung, None if nowhere; why not)."""
        board, number = self.board, one.to
        for _ in range(MAX_FORWARDS):
            found = resolve(board, number)
            if found is None or found.kind != "account":
                return found, "unreachable"
            account = board.directory.accounts[found.name]
            caller = self.call.caller.device
            if account.user == caller:
                return None, "busy"
            if one.follow and (target := board.phones.forward(account, "always")):
                number = target.removeprefix("extension:")
                continue
            refuses = board.phones.do_not_disturb(account) and caller not in account.disturbed_by
            if refuses or (one.skip_busy and board.on_the_phone(account.user)):
                return None, "busy"
            if any(fork.invitation.device == account.user for fork in self.forks):
                return None, "busy"
            return found, ""
        return None, "unreachable"

    def _failed(self, now: float) -> None:
        self._clear()
        if self.rang or NO_ANSWER in self.causes:
            cause, status = NO_ANSWER, 480
        elif "busy" in self.causes:
            cause, status = "busy", BUSY
        else:
            cause, status = "unreachable", 480
        self._left(cause)
        self.owner.fork_failed(self, status, cause, now)

    def _left(self, outcome: str, device: str = "") -> None:
        if self.group:
            self.board.publish(GroupLeft(self.call.id, self.group, outcome, device))

    def _clear(self) -> None:
        for kind in DEADLINES:
            self.board.deadlines.clear((self, kind))

    # --- restart -----------------------------------------------------------------------------------------------------

    def restore(self, kept: dict[str, Any], waiting: Sequence[Party], shift: float) -> None:
        """Take back what `keeping` kept, but for the forks."""
        self.waiting = list(waiting)
        self.causes = list(kept["causes"])
        self.rang, self.in_turn, self.begun = kept["rang"], kept["in_turn"], kept["begun"] + shift
        self.member_timeout = kept["member_timeout"]
        self.confirming = set(kept.get("confirming", ()))


def _who(invitation: Invitation) -> str:
    return invitation.device or invitation.party  # A number outside has no device.


def _ordered(board: Board, name: str, parties: list[Party], strategy: str, step: float) -> list[Party]:
    """The order in which they ring."""
    if strategy == "random":
        pool, order = list(parties), []
        while pool:
            order.append(pool.pop(board.entropy.below(len(pool))))
        return order
    if strategy == "rotating" and parties:
        first = board.turns.get(name, 0) % len(parties)
        board.turns[name] = first + 1
        return parties[first:] + parties[:first]
    if strategy == "memory":  # The first, then the first two, then three ...
        return [replace(one, start=index * step) for index, one in enumerate(parties)]
    return parties if strategy == "sequence" else sorted(parties, key=lambda one: one.start)
