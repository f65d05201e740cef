"""Addresses as text: strict literals, and `host:port` as people write it.

A name must never reach `sendto`: it would be resolved in the loop, and a port outside 1..65535 closes an asyncio transport.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache


@lru_cache(maxsize=65_536)
def family(host: str) -> int:
    """AF_INET or AF_INET6 of an address literal that may be sent to, 0 for anything else.

    Multicast and unspecified addresses are not somewhere a SIP response belongs (RFC 3261 section 18.1.1 forbids none,
    but no peer of ours has one), and `127.1` or `0x7f.1` are not literals.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return 0
    if address.is_multicast or address.is_unspecified or host == "255.255.255.255":
        return 0
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def sendable(host: str, port: int, wanted: int) -> bool:
    """True if `host:port` is a literal of the socket family `wanted` and a real port."""
    return 0 < port < 65_536 and family(host) == wanted


def split_host_port(text: str, default_port: int = 5060) -> tuple[str, int]:
    """`1.2.3.4:5060`, `[::1]:5060`, `::1`, `1.2.3.4` -> (host, port). Raises ValueError saying what is wrong."""
    host, port = text.strip(), str(default_port)
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not an address: expected [IPv6]:port")
        port = rest[1:] or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{text!r} is not an address: expected IP:port, for example 0.0.0.0:5060") from None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    return host, int(port)


def join_host_port(host: str, port: int) -> str:
    """The inverse of `split_host_port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
