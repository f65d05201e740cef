"""Where recordings are written: a thread that takes blocks from a bounded queue, and one that waits for the disk at the end.

The packet path never waits for either. When the queue is full, a block is refused, and its time is silent in the file.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from media.opus import OpusError
from media.tape import Begin, Block, End, Hush, Job, Outcome, Tape, explained

MAX_WAITING: Final = 128 << 20  # octets of audio; 4 s of a thousand recordings, minutes of a few
SWITCH_INTERVAL: Final = 0.0005  # seconds that the packet path waits for this thread at most (CPython's lock)
_SAMPLE: Final = 2
_OVERHEAD: Final = 200  # octets that a block takes beside its audio


class Desk(Protocol):
    """Takes what is to be written. `done`: recordings that are complete, or have failed, or in which nobody speaks."""

    done: deque[Outcome | Hush]

    def put(self, job: Job) -> bool:
        """False: there is no room for this block. The beginning and the end of a recording are always taken."""
        ...


class Writer:
    """Performs jobs, one after the other, on the files of all recordings."""

    def __init__(self, close: Callable[[Tape, str], None], tell: Callable[[Outcome | Hush], None]) -> None:
        """`close(tape, error)`: the file of a recording is written. `tell`: there is none, or nobody speaks."""
        self._tapes: dict[int, Tape] = {}
        self._close = close
        self._tell = tell

    def perform(self, job: Job) -> None:
        """What the disk does not take ends the recording, not the call."""
        if isinstance(job, Begin):
            try:
                self._tapes[job.record] = Tape(job)
            except (OSError, OpusError) as error:
                self._tell(Outcome(job.record, job.path, 0, explained(error)))
            return
        tape = self._tapes.get(job.record)
        if tape is None:
            return  # It has failed before.
        trouble = ""
        try:
            if isinstance(job, Block):
                if (hush := tape.write(job)) is not None:
                    self._tell(hush)
            else:
                tape.finish(job.count)
        except Exception as error:  # Whatever is wrong with one recording, the others go on.
            trouble = explained(error) or repr(error)
        if trouble or isinstance(job, End):
            del self._tapes[job.record]
            self._close(tape, trouble)


class WritingDesk:
    """The desk of a worker. `wake` is called when something is done."""

    def __init__(self, wake: Callable[[], None], limit: int = MAX_WAITING) -> None:
        self.done: deque[Outcome | Hush] = deque()
        self.waiting = 0  # octets in the queue
        self.most = 0
        self._wake = wake
        self._limit = limit
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closing: queue.SimpleQueue[tuple[Tape, str] | None] = queue.SimpleQueue()
        self._written = 0
        self._taken = 0
        self._threads: list[threading.Thread] = []

    def put(self, job: Job) -> bool:
        size = 0
        if isinstance(job, Block):
            size = _size(job)
            # Each counter has one thread that writes it, so that neither needs a lock.
            self.waiting = self._taken - self._written
            if self.waiting + size > self._limit:
                return False
            self.most = max(self.most, self.waiting + size)
        self._taken += size
        self._jobs.put(job)
        if not self._threads:
            self._start()
        return True

    def close(self, timeout: float) -> None:
        """Write what waits, for a while."""
        deadline = time.monotonic() + timeout
        self._jobs.put(None)
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def _start(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL)
        for work, name in ((self._write, "recorder"), (self._finish, "recorder's end")):
            thread = threading.Thread(target=work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _write(self) -> None:
        writer = Writer(lambda tape, error: self._closing.put((tape, error)), self._report)
        while (job := self._jobs.get()) is not None:
            writer.perform(job)
            if isinstance(job, Block):
                self._written += _size(job)
        self._closing.put(None)

    def _finish(self) -> None:
        while (item := self._closing.get()) is not None:
            tape, error = item
            self._report(tape.close(error))

    def _report(self, outcome: Outcome | Hush) -> None:
        self.done.append(outcome)
        self._wake()


def _size(block: Block) -> int:
    size = _OVERHEAD + (block.frames.nbytes if block.frames is not None else 0)
    for pieces in (block.left, block.right):
        for piece in pieces:
            size += _SAMPLE * len(piece.samples) if piece.samples is not None else 0
            size += sum(len(payload) + _OVERHEAD for _, _, payload in piece.packets)
    return size
