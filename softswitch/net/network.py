"""All listeners of the switch as one thing to open, start, send through and close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Protocol

from softswitch.effects import CloseFlow, Expect, Send
from softswitch.net.bind import ListenError
from softswitch.net.limits import PULSE_SECONDS, Census, Counters, Limits, Pulse
from softswitch.net.stream import StreamListener
from softswitch.net.tls import Certificates
from softswitch.net.udp import UdpListener, Upcall

CHECK_SECONDS = 0.9  # at least, between two looks at the sockets


class ListenAddress(Protocol):
    """Where to listen. Port 0: one that is free, the same for every transport on that host."""

    @property
    def transport(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class Network:
    """Owns the listeners; `Flow.listener` indexes `listeners`."""

    def __init__(
        self,
        addresses: Sequence[ListenAddress],
        upcall: Upcall,
        limits: Limits | None = None,
        *,
        certificates: Certificates | None = None,
        origins: Collection[str] = (),
    ) -> None:
        """`certificates`: for "tls" and "wss", which need them. `origins`: of pages that may be phones, beside our own."""
        self.certificates = certificates
        self._origins = origins
        self.counters = Counters()
        self.pulse = Pulse()
        self.pulse.hurry = self._hurry
        self.listeners: list[UdpListener | StreamListener] = []
        self._limits = limits or Limits()
        self._census = Census(self._limits)
        self._upcall = upcall
        self._addresses = addresses
        self._beat: asyncio.TimerHandle | None = None
        self._checked_at = 0.0

    def open(self) -> None:
        """Bind everything, so that a busy port is known before anything else starts. Raises ListenError."""
        # With port 0 the kernel's choice for UDP may be taken for TCP: then choose again.
        attempts = 16 if any(address.port == 0 for address in self._addresses) else 1
        for attempt in range(1, attempts + 1):
            try:
                self._open_all()
                return
            except ListenError:
                self.close()
                self.listeners.clear()
                if attempt == attempts:
                    raise

    def _open_all(self) -> None:
        chosen: dict[str, int] = {}  # host -> the port that stands for 0
        for index, address in enumerate(self._addresses):
            plain = address.transport in ("udp", "tcp")  # which share a port
            port = address.port or (chosen.get(address.host, 0) if plain else 0)
            listener = self._listener(index, address.transport, address.host, port)
            listener.open()
            self.listeners.append(listener)
            if plain and not address.port:
                chosen[address.host] = listener.port

    def _listener(self, index: int, transport: str, host: str, port: int) -> UdpListener | StreamListener:
        if transport == "udp":
            return UdpListener(index, host, port, self._upcall, limits=self._limits, counters=self.counters)
        kind = StreamListener
        if transport in ("ws", "wss"):
            from softswitch.net.websocket import WebSocketListener

            kind = WebSocketListener
        listener = kind(
            index, host, port, self._upcall, limits=self._limits, counters=self.counters, transport=transport,
            certificates=self.certificates if transport in ("tls", "wss") else None, census=self._census, pulse=self.pulse,
        )  # fmt: skip
        if kind is not StreamListener:
            listener.origins = self._origins  # type: ignore[attr-defined]
        return listener

    async def start(self) -> None:
        """Begin to receive, on the running loop."""
        for listener in self.listeners:
            if isinstance(listener, UdpListener):
                listener.start()
            else:
                await listener.start()
        self._heartbeat()

    def send(self, effect: Send) -> None:
        """Perform a Send."""
        flow = effect.flow
        if 0 <= flow.listener < len(self.listeners) and self.listeners[flow.listener].transport == flow.transport:
            self.listeners[flow.listener].send(effect.data, flow)
        else:
            self.counters.send_refused_address += 1
            asyncio.get_running_loop().call_soon(self._upcall.flow_failed, flow)

    def close_flow(self, effect: CloseFlow) -> None:
        """Perform a CloseFlow."""
        if 0 <= effect.flow.listener < len(self.listeners):
            self.listeners[effect.flow.listener].close_flow(effect.flow, effect.reason)

    def expect(self, effect: Expect) -> None:
        """Perform an Expect."""
        listener = self.listeners[effect.flow.listener]
        if isinstance(listener, StreamListener):
            listener.expect(effect.flow, effect.name)

    def close(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        for listener in self.listeners:
            listener.close()

    def connections(self) -> int:
        """Stream connections open now."""
        return sum(len(listener) for listener in self.listeners if isinstance(listener, StreamListener))

    def _heartbeat(self) -> None:
        now = time.monotonic()
        pause = self.pulse.beat(now)
        if now - self._checked_at >= CHECK_SECONDS:
            self._checked_at = now
            for listener in self.listeners:
                if isinstance(listener, UdpListener):
                    listener.check()
        self._beat = asyncio.get_running_loop().call_later(pause, self._heartbeat)

    def _hurry(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = asyncio.get_running_loop().call_later(PULSE_SECONDS, self._heartbeat)
