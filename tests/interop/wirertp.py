"""RTP as the test phone needs it: speaks G.711 every 20 ms, notes every packet with the kernel's time of arrival."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from .sipharness import audio
from .sipharness.core import LOOPBACK, free_port
from .sipharness.tap import Packet, Stream

FRAME = 160  # samples in 20 ms
_SO_TIMESTAMPNS = 35  # Linux: struct timespec of the arrival, as ancillary data
_KEYS = "0123456789*#ABCD"

Address = tuple[str, int]


def stamped_socket(host: str, port: int = 0) -> socket.socket:
    """A non-blocking UDP socket that tells when the kernel received each datagram."""
    stamped = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stamped.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    stamped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    stamped.setblocking(False)
    stamped.bind((host, port))
    return stamped


def receive_stamped(stamped: socket.socket) -> tuple[bytes, float, Address]:
    """(datagram, seconds of the wall clock at its arrival, source). Raises OSError like recvmsg."""
    data, ancillary, _, source = stamped.recvmsg(65_535, 64)
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack_from("qq", value)
            return data, seconds + nanoseconds / 1e9, source
    return data, time.time(), source


class Metronome:
    """One 20 ms beat for all speaking phones of a loop: forty timers would cost more than forty packets."""

    def __init__(self) -> None:
        self._beats: set[Callable[[], None]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, beat: Callable[[], None]) -> None:
        self._beats.add(beat)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def remove(self, beat: Callable[[], None]) -> None:
        self._beats.discard(beat)

    async def _run(self) -> None:
        due = time.monotonic()
        while self._beats:
            for beat in tuple(self._beats):
                beat()
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class Media:
    """The audio of one call. Speaks `voice` over and over to `remote` while `speaking`."""

    def __init__(
        self,
        voice: audio.Signal,
        metronome: Metronome,
        host: str = LOOPBACK,
        network: AbstractContextManager[object] | None = None,
    ) -> None:
        with network or nullcontext():
            self.port = free_port(2, host)
            self.socket = stamped_socket(host, self.port)
        self.voice = voice
        self.payload_type = 8
        self.event_type = -1
        self.remote: Address | None = None
        self.foreign = 0  # packets that did not come from where the far end said
        self.received = Stream(("", 0), (host, self.port), 0)
        self.sent = 0
        self._metronome = metronome
        self.frames: list[bytes] = []  # what it speaks, coded
        self._position = 0
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._speaking = False
        self._awaited = 0
        self._heard_enough = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.socket, self._readable)

    def close(self) -> None:
        self.speak(False)
        if self.socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.socket)
            self.socket.close()

    def negotiated(self, remote: Address, payload_type: int, event_type: int) -> None:
        self.remote, self.payload_type, self.event_type = remote, payload_type, event_type
        coded = audio.encode_g711(self.voice, payload_type)
        self.frames = [coded[start : start + FRAME] for start in range(0, len(coded) - FRAME + 1, FRAME)]

    def speak(self, on: bool) -> None:
        if on and self.frames:
            self._metronome.add(self._beat)
        else:
            self._metronome.remove(self._beat)
        self._speaking = on

    def _send(self, payload_type: int, payload: bytes, *, marker: bool = False) -> None:
        if self.remote is not None:
            kind = payload_type | (0x80 if marker else 0)
            head = struct.pack("!BBHII", 0x80, kind, self._sequence & 0xFFFF, self._timestamp & 0xFFFFFFFF, self._ssrc)
            self.socket.sendto(head + payload, self.remote)
            self._sequence += 1
            self.sent += 1

    def _beat(self) -> None:
        frame = self.frames[self._position % len(self.frames)]
        self._send(self.payload_type, frame, marker=self._position == 0)
        self._position += 1
        self._timestamp += FRAME

    async def press(self, digit: str) -> None:
        """An RFC 4733 event of 100 ms in place of the voice: five packets and the end, three times."""
        if self.event_type < 0:
            raise ValueError("telephone-event was not negotiated")
        speaking = self._speaking
        self.speak(False)
        event = _KEYS.index(digit)
        for step in range(1, 6):
            self._send(self.event_type, struct.pack("!BBH", event, 10, step * FRAME), marker=step == 1)
            await asyncio.sleep(0.02)
        for _ in range(3):
            self._send(self.event_type, struct.pack("!BBH", event, 0x80 | 10, 5 * FRAME))
        self._timestamp += 5 * FRAME
        self.speak(speaking)

    def _readable(self) -> None:
        while True:
            try:
                data, at, source = receive_stamped(self.socket)
            except OSError:  # nothing left, or an ICMP error of a packet of ours
                return
            if len(data) < 12 or data[0] >> 6 != 2:
                continue
            if self.remote is not None and source != self.remote:
                self.foreign += 1
                continue
            sequence, timestamp, _ = struct.unpack_from("!HII", data, 2)
            packet = Packet(at, sequence, timestamp, data[1] & 127, data[1] >= 128, data[12:])
            self.received.packets.append(packet)
            if len(self.received.packets) >= self._awaited:
                self._heard_enough.set()

    # --- verdicts

    def heard(self, since: float = 0.0) -> audio.Signal:
        """What was heard from a moment of the wall clock on."""
        packets = self.received.packets
        return self.received.heard(max(since, packets[0].at)) if packets else self.received.heard(since)

    def digits(self) -> str:
        return self.received.digits(self.event_type)

    async def hears(self, count: int, timeout: float = 5.0) -> None:
        """Wait for `count` more packets. Raises TimeoutError."""
        self._awaited = len(self.received.packets) + count
        self._heard_enough.clear()
        async with asyncio.timeout(timeout):
            await self._heard_enough.wait()
