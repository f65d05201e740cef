"""A call goes on in another process: from what was kept of it (`keeping`), and what the media workers still do for it.

Media that never stopped is not touched: a command goes out only where a worker does something else than it should. Whoever
rang goes on ringing; who waited keeps the place in line; a caller in a menu hears it from its beginning. What cannot go on
is ended as the standard has it: nobody is left with half a call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from media.control import Bridge, Close, Echo, Finish, Join, Music, Open, Play, PlayFile, Record, Stop, Tone
from softswitch.call import announcing, reliable, router, timer
from softswitch.call.call import Call
from softswitch.call.callback import Attempt
from softswitch.call.conference import Meeting
from softswitch.call.confirm import Confirmation
from softswitch.call.early import EarlyDialog
from softswitch.call.fork import Fork, Invitation
from softswitch.call.hunt import Hunt, Party
from softswitch.call.keeping import CALL, LEG, VERSION
from softswitch.call.leading import led
from softswitch.call.leaving import Leaving
from softswitch.call.leg import Leg, LegInput, LegState
from softswitch.call.media import MediaLeg
from softswitch.call.menu import resumed
from softswitch.call.outward import OutwardAttempt
from softswitch.call.queueing import Offer, QueueVisit
from softswitch.call.refer import Referral
from softswitch.call.routing import parse
from softswitch.call.supervise import Supervision
from softswitch.callbacks import Callback
from softswitch.directory import Account
from softswitch.effects import ConversationResumed, EnterQueue, MediaCommand, OfferFailed, OfferResult, OfferResumed
from softswitch.events import CallTakenBack
from softswitch.packing import PackingError, unpack, unpack_fields, unpack_into
from softswitch.sip.dialog import Dialog

if TYPE_CHECKING:
    from media.control import Command
    from softswitch.call.board import Board

PROBE_AFTER: Final = 1.0  # seconds until the peers of sessions are asked whether they still know them
PROBE_WITHIN: Final = 3.0  # all of them, spread over so long
# What fields were that are not text, if they were left out.
EMPTY: Final[dict[str, Any]] = {
    "answered_at": 0.0, "bridged_at": 0.0, "connected_at": 0.0, "context": {}, "gone_at": 0.0, "heard": False, "held": False,
    "hidden": False,
    "holding": False, "intercom": False, "max_forwards": 0, "origin": (), "path": (), "path_at": (), "recipe": (),
    "ringing_at": 0.0, "room": 0, "started": 0.0, "status": 0, "talked": 0.0, "transfers": 0, "visited": (), "worker": 0,
}  # fmt: skip
CSEQ_GAP: Final = 16  # requests that may have gone out after the last time that the call was kept
DAMAGED: Final = (PackingError, KeyError, TypeError, ValueError, AttributeError, IndexError)
SOURCES: Final = (Bridge, Join, Play, PlayFile, Music, Tone, Echo, Stop)

Standing = Mapping[int, Iterable["Command"]]


@dataclass(slots=True)
class Kept:
    """A call as it was stored. `shift`: what its clock lacks to this process's."""

    value: dict[str, Any]
    shift: float = 0.0


@dataclass(slots=True)
class Taken:
    """What was taken back: calls and their legs by id; `broken`: calls whose record could not be read."""

    calls: set[str] = field(default_factory=set)
    legs: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Port:
    """What a worker does on one leg."""

    opened: Open
    source: Command | None = None


def take_back(board: Board, calls: Iterable[Kept], standing: Standing, now: float) -> Taken:
    """Revive every call that can be, and end what workers do for others."""
    ports, records = _ports(standing)
    board.pool.skip_plays(
        max((port.source.play for port in ports.values() if isinstance(port.source, Play | PlayFile)), default=0)
    )
    taken = Taken()
    revivals = []
    for kept in calls:
        revival = Revival(board, kept, ports, now)
        try:
            revival.build()
        except DAMAGED:
            taken.broken.append(str(kept.value.get("id", "")))
            revival.discard()
            continue
        revivals.append(revival)
        taken.legs |= {leg.id for leg in revival.legs.values() if not leg.gone}
        if not revival.ended:
            taken.calls.add(revival.call.id)
    for (worker, index), _ in ports.items():
        if (worker, index) not in board.pool.legs:
            board.out.append(MediaCommand(worker, Close(index)))
    spoken = {int(one.call.recipe[2]) for one in revivals if not one.ended and one.call.recipe[:1] == ("message",)}
    for worker, record in records:
        if record.record in spoken:  # A message that goes on, as its speaker has noticed nothing.
            board.mailboxes.standing[record.record] = worker, record.path
        else:
            board.out.append(MediaCommand(worker, Finish(record.record)))
    # The order matters: an agent who talks or is rung must not be given to a caller who waits.
    for revival in revivals:
        revival.tell_talking()
    for revival in revivals:
        revival.tell_ringing()
    for revival in sorted(revivals, key=lambda one: one.entered):
        revival.tell_waiting()
    for revival in revivals:
        revival.signal()
    # Whoever listens to a conversation must be there before it is asked what everybody hears.
    for watches in list(board.watches.values()):
        for watch in list(watches):
            watch.follow(now)
    for meeting in list(board.meetings.values()):
        meeting.refresh()
    for revival in revivals:
        revival.go_on()
    board.mailboxes.let_go()
    for revival in revivals:
        if revival.call.legs:
            board.touch(revival.call)
    return taken


def _ports(standing: Standing) -> tuple[dict[tuple[int, int], _Port], list[tuple[int, Record]]]:
    ports: dict[tuple[int, int], _Port] = {}
    records = []
    for worker, commands in standing.items():
        for command in commands:
            if isinstance(command, Open):
                ports[worker, command.leg] = _Port(command)
            elif isinstance(command, Record):
                records.append((worker, command))
            elif isinstance(command, SOURCES):
                found = [command.leg, command.peer] if isinstance(command, Bridge) else [command.leg]
                for leg in found:
                    if (port := ports.get((worker, leg))) is not None:
                        port.source = command
    return ports, records


class Revival:
    """One call on its way back: first everything is put where it was, then it goes on."""

    def __init__(self, board: Board, kept: Kept, ports: Mapping[tuple[int, int], _Port], now: float) -> None:
        self.board = board
        self.ended = bool(kept.value.get("ended"))
        self.entered = now
        self.legs: dict[str, Leg] = {}
        self.call: Call
        self._kept = kept.value
        self._shift = kept.shift
        self._ports = ports
        self._now = now
        self._built = False
        self._picked_up: list[Offer] = []
        self._asked: list[Confirmation] = []  # who is asked whether they take a call

    # --- putting it together -----------------------------------------------------------------------------------------

    def build(self) -> None:
        """Raises what damaged data raises."""
        kept, board = self._kept, self.board
        if kept["version"] != VERSION:
            raise PackingError(f"version {kept['version']}")
        user = str(kept["account"])
        account = board.directory.accounts.get(user) or Account(user, name=kept.get("caller_name", ""))
        worker = kept.get("worker", 0)
        self.call = call = Call(board, account, kept.get("dialled", ""), worker, self._now, id=str(kept["id"]))
        self._built = True
        for name in CALL:
            setattr(call, name, kept.get(name, EMPTY.get(name, "")))
        if "authority" in kept:
            user = str(kept["authority"])
            call.authority = board.directory.accounts.get(user) or Account(user)
        call.diversions = unpack(kept["diversions"]) if "diversions" in kept else ()
        call.path, call.path_at = list(call.path), list(call.path_at)
        if "visitor" in kept:
            call.visitor.restore(kept["visitor"])
        call.recipe, call.visited = tuple(call.recipe), tuple(call.visited)
        call.started += self._shift
        call.bridged_at, call.connected_at = self._time(call.bridged_at), self._time(call.connected_at)
        call.context, call.origin = dict(call.context), tuple(call.origin)
        for tag, leg in kept["legs"].items():
            self.legs[tag] = self._leg(tag, leg)
        if self.ended:
            call.withdraw()
            return
        call.caller = self.legs[kept["caller"]]
        call.peer = self.legs.get(kept["peer"])
        call.extra = [self.legs[tag] for tag in kept.get("extra", ()) if tag in self.legs]
        call.holding.update(self.legs[tag] for tag in kept.get("held", ()) if tag in self.legs)
        if "undisturbed" in kept:
            board.undisturbed.add(call)
        if "fork" in kept:
            call.fork = self._attempt(kept["fork"], call)
        if "visit" in kept:
            call.visit = self._visit(kept["visit"])
        for tag in kept.get("leaving", ()):
            if not self.legs[tag].gone:
                Leaving(self.legs[tag], self._now)
        if "lead" in kept:
            call.lead = lead = led(call, kept["lead"], self.legs, self._shift, self._now)
            if "fork" in kept["lead"]:
                lead.fork = self._fork(kept["lead"]["fork"], lead)

    def discard(self) -> None:
        """Nothing of the call is to stay, as if it had never been kept."""
        if self._built:
            self.board.forget(self.call, self._now)

    def _time(self, at: float) -> float:
        return at + self._shift if at else 0.0

    def _leg(self, tag: str, kept: dict[str, Any]) -> Leg:
        board, now = self.board, self._now
        dialog = unpack_fields(Dialog, kept["dialog"])
        flow = dialog.flow
        listener = board.endpoint.listeners[flow.listener]
        if listener.transport != flow.transport or dialog.local_tag != tag:
            raise PackingError(f"the listener of {flow}")
        if flow.transport != "udp":
            dialog.flow = flow._replace(connection=0)  # It was closed with the process.
        dialog.local_cseq += CSEQ_GAP
        gone = bool(kept.get("by"))
        if gone:
            media = MediaLeg(board.pool, self.call.worker, -1, 0)
        else:
            worker, index = kept["media"]
            claimed = board.pool.claim(worker, index)
            if claimed is None:
                raise PackingError(f"leg {index} of worker {worker}")
            media = claimed
        leg = Leg(
            board, self.call, self.call, kept["role"], kept.get("party", ""), kept.get("device", ""), dialog, media, now,
            occupies="" if gone else kept.get("occupies", ""), announce=False,
        )  # fmt: skip
        for name in LEG:
            setattr(leg, name, kept.get(name, EMPTY.get(name, "")))
        for name in ("answered_at", "gone_at", "ringing_at", "started"):
            setattr(leg, name, self._time(getattr(leg, name)))
        leg.state = LegState(kept["state"])
        if not gone:
            unpack_into(leg.negotiation, kept["negotiation"])
            leg.offer = unpack(kept["offer"]) if "offer" in kept else None
            self._extensions(leg, kept)
            leg.errand = unpack(kept["errand"]) if "errand" in kept else None
            board.guard.began(leg)
            if "referral" in kept:
                Referral.resume(leg, kept["referral"])
            port = self._ports.get((media.worker, media.index))
            if port is not None:
                media.opened, media.source = port.opened, port.source
        return leg

    def _attempt(self, kept: dict[str, Any], owner: Any) -> Fork | Hunt:
        if "hunt" not in kept:
            return self._fork(kept, owner)
        invitation, waiting = unpack(kept["invitation"]), unpack(kept["waiting"])
        if not isinstance(invitation, Invitation) or not all(isinstance(one, Party) for one in waiting):
            raise PackingError("a hunt")
        hunt = Hunt(self.board, self.call, owner, invitation, kept["hunt"], [], kept["timeout"])
        hunt.restore(kept, waiting, self._shift)
        hunt.forks = [self._fork(one, hunt) for one in kept["forks"]]
        for tag, until in kept.get("asked", {}).items():
            self._asked.append(hunt.ask(self.legs[tag], until + self._shift))
        self._deadlines(hunt, kept)
        return hunt

    def _deadlines(self, attempt: Fork | Hunt, kept: dict[str, Any]) -> None:
        for kind, at in kept["deadlines"].items():
            if at is not None:
                self.board.deadlines.set((attempt, kind), max(at + self._shift, self._now))

    def _extensions(self, leg: Leg, kept: dict[str, Any]) -> None:
        if "timer" in kept:
            session = unpack(kept["timer"])
            session.expires_at = self._time(session.expires_at)
            timer.resume(leg, session, self._now)
        if "reliable" in kept:
            leg.reliable = unpack(kept["reliable"])
            leg.reliable.waiting = list(leg.reliable.waiting)
        if "early" in kept:
            leg.early = {tag: unpack(one) for tag, one in kept["early"].items()}
            for one in leg.early.values():
                if not isinstance(one, EarlyDialog):
                    raise PackingError("an early dialog")
                # The one that is heard is the leg's own.
                one.dialog = leg.dialog if one.dialog.remote_tag == leg.dialog.remote_tag else one.dialog

    def _fork(self, kept: dict[str, Any], owner: Any) -> Fork:
        invitation = unpack(kept["invitation"])
        if not isinstance(invitation, Invitation):
            raise PackingError("an invitation")
        fork: Fork
        if "destination" in kept:
            to, ways = unpack(kept["destination"]), unpack(kept["ways"])
            fork = OutwardAttempt(self.board, self.call, owner, invitation, to, kept["timeout"], ways)
        else:
            fork = Fork(self.board, self.call, owner, invitation, (), kept["timeout"])
        fork.groups = [list(group) for group in unpack(kept["groups"])]
        fork.legs = [self.legs[tag] for tag in kept["legs"]]
        fork.statuses = list(kept["statuses"])
        fork.rang, fork.exhausted = kept["rang"], kept["exhausted"]
        for leg in fork.legs:
            leg.owner = fork
        self._deadlines(fork, kept)
        return fork

    def _visit(self, kept: dict[str, Any]) -> QueueVisit | None:
        config = self.board.directory.queues.get(kept["queue"])
        if config is None:
            return None
        entered = self._time(kept["entered"])
        visit = QueueVisit(self.call, config, entered)
        visit.waiting, visit.play, visit.priority = kept["waiting"], kept["play"], kept["priority"]
        visit.announcer.cadence = announcing.kept(kept.get("cadence", {}), self._time)
        visit.credit, visit.left_waiting = kept.get("credit", 0.0), kept.get("left_waiting", False)
        visit.caller = kept.get("caller", self.call.id)
        if kept.get("callback"):
            visit.attempt = Attempt(self.call, visit, Callback(**kept["callback"]))
            self.board.callbacks[visit.caller] = visit.attempt
        self.call.visit = visit
        if visit.waiting:
            self.entered = entered
        for one in kept["offers"]:
            offer = Offer(self.board, self.call, one["id"], one["agent"], self._time(one["at"]), one["timeout"])
            offer.rang = one["rang"]
            offer.leg, offer.confirm = self.legs.get(one["leg"]), one.get("confirm", False)
            if one.get("asked") and offer.leg is not None:
                self._asked.append(offer.ask(offer.leg, one["asked"] + self._shift, self._now))
            elif one["fork"] is None and offer.id != kept["talking"]:
                del self.board.offers[offer.id]
                self._picked_up.append(offer)
                continue
            visit.offers[offer.id] = offer
            if one["fork"] is not None:
                offer.fork = self._fork(one["fork"], offer)
            if offer.id == kept["talking"]:
                offer.talking = True
                visit.talking = offer
        return visit

    # --- what the queue engine is told -------------------------------------------------------------------------------

    def tell_talking(self) -> None:
        """The agent who talks in this call."""
        visit = self.call.visit if not self.ended else None
        if visit is not None and (offer := visit.talking) is not None:
            held = self.call.peer in self.call.holding
            self.board.out.append(
                ConversationResumed(
                    offer.id, self.call.id, offer.agent, visit.config.name, self.call.bridged_at or self._now, held
                )
            )

    def tell_ringing(self) -> None:
        """The agents who are rung for a caller who waits."""
        visit = self._waiting()
        if visit is None:
            return
        for offer in (*visit.offers.values(), *self._picked_up):
            until = offer.asked.until if offer.asked is not None else offer.at + offer.timeout
            self.board.out.append(
                OfferResumed(
                    offer.id,
                    visit.caller,
                    offer.agent,
                    visit.config.name,
                    offer.at,
                    until,
                    offer.rang,
                    offer.asked is not None,
                )
            )

    def tell_waiting(self) -> None:
        """The caller who waits."""
        visit, call = self._waiting(), self.call
        if visit is not None:
            self.board.out.append(
                EnterQueue(visit.caller, visit.config.name, call.caller_number, call.caller_name, visit.priority)
            )

    def _waiting(self) -> QueueVisit | None:
        visit = self.call.visit if not self.ended else None
        return visit if visit is not None and visit.waiting else None

    # --- going on ----------------------------------------------------------------------------------------------------

    def signal(self) -> None:
        """Dialogs and transactions go on; whoever is with others is with them again."""
        call, now = self.call, self._now
        for leg in list(self.legs.values()):
            self._resume(leg, self._kept["legs"][leg.id])
        for offer in self._picked_up:  # They were not joined yet: the caller keeps their place, the agent is free.
            if offer.leg is not None:
                offer.leg.hang_up(now, 480, OfferResult.FAILED.value)
            self.board.out.append(OfferFailed(offer.id, OfferResult.FAILED))
        if not self._alive:
            return
        self.board.publish(CallTakenBack(call.id))
        if "supervision" in self._kept:
            Supervision.resume(call, self._kept["supervision"], self._shift)
        elif "meeting" in self._kept:
            Meeting.resume(call, self._kept["meeting"], self._shift)

    @property
    def _alive(self) -> bool:
        return not (self.ended or self.call.caller.gone or self.call.id not in self.board.calls)

    def go_on(self) -> None:
        """What everybody hears, and what comes next for them."""
        call, now = self.call, self._now
        for one in self._asked:
            one.ask()
        if not self._alive or call.supervision is not None or call.meeting is not None:
            return
        if call.peer is not None:
            call.changed(now)
        elif call.lead is not None:
            call.lead.refresh()
        elif call.fork is not None:
            call.fork_resumed(now)
        elif call.caller.state is LegState.INCOMING and router.resumes(call):
            call.start(parse(call.recipe[1]), now)
        elif call.caller.state is LegState.INCOMING:
            call.caller.hang_up(now, 503, "system_restart")
            call.end("system_restart", now, 503)
        elif call.visit is not None and call.visit.waiting:
            call.visit.resume(now)
        elif "visit" in self._kept and call.visit is None:
            call.say(("unavailable",), "unknown_queue", now)
        elif "meeting" in self._kept:
            call.say(("unavailable",), "unknown_conference", now)
        else:
            call.run(resumed(call.recipe, self.board.site, call.visitor), now, call.recipe)

    def _resume(self, leg: Leg, kept: dict[str, Any]) -> None:
        board, now, state = self.board, self._now, leg.state
        stream = leg.dialog.flow.transport != "udp"
        tx = kept.get("tx") if not stream else None
        if state in (LegState.INCOMING, LegState.WITHHELD):
            if tx is None:
                leg.handle(LegInput.LOST, now)
                leg.drop(now, 503, "connection_lost")
                return
            leg.tx = board.endpoint.revive_server(tx, leg, now)
            reliable.resume(leg, now)
            leg.heed_expiry()
        elif state in (LegState.CALLING, LegState.RINGING, LegState.CANCELLING):
            if tx is None:
                leg.handle(LegInput.FAILURE, now, 503)
                return
            leg.tx = board.endpoint.revive_client(tx, leg, now)
            if state is LegState.CANCELLING:
                board.endpoint.cancel(leg.tx, now)
        elif state in (LegState.LEAVING, LegState.DEPARTING):
            leg.state = LegState.ESTABLISHED
            leg.handle(LegInput.HANG_UP, now, (0, ""))
        else:
            self._resume_session(leg, kept, stream)
        if leg.gone:
            return
        if leg.negotiation.agreed:
            if leg.media.opened is None:
                leg.renew_stream()
            leg.connect(now)
            if kept.get("fingerprint", leg.negotiation.terms.fingerprint) != leg.negotiation.terms.fingerprint:
                leg.reoffer(leg.negotiation.speaks, now)
        board.deadlines.set((leg, "probe"), now + PROBE_AFTER + board.entropy.below(int(PROBE_WITHIN * 1000)) / 1000)

    def _resume_session(self, leg: Leg, kept: dict[str, Any], stream: bool) -> None:
        endpoint, now = self.board.endpoint, self._now
        for cseq, tx in kept.get("unacked", {}).items():
            if tx is not None and not stream:
                leg.unacked[int(cseq)] = endpoint.revive_server(tx, leg, now)
        if leg.state is LegState.ANSWERED:
            if leg.unacked:
                leg.tx = next(iter(leg.unacked.values()))
            else:
                leg.state = LegState.ESTABLISHED  # Over a stream the 2xx has arrived.
        reinvite = kept.get("reinvite")
        if reinvite is not None and not stream:
            leg.reinvite = endpoint.revive_client(reinvite, leg, now)
        elif leg.negotiation.offered and not leg.unacked:
            leg.negotiation.withdraw()


def ids(calls: Collection[Kept]) -> set[str]:
    """Of all calls that were kept."""
    return {str(one.value.get("id", "")) for one in calls}
