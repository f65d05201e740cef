"""All listeners of the switch as one thing to open, start, send through and close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from softswitch.effects import CloseFlow, Send
from softswitch.net.bind import ListenError
from softswitch.net.limits import Counters, Limits
from softswitch.net.tcp import TcpListener
from softswitch.net.udp import UdpListener, Upcall

HEARTBEAT_SECONDS = 0.25


@dataclass(slots=True, frozen=True)
class Address:
    """Where to listen. `port` 0: one that is free, the same for UDP and TCP."""

    host: str
    port: int
    transports: tuple[str, ...] = ("udp", "tcp")


class Network:
    """Owns the listeners; `Flow.listener` indexes `listeners`."""

    def __init__(self, addresses: Sequence[Address], upcall: Upcall, limits: Limits | None = None) -> None:
        self.counters = Counters()
        self.lag = 0.0  # seconds by which the loop was last late
        self.worst_lag = 0.0
        self.listeners: list[UdpListener | TcpListener] = []
        self._limits = limits or Limits()
        self._upcall = upcall
        self._addresses = addresses
        self._beat: asyncio.TimerHandle | None = None
        self._due = 0.0

    def open(self) -> None:
        """Bind everything, so that a busy port is known before anything else starts. Raises ListenError."""
        try:
            for address in self._addresses:
                self._open(address)
        except ListenError:
            self.close()
            raise

    def _open(self, address: Address) -> None:
        # With port 0 the kernel's choice for UDP may be taken for TCP: then choose again.
        for last in (False,) * 15 + (True,):
            port, opened = address.port, []
            try:
                for transport in address.transports:
                    make = UdpListener if transport == "udp" else TcpListener
                    listener: UdpListener | TcpListener = make(
                        len(self.listeners) + len(opened), address.host, port, self._upcall,
                        limits=self._limits, counters=self.counters,
                    )  # fmt: skip
                    listener.open()
                    opened.append(listener)
                    port = listener.port
            except ListenError:
                for listener in opened:
                    listener.close()
                if address.port or last:
                    raise
                continue
            self.listeners.extend(opened)
            return

    async def start(self) -> None:
        """Begin to receive, on the running loop."""
        for listener in self.listeners:
            if isinstance(listener, UdpListener):
                listener.start()
            else:
                await listener.start()
        self._due = time.monotonic() + HEARTBEAT_SECONDS
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._heartbeat)

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

    def close(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        for listener in self.listeners:
            listener.close()

    def connections(self) -> int:
        """Stream connections open now."""
        return sum(len(listener) for listener in self.listeners if isinstance(listener, TcpListener))

    def _heartbeat(self) -> None:
        now = time.monotonic()
        self.lag = max(0.0, now - self._due)
        self.worst_lag = max(self.worst_lag, self.lag)
        for listener in self.listeners:
            if isinstance(listener, UdpListener):
                listener.check()
            else:
                listener.set_lag(self.lag)
        self._due = now + HEARTBEAT_SECONDS
        self._beat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._heartbeat)
