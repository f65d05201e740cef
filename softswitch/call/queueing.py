"""Waiting in a queue, seen from the telephone side: what the caller hears, and the agents' phones that ring for them.

Who is rung when is decided by the queue engine. Here its decisions are carried out: `RingAgent`, `WithdrawOffer`,
`ConnectOffer`, `ReleaseCaller`; and it is told what the phones do. An offer is settled by its id: reports and orders
about an offer that is over are ignored on both sides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from media.control import Play
from softswitch.call.announcing import Announcer
from softswitch.call.confirm import ASK_AGENT, Confirmation, Introduction, words
from softswitch.call.dialling import disturbed, redirected
from softswitch.call.flow import Mark
from softswitch.call.fork import NO_ANSWER, Fork, Invitation
from softswitch.call.headers import ELSEWHERE, party, queue_lines
from softswitch.call.leaving import give_way
from softswitch.call.menu import flow_for
from softswitch.call.reach import OUTSIDE, reach, resolve
from softswitch.call.routing import parse
from softswitch.effects import (
    CallerKey,
    ConversationEnded,
    ConversationHeld,
    EnterQueue,
    LeaveQueue,
    OfferAnswered,
    OfferAsked,
    OfferConnected,
    OfferFailed,
    OfferResult,
    OfferRinging,
    Outcome,
    ReleaseCaller,
    RingAgent,
)

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.callback import Attempt
    from softswitch.call.leg import Leg
    from softswitch.directory import Need, Queue

# How a leg ends whose phone, network or worker has failed rather than its owner hung up.
BROKEN: Final = frozenset(
    {"rtp_timeout", "rtp_timeout_hold", "dialog_lost", "session_expired", "media_lost", "no_media"}
)
CALLBACK_PREFIX: Final = "C:"  # before the name of a customer who is called back, on the agent's phone
MOMENT: Final = 0.1  # seconds: a queue that keeps a caller no longer has only passed them on
RING_GRACE: Final = 2.0  # seconds that the engine's own ring timeout has precedence over ours

# What a caller is told who leaves a queue without an agent and without another destination.
FAREWELLS: Final = {
    Outcome.FULL: ("queue-full",),
    Outcome.TIMEOUT: ("queue-timeout",),
    Outcome.OVERFLOW: ("queue-timeout",),
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

    __slots__ = (
        "accepted", "agent", "asked", "at", "board", "call", "confirm", "fork", "id", "leg", "play", "rang", "talking", "timeout",
    )  # fmt: skip

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
        self.confirm = False  # whoever answers has to accept the call
        self.asked: Confirmation | None = None  # ... and is asked that now
        self.accepted = False  # ... and has
        self.rang = False
        self.talking = False
        board.offers[self.id] = self

    def ring(self, order: RingAgent, now: float) -> None:
        """Ring the agent's device on all its contacts."""
        board, call = self.board, self.call
        destination = resolve(board, order.device)
        if destination is None:
            self._fail(OfferResult.UNREACHABLE, 404, now)
            return
        device = destination.name
        self.confirm = order.confirm == "always" or (order.confirm == "outside" and destination.kind == OUTSIDE)
        caller = None if call.summoning else call.caller  # Who is called back is not on the line yet.
        if caller is not None and device == caller.device and destination.kind == "account":
            self._fail(OfferResult.BUSY, 482, now)  # SIG-35: an agent who calls the own queue is on the phone.
            return
        account = board.directory.accounts.get(device) if destination.kind == "account" else None
        if account is not None and disturbed(board, account, caller.device if caller is not None else ""):
            self._fail(OfferResult.BUSY, 486, now)
            return
        visit = call.visit
        assert visit is not None
        give_way(board, device, now)
        domain = board.directory.domain
        prefix = visit.config.caller_name_prefix + ("" if caller is not None else CALLBACK_PREFIX)
        invitation = Invitation(
            "agent", device, order.agent, call.identity(prefix), party("", device, domain),
            call.headers + call.trail + queue_lines(call.id, visit.config, now - visit.entered, domain), call.max_forwards,
            caller.negotiation.speaks if caller is not None else (), auto_answer=visit.config.auto_answer,
            redirects=visit.config.follow_redirects,
        )  # fmt: skip
        self.fork = reach(board, call, self, invitation, destination, order.timeout + RING_GRACE)
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
        if self.confirm:
            assert self.call.visit is not None
            until = now + self.call.visit.config.confirm_timeout
            self.ask(leg, until, now).ask()
            self.board.out.append(OfferAsked(self.id, until))  # The engine keeps the time.
        else:
            self.board.out.append(OfferAnswered(self.id))

    def ask(self, leg: Leg, until: float, now: float) -> Confirmation:
        """Whoever has answered may accept the call until then; the caller goes on hearing what they hear (ACD-34)."""
        visit, language = self.call.visit, self.board.directory.language
        assert visit is not None
        leg.owner = self
        said = words(visit.config, now - visit.entered, language)
        self.asked = Confirmation(self.board, leg, (*said, *ASK_AGENT), until)
        return self.asked

    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None:
        self.fork = None
        if fork.redirect and self._follow(fork, now):
            return
        self._fail(RESULTS.get(cause, OfferResult.FAILED), status, now)

    def _follow(self, fork: Fork, now: float) -> bool:
        """The agent's phone sends the call to another phone of the site: ring there, for the agent, once."""
        board, device = self.board, fork.invitation.device
        target = redirected(fork.redirect, board, board.directory.accounts[device])
        bindings = board.bindings(target.name, now) if target is not None and target.kind == "account" else ()
        if target is None or not bindings or target.name in (device, self.call.account.user):
            return False
        to = party("", target.name, board.directory.domain)
        invitation = replace(fork.invitation, device=target.name, to=to, redirects=False)
        self.fork = Fork(board, self.call, self, invitation, bindings, self.at + self.timeout + RING_GRACE - now)
        self.fork.start(now)
        return True

    def _fail(self, result: OfferResult, status: int, now: float) -> None:
        self._forget()
        self.board.out.append(OfferFailed(self.id, result, status))
        self._lost(now)

    def _lost(self, now: float) -> None:
        """The last who could have called a customer back may be gone."""
        visit = self.call.visit
        if visit is not None and visit.attempt is not None and self.call.summoning:
            visit.attempt.lost(self, now)

    # --- as the owner of the leg, until the conversation begins -----------------------------------------------------------

    def leg_ringing(self, leg: Leg, message: object, now: float) -> None:
        """It has been answered already."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """The fork reports the answer."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        """A hold before the conversation shows when it begins."""

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        """A key takes the call where that is asked; else it means nothing before the conversation."""
        if self.asked is not None and self.asked.accepts(digit):
            self.asked, self.accepted = None, True
            self.board.out.append(OfferAnswered(self.id))

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        if self.asked is not None:
            self.asked.played(play, cause)
            return
        if play != self.play or cause == "replaced":
            return
        self.play = 0
        attempt = self.call.visit.attempt if self.call.visit is not None else None
        if attempt is not None and self.call.summoning:
            attempt.played(now)
        elif self.call.visit is not None and self.call.visit.introduction is not None:
            self.call.visit.introduction.played(play, now)

    def leg_gone(self, leg: Leg, now: float) -> None:
        # Who does not accept the call has not answered it.
        self._fail(OfferResult.FAILED if self.asked is None else OfferResult.NO_ANSWER, 0, now)

    # --- what the engine decides -------------------------------------------------------------------------------------------

    def connect(self, now: float) -> None:
        """Join caller and agent: at once, or after a word to the agent alone (ACD-34)."""
        leg, visit = self.leg, self.call.visit
        if leg is None or visit is None or leg.gone:
            return  # The report of that is on its way to the engine.
        if visit.attempt is not None and self.call.summoning:
            visit.attempt.introduce(self, now)
            return
        if self.accepted and not visit.config.consent:
            self._talk(now)  # They have been told all, and the engine counts them as talking.
            return
        visit.introduction = Introduction(self)
        if not visit.introduction.begin(leg, visit, now):
            self.joined(now)

    def joined(self, now: float) -> None:
        """Whoever was to be told something, or called, is ready: the two talk."""
        assert self.call.visit is not None
        speaks, self.play = self.call.visit.speaks_first or self.call.visit.attempt is not None, 0
        self._talk(now)
        if speaks:
            self.board.out.append(OfferConnected(self.id))

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
        self._lost(now)

    def end(self, now: float) -> None:
        """The call is over: agent and caller no longer talk."""
        self._forget()
        if self.fork is not None:
            self.fork.cancel(now, "caller_gone")
            self.fork = None
        if self.leg is not None:
            self.leg.hang_up(now, 480, "normal")
        if self.talking:
            self.board.out.append(ConversationEnded(self.id, broken(self.call)))

    def leave(self) -> None:
        """The agent no longer talks to the caller, whose call goes on with somebody else."""
        self._forget()
        self.leg = None
        self.talking = False
        self.board.out.append(ConversationEnded(self.id))

    def _forget(self) -> None:
        self.board.offers.pop(self.id, None)
        visit, self.asked = self.call.visit, None
        if visit is not None:
            visit.offers.pop(self.id, None)
            if visit.introduction is not None and visit.introduction.offer is self:
                visit.introduction.stop()
                visit.introduction = None


class QueueVisit:
    """One caller in one queue."""

    __slots__ = (
        "_waiting", "announcer", "attempt", "board", "call", "caller", "config", "credit", "entered", "introduction",
        "left_waiting", "offers", "play", "priority", "rush", "talking",
    )  # fmt: skip

    def __init__(self, call: Call, config: Queue, now: float) -> None:
        self.call = call
        self.board = call.board
        self.config = config
        self.caller = call.id  # as the engine knows it
        self.attempt: Attempt | None = None  # the customer is called back: they are not on the line, or were not
        self.entered = now
        self.offers: dict[int, Offer] = {}
        self.talking: Offer | None = None
        self._waiting = True
        self.priority = 0
        self.credit = 0.0  # seconds that count as waited before `entered`
        self.left_waiting = False  # the queue let the caller go before anybody talked to them
        past = call.visit
        rushed = past is not None and past.left_waiting and now - past.entered < MOMENT
        self.rush: int = (
            past.rush + 1 if past is not None and rushed else 0
        )  # queues before it that kept the caller no time
        self.introduction: Introduction | None = None  # agent and caller are told something before they talk
        self.play = 0
        self.announcer = Announcer(self)

    @property
    def waiting(self) -> bool:
        """Whether the engine counts the caller as waiting."""
        return self._waiting

    @waiting.setter
    def waiting(self, waiting: bool) -> None:
        self._waiting = waiting
        if not waiting:
            self.announcer.stop()

    @property
    def speaks_first(self) -> bool:
        """Whether one of the two is told something before they talk, of whose end the engine hears."""
        config = self.config
        return bool(config.agent_greeting or config.agent_hears_wait or config.connecting or config.consent)

    def enter(
        self, priority: int, now: float, wait_credit: float = 0.0, preferred: str = "", needs: tuple[Need, ...] = ()
    ) -> None:
        """Join the queue. The greeting plays meanwhile and delays nothing (ACD-33)."""
        call = self.call
        self.priority, self.credit = priority, wait_credit
        if call.caller.up:
            if self.config.greeting:
                self.play = call.play(self.config.greeting, False)
                self.announcer.cadence.speaking = "greeting"
            else:
                self._music()
            self.announcer.start(now)
        self.board.out.append(
            EnterQueue(
                call.id, self.config.name, call.caller_number, call.caller_name, priority, wait_credit, preferred, needs,
            )
        )  # fmt: skip

    def _music(self) -> None:
        self.call.music(self.config.music)

    def say(self, clips: tuple[str, ...], language: str) -> None:
        """Say something to the caller who waits; music follows."""
        call = self.call
        self.play = call.caller.media.play_clips(self.board.resolve(clips, language, call.visitor.prompts, call.id))

    def hushed(self, now: float) -> None:
        """What was said is over."""
        self.play = 0
        if self.waiting:
            self._music()
        self.announcer.heard(now)

    def tell(self, clips: tuple[str, ...]) -> None:
        """Say something to a caller who goes on waiting."""
        if self.call.caller.up:
            self.play = self.call.play(clips, False)

    def key(self, key: str, now: float) -> None:
        """The caller has pressed a key, whatever they were hearing: the engine knows whether it leads out (ACD-29)."""
        if self.introduction is not None and self.introduction.refused(key, now):
            return
        self.board.out.append(CallerKey(self.caller, key))

    def resume(self, now: float) -> None:
        """After a restart: what is being said plays on if it still does, else there is music; announcements go on."""
        media = self.call.caller.media
        if isinstance(media.source, Play) and media.source.play == self.play:
            media.play = self.play
        elif self.call.caller.up:
            self.play = 0
            self._music()
        self.announcer.resume(now)

    def ring(self, order: RingAgent, now: float) -> None:
        offer = Offer(self.board, self.call, order.offer, order.agent, now, order.timeout)
        self.offers[offer.id] = offer
        offer.ring(order, now)

    def connected(self, offer: Offer) -> None:
        """An agent has taken the caller: nothing else plays, nobody else rings."""
        self.waiting = False
        self.play = 0
        self.introduction = None
        self.talking = offer

    def played(self, leg: Leg, play: int, cause: str, now: float) -> bool:
        """Clips have ended; True if they were the visit's."""
        if play != self.play or leg is not self.call.caller:
            return False
        if cause == "replaced":
            self.play = 0
        else:
            self.hushed(now)
        if self.introduction is not None:
            self.introduction.played(play, now)
        return True

    def exchanged(self, leg: Leg, successor: Leg | None) -> None:
        """Somebody has taken the place of a leg: the agent on another line, or another person."""
        offer = self.talking
        if offer is None or offer.leg is not leg:
            return
        if successor is not None and successor.device == leg.device and leg.errand is None:
            offer.leg = successor
        else:
            self.talking = None
            offer.leave()

    def succeeded(self, call: Call, offer: Offer) -> QueueVisit:
        """The visit of another call, in which the agent of an offer goes on."""
        visit = QueueVisit(call, self.config, self.entered)
        visit.waiting, visit.priority, visit.talking = False, self.priority, offer
        visit.offers[offer.id] = offer
        return visit

    def held(self, held: bool) -> None:
        if self.talking is not None:
            self.board.out.append(ConversationHeld(self.talking.id, held))

    def release(self, order: ReleaseCaller, now: float) -> None:
        """The engine lets the caller go: on to a destination, or with an explanation."""
        outcome, destination = order.outcome, order.destination
        self.waiting = False
        self.left_waiting = True
        self.priority, self.credit = order.priority, order.credit  # Raised, or given back, while they waited.
        for offer in list(self.offers.values()):
            offer.withdraw(OfferResult.CANCELLED_CALLER_GONE, now)
        if self.attempt is not None and self.call.summoning:
            self.attempt.give_up("cancelled", now)
            return
        self.call.mark(Mark("left", f"{self.config.name} {outcome.value}"))
        if not destination or destination == "hangup":
            self.call.say(FAREWELLS.get(outcome, ("goodbye",)), f"queue_{outcome.value}", now)
        else:
            self.call.run(flow_for(parse(destination), self.board.site, self.call.visitor), now, ("to", destination))

    def end(self, now: float) -> None:
        """The call is over."""
        if self.attempt is not None:
            self.board.callbacks.pop(self.caller, None)
        if self.waiting:
            self.waiting = False
            self.board.out.append(LeaveQueue(self.caller, _outcome(self.call)))
        for offer in list(self.offers.values()):
            offer.end(now)


def broken(call: Call) -> str:
    """Why a conversation broke off, "" if somebody has hung up."""
    return next((leg.cause for leg in call.members if leg.cause in BROKEN), "")


def _outcome(call: Call) -> Outcome:
    """Who hung up decides (C.4): the caller has abandoned; a line that died has failed."""
    return Outcome.ABANDONED if call.caller.by in ("remote", "") else Outcome.FAILED
