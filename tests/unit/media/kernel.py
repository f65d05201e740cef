"""The relay inside the kernel as tests see it: frames for it to judge, and a world whose packets it gets first.

Programs are run by BPF_PROG_TEST_RUN: the real program in the real kernel, on frames of ours, attached to nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path
from struct import pack, unpack

import numpy as np

from media import rtp
from media.control import Open
from media.latch import Address
from media.relay.bpf import SharedArray, test_run
from media.relay.offload import Offload
from media.relay.program import TC_ACT_REDIRECT, TCX_NEXT
from media.rtp import CLOCK_RATE, Packet
from media.transport import Transport
from tests.unit.media.twins import MemoryNetwork, World

BASE_PORT = 20_000
OURS = {4: "198.51.100.1", 6: "2001:db8:1::1"}
LOOPBACK = 1
ETHERNET = {4: 0x0800, 6: 0x86DD}


def _interface() -> tuple[int, bytes]:
    """An interface other than the loopback one, with its link address; the loopback one if there is no other."""
    for index, name in socket.if_nameindex():
        address = Path(f"/sys/class/net/{name}/address").read_text().strip()
        if index != LOOPBACK and len(address) == 17:
            return index, bytes.fromhex(address.replace(":", ""))
    return LOOPBACK, bytes(6)


INTERFACE, LINK_ADDRESS = _interface()


def fresh_ttl(before: int = 57) -> int:
    """What the program makes of the hops that a packet has left, when it comes from `INTERFACE`."""
    return 64 if INTERFACE != LOOPBACK else before - 1


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclass
class Frame:
    """An Ethernet frame with one UDP packet in it, field by field."""

    source: Address
    target: Address
    payload: bytes
    ttl: int = 57
    tos: int = 0
    fragment: int = 0
    options: bytes = b""
    protocol: int = 17
    udp_checksum: int | None = None  # None: the right one
    trailer: bytes = b""
    link_address: bytes = LINK_ADDRESS
    checksums_good: bool = field(default=True, compare=False)

    @property
    def version(self) -> int:
        return ipaddress.ip_address(self.source[0]).version

    def __bytes__(self) -> bytes:
        family = socket.AF_INET if self.version == 4 else socket.AF_INET6
        source, target = (socket.inet_pton(family, address[0]) for address in (self.source, self.target))
        length = 8 + len(self.payload)
        udp = pack("!HHHH", self.source[1], self.target[1], length, 0) + self.payload
        if self.udp_checksum is None:
            check = checksum(source + target + pack("!II", length, self.protocol) + udp) or 0xFFFF
        else:
            check = self.udp_checksum
        udp = udp[:6] + pack("!H", check) + udp[8:]
        if self.version == 4:
            words = 5 + len(self.options) // 4
            head = pack("!BBHHHBBH4s4s", 0x40 | words, self.tos, 4 * words + length, 7, self.fragment, self.ttl,
                        self.protocol, 0, source, target) + self.options  # fmt: skip
            head = head[:10] + pack("!H", checksum(head)) + head[12:]
        else:
            head = pack(
                "!IHBB16s16s", 6 << 28 | self.tos << 20 | 0x12345, length, self.protocol, self.ttl, source, target
            )
        return self.link_address + bytes(6) + pack("!H", ETHERNET[self.version]) + head + udp + self.trailer


def dissect(data: bytes) -> Frame:
    """The frame that these octets are. Its checksums are compared with what they should be."""
    (kind,) = unpack("!H", data[12:14])
    if kind == ETHERNET[4]:
        _, tos, length, _, fragment, ttl, protocol, _, *raw = unpack("!BBHHHBBH4s4s", data[14:34])
        family, udp, good = socket.AF_INET, data[34 : 14 + length], checksum(data[14:34]) == 0
    else:
        first, length, protocol, ttl, *raw = unpack("!IHBB16s16s", data[14:54])
        tos, fragment, family, udp, good = first >> 20 & 0xFF, 0, socket.AF_INET6, data[54 : 54 + length], True
        assert first & 0xFFFFF == 0, "the flow label of one side is none of the other's business"
    source_port, target_port, size, check = unpack("!HHHH", udp[:8])
    assert size == len(udp)
    if check:
        good = good and checksum(b"".join(raw) + pack("!II", size, protocol) + udp) == 0
    source, target = (socket.inet_ntop(family, each) for each in raw)
    return Frame((source, source_port), (target, target_port), udp[8:], ttl, tos, fragment, b"", protocol, check,
                 checksums_good=good)  # fmt: skip


@dataclass
class WatchedNetwork(MemoryNetwork):
    """Tells the offload where legs are aimed at."""

    offload: Offload | None = None

    def ours(self, leg: int, there: str) -> Address:
        return OURS[6 if ":" in there else 4], BASE_PORT + 2 * leg

    def aim(self, leg: int, rtp: Address, rtcp: Address, *, keep: bool) -> None:
        super().aim(leg, rtp, rtcp, keep=keep)
        if self.offload is not None:
            self.offload.settle(leg, self.ours(leg, rtp[0]), rtp)

    def listen(self, leg: int, host: str, rtp: Address | None) -> None:
        super().listen(leg, host, rtp)
        if self.offload is not None:
            self.offload.unsettle(leg)

    def quiet(self, leg: int) -> None:
        super().quiet(leg)
        if self.offload is not None:
            self.offload.unsettle(leg)

    def guard(self, leg: int, transport: Transport | None) -> None:
        super().guard(leg, transport)
        if self.offload is not None:
            self.offload.guard(leg, transport is not None and transport.wraps)


@dataclass
class Heard:
    """Ears that keep what they are told, by leg."""

    packets: list[tuple[int, int, int, bytes]] = field(default_factory=list)

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        self.packets.append((leg, packet, timestamp, bytes(payload)))

    def hear_batch(
        self, legs: np.ndarray, packets: np.ndarray, timestamps: np.ndarray, octets: np.ndarray, sizes: np.ndarray, clock: int
    ) -> None:  # fmt: skip
        assert len(set(legs.tolist())) == len(legs), "at most one packet of each leg"
        for row in range(len(legs)):
            payload = bytes(octets[row, rtp.HEADER_SIZE : sizes[row]])
            self.packets.append((int(legs[row]), int(packets[row]), int(timestamps[row]), payload))


def unattended(world: World) -> None:
    """Whom the survey listens to now and then would be heard beside those whom a test listens to."""
    world.engine.attention.look = lambda leg: None  # type: ignore[method-assign]


class KernelWorld(World):
    """A world in which the program sees every packet first; what it lets pass goes to the session."""

    network: WatchedNetwork

    def __init__(self, legs: int) -> None:
        network = WatchedNetwork(legs)
        super().__init__(legs, network=network)
        self._time = SharedArray((1,), np.uint64, "time")
        self.offload = network.offload = Offload(self.engine.legs, BASE_PORT, clock=self._time.descriptor)
        self.offload.listen = self.read_tap
        self.ears = Heard()
        self.engine.session.ears = self.ears
        unattended(self)

    def close(self) -> None:
        self.offload.close()
        self._time.close()

    def read_tap(self) -> None:
        self.offload.tap.read(self.ears, int(self.now * CLOCK_RATE))

    def frame(self, leg: int, data: bytes, **values: object) -> Frame:
        there = self.network.aimed[leg][0]
        return Frame(there, self.network.ours(leg, there[0]), data, **values)  # type: ignore[arg-type]

    def run(self, frame: Frame | bytes, interface: int = INTERFACE) -> tuple[int, bytes]:
        """Let the program see a frame. Packets to be redirected count as sent."""
        self._time.rows[0] = int(self.now * CLOCK_RATE) * (1_000_000_000 // CLOCK_RATE)
        result, after = test_run(self.offload.program, bytes(frame), interface)
        assert result in (TCX_NEXT, TC_ACT_REDIRECT)
        return result, after

    def lend(self) -> int:
        """Lend what can be lent, without waiting. Returns how many legs are lent then."""
        self.offload.lend(self.now + 100, lambda source, target: 1, lambda leg: 0)
        self.offload.now = self.now
        return self.engine.legs.lending

    def arrive(self, leg: int, packet: Packet | bytes) -> bytes:
        if leg not in self.network.aimed:
            return super().arrive(leg, packet)
        before = self.frame(leg, bytes(packet))
        result, after = self.run(before)
        if result == TCX_NEXT:
            assert after == bytes(before), "what is not for the program is not to be touched"
            out = super().arrive(leg, packet)
        else:
            frame = dissect(after)
            listener = self.engine.legs.route[leg]
            there = self.network.aimed[listener][0]
            assert (frame.source, frame.target) == (self.network.ours(listener, there[0]), there)
            assert (frame.ttl, frame.tos, frame.protocol) == (fresh_ttl(), 0xB8, 17) and frame.checksums_good
            out = frame.payload
            self.network.sent.append((listener, out))
        self.lend()
        return out


def open_of(leg: int, version: int, **values: object) -> Open:
    """An ordinary leg."""
    host = f"192.0.2.{leg + 1}" if version == 4 else f"2001:db8::{leg + 1:x}"
    return Open(leg, host, 4000 + leg, "PCMU", 0, 101, ssrc=1000 + leg, **values)  # type: ignore[arg-type]
