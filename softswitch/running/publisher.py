"""Where events go: the journal, whoever follows, and the log if they matter there."""

from __future__ import annotations

import time
from collections.abc import Callable

from softswitch import logs
from softswitch.acd.chronicle import Chronicle
from softswitch.effects import Publish
from softswitch.events import Event, LegStarted
from softswitch.running.following import Followers, line_of

# Events that the log tells at the standard level; all are in the journal.
LOGGED = {
    "call.ended": "info",
    "agent.presence": "info",
    "registration.removed": "info",
    "config.changed": "info",
    "security.banned": "warning",
    "security.released": "info",
    "media.alarm": "warning",
}
# Events after which the state of queues, phones and ring groups is another.
STATEFUL = frozenset(
    {
        "queue.entered",
        "queue.left",
        "queue.offered",
        "queue.connected",
        "queue.escalated",
        "queue.steered",
        "queue.surge",
        "agent.presence",
        "agent.activity",
        "phone.changed",
        "group.rang",
    }
)

log = logs.get_logger()


class Publisher:
    """Numbers events and stamps them with the wall clock. `record(seq, wall, mono, event)` is the journal's."""

    def __init__(
        self,
        record: Callable[[int, float, float, Event], None],
        followers: Followers,
        next_seq: int,
        leg: Callable[[str, str], None] = lambda call, call_id: None,
    ) -> None:
        """`leg(call, call_id)` is told of each leg of a call."""
        self._leg = leg
        self.chronicle = Chronicle()  # what `softswitch explain` remembers
        self.counts: dict[str, int] = {}  # name -> how many there were
        self.watchers: list[Callable[[float, Event], None]] = []  # each is told of every event: (Unix time, event)
        self.state_changed = False  # since somebody last looked and set it back
        self._record = record
        self._followers = followers
        self._sequence = next_seq

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self._sequence - 1

    def perform(self, effect: Publish) -> None:
        self.publish(effect.event)

    def publish(self, event: Event, at: float | None = None) -> None:
        """Publish an event that happened now, or `at` a wall-clock time."""
        name, wall, mono = event.name, time.time(), time.monotonic()
        if at is not None:
            wall, mono = at, mono - (wall - at)
        seq = self._sequence
        self._sequence += 1
        self.counts[name] = self.counts.get(name, 0) + 1
        self._record(seq, wall, mono, event)
        self.chronicle.note(mono, event)
        for watcher in self.watchers:
            watcher(wall, event)
        if type(event) is LegStarted:
            self._leg(event.call, event.sip_call_id)
        if name in STATEFUL:
            self.state_changed = True
        if self._followers.followed:
            self._followers.publish(line_of(seq, wall, name, event.as_dict()))
        level = LOGGED.get(name)
        if level is not None and not logs.full(name, level):
            fields = {key: value for key, value in event.as_dict().items() if value not in ("", None, ())}
            getattr(log, level)(name, **fields)
