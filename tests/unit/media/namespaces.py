"""A switch and two phones, each in a network namespace of its own, joined by cables (veth): real interfaces, real routes.

    with Network() as network:
        with network.switch: ...     # what is started here lives in the switch's namespace
        network.phone("alice", 4) ...

Needs root and the program `ip`; nothing leads out of the namespaces.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import os
import socket
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
_SET_TX_CHECKSUM = 0x17
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def why_not() -> str:
    """Why there are no namespaces here; "" if there are."""
    try:
        Namespace("probe").delete()
    except (OSError, RuntimeError) as error:
        return f"network namespaces are not to be had: {error}"
    return ""


def ip(*words: str) -> None:
    ended = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {ended.stderr.strip()}")


class Namespace:
    """A network namespace that threads enter by `with`."""

    def __init__(self, name: str) -> None:
        self.name = f"softswitch-{os.getpid()}-{next(_numbers)}-{name}"
        self._back: list[int] = []
        ip("netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> None:
        ip("-n", self.name, *words)

    def __enter__(self) -> Self:
        self._back.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        descriptor = os.open(Path("/run/netns") / self.name, os.O_RDONLY)
        _set(descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _set(self._back.pop())

    def finish_checksums(self, interface: str, wanted: bool) -> None:
        """Whether the kernel leaves the checksums of what it sends there to the network card, which a cable does not have."""
        with self, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            value = ctypes.create_string_buffer(struct.pack("=II", _SET_TX_CHECKSUM, not wanted))
            fcntl.ioctl(any_socket, _SIOCETHTOOL, struct.pack("16sQ8x", interface.encode(), ctypes.addressof(value)))

    def delete(self) -> None:
        ip("netns", "delete", self.name)


def _set(descriptor: int) -> None:
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


class Network:
    """`switch` has the interfaces `to-alice` and `to-bob`; the phones have `cable`."""

    ADDRESSES: ClassVar = {"alice": {4: "10.77.1.2", 6: "fd77:1::2"}, "bob": {4: "10.77.2.2", 6: "fd77:2::2"}}
    SWITCH: ClassVar = {"alice": {4: "10.77.1.1", 6: "fd77:1::1"}, "bob": {4: "10.77.2.1", 6: "fd77:2::1"}}

    def __enter__(self) -> Self:
        self.switch = Namespace("switch")
        self.phones = {name: Namespace(name) for name in self.ADDRESSES}
        for name, phone in self.phones.items():
            near = f"to-{name}"
            ip(
                "link",
                "add",
                near,
                "netns",
                self.switch.name,
                "type",
                "veth",
                "peer",
                "name",
                "cable",
                "netns",
                phone.name,
            )
            for where, interface, addresses in (
                (self.switch, near, self.SWITCH[name]),
                (phone, "cable", self.ADDRESSES[name]),
            ):
                where.ip("address", "add", f"{addresses[4]}/24", "dev", interface)
                where.ip("address", "add", f"{addresses[6]}/64", "dev", interface, "nodad")
                where.ip("link", "set", interface, "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for namespace in (self.switch, *self.phones.values()):
            namespace.delete()
