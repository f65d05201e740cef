"""STUN messages as ICE uses them (RFC 8489).

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|0 0|     type: method, class   |   length of what follows 20   |
|                     magic cookie 0x2112A442                   |
|                  transaction identifier (96 bits)             |
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
|        attribute type         |   length without padding      |   each padded to four octets
+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
"""

from __future__ import annotations

import hmac
import ipaddress
from binascii import crc32
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct

from media.latch import Address

HEADER = Struct("!HHI12s")
HEADER_SIZE = 20
MAGIC = 0x2112A442
MAX_MESSAGE = 1280  # octets; section 6.1: what fits into a packet anywhere

# Binding is the only method of ICE; these are its classes (section 5).
REQUEST, INDICATION, SUCCESS, ERROR = 0x0001, 0x0011, 0x0101, 0x0111

USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
XOR_MAPPED_ADDRESS, PRIORITY, USE_CANDIDATE = 0x0020, 0x0024, 0x0025
SOFTWARE, FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING = 0x8022, 0x8028, 0x8029, 0x802A
COMPREHENSION_OPTIONAL = 0x8000  # types from here on may be ignored by who does not know them

_KNOWN = frozenset(
    (
        0x0001,  # MAPPED-ADDRESS
        USERNAME,
        MESSAGE_INTEGRITY,
        ERROR_CODE,
        UNKNOWN_ATTRIBUTES,
        0x0014,  # REALM
        0x0015,  # NONCE
        XOR_MAPPED_ADDRESS,
        PRIORITY,
        USE_CANDIDATE,
    )
)
# What has a size of its own; a message in which it has another one is no message.
_SIZES = {PRIORITY: 4, USE_CANDIDATE: 0, ICE_CONTROLLED: 8, ICE_CONTROLLING: 8, MESSAGE_INTEGRITY: 20, FINGERPRINT: 4}

_ATTRIBUTE = Struct("!HH")
_WORD = Struct("!I")
_FINGERPRINT_XOR = 0x5354554E
_INTEGRITY_SIZE, _FINGERPRINT_SIZE = 24, 8  # with the attribute's own header


@dataclass(slots=True)
class Message:
    """A message that is well-formed, and whose fingerprint is right if it has one. `attributes`: the first of each type,

    up to MESSAGE-INTEGRITY (14.5: what follows it is not protected). `unknown`: types that must be understood, but are not.
    """

    kind: int
    transaction: bytes
    attributes: dict[int, bytes] = field(default_factory=dict)
    unknown: tuple[int, ...] = ()
    fingerprint: bool = False
    _signed: bytes = b""  # what MESSAGE-INTEGRITY covers

    def authentic(self, key: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY is there and was made with this key (14.5)."""
        given = self.attributes.get(MESSAGE_INTEGRITY)
        return given is not None and hmac.compare_digest(given, hmac.digest(key, self._signed, "sha1"))

    def number(self, attribute: int) -> int | None:
        """The value of an attribute that is a number."""
        value = self.attributes.get(attribute)
        return None if value is None else int.from_bytes(value, "big")

    @property
    def error(self) -> int:
        """The code of ERROR-CODE, 0 if there is none (14.8)."""
        value = self.attributes.get(ERROR_CODE, b"")
        return (value[2] & 7) * 100 + value[3] if len(value) >= 4 and value[3] < 100 else 0

    @property
    def mapped(self) -> Address | None:
        """XOR-MAPPED-ADDRESS (14.2)."""
        value = self.attributes.get(XOR_MAPPED_ADDRESS, b"")
        if len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
            return None
        host = ipaddress.ip_address(_xor(value[4:], self.transaction))
        return str(host), int.from_bytes(value[2:4], "big") ^ MAGIC >> 16


def _xor(data: bytes, transaction: bytes) -> bytes:
    mask = (MAGIC.to_bytes(4, "big") + transaction)[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(data), "big")


def mapped_address(address: Address, transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS."""
    packed = ipaddress.ip_address(address[0]).packed
    family = 1 if len(packed) == 4 else 2
    return bytes((0, family)) + (address[1] ^ MAGIC >> 16).to_bytes(2, "big") + _xor(packed, transaction)


def parse(data: bytes) -> Message | None:
    """The message, or None if it is none."""
    if not HEADER_SIZE <= len(data) <= MAX_MESSAGE:
        return None
    kind, length, magic, transaction = HEADER.unpack_from(data)
    if kind & 0xC000 or magic != MAGIC or length != len(data) - HEADER_SIZE or length & 3:
        return None
    message = Message(kind, transaction)
    unknown: list[int] = []
    at = HEADER_SIZE
    while at < len(data):
        attribute, size = _ATTRIBUTE.unpack_from(data, at)
        start, end = at + 4, at + 4 + size
        if end > len(data) or size != _SIZES.get(attribute, size):
            return None
        if attribute == FINGERPRINT:
            # 14.7: it is the last attribute, and tells STUN from whatever else may look like it.
            if (end + 3 & ~3) != len(data) or _fingerprint(data[:at]) != data[start:end]:
                return None
            message.fingerprint = True
        elif MESSAGE_INTEGRITY not in message.attributes:
            if attribute == MESSAGE_INTEGRITY:
                message._signed = _with_length(data[:at], _INTEGRITY_SIZE)
            elif attribute < COMPREHENSION_OPTIONAL and attribute not in _KNOWN:
                unknown.append(attribute)
            message.attributes.setdefault(attribute, data[start:end])
        at = end + 3 & ~3
    message.unknown = tuple(unknown)
    return message


def build(kind: int, transaction: bytes, attributes: Iterable[tuple[int, bytes]], key: bytes) -> bytes:
    """A message with MESSAGE-INTEGRITY under `key`, and FINGERPRINT."""
    body = b"".join(
        _ATTRIBUTE.pack(attribute, len(value)) + value + bytes(-len(value) & 3) for attribute, value in attributes
    )
    data = HEADER.pack(kind, len(body), MAGIC, transaction) + body
    digest = hmac.digest(key, _with_length(data, _INTEGRITY_SIZE), "sha1")
    data = _with_length(data, _INTEGRITY_SIZE) + _ATTRIBUTE.pack(MESSAGE_INTEGRITY, 20) + digest
    fingerprint = _fingerprint(data)
    return _with_length(data, _FINGERPRINT_SIZE) + _ATTRIBUTE.pack(FINGERPRINT, 4) + fingerprint


def error_code(code: int, reason: str) -> tuple[int, bytes]:
    """The ERROR-CODE attribute."""
    return ERROR_CODE, bytes((0, 0, code // 100, code % 100)) + reason.encode()


def _with_length(data: bytes, more: int) -> bytes:
    """The message so far, its length counting `more` octets that are to follow (14.5, 14.7)."""
    return data[:2] + (len(data) - HEADER_SIZE + more).to_bytes(2, "big") + data[4:]


def _fingerprint(data: bytes) -> bytes:
    return _WORD.pack(crc32(_with_length(data, _FINGERPRINT_SIZE)) ^ _FINGERPRINT_XOR)
