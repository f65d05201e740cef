"""A connection of the pages, as uvicorn serves it, that cannot be held by whoever only wants to hold it.

uvicorn waits for ever: for a request that does not come whole, for a body, for a client that does not read, for a WebSocket whose
request it could not read. Here each of them has `patience` seconds to get on; and where there is no more room, who asks for
nothing makes some. This module imports uvicorn, so it is imported when somebody connects.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from softswitch.api.live import SINK

LEAST: Final = 16_384  # octets of a body that come within the patience
MARGIN: Final = 64  # connections that are left when those who ask for nothing begin to make room
UNREAD: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Follows(WebSocketsSansIOProtocol):
    """A WebSocket that takes the frames of many events at once (`feed.Sink`): uvicorn would wake a task for each."""

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: Any = self.scope["extensions"]
            extensions[SINK] = self

    @property
    def full(self) -> bool:
        return self.close_sent or not self.writable.is_set() or self.transport.is_closing()

    def push(self, frames: bytes) -> None:
        self.transport.write(frames)


def connection(patience: float, most: int) -> type[H11Protocol]:
    """The class of a server's connections. `most`: how many there may be, those of followers included."""
    quiet: dict[Connection, None] = {}  # in the order in which they came

    class Connection(H11Protocol):
        seen: tuple[object, ...] = ()
        upgraded = False
        came = 0  # octets
        drained = 0  # how often what was written has gone

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > most - MARGIN:
                make_room()
            quiet[self] = None
            self.loop.call_later(patience, self.look)

        def connection_lost(self, exc: Exception | None) -> None:
            quiet.pop(self, None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self.came += len(data)
            super().data_received(data)

        def resume_writing(self) -> None:
            self.drained += 1
            super().resume_writing()

        def handle_websocket_upgrade(self, *arguments: Any) -> None:
            self.upgraded = True
            quiet.pop(self, None)
            super().handle_websocket_upgrade(*arguments)
            follower = self.transport.get_protocol()
            if not getattr(follower, "handshake_initiated", True) and not self.transport.is_closing():
                self.transport.write(UNREAD)
                self.transport.close()

        @property
        def asks_for_nothing(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def look(self) -> None:
            if self.transport.is_closing() or self.upgraded:
                return
            if self.stands_still():
                self.transport.abort()
                return
            self.loop.call_later(patience, self.look)

        def stands_still(self) -> bool:
            """Whether nothing has got on since the last look."""
            cycle, before = self.cycle, self.seen
            unsent = self.transport.get_write_buffer_size()
            self.seen = (cycle, self.came, self.drained, unsent)
            if cycle is None:
                return True
            if not before or before[0] is not cycle:
                return False
            if cycle.response_complete and not unsent:
                return True
            if cycle.more_body and not cycle.response_started:
                return self.came - int(str(before[1])) < LEAST
            return bool(unsent) and before[2:] == self.seen[2:]

    def make_room() -> None:
        """The one that has asked for nothing for the longest time goes."""
        for one in quiet:
            if one.asks_for_nothing:
                del quiet[one]
                one.transport.abort()
                return

    return Connection
