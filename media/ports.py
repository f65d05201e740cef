"""The port pool of a worker: every socket that it will ever need, bound at the start.

A leg is a pair of UDP ports, RTP on the even one and RTCP on the next (RFC 3550 section 11), once per address family. Binding
all of them at once costs about 7 us a socket and some 2 KiB of kernel memory, and it finds a port that somebody else holds
before the first call does. A leg of which somebody else holds a port is left out, unless it is one of many: on a machine
that does other things, too, one port of ten thousand is always in use. A socket that no call uses keeps nearly no packets,
so that a flood over the whole range cannot eat the kernel's memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import os
import resource
import socket
import time
from collections.abc import Sequence

RCVBUF_OPEN = 65_536  # octets: more than a second of one call
RCVBUF_CLOSED = 1  # the kernel's least, about two packets
EXPEDITED_FORWARDING = 0xB8  # DSCP 46, what networks give voice
SPARE_FILES = 64  # for everything that is not a port
FIRST_PORT = 1024
TOLERATED = 10  # of so many legs one may be in other hands
PATIENCE = 0.3  # seconds until a port counts as taken: the worker before us may not be quite gone

_UNCONNECT = b"\0" * 28  # a sockaddr of AF_UNSPEC


class PortError(Exception):
    """The ports cannot be had; the text says which, why, and what to do about it."""


class PortPool:
    """`legs` pairs of ports from `base_port` on, on each of `hosts` (one address per family)."""

    def __init__(self, hosts: Sequence[str], base_port: int, legs: int) -> None:
        self.base_port = base_port
        self.legs = legs
        self.taken: set[int] = set()  # legs that cannot be used
        self._sockets: dict[int, tuple[list[socket.socket], list[socket.socket]]] = {}
        self.hosts = families = _families(hosts)
        _check(base_port, legs)
        _raise_file_limit(2 * legs * len(families), legs, spare=legs * len(families))
        try:
            for family, host in families.items():
                self._sockets[family] = ([], [])
                self._bind(family, host)
        except BaseException:
            self.close()
            raise

    def _bind(self, family: int, host: str) -> None:
        refusals = {}
        for leg in range(self.legs):
            for kind in (0, 1):
                try:
                    opened = _open(family, host, self._port(leg, kind))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise PortError(_explain(error, host, self._port(leg, kind), kind)) from None
                    refusals[leg, kind] = error
                    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
                self._sockets[family][kind].append(opened)
        deadline = time.monotonic() + PATIENCE
        while refusals and time.monotonic() < deadline:
            time.sleep(PATIENCE / 10)  # Nothing tells that another process has let go of a port; no loop runs yet.
            for leg, kind in list(refusals):
                with contextlib.suppress(OSError):
                    _configure(self._sockets[family][kind][leg], family, host, self._port(leg, kind))
                    del refusals[leg, kind]
        self.taken |= {leg for leg, _ in refusals}
        if refusals and len(self.taken) > self.legs // TOLERATED:
            (leg, kind), refusal = next(iter(refusals.items()))
            raise PortError(_explain(refusal, host, self._port(leg, kind), kind))

    def _port(self, leg: int, kind: int) -> int:
        return self.base_port + 2 * leg + kind

    def rtp(self, leg: int, family: int) -> socket.socket:
        """The leg's RTP socket of a family. OSError if the pool has none of that family."""
        return self._family(family)[0][leg]

    def rtcp(self, leg: int, family: int) -> socket.socket:
        return self._family(family)[1][leg]

    def all_rtp(self, leg: int) -> list[socket.socket]:
        """The leg's RTP socket of each family."""
        return [kinds[0][leg] for kinds in self._sockets.values()]

    def door(self, leg: int, family: int) -> socket.socket:
        """A second socket on the leg's RTP port. While the first one is connected, this one gets what all the others send.

        OSError if it cannot be had. Whoever asks for it closes it.
        """
        first = self.rtp(leg, family)
        second = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            # Sharing a port is permitted for this moment only: afterwards nobody else can bind it.
            for each in (first, second):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _configure(second, family, self.hosts[family], self._port(leg, 0))
        except BaseException:
            second.close()
            raise
        finally:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        return second

    @property
    def files(self) -> int:
        """Descriptors are below this: those of all sockets, and of as many doors as there can be."""
        return self.highest_file + 1 + SPARE_FILES + self.legs * len(self._sockets)

    def _family(self, family: int) -> tuple[list[socket.socket], list[socket.socket]]:
        try:
            return self._sockets[family]
        except KeyError:
            name = "IPv6" if family == socket.AF_INET6 else "IPv4"
            raise OSError(errno.EAFNOSUPPORT, f"media has no {name} address; add one to its hosts") from None

    @property
    def families(self) -> list[int]:
        """Address families of the pool."""
        return list(self._sockets)

    def rtp_files(self, family: int) -> list[int]:
        """File descriptors of the RTP sockets of a family, by leg."""
        return [each.fileno() for each in self._family(family)[0]]

    @property
    def highest_file(self) -> int:
        """The highest file descriptor of all sockets."""
        return max(each.fileno() for kinds in self._sockets.values() for sockets in kinds for each in sockets)

    def close(self) -> None:
        for kinds in self._sockets.values():
            for sockets in kinds:
                for each in sockets:
                    each.close()
        self._sockets.clear()


def family_of(host: str) -> int:
    """The address family of a literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _families(hosts: Sequence[str]) -> dict[int, str]:
    families: dict[int, str] = {}
    for host in hosts:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise PortError(
                f"media host {host!r} is not an address; names are not looked up, give the address"
            ) from None
        family = family_of(host)
        if family in families:
            raise PortError(
                f"media hosts {families[family]} and {host} are of the same family: give one address per family, "
                "or 0.0.0.0 (::) for all of them"
            )
        families[family] = host
    if not families:
        raise PortError("media has no host to listen on: give at least one address, such as 0.0.0.0")
    return families


def _check(base_port: int, legs: int) -> None:
    if base_port % 2:
        raise PortError(f"the first RTP port is {base_port}; it must be even (RTCP takes the next one)")
    if legs < 1:
        raise PortError("media has no legs: the range of RTP ports must hold at least one pair")
    if base_port < FIRST_PORT or base_port + 2 * legs > 65536:
        last = base_port + 2 * legs - 1
        raise PortError(f"the RTP ports {base_port} to {last} do not lie within {FIRST_PORT} to 65535")


def _raise_file_limit(sockets: int, legs: int, spare: int = 0) -> None:
    """Permit as many open files as are needed; `spare` ones more if that can be had."""
    if spare:
        with contextlib.suppress(PortError):
            _raise_file_limit(sockets + spare, legs)
            return
    needed = sockets + SPARE_FILES + len(os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    for limits in ((needed, hard), (needed, needed)):  # Raising the hard limit is for the privileged.
        if limits[0] <= limits[1] or limits[1] == resource.RLIM_INFINITY:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            except (OSError, ValueError):
                continue
            return
    fit = max(0, (hard - SPARE_FILES) * legs // max(sockets, 1))
    raise PortError(
        f"{legs} legs need {needed} open files, the limit is {hard}: raise it (LimitNOFILE= in systemd, ulimit -Hn in a "
        f"shell), or configure at most {fit} legs"
    )


def _open(family: int, host: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        _configure(opened, family, host, port)
    except BaseException:
        opened.close()
        raise
    return opened


def _configure(opened: socket.socket, family: int, host: str, port: int) -> None:
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
    else:
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF_CLOSED)
    opened.bind((host, port))


def _explain(error: OSError, host: str, port: int, kind: int) -> str:
    what = f"{'RTCP' if kind else 'RTP'} port {port} on {host}: {error.strerror} (errno {error.errno})"
    advice = {
        errno.EADDRINUSE: f"another program holds it; find it with `ss -lunp 'sport = :{port}'`, or choose another range",
        errno.EADDRNOTAVAIL: "this machine does not have that address; give one that it has, or 0.0.0.0",
        errno.EAFNOSUPPORT: "this machine has no IPv6; take the IPv6 address out of the media hosts",
        errno.EACCES: "not permitted; choose a range above 1023",
        errno.EMFILE: "too many open files; raise the limit or configure fewer legs",
        errno.ENOBUFS: "the system has no memory for more sockets; configure fewer legs",
    }
    return f"{what}: {advice.get(error.errno or 0, 'choose another range or address')}"


# --- what the socket module cannot do ---------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def unconnect(connected: socket.socket) -> None:
    """Receive from anywhere again (connect(2): an address of family AF_UNSPEC dissolves the association).

    Without this a later connect() would keep the local address that the first one chose.
    """
    _libc.connect(connected.fileno(), _UNCONNECT, len(_UNCONNECT))


def drain(opened: socket.socket, most: int = 1024) -> None:
    """Throw away what waits in a socket."""
    for _ in range(most):
        try:
            opened.recv(1)
        except BlockingIOError:
            return
        except OSError:
            continue  # An ICMP error that was waiting; the next one is a packet, or nothing.
