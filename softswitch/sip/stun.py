"""STUN on the ports of SIP (RFC 5626 sections 4.4.2 and 8): the keep-alive of phones with Outbound over UDP.

A Binding request is answered with the address that it came from, so the phone sees that its NAT still holds the same port open.
Only phones that are registered on that very flow get an answer (see `Switch.receive`): nobody can aim ours at a third party.
"""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import Final

_HEADER: Final = Struct("!HHI12s")
_MAGIC: Final = 0x2112A442
_BINDING, _SUCCESS = 0x0001, 0x0101
_XOR_MAPPED_ADDRESS: Final = 0x0020
_ATTRIBUTE: Final = Struct("!HHxBH")  # type, length, family, port


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN and not SIP, whose first octet is a letter."""
    return len(data) >= 20 and data[0] < 4 and data[4:8] == b"\x21\x12\xa4\x42"


def answer(data: bytes, host: str, port: int) -> bytes:
    """The response to a Binding request from `host:port` (an address literal), b"" if it deserves none (RFC 8489 section 6.3)."""
    kind, length, magic, transaction = _HEADER.unpack_from(data)
    if kind != _BINDING or magic != _MAGIC or length != len(data) - _HEADER.size or length % 4:
        return b""
    address = ipaddress.ip_address(host)
    mask = _MAGIC.to_bytes(4, "big") + transaction
    masked = bytes(octet ^ key for octet, key in zip(address.packed, mask, strict=False))
    family = 1 if address.version == 4 else 2
    attribute = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, 4 + len(masked), family, port ^ (_MAGIC >> 16)) + masked
    return _HEADER.pack(_SUCCESS, len(attribute), _MAGIC, transaction) + attribute
