"""Transfers: one side of a call is led to somebody else, by order of the other side (XFR-01, XFR-02, XFR-04).

Whoever orders it is free at once: an agent's wrap-up begins, their phone hangs up when it has been told enough. The party that is
led on hears music from the first moment to the last. If the target does not answer, the call comes back (`recall`); it never ends
up in a mailbox by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch.call import merge, sources
from softswitch.call.flow import EnterQueue, Flow, Mark
from softswitch.call.lead import Lead
from softswitch.call.leaving import SATISFIED, Leaving, lingering
from softswitch.call.recall import RECALL, Recall
from softswitch.call.routing import Destination, Refusal, route
from softswitch.events import CallTransferred, TransferFailed, TransferStarted

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.fork import Fork
    from softswitch.call.hunt import Hunt
    from softswitch.call.leg import Leg

# Where a call may be led. Everything else that can be dialled is an order in the name of whoever dials it.
DESTINATIONS: Final = frozenset({
    "account", "conference", "echo", "extension", "group", "hangup", "menu", "music", "outside", "park", "play", "queue",
    "voicemail",
})  # fmt: skip
RETURN: Final = 1.0  # seconds after which a failed transfer comes back to a phone that is still there
RUNG: Final = frozenset({"account", "outside", "group"})  # somebody has to answer there
ASKED: Final = frozenset({"account", "outside"})  # ... who can be asked on the same line


@dataclass(slots=True, frozen=True)
class Note:
    """What travels with a call that is led on (XFR-07)."""

    referred_by: str = ""  # RFC 3892, as the transferor's phone put it
    text: str = ""
    customer: str = ""


def possible(leg: Leg) -> bool:
    """Whether this leg's call can be led elsewhere: a conversation, of which it is a part, that nobody else leads."""
    call = leg.call
    return (
        call.peer is not None and leg in call.members and call.lead is None and not leg.gone and len(call.members) == 2
    )


def permitted(destination: Destination) -> bool:
    return destination.kind in DESTINATIONS


def blind(
    leg: Leg, destination: Destination, dialled: str, note: Note, now: float, *, linger: bool = True, priority: int = 0
) -> None:  # fmt: skip
    """Lead the other party of this leg to a destination. `linger`: the phone is told of it, and hangs up by itself;
    `priority`: at least, in a queue."""
    call = leg.call
    since = waited(call, now)
    set_aside(leg, now)
    remember(call, note)
    call.lead = lead = Transfer(call, leg.device, dialled, destination, since, leg if linger else None)
    lead.priority = max(priority, lead.priority)
    if linger:
        Leaving(leg, now)
    else:
        leg.hang_up(now, 480, "transferred")
    started(call, "blind", leg.device, dialled)
    lead.begin(now)


def to_consulted(leg: Leg, consulted: Leg, note: Note, now: float, *, linger: bool = True) -> str:
    """Join the other party of this leg with whom the same phone has consulted on another; "" or why that cannot be.

    Who has not answered yet is dialled anew, for the party that is led there: then it is their name that the phone shows.
    """
    call, other = leg.call, consulted.call
    if not possible(leg) or other.lead is not None or consulted not in other.members or other is call:
        tell(leg, 481, now)
        return "one of the calls is no conversation of two, or is being transferred"
    target = other.other(consulted)
    if target is None:
        destination = route(other.dialled, leg.board.directory)
        if other.peer is not None or isinstance(destination, Refusal) or not permitted(destination):
            tell(leg, 481, now)
            return "nobody has been consulted there"
        other.end("transferred", now)
        blind(leg, destination, other.dialled, note, now, linger=linger)
        return ""
    device, remaining = leg.device, call.other(leg)
    assert remaining is not None
    survivor, place, left = call, leg, target
    # The caller of a queue stays the caller, else the older call lives on.
    if (call.queued, -call.started) < (other.queued, -other.started):
        survivor, place, left = other, consulted, remaining
    if left.media.worker != survivor.worker and not left.relocate(survivor.worker, now):
        tell(leg, 503, now)
        return "no media port is free"
    gone = other if survivor is call else call
    survivor.authority = survivor.board.directory.accounts.get(device, survivor.authority)
    survivor.transfers += 1
    remember(survivor, note)
    started(survivor, "attended", device, target.party)
    tell(leg, 200, now)
    # The leg that sent the REFER is let go by its phone; the other one is of no more use.
    merge.substitute(survivor, place, left, "transferred", now, along=leg if linger and survivor is not call else None)
    if place is not leg or not linger:
        place.hang_up(now, 480, "transferred")
    if linger:
        Leaving(leg, now, SATISFIED)
    survivor.mark(Mark("transfer", target.party))
    survivor.board.publish(
        CallTransferred(survivor.id, "attended", device, target.party, left.id, gone.id, survivor.transfers)
    )
    return ""


def astray(leg: Leg, dialled: str, status: int, cause: str, now: float) -> None:
    """Whoever has led a call to nobody is gone already: it comes back to their phone (XFR-06)."""
    call = leg.call
    since = waited(call, now)
    set_aside(leg, now)
    started(call, "blind", leg.device, dialled)
    call.lead = lead = Transfer(call, leg.device, dialled, Destination("hangup"), since)
    lead.failed(status, cause, now)


def regretted(leg: Leg, now: float) -> bool:
    """A phone has hung up right behind a REFER of which nothing came: whether its other party is kept from going with it.

    Some do so at once after the 202, before they are told that there is no such target.
    """
    referral, call = leg.referral, leg.call
    if referral is None or now - referral.refused_at > RETURN or call.lead is not None:
        return False
    remaining = call.other(leg)
    if remaining is None or not remaining.up:
        return False
    astray(leg, referral.dialled, referral.refusal, "not_found", now)
    return True


def set_aside(leg: Leg, now: float) -> None:
    """Take a leg out of a conversation of two. The other party waits; an agent is free from now on (XFR-10)."""
    call = leg.call
    remaining = call.other(leg)
    assert remaining is not None
    call.pause_talk(now)
    call.holding.discard(leg)
    visit = call.visit
    if visit is not None:
        visit.exchanged(leg, None)
    if leg is call.caller:
        leave_queue(call, remaining)
        call.caller = remaining
        call.present(remaining)
    call.peer = None
    if call.pressing is leg:
        call.pressing = None
    call.regrouped(now)


def leave_queue(call: Call, agent: Leg) -> None:
    """An agent stays on the phone, with somebody who is no caller of the queue."""
    visit = call.visit
    if visit is not None and visit.talking is not None and visit.talking.leg is agent:
        agent.occupy("internal")
        visit.exchanged(agent, None)


def waited(call: Call, now: float) -> float:
    """Seconds since the caller came to the queue, or to us."""
    return now - (call.visit.entered if call.visit is not None else call.started)


def patience(call: Call, by: str) -> float:
    """Seconds until a target counts as absent: of the transferor's account, of the queue, of the site."""
    account, visit, directory = call.board.directory.accounts.get(by), call.visit, call.board.directory
    own = account.transfer_timeout if account is not None else 0.0
    queue = visit.config.transfer_timeout if visit is not None else 0.0
    return own or queue or directory.transfer_timeout


def tell(leg: Leg, status: int, now: float) -> None:
    """Tell the phone that ordered a transfer by REFER how it goes."""
    if leg.referral is not None:
        leg.referral.tell(status, now)


def remember(call: Call, note: Note) -> None:
    for name, value in (("note", note.text), ("customer", note.customer)):
        if value:
            call.context[name] = value


def started(call: Call, kind: str, by: str, target: str) -> None:
    context = call.context
    call.board.publish(TransferStarted(call.id, kind, by, target, context.get("note", ""), context.get("customer", "")))


def returned(leg: Leg, now: float) -> None:
    """Whoever led a call away, and still is on the phone, has it back."""
    leg.occupy(RECALL)
    leg.call.lead = None
    leg.call.join(leg, now)


class Transfer(Lead):
    """A party of a call is being led to somebody who has to answer, or to a place where we do."""

    __slots__ = ("by", "cause", "destination", "dialled", "leg", "priority", "rings", "timeout", "waited")

    state = "transferring"

    def __init__(
        self, call: Call, by: str, dialled: str, destination: Destination, waited: float, leg: Leg | None = None
    ) -> None:  # fmt: skip
        super().__init__(call)
        self.by = by  # the account that ordered it
        self.dialled = dialled
        self.destination = destination
        self.leg = leg  # the transferor's, while its phone has not hung up
        self.waited = waited  # seconds since the caller came, at the transfer
        self.rings = False
        self.cause = ""  # why the target was not to be had
        self.priority = call.visit.priority if call.visit is not None else 0  # in a queue
        self.timeout = patience(call, by)

    def begin(self, now: float) -> None:
        call, board = self.call, self.board
        call.authority = board.directory.accounts.get(self.by, call.authority)
        call.transfers += 1
        self.refresh()
        self._tell(100, now)
        if self.destination.kind in RUNG:
            board.deadlines.set((self, "target"), now + self.timeout)
            call.start(self.destination, now)
        else:
            self._arrived(None, now)
            self._enter(now)

    def _enter(self, now: float) -> None:
        """The target is a place of ours."""
        call, destination = self.call, self.destination
        queue = self.board.directory.queues.get(destination.name) if destination.kind == "queue" else None
        if queue is None:
            call.start(destination, now)
            return
        credit = self.waited if queue.carry_wait else 0.0
        call.run(queued(queue.name, destination.priority or self.priority, credit), now, ("to", str(destination)))

    def refresh(self) -> None:
        """What the party that is led hears: music, or the ringing if the site wants that."""
        sources.alone(self.call, ringing=self.rings and self.board.directory.transfer_sound == "ringback")

    # --- how it goes -------------------------------------------------------------------------------------------------

    def fork_ringing(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        if not self.rings:
            self.rings = True
            self._tell(180, now)
            self.refresh()

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        self._arrived(leg, now)
        self.call.join(leg, now)

    def failed(self, status: int, cause: str, now: float) -> None:
        """Nobody answered: whoever sent the caller away has them back, or is rung for it (XFR-06)."""
        call, leg = self.call, self.leg
        self.board.deadlines.clear((self, "target"))
        self.board.publish(TransferFailed(call.id, self.by, self.dialled, cause, status))
        self._tell(max(status, 300), now)
        self.cause = cause
        sources.alone(call)
        if leg is not None and leg.up and lingering(leg) is not None:
            # It may hang up at this very moment, as some do at once after the 202: then the caller must not go with it.
            self.board.deadlines.set((self, "return"), now + RETURN)
        else:
            self._return(now)

    def _return(self, now: float) -> None:
        call, leg = self.call, self.leg
        stays = lingering(leg) if leg is not None and leg.up else None
        if stays is not None:
            returned(stays.recover(), now)
        else:
            recall = Recall(call, self.by, self.dialled, self.cause, self.waited)
            call.lead = recall
            recall.begin(now)

    def expire(self, kind: str, now: float) -> None:
        """The target has not answered in time; or it is time to see who wants the caller back."""
        if kind == "return":
            self._return(now)
            return
        call = self.call
        if call.fork is not None:
            call.fork.cancel(now, "no_answer")
            call.fork = None
        self.failed(480, "no_answer", now)

    def abort(self, now: float) -> str:
        """The transferor wants the caller back."""
        if self.cause:
            return "it has failed already"
        if self.call.fork is not None:
            self.call.fork.cancel(now, "aborted")
            self.call.fork = None
        self.failed(487, "aborted", now)
        return ""

    def take_up(self, fork: Fork, now: float) -> None:
        """Somebody rings already, and does so for the party that is led from now on."""
        call = self.call
        call.lead, call.fork = self, fork
        call.transfers += 1
        fork.owner = call
        self.rings = fork.rang
        self.board.deadlines.set((self, "target"), now + self.timeout)
        self.refresh()

    def end(self, now: float) -> None:
        """The call is over."""
        self.board.deadlines.clear((self, "target"))
        if self.cause:
            self.board.deadlines.clear((self, "return"))
            return
        self.board.publish(TransferFailed(self.call.id, self.by, self.dialled, "caller_gone", 487))
        self._tell(487, now)

    def _arrived(self, leg: Leg | None, now: float) -> None:
        call = self.call
        self.board.deadlines.clear((self, "target"))
        call.lead = None
        self._tell(200, now)
        stays = lingering(self.leg) if self.leg is not None else None
        if stays is not None:
            stays.stay(now, SATISFIED)
        call.mark(Mark("transfer", self.dialled))
        self.board.publish(
            CallTransferred(
                call.id, "blind", self.by, self.dialled, leg.id if leg is not None else "", "", call.transfers
            )
        )

    def _tell(self, status: int, now: float) -> None:
        if self.leg is not None:
            tell(self.leg, status, now)

    # --- restart -----------------------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any]:
        return {
            "kind": "transfer",
            "by": self.by,
            "dialled": self.dialled,
            "destination": [self.destination.kind, self.destination.name, self.destination.detail],
            "waited": self.waited,
            "leg": self.leg.id if self.leg is not None and lingering(self.leg) is not None else "",
            "rings": self.rings,
            "cause": self.cause,
            "at": self.board.deadlines.at((self, "return" if self.cause else "target")),
        }


def queued(queue: str, priority: int, credit: float) -> Flow:
    """Into a queue, not at its very back."""
    yield EnterQueue(queue, priority, credit)
