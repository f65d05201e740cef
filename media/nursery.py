"""A process that has imported all that a worker needs, and becomes one by fork, at once and as often as it is asked.

Importing takes a worker half a second or more; callers whose worker has died hear nothing for so long. A fork of what is
there already takes some ten milliseconds, and all workers share the memory of what they have imported.

Messages on a socket pair (each is one packet): to the nursery the configuration of a worker, with its descriptors; from it
`born PID` with a descriptor of the process, and `ended PID STATUS`. It ends when the other side does; workers live on.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from dataclasses import replace
from typing import Final

from media.client import WorkerConfig
from media.handle import FILES, MEMORY, NOTIFY_READ, NOTIFY_WRITE, UNKNOWN, WAKE_READ, WAKE_WRITE, Foundling

LIFE: Final = FILES  # behind what a worker hands on: the socket that tells it that its commander is gone
LARGEST: Final = 65_536
BIRTH: Final = 15.0  # seconds that a birth may take, importing included
LAST_WORD: Final = 0.2  # seconds to learn how a process ended


# --- the side of whoever wants workers ----------------------------------------------------------------------------------


class Nursery:
    """Starts its process with the first worker, and anew if it is gone."""

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._unborn: deque[Nursling] = deque()
        self._ended: dict[int, int] = {}  # process -> status

    def bear(self, config: WorkerConfig, life: int, environment: dict[str, str]) -> Nursling:
        """A worker. Its descriptors are those of the configuration; they may be closed afterwards."""
        files = [config.memory, *config.wake, *config.notify, life]
        nursling = Nursling(self)
        line = self._open(environment)
        self._unborn.append(nursling)
        try:
            socket.send_fds(line, [config.to_json().encode()], files)
        except OSError:
            self._lost()
        return nursling

    def _open(self, environment: dict[str, str]) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._lost()
        if self._line is None:
            self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "media.nursery", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment, start_new_session=True,
                )  # fmt: skip
        return self._line

    def listen(self, timeout: float) -> bool:
        """Take in one message. False if there is none in time, or never will be."""
        line = self._line
        if line is None or not select.select([line], [], [], max(0.0, timeout))[0]:
            return False
        try:
            text, files, _, _ = socket.recv_fds(line, LARGEST, 1)
        except OSError:
            text, files = b"", []
        what, _, numbers = text.decode("ascii", "replace").partition(" ")
        if what == "born":
            self._unborn.popleft().born(int(numbers), files[0])
        elif what == "ended":
            pid, _, status = numbers.partition(" ")
            self._ended[int(pid)] = int(status)
        else:
            self._lost()
            return False
        return True

    def status_of(self, pid: int) -> int:
        """How a process ended, if the nursery has said so."""
        while pid not in self._ended and self.listen(LAST_WORD):
            pass
        return self._ended.pop(pid, UNKNOWN)

    def _lost(self) -> None:
        """The process is gone: those that were not born will never be."""
        self.close()
        unborn, self._unborn = self._unborn, deque()
        for nursling in unborn:
            nursling.lost()

    def close(self) -> None:
        """End the process. Workers live on."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Nursling:
    """A worker's process from the moment it was asked for. Which one it is becomes known when somebody must know."""

    def __init__(self, nursery: Nursery) -> None:
        self._nursery = nursery
        self._process: Foundling | None = None
        self._status: int | None = None

    def born(self, pid: int, descriptor: int) -> None:
        self._process = Foundling(pid, descriptor)

    def lost(self) -> None:
        self._status = UNKNOWN

    def _known(self) -> Foundling | None:
        while self._process is None and self._status is None and self._nursery.listen(BIRTH):
            pass
        if self._process is None and self._status is None:
            self._status = UNKNOWN
        return self._process

    @property
    def pid(self) -> int:
        """0 if it was never born."""
        process = self._known()
        return process.pid if process is not None else 0

    def poll(self) -> int | None:
        if self._status is None and (process := self._known()) is not None and process.poll() is not None:
            self._status = self._nursery.status_of(process.pid)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if self._status is None and (process := self._known()) is not None:
            process.wait(timeout)
            self._status = self._nursery.status_of(process.pid)
        return UNKNOWN if self._status is None else self._status

    def send_signal(self, number: signal.Signals, /) -> None:
        if (process := self._known()) is not None:
            process.send_signal(number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


# --- the nursery's side ---------------------------------------------------------------------------------------------------


def serve(line: socket.socket) -> None:
    """Bear workers until the other side is gone."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        readable, _, _ = select.select([line.fileno(), reader], [], [])
        if reader in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(reader, 4096)
            _tell_ended(line)
        if line.fileno() in readable:
            try:
                text, files, _, _ = socket.recv_fds(line, LARGEST, LIFE + 1)
            except ConnectionResetError:  # The other side was killed before it had read all that we said.
                return
            if not text:
                return
            _bear(line, WorkerConfig.from_json(text.decode()), files, (reader, writer))


def _bear(line: socket.socket, config: WorkerConfig, files: list[int], ours: tuple[int, int]) -> None:
    pid = os.fork()
    if pid == 0:
        _be_born(line, config, files, ours)
    for descriptor in files:
        os.close(descriptor)
    descriptor = os.pidfd_open(pid)
    with contextlib.suppress(OSError):
        socket.send_fds(line, [f"born {pid}".encode()], [descriptor])
    os.close(descriptor)


def _be_born(line: socket.socket, config: WorkerConfig, files: list[int], ours: tuple[int, int]) -> None:
    """In the child: become the worker. Does not return."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        line.close()
        for descriptor in ours:
            os.close(descriptor)
        os.setsid()  # Its own scheduling group.
        from media.worker import work

        wake, notify = (files[WAKE_READ], files[WAKE_WRITE]), (files[NOTIFY_READ], files[NOTIFY_WRITE])
        status = work(replace(config, memory=files[MEMORY], wake=wake, notify=notify, parent=files[LIFE]))
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(status)


def _tell_ended(line: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        with contextlib.suppress(OSError):
            line.send(f"ended {pid} {os.waitstatus_to_exitcode(status)}".encode())


def main() -> int:
    line = socket.socket(fileno=int(sys.argv[1]))
    import media.worker
    from media.heap import give_back

    for name in ("epoll", "reference", "tcx", "uring"):
        with contextlib.suppress(Exception):  # What does not run here is told by the worker that wants it.
            __import__(f"media.relay.{name}")
    assert media.worker
    gc.collect()
    give_back()
    gc.freeze()  # The collector would write to every object, and so copy what is shared.
    serve(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
