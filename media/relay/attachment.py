"""Where the relay's program hangs: at the ingress of every interface by which packets for the media addresses can come.

A TCX link (Linux 6.6) is a file descriptor: when the process ends, however it ends, the kernel takes the program away. On
older kernels it is a filter of traffic control, which would outlive a process that is killed; so its name says whose it is,
its owner holds a socket of that name, and whoever comes next removes the filters of owners that are gone.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
from collections.abc import Iterable

from media.relay.bpf import BpfError, attach_tcx
from media.relay.netlink import ETHERNET, LOOPBACK, Filter, Interface, Netlink

_PREFIX = "softswitch-media"
_MADE_CLSACT = "clsact"  # the last part of a filter's name: the discipline that it hangs on is one of ours, too


class Attachment:
    """Keeps a program attached. `classic`: by filters even where there is TCX."""

    def __init__(self, program: int, hosts: Iterable[str], *, classic: bool = False) -> None:
        self._program = program
        self._hosts = [ipaddress.ip_address(host) for host in hosts]
        self._netlink = Netlink()
        self._links: dict[int, int] = {}  # interface, descriptor
        self._filters: dict[int, str] = {}  # interface, name
        self._owner: socket.socket | None = None
        self.classic = classic
        try:
            self._remove_orphans()
            self.refresh()
        except BaseException:
            self.close()
            raise

    @property
    def interfaces(self) -> set[int]:
        """Where the program is attached."""
        return self._links.keys() | self._filters.keys()

    def refresh(self) -> set[int]:
        """Attach to interfaces that have come, forget those that are gone. Returns where packets may leave by redirection."""
        known = self._netlink.interfaces()
        there = {each.index for each in known}
        for index in self._links.keys() - there:
            os.close(self._links.pop(index))
        for index in self._filters.keys() - there:
            del self._filters[index]
        for each in wanted(known, self._hosts):
            if each.index not in self.interfaces:
                self._attach(each.index)
        return {each.index for each in known if _usable(each)}

    def _attach(self, interface: int) -> None:
        try:
            if not self.classic:
                self._links[interface] = attach_tcx(self._program, interface)
                return
        except BpfError as error:
            if error.errno == errno.ENODEV:
                return  # It is gone since we looked.
            if error.errno != errno.EINVAL or self._links:
                raise
            self.classic = True  # A kernel before 6.6.
        self._attach_classic(interface)

    def _attach_classic(self, interface: int) -> None:
        if self._owner is None:
            self._owner = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._owner.bind(f"\0{_PREFIX}:{os.getpid()}:{id(self):x}")
        name = bytes(self._owner.getsockname())[1:].decode()
        made = self._netlink.add_clsact(interface)
        if not made:  # The last of us that leaves takes with it what the first one made.
            names = [each.name for each in self._netlink.filters(interface)]
            made = any(each.startswith(f"{_PREFIX}:") and each.endswith(f":{_MADE_CLSACT}") for each in names)
        name = f"{name}:{_MADE_CLSACT if made else ''}"
        self._netlink.add_filter(interface, self._program, name)
        self._filters[interface] = name

    def close(self) -> None:
        """Leave nothing behind."""
        for descriptor in self._links.values():
            os.close(descriptor)
        self._links.clear()
        for interface, name in self._filters.items():
            for each in self._netlink.filters(interface):
                if each.name == name:
                    self._remove(each)
        self._filters.clear()
        self._netlink.close()
        if self._owner is not None:
            self._owner.close()

    def _remove(self, which: Filter) -> None:
        self._netlink.remove_filter(which)
        if which.name.endswith(f":{_MADE_CLSACT}") and not self._netlink.filtered(which.interface):
            self._netlink.remove_clsact(which.interface)

    def _remove_orphans(self) -> None:
        """Filters of ours whose process is gone would relay for calls that nobody knows any more."""
        for interface in self._netlink.interfaces():
            for each in self._netlink.filters(interface.index):
                if each.name.startswith(f"{_PREFIX}:") and not _alive(each.name):
                    self._remove(each)


def _alive(name: str) -> bool:
    """Whether the owner of a filter is there. Its socket is known throughout the network namespace, as its filter is."""
    owner = name.rpartition(":")[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind(f"\0{owner}")
        return False
    return True


def wanted(
    interfaces: Iterable[Interface], hosts: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address]
) -> list[Interface]:
    """The interfaces that packets for these addresses can come by.

    A host may answer for an address on whatever interface asks for it, and some keep theirs on the loopback interface:
    such an address, the unspecified one, and one that no interface has, can be reached by any.
    """
    usable = [each for each in interfaces if _usable(each)]
    chosen = {each.index for each in usable if each.kind == LOOPBACK}
    for host in hosts:
        owners = {each.index for each in usable if str(host) in each.addresses and each.kind != LOOPBACK}
        if not host.is_loopback:
            chosen |= owners or {each.index for each in usable}
    return [each for each in usable if each.index in chosen]


def _usable(interface: Interface) -> bool:
    """A part of a bridge or bond hands its packets on to that, which is where they are for us."""
    return interface.up and not interface.master and interface.kind in (ETHERNET, LOOPBACK)
