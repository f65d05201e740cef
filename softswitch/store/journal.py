"""The batched writer behind the switch: `publish` appends to a list, a task writes it in one transaction.

What is acknowledged (`durable_seq`) survives kill -9 and, because each commit is synced, a power failure; what is not is at
most one flush interval. While the database cannot be written, events wait in memory up to a named limit, the operator is
told once what to do, and writing is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from softswitch.errors import StoreError
from softswitch.events import Event
from softswitch.store.moment import present
from softswitch.store.projection import BOOKS, Batch, Stamped, to_json
from softswitch.store.records import Health

SLICE: Final = 64  # events turned into rows at a stretch: 0.3 ms, then the loop has its turn
KEPT_SLICE: Final = 16  # calls that are turned into rows at a stretch
SOON: Final = 0.02  # seconds until what happens after a while of silence is written
LARGEST: Final = 4096  # events of one transaction
RETRY_FIRST: Final = 0.25  # seconds
RETRY_LAST: Final = 5.0
HARD_LIMIT: Final = 2  # times the limit: beyond it even records are dropped


class Keeper(Protocol):
    """Who knows the calls that go on."""

    @property
    def has_changes(self) -> bool: ...
    def changes(self, now: float) -> Iterable[tuple[str, dict[str, Any] | None]]:
        """The calls that have changed; None: the call is over."""
        ...


class Sink(Protocol):
    """What a batch is written to, in one transaction."""

    async def write(self, batch: Batch) -> None:
        """Raises StoreError when it cannot now; the batch will come again."""
        ...

    async def write_singly(self, batch: Batch) -> int:
        """Write row by row what can be written; how many rows could not, for reasons of their own."""
        ...


class Journal:
    """Takes events, writes them behind. Use within one event loop."""

    def __init__(
        self,
        sink: Sink,
        *,
        interval: float,
        limit: int,
        alarm: Callable[[str, str], None] = lambda trouble, hint: None,
    ) -> None:
        """`alarm(trouble, hint)` is called when writing fails and, with two empty texts, when it works again."""
        self._sink = sink
        self._interval = interval
        self._limit = limit
        self._alarm = alarm
        self._loop = asyncio.get_running_loop()
        self._pending: list[Stamped] = []
        self._states: dict[str, tuple[Any, ...]] = {}
        self._unwritten: Batch | None = None  # of an attempt that failed; goes again as it is
        self._writing_from: float | None = None  # monotonic time of the oldest event of the batch in work
        self._armed = False
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()  # ends the pause after a failure
        self._written = asyncio.Event()
        self._pause = RETRY_FIRST
        self._ceiling = limit  # of pending events, before some are dropped
        self._trouble = ("", "")
        self._overflowed = False
        self._dropped = 0
        self._durable = 0
        self._begun = 0  # batches, empty ones too
        self._done = 0
        self.keeper: Keeper | None = None
        self._touched = False
        self._flushed_at = 0.0
        self._task = self._loop.create_task(self._run(), name="journal")

    # --- in --------------------------------------------------------------------------------------------------------

    def publish(self, seq: int, wall: float, mono: float, event: Event) -> None:
        """Take an event for writing. Never blocks, never raises; `seq` must grow."""
        pending = self._pending
        pending.append((seq, wall, mono, event))
        if not self._armed:
            self._arm()
        if len(pending) > self._ceiling:
            self._shed()

    def save_state(self, name: str, value: Any, wall: float, mono: float) -> None:
        """Keep a blob under a name; the last one before a flush is written."""
        self._states[name] = (name, to_json(value), wall, mono)
        if not self._armed:
            self._arm()

    def touch(self) -> None:
        """The keeper has something to give."""
        if self.keeper is None:
            return
        self._touched = True
        if not self._armed:
            self._arm()

    def _arm(self) -> None:
        # What happens alone is on disk soon; under load there is one transaction in each interval.
        self._armed = True
        delay = max(min(SOON, self._interval), self._flushed_at + self._interval - self._loop.time())
        self._loop.call_later(delay, self._wake.set)

    def _shed(self) -> None:
        """Over the limit: news go, records stay; over the hard limit new records go too."""
        before = len(self._pending)
        self._pending = [one for one in self._pending if type(one[3]) in BOOKS][: self._limit * HARD_LIMIT]
        self._dropped += before - len(self._pending)
        # Not at every event: looking through all of them takes milliseconds.
        self._ceiling = len(self._pending) + self._limit // 10
        if before > len(self._pending) and not self._overflowed:
            self._overflowed = True
            self._alarm(
                f"more than {self._limit} events wait for the database: some are dropped", "make the database writable"
            )

    # --- out -------------------------------------------------------------------------------------------------------

    async def flush(self, within: float | None = None) -> bool:
        """Write everything published so far now, and wait for nothing later. False if that was not possible in time."""
        until = None if within is None else self._loop.time() + within
        target = self._begun
        if self._pending or self._states or self._touched:
            target += max(1, math.ceil(len(self._pending) / LARGEST))
        while self._done < target:
            left = None if until is None else until - self._loop.time()
            if left is not None and left <= 0:
                return False
            self._written.clear()
            self._wake.set()
            self._hurry.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._written.wait(), left)
            if self._unwritten:
                await asyncio.sleep(RETRY_FIRST if left is None else min(RETRY_FIRST, left))
        return True

    async def close(self, within: float | None) -> bool:
        """Flush and stop; None: only stop. False if something is not written."""
        done = await self.flush(within) if within is not None else not (self._pending or self._unwritten)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return done

    def health(self, now: float) -> Health:
        oldest = self._writing_from
        if oldest is None and self._pending:
            oldest = self._pending[0][2]
        count = len(self._pending) + (self._unwritten.count if self._unwritten else 0)
        return Health(
            count, max(0.0, now - oldest) if oldest is not None else 0.0, self._durable, self._dropped, *self._trouble
        )

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._armed = False
            self._flushed_at = self._loop.time()
            written = False
            while not written or len(self._pending) >= LARGEST:  # What is left has a timer of its own.
                written = await self._write()
                self._written.set()
                if not written:
                    await self._wait()

    async def _write(self) -> bool:
        batch = self._unwritten or await self._build()
        if not batch.count and not batch.states and not batch.kept:
            self._done += 1
            return True
        self._unwritten = batch
        try:
            try:
                await self._sink.write(batch)
            except StoreError:
                raise
            except Exception as error:  # A value the database refuses must not stand in the way of all the others.
                await self._write_singly(batch, error)
        except StoreError as error:
            if self._trouble[0] != str(error):  # Each trouble is said once.
                self._trouble = (str(error), error.hint)
                self._alarm(*self._trouble)
            return False
        self._settled(batch)
        return True

    async def _write_singly(self, batch: Batch, error: Exception) -> None:
        lost = await self._sink.write_singly(batch)
        self._dropped += lost
        self._alarm(f"{lost} rows could not be stored: {error!r}", "this is a fault of the program: please report it")

    def _settled(self, batch: Batch) -> None:
        self._durable = max(self._durable, batch.last_seq)
        self._done += 1
        self._unwritten = None
        self._writing_from = None
        self._pause = RETRY_FIRST
        self._ceiling = self._limit
        self._overflowed = False
        if self._trouble[0]:
            self._trouble = ("", "")
            self._alarm("", "")

    async def _wait(self) -> None:
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), self._pause)
        self._pause = min(self._pause * 2, RETRY_LAST)

    async def _build(self) -> Batch:
        """The next batch, built in slices so that the loop is never held up."""
        self._begun += 1
        batch = Batch(states=self._states)
        self._states = {}
        taken, self._pending = self._pending[:LARGEST], self._pending[LARGEST:]
        self._writing_from = taken[0][2] if taken else None
        await self._keep(batch)
        for start in range(0, len(taken), SLICE):
            for stamped in taken[start : start + SLICE]:
                self._add(batch, stamped)
            batch.close_block()
            if start + SLICE < len(taken):
                await asyncio.sleep(0)
        return batch

    async def _keep(self, batch: Batch) -> None:
        """Take in the calls that have changed. They are no older than the events of the batch, and hardly younger."""
        if not self._touched or self.keeper is None:
            return
        self._touched = False
        now = present()
        for count, (call, value) in enumerate(self.keeper.changes(now.mono), 1):
            batch.kept[call] = None if value is None else (call, to_json(value), now.wall, now.mono)
            if not count % KEPT_SLICE:
                await asyncio.sleep(0)
        if self.keeper.has_changes:
            self.touch()

    def _add(self, batch: Batch, stamped: Stamped) -> None:
        try:
            batch.add(stamped)
        except Exception as error:  # A malformed event of ours must not stop the journal.
            self._dropped += 1
            self._alarm(
                f"{stamped[3]!r} could not be stored: {error!r}", "this is a fault of the program: please report it"
            )
