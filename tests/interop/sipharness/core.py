"""Common ground of every driven phone: accounts, events, processes, ports.

The classes block and may be used from any thread; a test that runs on an event loop uses `Phone.soon`.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from . import audio

LOOPBACK = "127.0.0.1"


class PhoneError(RuntimeError):
    """Something was expected from a phone and did not happen."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom to register. `server` None: peer to peer, no registrar."""

    user: str
    password: str = ""
    server: str | None = LOOPBACK
    port: int = 5060
    domain: str = ""  # of the AOR; "" = the server
    transport: str = "udp"  # "udp" | "tcp" | "tls" | "ws" | "wss"
    expires: int = 120  # seconds
    certificate: str = ""  # the file to trust for "tls" and "wss"

    @property
    def host(self) -> str:
        return self.domain or self.server or LOOPBACK

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.host}"

    def uri(self, target: str) -> str:
        """'200' -> 'sip:200@domain'; complete URIs pass through."""
        return target if target.startswith(("sip:", "sips:")) else f"sip:{target}@{self.host}"


@dataclass(slots=True)
class Event:
    """What a phone reported. `at`: monotonic seconds."""

    at: float
    kind: str
    data: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {json.dumps(self.data, default=str)[:160]}"


# Even ports, for RTP and RTCP pairs; below those that the kernel gives to outgoing connections. Every process begins
# elsewhere, and goes round.
_EVEN_PORTS = range(10_000, 32_000, 2)
_next_port = random.randrange(len(_EVEN_PORTS))
_port_lock = threading.Lock()


def free_port(span: int = 1, host: str = LOOPBACK) -> int:
    """A port and its `span - 1` successors, free for UDP and TCP right now and not given out lately."""
    global _next_port
    with _port_lock:
        for _ in range(len(_EVEN_PORTS)):
            base = _EVEN_PORTS[_next_port]
            if all(_is_free(host, port) for port in range(base, base + span)):
                _next_port = (_next_port + (span + 1) // 2) % len(_EVEN_PORTS)
                return base
            _next_port = (_next_port + 1) % len(_EVEN_PORTS)
    raise PhoneError("no free port")


def free_range(size: int) -> tuple[int, int]:
    """(first, last) of many free ports outside of those that `free_port` gives out, for as long as nobody takes them."""
    firsts = range(33_000, 65_000 - size, 500)
    for first in random.sample(firsts, len(firsts)):  # others may be looking at the same moment
        if all(_is_free(LOOPBACK, port) for port in range(first, first + size)):
            return first, first + size - 1
    raise PhoneError(f"no {size} free ports in a row")


def _is_free(host: str, port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def need(program: str, package: str) -> str:
    """The path of a program that the tests drive. Raises PhoneError with the package that has it."""
    path = shutil.which(program)
    if path is None:
        raise PhoneError(f"{program} is not installed: tests/run installs it, or apt-get install {package}")
    return path


class Running:
    """What is started and stopped, as a context. What has only begun to start is stopped as well."""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Phone(Running):
    """One driven softphone. Subclasses translate these verbs for one client.

    A verb raises PhoneError when the client refuses it; outcomes arrive as events:
    registered, register_failed, unregistered, incoming, ringing, early, established, closed, dtmf.
    """

    KIND = "phone"

    def __init__(
        self, account: Account, *, play: Path | None = None, auto_answer: bool = False, host: str = LOOPBACK
    ) -> None:
        """`play`: the WAV file that the phone speaks, over and over. `auto_answer`: calls are answered at once.

        `host`: the phone's own address."""
        self.account = account
        self.host = host
        self.name = f"{self.KIND}-{account.user}"
        self.dir = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.play = play
        self.auto_answer = auto_answer
        self.sip_port = free_port(2)
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._processes: list[subprocess.Popen[bytes]] = []

    # --- life cycle

    def stop(self) -> None:
        """End the client and everything it started, and forget its files."""
        for process in self._processes:
            self._end(process)
        self._processes.clear()
        shutil.rmtree(self.dir, ignore_errors=True)

    def spawn(
        self,
        command: Iterable[object],
        *,
        log: str = "client.log",
        pipes: bool = False,
        descriptors: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a program in the phone's directory, as its own session. `pipes`: its standard input and output are ours;
        `descriptors`: what it inherits."""
        with (self.dir / log).open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.dir,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                # What a client keeps of its user, and PulseAudio's runtime files, stay with us. No client has a display.
                env={
                    **os.environ,
                    "HOME": str(self.dir),
                    "XDG_DATA_HOME": str(self.dir),
                    "PULSE_RUNTIME_PATH": str(self.dir),
                    "DISPLAY": "",
                },
                start_new_session=True,
                pass_fds=descriptors,
            )
        self._processes.append(process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes], grace: float = 3.0) -> None:
        for stop_signal in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                os.killpg(process.pid, stop_signal)  # our own session (start_new_session), nobody else's
                try:
                    process.wait(grace)
                except subprocess.TimeoutExpired:
                    continue
            break
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def log(self, name: str = "client.log") -> str:
        path = self.dir / name
        return path.read_text(errors="replace") if path.exists() else ""

    # --- events

    def emit(self, kind: str, **data: Any) -> None:
        with self._changed:
            self.events.append(Event(time.monotonic(), kind, data))
            self._changed.notify_all()

    def mark(self) -> int:
        """The place in the list of events from which a later `wait` may look: only what comes from now on."""
        with self._changed:
            return len(self.events)

    def wait(
        self,
        *kinds: str,
        timeout: float = 10.0,
        since: int = 0,
        fail_on: tuple[str, ...] = (),
        where: Callable[[Event], bool] = lambda event: True,
    ) -> Event:
        """The first event of one of `kinds` at index `since` or later. Raises PhoneError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for event in self.events[since:]:
                    if event.kind in kinds and where(event):
                        return event
                    if event.kind in fail_on:
                        raise PhoneError(f"{self.name}: {event} while waiting for {'/'.join(kinds)}")
                left = deadline - time.monotonic()
                if left <= 0:
                    seen = [str(event) for event in self.events[since:]]
                    raise PhoneError(f"{self.name}: no {'/'.join(kinds)} in {timeout} s; saw {seen}")
                self._changed.wait(left)

    async def soon(self, *kinds: str, **options: Any) -> Event:
        """`wait`, without holding up the event loop."""
        return await asyncio.to_thread(self.wait, *kinds, **options)

    def saw(self, kind: str, since: int = 0) -> list[Event]:
        with self._changed:
            return [event for event in self.events[since:] if event.kind == kind]

    def wait_registered(self, timeout: float = 10.0) -> Event:
        return self.wait("registered", timeout=timeout, fail_on=("register_failed",))

    def digits(self, since: int = 0) -> str:
        """The DTMF digits heard."""
        return "".join(event.data["digit"] for event in self.saw("dtmf", since))

    # --- verbs of the subclasses

    def call(self, target: str) -> None:
        raise NotImplementedError

    def answer(self) -> None:
        raise NotImplementedError

    def hangup(self) -> None:
        raise NotImplementedError

    # --- what was heard

    def recordings(self) -> list[Path]:
        """WAV files of received audio, oldest first."""
        return []

    def heard(self, rate: int = 8000) -> audio.Signal:
        """All received audio, joined. A recording that is still empty counts as none."""
        parts = []
        for path in self.recordings():
            if path.stat().st_size > 44:
                parts.append(audio.load(path, rate))
        return np.concatenate(parts) if parts else np.zeros(0)
