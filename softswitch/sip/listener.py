"""Where we listen and what we call ourselves there; which addresses a message may be sent to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from softswitch.effects import Flow
from softswitch.sip.grammar import BLANKS
from softswitch.sip.message import Message
from softswitch.sip.uri import uri_host_port

DEFAULT_PORT: Final = 5060
DEFAULT_TLS_PORT: Final = 5061
SECURE: Final = frozenset({"tls", "wss"})
WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})
_octet = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_is_ipv4 = re.compile(rf"{_octet}(?:\.{_octet}){{3}}").fullmatch


@dataclass(slots=True, frozen=True)
class Listener:
    """One bound address. `advertised_*` is what peers elsewhere must use to reach it; "" and 0 mean the bound one.

    Peers in the `local` networks ("192.168.0.0/16") are on our side of the router: they use our own address. Where a listener is
    bound to all addresses, `own` tells which one leads to a peer, and `addresses` are those there are.
    """

    transport: str  # "udp" | "tcp" | "tls" | "ws" | "wss"
    host: str
    port: int
    advertised_host: str = ""
    advertised_port: int = 0
    local: tuple[str, ...] = ()
    own: Callable[[str], str] | None = None
    addresses: tuple[str, ...] = ()


def default_port(transport: str) -> int:
    """The port a sent-by or URI without one means (RFC 3261 section 18.2.2)."""
    return DEFAULT_TLS_PORT if transport in SECURE else DEFAULT_PORT


@lru_cache(maxsize=4096)
def literal(host: str) -> str:
    """An address literal in canonical form and without brackets, "" if `host` is anything else. Never resolves a name.

    Only four plain decimal octets are an IPv4 address: `127.1` and `0x7f.1` are names, and so refused. An IPv4-mapped IPv6
    address is the IPv4 address.
    """
    if _is_ipv4(host):
        return host
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    if ":" not in host or "%" in host or len(host) > 45:
        return ""
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return ""
    return str(address.ipv4_mapped or address)


@lru_cache(maxsize=4096)
def valid_destination(host: str, port: int) -> bool:
    """Whether a message may be sent there: an address literal that is one host's, port 1..65535."""
    if not 1 <= port <= 65_535 or not literal(host):
        return False
    address = ipaddress.ip_address(literal(host))
    return not (address.is_multicast or address.is_unspecified or str(address) == "255.255.255.255")


@lru_cache(maxsize=4096)
def is_loopback(host: str) -> bool:
    """Whether an address literal is this machine itself."""
    address = literal(host)
    return address.startswith("127.") or address == "::1"


@lru_cache(maxsize=256)
def _networks(local: tuple[str, ...]) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in local)


@lru_cache(maxsize=16_384)
def is_local(host: str, local: tuple[str, ...]) -> bool:
    """Whether an address literal is in one of these networks."""
    address = ipaddress.ip_address(host)
    return any(address.version == network.version and address in network for network in _networks(local))


def _place(listener: Listener, peer: str) -> tuple[str, int]:
    host, everywhere = listener.host, listener.host in WILDCARDS
    if is_loopback(peer) and (everywhere or is_loopback(host)):
        return (("::1" if ":" in peer else "127.0.0.1") if everywhere else host), listener.port
    if listener.advertised_host and not is_local(peer, listener.local):
        return listener.advertised_host, listener.advertised_port or listener.port
    if everywhere:
        host = listener.own(peer) if listener.own is not None else listener.advertised_host or host
    return host, listener.port


@lru_cache(maxsize=16_384)
def _sent_by(listener: Listener, peer: str) -> str:
    host, port = _place(listener, peer)
    return f"[{host}]:{port}" if ":" in host and host[0] != "[" else f"{host}:{port}"


def sent_by(listener: Listener, flow: Flow) -> str:
    """Our "host:port" as the peer of `flow` must write it: loopback for a loopback peer, our own address for one in a local
    network, else the advertised one."""
    return _sent_by(listener, flow.host)


_TRANSPORT: Final = {
    "udp": "", "tcp": ";transport=tcp", "tls": ";transport=tls", "ws": ";transport=ws", "wss": ";transport=ws",
}  # fmt: skip


def contact(listener: Listener, flow: Flow, user: str = "", *, secure: bool = False) -> str:
    """Our Contact value for the peer of `flow`: a URI that leads back to this listener. `user` is already escaped.

    `secure`: a sips URI, in dialogs that were begun by one (RFC 3261 section 12.1.1); "transport=tls" says nothing more then.
    """
    at = f"{user}@" if user else ""
    if secure and listener.transport in SECURE:
        return f"<sips:{at}{sent_by(listener, flow)}{_TRANSPORT[listener.transport].removesuffix(';transport=tls')}>"
    return f"<sip:{at}{sent_by(listener, flow)}{_TRANSPORT[listener.transport]}>"


_port = re.compile(r"(?:\[[0-9A-Fa-f:.]*+\]|[^ :\[]*+) *+(?:: *+([0-9]{1,5}))?+ *+").fullmatch


def reply_flow(message: Message) -> Flow:
    """Where the responses to a request go (RFC 3261 section 18.2.2, RFC 3581 section 4).

    Streams: back on the connection. UDP: to the source address, and there to the source port if the client asked for it by
    `rport`, else to the port of its sent-by. Never anywhere else: `maddr` and host names in a Via would let a stranger
    aim our answers at a third party.
    """
    flow = message.flow
    if flow.transport != "udp":
        return flow
    via = message.headers["via"][0]
    if ";rport" in via:
        return flow
    head, _, parameters = via.partition(";")
    if "rport" in parameters.lower():
        return flow
    # "SIP/2.0/UDP host:port", with blanks wherever the grammar allows them.
    sent = head.rpartition("/")[2].replace("\t", " ").lstrip(BLANKS).partition(" ")[2].lstrip(BLANKS)
    match = _port(sent)
    port = int(match[1]) if match and match[1] else DEFAULT_PORT if match else 0
    if port == flow.port or not 1 <= port <= 65_535:
        return flow
    return flow._replace(port=port)


def peer_flow(uri: str, flow: Flow) -> Flow:
    """Where to send a request for `uri`, a Contact or Record-Route URI given by the peer of `flow`.

    A stream peer is always reached over its connection: it may not listen anywhere, and NATs let nothing else in. A UDP peer
    is reached at its source address: the URI may name a private address behind a NAT, or a host we must not attack. Only the
    port is taken from the URI, and only if its host is the very address the peer sends from.
    """
    if flow.transport != "udp":
        return flow
    host, port = uri_host_port(uri)
    port = port or DEFAULT_PORT
    if port == flow.port or literal(host) != flow.host or not valid_destination(flow.host, port):
        return flow
    return flow._replace(port=port)
