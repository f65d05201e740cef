"""Feature codes that switch opening hours and announcements, and what the lamps of their keys show (IVR-07, IVR-10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call.flow import Do, Flow
from softswitch.call.menu import farewell

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.directory import Account

KINDS: Final = ("hours", "outage")  # words before the dot of actions
FORBIDDEN: Final = "forbidden"


def parts(action: str) -> tuple[str, str, str]:
    """The kind, the verb and the name in an action: "hours.toggle:office"."""
    head, _, name = action.partition(":")
    kind, _, verb = head.partition(".")
    return kind, verb, name


def press(board: Board, account: Account, action: str, now: float) -> str:
    """Do what a code says; "" or why not."""
    kind, verb, name = parts(action)
    if name not in account.controls and "*" not in account.controls:
        return FORBIDDEN
    switches = board.desk.switches
    if kind == "outage":
        return switches.press_outage(name, account.user, now)
    return switches.press_hours(name, verb, account.user, now)


def flow(board: Board, account: Account, action: str) -> Flow:
    """Switch, and say that it was done."""
    refusal = yield Do(lambda now: press(board, account, action, now))
    said = "done" if not refusal else "not-permitted" if refusal == FORBIDDEN else "call-failed"
    yield from farewell((said,), refusal or "normal")


def lit(board: Board, action: str) -> bool:
    """Whether the lamp of a key is on: the hours are overruled (as the key does it), the announcement is played."""
    kind, verb, name = parts(action)
    switches = board.desk.switches
    if kind == "outage":
        return name in switches.outages
    override = switches.hours.get(name)
    if verb == "auto":
        return override is None
    return override is not None and verb in ("toggle", override.state)
