"""The control plane's end of a media worker: starts the process, posts commands, hands out events.

Imports neither numpy nor anything else that is heavy: the process that owns it does signalling, not media.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, cast

import media
from media.control import COMMANDS, Command, RecordError, Stopped, WorkerEvent, decode, encode
from media.handle import MEMORY, NOTIFY_READ, UNKNOWN, WAKE_READ, Card, take_over
from media.ring import Channel, Outbox, RingError, Wake, shared_memory


@dataclass(slots=True)
class WorkerConfig:
    """What a worker is told when it starts. The descriptors are those that it inherits."""

    worker: int
    hosts: tuple[str, ...]
    base_port: int
    legs: int
    relay: str
    memory: int
    wake: tuple[int, int]
    notify: tuple[int, int]
    parent: int
    handle: str = ""  # where the next commander finds the worker; "": it ends with this one
    grace: float = 0.0  # seconds that it waits for the next one while legs are open

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerConfig:
        values = json.loads(text)
        for name in ("hosts", "wake", "notify"):
            values[name] = tuple(values[name])
        return cls(**values)


class Process(Protocol):
    """A worker's process, whether we have started it or found it."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, number: signal.Signals, /) -> None: ...
    def kill(self) -> None: ...


class Nurse(Protocol):
    """Who bears workers (`nursery.Nursery`)."""

    def bear(self, config: WorkerConfig, life: int, environment: dict[str, str]) -> Foster: ...


class Foster(Process, Protocol):
    """A process that is not our child."""

    def close(self) -> None: ...


class MediaClient:
    """One worker, as call control sees it. Not for more than one thread.

    `standing`: what a worker that was taken over says that it was ordered: legs, what they hear, recordings. It is complete
    when Ready comes.
    """

    def __init__(self, process: Process, worker: int, channel: Channel, sockets: _Ends) -> None:
        self.worker = worker
        self.process = process
        self.standing: list[Command] = []
        self._channel = channel
        self._ends = sockets
        self._outbox = Outbox(channel.commands, sockets.wake, polled=True)
        self._epoll = select.epoll()
        self._epoll.register(sockets.notify.reader, select.EPOLLIN)
        self._epoll.register(sockets.life.fileno(), select.EPOLLIN)
        self._stopped = False
        self._closed = False

    def fileno(self) -> int:
        """Readable when `events` has something to say: for `loop.add_reader`."""
        return self._epoll.fileno()

    def post(self, command: Command) -> None:
        """Give the worker a command. Never waits; what does not fit into the ring follows when there is room.

        A worker that is gone is given nothing: `events` tells.
        """
        self.post_all((command,))

    def give(self, command: Command) -> None:
        """Put a command into the ring without waking the worker; `flush` does that."""
        if not (self._closed or self._stopped):
            self._outbox.post(encode(command))

    def flush(self) -> None:
        """Wake the worker if it sleeps and there is something for it."""
        if not (self._closed or self._stopped):
            self._outbox.flush()

    def post_all(self, commands: Sequence[Command]) -> None:
        """Give the worker several commands, waking it once."""
        if self._closed or self._stopped:
            return
        for command in commands:
            self._outbox.post(encode(command))
        self._outbox.flush()

    def events(self) -> list[WorkerEvent]:
        """What the worker has reported since the last call. Never waits. The last one ever is Stopped."""
        if self._closed:
            return []
        gone = self._gone()  # Looked at first: what it wrote before it went is still read.
        self._ends.notify.clear()
        events: list[WorkerEvent] = []
        try:
            for record in self._channel.events.read():
                value = decode(record)
                if type(value) in COMMANDS:
                    self.standing.append(cast(Command, value))
                else:
                    events.append(cast(WorkerEvent, value))
        except (RingError, RecordError) as error:
            gone = f"its events cannot be read: {error}"
            self.process.kill()
        if self._outbox.waiting:  # There may be room in the ring now.
            self._outbox.flush()
        if gone and not self._stopped:
            self._stopped = True
            self._epoll.unregister(self._ends.life.fileno())
            events.append(Stopped(self.worker, gone))
        return events

    def wait(self, timeout: float) -> bool:
        """Sleep until there are events, at most `timeout` seconds. For tools and tests without a loop."""
        return bool(self._epoll.poll(timeout))

    def wait_for(self, kind: type[WorkerEvent], timeout: float = 10.0) -> list[WorkerEvent]:
        """All events up to the first of a kind (or Failed or Stopped), or up to the timeout."""
        deadline = time.monotonic() + timeout
        found: list[WorkerEvent] = []
        while (left := deadline - time.monotonic()) > 0:
            self.wait(left)
            found += self.events()
            if any(isinstance(event, kind | Stopped) for event in found):
                break
        return found

    @property
    def alive(self) -> bool:
        return not self._stopped and self.process.poll() is None

    @property
    def backlog(self) -> int:
        """Commands that wait for room in the ring."""
        return self._outbox.waiting

    def gauges(self) -> dict[str, int]:
        """What the worker counts, read without asking it (`Channel.GAUGES`)."""
        return {} if self._closed else self._channel.read_gauges()

    def close(self, timeout: float = 2.0) -> None:
        """End the worker: ask first, then insist. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._let_go()

    def abandon(self) -> None:
        """Let go of the worker as if this process had been killed: it waits for another commander, if it has calls."""
        if not self._closed:
            self._closed = True
            self._let_go()

    def _let_go(self) -> None:
        self._epoll.close()
        self._ends.close()
        self._channel.close()
        if not isinstance(self.process, subprocess.Popen):
            cast(Foster, self.process).close()

    def __enter__(self) -> MediaClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gone(self) -> str:
        """Why the worker is gone, or "" while it is not. Its end of the socket pair closes when it ends, however it does."""
        if self._stopped:
            return ""
        try:
            if self._ends.life.recv(1) != b"":
                return ""
        except BlockingIOError:
            return ""
        except OSError:
            pass
        try:
            code = self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if code == UNKNOWN:
            return "it ended"  # Only its parent learns how.
        return f"ended by signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


@dataclass(slots=True)
class _Ends:
    """Our ends of what connects us to the worker."""

    wake: Wake
    notify: Wake
    life: socket.socket

    def close(self) -> None:
        self.wake.close()
        self.notify.close()
        self.life.close()


def start_worker(
    worker: int = 0,
    *,
    hosts: Sequence[str] = ("0.0.0.0",),
    base_port: int = 20_000,
    legs: int = 1000,
    relay: str = "auto",
    handle: Path | None = None,
    grace: float = 0.0,
    nursery: Nurse | None = None,
) -> MediaClient:
    """Start a worker process. It reports Ready when its ports are bound, or Failed with the reason if they cannot be.

    Leg n of it is RTP port `base_port + 2 n` (RTCP on the next) on each of `hosts`: one address literal per family.
    The worker ends by itself when the client is closed or its process is gone; with a `handle` not at once: for `grace`
    seconds `adopt_worker` can take it over, as long as legs are open. A `nursery` has imported already what it needs.
    """
    memory = shared_memory(Channel.SIZE)
    wake, notify = Wake(), Wake()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    config = WorkerConfig(
        worker,
        tuple(hosts),
        base_port,
        legs,
        relay,
        memory,
        (wake.reader, wake.writer),
        (notify.reader, notify.writer),
        theirs.fileno(),
        str(handle.absolute()) if handle is not None else "",
        grace,
    )
    # -P: the directory we happen to stand in is no place to import from.
    root = str(Path(media.__file__).resolve().parent.parent)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        "OPENBLAS_NUM_THREADS": "1",  # numpy would start a thread per core for algebra that is never done.
        "MALLOC_ARENA_MAX": "1",  # What the loader's thread has freed would stay with it (`media.heap`).
    }
    process: Process
    try:
        process = (
            nursery.bear(config, theirs.fileno(), environment)
            if nursery is not None
            else subprocess.Popen(
                [sys.executable, "-P", "-m", "media.worker", config.to_json()],
                stdin=subprocess.DEVNULL,
                pass_fds=sorted({memory, *config.wake, *config.notify, theirs.fileno()}),
                env=environment,
                start_new_session=True,  # Its own scheduling group, and no Ctrl-C from our terminal.
            )
        )
    except BaseException:
        wake.close()
        notify.close()
        ours.close()
        raise
    finally:
        theirs.close()
        channel_memory = os.dup(memory)
        os.close(memory)
    with contextlib.closing(os.fdopen(channel_memory)):
        channel = Channel(channel_memory)
    return MediaClient(process, worker, channel, _Ends(wake, notify, ours))


def adopt_worker(
    handle: Path,
    worker: int = 0,
    *,
    hosts: Sequence[str] = ("0.0.0.0",),
    base_port: int = 20_000,
    legs: int = 1000,
    relay: str = "auto",
) -> MediaClient | None:
    """Take over the worker behind a handle, if it is exactly the one that `start_worker` would start; else None, and the worker
    that is there has been ended. It says what it was ordered (`MediaClient.standing`), then Ready."""
    found = take_over(handle, Card(worker, tuple(hosts), base_port, legs, relay))
    if found is None:
        return None
    files = found.files
    with contextlib.closing(os.fdopen(files[MEMORY])):
        channel = Channel(files[MEMORY])
    found.life.setblocking(False)
    wake, notify = (_wake(files[first : first + 2]) for first in (WAKE_READ, NOTIFY_READ))
    return MediaClient(found.process, worker, channel, _Ends(wake, notify, found.life))


def dismiss_worker(handle: Path) -> None:
    """End the worker behind a handle, if it has no commander. Waits until it is gone."""
    take_over(handle, None)


def _wake(files: Sequence[int]) -> Wake:
    """An eventfd arrives twice, because it was sent as both ends."""
    return Wake((files[0], files[1]))
