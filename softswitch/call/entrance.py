"""How a call begins: what an INVITE must satisfy before anything is made for it, and the record of those that are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call import door, reliable, replaces, timer
from softswitch.call.body import NO_OFFER, offer_of
from softswitch.call.call import FEATURES, Call
from softswitch.call.dialplan import EMERGENCY, plan_of
from softswitch.call.features import REPEATED
from softswitch.call.headers import anonymous, passed
from softswitch.call.identity import caller_of, diversions_of, looped, preferred
from softswitch.call.leg import Leg
from softswitch.call.only import NOT_ALLOWED, is_sips
from softswitch.call.pickup import worker_for
from softswitch.call.routing import Destination, Refusal, did_of, route_uri
from softswitch.call.supervise import talks_on
from softswitch.directory import Account
from softswitch.events import CallEnded, CallStarted
from softswitch.outside import TRUNK
from softswitch.sip.dialog import Dialog
from softswitch.sip.grammar import from_wire, number
from softswitch.sip.listener import SECURE
from softswitch.sip.uri import uri_user

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.description import Description, Terms
    from softswitch.call.headers import Diversion
    from softswitch.outside import Trunk
    from softswitch.sip.endpoint import ServerTransaction
    from softswitch.sip.message import Message

MAX_DIALLED: Final = 128  # characters of a dialled string that records keep


NOBODY: Final = Account("")  # who comes from outside has no rights here


@dataclass(slots=True)
class Guest:
    """Who calls: an account, or somebody outside by a trunk."""

    account: Account
    device: str
    party: str
    number: str
    name: str
    trunk: str = ""
    hidden: bool = False
    dialled: str = ""  # the number of ours that a trunk calls
    shows: str = ""
    diversions: tuple[Diversion, ...] = ()
    verdict: door.Verdict | None = None  # why they are not let in as others are


class Entrance:
    """`about(call)` is told of a call as soon as there is one."""

    def __init__(self, board: Board, about: Callable[[Call], None]) -> None:
        self.board = board
        self._about = about

    def invite(self, tx: ServerTransaction, message: Message, account: Account, now: float) -> None:
        """A new call of an account: check what can be refused before it costs anything, then route it."""
        board = self.board
        terms = board.terms(account.user, message.flow)
        offer = self._offer(tx, message, terms, now)
        if offer is None:
            return
        replaced = replaces.wanted(board, message, account)
        if isinstance(replaced, int):
            self._refuse(tx, replaced, now)
            return
        guest = Guest(account, account.user, account.name or account.user, account.user, account.name)
        destination = route_uri(message.uri, board.directory, board.local)
        urgent = isinstance(destination, Destination) and destination.detail == EMERGENCY
        if isinstance(destination, Refusal) and replaced is None:
            self._refused(tx, message, guest, destination, now)
        elif board.by_account.get(account.user, 0) >= account.max_calls and not urgent:
            self._refused(tx, message, guest, Refusal(403, "too_many_calls"), now)
        else:
            guest.shows = preferred(message, account, board.directory.country)
            board.desk.callers.note(guest.number, board.desk.callers.epoch + now)
            self._begin(tx, message, guest, offer, destination, now, replaced)

    def from_trunk(self, tx: ServerTransaction, message: Message, trunk: Trunk, now: float) -> None:
        """A new call that comes by a trunk, for one of our numbers. It leads nowhere else."""
        board, directory = self.board, self.board.directory
        device = TRUNK + trunk.name
        offer = self._offer(tx, message, board.terms(device, message.flow), now)
        if offer is None:
            return
        who = caller_of(message, trunk, directory.country)
        guest = Guest(NOBODY, device, who.name or who.number, who.number, who.name, trunk.name, who.hidden)
        guest.dialled, destination = did_of(message, trunk, directory)
        guest.diversions = diversions_of(message, trunk, directory.country)
        if destination is None:
            self._refused(tx, message, guest, Refusal(404, "not_found"), now)
        elif looped(guest.diversions, frozenset(plan_of(directory).ours)):
            self._refused(tx, message, guest, Refusal(482, "loop"), now)
        elif trunk.max_calls and board.legs_on(trunk.name) >= trunk.max_calls:
            self._refused(tx, message, guest, Refusal(503, "too_many_calls"), now)
        else:
            guest.verdict = door.screen(board, guest.number, guest.hidden, guest.dialled, now)
            way = guest.verdict.way if guest.verdict is not None else destination
            if isinstance(way, Refusal):
                self._refused(tx, message, guest, way, now)
            else:
                self._begin(tx, message, guest, offer, way, now)

    def _offer(self, tx: ServerTransaction, message: Message, terms: Terms, now: float) -> Description | None:
        """What the caller offers; None if the request was refused for it."""
        board = self.board
        if message.from_tag in board.legs:
            board.endpoint.respond(tx, 482, now)  # SIG-35: our own INVITE has come back to us.
            return None
        if is_sips(message.uri) and message.flow.transport not in SECURE:
            self._refuse(tx, 480, now, NOT_ALLOWED)
            return None
        if refusal := timer.too_short(board.policy, message):
            self._refuse(tx, 422, now, refusal)
            return None
        offer = offer_of(board, message, self._refuse, tx, now, terms)
        if offer is not None and offer.host and (":" in offer.host) not in [":" in host for host in terms.hosts]:
            self._refuse(tx, 488, now, f'Warning: 301 {terms.hosts[0]} "Incompatible network address formats"\r\n')
            return None
        return offer

    def _worker_for(self, destination: Destination | Refusal, account: Account) -> int | None:
        """The worker where those are whom the caller is to hear in a room; None: any."""
        board = self.board
        if isinstance(destination, Refusal):
            return None
        if destination.kind == "conference" and (meeting := board.meetings.get(destination.name)) is not None:
            return meeting.worker
        if destination.kind == "supervise" and (call := talks_on(board, destination.name)) is not None:
            return call.worker
        if destination.kind in FEATURES:
            return worker_for(board, account, destination)
        return None

    def _begin(
        self, tx: ServerTransaction, message: Message, guest: Guest, offer: Description, destination: Destination | Refusal,
        now: float, replaced: Leg | None = None,
    ) -> None:  # fmt: skip
        board = self.board
        worker = replaced.call.worker if replaced is not None else self._worker_for(destination, guest.account)
        urgent = isinstance(destination, Destination) and destination.detail == EMERGENCY
        media = board.allocate(now, worker, spare=1 if replaced is None else 0, emergency=urgent)
        if media is None:
            self._refused(tx, message, guest, Refusal(503, "no_media_port"), now)
            return
        call = Call(board, guest.account, guest.dialled or _dialled(message), media.worker, now)
        self._about(call)
        call.caller_number, call.caller_name = guest.number, guest.name
        call.trunk, call.shows, call.diversions = guest.trunk, guest.shows, guest.diversions
        call.secure = is_sips(message.uri)
        call.hidden = guest.hidden or ("privacy" in message.headers and anonymous(message))
        call.headers = passed(message)
        hops = message.header("max-forwards")
        call.max_forwards = number(hops, 255) - 1 if hops else 69
        user = guest.account.user
        board.publish(CallStarted(call.id, call.caller_number, call.caller_name, call.dialled, user, guest.trunk))
        if guest.verdict is not None:
            board.publish(guest.verdict.event(call.id, guest.number, call.dialled))
        self._greet(call)
        door.identify(call, guest.number)
        dialog = Dialog.uas(message, board.endpoint.tag(), message.flow)
        occupies = "trunk" if guest.trunk else "internal"
        leg = Leg(board, call, call, "caller", guest.party, guest.device, dialog, media, now, occupies=occupies)
        leg.tx = tx
        leg.allow = message.header("allow").upper()
        leg.reliable = reliable.wanted(message, board.policy)
        tx.owner = leg
        if offer is not NO_OFFER:
            leg.offer = offer
        call.caller = leg
        leg.heed_expiry()
        if replaced is not None:
            replaces.take(replaced, leg, now)
        else:
            assert isinstance(destination, Destination)
            if destination.kind in REPEATED and user:
                board.phones.dialled(user, call.dialled)
            door.enter(call, destination, now)

    def _greet(self, call: Call) -> None:
        """The language and the prompts of the number that was called (IVR-12, IVR-14)."""
        number = self.board.directory.numbers.get(call.dialled)
        if number is not None:
            call.language = number.language or call.language
            if number.prompts:
                call.visitor.prompts = number.prompts

    def _refuse(self, tx: ServerTransaction, status: int, now: float, headers: str = "") -> None:
        self.board.endpoint.respond(tx, status, now, headers=headers)

    def _refused(self, tx: ServerTransaction, message: Message, guest: Guest, refusal: Refusal, now: float) -> None:
        """Refuse a call that was understood: it has a record all the same."""
        headers = f"Retry-After: {5 + self.board.entropy.below(26)}\r\n" if refusal.status == 503 else ""
        self._refuse(tx, refusal.status, now, headers)
        call, dialled, user = self.board.entropy.token(), guest.dialled or _dialled(message), guest.account.user
        self.board.publish(CallStarted(call, guest.number, guest.name, dialled, user, guest.trunk))
        if guest.verdict is not None:
            self.board.publish(guest.verdict.event(call, guest.number, dialled))
        self.board.publish(
            CallEnded(
                call, guest.number, guest.name, dialled, user, "failed", refusal.status, refusal.cause, 0.0, 0.0, 0.0,
                trunk=guest.trunk,
            )
        )  # fmt: skip


def _dialled(message: Message) -> str:
    return from_wire(uri_user(message.uri) or message.uri)[:MAX_DIALLED]
