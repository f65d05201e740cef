"""Asks web services on behalf of calls (IVR-13). Only hosts that may be asked, only addresses that are public or named.

A site's editor chooses URLs, and callers' keys may stand in them: what is behind the switch must not be reached by it. So the
addresses of a name are looked at here, and the connection goes to just those; redirections are not followed. A host that fails
again and again is not asked for a while: callers then hear the fallback at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from softswitch import __version__
from softswitch.config.services import ANY, WebSettings

if TYPE_CHECKING:
    from softswitch.integrations.webpool import Pool

Result: TypeAlias = Literal["ok", "timeout", "failed", "refused"]
MOST_BREAKERS: Final = 1_000
NAT64: Final = IPv6Network("64:ff9b::/96")
PORTS: Final = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True)
class Reply:
    """What became of a request. `status` and `body` if `result` is "ok", whatever the status; `detail`: why not, for events."""

    result: Result
    status: int = 0
    body: bytes = b""
    detail: str = ""


@dataclass(slots=True)
class Breaker:
    """Whether a host is asked: after `most` failures in a row not for `pause` seconds, then by one request that finds out."""

    most: int
    pause: float
    failures: int = 0
    until: float = 0.0
    trying: bool = False

    def allows(self, now: float) -> bool:
        if self.failures < self.most:
            return True
        if now < self.until or self.trying:
            return False
        self.trying = True
        return True

    def worked(self) -> None:
        self.failures, self.trying = 0, False

    def failed(self, now: float) -> None:
        self.failures += 1
        self.trying = False
        if self.failures >= self.most:
            self.until = now + self.pause


class Forbidden(Exception):
    """The host must not be asked."""


class Failed(Exception):
    """There is no answer."""


class Guard:
    """Which hosts and which of their addresses may be connected to."""

    def __init__(self, hosts: Iterable[str], private: Iterable[str]) -> None:
        self._hosts = frozenset(hosts)
        self._names: set[str] = set()
        self._networks = []
        for one in private:
            try:
                self._networks.append(ip_network(one))
            except ValueError:
                self._names.add(one)

    def check_host(self, host: str) -> None:
        """Raises Forbidden."""
        if ANY in self._hosts or host in self._hosts or host in self._names:
            return
        labels = host.split(".")
        if not any("*." + ".".join(labels[index:]) in self._hosts for index in range(1, len(labels))):
            raise Forbidden(f"{host} is not in web.hosts")

    def check_address(self, host: str, address: str) -> None:
        """Raises Forbidden."""
        found = _plain(ip_address(address.partition("%")[0]))
        if host in self._names or any(found.version == one.version and found in one for one in self._networks):
            return
        if not found.is_global or found.is_multicast or found.is_reserved:
            raise Forbidden(f"{host} is not public ({found}), and not in web.private")


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address in one of IPv6 that only carries it."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class WebClient:
    """The one way from calls to web services."""

    def __init__(self, settings: WebSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._guard = Guard(settings.hosts, settings.private)
        self._breakers: dict[str, Breaker] = {}
        self._pool: Pool | None = None

    async def warm_up(self) -> None:
        """Make ready what the first request would have to wait for."""
        if self._pool is None:
            await self._open()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    def broken(self) -> list[str]:
        """Hosts that are not asked now."""
        now = self._clock()
        return sorted(host for host, one in self._breakers.items() if one.failures >= one.most and now < one.until)

    async def fetch(
        self, method: str, url: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"", within: float = 5.0
    ) -> Reply:  # fmt: skip
        """Ask; never raises for what the other side does. At most `within` seconds, and those of the settings."""
        try:
            host, port = self._target(url)
            self._guard.check_host(host)
        except Forbidden as error:
            return Reply("refused", detail=str(error))
        breaker = self._breaker(f"{host}:{port}")
        if not breaker.allows(self._clock()):
            return Reply("refused", detail=f"{host} has failed {breaker.failures} times and is asked again later")
        reply = await self._ask(method, url, host, tuple(headers), body, min(within, self.settings.timeout))
        if reply.result == "refused":
            breaker.trying = False
        elif reply.result == "ok" and reply.status < 500:
            breaker.worked()
        else:
            breaker.failed(self._clock())
        return reply

    def _target(self, url: str) -> tuple[str, int]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            raise Forbidden("that is no URL") from None
        if not (host and port and host.isascii() and url.isascii() and url.isprintable() and " " not in url):
            raise Forbidden("that is no URL of http or https")
        if parts.username is not None or parts.password is not None:
            raise Forbidden("a URL must not hold a password")
        return host.lower(), port

    def _breaker(self, place: str) -> Breaker:
        found = self._breakers.pop(place, None)
        if found is None:
            if len(self._breakers) >= MOST_BREAKERS:
                del self._breakers[next(iter(self._breakers))]
            found = Breaker(self.settings.failures, self.settings.pause)
        self._breakers[place] = found
        return found

    async def _ask(
        self, method: str, url: str, host: str, headers: tuple[tuple[str, str], ...], body: bytes, within: float
    ) -> Reply:  # fmt: skip
        known = {"host", "user-agent", "content-length", "transfer-encoding", "connection"}
        lines = [("User-Agent", f"softswitch/{__version__}")]
        lines += [(name, value) for name, value in headers if name.lower() not in known]
        try:
            async with asyncio.timeout(within):
                pool = self._pool or await self._open()
                return await pool.ask(method, url, lines, body)
        except TimeoutError:
            return Reply("timeout", detail=f"{host} did not answer within {within:g} s")
        except Forbidden as error:
            return Reply("refused", detail=str(error))
        except Failed as error:
            return Reply("failed", detail=f"{host}: {error}")

    async def _open(self) -> Pool:
        """The first request makes the pool: the library and the authorities take 100 ms, in a thread."""
        pool = await asyncio.to_thread(_make, self._guard, self.settings)
        if self._pool is None:
            self._pool = pool
        return self._pool


def _make(guard: Guard, settings: WebSettings) -> Pool:
    from softswitch.integrations.webpool import Pool

    return Pool(guard, settings)
