"""What people and programs may ask a running switch about callbacks. A part of `operations`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

LIST: Final = "See them with: softswitch callback list"
MAX_NOTE: Final = 512
LONGEST: Final = 366 * 86_400.0  # seconds from now to an agreed time


class CallbackOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "callbacks": self.callbacks,
            "callback_history": self.history,
            "callback_report": self.report,
            "callback_add": self.add,
            "callback_assign": self.assign,
            "callback_done": self.done,
            "callback_cancel": self.cancel,
        }

    def callbacks(self, queue: str = "", number: str = "") -> list[dict[str, Any]]:
        """Those that are open, the oldest first."""
        rows = self._daemon.switch.queues.callbacks.rows(time.monotonic())
        return [one for one in rows if queue in ("", one["queue"]) and number in ("", one["number"])]

    async def history(self, queue: str = "", number: str = "", limit: int = 100) -> list[dict[str, Any]]:
        """Open and ended ones, the newest first."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        return [
            asdict(one) for one in await reports.callbacks(queue=queue, number=number, limit=max(1, min(limit, 10_000)))
        ]

    async def report(self, days: int = 7) -> list[dict[str, Any]]:
        """What became of those that were asked for in the last days, by queue, with the time from the wish to the talk."""
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        targets = {name: queue.callbacks.target for name, queue in self._daemon.directory.queues.items()}
        since = time.time() - max(1, days) * 86_400
        found = await reports.callback_summary(since=since, targets=targets)
        return [asdict(one) | {"target": targets.get(one.queue, 0.0)} for one in found]

    def add(
        self, queue: str, number: str, at: float | None = None, owner: str = "", name: str = "", note: str = "", by: str = "cli"
    ) -> dict[str, Any]:  # fmt: skip
        """Put a number on the list of a queue, for now or for a time (seconds since 1970)."""
        daemon = self._daemon
        id, refusal = daemon.input("callback", _with(daemon.switch.add_callback, due=_due(at), owner=owner, name=name,
                                                    note=note[:MAX_NOTE], by=by), queue, number)  # fmt: skip
        if refusal:
            raise ConsoleError(f"{number} cannot be put on the list of {queue}: {refusal}.", "See: docs/callbacks.md")
        return self._one(id)

    def assign(
        self, callback: str, owner: str | None = None, queue: str = "", at: float | None = None, by: str = "cli"
    ) -> dict[str, Any]:
        """Give a callback to an agent ("" = whoever the queue chooses), another queue, or another time."""
        daemon = self._daemon
        order = _with(daemon.switch.assign_callback, owner=owner, queue=queue, due=_due(at))
        self._refused(daemon.input("callback", order, callback, by), callback)
        return self._one(callback)

    def done(self, callback: str, by: str = "cli") -> None:
        self._refused(self._daemon.input("callback", self._daemon.switch.settle_callback, callback, by), callback)

    def cancel(self, callback: str, by: str = "cli") -> None:
        self._refused(self._daemon.input("callback", self._daemon.switch.cancel_callback, callback, by), callback)

    def _refused(self, refusal: str, callback: str) -> None:
        if refusal:
            kind = "unknown" if refusal == "there is no such callback" else "failed"
            raise ConsoleError(f"Callback {callback}: {refusal}.", LIST, kind=kind)

    def _one(self, callback: str) -> dict[str, Any]:
        return next((one for one in self.callbacks() if one["callback"] == callback), {"callback": callback})


def _with(function: Callable[..., Any], **more: Any) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments, **more)


def _due(at: float | None) -> float | None:
    """A wall time on the monotonic clock."""
    if at is None:
        return None
    ahead = at - time.time()
    if not -60.0 <= ahead <= LONGEST:
        raise ConsoleError("The time lies in the past, or more than a year ahead.", 'Such as: --at "2027-03-02 14:30"')
    return time.monotonic() + max(0.0, ahead)
