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
    """Where to listen: "udp://0.0.0.0:5060", "tls://[::1]:5061". The host is an address literal.

    With " as 203.0.113.7:5080" behind it: what peers elsewhere must use to reach it; "" and 0 = as for all listeners.
    """

    transport: str
    host: str
    port: int
    advertised_host: str = ""
    advertised_port: int = 0

    def __str__(self) -> str:
        text = f"{self.transport}://{join(self.host, self.port)}"
        if self.advertised_host:
            host, port = self.advertised_host, self.advertised_port
            text += f" as {join(host, port) if port else host}"
        return text


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
    text, _, advertised = text.partition(" as ")
    transport, scheme, rest = text.rpartition("://")
    if scheme and transport not in TRANSPORTS:
        raise Expected(f"udp://, tcp://, tls://, ws:// or wss:// before the address in {text!r}")
    host, port = split_host_port(rest)
    outside = _advertised(advertised) if advertised else ("", 0)
    return tuple(ListenAddress(one, host, port, *outside) for one in ((transport,) if scheme else PLAIN))


def _advertised(text: str) -> tuple[str, int]:
    """ "203.0.113.7", "203.0.113.7:5080", "pbx.example.com:5080"; port 0 = not given. Raises ValueError."""
    text = text.strip()
    if is_address(text) or is_domain(text):
        return text, 0
    host, _, port = text.rpartition(":")
    if is_domain(host) and 0 < whole(port) <= 65535:
        return host, int(port)
    return split_host_port(text)


def is_domain(text: str) -> bool:
    """A host name by RFC 3261 section 25.1: labels of letters, digits and hyphens."""
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(
        0 < len(one) <= 63 and one.isascii() and one.replace("-", "a").isalnum() and one[0] != "-" != one[-1]
        for one in labels
    )
