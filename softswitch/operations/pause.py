"""Reasons of pauses for people and programs: which there are, and what is none. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from softswitch.decode import nearest
from softswitch.directory import Directory
from softswitch.directory.pauses import Pause, by_digit, in_order
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

WITH_REASON: Final = ("not_ready", "login")


class PauseOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"pauses": self.pauses}

    def pauses(self) -> list[dict[str, Any]]:
        """The reasons of the site in the order of the menu."""
        return [_row(one) for one in in_order(self._daemon.directory.pauses)]


def reason_of(site: Directory, verb: str, reason: str) -> str:
    """What an order means: without a reason a pause has the first of the site. Raises ConsoleError if the site has no such."""
    if verb == "not_ready" and not reason:
        return by_digit(site.pauses, "")
    if verb not in WITH_REASON or not reason or reason in site.pauses:
        return reason
    known = [one.name for one in in_order(site.pauses)]
    near = nearest(reason, known)
    hint = f'Did you mean "{near}"? ' if near else ""
    raise ConsoleError(
        f"There is no reason {reason!r} for a pause.",
        f"{hint}There are: {', '.join(known)}. Another one: [pause.NAME] of the site.",
        kind="unknown",
    )


def _row(one: Pause) -> dict[str, Any]:
    return {
        "pause": one.name, "title": dict(one.title) or {"": one.name}, "key": one.key, "longest": one.longest,
        "alert": one.alert, "offered": one.offered,
    }  # fmt: skip
