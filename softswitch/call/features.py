"""What the feature codes of a phone do (SIG-30..33): ways to dial, pickup, park, and settings that are confirmed by a voice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call import park, pickup, switch_codes
from softswitch.call.dialling import resolve
from softswitch.call.flow import Do, Flow, Gather, Hangup, Play
from softswitch.call.menu import farewell, flow_for
from softswitch.call.phones import MAX_TARGET
from softswitch.call.routing import Destination, Refusal, route

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.phones import Phones
    from softswitch.directory import Account

NUMBER_TIMEOUT: Final = 10.0  # seconds to the first digit of a number
CALL_BACK: Final = "1"
# What cannot be done -> what is said about it.
REFUSALS: Final = {
    park.NO_CONVERSATION: "nothing-to-park", park.TAKEN: "parking-full", park.EMPTY: "slot-empty",
    park.NOT_POSSIBLE: "call-failed", "not_found": "invalid-number", "forbidden": "not-permitted",
}  # fmt: skip
# Calls that are a number to call again.
REPEATED: Final = frozenset({"account", "group", "queue", "menu", "conference", "outside", "voicemail"})


def digits(number: str) -> tuple[str, ...]:
    """The clips that read a number digit by digit; what has no clip is left out."""
    return tuple([f"numbers/{one}" for one in number if one.isascii() and one.isdigit()])


def begin(call: Call, destination: Destination, now: float) -> bool:
    """Carry out a code that says how to dial, or takes a call; False if it has a flow of its own (`phone_flow`)."""
    board, user = call.board, call.account.user
    if destination.kind == "slot":
        return destination.name in board.parked and not park.retrieve(call, destination.name, now)
    action, number = destination.name, destination.detail
    if action in ("pickup.group", "pickup.directed"):
        return pickup.pick_up(call, number, now)
    if action == "redial":
        number = board.phones.last(user).dialled
        if not number:
            return False
    elif action == "caller_id.hide":
        call.hidden = True
    elif action == "call_waiting.pause":
        board.undisturbed.add(call)
    elif action == "intercom":
        call.intercom = True
    else:
        return False
    target = route(number, board.directory)
    if isinstance(target, Refusal):
        call.not_reached(target.status, target.cause, now)
    elif target.kind not in REPEATED or (action == "intercom" and target.kind != "account"):
        call.not_reached(404, "not_found", now)
    else:
        if action != "redial":
            board.phones.dialled(user, number)
        call.start(target, now)
    return True


def phone_flow(call: Call, destination: Destination) -> Flow:
    """The flow of a code that is confirmed by a voice."""
    board, account = call.board, call.account
    if destination.kind == "slot":
        yield from _park(board, account.user, destination.name, destination.detail, park.EMPTY)
        return
    kind, _, verb = destination.name.partition(".")
    phones = board.phones
    if kind == "forward":
        yield from _forward(board, account, verb, destination.detail)
    elif kind == "forward_off":
        yield from _forward_off(phones, account, verb)
    elif kind == "dnd":
        on = not phones.do_not_disturb(account) if verb == "toggle" else verb == "on"
        yield from _switch(phones, account.user, "do_not_disturb", on, "dnd-on" if on else "dnd-off")
    elif kind == "call_waiting":
        clip = "call-waiting-on" if verb == "on" else "call-waiting-off"
        yield from _switch(phones, account.user, "call_waiting", verb == "on", clip)
    elif kind == "park":
        yield from _park(board, account.user, "", "", park.NO_CONVERSATION)
    elif kind == "pickup":
        yield from farewell(("nothing-to-pick-up",), "nothing_to_pick_up")
    elif kind in switch_codes.KINDS:
        yield from switch_codes.flow(board, account, destination.name)
    elif kind == "call_return":
        yield from _call_return(call)
    else:
        yield from farewell(("no-number-stored",), "no_number")


def _switch(phones: Phones, user: str, setting: str, on: bool, clip: str) -> Flow:
    phones.set(user, setting, "on" if on else "off", "phone")
    yield from farewell((clip,), "normal")


def _forward(board: Board, account: Account, kind: str, number: str) -> Flow:
    """Forward to a number; without one, off, or to where it led before."""
    phones, setting = board.phones, f"forward_{kind}"
    if not number and phones.forward(account, kind):
        yield from _forward_off(phones, account, kind)
        return
    number = number or phones.number(account, setting)
    if not number:
        number = yield Gather(("forward-number",), NUMBER_TIMEOUT, 32, terminator="#")
    if not number:
        yield from farewell(("no-choice",), "no_number")
        return
    refusal = yield Do(lambda now: set_forward(board, account, kind, number, "phone"))
    if refusal:
        yield from farewell((REFUSALS.get(refusal, "invalid-number"),), refusal)
        return
    yield from farewell(("forward-on", *digits(number.partition(":")[2] or number)), "normal")


def _forward_off(phones: Phones, account: Account, kind: str) -> Flow:
    kinds = ("always", "busy", "no_answer", "unreachable") if kind == "all" else (kind,)
    for one in kinds:
        phones.set(account.user, f"forward_{one}", "", "phone")
    yield from farewell(("forwards-off" if kind == "all" else "forward-off",), "normal")


def set_forward(board: Board, account: Account, kind: str, target: str, by: str) -> str:
    """Forward the calls of an account; "" or why not. `target`: a destination, a number as its phone dials it, "" = nowhere."""
    if target:
        found = resolve(target, board, account)
        if found is None or len(target) > MAX_TARGET or str(found) == f"account:{account.user}":
            return "not_found"
    board.phones.set(account.user, f"forward_{kind}", target, by)
    return ""


def _park(board: Board, user: str, slot: str, lot: str, nothing: str) -> Flow:
    """Park what the phone has on hold, and say where."""
    place = ""

    def act(now: float) -> str:
        nonlocal place
        place, why = park.park_held(board, user, slot, lot, now)
        return why

    refusal = yield Do(act)
    if refusal:
        refusal = nothing if refusal == park.NO_CONVERSATION else refusal
        yield from farewell((REFUSALS[refusal],), refusal)
        return
    yield Play(("parked-at", *digits(place)), interruptible=False)
    yield from farewell(("parked-at", *digits(place)), "parked")


def _call_return(call: Call) -> Flow:
    """Say who called last, and call back."""
    number = call.board.phones.last(call.account.user).caller
    if not number:
        yield from farewell(("no-number-stored",), "no_number")
        return
    key = yield Gather(("last-caller", *digits(number), "press-one-to-call"))
    if key != CALL_BACK:
        yield Hangup()
        return
    target = route(number, call.board.directory)
    if isinstance(target, Refusal):
        yield from farewell(("invalid-number",), target.cause)
    else:
        yield from flow_for(target, call.board.site, call.visitor)
