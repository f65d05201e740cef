"""One callback: somebody to be called back, until that has come to its one end (`acd.callbacks`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.caller import Caller, CallerState
from softswitch.callbacks import Callback, Kind

if TYPE_CHECKING:
    from softswitch.acd.visits import Visits

UNPLACED: Final = frozenset({CallerState.CONNECTING, CallerState.CALLED})  # an attempt is being made


@dataclass(slots=True, eq=False)
class Task:
    """Somebody to be called back. Times are monotonic seconds."""

    id: str
    queue: str
    number: str
    name: str
    kind: str
    mode: str
    created: float
    joined: float
    credit: float
    priority: int
    due: float
    expires: float
    owner: str = ""
    call: str = ""
    language: str = ""
    note: str = ""
    attempts: int = 0
    cause: str = ""  # why the last attempt failed
    caller: Caller | None = field(default=None, repr=False)  # once they have stood in line
    watchdog: float = 0.0  # until when something must be heard of the attempt that is being made
    reminded: bool = False
    superseded: bool = False  # the customer waits on the line themselves

    @property
    def placed(self) -> bool:
        """Whether it keeps a place in line. One that is a single agent's does not."""
        return self.kind == Kind.REQUESTED and not self.owner

    def callback(self) -> Callback:
        return Callback(self.id, self.number, self.name, self.mode, self.kind, self.language, self.owner)

    def state(self, now: float) -> str:
        """For people: "calling", "waiting" (in line), "due" (when somebody is idle), "later", "closed" (outside of the hours)."""
        caller = self.caller
        if self.watchdog or (caller is not None and caller.state in UNPLACED):
            return "calling"
        if caller is not None and caller.state is not CallerState.AWAY:
            return "waiting"
        if now < self.due:
            return "later"
        return "closed" if self.placed else "due"

    def row(self, visits: Visits, now: float) -> dict[str, Any]:
        """Plain values. Durations in seconds."""
        caller = self.caller
        return {
            "callback": self.id,
            "queue": self.queue,
            "number": self.number,
            "name": self.name,
            "kind": str(self.kind),
            "mode": self.mode,
            "owner": self.owner,
            "note": self.note,
            "state": self.state(now),
            "position": visits.position(caller) if caller is not None else None,
            "priority": self.priority,
            "age": now - self.created,
            "waited": now - self.joined,
            "due_in": self.due - now,
            "expires_in": self.expires - now,
            "attempts": self.attempts,
            "cause": self.cause,
            "call": self.call,
        }
