"""What is on disk in the simulated world: written behind as the journal does, lost up to one flush by a kill.

Everything passes through JSON on its way, as it does on a real disk.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from softswitch.call.revival import Kept, Taken
from softswitch.events import BindingAdded, BindingRemoved, CallEnded, CallerJoined, CallerLeft, CallStarted, Event
from softswitch.running.takeover import queue_state
from softswitch.store.callbacks import open_callbacks, write_callback
from softswitch.store.projection import Batch
from softswitch.store.records import CallbackRecord, CallRecord, JournalEntry, LeftOpen, Snapshot, VisitRecord
from softswitch.store.recovery import recover

if TYPE_CHECKING:
    from tests.sim.wiring import Wiring
    from tests.sim.world import World

FLUSH = 0.1  # seconds
STATE = 1.0


class Storage:
    """The journal, the calls that are kept, and the state of the queue engine."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[tuple[float, Event]] = []
        self.calls: dict[str, Any] = {}
        self.state: tuple[float, Any] | None = None
        self.counted = 0  # events that are in the state
        self.subscriptions: dict[int, tuple[list[Any], float]] = {}
        self.taken = Taken()
        self._armed = False
        self._life = 1

    def arm(self) -> None:
        if not self._armed:
            self._armed = True
            life = self.world.lives
            self.world.after(FLUSH, lambda: self._flush(life))

    def _flush(self, life: int) -> None:
        world = self.world
        if life != world.lives or world.down:
            return
        self._armed = False
        switch = world.switch
        self.events = list(zip(switch.times, switch.events, strict=True))
        for call, kept in switch.switch.changes(world.now):
            if kept is None:
                del self.calls[call]  # Nothing is forgotten that was not stored.
            else:
                self.calls[call] = json.loads(json.dumps(kept, allow_nan=False))
        assert switch.calls.restart.unkept == 0
        for portion, subscribed in switch.switch.notifier.changes(world.now):
            self.subscriptions[portion] = json.loads(json.dumps(subscribed)), world.now
        if switch.switch.has_changes:
            self.arm()
        if self.state is None or world.now - self.state[0] >= STATE:
            self.counted = len(self.events)
            self.state = world.now, json.loads(json.dumps(switch.switch.export_state(world.now)))

    # --- start -----------------------------------------------------------------------------------------------------------

    def restore(self, wiring: Wiring) -> None:
        """As the daemon does it."""
        world, switch, now = self.world, wiring.switch, self.world.now
        self._armed = False
        wiring.events = [event for _, event in self.events]
        wiring.times = [at for at, _ in self.events]
        at, state = self.state or (now, switch.export_state(now))
        left = self._left_open()
        state = queue_state(state, at, self.events[self.counted :], Snapshot(None, [], {}, {}))
        switch.restore_state(state, at)
        switch.calls.board.phones.restore(state["phones"])
        standing = {0: [port.opened for port in world.worker.ports.values()]}
        standing[0] += [port.source for port in world.worker.ports.values() if port.source is not None]  # type: ignore[misc]
        standing[0] += list(world.worker.recordings.values())  # type: ignore[arg-type]
        switch.calls.add_range(0, 40_000, world.legs)
        self.taken = switch.take_back(self._bindings(), [Kept(one) for one in self.calls.values()], (), standing, now)
        assert not self.taken.broken
        wiring.switch.restore_subscriptions(list(self.subscriptions.values()), now)
        switch.restore_callbacks(json.loads(json.dumps(open_callbacks(self._callbacks(), lambda wall: wall))), now)
        wiring.settle(now)
        resumed = {(one["visit"], one["caller"]) for one in state["visits"]}
        journal = [
            JournalEntry(index, when, when, event.name, getattr(event, "call", ""), event.as_dict())
            for index, (when, event) in enumerate(self.events)
        ]
        recovery = recover(left, journal, resumed, self.taken.calls, self.taken.legs)
        for event in recovery.events:
            wiring.publish(event)
        switch.queues.close_visits(now)
        wiring.settle(now)

    def _left_open(self) -> LeftOpen:
        calls: dict[str, CallRecord] = {}
        visits: dict[int, VisitRecord] = {}
        for when, event in self.events:
            if isinstance(event, CallStarted):
                calls[event.call] = CallRecord(
                    event.call, 0, when, event.caller, event.caller_name, event.dialled, event.account, event.trunk
                )
            elif isinstance(event, CallEnded):
                calls.pop(event.call, None)
            elif isinstance(event, CallerJoined):
                visits[event.visit] = VisitRecord(
                    event.visit,
                    event.caller,
                    event.queue,
                    event.number,
                    event.priority,
                    when,
                    event.position,
                    event.waiting,
                )
            elif isinstance(event, CallerLeft):
                visits.pop(event.visit, None)
        at = self.events[-1][0] if self.events else self.world.now
        return LeftOpen(at, len(self.events), list(calls.values()), list(visits.values()), [])

    def _callbacks(self) -> list[CallbackRecord]:
        """The table, by its own projection: here wall time is monotonic."""
        batch, table = Batch(), dict[str, Any]()
        for index, (when, event) in enumerate(self.events):
            batch.add((index, when, when, event))
        for what, row in batch.callbacks:
            write_callback(table, what, row)
        return [CallbackRecord(*row) for row in table.values()]

    def _bindings(self) -> list[BindingAdded]:
        bound: dict[tuple[str, str], BindingAdded] = {}
        for _, event in self.events:
            if isinstance(event, BindingAdded):
                bound[event.aor, event.key or event.contact] = event
            elif isinstance(event, BindingRemoved):
                bound.pop((event.aor, event.key or event.contact), None)
        return list(bound.values())
