"""What was really on the wire: an observer of RTP on the loopback interface.

Independent of any client, so it judges the switch's RTP by itself: payload types, pacing, loss, continuity of sequence
number, timestamp and SSRC, RFC 4733 events. It decodes G.711 onto the clock of arrival, so that a gap has its real length.

Seeing other programs' packets takes CAP_NET_RAW. Without it (an ordinary user), the observer runs as a process of its
own through `sudo -n`; `tests/run` asks for the password beforehand.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from . import audio
from .core import PhoneError

_EVENT_KEYS = "0123456789*#ABCD"
_ETH_P_IP = 0x0800
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33  # Linux
_HEADER = struct.Struct("!dI4sH4sH")  # time of arrival, length; source and destination of the datagram that follows

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet. `at`: seconds of the wall clock."""

    at: float
    sequence: int
    timestamp: int
    payload_type: int
    marker: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Health:
    """The continuity of one stream."""

    packets: int
    lost: int
    disordered: int
    duplicates: int
    jumps: int  # packets whose timestamp did not go on by what the sequence number says
    rate: float  # packets per second
    longest_gap: float  # seconds


@dataclass(slots=True)
class Stream:
    """Packets of one SSRC from one address to another."""

    source: Address
    destination: Address
    ssrc: int
    packets: list[Packet] = field(default_factory=list)

    def audio_packets(self) -> list[Packet]:
        return [packet for packet in self.packets if packet.payload_type in audio.G711]

    def health(self) -> Health:
        """Needs at least two packets one after the other. Telephone-events count for loss, not for pace."""
        at = np.array([packet.at for packet in self.packets])
        spoken = np.array([packet.payload_type in audio.G711 for packet in self.packets])
        steps = np.diff([packet.sequence for packet in self.packets])
        steps = (steps + 0x8000) % 0x10000 - 0x8000
        ticks = np.diff([packet.timestamp for packet in self.packets])
        ticks = (ticks + 0x80000000) % 0x100000000 - 0x80000000
        adjacent = spoken[1:] & spoken[:-1]
        usual = int(np.median(ticks[adjacent]))
        return Health(
            packets=len(self.packets),
            lost=int((steps[steps > 1] - 1).sum()),
            disordered=int((steps < 0).sum()),
            duplicates=int((steps == 0).sum()),
            jumps=int(np.count_nonzero(adjacent & (ticks != usual * np.maximum(steps, 1)))),
            rate=float((len(at) - 1) / (at[-1] - at[0])),
            longest_gap=float(np.diff(at).max()),
        )

    def digits(self, payload_type: int = 101) -> str:
        """RFC 4733 digits: one per timestamp of an event, however often it was repeated."""
        events = {packet.timestamp: packet.payload[0] for packet in self.packets if packet.payload_type == payload_type}
        return "".join(_EVENT_KEYS[event] for event in events.values() if event < len(_EVENT_KEYS))

    def heard(self, start: float, rate: int = 8000) -> audio.Signal:
        """The audio on the clock of arrival from `start` on, silence where nothing came."""
        packets = [packet for packet in self.audio_packets() if packet.at >= start]
        if not packets:
            return np.zeros(0)
        line = np.zeros(int((packets[-1].at - start + 1.0) * rate))
        place, end, timestamp = 0, 0, None
        for packet in packets:
            arrival = int((packet.at - start) * rate)
            if timestamp is not None:
                place += (packet.timestamp - timestamp + 0x80000000) % 0x100000000 - 0x80000000
            timestamp = packet.timestamp
            if abs(place - arrival) > rate // 10:  # a break, or the first: begin anew
                place = arrival
            samples = audio.G711[packet.payload_type][np.frombuffer(packet.payload, np.uint8)]
            begin, end = max(0, place), min(max(0, place + len(samples)), len(line))
            if end > begin:
                line[begin:end] = samples[begin - place : end - place]
        return line[:end]


class RtpTap:
    """`with RtpTap(ports) as tap: ...`: the RTP that arrives at those ports of the loopback addresses."""

    def __init__(self, ports: Iterable[int]) -> None:
        self.ports = frozenset(ports)
        self.streams: dict[tuple[Address, Address, int], Stream] = {}
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        try:
            self._socket = packet_socket(self.ports)
            reader: Any = self._read_socket
        except PermissionError:
            self._process = self._observer()
            reader = self._read_process
        thread = threading.Thread(target=reader, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # the observer ends with its standard input
            self._process.wait(5)
        stopped, self._socket = self._socket, None
        for thread in self._threads:
            thread.join(2)
        if stopped is not None:
            stopped.close()

    def _observer(self) -> subprocess.Popen[bytes]:
        command = ["sudo", "-n", sys.executable, "-m", __name__, ",".join(map(str, sorted(self.ports)))]
        root = Path(__file__).parents[__name__.count(".")]
        process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if process.stdout is None or process.stdout.read(1) != b"!":
            raise PhoneError("observing packets takes CAP_NET_RAW: run tests/run, or the tests as root")
        return process

    def _read_socket(self) -> None:
        while (observed := self._socket) is not None:
            try:
                raw = observed.recv(4096)
            except TimeoutError:
                continue
            self._packet(*udp_datagram(raw))

    def _read_process(self) -> None:
        pipe = self._process.stdout if self._process is not None else None
        while pipe is not None and len(head := pipe.read(_HEADER.size)) == _HEADER.size:
            at, length, source, source_port, destination, destination_port = _HEADER.unpack(head)
            addresses = (socket.inet_ntoa(source), source_port), (socket.inet_ntoa(destination), destination_port)
            self._packet(at, *addresses, pipe.read(length))

    def _packet(self, at: float, source: Address, destination: Address, data: bytes) -> None:
        if len(data) < 12 or data[0] >> 6 != 2 or 200 <= data[1] <= 211:  # not RTP, or RTCP
            return
        sequence, timestamp, ssrc = struct.unpack_from("!HII", data, 2)
        offset = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10 and len(data) >= offset + 4:
            offset += 4 + 4 * struct.unpack_from("!H", data, offset + 2)[0]
        end = len(data) - (data[-1] if data[0] & 0x20 else 0)
        key = source, destination, ssrc
        stream = self.streams.setdefault(key, Stream(*key))
        stream.packets.append(Packet(at, sequence, timestamp, data[1] & 127, data[1] >= 128, data[offset:end]))

    def to(self, ports: Iterable[int]) -> list[Stream]:
        """Streams towards some ports, in order of appearance."""
        wanted = frozenset(ports)
        return [stream for stream in self.streams.copy().values() if stream.destination[1] in wanted]

    def heard_by(self, ports: Iterable[int], since: float) -> audio.Signal:
        """All G.711 that arrived at those ports, on one clock that starts at `since` (seconds of the wall clock)."""
        parts = [part for stream in self.to(ports) if len(part := stream.heard(since))]
        mixed = np.zeros(max(map(len, parts), default=0))
        for part in parts:
            mixed[: len(part)] += part
        return mixed


def packet_socket(ports: frozenset[int]) -> socket.socket:
    """A socket that sees what goes to those UDP ports on the loopback interface. Raises PermissionError."""
    observed = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # protocol 0: nothing before the filter is in place
    program = udp_filter(ports)
    buffer = ctypes.create_string_buffer(program)
    attached = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
    observed.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attached)
    observed.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
    observed.bind(("lo", _ETH_P_IP))
    observed.settimeout(0.2)
    return observed


def udp_filter(ports: frozenset[int]) -> bytes:
    """A classic BPF program: received UDP over IPv4 to one of the ports. Whatever else is on the wire costs nothing."""
    ranges: list[list[int]] = []
    for port in sorted(ports):
        if ranges and port == ranges[-1][1] + 1:
            ranges[-1][1] = port
        else:
            ranges.append([port, port])

    # (code, jump if true, jump if false, operand); the jumps to `drop` and `accept` are filled in below.
    load_byte, load_word, load_length = 0x30, 0x20, 0xB1
    load_indirect, if_equal, if_at_least, if_above, leave = 0x48, 0x15, 0x35, 0x25, 0x06
    drop, accept, following = -1, -2, 0
    program = [
        (load_word, 0, 0, 0xFFFFF004),  # the packet's type
        (if_equal, drop, following, socket.PACKET_OUTGOING),  # loopback shows everything twice
        (load_byte, 0, 0, 23),  # the protocol
        (if_equal, following, drop, socket.IPPROTO_UDP),
        (load_length, 0, 0, 14),  # X = length of the IP header
        (load_indirect, 0, 0, 16),  # the destination port
    ]
    for low, high in ranges:
        program += [(if_at_least, following, 1, low), (if_above, following, accept, high)]
    end = len(program)
    program += [(leave, 0, 0, 0), (leave, 0, 0, 0xFFFF)]

    def jump(index: int, target: int) -> int:
        return {drop: end - index - 1, accept: end - index}.get(target, target)

    if end > 255:
        raise ValueError(f"{len(ranges)} ranges of ports are too many")
    return b"".join(
        struct.pack("HBBI", code, jump(index, true), jump(index, false), operand)
        for index, (code, true, false, operand) in enumerate(program)
    )


def udp_datagram(raw: bytes) -> tuple[float, Address, Address, bytes]:
    """(time of arrival, source, destination, data) of an Ethernet frame that passed the filter."""
    transport = 14 + (raw[14] & 15) * 4
    source_port, destination_port, length = struct.unpack_from("!HHH", raw, transport)
    source = socket.inet_ntoa(raw[26:30]), source_port
    destination = socket.inet_ntoa(raw[30:34]), destination_port
    return time.time(), source, destination, raw[transport + 8 : transport + length]


def observe(ports: frozenset[int]) -> None:
    """The observer process: writes every datagram to standard output until standard input closes."""
    observed = packet_socket(ports)
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
    output = sys.stdout.buffer
    output.write(b"!")
    output.flush()
    while True:
        try:
            raw = observed.recv(4096)
        except TimeoutError:
            continue
        at, (source, source_port), (destination, destination_port), data = udp_datagram(raw)
        hosts = socket.inet_aton(source), source_port, socket.inet_aton(destination), destination_port
        output.write(_HEADER.pack(at, len(data), *hosts) + data)
        output.flush()


if __name__ == "__main__":
    observe(frozenset(map(int, sys.argv[1].split(","))))
