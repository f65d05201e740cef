"""More in the log about one call, number or account. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from softswitch import logs
from softswitch.log_focus import KINDS, MOST, LogFocus
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_MINUTES: Final = 1_440.0


class LogOperations:
    """Handlers of the console. Nothing is looked at while nobody wants it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._focus = LogFocus(logs.detail, time.time, lambda: daemon.directory.country)

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {"log_focus": self.shown, "log_debug": self.debug, "log_quiet": self.quiet}

    def shown(self) -> list[dict[str, Any]]:
        """About what everything is written now."""
        rows = self._focus.rows()
        self._attach()
        return rows

    def debug(self, kind: str, value: str, minutes: float = 60.0, by: str = "cli") -> dict[str, Any]:
        """Write every event and SIP message about a call, a number or an account, for a while."""
        if kind not in KINDS:
            raise ConsoleError(f"There is no log of a {kind!r}.", f"One of: {', '.join(KINDS)}.")
        if not value.strip() or not 0 < minutes <= MOST_MINUTES:
            raise ConsoleError("It takes a value, and from 0 to 1440 minutes.")
        if kind == "account" and value not in self._daemon.directory.accounts:
            raise ConsoleError(f"There is no account {value!r}.", "See: softswitch account list", kind="unknown")
        if len(self._focus.rows()) >= MOST:
            raise ConsoleError(f"At most {MOST} at once.", "See: softswitch log list; softswitch log quiet")
        made = self._focus.add(kind, value.strip(), 60.0 * minutes, by).as_dict()
        self._attach()
        return made

    def quiet(self, kind: str = "", value: str = "", by: str = "cli") -> int:
        """No more about that; without a kind about nothing. How many that were."""
        if kind and not self._focus.remove(kind, value):
            raise ConsoleError(
                f"Nothing is written about the {kind} {value!r}.", "See: softswitch log list", kind="unknown"
            )
        count = 1 if kind else self._focus.clear()
        self._attach()
        return count

    def _attach(self) -> None:
        daemon = self._daemon
        watchers, wanted = daemon.publisher.watchers, len(self._focus) > 0
        daemon.trace.watch = self._focus.see_message if wanted else None
        if wanted and self._focus.see not in watchers:
            watchers.append(self._focus.see)
        elif not wanted and self._focus.see in watchers:
            watchers.remove(self._focus.see)
