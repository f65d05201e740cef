"""Calling a customer back: the call that is made when a callback has its turn (FEATURES OUT-01, OUT-04).

Agent first: an agent's phone rings as for any caller; who answers hears that it is a callback and of which number, and then
the customer is called. Customer first: the customer is called, hears why, and waits at the head of the queue. In both cases
it is an ordinary call of the queue from the moment when the customer has answered.

What is called is what a toll policy permits: whoever calls us can name a number, and we are no open relay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call.dialplan import EMERGENCY, plan_of
from softswitch.call.flow import Mark
from softswitch.call.fork import Invitation
from softswitch.call.headers import party
from softswitch.call.queueing import Offer, QueueVisit
from softswitch.call.reach import OUTSIDE, reach
from softswitch.call.routing import Destination, route
from softswitch.call.speech import digits
from softswitch.call.toll import callback_policy
from softswitch.callbacks import POLICY, CustomerDialled, CustomerMissed, CustomerReached, Kind
from softswitch.directory import Account, Queue
from softswitch.events import CallStarted
from softswitch.numbers import normalise, write

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.fork import Fork
    from softswitch.call.leg import Leg
    from softswitch.callbacks import Callback, DialCustomer
    from softswitch.effects import RingAgent

ROLE: Final = "customer"  # of the leg of whoever is called back
USER: Final = "callback"  # whose call it is, in its record and for the limits of the toll guard
AGENT_GONE: Final = "agent_gone"
INTRO: Final = ("agent-callback-intro",)
FAILED: Final = ("agent-callback-failed",)
# What the customer hears who answers before an agent does, by the kind of callback.
HELLO: Final = {
    Kind.ABANDONED: ("callback-hello-missed", "callback-holding"),
    Kind.DROPPED: ("reconnect-hello",),
}
GREETING: Final = ("callback-hello", "callback-holding")
FORBIDDEN: Final = frozenset(
    {403, 404, 482, 484}
)  # statuses that another attempt would not change, before anybody rang


# --- which numbers are called --------------------------------------------------------------------------------------------


def number_of(typed: str, board: Board) -> str:
    """The one spelling of a number that somebody has typed, or calls from: an account's, or one outside; "" = none."""
    if typed in board.directory.accounts:
        return typed
    return normalise(typed, board.directory.country)


def destination_of(number: str, board: Board) -> Destination | None:
    """Where a customer's number leads; None if that is nowhere that we call."""
    found = route(number, board.directory)
    if not isinstance(found, Destination) or found.kind not in ("account", OUTSIDE) or found.detail == EMERGENCY:
        return None
    return found


def permitted(number: str, queue: Queue, board: Board) -> bool:
    """Whether a queue calls this number back."""
    destination = destination_of(number, board)
    if destination is None:
        return False
    if destination.kind == "account":
        return True
    policy = callback_policy(queue.callbacks.policy, board.directory)
    return not plan_of(board.directory).is_emergency(number) and not board.guard.refuses(destination.name, policy)


def spoken(number: str, board: Board) -> tuple[str, ...]:
    """A number digit by digit, without the code of the own country."""
    return digits(write(number, "national", board.directory.country))


# --- orders of the queue engine ------------------------------------------------------------------------------------------


def ring(board: Board, order: RingAgent, now: float) -> Call | None:
    """Ring an agent for a customer who is not on the line; the call, None if there can be none."""
    callback, queue = order.callback, board.directory.queues.get(order.queue)
    assert callback is not None
    attempt = board.callbacks.get(callback.id) or (_attempt(board, callback, queue, now) if queue is not None else None)
    if attempt is None:
        return None
    attempt.visit.entered = order.since  # They have waited since they asked.
    attempt.visit.ring(order, now)
    return attempt.call


def dial(board: Board, order: DialCustomer, now: float) -> Call | None:
    """Call the customer before an agent is free; the call, None if there can be none."""
    queue = board.directory.queues.get(order.queue)
    attempt = _attempt(board, order.callback, queue, now) if queue is not None else None
    if attempt is None:
        board.out.append(CustomerMissed(order.callback.id, "unreachable"))
        return None
    attempt.visit.priority, attempt.visit.entered = order.priority, order.joined
    attempt.dial(now)
    return attempt.call


def _attempt(board: Board, callback: Callback, queue: Queue, now: float) -> Attempt | None:
    from softswitch.call.call import Call  # A call has a visit, and a visit of this kind makes a call.

    media = board.allocate(now, spare=1)  # Where there is room for both.
    if media is None:
        return None
    worker = media.worker
    media.close(now)
    account = Account(
        USER, name=queue.title or queue.name, policy=queue.callbacks.policy or POLICY, number=board.callback_number(callback.id)
    )  # fmt: skip
    call = Call(board, account, "", worker, now)
    call.caller_number, call.caller_name = callback.number, callback.name
    call.language = callback.language or queue.language or call.language
    visit = call.visit = QueueVisit(call, queue, now)
    visit.caller, visit.waiting = callback.id, False
    visit.attempt = attempt = Attempt(call, visit, callback)
    board.callbacks[callback.id] = attempt
    return attempt


class Attempt:
    """One call to a customer, from the first agent who is rung for them."""

    __slots__ = ("board", "call", "callback", "cause", "dialled", "offer", "visit")

    def __init__(self, call: Call, visit: QueueVisit, callback: Callback) -> None:
        self.board = call.board
        self.call = call
        self.visit = visit
        self.callback = callback
        self.offer: Offer | None = None  # whose agent has answered
        self.dialled = False
        self.cause = ""  # why the customer cannot be reached, while the agent is told

    # --- agent first -------------------------------------------------------------------------------------------------

    def introduce(self, offer: Offer, now: float) -> None:
        """An agent has answered: say who is going to be called, then call them."""
        self.offer = offer
        leg, board = offer.leg, self.board
        assert leg is not None
        if leg.up:
            clips = (*self.visit.config.agent_greeting, *INTRO, *spoken(self.callback.number, board))
            offer.play = leg.media.play_clips(board.resolve(clips, board.directory.language))
        else:
            self.dial(now)

    def played(self, now: float) -> None:
        """The agent has heard what they were told."""
        if self.cause:
            self._missed(self.cause, now)
        else:
            self.dial(now)

    def lost(self, offer: Offer, now: float) -> None:
        """An agent's phone does not ring any more, or its agent has hung up before the customer answered."""
        if offer is self.offer:
            if self.cause:
                self._missed(self.cause, now)  # They had heard enough.
                return
            if self.dialled:
                self.board.out.append(CustomerMissed(self.callback.id, AGENT_GONE))
            self.give_up(AGENT_GONE, now)
        elif self.offer is None and not self.visit.offers:
            self.give_up("no_answer", now)

    # --- the customer's phone ----------------------------------------------------------------------------------------

    def dial(self, now: float) -> None:
        """Call the customer."""
        board, call, number, queue = self.board, self.call, self.callback.number, self.visit.config
        self.dialled = True
        call.started = now
        board.publish(CallStarted(call.id, number, self.callback.name, number, USER))
        call.mark(Mark("callback", queue.name))
        board.out.append(CustomerDialled(self.callback.id, call.id, self.offer.agent if self.offer is not None else ""))
        destination = destination_of(number, board)
        if destination is None:
            self._failed(404, "invalid", now)
            return
        call.caller_name = call.account.name  # The customer is not told their own name.
        device, domain = (destination.name if destination.kind == "account" else ""), board.directory.domain
        agent = self.offer.leg if self.offer is not None else None
        invitation = Invitation(
            ROLE, device, self.callback.name or number, party(call.account.name, queue.name, domain),
            party("", number, domain), "", 70, agent.negotiation.speaks if agent is not None else (),
            "internal" if device else "",
        )  # fmt: skip
        if agent is not None and agent.up:
            agent.media.tone("ringback", board.country)
        call.fork = reach(board, call, self, invitation, destination, queue.callbacks.ring)
        call.fork.start(now)

    def fork_ringing(self, fork: Fork, leg: Leg, now: float) -> None:
        """What the network says while it rings is for the agent's ears."""
        agent = self.offer.leg if self.offer is not None else None
        if agent is not None and agent.up and leg.up and leg.negotiation.agreed and fork.early:
            agent.media.bridge(leg.media)

    def fork_answered(self, fork: Fork, leg: Leg, now: float) -> None:
        """The customer is there: an ordinary call of the queue from now on."""
        call, visit = self.call, self.visit
        call.fork = None
        call.caller = leg
        leg.owner = call
        call.caller_name, call.dialled = self.callback.name, self.callback.number
        offer, self.offer = self.offer, None
        if offer is not None:
            offer.joined(now)
            return
        visit.waiting = True
        if leg.up:
            visit.play = call.play(HELLO.get(Kind(self.callback.kind), GREETING), False)
        self.board.out.append(CustomerReached(self.callback.id))

    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None:
        self._failed(status, cause, now)

    def _failed(self, status: int, cause: str, now: float) -> None:
        """Nobody is to be had there: tell the agent who waits, then the engine."""
        call = self.call
        call.fork = None
        call.caller_name, call.dialled = self.callback.name, self.callback.number
        cause = "forbidden" if status in FORBIDDEN and cause in ("forbidden", "invalid") else cause
        agent = self.offer.leg if self.offer is not None else None
        if self.offer is None or agent is None or not agent.up:
            self._missed(cause, now)
            return
        self.cause = cause
        self.offer.play = agent.media.play_clips(self.board.resolve(FAILED, self.board.directory.language))

    def _missed(self, cause: str, now: float) -> None:
        self.board.out.append(CustomerMissed(self.callback.id, cause))
        self.give_up(cause, now)

    # --- the end -----------------------------------------------------------------------------------------------------

    def give_up(self, cause: str, now: float) -> None:
        """The attempt is over and nobody has talked. Without a call to the customer there is none to be told of."""
        call, board = self.call, self.board
        board.callbacks.pop(self.callback.id, None)
        self.offer = None
        call.outcome = cause if cause in ("busy", "no_answer", "rejected") else "failed"
        if self.dialled:
            call.end(cause, now)
            return
        if call.id in board.calls:
            call.withdraw()
            board.touch(call)
        self.visit.end(now)
