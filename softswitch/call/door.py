"""Who is let in: a call is looked at before anything is made for it (SEC-09, IVR-09), and its caller's card is found (API-09)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call.facts import Card
from softswitch.call.flow import Flow, Mark, Play
from softswitch.call.menu import farewell, flow_for
from softswitch.call.routing import Destination, Refusal, parse
from softswitch.directory.entry import EVERYWHERE, Screening
from softswitch.events import CallScreened, CustomerIdentified

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call

DECLINED: Final = 603
BLOCKED: Final = "blocked"


@dataclass(slots=True, frozen=True)
class Verdict:
    """Why somebody is not let in. `otherwise`: the destination where they go instead, "" = they are refused."""

    cause: str  # "blocked", or the name of the screening
    otherwise: str = ""

    @property
    def way(self) -> Destination | Refusal:
        if self.otherwise:
            return parse(self.otherwise)
        return Refusal(DECLINED, BLOCKED if self.cause == BLOCKED else "screened")

    def event(self, call: str, number: str, dialled: str) -> CallScreened:
        return CallScreened(call, number, dialled, self.cause, self.otherwise)


def screen(board: Board, number: str, hidden: bool, dialled: str, now: float) -> Verdict | None:
    """Whether somebody from outside is not let in; None: come in. `hidden`: others are not shown the number, if there is one."""
    callers = board.desk.callers
    callers.note(number, callers.epoch + now)
    known_as = ("", number) if hidden and number else ("" if hidden else number,)
    if callers.blocks and any(map(callers.blocked, known_as)):
        return Verdict(BLOCKED)
    for name, one in board.directory.screenings.items():
        if (EVERYWHERE in one.numbers or dialled in one.numbers) and not _passes(board, one, known_as, now):
            return Verdict(name, one.otherwise)
    return None


def _passes(board: Board, one: Screening, known_as: tuple[str, ...], now: float) -> bool:
    callers = board.desk.callers
    if any(callers.holds(name, number) for name in one.allow for number in known_as):
        return True
    if one.allow or any(callers.holds(name, number) for name in one.deny for number in known_as):
        return False
    number, since = known_as[-1], callers.epoch + now - 3_600.0 * one.hours
    return not (one.most_calls and number and callers.calls_since(number, since) > one.most_calls)


def identify(call: Call, number: str) -> None:
    """Find the card of whoever calls."""
    board = call.board
    card = board.desk.cards.by_number(number) if number else None
    if card is not None:
        recognise(call, card, "number")


def recognise(call: Call, card: Card, by: str) -> None:
    """It is known whose call it is. `by`: "number", or "lookup" where another program has said it while the call went on."""
    board = call.board
    customer, language = str(card["id"]), str(card.get("language") or "")
    call.context["customer"] = customer
    if language:
        call.language = language
    if board.directory.show_customers and not call.account.user and (name := card.get("name")):
        call.caller_name = str(name)
    board.publish(CustomerIdentified(call.id, customer, by))


def enter(call: Call, destination: Destination, now: float) -> None:
    """Begin a call: by the announcement that stands at its number, or where the number leads."""
    found = call.board.desk.announcement(call.dialled, outside=bool(call.trunk))
    if found is None or not (call.caller.offer is None or call.caller.understands):
        call.start(destination, now)
        return
    then = parse(found.then) if found.then else destination
    call.run(_announced(found.name, found.clips, then, call), now, ("to", str(then)))


def _announced(name: str, clips: tuple[str, ...], then: Destination, call: Call) -> Flow:
    yield Mark("outage", name)
    if then.kind == "hangup":
        yield from farewell(clips, "outage")
        return
    yield Play(clips, interruptible=False)
    yield Mark("destination", str(then))
    yield from flow_for(then, call.board.site, call.visitor)
