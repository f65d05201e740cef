"""A call: the caller's leg, whoever it is connected to, and what happens in between.

The caller is either put through (B2BUA: the other side's answer is passed on) or answered by us and led by a flow through
menus, queues and announcements. What a leg hears is decided in one place, `_sources`: never silence where somebody listens.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from softswitch.call import leaving, outward, router, sources
from softswitch.call.actions import FAILURES
from softswitch.call.after import stays, talked_to
from softswitch.call.closing import OUTCOMES, record_of
from softswitch.call.dialling import RINGING, failed, put_through
from softswitch.call.features import begin, phone_flow
from softswitch.call.flow import Flow, Mark, Runner
from softswitch.call.fork import Fork, Invitation
from softswitch.call.headers import diversion_lines, nobody, party, trail_lines
from softswitch.call.identity import led_by
from softswitch.call.leg import FLASH, Leg, LegState
from softswitch.call.menu import farewell, feature, flow_for, resumed
from softswitch.call.only import NOT_ALLOWED
from softswitch.call.reach import reach
from softswitch.call.routing import Destination, agent_of
from softswitch.call.stage import CallStage
from softswitch.call.supervise import TAKEOVER, Supervision, follow
from softswitch.call.transfer import leave_queue
from softswitch.call.visitor import GONE, Visitor
from softswitch.events import CallBridged, CallEnded, CallHeld, CallResumed, DigitReceived, FlowStep

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.codecs import Format
    from softswitch.call.conference import Meeting
    from softswitch.call.headers import Diversion
    from softswitch.call.hunt import Hunt
    from softswitch.call.lead import Lead
    from softswitch.call.queueing import QueueVisit
    from softswitch.call.remote import Playing
    from softswitch.directory import Account
    from softswitch.sip.message import Message

MAX_PATH: Final = 200  # steps of a flow that the record of a call keeps

FEATURES: Final = ("feature", "slot")
NOT_REACHED: Final = {"no_answer": "no_answer", "rejected": "rejected", "busy": "busy"}


class Call:
    """One call from its INVITE to its record."""

    __slots__ = (
        "_caller", "_on_answer", "account", "authority", "board", "bridged_at", "caller_name", "caller_number",
        "connected_at", "context", "dialled", "diversions", "ended", "extra", "fork", "headers", "hidden", "holding",
        "id", "intercom", "language", "lead", "legs", "max_forwards", "meeting", "met", "origin", "outcome", "path", "path_at",
        "peer", "playing", "pressing", "reached", "recipe", "room", "runner", "secure", "shows", "started", "supervision",
        "talked",
        "transfers", "trunk", "unsettled", "visit", "visited", "watchers", "worker",
    )  # fmt: skip

    def __init__(self, board: Board, account: Account, dialled: str, worker: int, now: float, *, id: str = "") -> None:
        self.board = board
        self.id = id or board.entropy.token()
        self.account = account
        self.authority = account  # by whose rights the call is led further: after a transfer or a forward, theirs
        self.diversions: tuple[Diversion, ...] = ()  # by whom it was led further, and why; the latest last
        self.trunk = ""  # that the caller came in by, else that somebody outside talks by
        self.shows = ""  # a number of the account that its phone has asked for
        self.visited: tuple[str, ...] = ()  # who has led it further, "account:101"
        self.caller_number = account.user
        self.caller_name = account.name
        self.dialled = dialled
        self.worker = worker
        self.started = now
        self.language = account.language or board.directory.language
        self.legs: dict[Leg, None] = {}  # whose signalling is not over
        self._caller: Leg | None = None
        self.peer: Leg | None = None  # who the caller talks to
        self.extra: list[Leg] = []  # further parties of the conversation
        self.room = 0  # of more than two who talk, or are listened to; 0 = none
        self.playing: Playing | None = None  # what is being played into the conversation
        self.pressing: Leg | None = None  # whose key is for us only, and may not be let go yet
        self.watchers: list[Supervision] = []  # who listens to the conversation
        self.supervision: Supervision | None = None  # what this caller does to another's conversation
        self.meeting: Meeting | None = None
        self.fork: Fork | Hunt | None = None
        self.runner: Runner | None = None
        self.visit: QueueVisit | None = None
        self.headers = ""  # of the INVITE that go on to the other side
        self.intercom = False  # the phone that is called is asked to answer by itself
        self.secure = False  # a sips URI was called: TLS on every way
        self.hidden = False  # the caller's identity is not shown
        self.max_forwards = 70
        self.path: list[str] = []
        self.path_at: list[float] = []  # when each was reached, in seconds since the call began
        self.recipe: tuple[str, ...] = ()  # of the flow that the caller is led by (`menu.resumed`)
        self.reached = ""  # the agent who took the call
        self.outcome = ""  # how the attempt to reach somebody failed
        self.lead: Lead | None = None  # who leads a party of the call to somebody else (`transfer`, `recall`)
        self.transfers = 0  # times that the call was led on
        self.context: dict[str, str] = {}  # what travels with it: "note", "customer" (XFR-07)
        self.origin: tuple[str, ...] = ()  # the caller's number and name, if another party is the caller now
        self.connected_at = 0.0  # since when anybody talked, for the record
        self.bridged_at = 0.0  # ... since when those talk who do now
        self.talked = 0.0  # seconds of talk before that
        self.unsettled = 0  # legs whose record is not published yet
        self.ended: CallEnded | None = None
        self.holding: set[Leg] = set()
        self._on_answer: tuple[Flow, tuple[str, ...]] | None = (
            None  # flow and recipe, for a phone that we ring ourselves
        )
        self.met: Visitor | None = None  # the caller as menus and flows know them; None = none has asked yet
        board.calls[self.id] = self
        board.count(account.user, 1)
        board.touch(self)

    @property
    def caller(self) -> Leg:
        """Who the call is for. A supervisor's call that we make has none until the phone answers."""
        assert self._caller is not None
        return self._caller

    @caller.setter
    def caller(self, leg: Leg) -> None:
        self._caller = leg

    @property
    def visitor(self) -> Visitor:
        """The caller as menus and flows know them."""
        if self.met is None:
            self.met = Visitor(self, self.board.publish, self.board.out.append, lambda: talked_to(self))
        return self.met

    @property
    def summoning(self) -> bool:
        """Whether the phone of a supervisor has not answered yet."""
        return self._caller is None

    @property
    def members(self) -> list[Leg]:
        """Everybody in the conversation."""
        return [leg for leg in (self._caller, self.peer, *self.extra) if leg is not None]

    @property
    def queued(self) -> bool:
        """Whether an agent talks to a caller of a queue."""
        return self.visit is not None and self.visit.talking is not None

    # --- beginning -----------------------------------------------------------------------------------------------------

    def start(self, destination: Destination, now: float) -> None:
        """Ring whoever the destination means, or answer and run the flow of any other."""
        if destination.kind in RINGING:
            put_through(self, destination, now)
        elif destination.kind in FEATURES and begin(self, destination, now):
            pass  # It was a way to dial, or has taken another call.
        elif destination.kind == router.ROUTER and not self.caller.up:
            router.begin(self, destination, CallStage(self), now)
        elif self.caller.offer is not None and not self.caller.understands:
            # It speaks nothing that we could play to it.
            self.caller.hang_up(now, 488, "no_common_codec")
            self.end("no_common_codec", now)
        elif destination.kind == "agent":
            agent = agent_of(self.account, self.board.directory)
            choices = self.board.site.facts.queues.choices(agent)
            self.run(feature(agent, destination, self.account.user, choices), now)
        elif destination.kind in FEATURES:
            self.run(phone_flow(self, destination), now)
        else:
            self.run(flow_for(destination, self.board.site, self.visitor), now, ("to", str(destination)))

    def run(self, flow: Flow, now: float, recipe: tuple[str, ...] = ()) -> None:
        """Answer if that has not happened, and lead the caller through a flow. Keys typed before are kept.

        `recipe`: how it is begun again after a restart; () = there is nothing left but to hang up.
        """
        self.recipe = recipe
        typed = self.runner.digits if self.runner is not None else []
        if self.runner is not None:
            self.runner.stop()
        self.runner = runner = Runner(flow, CallStage(self))
        runner.digits = typed
        self.caller.answer((), now)
        if self.caller.up:  # With a late offer the flow starts when the ACK has brought an address.
            runner.start(now)

    def summon(
        self, flow: Flow, caller: str, now: float, *, role: str = "supervisor", by_itself: bool = False,
        recipe: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Ring the phone of our own account and lead whoever answers through a flow.

        `caller`: what the phone shows; `by_itself`: it is asked to answer without anybody touching it; `recipe`: as of `run`.
        """
        board, user = self.board, self.account.user
        self._on_answer = flow, recipe
        domain = board.directory.domain
        invitation = Invitation(
            role, user, self.account.name or user, party(caller, self.dialled, domain), party("", user, domain),
            occupies="internal", auto_answer=by_itself,
        )  # fmt: skip
        self.fork = reach(board, self, self, invitation, Destination("account", user), board.policy.no_answer_timeout)
        self.fork.start(now)

    def _summoned(self, leg: Leg, now: float) -> None:
        led, self._on_answer = self._on_answer, None
        assert led is not None
        self._caller = leg
        leg.owner = self
        self.run(led[0], now, led[1])

    def identity(self, prefix: str = "") -> str:
        """The From value that others see: the account that called, never what its phone claims."""
        if self.hidden:
            return nobody(prefix)
        number, name = self.caller_number, self.caller_name
        if self.met is not None:  # A flow may say how others see them.
            number, name = self.met.shown_number or number, self.met.shown_name or name
        return party(f"{prefix}{name or (number if prefix else '')}", number, self.board.directory.domain)

    @property
    def trail(self) -> str:
        """Header lines that tell whoever is rung where the call has been."""
        domain = self.board.directory.domain
        diversions = led_by(self)
        lines = diversion_lines(diversions, domain) if diversions else ""
        return lines + trail_lines(self.id, self.authority.user, self.transfers, self.context, domain)

    def caller_speaks(self) -> tuple[Format, ...]:
        """What the other side is to prefer: what the caller talks already, then all that the caller has named."""
        negotiation, offer = self.caller.negotiation, self.caller.offer or self.caller.negotiation.remote
        named = offer.wishes if offer is not None else ()
        if not negotiation.understood or negotiation.format is None:
            return named
        talks = negotiation.format
        return (talks, *[one for one in named if one.key != talks.key])

    # --- as the owner of a fork ----------------------------------------------------------------------------------------

    def fork_ringing(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        if self.lead is not None:
            self.lead.fork_ringing(fork, leg, now)
            return
        if self._caller is None:
            return
        caller = self._caller
        if leg.up and leg.negotiation.agreed and fork.early and caller.early_media(leg.negotiation.speaks, now):
            caller.media.bridge(leg.media)
        elif caller.up:
            # The caller was answered, or hears early media: their phone makes no sound of its own any more.
            caller.media.tone("ringback", self.board.country)
        else:
            caller.ring(now)

    def fork_answered(self, fork: Fork | Hunt, leg: Leg, now: float) -> None:
        self.fork = None
        if self._caller is None:
            self._summoned(leg, now)
            return
        if self.lead is not None:
            self.lead.fork_answered(fork, leg, now)
            return
        if self.runner is not None:
            self.runner.stop()
        self.join(leg, now)

    def fork_failed(self, fork: Fork | Hunt, status: int, cause: str, now: float) -> None:
        self.fork = None
        if not failed(self, fork, status, cause, now):
            self.not_reached(status, cause, now)

    def not_reached(self, status: int, cause: str, now: float) -> None:
        """Nobody is to be had: the status for a caller who was not answered, words for one who was."""
        if self.lead is not None:
            self.lead.failed(status, cause, now)
            return
        self.outcome = NOT_REACHED.get(cause, OUTCOMES.get(status, "failed"))
        if self._caller is None:
            self.end(cause, now)
        elif self.runner is not None and self.runner.active:
            self.runner.resume(cause, now)
        elif self.caller.state is LegState.INCOMING:
            self.caller.hang_up(now, status, cause, NOT_ALLOWED if self.secure and status == 480 else "")
            self.end(cause, now)
        elif self.runner is None and self.recipe[:1] == ("menu",):
            self.run(
                resumed(self.recipe, self.board.site, self.visitor), now, self.recipe
            )  # It rang through a restart.
        else:
            self.say(FAILURES.get(cause, ("call-failed",)), cause, now)

    def say(self, clips: tuple[str, ...], cause: str, now: float) -> None:
        """Say something to a caller who was answered, and hang up."""
        self.run(farewell(clips, cause), now, ("say", cause, *clips))

    def fork_resumed(self, now: float) -> None:
        """After a restart: whoever rang rings on, and the caller hears what they heard."""
        fork, caller = self.fork, self.caller
        if fork is None or not caller.up:
            return  # The caller's own phone makes the sound.
        leg = fork.legs[0] if fork.legs else None
        if leg is not None and leg.up and fork.early:
            caller.media.bridge(leg.media)
        else:
            caller.media.tone("ringback", self.board.country)

    # --- talking -------------------------------------------------------------------------------------------------------

    def join(self, leg: Leg, now: float) -> None:
        """The caller and this leg talk from now on."""
        self.peer = leg
        leg.owner = self
        self.bridged_at = now
        self.connected_at = self.connected_at or now
        self.caller.answer(leg.negotiation.speaks, now)
        if self.caller.gone:
            return
        self.board.publish(CallBridged(self.id, self.caller.id, leg.id))
        self.changed(now)

    def pause_talk(self, now: float) -> None:
        """Two no longer talk, and the call goes on."""
        if self.bridged_at:
            self.talked += now - self.bridged_at
            self.bridged_at = 0.0

    def present(self, leg: Leg) -> None:
        """Somebody else is the caller from now on: it is them whom others see. The record keeps who it was."""
        self.origin = self.origin or (self.caller_number, self.caller_name)
        account = self.board.directory.accounts.get(leg.device)
        self.caller_number = leg.device if account is not None else leg.party
        self.caller_name = account.name if account is not None else ""
        self.hidden = False

    def refresh(self) -> None:
        """Give everybody in the conversation what they are to hear."""
        if self.peer is not None:
            sources.give(self)

    def changed(self, now: float) -> None:
        """The parties of the conversation, or what they can hear, have changed."""
        outward.note_trunk(self)
        self.refresh()
        self.align(now)
        self.board.recorder.changed(self, now)
        self.regrouped(now)

    def regrouped(self, now: float) -> None:
        """Others than before are in the conversation, or nobody is: whoever listens follows their phone."""
        self.board.touch(self)
        if self.board.watches:
            follow(self.board, self, now)

    def exchange(self, leg: Leg, successor: Leg, now: float) -> None:
        """Put another leg in the place of a member."""
        if leg is self._caller:
            self._caller = successor
        elif leg is self.peer:
            self.peer = successor
        else:
            self.extra[self.extra.index(leg)] = successor
        self.holding.discard(leg)
        if self.visit is not None:
            self.visit.exchanged(leg, successor)

    def align(self, now: float) -> None:
        """Spare the workers transcoding: ask the other side to follow the codec of the caller, if it has it."""
        caller, peer = self.caller, self.peer
        if peer is None or self.extra or not caller.up or not peer.up:
            return
        one, other = caller.negotiation.format, peer.negotiation.format
        if one is None or other is None or one.key == other.key:
            return
        if peer.negotiation.might_speak(one):
            peer.reoffer(caller.negotiation.speaks, now)
        elif caller.negotiation.might_speak(other):
            caller.reoffer(peer.negotiation.speaks, now)

    # --- as the owner of its legs --------------------------------------------------------------------------------------

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None:
        """Only forks own legs that ring."""

    def leg_answered(self, leg: Leg, now: float) -> None:
        """Only forks own legs that are being answered."""

    def leg_changed(self, leg: Leg, now: float) -> None:
        """ACK, hold, resume, another codec or address."""
        runner = self.runner
        if leg is self.caller and runner is not None and not runner.started and leg.up:
            runner.start(now)
            return
        if leg is self._caller and leg.state is LegState.INCOMING:
            self.fork_resumed(now)  # Their answer to our offer came with PRACK.
            return
        if leg.holding is not (leg in self.holding):
            self._hold(leg, now)
        if self.supervision is not None:
            self.supervision.refresh()
        elif self.meeting is not None:
            self.meeting.refresh()
        elif self.peer is not None:
            self.changed(now)
        elif self.lead is not None:
            self.lead.refresh()
        # Else on hold in a menu or a queue: the worker does not send to them, and the source goes on.

    def _hold(self, leg: Leg, now: float) -> None:
        if leg.holding:
            self.holding.add(leg)
            self.board.publish(CallHeld(self.id, leg.id))
        else:
            self.holding.discard(leg)
            self.board.publish(CallResumed(self.id, leg.id))
        if self.visit is not None and leg is self.peer:
            self.visit.held(leg.holding)

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        runner = self.runner
        if runner is None or not runner.secret:
            self.board.publish(DigitReceived(self.id, leg.id, digit, duration_ms, method))
        if self.supervision is not None:
            self.supervision.digit(digit, now)
            return
        if self.meeting is not None:
            self.meeting.digit(self, digit, now)
            return
        if self.lead is not None and self.lead.digit(leg, digit, now):
            return
        if self.peer is not None:
            self.board.recorder.digit(self, leg, digit, now)
            if self.board.keypad.digit(self, leg, digit, method, now):
                return
        peer = self.partner(leg)
        if peer is not None:
            # From a room no event goes from port to port: it is not for whoever listens.
            peer.send_digit(digit, duration_ms, "room" if self.room and method == "rfc4733" else method, now)
        elif leg is self.caller and digit != FLASH:
            if self.visit is not None and self.visit.waiting:
                self.visit.key(digit, now)
            elif self.runner is not None:
                self.runner.digit(digit, now)

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        if self.playing is not None and self.playing.played(leg, play, now):
            return
        if self.visit is not None and self.visit.played(leg, play, cause, now):
            return
        if self.meeting is not None:
            self.meeting.played(self, play)
            return
        if leg is self.caller and self.runner is not None:
            self.runner.play_done(play, cause, now)

    def leg_gone(self, leg: Leg, now: float) -> None:
        if leg in self.members and self.playing is not None:
            self.playing.over("somebody has left", now)
        if leg not in self.members or (self.lead is not None and self.lead.lost(leg, now)):
            return
        if not self.extra:
            if not stays(self, leg, now):
                self.end(leg.cause, now)
            return
        # Three were talking, so two still do.
        self.mark(Mark("left", leg.party))
        if leg in self.extra:
            self.extra.remove(leg)
            if self.visit is not None:
                self.visit.exchanged(leg, None)
        else:
            offer = self.visit.talking if self.visit is not None and leg is self._caller else None
            if offer is not None and offer.leg is not None:
                leave_queue(self, offer.leg)  # Who is left is no caller of the queue.
            self.exchange(leg, self.extra.pop(0), now)
        self.changed(now)

    @property
    def waiting(self) -> bool:
        """Whether the caller waits in a queue."""
        return self.visit is not None and self.visit.waiting

    def partner(self, leg: Leg) -> Leg | None:
        """Who hears this leg now, None if nobody or several do."""
        return self.other(leg) if self.lead is None else self.lead.partner(leg)

    def shield(self, leg: Leg, until: float) -> None:
        """The keys that a leg presses are for us only, for a moment."""
        self.pressing = leg
        self.board.deadlines.set((self, "pressing"), until)
        self.refresh()

    def other(self, leg: Leg) -> Leg | None:
        """Who this leg talks to, None if nobody."""
        if self.peer is None or self.extra:
            return None
        return self.peer if leg is self._caller else self._caller

    # --- what flows and visits do with the caller ------------------------------------------------------------------------

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int:
        return self.caller.media.play_clips(
            self.board.resolve(clips, self.language, self.visitor.prompts, self.id), until_digit=interruptible
        )

    def music(self, name: str) -> None:
        self.caller.media.music(self.board.music(name))

    def mark(self, step: Mark) -> None:
        self.board.publish(FlowStep(self.id, step.step, step.detail))
        if step.step == "menu":
            self.recipe = ("menu", step.detail, *step.way)
        elif step.step == "destination":
            self.recipe = ("to", step.detail)
        if len(self.path) < MAX_PATH:
            self.path.append(f"{step.step}:{step.detail}" if step.detail else step.step)
            self.path_at.append(round(max(0.0, self.board.moment() - self.started), 3))

    # --- end -----------------------------------------------------------------------------------------------------------

    def expire(self, kind: str, now: float) -> None:
        """The deadline of a step of the flow, of a key, or of a supervisor who is to take the call over."""
        if kind == TAKEOVER:
            if self.supervision is not None:
                self.supervision.take_over(now, self.supervision.by)
        elif kind == "pressing":
            self.pressing = None
            self.refresh()
        elif self.runner is not None:
            self.runner.expire(now)

    def end(self, cause: str, now: float, status: int = 480, *, keep: Collection[Leg] = ()) -> None:
        """Hang up whoever is left and write the record. Once only. `keep`: legs that go on in another call."""
        board = self.board
        if board.calls.pop(self.id, None) is None:
            return
        board.recorder.ended(self, now)
        board.mailboxes.ended(self, now)
        if self.playing is not None:
            self.playing.over("the call has ended", now)
        board.touch(self)
        board.count(self.account.user, -1)
        board.undisturbed.discard(self)
        if self.runner is not None:
            self.runner.stop()
        board.deadlines.forget(self, ("flow", "pressing", TAKEOVER))
        if self.lead is not None:
            self.lead.end(now)
        if self.fork is not None:
            self.fork.cancel(now, cause)
        if self.supervision is not None:
            self.supervision.end(now, cause)
        if self.meeting is not None:
            self.meeting.leave(self, now)
        if self.visit is not None:
            for leg in keep:
                self.visit.exchanged(leg, None)
            self.visit.end(now)
        for leg in self.members:
            if leg not in keep:
                leg.hang_up(now, status, cause)
        if self.watchers:
            follow(board, self, now)
        leaving.discard(board, self, now)
        self.ended = record_of(self, cause, now)
        self.settled(0)
        self.lead = None
        self.fork = None
        self.runner = None
        self.met = GONE
        self.holding.clear()

    def withdraw(self) -> None:
        """After a restart: the call had ended, and only signalling was left of it."""
        self.board.calls.pop(self.id, None)
        self.board.count(self.account.user, -1)

    def settled(self, legs: int = 1) -> None:
        """The record of a leg is published; that of the call comes when all are."""
        self.unsettled -= legs
        if self.unsettled <= 0:
            self.conclude()

    def conclude(self) -> None:
        """Publish the record, if it is written and has not been published."""
        ended, self.ended = self.ended, None
        if ended is not None:
            self.board.publish(ended)
            self.peer = None
            self.visit = None
            self.extra.clear()
