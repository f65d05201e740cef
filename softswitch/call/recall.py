"""Recall: a call that was led away and found nobody comes back to whoever led it (XFR-06).

Their phone rings with `R:` before the caller's name, also in wrap-up, and not as an offer of the queue: the device counts as busy
from the first moment, so that nothing else is offered to it. The caller hears music throughout. If nobody takes the call
back, it goes to the head of the queue that it came from, or where the site says; into a mailbox only if the site names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from softswitch.call import sources
from softswitch.call.flow import EnterQueue, Flow, Mark
from softswitch.call.fork import Invitation
from softswitch.call.headers import party
from softswitch.call.lead import Lead
from softswitch.call.leaving import give_way
from softswitch.call.menu import farewell, flow_for
from softswitch.call.reach import reach
from softswitch.call.routing import Destination, parse
from softswitch.events import CallRecalled, RecallEnded
from softswitch.sip.grammar import is_token

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.fork import Fork
    from softswitch.call.hunt import Hunt
    from softswitch.call.leg import Leg

PREFIX: Final = "R:"
RECALL: Final = "recall"  # why the device is busy
HEAD: Final = 10_000  # the priority that puts a caller before all others of a queue
QUEUE_HEAD, QUEUE = "queue_head", "queue"


class Recall(Lead):
    """A caller waits for the one who sent them away."""

    __slots__ = ("attempt", "by", "cause", "dialled", "waited")

    state = "recalling"

    def __init__(self, call: Call, by: str, dialled: str, cause: str, waited: float, attempt: int = 0) -> None:
        super().__init__(call)
        self.by = by  # the account that is rung
        self.dialled = dialled  # where the call was to go
        self.cause = cause  # why that failed
        self.waited = waited  # seconds since the caller came, at the transfer
        self.attempt = attempt

    def begin(self, now: float) -> None:
        self.refresh()
        self._ring(now)

    def refresh(self) -> None:
        sources.alone(self.call)

    def _ring(self, now: float) -> None:
        board, call, user = self.board, self.call, self.by
        self.attempt += 1
        account = board.directory.accounts.get(user)
        give_way(board, user, now)
        if account is None:
            self._missed("unreachable", now)
        elif user == call.caller.device or any(leg.device == user and not leg.gone for leg in board.legs.values()):
            self._missed("busy", now)  # On the phone: no second call into a conversation.
        else:
            domain = board.directory.domain
            cause = self.cause if is_token(self.cause) else "failed"
            invitation = Invitation(
                "callee", user, account.name or user, call.identity(PREFIX), party("", user, domain),
                f"{call.headers}{call.trail}X-Recall: {party('', self.dialled, domain)};cause={cause}\r\n",
                call.max_forwards, call.caller.negotiation.speaks, RECALL,
            )  # fmt: skip
            board.publish(CallRecalled(call.id, user, self.dialled, self.cause, self.attempt))
            call.fork = reach(
                board, call, call, invitation, Destination("account", user), board.directory.recall_timeout
            )
            call.fork.start(now)

    # --- how it goes -------------------------------------------------------------------------------------------------

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        call = self.call
        call.lead = None
        self.board.publish(RecallEnded(call.id, self.by, "answered", self.attempt))
        call.mark(Mark("recalled", self.by))
        call.join(leg, now)

    def failed(self, status: int, cause: str, now: float) -> None:
        self._missed(cause, now)

    def _missed(self, cause: str, now: float) -> None:
        self.board.publish(RecallEnded(self.call.id, self.by, cause, self.attempt))
        if self.attempt < self.board.directory.recall_attempts:
            self.board.deadlines.set((self, "again"), now + self.board.directory.recall_pause)
        else:
            self._give_up(now)

    def expire(self, kind: str, now: float) -> None:
        self._ring(now)

    def end(self, now: float) -> None:
        """The call is over."""
        self.board.deadlines.clear((self, "again"))
        if self.call.fork is not None:
            self.board.publish(RecallEnded(self.call.id, self.by, "caller_gone", self.attempt))

    def _give_up(self, now: float) -> None:
        """The transferor cannot be had: the caller goes on without them, and is never left in a mailbox by surprise."""
        call, directory = self.call, self.board.directory
        call.lead = None
        visit = call.visit
        queue = directory.queues.get(visit.config.name) if visit is not None and not call.origin else None
        way = (queue.recall_fallback if queue is not None else "") or directory.recall_fallback
        call.mark(Mark("recall_failed", way))
        if way not in (QUEUE_HEAD, QUEUE):
            call.run(flow_for(parse(way), self.board.site, call.visitor), now, ("to", way))
        elif queue is not None and visit is not None:
            head = way == QUEUE_HEAD
            priority = max(HEAD, visit.priority) if head else visit.priority
            call.run(_back(queue.name, priority, self.waited), now, ("to", f"queue:{queue.name}"))
        else:
            call.run(farewell(("no-answer",), "recall_failed"), now, ("say", "recall_failed", "no-answer"))

    # --- restart -----------------------------------------------------------------------------------------------------

    def keep(self) -> dict[str, Any]:
        return {
            "kind": "recall",
            "by": self.by,
            "dialled": self.dialled,
            "cause": self.cause,
            "waited": self.waited,
            "attempt": self.attempt,
            "at": self.board.deadlines.at((self, "again")),
        }


def _back(queue: str, priority: int, credit: float) -> Flow:
    """Back into the queue that the caller came from."""
    yield EnterQueue(queue, priority, credit)
