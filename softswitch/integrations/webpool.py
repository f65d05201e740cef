"""Connections to web services: the only door to `httpcore`. See `webclient`, which decides what is asked.

It takes 80 ms to load, and so is not loaded before something is asked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import httpcore

from softswitch.config.services import WebSettings
from softswitch.integrations.webclient import Failed, Forbidden, Guard, Reply

RESOLVERS: Final = 4  # threads: a dead name server must not take those of others
MOST_ADDRESSES: Final = 4  # of a name that are tried
IDLE: Final = 30.0  # seconds that a connection is kept
SHOWN: Final = 200  # characters of an error


class Backend(httpcore.AnyIOBackend):
    """Looks names up itself and connects to what it has looked at, so that a name cannot mean something else a moment later."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._threads = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="web-names")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,  # noqa: ASYNC109
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        look_up = partial(socket.getaddrinfo, host.strip("[]"), port, type=socket.SOCK_STREAM)
        rows = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
        for address in addresses:  # One that is not allowed spoils all: such an answer is no accident.
            self._guard.check_address(host, address)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return await super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Any = None  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:  # fmt: skip
        raise Forbidden("sockets of this machine are not asked")


class Pool:
    """Connections that are kept for the next request."""

    def __init__(self, guard: Guard, settings: WebSettings) -> None:
        self._backend = Backend(guard)
        self._longest = settings.max_kib << 10
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None),
            max_connections=settings.at_once, keepalive_expiry=IDLE, network_backend=self._backend,
        )  # fmt: skip

    async def close(self) -> None:
        await self._pool.aclose()
        self._backend.close()

    async def ask(self, method: str, url: str, headers: list[tuple[str, str]], body: bytes) -> Reply:
        """One request, redirections not followed. Raises Forbidden, Failed; and what cancels it."""
        received = bytearray()
        try:
            lines = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
            async with self._pool.stream(method, url, headers=lines, content=body or None) as response:
                async for part in response.aiter_stream():
                    received += part
                    if len(received) > self._longest:
                        raise Failed(f"the answer is longer than {self._longest >> 10} KiB")
                return Reply("ok", response.status, bytes(received))
        except (
            httpcore.TimeoutException,
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.UnsupportedProtocol,
        ) as error:
            raise Failed(_reason(error)) from None
        except (OSError, ValueError, TypeError) as error:
            raise Failed(_reason(error)) from None


def _reason(error: Exception) -> str:
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return "".join(one for one in str(said) if one.isprintable())[:SHOWN]
