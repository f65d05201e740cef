"""What the calls of this process leave to the next one, and take over from the one before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.keeping import keep
from softswitch.call.leg import LegState
from softswitch.call.revival import Kept, Standing, Taken, ids, take_back
from softswitch.effects import CallsChanged
from softswitch.packing import PackingError

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call

YOUNG: Final = 0.25  # seconds


def unanswered(call: Call) -> bool:
    """Whether nobody has answered, neither we nor the phone that we ring for a supervisor."""
    return call.summoning or call.caller.state in (LegState.INCOMING, LegState.WITHHELD)


class Restart:
    """Knows which calls are stored."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.unkept = 0  # times that a call could not be kept: a fault of ours
        self._stored: set[str] = set()  # calls of which something is stored
        self._dropped: list[str] = []  # calls of before that were not taken back

    @property
    def has_changes(self) -> bool:
        """Whether `changes` has anything to tell, now or in a moment."""
        return bool(self.board.changed or self._dropped)

    def changes(self, now: float) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """What a restart must know of the calls that have changed since this was last asked; None: it may forget the call.

        A call that was not answered yet and has only just begun is left for the next time: most are answered or over then.
        """
        dropped, self._dropped = self._dropped, []
        yield from ((call, None) for call in dropped)
        changed, self.board.changed = self.board.changed, {}
        stored = self._stored
        for call in changed:
            if now - call.started < YOUNG and call.id in self.board.calls and unanswered(call):
                self.board.changed[call] = None
                continue
            try:
                kept = keep(call)
            except PackingError:
                self.unkept += 1
                kept = None
            if kept is not None:
                stored.add(call.id)
                yield call.id, kept
            elif call.id in stored:
                stored.discard(call.id)
                yield call.id, None

    def take_back(self, calls: Collection[Kept], forgotten: Iterable[str], standing: Standing, now: float) -> Taken:
        """Go on with the calls of a process that is gone. Workers must be ready; `standing`: what those do that lived on.

        `forgotten`: calls that are stored and too old to be taken back.
        """
        taken = take_back(self.board, calls, standing, now)
        going_on = {call.id for call in self.board.changed}
        self._stored = set(going_on)
        self._dropped = [call for call in (*ids(calls), *forgotten) if call not in going_on]
        if self._dropped and not going_on:
            self.board.out.append(CallsChanged())
        return taken
