"""Host and port as people write them in settings: listeners, literals, domains."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from softswitch.decode import Expected, whole

TRANSPORTS: Final = ("udp", "tcp", "tls", "ws", "wss")
PLAIN: Final = ("udp", "tcp")  # what an address without a scheme means


@dataclass(slots=True, frozen=True)
class ListenAddress:
    """Where to listen: "udp://0.0.0.0:5060", "tls://[::1]:5061". The host is an address literal."""

    transport: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}://{join(self.host, self.port)}"


def join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_address(host: str) -> bool:
    """Is it an IPv4 or IPv6 literal? Strictly: "127.1" and "0x7f.1" are not."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def is_loopback(host: str) -> bool:
    """Does the address literal mean this machine only?"""
    from ipaddress import ip_address

    return is_address(host) and ip_address(host).is_loopback


def split_host_port(text: str) -> tuple[str, int]:
    """ "192.0.2.1:5060" or "[2001:db8::1]:5060". Raises ValueError."""
    head, colon, tail = text.rpartition(":")
    if not colon or not (0 < whole(tail) <= 65535):
        raise ValueError(text)
    host = head[1:-1] if head.startswith("[") and head.endswith("]") else head
    if (":" in host) != head.startswith("[") or not is_address(host):
        raise ValueError(text)
    return host, int(tail)


def listen_addresses(text: str) -> tuple[ListenAddress, ...]:
    """One entry of `listen`; without a scheme it means UDP and TCP. Raises ValueError."""
    transport, scheme, rest = text.rpartition("://")
    if scheme and transport not in TRANSPORTS:
        raise Expected(f"udp://, tcp://, tls://, ws:// or wss:// before the address in {text!r}")
    host, port = split_host_port(rest)
    return tuple(ListenAddress(one, host, port) for one in ((transport,) if scheme else PLAIN))


def is_domain(text: str) -> bool:
    """A host name by RFC 3261 section 25.1: labels of letters, digits and hyphens."""
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(
        0 < len(one) <= 63 and one.isascii() and one.replace("-", "a").isalnum() and one[0] != "-" != one[-1]
        for one in labels
    )
