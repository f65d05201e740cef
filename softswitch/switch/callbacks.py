"""What operators and their programs may order of callbacks. Each is an input with the time, and gives "" or why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from softswitch.acd.engine import Engine
from softswitch.call.callback import number_of, permitted
from softswitch.call.control import CallControl
from softswitch.callbacks import Kind


class CallbackOrders:
    """The part of the switch that carries out orders about callbacks."""

    calls: CallControl
    queues: Engine
    _now: float

    def add_callback(
        self, queue: str, number: str, now: float, *, due: float | None = None, owner: str = "", name: str = "", note: str = "",
        by: str = "", mode: str = "",
    ) -> tuple[str, str]:  # fmt: skip
        """Put a number on the list of a queue; (its id, ""), or ("", why not). `due`: monotonic seconds, None = at once."""
        self._now = now
        board, book = self.calls.board, self.queues.callbacks
        config, state = board.directory.queues.get(queue), self.queues.queues.get(queue)
        if config is None or state is None:
            return "", "there is no such queue"
        found = number_of(number, board)
        if not found or not permitted(found, config, board):
            return "", f"{number} is no number that this queue calls"
        if owner and all(member.agent != owner for member in config.members):
            return "", f"{owner} is no agent of {queue}"
        if any(task.queue == queue for task in book.of_number(found)):
            return "", f"{found} is on the list already"
        if book.refusal(queue, found) == "full":
            return "", "the list is full"
        task = book.add(
            queue, found, now, kind=Kind.SCHEDULED, name=name, due=due, owner=owner, note=note, by=by, mode=mode
        )
        self.queues.match(now)
        return (task.id, "") if task is not None else ("", "the list is full")

    def cancel_callback(self, callback: str, by: str, now: float) -> str:
        """Nobody is to be called back any more."""
        self._now = now
        return "" if self.queues.callbacks.cancel(callback, by, now) else "there is no such callback"

    def settle_callback(self, callback: str, by: str, now: float) -> str:
        """It is done, says somebody who knows."""
        self._now = now
        return "" if self.queues.callbacks.done(callback, by, now) else "there is no such callback"

    def assign_callback(
        self, callback: str, by: str, now: float, *, owner: str | None = None, queue: str = "", due: float | None = None
    ) -> str:
        """Give it to an agent ("" = whoever the queue chooses), another queue, or another time."""
        self._now = now
        return self.queues.callbacks.assign(callback, by, now, owner=owner, queue=queue, due=due)

    def restore_callbacks(self, kept: Iterable[Mapping[str, Any]], now: float) -> None:
        """Go on with what the store kept, after the calls were taken back."""
        self._now = now
        self.queues.callbacks.restore(kept, now)
