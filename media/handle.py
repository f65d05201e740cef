"""How a worker outlives the process that commands it, and how the next one takes it over.

A worker listens on a UNIX socket in the state directory of its switch (its *handle*). When its commander is gone, however
that came about, it goes on with what it does for a while: calls keep their audio, waiting callers their music. A new
commander connects, is told what it has found (a *card*) and handed the shared memory, and says `ADOPT` or `END`. Who may
connect is decided by the permissions of the socket and the user id that the kernel vouches for. There is one commander
at a time: while it lives nobody else is listened to.

A worker with nothing to do, or whom nobody takes over in time, ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from media.control import FORMAT
from media.ring import Channel

ADOPT: Final = b"adopt"
END: Final = b"end"
CARD_SIZE: Final = 8192  # octets at most
MEMORY, WAKE_READ, WAKE_WRITE, NOTIFY_READ, NOTIFY_WRITE = range(5)
FILES: Final = 5
PATIENCE: Final = 2.0  # seconds that an answer from the other side may take
UNKNOWN: Final = 256  # exit status of a process that is nobody's child
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(slots=True, frozen=True)
class Card:
    """What a worker is: whoever wants exactly this may go on with it."""

    worker: int
    hosts: tuple[str, ...]
    base_port: int
    legs: int
    relay: str  # as it was asked for
    format: int = FORMAT  # of the records
    memory: int = Channel.SIZE

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Card | None:
        """None if this was written by a version that tells something else."""
        try:
            values = json.loads(text)
            if values.keys() != {field.name for field in fields(cls)}:
                return None
            values["hosts"] = tuple(values["hosts"])
            return cls(**values)
        except (ValueError, TypeError, AttributeError):
            return None


def _peer(connection: socket.socket) -> tuple[int, int]:
    """(process id, user id) of the other side, as the kernel knows them (unix(7), SO_PEERCRED)."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return pid, uid


class _Place:
    """A path for a socket, however long it is: the kernel takes 107 octets only, so the folder is named by a descriptor."""

    def __init__(self, path: Path) -> None:
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.name = f"/proc/self/fd/{self._folder}/{path.name}"

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)


# --- the worker's side ------------------------------------------------------------------------------------------------


class Guardian:
    """Who commands this worker, and how long it goes on without anybody.

    `life`: a socket that is closed when the commander is gone. `files`: what the next one is handed, in the order of the
    constants above. Without a `path` there is no next one: the worker ends with its commander.
    """

    def __init__(self, life: socket.socket, path: str, grace: float, card: Card, files: Sequence[int]) -> None:
        self.newcomer = False  # a new commander has come; whoever tells it what there is sets this back
        self.dismissed = False  # told to end
        self._life: socket.socket | None = life
        self._visitor: socket.socket | None = None  # has read our card, and has not said what it wants
        self._visitor_until = 0.0
        self._path = Path(path) if path else None
        self._grace = grace
        self._card = card
        self._files = list(files)
        self._alone_until: float | None = None
        # Of its own: what comes and goes in here must not trouble the relay, which watches this one descriptor.
        self._epoll = select.epoll()
        self._listener: socket.socket | None = None
        self._identity = (0, 0)
        self._watch(life)
        if self._path is not None:
            self._listen(self._path)

    def fileno(self) -> int:
        """Readable when `look` has something to do."""
        return self._epoll.fileno()

    def look(self, now: float) -> None:
        """Do what the other sides want. Never waits."""
        for descriptor, _ in self._epoll.poll(0):
            if self._life is not None and descriptor == self._life.fileno():
                self._hear_life(now)
            elif self._visitor is not None and descriptor == self._visitor.fileno():
                self._hear_visitor()
            elif self._listener is not None and descriptor == self._listener.fileno():
                self._receive(now)

    def over(self, busy: bool, now: float) -> bool:
        """Whether there is no reason to go on. `busy`: legs are open."""
        if self.dismissed:
            return True
        if self._visitor is not None:
            if now < self._visitor_until:
                return False
            self._visitor.close()
            self._visitor = None
        if self._life is not None:
            return False
        return not busy or self._alone_until is None or now >= self._alone_until

    def close(self) -> None:
        """Take the handle away, if it is still ours."""
        for one in (self._listener, self._visitor):
            if one is not None:
                one.close()
        self._epoll.close()
        if self._path is not None and self._listener is not None:
            with contextlib.suppress(OSError):
                found = os.lstat(self._path)
                if (found.st_dev, found.st_ino) == self._identity:
                    self._path.unlink()

    def _watch(self, one: socket.socket) -> None:
        one.setblocking(False)
        self._epoll.register(one.fileno(), select.EPOLLIN)

    def _listen(self, path: Path) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        before = os.umask(0o177)
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            with _Place(path) as name:
                listener.bind(name)
            listener.listen(1)
            found = os.lstat(path)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        self._identity = found.st_dev, found.st_ino
        self._listener = listener
        self._watch(listener)

    def _hear_life(self, now: float) -> None:
        assert self._life is not None
        if self._read(self._life) == b"":
            self._life.close()
            self._life = None
            self._alone_until = now + self._grace if self._listener is not None else None

    def _hear_visitor(self) -> None:
        visitor = self._visitor
        assert visitor is not None
        said = self._read(visitor)
        if said is None:
            return
        self._visitor = None
        if said == ADOPT:
            self._life, self.newcomer = visitor, True
            return
        self.dismissed = self.dismissed or said == END
        if not self.dismissed:  # Whoever told us to end sees by this connection when we have.
            visitor.close()
        else:
            self._life = visitor

    def _receive(self, now: float) -> None:
        assert self._listener is not None
        try:
            visitor, _ = self._listener.accept()
        except OSError:
            return
        if self._life is not None:
            self._hear_life(now)  # The kernel may have told us of the newcomer first.
        try:
            if self._life is not None or self._visitor is not None or _peer(visitor)[1] not in (os.geteuid(), 0):
                visitor.close()
                return
            socket.send_fds(visitor, [self._card.to_json()], self._files)
        except OSError:
            visitor.close()
            return
        self._visitor, self._visitor_until = visitor, now + PATIENCE
        self._watch(visitor)

    @staticmethod
    def _read(one: socket.socket) -> bytes | None:
        """What was said; b"" if the other side is gone; None if nothing was said yet."""
        try:
            return one.recv(64)
        except BlockingIOError:
            return None
        except OSError:
            return b""


# --- the commander's side ---------------------------------------------------------------------------------------------


class Foundling:
    """A process that is not our child, held by a descriptor, so that its number cannot become another's."""

    def __init__(self, pid: int, descriptor: int = -1) -> None:
        self.pid = pid
        self._descriptor = descriptor if descriptor >= 0 else os.pidfd_open(pid)

    def poll(self) -> int | None:
        return UNKNOWN if select.select([self._descriptor], [], [], 0)[0] else None

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if not select.select([self._descriptor], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
        return UNKNOWN

    def send_signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        os.close(self._descriptor)


@dataclass(slots=True)
class Found:
    """A worker that waits for a commander: its life line, its process, and what it hands over."""

    life: socket.socket
    process: Foundling
    files: list[int]


def take_over(path: Path, wanted: Card | None) -> Found | None:
    """The worker behind a handle, if it is the one that is wanted. Any other one is told to end, and has ended on return.

    None also if nobody is there, or if it has a commander already.
    """
    visitor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    visitor.settimeout(PATIENCE)
    files: list[int] = []
    process: Foundling | None = None
    try:
        with _Place(path) as name:
            visitor.connect(name)
        pid, uid = _peer(visitor)
        if uid != os.geteuid():
            raise PermissionError(f"{path} belongs to a process of user {uid}")
        process = Foundling(pid)
        text, files, _, _ = socket.recv_fds(visitor, CARD_SIZE, FILES)
        if text and len(files) == FILES and wanted is not None and Card.from_json(text) == wanted:
            visitor.send(ADOPT)
            return Found(visitor, process, files)
        if text:
            visitor.send(END)
            _await_end(process)
    except (ConnectionRefusedError, FileNotFoundError):
        with contextlib.suppress(OSError):  # Of a worker that was killed.
            path.unlink()
    except TimeoutError:
        if process is not None:  # It neither commands nor obeys, and holds the ports.
            process.kill()
            _await_end(process)
    except OSError:
        pass
    for descriptor in files:
        os.close(descriptor)
    visitor.close()
    if process is not None:
        process.close()
    return None


def _await_end(process: Foundling) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
        return
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
