"""rtpengine in user space, from Debian's `rtpengine-daemon`: started, given calls through its control protocol, and stopped.

Its kernel module is left out (it has to be built for the running kernel); this is what a container or a virtual machine without
it runs. It forwards without rewriting SSRC or sequence numbers, one worker thread, pinned like our own worker.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from bench.lab import free_port

HOST = "127.0.9.10"
PATIENCE = 10.0  # seconds until its control port answers
_PORT = re.compile(rb"m=audio ([0-9]+)")


def installed() -> bool:
    return shutil.which("rtpengine") is not None


def encode(value: Any) -> bytes:
    """Bencoding, as the control protocol wants it."""
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(encode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    octets = value.encode()
    return b"%d:%s" % (len(octets), octets)


def _offer(host: str, port: int) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    )


class Rtpengine:
    """`with Rtpengine() as peer:` one daemon, in the foreground, on addresses and ports of its own."""

    def __init__(self, ports: tuple[int, int] = (10_000, 30_000)) -> None:
        control = f"{HOST}:{free_port()}"
        self._process = subprocess.Popen(
            [
                "rtpengine", "--config-file=none", "--table=-1", f"--interface={HOST}", f"--listen-ng={control}",
                f"--port-min={ports[0]}", f"--port-max={ports[1]}", "--foreground", "--log-stderr", "--log-level=3",
                "--num-threads=1", "--delete-delay=0", "--timeout=3600", "--silent-timeout=3600",
            ],
            stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {0}),
        )  # fmt: skip
        host, _, port = control.partition(":")
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._control.connect((host, int(port)))
        self._control.settimeout(0.5)
        self._cookies = itertools.count()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _command(self, **values: Any) -> bytes:
        cookie = b"%d" % next(self._cookies)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                self._control.send(
                    cookie + b" " + encode({name.replace("_", "-"): each for name, each in values.items()})
                )
                answer = self._control.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(0.05)  # Another process: its port opens without telling.
                continue
            if answer.startswith(cookie + b" "):
                return answer
        raise OSError("rtpengine does not answer on its control port")

    def call(self, name: str, one: tuple[str, int], other: tuple[str, int]) -> tuple[int, int]:
        """Relay between two phones. Returns the ports to which the one and the other are to send."""
        common = {"call_id": name, "from_tag": "a", "ICE": "remove", "replace": ["origin"]}
        to_other = _PORT.search(self._command(command="offer", sdp=_offer(*one), **common))
        to_one = _PORT.search(self._command(command="answer", sdp=_offer(*other), to_tag="b", **common))
        if to_one is None or to_other is None:
            raise OSError("rtpengine did not accept a call")
        return int(to_one[1]), int(to_other[1])

    def calls(self, phones: Sequence[tuple[str, int]]) -> list[int]:
        """Calls between phones 2n and 2n+1. Returns for each phone where it is to send."""
        ports: list[int] = []
        for index in range(0, len(phones), 2):
            ports += self.call(f"call-{index}", phones[index], phones[index + 1])
        return ports

    def __enter__(self) -> Rtpengine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
