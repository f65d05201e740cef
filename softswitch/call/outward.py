"""An attempt to reach a number outside: the trunks of its route one after the other, each with all its servers.

The next one is tried where a trunk does not work (no answer, 408, 5xx, no capacity, no media port), never once somebody rings or
has refused: that is the callee's word. An emergency number is tried on every trunk, whatever limits say (SIG-40).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch.call import identity
from softswitch.call.dialplan import EMERGENCY, SITE, called, plan_of
from softswitch.call.flow import Mark
from softswitch.call.fork import Fork, ForkOwner, Invitation
from softswitch.call.leg import Leg
from softswitch.call.routing import Destination
from softswitch.events import EmergencyCall
from softswitch.numbers import normalise
from softswitch.outside import TRUNK, Trunk
from softswitch.packing import pack
from softswitch.sip.dialog import Dialog
from softswitch.sip.line import Way
from softswitch.sip.uri import escape_user

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.codecs import Format
    from softswitch.sip.message import Message

# What says that the trunk does not work, rather than that the callee cannot be reached; 5xx as well.
ELSEWHERE: Final = frozenset({401, 402, 407, 408})


@dataclass(slots=True)
class Errand:
    """What a trunk was asked to do with a leg: enough to ask again with credentials, and to know whose bill it goes to."""

    way: Way
    number: str
    authority: str  # the account by whose rights the call is made; "" = the site's own
    uri: str
    headers: str
    max_forwards: int = 70
    prefer: tuple[Format, ...] = ()
    tries: int = 0  # challenges that were answered
    emergency: bool = False


class OutwardAttempt(Fork):
    """A fork whose groups are the servers of trunks."""

    __slots__ = ("destination", "ways")

    def __init__(
        self, board: Board, call: Call, owner: ForkOwner, invitation: Invitation, destination: Destination, timeout: float,
        ways: Sequence[Way] = (),
    ) -> None:  # fmt: skip
        super().__init__(board, call, owner, invitation, (), timeout)
        self.destination = destination
        self.ways = list(ways)  # that were not tried yet

    @property
    def emergency(self) -> bool:
        return self.destination.detail == EMERGENCY

    def start(self, now: float) -> None:
        board, call, detail = self.board, self.call, self.destination.detail
        number = self.destination.name
        if detail == SITE:
            number = normalise(number, board.directory.country) or number
            self.destination = Destination("outside", number, detail)
        if detail == EMERGENCY:
            board.publish(EmergencyCall(call.id, call.authority.user, call.caller_number, number))
        elif not board.guard.admits(call, number, None if detail == SITE else call.authority, now):
            self.owner.fork_failed(self, 403, "forbidden", now)
            return
        names = plan_of(board.directory).trunks(number, emergency=self.emergency)
        self.ways = board.trunks.ways(names, now, emergency=self.emergency)
        board.deadlines.set((self, "attempt"), now + self.timeout)
        self._next_group(now)

    def keep(self) -> dict[str, Any]:
        return {"destination": pack(self.destination), "ways": pack(self.ways)}

    def leg_answered(self, leg: Leg, now: float) -> None:
        self.board.guard.answered(leg, now)
        super().leg_answered(leg, now)

    def leg_gone(self, leg: Leg, now: float) -> None:
        if leg not in self.legs:
            return
        self.legs.remove(leg)
        self.board.deadlines.clear((self, "silence"))
        self.statuses.append(leg.status)
        if leg.errand is not None and leg.status in (408, 503):
            self.board.trunks.silent(leg.errand.way, now)
        if leg.ringing_at or not (leg.status in ELSEWHERE or 500 <= leg.status < 600):
            self.statuses = [leg.status]  # The callee's word: what other trunks could not do does not matter any more.
            self._failed(now)
        else:
            self._next_group(now)

    def _next_group(self, now: float) -> None:
        while self.ways:
            way = self.ways.pop(0)
            trunk = self.board.directory.trunks.get(way.trunk)
            if trunk is not None and self._admitted(trunk, now) and self._call(trunk, way, now):
                return
        self._failed(now)

    def _admitted(self, trunk: Trunk, now: float) -> bool:
        """Whether the trunk has a line free for this call."""
        if self.emergency:
            return True
        if trunk.max_calls and self.board.legs_on(trunk.name) >= trunk.max_calls:
            return False
        return self.board.trunks.admits(trunk.name, now)

    def _give_up_silent(self, now: float) -> None:
        """The server has not said a word: it is given up, and the next one tried."""
        for leg in [leg for leg in self.legs if not leg.heard]:
            self.legs.remove(leg)
            self.statuses.append(408)
            if leg.errand is not None:
                self.board.trunks.silent(leg.errand.way, now)
            leg.hang_up(now, 480, "unreachable")
            self._next_group(now)

    def _call(self, trunk: Trunk, way: Way, now: float) -> bool:
        """Send an INVITE by one server of a trunk; False if that cannot be."""
        board, call = self.board, self.call
        media = board.allocate(now, call.worker, emergency=self.emergency)
        if media is None:
            self.exhausted = True
            return False
        country = board.directory.country
        number = escape_user(called(self.destination.name, trunk, country))
        domain = trunk.domain or way.host
        uri = f"sip:{number}@{domain}"
        tag = board.endpoint.tag()
        who = identity.tell(call, trunk, domain, number)
        dialog = Dialog.uac(who.from_, f"<{uri}>", f"{tag}{board.entropy.token()}", tag, 0, way.flow, target=uri)
        call.mark(Mark("trunk", trunk.name))
        leg = Leg(
            board, call, self, self.invitation.role, self.invitation.party, TRUNK + trunk.name, dialog, media, now,
            occupies="trunk",
        )  # fmt: skip
        authority = "" if self.destination.detail == SITE else call.authority.user
        leg.errand = Errand(
            way, self.destination.name, authority, uri, who.lines + call.headers, self.invitation.max_forwards,
            self.invitation.prefer, emergency=self.emergency,
        )  # fmt: skip
        board.guard.began(leg)
        self.legs.append(leg)
        board.deadlines.set((self, "silence"), now + trunk.answer_within)
        leg.invite(uri, way.flow, now, leg.errand.headers, leg.errand.prefer, leg.errand.max_forwards)
        return True


def note_trunk(call: Call) -> None:
    """The first trunk that carries a party of the conversation stays that of the call."""
    if call.trunk:
        return
    for leg in call.members:
        if leg.device.startswith(TRUNK):
            call.trunk = leg.device.removeprefix(TRUNK)
            return


def trunk_of(call: Call) -> str:
    """The trunk that a call came in by, else went out by, else, as long as nobody has talked, that was tried last."""
    if call.trunk or call.connected_at:
        return call.trunk
    return next((step.removeprefix(TRUNK) for step in reversed(call.path) if step.startswith(TRUNK)), "")


def challenged(leg: Leg, message: Message, now: float) -> bool:
    """A trunk asks for credentials before anybody rings: try again with them. False if there are none for it."""
    errand = leg.errand
    if errand is None or leg.ringing_at or errand.tries >= 2:
        return False
    again = errand.tries > 0
    line = leg.board.trunks.answer(errand.way.trunk, message, "INVITE", errand.uri, again=again)
    if not line:
        return False
    errand.tries += 1
    leg.board.trunks.heard(errand.way)
    leg.invite(errand.uri, leg.dialog.flow, now, errand.headers + line, errand.prefer, errand.max_forwards)
    return True
