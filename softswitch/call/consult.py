"""A consultation on one line (XFR-02): whoever asks a colleague has the caller on music meanwhile, and needs no second line.

The three are in one call. Whoever asks talks to one of the others (`aside`: to the colleague) and may change as often as
they like, bring all three together, come back, or leave: then the two others talk. Hanging up before the colleague has
answered is a blind transfer, and a caller who hangs up leaves the two to their talk, in a call of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call import merge, sources, transfer
from softswitch.call.dialling import MAX_DIVERSIONS, REASONS, disturbed, resolve
from softswitch.call.flow import Mark
from softswitch.call.fork import Fork, Invitation
from softswitch.call.headers import Diversion, diversion_lines, party, trail_lines
from softswitch.call.lead import Lead
from softswitch.call.reach import reach
from softswitch.call.routing import Destination
from softswitch.events import CallBridged, CallDiverted, CallStarted, CallTransferred, TransferChanged, TransferFailed

if TYPE_CHECKING:
    from softswitch.call.hunt import Hunt
    from softswitch.call.leg import Leg
    from softswitch.sip.message import Message


class Consultation(Lead):
    """`leg` asks, `asked` is who has answered. It is the owner of that leg."""

    __slots__ = ("aside", "asked", "by", "destination", "dialled", "leg")

    state = "consulting"

    def __init__(self, leg: Leg, destination: Destination, dialled: str) -> None:
        super().__init__(leg.call)
        self.leg = leg
        self.by = leg.device
        self.destination = destination
        self.dialled = dialled
        self.asked: Leg | None = None
        self.aside = True

    def begin(self, note: transfer.Note, now: float) -> None:
        call, board, leg = self.call, self.board, self.leg
        transfer.remember(call, note)
        transfer.started(call, "attended", self.by, self.dialled)
        account = board.directory.accounts.get(self.by)
        call.authority = account or call.authority
        call.lead = self
        self._hold()
        call.changed(now)
        destination, diversions = self._where()
        domain, name = board.directory.domain, destination.name
        target = board.directory.accounts.get(name) if destination.kind == "account" else None
        invitation = Invitation(
            "callee", name if target is not None else "", (target.name if target is not None else "") or name,
            party(account.name if account is not None else "", self.by, domain), party("", name, domain),
            diversion_lines(diversions, domain) + trail_lines(call.id, self.by, call.transfers + 1, call.context, domain),
            call.max_forwards,
            leg.negotiation.speaks, "consult",
        )  # fmt: skip
        if target is not None and disturbed(board, target, self.by):
            self._over(486, "busy", now)
            return
        self.fork = reach(board, call, self, invitation, destination, transfer.patience(call, self.by))
        self.fork.start(now)

    def _where(self) -> tuple[Destination, tuple[Diversion, ...]]:
        """Where whoever is asked takes all their calls, and by whose word; never back to whoever asks."""
        board, call, destination = self.board, self.call, self.destination
        diversions: tuple[Diversion, ...] = ()
        passed: list[str] = []
        while destination.kind == "account" and len(diversions) < MAX_DIVERSIONS:
            account = board.directory.accounts.get(destination.name)
            target = board.phones.forward(account, "always") if account is not None else ""
            found = resolve(target, board, account) if target else None
            if account is None or found is None or found.kind not in transfer.ASKED or found.name in (self.by, *passed):
                break
            passed.append(account.user)
            diversions += (Diversion(account.number or account.user, REASONS["always"]),)
            board.publish(CallDiverted(call.id, diversions[-1].number, diversions[-1].reason, str(found)))
            call.authority, destination = account, found
        return destination, diversions

    @property
    def other(self) -> Leg:
        """Who waits, or talks, on the other side of the call."""
        found = self.call.other(self.leg)
        assert found is not None
        return found

    def _hold(self) -> None:
        """The queue engine is told whether the agent is with the caller."""
        visit = self.call.visit
        if visit is not None and visit.talking is not None and visit.talking.leg is self.leg:
            visit.held(self.aside and self.call.lead is self)

    def refresh(self) -> None:
        asked, leg, other = self.asked, self.leg, self.other
        if not self.aside:
            sources.pair(self.call, leg, other)
            if asked is not None:
                sources.hold(self.call, asked)
            return
        sources.hold(self.call, other)
        if asked is not None:
            sources.pair(self.call, leg, asked)
        elif leg.up and not leg.holding:
            leg.media.tone("ringback", self.board.country)
        elif leg.up:
            leg.media.stop()

    def partner(self, leg: Leg) -> Leg | None:
        if leg is self.leg:
            return self.asked if self.aside else self.other
        return self.leg if (leg is self.asked) is self.aside else None

    # --- whoever is asked --------------------------------------------------------------------------------------------

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        self.fork = None
        self.asked = leg
        leg.owner = self
        self.board.publish(CallBridged(self.call.id, self.leg.id, leg.id))
        self.call.changed(now)

    def fork_failed(self, fork: Fork | Hunt, status: int, cause: str, now: float) -> None:
        self.fork = None
        self._over(status, cause, now)

    def _over(self, status: int, cause: str, now: float) -> None:
        """Nobody is asked any more: back to the caller."""
        self.board.publish(TransferFailed(self.call.id, self.by, self.dialled, cause, status))
        self._dissolve()
        self.call.changed(now)

    def _dissolve(self) -> None:
        self.call.lead = None
        self._hold()
        self.aside = False

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None:
        """The fork is told of that."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """The fork is told of that."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        self.call.changed(now)

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        partner = self.partner(leg)
        if partner is not None:
            partner.send_digit(digit, duration_ms, method, now)

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        """Nothing is played to it but music."""

    def leg_gone(self, leg: Leg, now: float) -> None:
        self.asked = None
        self._over(480, "hung_up", now)

    # --- orders ------------------------------------------------------------------------------------------------------

    def swap(self, now: float) -> str:
        """Talk to the other one of the two."""
        if self.asked is None:
            return "nobody has answered yet"
        self.aside = not self.aside
        self._hold()
        self.board.publish(TransferChanged(self.call.id, self.by, "swapped"))
        self.call.changed(now)
        return ""

    def abort(self, now: float, cause: str = "aborted") -> str:
        """Come back to the caller."""
        self._hang_up(now, cause)
        self._over(487, cause, now)
        return ""

    def together(self, now: float) -> str:
        """Bring all three together (XFR-03)."""
        asked, call = self.asked, self.call
        if asked is None:
            return "nobody has answered yet"
        self._dissolve()
        asked.owner = call
        call.extra.append(asked)
        self.board.publish(TransferChanged(call.id, self.by, "merged"))
        call.mark(Mark("merged", asked.party))
        call.changed(now)
        return ""

    def complete(self, now: float) -> str:
        """Leave the two to each other; while the other phone still rings, it rings for the caller."""
        call, leg, asked = self.call, self.leg, self.asked
        if asked is None:
            fork, self.fork = self.fork, None
            waited = transfer.waited(call, now)
            transfer.set_aside(leg, now)
            leg.hang_up(now, 480, "transferred")
            assert fork is not None
            transfer.Transfer(call, self.by, self.dialled, self.destination, waited).take_up(fork, now)
            return ""
        led = leg is call.caller
        other = self.other
        if led:
            transfer.leave_queue(call, other)
        self._dissolve()
        call.exchange(leg, asked, now)
        if led:
            call.present(asked)
        asked.owner = call
        call.transfers += 1
        leg.hang_up(now, 480, "transferred")
        self.board.publish(CallBridged(call.id, other.id, asked.id))
        call.mark(Mark("transfer", self.dialled))
        self.board.publish(CallTransferred(call.id, "attended", self.by, self.dialled, asked.id, "", call.transfers))
        call.changed(now)
        return ""

    # --- somebody hangs up -------------------------------------------------------------------------------------------

    def lost(self, leg: Leg, now: float) -> bool:
        if leg is self.leg:
            self.complete(now)
            return True
        if self.asked is None:
            return False
        self._split(leg, now)
        return True

    def _split(self, gone: Leg, now: float) -> None:
        """The caller is gone: the two others talk on, in a call that is nobody's of the queue."""
        call, leg, asked, board = self.call, self.leg, self.asked, self.board
        assert asked is not None
        board.publish(TransferFailed(call.id, self.by, self.dialled, "caller_gone", 487))
        account = board.directory.accounts.get(self.by, call.account)
        call.lead = None
        leg.occupy("internal")
        call.end(gone.cause, now, keep=(leg, asked))
        own = merge.found(board, account, self.dialled, call.worker, now)
        board.publish(CallStarted(own.id, own.caller_number, own.caller_name, self.dialled, account.user))
        for one in (leg, asked):
            merge.enlist(own, one)
        own.caller = leg
        own.join(asked, now)

    def _hang_up(self, now: float, cause: str) -> None:
        fork, self.fork = self.fork, None
        asked, self.asked = self.asked, None
        if fork is not None:
            fork.cancel(now, cause)
        if asked is not None:
            asked.hang_up(now, 480, cause)

    def end(self, now: float) -> None:
        self.board.publish(TransferFailed(self.call.id, self.by, self.dialled, "caller_gone", 487))
        self._hang_up(now, "caller_gone")

    # --- restart -----------------------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any]:
        return {
            "kind": "consultation",
            "leg": self.leg.id,
            "asked": self.asked.id if self.asked is not None else "",
            "aside": self.aside,
            "dialled": self.dialled,
            "destination": [self.destination.kind, self.destination.name, self.destination.detail],
        }
