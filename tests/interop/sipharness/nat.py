"""A small Internet of network namespaces: the switch in the open, homes behind routers that translate addresses (nftables).

    with Internet() as net:
        with net.switch: ...                # what is started, or opened, here lives at net.switch.address
        home = net.home(); other = net.home()
        phone, second = home.phone(), home.phone()
        with phone: ...                     # 192.168.1.2 behind home.address
        home.forget()                       # the router loses its table: from now on the phones have other ports outside

Each home uses the same private addresses. The routers do what cheap ones do: every flow gets a port at random, and only who was
sent to can answer. Nothing leads out. Needs root, `ip` and `nft`. A namespace belongs to a thread: whoever enters
one leaves it before the next await.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
import subprocess
from types import TracebackType
from typing import Self

from .core import PhoneError, need
from .wan import Namespace, run

_numbers = itertools.count()
_PUBLIC = "203.0.113."
_RULES = """
table ip nat {
  chain outside {
    type nat hook postrouting priority 100;
    oifname "out" masquerade fully-random;
  }
}
table ip filter {
  chain through {
    type filter hook forward priority 0; policy drop;
    iifname "in" accept;
    iifname "out" ct state established,related accept;
  }
}
"""


class Place(Namespace):
    """A namespace that can be joined to others by cables."""

    def bridge(self, name: str) -> None:
        """A switch of Ethernet in here."""
        run("ip", "-n", self.name, "link", "add", name, "type", "bridge", "forward_delay", 0)
        run("ip", "-n", self.name, "link", "set", name, "up")

    def plug(self, other: Namespace, bridge: str, device: str = "eth0", address: str = "") -> None:
        """Lay a cable from our `device` to a bridge in another namespace."""
        port = f"p{next(_numbers)}"
        run("ip", "link", "add", port, "netns", other.name, "type", "veth", "peer", "name", device, "netns", self.name)
        run("ip", "-n", other.name, "link", "set", port, "master", bridge, "up")
        run("ip", "-n", self.name, "address", "add", f"{address or self.address}/24", "dev", device)
        run("ip", "-n", self.name, "link", "set", device, "up")


class Home:
    """A router with one public address, and phones in 192.168.1.0/24 behind it."""

    def __init__(self, internet: Internet, number: int) -> None:
        self.address = f"{_PUBLIC}{10 + number}"
        self._internet = internet
        self.router = internet.place(f"router{number}", "192.168.1.1")
        name = self.router.name
        self.router.bridge("in")
        run("ip", "-n", name, "address", "add", "192.168.1.1/24", "dev", "in")
        self.router.plug(internet.middle, "bridge", "out", self.address)
        self.setting("net.ipv4.ip_forward", 1)
        run("ip", "netns", "exec", name, need("nft", "nftables"), "-f", "-", input=_RULES)
        self._phones = 0

    def phone(self) -> Place:
        """A namespace for one more phone."""
        self._phones += 1
        place = self._internet.place(f"{self.router.name[-8:]}-{self._phones}", f"192.168.1.{1 + self._phones}")
        place.plug(self.router, "in")
        run("ip", "-n", place.name, "route", "add", "default", "via", self.router.address)
        return place

    def setting(self, name: str, value: int) -> None:
        """A sysctl of the router."""
        with self.router, open(f"/proc/sys/{name.replace('.', '/')}", "w") as file:
            file.write(str(value))

    def remember(self, seconds: int) -> None:
        """How long the router keeps a UDP flow open that is quiet."""
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            self.setting(f"net.netfilter.{name}", seconds)

    def forget(self) -> None:
        """Lose every flow, as a router does that is switched off and on: ctnetlink's delete, without a filter."""
        delete, request_and_acknowledge = (1 << 8) | 2, 5
        with self.router, socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
            header = struct.pack("=IHHII", 20, delete, request_and_acknowledge, 1, 0)
            netlink.send(header + struct.pack("=BBH", socket.AF_UNSPEC, 0, 0))
            (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
        if error:
            raise PhoneError(f"the router does not forget: {os.strerror(-error)}")


class Internet:
    """`switch` and `stranger` have public addresses."""

    def __init__(self) -> None:
        self._name = f"softswitch-{os.getpid()}-{next(_numbers)}"
        self._places: list[Namespace] = []
        self._homes = itertools.count(1)

    def __enter__(self) -> Self:
        try:
            self.middle = self.place("middle", "")
            self.middle.bridge("bridge")
            self.switch = self.place("switch", f"{_PUBLIC}1")
            self.stranger = self.place("stranger", f"{_PUBLIC}66")
            for place in (self.switch, self.stranger):
                place.plug(self.middle, "bridge")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for place in self._places:
            subprocess.run(["ip", "netns", "delete", place.name], capture_output=True, check=False)

    def place(self, name: str, address: str) -> Place:
        place = Place(f"{self._name}-{name}", address)
        self._places.append(place)
        return place

    def home(self) -> Home:
        """One more home behind a router."""
        return Home(self, next(self._homes))
