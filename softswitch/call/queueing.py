"""Waiting in a queue, seen from the telephone side: what the caller hears, and the agents' phones that ring for them.

Who is rung when is decided by the queue engine. Here its decisions are carried out: `RingAgent`, `WithdrawOffer`,
`ConnectOffer`, `ReleaseCaller`; and it is told what the phones do. An offer is settled by its id: reports and orders
about an offer that is over are ignored on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from media.control import Play
from softswitch.call.flow import Mark
from softswitch.call.fork import NO_ANSWER, Fork, Invitation
from softswitch.call.headers import ELSEWHERE, party, queue_lines
from softswitch.call.menu import flow_for
from softswitch.call.routing import Destination, parse, route
from softswitch.effects import (
    ConversationEnded,
    ConversationHeld,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferConnected,
    OfferFailed,
    OfferResult,
    OfferRinging,
    Outcome,
    RingAgent,
)

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.directory import Queue

RING_GRACE: Final = 2.0  # seconds that the engine's own ring timeout has precedence over ours

# What a caller is told who leaves a queue without an agent and without another destination.
FAREWELLS: Final = {
    Outcome.FULL: ("queue-full",),
    Outcome.TIMEOUT: ("queue-timeout",),
    Outcome.NO_AGENTS_ON_ENTRY: ("queue-no-agents",),
    Outcome.NO_AGENTS_LATER: ("queue-no-agents",),
    Outcome.FAILED: ("call-failed",),
}
RESULTS: Final = {
    NO_ANSWER: OfferResult.NO_ANSWER,
    "busy": OfferResult.BUSY,
    "rejected": OfferResult.REJECTED,
    "unreachable": OfferResult.UNREACHABLE,
}


class Offer:
    """One agent's phone ringing for one caller, and the conversation that may follow."""

    __slots__ = ("agent", "at", "board", "call", "fork", "id", "leg", "play", "rang", "talking", "timeout")

    def __init__(self, board: Board, call: Call, id: int, agent: str, at: float, timeout: float) -> None:
        self.board = board
        self.call = call
        self.id = id
        self.agent = agent
        self.at = at  # since when the agent is rung
        self.timeout = timeout  # seconds of ringing
        self.fork: Fork | None = None
        self.leg: Leg | None = None  # the phone that answered
        self.play = 0  # what the agent is told before the conversation
        self.rang = False
        self.talking = False
        board.offers[self.id] = self

    def ring(self, order: RingAgent, now: float) -> None:
        """Ring the agent's device on all its contacts."""
        board, call = self.board, self.call
        account = resolve_device(board, order.device)
        if not account:
            self._fail(OfferResult.UNREACHABLE, 404)
            return
        if account == call.account.user:
            self._fail(OfferResult.BUSY, 482)  # SIG-35: an agent who calls the own queue is on the phone.
            return
        bindings = board.bindings(account, now)
        if not bindings:
            self._fail(OfferResult.UNREACHABLE, 480)
            return
        visit = call.visit
        assert visit is not None
        domain = board.directory.domain
        invitation = Invitation(
            "agent", account, order.agent, call.identity(visit.config.caller_name_prefix), party("", account, domain),
            call.headers + queue_lines(call.id, visit.config, now - visit.entered, domain), call.max_forwards,
            call.caller.negotiation.speaks,
        )  # fmt: skip
        self.fork = Fork(board, call, self, invitation, bindings, order.timeout + RING_GRACE)
        self.fork.start(now)

    # --- as the owner of the fork ----------------------------------------------------------------------------------------

    def fork_ringing(self, fork: Fork, leg: Leg, now: float) -> None:
        if not self.rang:
            self.rang = True
            self.board.out.append(OfferRinging(self.id))

    def fork_answered(self, fork: Fork, leg: Leg, now: float) -> None:
        self.fork = None
        self.leg = leg
        leg.owner = self
        self.board.out.append(OfferAnswered(self.id))

    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None:
        self.fork = None
        self._fail(RESULTS.get(cause, OfferResult.FAILED), status)

    def _fail(self, result: OfferResult, status: int) -> None:
        self._forget()
        self.board.out.append(OfferFailed(self.id, result, status))

    # --- as the owner of the leg, until the conversation begins -----------------------------------------------------------

    def leg_ringing(self, leg: Leg, message: object, now: float) -> None:
        """It has been answered already."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """The fork reports the answer."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        """A hold before the conversation shows when it begins."""

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        """Keys before the conversation mean nothing."""

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        if play == self.play and cause != "replaced":
            self.play = 0
            self._talk(now)
            self.board.out.append(OfferConnected(self.id))

    def leg_gone(self, leg: Leg, now: float) -> None:
        self._fail(OfferResult.FAILED, 0)

    # --- what the engine decides -------------------------------------------------------------------------------------------

    def connect(self, now: float) -> None:
        """Join caller and agent: at once, or after a word to the agent alone (ACD-34)."""
        leg, visit = self.leg, self.call.visit
        if leg is None or visit is None or leg.gone:
            return  # The report of that is on its way to the engine.
        greeting = visit.config.agent_greeting
        if greeting and leg.up:
            self.play = leg.media.play_clips(self.board.resolve(greeting, self.board.directory.language))
        else:
            self._talk(now)

    def _talk(self, now: float) -> None:
        call, leg = self.call, self.leg
        assert leg is not None and call.visit is not None
        self.talking = True
        call.visit.connected(self)
        call.reached = self.agent
        call.join(leg, now)

    def withdraw(self, result: OfferResult, now: float) -> None:
        """Stop ringing, or hang up if the answer lost the race."""
        self._forget()
        headers = ELSEWHERE if result in (OfferResult.CANCELLED_ELSEWHERE, OfferResult.ANSWERED) else ""
        if self.fork is not None:
            self.fork.cancel(now, result.value, headers)
            self.fork = None
        elif self.leg is not None:
            self.leg.hang_up(now, 480, result.value, headers)
            if self.talking:
                self.call.end(result.value, now)

    def end(self, now: float) -> None:
        """The call is over: agent and caller no longer talk."""
        self._forget()
        if self.fork is not None:
            self.fork.cancel(now, "caller_gone")
            self.fork = None
        if self.leg is not None:
            self.leg.hang_up(now, 480, "normal")
        if self.talking:
            self.board.out.append(ConversationEnded(self.id))

    def leave(self) -> None:
        """The agent no longer talks to the caller, whose call goes on with somebody else."""
        self._forget()
        self.leg = None
        self.talking = False
        self.board.out.append(ConversationEnded(self.id))

    def _forget(self) -> None:
        self.board.offers.pop(self.id, None)
        if self.call.visit is not None:
            self.call.visit.offers.pop(self.id, None)


class QueueVisit:
    """One caller in one queue."""

    __slots__ = ("board", "call", "config", "entered", "offers", "play", "priority", "talking", "waiting")

    def __init__(self, call: Call, config: Queue, now: float) -> None:
        self.call = call
        self.board = call.board
        self.config = config
        self.entered = now
        self.offers: dict[int, Offer] = {}
        self.talking: Offer | None = None
        self.waiting = True  # the engine counts the caller as waiting
        self.priority = 0
        self.play = 0

    def enter(self, priority: int, now: float) -> None:
        """Join the queue. The greeting plays meanwhile and delays nothing (ACD-33)."""
        call = self.call
        self.priority = priority
        if call.caller.up:
            if self.config.greeting:
                self.play = call.play(self.config.greeting, False)
            else:
                self._music()
        self.board.out.append(EnterQueue(call.id, self.config.name, call.caller_number, call.caller_name, priority))

    def _music(self) -> None:
        self.call.music(self.config.music)

    def resume(self) -> None:
        """After a restart: the greeting plays on if it still does, else there is music."""
        media = self.call.caller.media
        if isinstance(media.source, Play) and media.source.play == self.play:
            media.play = self.play
        elif self.call.caller.up:
            self.play = 0
            self._music()

    def ring(self, order: RingAgent, now: float) -> None:
        offer = Offer(self.board, self.call, order.offer, order.agent, now, order.timeout)
        self.offers[offer.id] = offer
        offer.ring(order, now)

    def connected(self, offer: Offer) -> None:
        """An agent has taken the caller: nothing else plays, nobody else rings."""
        self.waiting = False
        self.play = 0
        self.talking = offer

    def played(self, leg: Leg, play: int, cause: str, now: float) -> bool:
        """Clips have ended; True if they were the visit's."""
        if play != self.play or leg is not self.call.caller:
            return False
        self.play = 0
        if cause != "replaced" and self.waiting:
            self._music()
        return True

    def exchanged(self, leg: Leg, successor: Leg | None) -> None:
        """Somebody has taken the place of a leg: the agent on another line, or another person."""
        offer = self.talking
        if offer is None or offer.leg is not leg:
            return
        if successor is not None and successor.device == leg.device:
            offer.leg = successor
        else:
            self.talking = None
            offer.leave()

    def held(self, held: bool) -> None:
        if self.talking is not None:
            self.board.out.append(ConversationHeld(self.talking.id, held))

    def release(self, outcome: Outcome, destination: str, now: float) -> None:
        """The engine lets the caller go: on to a destination, or with an explanation."""
        self.waiting = False
        for offer in list(self.offers.values()):
            offer.withdraw(OfferResult.CANCELLED_CALLER_GONE, now)
        self.call.mark(Mark("left", f"{self.config.name} {outcome.value}"))
        if not destination or destination == "hangup":
            self.call.say(FAREWELLS.get(outcome, ("goodbye",)), f"queue_{outcome.value}", now)
        else:
            self.call.run(flow_for(parse(destination), self.board.site), now, ("to", destination))

    def end(self, now: float) -> None:
        """The call is over."""
        if self.waiting:
            self.waiting = False
            self.board.out.append(LeaveQueue(self.call.id, _outcome(self.call)))
        for offer in list(self.offers.values()):
            offer.end(now)


def _outcome(call: Call) -> Outcome:
    """Who hung up decides (C.4): the caller has abandoned; a line that died has failed."""
    return Outcome.ABANDONED if call.caller.by in ("remote", "") else Outcome.FAILED


def resolve_device(board: Board, device: str) -> str:
    """The account that rings for a device: itself, or where its number leads inside the site (ACD-44). "" if nowhere."""
    if device in board.directory.accounts:
        return device
    target = route(device, board.directory)
    return target.name if isinstance(target, Destination) and target.kind == "account" else ""
