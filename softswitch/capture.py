"""SIP messages for other programs: pcap files (Wireshark, sngrep), and HEP version 3 datagrams to a capture server (HOMER)."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from softswitch.effects import Flow
from softswitch.trace import Noted, call_id_of

RAW: Final = 101  # LINKTYPE_RAW: the packet begins with its IP header
PROTOCOLS: Final = {"udp": socket.IPPROTO_UDP}  # all others are TCP
HEP_SIP: Final = 1

Local = Callable[[Flow], tuple[str, int]]
"""Where we ourselves were on a flow: address and port."""

_Address = IPv4Address | IPv6Address


def _ends(noted: Noted, local: Local) -> tuple[tuple[_Address, int], tuple[_Address, int]]:
    peer = ip_address(noted.flow.host), noted.flow.port
    host, port = local(noted.flow)
    ours: tuple[_Address, int] = ip_address(host), port
    if ours[0].version != peer[0].version:
        ours = (IPv6Address(0) if peer[0].version == 6 else IPv4Address(0)), port
    return (peer, ours) if noted.incoming else (ours, peer)


def pcap(messages: Iterable[Noted], local: Local) -> bytes:
    """A pcap file. Every message is one UDP datagram in it, whatever carried it: what was encrypted can be read, too."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, RAW)]
    for noted in messages:
        packet = _packet(noted, local)
        seconds, micros = divmod(round(noted.at * 1e6), 1_000_000)
        parts += [struct.pack("<IIII", seconds, micros, len(packet), len(packet)), packet]
    return b"".join(parts)


def _packet(noted: Noted, local: Local) -> bytes:
    (source, source_port), (target, target_port) = _ends(noted, local)
    data = noted.data[: 65_535 - 48]
    length = 8 + len(data)
    if source.version == 6:
        header = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + source.packed + target.packed
        pseudo = source.packed + target.packed + struct.pack("!IHBB", length, 0, 0, socket.IPPROTO_UDP)
        datagram = struct.pack("!HHHH", source_port, target_port, length, 0) + data
        check = _checksum(pseudo + datagram) or 0xFFFF
    else:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0)
        header += source.packed + target.packed
        header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
        check = 0  # allowed over IPv4
    return header + struct.pack("!HHHH", source_port, target_port, length, check) + data


def _checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def hep(noted: Noted, local: Local, node: int) -> bytes:
    """One HEP version 3 datagram. `node`: the capture agent's id at the server."""
    (source, source_port), (target, target_port) = _ends(noted, local)
    seconds, micros = divmod(round(noted.at * 1e6), 1_000_000)
    v6 = source.version == 6
    chunks = [
        (1, struct.pack("!B", socket.AF_INET6 if v6 else socket.AF_INET)),
        (2, struct.pack("!B", PROTOCOLS.get(noted.flow.transport, socket.IPPROTO_TCP))),
        (5 if v6 else 3, source.packed),
        (6 if v6 else 4, target.packed),
        (7, struct.pack("!H", source_port)),
        (8, struct.pack("!H", target_port)),
        (9, struct.pack("!I", seconds)),
        (10, struct.pack("!I", micros)),
        (11, struct.pack("!B", HEP_SIP)),
        (12, struct.pack("!I", node)),
        (17, call_id_of(noted.data).encode()),
        (15, noted.data[:60_000]),
    ]
    body = b"".join(struct.pack("!HHH", 0, kind, 6 + len(value)) + value for kind, value in chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


class CaptureClient:
    """Sends every message to a capture server, and forgets it: a server that is not there costs nothing."""

    def __init__(self, server: tuple[str, int], node: int, local: Local) -> None:
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._server = server
        self._node = node
        self._local = local

    def __call__(self, noted: Noted) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._socket.sendto(hep(noted, self._local, self._node), self._server)

    def close(self) -> None:
        self._socket.close()
