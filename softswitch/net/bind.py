"""Opens listening sockets, and explains a failure so that the reader knows what to do next."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
from pathlib import Path

from softswitch.errors import SoftswitchError
from softswitch.net.address import join_host_port

# Linux: IP_MTU_DISCOVER, IPV6_MTU_DISCOVER and IP_PMTUDISC_DONT, which Python does not name everywhere.
MTU_DISCOVER = 10
MTU_DISCOVER_V6 = 23
PMTUDISC_DONT = 0


class ListenError(SoftswitchError):
    """A listening socket could not be opened. The message says what is wrong; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def open_udp(host: str, port: int, *, receive_buffer: int) -> socket.socket:
    """A bound, non-blocking UDP socket. Raises ListenError."""
    sock = _socket(host, port, socket.SOCK_DGRAM)
    try:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, receive_buffer)  # The kernel caps it at net.core.[rw]mem_max.
        with contextlib.suppress(OSError):
            # A long request to a phone that cannot be dialled stays on UDP: whoever has to may cut it into fragments.
            level = (socket.IPPROTO_IPV6, MTU_DISCOVER_V6) if ":" in host else (socket.IPPROTO_IP, MTU_DISCOVER)
            sock.setsockopt(*level, PMTUDISC_DONT)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise explain(error, host, port, "udp") from None
    return sock


def open_tcp(host: str, port: int, *, backlog: int = 1024, key: str = "sip.listen") -> socket.socket:
    """A bound, listening, non-blocking TCP socket. Raises ListenError, which names the setting `key`."""
    sock = _socket(host, port, socket.SOCK_STREAM, key)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # A restart must not wait for TIME_WAIT.
        sock.bind((host, port))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise explain(error, host, port, "tcp", key) from None
    return sock


def _socket(host: str, port: int, kind: int, key: str = "sip.listen") -> socket.socket:
    v6 = ":" in host
    try:
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind | socket.SOCK_CLOEXEC)
    except OSError as error:
        raise explain(error, host, port, "udp" if kind == socket.SOCK_DGRAM else "tcp", key) from None
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setblocking(False)
    return sock


def explain(error: OSError, host: str, port: int, transport: str, key: str = "sip.listen") -> ListenError:
    """What the operating system's refusal means here, and what to do about it."""
    where = f"{join_host_port(host, port)} ({transport.upper()})"
    if error.errno == errno.EADDRINUSE:
        owner = port_owner(port, transport)
        return ListenError(
            f"{where} is already in use{f' by {owner}' if owner else ' by another program'}.",
            f"Stop that program, or choose another port in `{key}`. To see who has it: ss -lnp '( sport = :{port} )'",
        )
    if error.errno in (errno.EACCES, errno.EPERM) and port < 1024:
        return ListenError(
            f"{where}: ports below 1024 need a privilege that this user does not have.",
            f"Use a port from 1024 up (5060 is SIP's own) in `{key}`, or allow it: "
            f"sysctl net.ipv4.ip_unprivileged_port_start={port}",
        )
    if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT) or (
        ":" in host and error.errno == errno.EADDRNOTAVAIL and not has_ipv6()
    ):
        return ListenError(
            f"{where}: this machine has no IPv6.",
            f"Remove that address from `{key}` (use 0.0.0.0:{port} for every IPv4 address), or enable IPv6.",
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return ListenError(
            f"{where}: this machine has no address {host}.",
            f"Use one it has ({', '.join(own_addresses()) or '127.0.0.1'}), "
            f"or {'[::]' if ':' in host else '0.0.0.0'} for all of them, in `{key}`.",
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return ListenError(
            f"{where}: too many open files.", "Raise the limit: ulimit -n 65536 (systemd: LimitNOFILE=)."
        )
    return ListenError(f"{where} cannot be opened: {error.strerror or error}.", f"Check the address in `{key}`.")


def has_ipv6() -> bool:
    """True if an IPv6 socket can be bound to the loopback address."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def own_addresses() -> list[str]:
    """Addresses of this machine that a phone could use; first those that lead to the world."""
    found = [one for target in ("192.0.2.1", "2001:db8::1") if (one := own_address_to(target))]
    return list(dict.fromkeys((*found, *_interface_addresses(), "127.0.0.1")))


def own_address_to(peer: str) -> str:
    """Our address that leads to a peer, "" if there is no way: asks the routing table, no packet is sent."""
    kind = socket.AF_INET6 if ":" in peer else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return str(probe.getsockname()[0])
    return ""


def _interface_addresses() -> list[str]:
    """The IPv4 addresses of all interfaces, as the kernel's table of routes has them."""
    found: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path("/proc/net/fib_trie").read_text().splitlines()
        for line, after in itertools.pairwise(lines):
            if "/32 host LOCAL" in after and "|-- " in line:
                found.append(line.rpartition(" ")[2])
    return [one for one in dict.fromkeys(found) if not one.startswith("127.")]


def port_owner(port: int, transport: str) -> str:
    """`name (process 123)` of the program that holds a local port, as far as this user may see it; else ""."""
    for _ in range(3):  # The kernel's list may skip a line while other sockets come and go.
        if inodes := _sockets(port, transport):
            return _holder(inodes)
    return ""


def _sockets(port: int, transport: str) -> set[str]:
    inodes: set[str] = set()
    for table in (transport, transport + "6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                cells = line.split()
                listening = transport == "udp" or cells[3] == "0A"
                if listening and int(cells[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{cells[9]}]")
    return inodes


def _holder(inodes: set[str]) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) in inodes:
                        return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return ""
