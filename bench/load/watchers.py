"""People who look at pages, without the browsers: each follows the events, and asks for what their page asks for.

A process of its own: `python -m bench.load.watchers < plan`. It says "following" when all of them do, measures until its input
ends, and prints the delays as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_SEQ = re.compile(rb'"seq":(\d+)')
_TIME = re.compile(rb'"time":"[0-9T:-]{17}([0-9.]+)')


@dataclass(slots=True)
class Watcher:
    """Somebody with a token. `asks`: requests a second by path, "last" in it stands for the last event; in between by chance."""

    token: str
    asks: dict[str, float] = field(default_factory=dict)


class Following(asyncio.Protocol):
    """One WebSocket. The delay of an event is from its time stamp to the arrival of the octets, both of this machine's clock."""

    def __init__(self, host: str, token: str, late: list[float]) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._late = late
        self._head = b""
        self.last = 0  # event that is known
        self._token, self._host = token, host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            f"GET /api/events HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {self._token}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            self._head += data
            if b'"following"' in self._head:
                self.begun.set_result(None)
            return
        at = time.time() % 60
        # Times of the minute are enough: nothing is half a minute late. What is cut in two is left out.
        self._late += [(at - float(found) + 30) % 60 - 30 for found in _TIME.findall(data)]
        if known := _SEQ.findall(data):
            self.last = int(known[-1])
        if data[:1] == b"\x89":
            self._transport.write(b"\x8a\x84" + bytes(4) + data[2:6])  # the answer to a ping

    def connection_lost(self, error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(ConnectionError(self._head.decode(errors="replace")[:300]))
        self._late.append(float("inf"))  # Whoever is cut off is the worst case, not a missing one.

    def leave(self) -> None:
        self._transport.abort()


async def _ask(host: str, token: str, path: str, rate: float, following: Following, took: list[float]) -> None:
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    while True:
        await asyncio.sleep(random.expovariate(rate))
        at = time.perf_counter()
        asked = path.replace("=last", f"={following.last}")
        writer.write(f"GET {asked} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionResetError):  # the switch closes what is idle
            writer.close()
            reader, writer = await asyncio.open_connection(name, int(port))
            continue
        length = re.search(rb"content-length: (\d+)", head.lower())
        await reader.readexactly(int(length[1]) if length else 0)
        if b" 200 " not in head[:16]:
            raise ConnectionError(head.decode(errors="replace"))
        took.append(time.perf_counter() - at)


async def _watch(host: str, watchers: list[Watcher]) -> dict[str, Any]:
    loop, late, took = asyncio.get_running_loop(), list[float](), list[float]()
    name, port = host.split(":")
    following = []
    for one in watchers:
        _, protocol = await loop.create_connection(lambda one=one: Following(host, one.token, late), name, int(port))  # type: ignore[misc]
        await protocol.begun
        following.append(protocol)
    asking = [
        asyncio.ensure_future(_ask(host, one.token, path, rate, followed, took))
        for one, followed in zip(watchers, following, strict=True)
        for path, rate in one.asks.items()
    ]
    print("following", flush=True)
    began = time.monotonic()
    await loop.run_in_executor(None, sys.stdin.readline)  # "measure"
    late.clear()
    took.clear()
    began = time.monotonic()
    await loop.run_in_executor(None, sys.stdin.readline)  # "end"
    seconds = time.monotonic() - began
    failed = [str(one.exception()) for one in asking if one.done() and one.exception()]
    for one in asking:
        one.cancel()
    found = {"late": list(late), "took": list(took), "seconds": seconds, "failed": failed}
    for protocol in following:
        protocol.leave()
    return found


class Crowd:
    """The process. `measure()` begins to count, `end()` gives what was found."""

    def __init__(self, host: str, watchers: list[Watcher]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load.watchers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(__file__).resolve().parent.parent.parent,
        )  # fmt: skip
        self._say(json.dumps({"host": host, "watchers": [asdict(one) for one in watchers]}))

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def follow(self) -> None:
        """Wait until all of them follow. Raises SystemExit."""
        if self._hear().strip() != "following":
            raise SystemExit("the events cannot be followed")

    def measure(self) -> None:
        self._say("measure")

    def end(self) -> dict[str, Any]:
        self._say("end")
        found: dict[str, Any] = json.loads(self._hear())
        self._process.wait(20)
        return found

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    plan = json.loads(sys.stdin.readline())
    print(json.dumps(asyncio.run(_watch(plan["host"], [Watcher(**one) for one in plan["watchers"]]))))
