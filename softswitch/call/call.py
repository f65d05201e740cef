"""A call: the caller's leg, whoever it is connected to, and what happens in between.

The caller is either put through (B2BUA: the other side's answer is passed on) or answered by us and led by a flow through
menus, queues and announcements. What a leg hears is decided in one place, `_sources`: never silence where somebody listens.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from softswitch.call import conference, sources
from softswitch.call.flow import Dial, EnterQueue, Flow, Mark, Meet, Runner, Watch
from softswitch.call.fork import Fork, Invitation
from softswitch.call.headers import ANONYMOUS, party
from softswitch.call.leg import FLASH, Leg, LegState
from softswitch.call.menu import FAILURES, farewell, feature, flow_for
from softswitch.call.queueing import QueueVisit
from softswitch.call.routing import Destination, agent_of
from softswitch.call.supervise import Supervision, follow, may_supervise
from softswitch.effects import AgentCommand
from softswitch.events import CallBridged, CallEnded, CallHeld, CallResumed, DigitReceived, FlowStep

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.codecs import Format
    from softswitch.directory import Account
    from softswitch.sip.message import Message

MAX_PATH: Final = 200  # steps of a flow that the record of a call keeps

# How a call that nobody answered ends in its record, by the status the caller got.
OUTCOMES: Final = {486: "busy", 600: "busy", 487: "cancelled", 603: "rejected", 607: "rejected", 608: "rejected"}
NOT_REACHED: Final = {"no_answer": "no_answer", "rejected": "rejected", "busy": "busy"}


class Call:
    """One call from its INVITE to its record."""

    __slots__ = (
        "_caller", "_on_answer", "account", "board", "bridged_at", "caller_name", "caller_number", "dialled",
        "ended", "extra", "fork", "headers", "hidden", "holding", "id", "language", "legs", "max_forwards", "meeting", "outcome",
        "path", "peer", "pressing", "reached", "recipe", "room", "runner", "started", "supervision", "unsettled", "visit",
        "watchers", "worker",
    )  # fmt: skip

    def __init__(self, board: Board, account: Account, dialled: str, worker: int, now: float, *, id: str = "") -> None:
        self.board = board
        self.id = id or board.entropy.token()
        self.account = account
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
        self.pressing: Leg | None = None  # whose key is for us only, and may not be let go yet
        self.watchers: list[Supervision] = []  # who listens to the conversation
        self.supervision: Supervision | None = None  # what this caller does to another's conversation
        self.meeting: conference.Meeting | None = None
        self.fork: Fork | None = None
        self.runner: Runner | None = None
        self.visit: QueueVisit | None = None
        self.headers = ""  # of the INVITE that go on to the other side
        self.hidden = False  # the caller's identity is not shown
        self.max_forwards = 70
        self.path: list[str] = []
        self.recipe: tuple[str, ...] = ()  # of the flow that the caller is led by (`menu.resumed`)
        self.reached = ""  # the agent who took the call
        self.outcome = ""  # how the attempt to reach somebody failed
        self.bridged_at = 0.0
        self.unsettled = 0  # legs whose record is not published yet
        self.ended: CallEnded | None = None
        self.holding: set[Leg] = set()
        self._on_answer: Flow | None = None  # for a phone that we ring ourselves
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
        """Put the caller through to an account, or answer and run the flow of any other destination."""
        if destination.kind == "account":
            self.ring(destination.name, now)
        elif self.caller.offer is not None and not self.caller.understands:
            # It speaks nothing that we could play to it.
            self.caller.hang_up(now, 488, "no_common_codec")
            self.end("no_common_codec", now)
        elif destination.kind == "agent":
            agent = agent_of(self.account, self.board.directory)
            self.run(feature(agent, destination, self.account.user), now)
        else:
            self.run(flow_for(destination, self.board.site), now, ("to", str(destination)))

    def run(self, flow: Flow, now: float, recipe: tuple[str, ...] = ()) -> None:
        """Answer if that has not happened, and lead the caller through a flow. Keys typed before are kept.

        `recipe`: how it is begun again after a restart; () = there is nothing left but to hang up.
        """
        self.recipe = recipe
        typed = self.runner.digits if self.runner is not None else []
        if self.runner is not None:
            self.runner.stop()
        self.runner = runner = Runner(flow, self)
        runner.digits = typed
        self.caller.answer((), now)
        if self.caller.up:  # With a late offer the flow starts when the ACK has brought an address.
            runner.start(now)

    def summon(self, flow: Flow, caller: str, now: float) -> None:
        """Ring the phone of our own account and lead whoever answers through a flow. `caller`: what the phone shows."""
        board, user = self.board, self.account.user
        bindings = board.bindings(user, now)
        self._on_answer = flow
        if not bindings:
            self._not_reached(480, "unreachable", now)
            return
        domain = board.directory.domain
        invitation = Invitation(
            "supervisor", user, self.account.name or user, party(caller, self.dialled, domain), party("", user, domain),
            occupies="internal",
        )  # fmt: skip
        self.fork = Fork(board, self, self, invitation, bindings, board.policy.no_answer_timeout)
        self.fork.start(now)

    def _summoned(self, leg: Leg, now: float) -> None:
        flow, self._on_answer = self._on_answer, None
        assert flow is not None
        self._caller = leg
        leg.owner = self
        self.run(flow, now)

    def ring(self, user: str, now: float) -> None:
        """Ring all contacts of an account."""
        board = self.board
        account = board.directory.accounts.get(user)
        if account is None:
            self._not_reached(404, "not_found", now)
        elif user == self.account.user:
            self._not_reached(482, "loop", now)  # SIG-35: nobody calls oneself
        elif account.do_not_disturb:
            self._not_reached(486, "busy", now)
        else:
            bindings = board.bindings(user, now)
            if not bindings:
                self._not_reached(480, "unreachable", now)
                return
            domain = board.directory.domain
            invitation = Invitation(
                "callee", user, account.name or user, self.identity(), party("", user, domain), self.headers, self.max_forwards,
                self._caller_speaks(), "internal",
            )  # fmt: skip
            self.fork = Fork(board, self, self, invitation, bindings, board.policy.no_answer_timeout)
            self.fork.start(now)

    def identity(self, prefix: str = "") -> str:
        """The From value that others see: the account that called, never what its phone claims."""
        if self.hidden:
            return ANONYMOUS
        name = f"{prefix}{self.caller_name or (self.caller_number if prefix else '')}"
        return party(name, self.caller_number, self.board.directory.domain)

    def _caller_speaks(self) -> tuple[Format, ...]:
        """What the other side is to prefer: what the caller talks already, then all that the caller has named."""
        negotiation, offer = self.caller.negotiation, self.caller.offer or self.caller.negotiation.remote
        named = offer.wishes if offer is not None else ()
        if not negotiation.understood or negotiation.format is None:
            return named
        talks = negotiation.format
        return (talks, *[one for one in named if one.key != talks.key])

    # --- as the owner of a fork ----------------------------------------------------------------------------------------

    def fork_ringing(self, fork: Fork, leg: Leg, now: float) -> None:
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

    def fork_answered(self, fork: Fork, leg: Leg, now: float) -> None:
        self.fork = None
        if self._caller is None:
            self._summoned(leg, now)
            return
        if self.runner is not None:
            self.runner.stop()
        self.join(leg, now)

    def fork_failed(self, fork: Fork, status: int, cause: str, now: float) -> None:
        self.fork = None
        self._not_reached(status, cause, now)

    def _not_reached(self, status: int, cause: str, now: float) -> None:
        self.outcome = NOT_REACHED.get(cause, OUTCOMES.get(status, "failed"))
        if self._caller is None:
            self.end(cause, now)
        elif self.runner is not None and self.runner.active:
            self.runner.resume(cause, now)
        elif self.caller.state is LegState.INCOMING:
            self.caller.hang_up(now, status, cause)
            self.end(cause, now)
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
        self.caller.answer(leg.negotiation.speaks, now)
        if self.caller.gone:
            return
        self.board.publish(CallBridged(self.id, self.caller.id, leg.id))
        self.changed(now)

    def refresh(self) -> None:
        """Give everybody in the conversation what they are to hear."""
        if self.peer is not None:
            sources.give(self)

    def changed(self, now: float) -> None:
        """The parties of the conversation, or what they can hear, have changed."""
        self.board.touch(self)
        self.refresh()
        self.align(now)
        self.board.recorder.changed(self, now)
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
        if leg.holding is not (leg in self.holding):
            self._hold(leg, now)
        if self.supervision is not None:
            self.supervision.refresh()
        elif self.meeting is not None:
            self.meeting.refresh()
        elif self.peer is not None:
            self.changed(now)
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
        if self.peer is not None:
            self.board.recorder.digit(self, leg, digit, now)
        peer = self.other(leg)
        if peer is not None:
            # From a room no event goes from port to port: it is not for whoever listens.
            peer.send_digit(digit, duration_ms, "room" if self.room and method == "rfc4733" else method, now)
        elif leg is self.caller and self.runner is not None and not self.waiting and digit != FLASH:
            self.runner.digit(digit, now)

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        if self.visit is not None and self.visit.played(leg, play, cause, now):
            return
        if self.meeting is not None:
            self.meeting.played(self, play)
            return
        if leg is self.caller and self.runner is not None:
            self.runner.play_done(play, cause, now)

    def leg_gone(self, leg: Leg, now: float) -> None:
        if leg not in self.members:
            return
        if not self.extra:
            self.end(leg.cause, now)
            return
        # Three were talking, so two still do.
        self.mark(Mark("left", leg.party))
        if leg in self.extra:
            self.extra.remove(leg)
            if self.visit is not None:
                self.visit.exchanged(leg, None)
        else:
            self.exchange(leg, self.extra.pop(0), now)
        self.changed(now)

    @property
    def waiting(self) -> bool:
        """Whether the caller waits in a queue."""
        return self.visit is not None and self.visit.waiting

    def other(self, leg: Leg) -> Leg | None:
        """Who this leg talks to, None if nobody."""
        if self.peer is None or self.extra:
            return None
        return self.peer if leg is self._caller else self._caller

    # --- as the stage of a flow ----------------------------------------------------------------------------------------

    def play(self, clips: tuple[str, ...], interruptible: bool) -> int:
        return self.caller.media.play_clips(self.board.resolve(clips, self.language), until_digit=interruptible)

    def music(self, name: str) -> None:
        self.caller.media.music(self.board.music(name))

    def echo(self) -> None:
        self.caller.media.echo()

    def wait_until(self, at: float | None) -> None:
        if at is None:
            self.board.deadlines.clear((self, "flow"))
        else:
            self.board.deadlines.set((self, "flow"), at)

    def enter_queue(self, step: EnterQueue, now: float) -> None:
        queue = self.board.directory.queues.get(step.queue)
        if queue is None:
            self.mark(Mark("unknown_queue", step.queue))
            self.say(("unavailable",), "unknown_queue", now)
            return
        self.mark(Mark("queue", queue.name))
        if queue.language:
            self.language = queue.language
        self.visit = QueueVisit(self, queue, now)
        self.visit.enter(step.priority, now)

    def meet(self, step: Meet, now: float) -> str:
        config = self.board.directory.conferences.get(step.conference)
        if config is None:
            return "unknown_conference"
        self.mark(Mark("conference", config.name))
        return conference.enter(self, config, step.moderator, now)

    def watch(self, step: Watch, now: float) -> str:
        if not may_supervise(self.account, step.device, self.board.directory):
            return "forbidden"
        self.mark(Mark("supervise", step.device))
        self.supervision = Supervision(self, step.device, step.mode, step.by, now)
        self.supervision.begin(now)
        return ""

    def dial(self, step: Dial, now: float) -> None:
        self.mark(Mark("dial", step.user))
        self.caller.media.tone("ringback", self.board.country)
        self.ring(step.user, now)

    def finish(self, cause: str, now: float) -> None:
        self.caller.hang_up(now, 480, cause)
        self.end(cause, now)

    def tell(self, command: AgentCommand) -> None:
        self.board.out.append(command)

    def mark(self, step: Mark) -> None:
        self.board.publish(FlowStep(self.id, step.step, step.detail))
        if step.step == "menu":
            self.recipe = ("menu", step.detail, *step.way)
        elif step.step == "destination":
            self.recipe = ("to", step.detail)
        if len(self.path) < MAX_PATH:
            self.path.append(f"{step.step}:{step.detail}" if step.detail else step.step)

    def speak(self, language: str) -> None:
        self.language = language

    # --- end -----------------------------------------------------------------------------------------------------------

    def expire(self, kind: str, now: float) -> None:
        """The deadline of a step of the flow, or of a key."""
        if kind == "pressing":
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
        board.touch(self)
        board.count(self.account.user, -1)
        if self.runner is not None:
            self.runner.stop()
        for kind in ("flow", "pressing"):
            board.deadlines.clear((self, kind))
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
        self.ended = self._record(cause, now)
        self.settled(0)
        self.fork = None
        self.runner = None
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

    def _record(self, cause: str, now: float) -> CallEnded:
        caller = self._caller
        bridged = self.bridged_at
        answered_at, status, by = (
            (caller.answered_at, caller.status, caller.by) if caller is not None else (0.0, 480, "")
        )
        if bridged:
            outcome = "answered"
        elif answered_at:
            outcome = self.outcome or "completed"
        else:
            outcome = OUTCOMES.get(status, "failed") if by == "remote" else self.outcome or "failed"
        answered = bridged or answered_at
        return CallEnded(
            self.id, self.caller_number, self.caller_name, self.dialled, self.account.user, outcome, status, cause,
            (answered or now) - self.started, now - answered if answered else 0.0, now - self.started,
            self.visit.config.name if self.visit is not None else "", self.reached, tuple(self.path),
            *self.board.recorder.account(self.id, now),
        )  # fmt: skip
