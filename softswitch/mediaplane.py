"""Spawns media workers, speaks media.control, notices and replaces a dead one."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.client import MediaClient, adopt_worker, dismiss_worker, start_worker
from media.control import Alarm, Command, Failed, Load, Ready, Stopped, WorkerEvent
from media.nursery import Nursery
from softswitch.effects import MediaCommand
from softswitch.errors import SoftswitchError

FIRST_RESTART = 0.05  # seconds; doubled at each failure up to the longest
LONGEST_RESTART = 5.0
STEADY = 60.0  # a worker that lived this long is restarted at once
WAKE_INTERVAL = 0.003  # seconds between two wake-ups of a worker: a seventh of a packet's length
START_TIMEOUT = 30.0
START_PATIENCE = 3.0


class MediaError(SoftswitchError):
    """No media worker could be started."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class WorkerPlan:
    """What one worker is given: its even first port, how many legs, the addresses to bind, how to move packets."""

    base_port: int
    legs: int
    hosts: tuple[str, ...]
    relay: str = "auto"


def share_ports(ports: tuple[int, int], workers: int, hosts: Sequence[str], relay: str = "auto") -> list[WorkerPlan]:
    """Split a range of ports evenly; a leg takes two (RTP even, RTCP odd)."""
    first, last = ports
    legs = (last - first + 1) // 2 // workers
    return [WorkerPlan(first + 2 * legs * index, legs, tuple(hosts), relay) for index in range(workers)]


class _Slot:
    """One worker's place: the process that holds it now, and its history."""

    def __init__(self, index: int, plan: WorkerPlan) -> None:
        self.index = index
        self.plan = plan
        self.worker: MediaClient | None = None
        self.ready: Ready | None = None
        self.failures = 0
        self.restarts = 0
        self.started_at = 0.0
        self.pending: asyncio.TimerHandle | None = None
        self.waking: asyncio.Handle | None = None
        self.woken_at = 0.0
        self.fd = -1
        self.adopted = False  # it was started by a switch before us
        self.held: list[WorkerEvent] = []  # what happened to legs before `begin`


class MediaPlane:
    """All workers. `on_event(worker, event)` is called in the loop for each event, Ready and Stopped included.

    `handles`: the beginning of the paths where workers are found by the switch after this one, which takes them over if it
    comes within `grace` seconds; without it they end with us. What happens to legs is not told before `begin`.
    """

    def __init__(
        self,
        plans: Sequence[WorkerPlan],
        on_event: Callable[[int, WorkerEvent], None],
        *,
        handles: Path | None = None,
        grace: float = 0.0,
    ) -> None:
        self._handles = handles if grace > 0 else None
        self._grace = grace
        self._begun = False
        self._nursery = Nursery()
        self._slots = [_Slot(index, plan) for index, plan in enumerate(plans)]
        self._sources: dict[str, Load] = {}  # what a worker must know that starts later
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._first: dict[int, asyncio.Future[None]] = {}
        self._closing = False
        self._started_at = 0.0
        self.dropped = 0  # commands for a worker that is not there

    def start(self) -> None:
        """Start every worker's process, or take over the one that is there; they come up while the caller does something else."""
        self._started_at = self._loop.time()
        self._adopt()
        for slot in self._slots:
            self._first[slot.index] = self._loop.create_future()
            if slot.worker is None:
                self._spawn(slot)

    def _adopt(self) -> None:
        """Take over what a switch before us left, if it is what we would start; end whatever else it left: it has our ports."""
        if self._handles is None:
            return
        wanted = {self._handle(slot.index): slot for slot in self._slots}
        for path in sorted(self._handles.parent.glob(f"{glob.escape(self._handles.name)}[0-9]*")):
            slot = wanted.get(path)
            if slot is None:
                dismiss_worker(path)
                continue
            plan = slot.plan
            slot.worker = adopt_worker(
                path, slot.index, hosts=plan.hosts, base_port=plan.base_port, legs=plan.legs, relay=plan.relay
            )
            slot.adopted = slot.worker is not None

    def _handle(self, index: int) -> Path | None:
        return self._handles.with_name(f"{self._handles.name}{index}") if self._handles is not None else None

    def standing(self) -> dict[int, list[Command]]:
        """What workers that were taken over say that they were ordered, complete after `wait`."""
        return {slot.index: slot.worker.standing for slot in self._slots if slot.adopted and slot.worker is not None}

    def begin(self) -> None:
        """Tell what has happened to legs so far, and from now on at once."""
        self._begun = True
        for slot in self._slots:
            held, slot.held = slot.held, []
            for event in held:
                self._on_event(slot.index, event)

    async def wait(self) -> None:
        """Begin to hand out events, until every worker is ready. Raises MediaError with the worker's own explanation."""
        for slot in self._slots:
            self._listen(slot)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await asyncio.gather(*self._first.values())
        except TimeoutError:
            raise MediaError(
                f"The media workers did not start within {START_TIMEOUT:.0f} seconds.",
                "See the log; a smaller range of media.ports starts faster.",
            ) from None

    def post(self, effect: MediaCommand) -> None:
        """Perform a MediaCommand. The worker looks at once if it has been left alone for a while, else a moment later.

        Waking a process costs more than all the rest of a command: a burst of calls must not wake it for each.
        """
        slot = self._slots[effect.worker]
        if slot.worker is None:
            self.dropped += 1
            return
        slot.worker.give(effect.command)
        if slot.waking is None:
            delay = slot.woken_at + WAKE_INTERVAL - self._loop.time()
            slot.waking = (
                self._loop.call_later(delay, self._wake, slot) if delay > 0 else self._loop.call_soon(self._wake, slot)
            )

    def _wake(self, slot: _Slot) -> None:
        slot.waking = None
        slot.woken_at = self._loop.time()
        if slot.worker is not None:
            slot.worker.flush()

    def load(self, sources: Sequence[Load], again: Collection[str] = ()) -> None:
        """Make more clips playable, now and in every worker that starts later. `again`: names whose files have changed."""
        news = [one for one in sources if self._sources.get(one.name) != one or one.name in again]
        self._sources.update((one.name, one) for one in news)
        for slot in self._slots:
            if slot.worker is not None and slot.ready is not None:
                slot.worker.post_all(news)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each worker, for `status`."""
        return [
            {
                "worker": slot.index,
                "pid": slot.ready.pid if slot.ready else None,
                "state": "ready" if slot.ready else "starting",
                "legs": slot.plan.legs,
                "base_port": slot.plan.base_port,
                "relay": slot.ready.relay if slot.ready else "",
                "restarts": slot.restarts,
                "adopted": slot.adopted,
                "gauges": slot.worker.gauges() if slot.worker else {},
            }
            for slot in self._slots
        ]

    def all_ready(self) -> bool:
        return all(slot.ready is not None for slot in self._slots)

    def close(self) -> None:
        """End the workers. Those that were taken over for a start that fails wait for the next attempt, with their calls."""
        self._closing = True
        for slot in self._slots:
            for handle in (slot.pending, slot.waking):
                if handle is not None:
                    handle.cancel()
            self._drop(slot)
        self._nursery.close()

    def _start(self, slot: _Slot) -> None:
        slot.pending = None
        self._spawn(slot)
        self._listen(slot)

    def _spawn(self, slot: _Slot) -> None:
        slot.started_at = self._loop.time()
        plan = slot.plan
        slot.worker = start_worker(
            slot.index, hosts=plan.hosts, base_port=plan.base_port, legs=plan.legs, relay=plan.relay,
            handle=self._handle(slot.index), grace=self._grace, nursery=self._nursery,
        )  # fmt: skip

    def _listen(self, slot: _Slot) -> None:
        assert slot.worker is not None
        slot.fd = slot.worker.fileno()
        self._loop.add_reader(slot.fd, self._readable, slot)

    def _drop(self, slot: _Slot) -> None:
        if slot.worker is not None:
            if slot.fd >= 0:
                self._loop.remove_reader(slot.fd)
                slot.fd = -1
            if slot.adopted and self._closing and not self._begun:
                slot.worker.abandon()
            else:
                slot.worker.close()
        slot.worker = slot.ready = None

    def _readable(self, slot: _Slot) -> None:
        worker = slot.worker
        if worker is None:
            return
        for event in worker.events():
            if isinstance(event, Ready):
                self._came_up(slot, event)
            elif isinstance(event, Failed | Stopped):
                self._went_down(slot, event)
            elif not self._begun and not isinstance(event, Alarm):
                slot.held.append(event)
                continue
            self._on_event(slot.index, event)

    def _came_up(self, slot: _Slot, event: Ready) -> None:
        slot.ready = event
        assert slot.worker is not None
        slot.worker.post_all(list(self._sources.values()))
        first = self._first[slot.index]
        if not first.done():
            first.set_result(None)

    def _went_down(self, slot: _Slot, event: Failed | Stopped) -> None:
        self._drop(slot)
        slot.adopted = False
        slot.held.clear()
        first = self._first[slot.index]
        if first.done() and first.exception():
            return  # Failed, then Stopped.
        # After a kill -9 the ports are those of the old worker for a moment longer.
        if not first.done() and self._loop.time() - self._started_at > START_PATIENCE:
            first.set_exception(MediaError(event.reason))
            return
        if self._closing or slot.pending is not None:
            return
        slot.restarts += 1
        slot.failures = 0 if self._loop.time() - slot.started_at > STEADY else slot.failures + 1
        delay = min(LONGEST_RESTART, FIRST_RESTART * 2 ** min(slot.failures - 1, 10)) if slot.failures > 1 else 0.0
        slot.pending = self._loop.call_later(delay, self._start, slot)
        self._on_event(slot.index, Alarm("media_worker_restarts", f"in {delay:.2f} s: {event.reason}"))
