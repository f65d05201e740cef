"""Serves the pages with uvicorn inside the daemon's loop, from the first connection on.

FastAPI, pydantic and uvicorn cost half a second and tens of megabytes to import: a switch whose pages nobody opens does
not pay. They are imported in a thread, so that calls do not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from softswitch.api.entrance import Entrance
from softswitch.api.feed import Feed
from softswitch.api.source import Source

if TYPE_CHECKING:
    import uvicorn

PATIENCE = 15.0  # seconds for a request to come whole
CONNECTIONS = 4_096  # of browsers and programs, each follower of events one
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class HttpServer:
    """Waits on a listening socket; starts the web framework when somebody connects."""

    def __init__(
        self,
        sock: socket.socket,
        source: Source,
        feed: Feed,
        key: Callable[[], Awaitable[bytes]],
        fault: Callable[[str, Exception], None],
        *,
        token: str = "",
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`key`: 32 secret bytes that outlive a restart; sessions are sealed with them.

        `context`: gives what TLS connections get at that moment; without it the pages are served in clear.
        """
        self.socket = sock
        self._source = source
        self._feed = feed
        self._key = key
        self._fault = fault
        self._token = token
        self._context = context
        self._entrance: Entrance | None = None
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._fd = sock.fileno()

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._fd, self._first_client)

    def _first_client(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        self._task = loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            key = await self._key()
            ended: dict[str, float] = await self._source.order("sessions_ended")
            self._server = await asyncio.to_thread(self._make, key, ended)
            await self._server.serve(sockets=[self.socket] if self._context is None else [])
        except Exception as error:
            self._fault("http", error)

    def _make(self, key: bytes, ended: dict[str, float]) -> uvicorn.Server:
        import uvicorn

        from softswitch.api.app import build
        from softswitch.api.connection import Follows, connection

        class Server(uvicorn.Server):
            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield  # Signals are the daemon's.

            async def startup(server, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self._context is not None:
                    self._open(server, self._context)

        host = self.socket.getsockname()[0]
        hosts = frozenset() if self._token else LOOPBACK_NAMES | {host}
        config = uvicorn.Config(
            build(self._source, self._feed, key=key, token=self._token, hosts=hosts, ended=ended),
            log_config=None, access_log=False, lifespan="off", server_header=False, ws=Follows,
            ws_per_message_deflate=False,  # What is written once for all cannot be compressed for each.
            ws_max_size=4_096, ws_ping_interval=20.0, ws_ping_timeout=20.0,
            timeout_keep_alive=30, limit_concurrency=CONNECTIONS, h11_max_incomplete_event_size=16_384,
            http=connection(PATIENCE, CONNECTIONS),
        )  # fmt: skip
        return Server(config)

    def _open(self, server: uvicorn.Server, context: Callable[[], ssl.SSLContext]) -> None:
        config = server.config

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=server.server_state, app_state=server.lifespan.state
            )
            return made

        self._entrance = Entrance(self.socket, protocol, context, patience=PATIENCE, most=CONNECTIONS)
        self._entrance.open()

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        if self._entrance is not None:
            self._entrance.close()
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), 2.0)
        self.socket.close()
