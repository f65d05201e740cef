"""A bad network between two network namespaces: what one sends is lost, delayed and put out of order on its way to the other.

Each side has one interface, a TUN device; a process of its own carries packets from one to the other. The kernel's netem would do
the same, but not every kernel has it. Nothing leads out of either namespace.

    with Wan(loss=0.03, jitter=0.04) as wan:
        with wan.near: ...    # what is started, or opened, here lives at wan.near.address
        with wan.far: ...

Needs CAP_NET_ADMIN and CAP_SYS_ADMIN, as root has them. A namespace belongs to a thread: whoever enters one must not wait for
other threads there, and leaves it before the next await.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from .core import PhoneError

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 1, 0x1000
_DEVICE = "wan"
_NAMESPACES = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def run(*command: object, input: str = "") -> None:
    """Run a program to its end. Raises PhoneError with its last words."""
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, input=input)
    if ended.returncode:
        raise PhoneError(f"{' '.join(map(str, command))}: {ended.stderr.strip()}")


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """A network namespace with loopback, and one address at the end of the bad line."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self._back: list[int] = []
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")

    def configure(self, other: str) -> None:
        """The device is there: give it the address, and the way to the other side."""
        run("ip", "-n", self.name, "address", "add", f"{self.address}/32", "peer", other, "dev", _DEVICE)
        run("ip", "-n", self.name, "link", "set", _DEVICE, "up", "mtu", "1500")

    def __enter__(self) -> Self:
        self._back.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        descriptor = os.open(_NAMESPACES / self.name, os.O_RDONLY)
        try:
            _enter(descriptor)
        finally:
            os.close(descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        descriptor = self._back.pop()
        _enter(descriptor)
        os.close(descriptor)

    def delete(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


class Wan:
    """`loss`: share of packets that never arrive. `delay`: seconds that all take; `jitter`: up to so many more, at random.

    Packets may overtake each other. The same `seed` loses the same packets.
    """

    def __init__(self, *, loss: float = 0.0, delay: float = 0.0, jitter: float = 0.0, seed: int = 1) -> None:
        name = f"softswitch-{os.getpid()}-{next(_numbers)}"
        self._line = [str(each) for each in (loss, delay, jitter, seed)]
        self._process: subprocess.Popen[bytes] | None = None
        self.near = Namespace(f"{name}-near", "10.66.0.1")
        self.far = Namespace(f"{name}-far", "10.66.0.2")

    def __enter__(self) -> Self:
        try:
            command = [sys.executable, "-m", __name__, self.near.name, self.far.name, *self._line]
            root = Path(__file__).parents[__name__.count(".")]
            self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if self._process.stdout is None or self._process.stdout.read(1) != b"!":
                raise PhoneError("the line between the namespaces could not be made: it takes root, and /dev/net/tun")
            self.near.configure(self.far.address)
            self.far.configure(self.near.address)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()  # the line ends with its standard input
            self._process.wait(5)
            if self._process.stdout is not None:
                self._process.stdout.close()
        self.near.delete()
        self.far.delete()


# --- the process that is the line -------------------------------------------------------------------------------------


def _device(namespace: str) -> int:
    descriptor = os.open(_NAMESPACES / namespace, os.O_RDONLY)
    _enter(descriptor)
    os.close(descriptor)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", _DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def carry(near: str, far: str, loss: float, delay: float, jitter: float, seed: int) -> None:
    """Until standard input closes."""
    chance = random.Random(seed)
    devices = [_device(near), _device(far)]
    other = {devices[0]: devices[1], devices[1]: devices[0]}
    waiting: list[tuple[float, int, int, bytes]] = []
    order = itertools.count()
    sys.stdout.buffer.write(b"!")
    sys.stdout.buffer.flush()
    while True:
        timeout = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([*devices, sys.stdin], [], [], timeout)
        if sys.stdin in ready:
            return
        for device in ready:
            packet = os.read(device, 65_536)
            if chance.random() >= loss:
                due = time.monotonic() + delay + jitter * chance.random()
                heapq.heappush(waiting, (due, next(order), other[device], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, device, packet = heapq.heappop(waiting)
            try:
                os.write(device, packet)
            except OSError:
                continue  # its interface is not up yet


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("near", "far"):
        parser.add_argument(name)
    for name in ("loss", "delay", "jitter"):
        parser.add_argument(name, type=float)
    parser.add_argument("seed", type=int)
    carry(**vars(parser.parse_args()))
