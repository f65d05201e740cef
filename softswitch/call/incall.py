"""Codes that are typed during a conversation (XFR-05): transfer, consult, come back, change, bring together.

Only phones of the site have them, and by default not whoever has called: a `##` that is meant for the menu of a bank goes there.
While a code may be coming, the two are in a room that lets no keys through. What turns out to be none is sent after all; only the
first key of a code may be heard, where it travels as telephone-event from port to port.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from media.control import Stop
from softswitch.call import sources, transfer, transfer_orders
from softswitch.call.consult import Consultation
from softswitch.call.lead import Lead
from softswitch.call.routing import Destination, route

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg

CODE_PAUSE: Final = 2.5  # seconds to the next key of a code
FIRST_PAUSE, NEXT_PAUSE = 8.0, 3.0  # seconds to the first digit of a number, and to each further one
MAX_NUMBER: Final = 32
ASKED_FOR = {"blind", "attended"}  # codes that are followed by a number


@dataclass(slots=True, eq=False)
class Typing:
    """What one leg has typed of a code."""

    leg: Leg
    typed: str = ""
    withheld: list[str] = field(default_factory=list)  # keys that the other side has not got

    @property
    def call(self) -> Call:
        return self.leg.call

    def expire(self, kind: str, now: float) -> None:
        """No further key has come: what there is was no code."""
        self.call.board.keypad.give_up(self, now)


class Keypad:
    """Who is typing a code."""

    def __init__(self) -> None:
        self.typing: dict[Leg, Typing] = {}

    def may(self, leg: Leg) -> bool:
        """Whether keys of this leg may be codes: a phone of the site, that was called."""
        directory = leg.board.directory
        return leg.device in directory.accounts and (leg.role != "caller" or directory.caller_codes)

    def digit(self, call: Call, leg: Leg, digit: str, method: str, now: float) -> bool:
        """A key in a conversation; whether it is kept back."""
        typing = self.typing.get(leg)
        codes = {code: verb for verb, code in call.board.directory.call_codes.items() if code}
        if typing is None and (not self.may(leg) or not any(code.startswith(digit) for code in codes)):
            return False
        typing = typing or Typing(leg)
        typed = typing.typed + digit
        if typed in codes:
            self._forget(typing)
            order(leg, codes[typed], now)
            return True
        if not any(code.startswith(typed) for code in codes):
            self.give_up(typing, now)
            return False
        relayed = not typing.typed and method == "rfc4733" and not call.room
        typing.typed = typed
        if not relayed:
            typing.withheld.append(digit)
        self.typing[leg] = typing
        call.board.deadlines.set((typing, "code"), now + CODE_PAUSE)
        call.shield(leg, now + CODE_PAUSE)
        return not relayed

    def give_up(self, typing: Typing, now: float) -> None:
        """It was no code: the other side gets what was kept from it."""
        leg = typing.leg
        self._forget(typing)
        partner = leg.call.partner(leg)
        for digit in typing.withheld if partner is not None else ():
            partner.send_digit(digit, 160, "room", now)  # type: ignore[union-attr]

    def forget(self, leg: Leg) -> None:
        """The leg is gone."""
        typing = self.typing.get(leg)
        if typing is not None:
            self._forget(typing)

    def _forget(self, typing: Typing) -> None:
        self.typing.pop(typing.leg, None)
        typing.leg.board.deadlines.clear((typing, "code"))


def order(leg: Leg, verb: str, now: float) -> None:
    """A code was typed."""
    call = leg.call
    lead = call.lead
    if isinstance(lead, Consultation):
        if leg is lead.leg:
            if verb == "attended":
                lead.complete(now)
            elif verb == "abort":
                lead.abort(now)
            elif verb == "swap":
                lead.swap(now)
            elif verb == "merge":
                lead.together(now)
    elif verb in ASKED_FOR and transfer.possible(leg):
        Asking(leg, verb).begin(now)
    elif verb == "escalate" and transfer.possible(leg):
        transfer_orders.escalate(leg, now)


class Asking(Lead):
    """A phone is asked for the number that its caller is to be led to. The caller hears music."""

    __slots__ = ("leg", "number", "verb")

    state = "transferring"

    def __init__(self, leg: Leg, verb: str) -> None:
        super().__init__(leg.call)
        self.leg = leg
        self.verb = verb
        self.number = ""

    def begin(self, now: float) -> None:
        call = self.call
        call.lead = self
        self.board.deadlines.set((self, "number"), now + FIRST_PAUSE)
        self.leg.media.play_clips(self.board.resolve(("enter-number",), call.language))
        call.changed(now)

    def refresh(self) -> None:
        other = self.call.other(self.leg)
        if other is not None:
            sources.hold(self.call, other)
        if self.leg.up and self.leg.holding:
            self.leg.media.stop()
        elif self.leg.up and isinstance(self.leg.media.source, Stop):
            self.leg.media.tone("hold", self.board.country)  # It was on hold, and is back.

    def digit(self, leg: Leg, digit: str, now: float) -> bool:
        if leg is not self.leg:
            return True
        if digit == "#":
            self._done(now)
        elif digit == "*" and not self.number:
            self._back(now)
        else:
            if not self.number:
                leg.media.tone("hold", self.board.country)
            self.number = (self.number + digit)[:MAX_NUMBER]
            self.board.deadlines.set((self, "number"), now + NEXT_PAUSE)
        return True

    def expire(self, kind: str, now: float) -> None:
        self._done(now)

    def lost(self, leg: Leg, now: float) -> bool:
        """Whoever types a number and hangs up has said where to."""
        number, destination = self.number, self._destination()
        if leg is not self.leg or not number:
            return False
        self.end(now)
        self.call.lead = None
        if destination is None:
            transfer.astray(leg, number, 404, "not_found", now)
        else:
            transfer.blind(leg, destination, number, transfer.Note(), now, linger=False)
        return True

    def _destination(self) -> Destination | None:
        """Where the number leads, None if nowhere."""
        found = route(self.number, self.board.directory) if self.number else None
        return found if isinstance(found, Destination) and transfer.permitted(found) else None

    def _done(self, now: float) -> None:
        leg, number = self.leg, self.number
        destination = self._destination()
        self._back(now)
        if destination is None:
            return  # The caller is back: that says it.
        if self.verb == "attended" and destination.kind in transfer.ASKED:
            Consultation(leg, destination, number).begin(transfer.Note(), now)
        else:
            transfer.blind(leg, destination, number, transfer.Note(), now, linger=False)

    def _back(self, now: float) -> None:
        self.board.deadlines.clear((self, "number"))
        self.call.lead = None
        self.call.changed(now)

    def end(self, now: float) -> None:
        self.board.deadlines.clear((self, "number"))
