"""The switch under load: `softswitch lab` in a process of its own, pinned to a processor, with its costs read from /proc."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from bench import machine

SWITCH_CPU = 0
LOAD_CPU = max(0, (os.cpu_count() or 1) - 1)
ATTEMPTS = 3

relay = "auto"  # how every lab of this run moves media packets: `python -m bench load --relay`

_given: set[int] = set()


def free_port() -> int:
    """A loopback port that is free for UDP and TCP right now; never the same twice."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port: int = udp.getsockname()[1]
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                return port


class Lab:
    """`with Lab(accounts=1000, agents=20) as lab:` gives a running switch on `SWITCH_CPU`; the caller moves to `LOAD_CPU`."""

    def __init__(self, *, accounts: int = 100, agents: int = 0, tiers: int = 1, options: tuple[str, ...] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="softswitch-bench-"))
        self.port = free_port()
        self._arguments = [
            "lab", "--listen", f"127.0.0.1:{self.port}", "--http", f"127.0.0.1:{free_port()}", "--accounts", str(accounts),
            "--agents", str(agents), "--tiers", str(tiers), "--dir", str(self.directory), "--relay", relay,
            *options,
        ]  # fmt: skip
        self._affinity = os.sched_getaffinity(0)
        self.process: subprocess.Popen[bytes] | None = None
        self.info: dict[str, Any] = {}

    def __enter__(self) -> Lab:
        for attempt in range(ATTEMPTS):
            if self._start():
                break
            if attempt == ATTEMPTS - 1:
                self._fail()
        self.info = json.loads((self.directory / "lab.json").read_text())
        os.sched_setaffinity(0, {LOAD_CPU})
        return self

    def _start(self) -> bool:
        """Whether it started; another program may have taken a port since it was found free."""
        with (self.directory / "console.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "softswitch.cli", *self._arguments],
                stdout=log, stderr=subprocess.STDOUT, cwd=Path(__file__).resolve().parent.parent,
                preexec_fn=lambda: os.sched_setaffinity(0, {SWITCH_CPU}),
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not (self.directory / "lab.json").exists():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > deadline:
                self._fail()
            time.sleep(0.05)  # The file is another process's: there is nothing to await.
        return True

    def _fail(self) -> NoReturn:
        said = (self.directory / "console.log").read_text()
        self.__exit__(None, None, None)
        raise SystemExit(f"softswitch lab did not start:\n{said}")

    @property
    def pid(self) -> int:
        return int(self.info["pid"])

    @property
    def domain(self) -> str:
        return str(self.info["domain"])

    def cpu(self) -> float:
        """CPU seconds used so far by the switch and its media workers."""
        return machine.cpu_seconds(self.pid)

    def signalling_cpu(self) -> float:
        """The same without the media workers."""
        return machine.process_cpu_seconds(self.pid)

    def starved(self) -> float:
        """Seconds that the switch's threads waited for their processor: for others, and for each other."""
        return machine.starved_seconds(self.pid)

    def resident(self) -> int:
        """Bytes of resident memory of the switch and its media workers, what they share counted in each."""
        return machine.resident_bytes(self.pid)

    def proportional(self) -> int:
        """Bytes that the switch and its media workers take of the machine, what they share counted once."""
        return machine.proportional_bytes(self.pid)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.sched_setaffinity(0, self._affinity)
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def pinned_to_load() -> None:
    """For `preexec_fn`: keep a load generator off the switch's processor."""
    os.sched_setaffinity(0, {LOAD_CPU})
