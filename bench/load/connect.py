"""Zero-delay connect: from the agent's 200 OK until both hear each other, while many callers hear announcements (FEATURES B-6).

One agent takes the callers one after the other. All of them are in the middle of an announcement most of the time: place, wait
and comfort with hardly a pause, and again whenever their place becomes better, which is the very moment at which somebody is
connected. Times are the kernel's: from the 200 OK, just before it is sent, to the first packet of the other's voice. Voices
come in packets of 20 ms, as from phones, so that half of a packet's length is in every figure.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench import progress
from bench.lab import Lab
from bench.load.station import SO_TIMESTAMPNS, Dialog, Station, Wire, pump

PTIME = 0.02
RING = 0.3  # seconds until the agent answers
TALK = 0.4
PAYLOAD_TYPE = 8
CALLER, AGENT = b"\x11" * 160, b"\x22" * 160  # whose voice it is
_FROM = re.compile(r"sip:([^@>;]+)@")
GOAL = 0.040

ANNOUNCE = """
[queue.{queue}.announce]
position = "both"
wait = true
every = 1
gap = 1
limit = 0
comfort = ["still-waiting", "thank-you-for-waiting"]
comfort_after = 1
comfort_every = 5
"""


class Line:
    """An RTP socket that speaks in packets of 20 ms and notes when it hears a voice for the first time."""

    def __init__(self, voice: bytes, other: bytes) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self.voice, self.other = voice, other
        self.heard = 0.0  # when the other's voice was heard first
        self.packets = 0
        self._to: tuple[str, int] | None = None
        self._at = 0.0
        self._sent = 0
        self._ssrc = random.getrandbits(32)
        self._wall = time.time() - time.monotonic()

    def speak(self, to: tuple[str, int] | None) -> None:
        """From now on, to this address; None: no more. The first packet goes at a moment of its own."""
        self._to, self._ssrc = to, random.getrandbits(32)
        self._at = time.monotonic() + random.uniform(0.0, PTIME)

    def listen(self) -> None:
        """The voice of the other is heard for the first time from now on."""
        self.receive()
        self.heard = 0.0

    def next_timer(self) -> float | None:
        return self._at if self._to is not None else None

    def run_timers(self, now: float) -> None:
        while self._to is not None and self._at <= now:
            self._sent += 1
            head = struct.pack(
                "!BBHII", 0x80, PAYLOAD_TYPE, self._sent & 0xFFFF, self._sent * 160 & 0xFFFFFFFF, self._ssrc
            )
            self.socket.sendto(head + self.voice, self._to)
            self._at += PTIME

    def receive(self) -> None:
        """Take what has come, all of it."""
        while True:
            try:
                data, control, _, _ = self.socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self.packets += 1
            if not self.heard and data[12:20] == self.other[:8]:
                seconds, nanoseconds = struct.unpack("=qq", control[0][2])
                self.heard = seconds + nanoseconds / 1e9 - self._wall

    def close(self) -> None:
        self.socket.close()


@dataclass(slots=True)
class Measured:
    """One connect, in seconds after the 200 OK."""

    agent_hears: float
    caller_hears: float

    @property
    def both(self) -> float:
        return max(self.agent_hears, self.caller_hears)


@dataclass
class Hotline:
    """Callers without end and one agent."""

    lab: Lab
    callers: int
    found: list[Measured] = field(default_factory=list)
    missed: int = 0

    def __post_init__(self) -> None:
        server = ("127.0.0.1", self.lab.port)
        self.ear, self.desk = Line(CALLER, AGENT), Line(AGENT, CALLER)
        self.phones = Station(server, self.lab.domain, rtp_port=self.ear.port, types="8")
        self.agent = Station(server, self.lab.domain, rtp_port=self.desk.port, types="8")
        self.accounts = [(one["user"], one["password"]) for one in self.lab.info["accounts"][: self.callers]]
        self.queue = self.lab.info["extensions"]["queue"]
        self.calls: dict[str, Dialog] = {}
        self.media: dict[str, tuple[str, int]] = {}  # by the caller's account
        self.rung: Wire | None = None
        self.phones.on_request, self.phones.on_response = self._phone_request, self._phone_response
        self.agent.on_request = self._agent_request

    def _phone_request(self, wire: Wire) -> None:
        if not wire.start.startswith("ACK"):
            self.phones.respond(wire, "200 OK")
        if wire.start.startswith("BYE") and (dialog := self.calls.pop(wire.one("call-id"), None)) is not None:
            self.media.pop(dialog.user, None)
            self.call(dialog.user, dialog.password)

    def _phone_response(self, wire: Wire) -> None:
        dialog = self.calls.get(wire.one("call-id"))
        if dialog is None or wire.method != "INVITE":
            return
        if wire.status == 401:
            self.phones.authenticate(dialog, wire)
        elif wire.status == 200:
            self.phones.ack(dialog, wire)
            self.media[dialog.user] = wire.media
        elif wire.status >= 300:
            raise SystemExit(f"a caller was refused: {wire.start}")

    def _agent_request(self, wire: Wire) -> None:
        if wire.start.startswith("INVITE") and not wire.tag("to"):
            self.agent.respond(wire, "180 Ringing", tag="ring", extra=self.agent.contact(wire.user))
            self.rung = wire
        elif not wire.start.startswith("ACK"):
            self.agent.respond(wire, "200 OK")

    def call(self, user: str, password: str) -> None:
        dialog = self.phones.invite(user, password, self.queue)
        self.calls[dialog.call_id] = dialog

    def serve(self, seconds: float, until: Any = lambda: False) -> bool:
        return pump(self.phones, self.agent, self.ear, self.desk, seconds=seconds, until=until)

    def fill(self) -> None:
        for user, password in self.accounts:
            self.call(user, password)
            self.serve(0.01)
        if not self.serve(20.0, lambda: len(self.media) == self.callers):
            raise SystemExit(f"only {len(self.media)} of {self.callers} callers wait")
        agent = self.lab.info["agents"][0]
        self.agent.register([(agent["user"], agent["password"])])

    def connect(self) -> None:
        """Take one caller, listen, and let them go."""
        if not self.serve(10.0, lambda: self.rung is not None):
            raise SystemExit("the agent is not rung")
        wire, self.rung = self.rung, None
        assert wire is not None
        caller = _FROM.search(wire.one("from"))
        assert caller is not None
        self.ear.speak(self.media[caller[1]])
        self.serve(RING)
        self.ear.listen()
        self.desk.listen()
        answered = time.monotonic()
        dialog = self.agent.answer(wire, wire.user)
        self.desk.speak(wire.media)
        if self.serve(2.0, lambda: self.ear.heard > 0.0 and self.desk.heard > 0.0):
            self.found.append(Measured(self.desk.heard - answered, self.ear.heard - answered))
        else:
            self.missed += 1
        self.serve(TALK)
        self.ear.speak(None)
        self.desk.speak(None)
        self.agent.bye(dialog)

    def close(self) -> None:
        for one in (self.phones, self.agent, self.ear, self.desk):
            one.close()


def announce(lab: Lab) -> None:
    """Turn the announcements of the lab's queue on, as an operator does."""
    environment = os.environ | {"SOFTSWITCH_CONFIG": str(lab.directory)}
    command = [sys.executable, "-m", "softswitch"]
    site = subprocess.run([*command, "export"], capture_output=True, text=True, env=environment, check=True).stdout
    queue = re.search(r"^\[queue\.([\w-]+)\]", site, re.MULTILINE)
    assert queue is not None, "the lab has a queue"
    text = site + ANNOUNCE.format(queue=queue[1])
    subprocess.run([*command, "apply", "-"], input=text, capture_output=True, text=True, env=environment, check=True)


def announcements(lab: Lab) -> int:
    """How many have begun."""
    environment = os.environ | {"SOFTSWITCH_CONFIG": str(lab.directory)}
    command = [sys.executable, "-m", "softswitch", "status", "--json"]
    status = subprocess.run(command, capture_output=True, text=True, env=environment, check=True).stdout
    return int(json.loads(status)["events"].get("queue.announced", 0))


def run(*, callers: int = 200, rounds: int = 40) -> dict[str, Any]:
    """Milliseconds from the agent's 200 OK to the first packet of voice at both."""
    progress.note(f"{callers} callers hear announcements")
    with Lab(accounts=callers, agents=1) as lab:
        announce(lab)
        hotline = Hotline(lab, callers)
        hotline.fill()
        before, began = hotline.ear.packets, time.monotonic()
        for number in range(rounds):
            progress.note(f"connect {number + 1} of {rounds}")
            hotline.connect()
        lasted = time.monotonic() - began
        packets, said = (hotline.ear.packets - before) / lasted, announcements(lab)
        hotline.close()
    if not hotline.found:
        raise SystemExit("nobody was heard")
    both = sorted(one.both * 1e3 for one in hotline.found)
    return {
        "callers": callers, "connects": len(both), "not_heard": hotline.missed,
        "both_ways_ms_p50": round(statistics.median(both), 1), "both_ways_ms_p95": round(both[int(len(both) * 0.95)], 1),
        "both_ways_ms_worst": round(both[-1], 1),
        "agent_hears_ms_p50": round(statistics.median(one.agent_hears for one in hotline.found) * 1e3, 1),
        "caller_hears_ms_p50": round(statistics.median(one.caller_hears for one in hotline.found) * 1e3, 1),
        "within_40_ms_percent": round(100 * sum(one <= GOAL * 1e3 for one in both) / len(both), 1),
        "packets_per_s_heard_by_callers": round(packets), "announcements": said,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
