"""Where a leg's packets may come from, until that is settled (the media address policy).

A phone behind a NAT cannot say where its packets will come from. So one latch is armed for it: the first source whose IP
address is the one that its signalling came from, and which sends two packets of a negotiated type with one SSRC, becomes the
remote address, for good; only a new offer or answer arms the latch again. RTCP never moves anything.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from media.rtp import HEADER, HEADER_SIZE, Buffer, payload_bounds

Address: TypeAlias = tuple[str, int]

PROBATION = 2  # packets
CANDIDATES = 16  # streams that are remembered until one of them has its second packet


@lru_cache(maxsize=4096)
def literal(host: str) -> str:
    """The canonical form of an address literal, as the system writes it for a packet's source; "" if it is none.

    The unspecified address is no address: it says "do not send" (RFC 2543 hold), or that the sender does not know its own.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "" if address.is_unspecified or address.is_multicast else str(address)


def remote(host: str, port: int) -> Address | None:
    """An address that can be sent to, or None."""
    canonical = literal(host)
    return (canonical, port) if canonical and 0 < port < 65536 else None


@dataclass(slots=True)
class Latch:
    """Armed for one leg. `host`: the signalling source; `stated`: where the SDP says, believed as well."""

    host: str
    stated: Address | None
    _candidates: dict[tuple[Address, int], int] = field(default_factory=dict)

    def accepts(self, source: Address, payload_type: int, packet: Buffer, size: int) -> bool:
        """Whether this packet settles that `source` is the remote address. `payload_type`: the negotiated one."""
        if source[0] != self.host and source != self.stated:
            return False
        if size <= HEADER_SIZE or not payload_bounds(packet, size)[0]:
            return False
        _, second, _, _, ssrc = HEADER.unpack_from(packet)
        if second & 0x7F != payload_type:
            return False
        candidate = source, ssrc
        count = self._candidates.pop(candidate, 0) + 1
        # Others may share the address; they must not be able to keep the phone from its second packet.
        if len(self._candidates) >= CANDIDATES:
            del self._candidates[next(iter(self._candidates))]
        self._candidates[candidate] = count
        return count >= PROBATION

    @property
    def reachable(self) -> Address | None:
        """Where to send until the latch: where the SDP says, if that is the very host behind which the phone is.

        Anything else it says is an address inside the phone's network, which in ours belongs to somebody else.
        """
        return self.stated if self.stated is not None and self.stated[0] == self.host else None

    def foreign(self, source: Address) -> bool:
        """Whether a packet from there has no business here."""
        return source[0] != self.host and source != self.stated
