"""What the relay in the kernel must know of the network, asked of the kernel by rtnetlink (RFC 3549): interfaces and their
addresses, by which interface a packet leaves, whether IPsec has a say; and classic filters, for kernels without TCX.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct

_HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = Struct("=HH")
_LINK = Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS = Struct("=BBBBI")  # family, prefix, flags, scope, index
_ROUTE = Struct("=8BI")  # family, bits of target, of source, tos, table, protocol, scope, type, flags
_TRAFFIC = Struct("=BxxxiIII")  # family, index, handle, parent, info
_ERROR = Struct("=i")

_REQUEST, _ACKNOWLEDGE, _DUMP, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
_ERROR_MESSAGE, _DONE = 2, 3
_NEW_LINK, _GET_LINK, _NEW_ADDRESS, _GET_ADDRESS, _NEW_ROUTE, _GET_ROUTE = 16, 18, 20, 22, 24, 26
_NEW_QDISC, _DELETE_QDISC = 36, 37
_NEW_FILTER, _DELETE_FILTER, _GET_FILTER = 44, 45, 46
_NESTED = 0x8000
_BUFFER = 1 << 16
_NETLINK_XFRM = 6
_XFRM_GET_SPD_INFO, _XFRM_SPD_COUNTERS = 0x25, 1

IFF_UP = 1
ETHERNET, LOOPBACK = 1, 772  # kinds of interface whose packets begin with an Ethernet header
_IFLA_ADDRESS_NAME, _IFLA_MASTER = 3, 10
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_IP_PROTO, _RTA_SPORT, _RTA_DPORT = 1, 2, 4, 27, 28, 29
_UNICAST, _LOCAL = 1, 2  # types of route

_INGRESS = 0xFFFFFFF2
_CLSACT_PARENT, _CLSACT_HANDLE = 0xFFFFFFF1, 0xFFFF0000
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_BPF_FD, _TCA_BPF_NAME, _TCA_BPF_FLAGS = 6, 7, 8
_DIRECT_ACTION = 1
_ALL_PROTOCOLS = 0x0300  # ETH_P_ALL, network order

GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000  # links; addresses, routes and rules of both families
_XFRM_POLICY_GROUP = 0x8


@dataclass(slots=True)
class Interface:
    """One network interface. `kind`: its ARPHRD number; `master`: index of the bridge or bond that it is part of, or 0."""

    index: int
    name: str
    kind: int
    up: bool
    master: int = 0
    addresses: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Filter:
    """A classic BPF filter at the ingress of an interface."""

    interface: int
    priority: int
    handle: int
    name: str


class Netlink:
    """One conversation with the kernel. OSError where it refuses."""

    def __init__(self, protocol: int = socket.NETLINK_ROUTE, groups: int = 0) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.bind((0, groups))
        self._sequence = 0

    def close(self) -> None:
        self.socket.close()

    def fileno(self) -> int:
        return self.socket.fileno()

    def news(self) -> bool:
        """Whether anything has happened since the last call. Never waits; for a socket with groups."""
        found = False
        while True:
            try:
                found = bool(self.socket.recv(_BUFFER, socket.MSG_DONTWAIT)) or found
            except BlockingIOError:
                return found
            except OSError:
                found = True  # So much has happened that the kernel did not keep it.

    # --- what there is -----------------------------------------------------------------------------------------------

    def interfaces(self) -> list[Interface]:
        """All interfaces with their addresses."""
        found: dict[int, Interface] = {}
        for kind, body in self._ask(_GET_LINK, _DUMP, _LINK.pack(0, 0, 0, 0, 0)):
            if kind == _NEW_LINK:
                _, hardware, index, flags, _ = _LINK.unpack_from(body)
                parts = _attributes(body[_LINK.size :])
                name = parts.get(_IFLA_ADDRESS_NAME, b"").rstrip(b"\0").decode("utf-8", "replace")
                master = int.from_bytes(parts.get(_IFLA_MASTER, b""), "little")
                found[index] = Interface(index, name, hardware, bool(flags & IFF_UP), master)
        for kind, body in self._ask(_GET_ADDRESS, _DUMP, _ADDRESS.pack(0, 0, 0, 0, 0)):
            if kind == _NEW_ADDRESS:
                family, _, _, _, index = _ADDRESS.unpack_from(body)
                parts = _attributes(body[_ADDRESS.size :])
                raw = parts.get(_IFA_LOCAL) or parts.get(_IFA_ADDRESS)
                if raw and index in found and family in (socket.AF_INET, socket.AF_INET6):
                    found[index].addresses.add(socket.inet_ntop(family, raw))
        return list(found.values())

    def leaves_by(self, source: tuple[str, int], target: tuple[str, int]) -> int:
        """The index of the interface by which a UDP packet leaves; 0 if it would not."""
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        bits = 128 if family == socket.AF_INET6 else 32
        request = _ROUTE.pack(family, bits, bits, 0, 0, 0, 0, 0, 0)
        request += _attribute(_RTA_DST, socket.inet_pton(family, target[0]))
        request += _attribute(_RTA_SRC, socket.inet_pton(family, source[0]))
        request += _attribute(_RTA_IP_PROTO, bytes((socket.IPPROTO_UDP,)))
        request += _attribute(_RTA_SPORT, source[1].to_bytes(2, "big")) + _attribute(
            _RTA_DPORT, target[1].to_bytes(2, "big")
        )
        for kind, body in self._ask(_GET_ROUTE, 0, request):
            if kind == _NEW_ROUTE and _ROUTE.unpack_from(body)[7] in (_UNICAST, _LOCAL):
                return int.from_bytes(_attributes(body[_ROUTE.size :]).get(_RTA_OIF, b""), "little")
        return 0

    # --- classic filters ---------------------------------------------------------------------------------------------

    def add_clsact(self, interface: int) -> bool:
        """Give an interface the queueing discipline that filters hang on. False if it has it already."""
        body = _TRAFFIC.pack(0, interface, _CLSACT_HANDLE, _CLSACT_PARENT, 0) + _attribute(_TCA_KIND, b"clsact\0")
        try:
            self._command(_NEW_QDISC, _CREATE | _EXCLUSIVE, body)
        except FileExistsError:
            return False
        return True

    def remove_clsact(self, interface: int) -> None:
        """Take it away, with all filters."""
        body = _TRAFFIC.pack(0, interface, _CLSACT_HANDLE, _CLSACT_PARENT, 0)
        with contextlib.suppress(OSError):  # It is gone already.
            self._command(_DELETE_QDISC, 0, body)

    def add_filter(self, interface: int, program: int, name: str) -> None:
        """Let a program see what arrives on an interface, until the filter is removed."""
        options = _attribute(_TCA_BPF_FD, program.to_bytes(4, "little")) + _attribute(
            _TCA_BPF_NAME, name.encode() + b"\0"
        )
        options += _attribute(_TCA_BPF_FLAGS, _DIRECT_ACTION.to_bytes(4, "little"))
        body = _TRAFFIC.pack(0, interface, 0, _INGRESS, _ALL_PROTOCOLS)
        body += _attribute(_TCA_KIND, b"bpf\0") + _attribute(_TCA_OPTIONS | _NESTED, options)
        self._command(_NEW_FILTER, _CREATE | _EXCLUSIVE, body)

    def filters(self, interface: int, parent: int = _INGRESS) -> list[Filter]:
        """All filters at the ingress of an interface; those that are not BPF have no name."""
        found = []
        with contextlib.suppress(OSError):  # No clsact there.
            for kind, body in self._ask(_GET_FILTER, _DUMP, _TRAFFIC.pack(0, interface, 0, parent, 0)):
                if kind != _NEW_FILTER:
                    continue
                _, index, handle, _, info = _TRAFFIC.unpack_from(body)
                parts = _attributes(body[_TRAFFIC.size :])
                options = _attributes(parts.get(_TCA_OPTIONS, b"")) if parts.get(_TCA_KIND) == b"bpf\0" else {}
                name = options.get(_TCA_BPF_NAME, b"").rstrip(b"\0").decode("utf-8", "replace")
                if handle and index == interface:
                    found.append(Filter(index, info >> 16, handle, name))
        return found

    def remove_filter(self, which: Filter) -> None:
        body = _TRAFFIC.pack(0, which.interface, which.handle, _INGRESS, which.priority << 16 | _ALL_PROTOCOLS)
        with contextlib.suppress(OSError):  # It is gone already.
            self._command(_DELETE_FILTER, 0, body + _attribute(_TCA_KIND, b"bpf\0"))

    def filtered(self, interface: int) -> bool:
        """Whether any filter hangs on the interface, in either direction."""
        return bool(self.filters(interface) or self.filters(interface, _INGRESS + 1))

    # --- messages ----------------------------------------------------------------------------------------------------

    def _command(self, kind: int, flags: int, body: bytes) -> None:
        for _ in self._ask(kind, flags | _ACKNOWLEDGE, body):
            pass

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Send a request, and yield the kernel's messages until it has said everything."""
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, flags | _REQUEST, self._sequence, 0)
        self.socket.send(header + body)
        several = flags & (_DUMP | _ACKNOWLEDGE)
        while True:
            data = self.socket.recv(_BUFFER)
            at = 0
            while at + _HEADER.size <= len(data):
                length, answer, _, sequence, _ = _HEADER.unpack_from(data, at)
                content = data[at + _HEADER.size : at + length]
                at += max(length + 3 & ~3, _HEADER.size)
                if sequence != self._sequence:
                    continue  # The end of an earlier answer that nobody waited for.
                if answer == _DONE:
                    return
                if answer == _ERROR_MESSAGE:
                    (error,) = _ERROR.unpack_from(content)
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return
                yield answer, content
                if not several:
                    return


def has_policies() -> bool:
    """Whether IPsec policies apply to what this machine sends: the shortest way to the network would go around them."""
    try:
        talk = Netlink(_NETLINK_XFRM)
    except OSError:
        return False  # A kernel without IPsec.
    try:
        for _, body in talk._ask(_XFRM_GET_SPD_INFO, 0, bytes(4)):
            counters = _attributes(body[4:]).get(_XFRM_SPD_COUNTERS, b"")
            return len(counters) >= 8 and int.from_bytes(counters[4:8], "little") > 0
    except OSError:
        pass
    finally:
        talk.close()
    return False


def policy_news() -> list[Netlink]:
    """What tells of changes of these policies; nothing on a kernel without IPsec."""
    try:
        return [Netlink(_NETLINK_XFRM, _XFRM_POLICY_GROUP)]
    except OSError:
        return []


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + b"\0" * (-len(value) % 4)


def _attributes(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[at + _ATTRIBUTE.size : at + length]
        at += length + 3 & ~3
    return found
