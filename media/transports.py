"""Where the legs of one worker send and receive, and how that is protected: the media address policy.

A leg whose address is known is aimed at it: the kernel lets nobody else through. A leg behind a NAT listens until its latch has
found the address. Between the sockets and the packet path of a leg that is not plain RTP stands its `Transport`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from media.control import Latched, Modify, Open
from media.latch import Address, Latch, literal, remote
from media.session import Leg, Session
from media.sources import Sources, State
from media.srtp import Cipher, KeysError, keys
from media.transport import Aside, Protection, Transport


class Network(Protocol):
    """The sockets of the legs, as the relay keeps them."""

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        """Send there and receive from there only. `keep`: what has arrived from there already still counts."""
        ...

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        """Receive from anywhere, for `Engine.admit` to judge; send to `rtp` if given. `host` tells the address family."""
        ...

    def quiet(self, leg: int) -> None:
        """Neither send nor receive."""
        ...

    def guard(self, leg: int, transport: Transport | None) -> None:
        """What is received goes through this transport from now on, and what is sent; None: is plain RTP."""
        ...

    def send_datagram(self, leg: int, data: bytes, to: Address | None = None) -> None:
        """Send from the RTP port, as it is, what is not RTP. None: where the leg is aimed at."""
        ...

    def send_rtcp(self, leg: int, data: bytes) -> None:
        """Send one RTCP packet, as it is, from the RTCP port to where the leg is aimed at."""
        ...


class Transports:
    """Aims the open legs, judges what comes to those that listen, and attends to what is not RTP."""

    def __init__(
        self, session: Session, sources: Sources, network: Network, hear_rtcp: Callable[[Leg, bytes, float], None]
    ) -> None:
        """`hear_rtcp(leg, data, now)` is given what RTCP said, in plain."""
        self.inbox: list[Aside] = []
        self._hear_rtcp = hear_rtcp
        self._session = session
        self._sources = sources
        self._network = network

    # --- commands ----------------------------------------------------------------------------------------------------

    def protection(self, command: Open | Modify) -> Protection | None:
        """How the leg is to be protected. None, and an Alarm, if that makes no sense: then it must not be opened at all."""
        try:
            secret = keys(command.suite, command.send_key, command.receive_key) if command.suite else None
        except KeysError as error:
            self._sources.alarm("bad keys", f"leg {command.leg}: {error}")
            return None
        return Protection(secret, command.rtcp_mux)

    def open(self, leg: Leg, state: State, protection: Protection) -> None:
        """Aim a new leg."""
        self._protect(leg, state, protection)
        self._point(leg, state)

    def modify(self, leg: Leg, state: State, protection: Protection, *, moved: bool) -> None:
        """Take over what a new offer or answer says. `moved`: also where to send."""
        self._protect(leg, state, protection)
        if moved:
            self._point(leg, state)
        else:
            self._settle(leg, state)

    def close(self, leg: Leg) -> None:
        self._network.quiet(leg.number)
        self._network.guard(leg.number, None)

    def _protect(self, leg: Leg, state: State, protection: Protection) -> None:
        transport = state.transport
        if protection.plain:
            if transport is not None:
                state.transport = None
                self._network.guard(leg.number, None)
            return
        if transport is None:
            transport = state.transport = Transport(leg, protection, self.inbox)
        elif transport.protection == protection:
            return  # The same keys again must not begin anew: every packet so far could be sent once more.
        transport.protection = protection
        if protection.keys is None:
            transport.cipher = None
        elif transport.cipher is None:
            transport.cipher = Cipher(protection.keys)
        else:
            legs, number = self._session.legs, leg.number
            stream = (legs.in_ssrc[number], legs.highest[number]) if leg.started else (0, 0)
            transport.cipher.rekey(protection.keys, *stream)
        self._network.guard(leg.number, transport)

    def _point(self, leg: Leg, state: State) -> None:
        """Where the leg sends and from where it receives."""
        command = state.command
        stated, latch_host = remote(command.host, command.port), literal(command.latch_host)
        if command.latch_host and not latch_host:
            what = f"leg {leg.number}: latch_host {command.latch_host!r} is no address literal"
            self._sources.alarm("bad address", what)
        rtcp = (stated[0], command.rtcp_port or min(stated[1] + 1, 65535)) if stated else None
        state.latch = Latch(latch_host, stated) if latch_host else None
        state.remote = state.latch.reachable if state.latch else stated
        try:
            if state.latch is not None:
                self._network.listen(leg.number, latch_host, state.remote)
            elif stated is not None and rtcp is not None:
                self._network.aim(leg.number, stated, rtcp, keep=False)
            else:
                self._network.quiet(leg.number)
        except OSError as error:
            state.remote = state.latch = None
            self._network.quiet(leg.number)
            self._sources.alarm("unreachable address", f"leg {leg.number}: {command.host} port {command.port}: {error}")
        self._settle(leg, state)

    def _settle(self, leg: Leg, state: State) -> None:
        """Whether RTP may be sent, and where."""
        leg.address = state.remote if state.transport is None or state.transport.ready else None
        self._sources.settle(leg)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def admit(self, number: int, source: Address, packet: memoryview, size: int) -> int:
        """The size of the RTP packet that a packet which came to a listening leg is, unwrapped in place; 0: it must not be taken.

        May settle the remote address.
        """
        state, leg = self._sources.states.get(number), self._session.open[number]
        if state is None or leg is None:
            return 0
        if state.latch is None:
            if source == state.remote:
                return state.transport.unwrap(packet, size, source) if state.transport else size
            leg.foreign += 1
            return 0
        if state.latch.foreign(source):
            leg.foreign += 1
            return 0
        if state.transport is not None:
            size = state.transport.unwrap(packet, size, source)
        if not size or not state.latch.accepts(source, leg.terms.receive_type, packet, size):
            return 0
        return size if self._latch(leg, state, state.latch, source) else 0

    def _latch(self, leg: Leg, state: State, latch: Latch, source: Address) -> bool:
        """The remote address is this one, for good."""
        rtcp_port = state.command.rtcp_port if source == latch.stated else 0
        state.latch, state.remote = None, source
        try:
            self._network.aim(leg.number, source, (source[0], rtcp_port or min(source[1] + 1, 65535)), keep=True)
        except OSError as error:
            state.remote = leg.address = None
            self._sources.alarm("unreachable address", f"leg {leg.number}: {source[0]} port {source[1]}: {error}")
            return False
        self._session.events.append(Latched(leg.number, *source))
        self._settle(leg, state)
        return True

    def attend(self, now: float) -> None:
        """Look at what was put aside."""
        while self.inbox:
            asides = self.inbox[:]
            self.inbox.clear()
            for number, data, source in asides:
                state, leg = self._sources.states.get(number), self._session.open[number]
                if state is not None and leg is not None and state.transport is not None:
                    self._attend(leg, state, data, source, now)

    def _attend(self, leg: Leg, state: State, data: bytes, source: Address | None, now: float) -> None:
        if source is None or source == state.remote:
            self.receive_rtcp(leg.number, data, now)
        else:
            leg.foreign += 1

    # --- RTCP --------------------------------------------------------------------------------------------------------

    def receive_rtcp(self, number: int, data: bytes, now: float) -> None:
        """An RTCP packet from the address of the leg."""
        state, leg = self._sources.states.get(number), self._session.open[number]
        if state is None or leg is None:
            return
        if state.transport is not None:
            data = state.transport.unwrap_rtcp(data)
            if not data:
                leg.forged += 1
                return
        self._hear_rtcp(leg, data, now)

    def send_rtcp(self, number: int, data: bytes) -> None:
        """One RTCP packet to the leg, by its own port or by that of RTP."""
        state = self._sources.states.get(number)
        transport = state.transport if state is not None else None
        if transport is None:
            self._network.send_rtcp(number, data)
        elif wrapped := transport.wrap_rtcp(data):
            if transport.protection.rtcp_mux:
                self._network.send_datagram(number, wrapped)
            else:
                self._network.send_rtcp(number, wrapped)
