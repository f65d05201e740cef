"""A caller asks to be called back (FEATURES OUT-01): confirms the number or types another, and hangs up.

    callback:QUEUE

Who was waiting in that queue keeps the place; who presses * goes back to it as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call.callback import number_of, permitted, spoken
from softswitch.call.flow import EnterQueue, Flow, Gather, Hangup, Mark, Play, Step
from softswitch.callbacks import RequestCallback

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.directory import Queue

ROUNDS: Final = 5  # prompts, before the caller is back where they came from
KEY_TIMEOUT: Final = 6.0
MAX_TYPED: Final = 20
ACCEPT, OTHER, BACK = "1", "2", "*"


@dataclass(slots=True)
class Place:
    """The place in line that a caller lets go of. Times are monotonic seconds."""

    joined: float
    credit: float = 0.0
    priority: int = 0
    waited: bool = False  # they were in line


def ask(call: Call, queue: Queue, now: float) -> None:
    """Lead the caller of a call to a callback of a queue from now on."""
    visit = call.visit
    place = Place(now)
    if visit is not None and visit.config.name == queue.name and visit.attempt is None:
        place = Place(visit.entered, visit.credit, visit.priority, True)
    if queue.language:
        call.language = queue.language
    call.run(asking(call, queue, place, now), now, ("to", f"callback:{queue.name}"))


def own_number(call: Call, queue: Queue) -> str:
    """The number that the caller calls from, if it can be called back."""
    if call.hidden or call.origin:
        return ""
    number = number_of(call.caller_number, call.board)
    return number if number and permitted(number, queue, call.board) else ""


def asking(call: Call, queue: Queue, place: Place, begun: float) -> Flow:
    """The conversation with the caller."""
    board, rules = call.board, queue.callbacks
    yield Mark("callback", queue.name)
    number = own_number(call, queue)
    for _ in range(ROUNDS):
        if not number:
            if not rules.other_number:
                break
            number = yield from _other(call, queue)
            continue
        key = yield Gather(("callback-number-intro", *spoken(number, board), "callback-confirm"), KEY_TIMEOUT)
        if key == ACCEPT:
            if (refusal := board.callback_refusal(queue.name, number)) == "":
                board.out.append(
                    RequestCallback(
                        queue.name, number, "" if call.hidden else call.caller_name, call.id, place.joined, place.credit,
                        place.priority, call.language,
                    )
                )  # fmt: skip
            yield Mark("callback_accepted" if not refusal else "callback_refused", refusal or number)
            if refusal == "full":
                break
            yield Play(("callback-already",) if refusal else ("callback-place-kept",), interruptible=False)
            yield Hangup("callback")
        if key == OTHER and rules.other_number:
            number = yield from _other(call, queue)
        elif key == BACK:
            yield from _back(queue, place)
            return
    yield Play(("callback-refused",))
    yield from _back(queue, place)


def _other(call: Call, queue: Queue) -> Generator[Step, str, str]:
    """Another number; "" if it cannot be called."""
    typed = yield Gather(("callback-enter-number",), KEY_TIMEOUT, MAX_TYPED, 4.0, "#")
    number = number_of(typed, call.board) if typed else ""
    own = number == call.account.user  # An account is called back at its own phone, and outsiders at none of ours.
    if number and (number not in call.board.directory.accounts or own) and permitted(number, queue, call.board):
        return number
    if typed:
        yield Play(("callback-number-wrong", "callback-retry"))
    return ""


def _back(queue: Queue, place: Place) -> Flow:
    """Back into the line, at the old place; who was in none is told goodbye."""
    if place.waited:
        yield EnterQueue(queue.name, place.priority, since=place.joined - place.credit)
    else:
        yield Play(("goodbye",), interruptible=False)
        yield Hangup("no_callback")
