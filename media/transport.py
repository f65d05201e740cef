"""What stands between the sockets of one leg and its packet path: SRTP, and what else shares the port with it (RFC 7983).

A relay that reads a packet of a leg with a transport calls `unwrap`, and goes on with what that leaves: plain RTP, in place,
so that the packets of such legs are handled together with all others. What is sent to the leg goes through `wrap`. Everything
that is neither is put aside into the engine's inbox, for `Engine.attend` to look at once the packets of the moment are moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from media import ice
from media.handshakes import DtlsTerms, Handshakes
from media.latch import Address
from media.session import Leg
from media.srtp import Cipher, Keys

MAX_INBOX = 256  # datagrams; what is beyond that in one moment is a flood
MAX_HELD = 4

_NOTHING = memoryview(b"")


class Aside(NamedTuple):
    """A datagram that is not RTP. `source`: None if it can only be from where the leg is aimed at."""

    leg: int
    data: bytes
    source: Address | None


@dataclass(slots=True, frozen=True)
class Protection:
    """How the packets of a leg are to be protected, as call control wants it. All false: not at all."""

    keys: Keys | None = None
    dtls: DtlsTerms | None = None
    ice: ice.Terms | None = None
    rtcp_mux: bool = False

    @property
    def plain(self) -> bool:
        """RTP on one port, RTCP on the other, nothing else: no transport is needed."""
        return not (self.rtcp_mux or self.secret or self.ice)

    @property
    def secret(self) -> bool:
        """Nothing may be sent or taken unprotected."""
        return self.keys is not None or self.dtls is not None


@dataclass(slots=True)
class Transport:
    """The transport of one leg. `inbox` is the engine's."""

    leg: Leg
    protection: Protection
    inbox: list[Aside]
    cipher: Cipher | None = None
    agent: ice.Agent | None = None
    handshakes: Handshakes | None = None
    held: list[tuple[bytes, Address]] = field(
        default_factory=list
    )  # DTLS that came a moment before its address was valid

    @property
    def wraps(self) -> bool:
        """What is sent is not what the packet path made: it must go through `wrap`."""
        return self.protection.secret

    @property
    def ready(self) -> bool:
        """RTP may be sent."""
        if self.agent is not None and self.agent.remote is None:
            return False
        return self.cipher is not None or not self.protection.secret

    def next_deadline(self, now: float) -> float | None:
        """When ICE or DTLS have something to do next."""
        first = self.agent.next_deadline() if self.agent is not None else None
        second = self.handshakes.next_deadline(now) if self.handshakes is not None else None
        if first is None or second is None:
            return second if first is None else first
        return min(first, second)

    def unwrap(self, buffer: memoryview, size: int, source: Address | None = None) -> int:
        """Make of the datagram `buffer[:size]` plain RTP, in place. Returns its size; 0 if nothing is left for the packet path.

        `source`: None if the socket takes packets from nowhere else than where the leg is aimed at.
        """
        if size > 1 and 127 < buffer[0] < 192:
            # RFC 5761 section 4: the second octet of RTCP is what RTP with a marker and types 64 to 95 would have.
            if self.protection.rtcp_mux and 191 < buffer[1] < 224:
                self._put_aside(buffer, size, source)
                return 0
            if self.cipher is not None:
                plain = self.cipher.unprotect(buffer, size)
                if not plain:
                    self.leg.forged += 1
                return plain
            if not self.protection.secret:
                return size
            self.leg.forged += 1
        elif size and (
            (buffer[0] < 4 and self.agent is not None) or (19 < buffer[0] < 64 and self.handshakes is not None)
        ):
            self._put_aside(buffer, size, source)
        else:
            self.leg.invalid += 1  # Among it STUN and DTLS that nobody has agreed on.
        return 0

    def wrap(self, packet: memoryview) -> memoryview:
        """The packet as it is to be sent, valid until the next one; empty if it must not be sent."""
        if self.cipher is not None:
            return self.cipher.protect(packet)
        return _NOTHING if self.protection.secret else packet

    def wrap_rtcp(self, data: bytes) -> bytes:
        if self.cipher is not None:
            return bytes(self.cipher.protect_rtcp(data))
        return b"" if self.protection.secret else data

    def unwrap_rtcp(self, data: bytes) -> bytes:
        """An RTCP packet made plain; empty if it is not authentic."""
        if self.cipher is None:
            return b"" if self.protection.secret else data
        room = memoryview(bytearray(data))
        return bytes(room[: self.cipher.unprotect_rtcp(room, len(data))])

    def _put_aside(self, buffer: memoryview, size: int, source: Address | None) -> None:
        if len(self.inbox) < MAX_INBOX:
            self.inbox.append(Aside(self.leg.number, bytes(buffer[:size]), source))
        else:
            self.leg.invalid += 1
