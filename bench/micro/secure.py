"""What encryption costs beside the relay: SRTP per packet, a STUN check, a DTLS handshake. No sockets.

python -m bench.micro.secure
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any

from bench.micro.relay import Nowhere, Stream
from media import ice, srtp, stun
from media.bank import Bank
from media.control import Bridge, Load, Open
from media.dtls import Association, Fingerprint, Identity
from media.engine import Engine
from media.ice import Agent, Credentials
from media.latch import Address
from media.legs import Legs
from media.srtp import SUITES, Cipher
from media.transport import Transport

SIZES = (8, 32, 128)
HANDSHAKES = 60
SECONDS = 0.3  # per measurement


class Guarded(Nowhere):
    """A network that remembers the transports of its legs."""

    def __init__(self, legs: int) -> None:
        super().__init__(legs)
        self.transports: dict[int, Transport] = {}

    def guard(self, leg: int, transport: Transport | None) -> None:
        if transport is not None:
            self.transports[leg] = transport


def _ignore(_: Load) -> None:
    """Nothing is loaded here."""


def _key(seed: int, suite: str) -> str:
    return b64encode(Random(seed).randbytes(SUITES[suite].key + SUITES[suite].salt)).decode()


def _fastest(rounds: list[int], packets: int) -> float:
    """Microseconds per packet, of the fastest tenth."""
    rounds.sort()
    tenth = rounds[: max(1, len(rounds) // 10)]
    return round(sum(tenth) / len(tenth) / 1000 / packets, 3)


def bridges(size: int, suite: str) -> dict[str, float]:
    """`size` packets in hand, all of bridged legs with SRTP: unwrapped, handled together, wrapped."""
    network = Guarded(size)
    engine = Engine(Legs(size), Bank(), network, Random(1).getrandbits, _ignore)
    far = []
    for leg in range(size):
        keys = {"suite": suite, "send_key": _key(2 * leg, suite), "receive_key": _key(2 * leg + 1, suite)}
        engine.perform(Open(leg, "192.0.2.1", 4000, "PCMU", 0, **keys), 0.0)  # type: ignore[arg-type]
        far.append(Cipher(srtp.keys(suite, keys["receive_key"], keys["send_key"])))
    for leg in range(0, size - 1, 2):
        engine.perform(Bridge(leg, leg + 1), 0.0)
    stream = Stream(engine, size, ("PCMU", "PCMU"))
    buffers = stream.buffers
    unwrapping: list[int] = []
    together: list[int] = []
    wrapping: list[int] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        stream.refill()
        for leg in range(size):
            sealed = far[leg].protect(buffers.views[leg][:172])
            buffers.views[leg][: len(sealed)] = sealed
            buffers.sizes[leg] = len(sealed)
        start = time.perf_counter_ns()
        for leg in range(size):
            buffers.sizes[leg] = network.transports[leg].unwrap(buffers.views[leg], buffers.sizes[leg])
        first = time.perf_counter_ns()
        rows, _, slow = stream.batch.relay(size, stream._number * 160)
        for leg in slow:
            stream.session.receive(leg, buffers.views[leg], 172, stream._number * 160)
        second = time.perf_counter_ns()
        for leg in range(size):
            network.transports[leg ^ 1].wrap(buffers.usual[leg])
        third = time.perf_counter_ns()
        if rows is None:  # The streams are steady.
            unwrapping.append(first - start)
            together.append(second - first)
            wrapping.append(third - second)
    return {
        "unprotect": _fastest(unwrapping, size),
        "relay": _fastest(together, size),
        "protect": _fastest(wrapping, size),
    }


def _each(step: Callable[[], object], count: int) -> float:
    rounds = []
    for _ in range(count):
        start = time.perf_counter_ns()
        step()
        rounds.append(time.perf_counter_ns() - start)
    return _fastest(rounds, 1)


def check() -> dict[str, float]:
    """One consent check of a browser that is answered; and one of somebody without the password."""
    ours, theirs = Credentials("ours", "o" * 22), Credentials("them", "t" * 22)
    agent = Agent(ice.Terms(ours, theirs), Random(1).getrandbits)
    source: Address = ("192.0.2.1", 5000)
    attributes = [(stun.USERNAME, b"ours:them"), (stun.PRIORITY, bytes(4)), (stun.USE_CANDIDATE, b"")]
    right, wrong = (
        stun.build(stun.REQUEST, bytes(12), attributes, password.encode()) for password in (ours.password, "w" * 22)
    )

    def answered() -> None:
        agent.receive(right, source, 1.0)
        agent.outgoing.clear()

    return {"answered_us": _each(answered, 5000), "refused_us": _each(lambda: agent.receive(wrong, source, 1.0), 5000)}


def handshake() -> dict[str, float]:
    """The worker's part of a handshake: all of it, and the longest time that it holds up the loop."""
    one, other = Identity(b"one"), Identity(b"other")
    whole: list[int] = []
    longest: list[int] = []
    for _ in range(HANDSHAKES):
        client = Association(other, True, ("192.0.2.1", 5000), Fingerprint.parse(one.fingerprint), 1e9)
        server = Association(one, False, ("192.0.2.1", 5000), Fingerprint.parse(other.fingerprint), 1e9)
        client.start()
        steps = []
        while client.outgoing or server.outgoing:
            for datagram in client.outgoing:
                start = time.perf_counter_ns()
                server.receive(datagram)
                steps.append(time.perf_counter_ns() - start)
            client.outgoing.clear()
            for datagram in server.outgoing:
                client.receive(datagram)
            server.outgoing.clear()
        assert server.keys is not None
        whole.append(sum(steps))
        longest.append(max(steps))
    return {"ms": round(_fastest(whole, 1) / 1000, 3), "longest_step_ms": round(_fastest(longest, 1) / 1000, 3)}


def run() -> dict[str, Any]:
    """All figures of this module."""
    return {
        "srtp_us_per_packet": {
            suite: {str(size): bridges(size, suite) for size in SIZES}
            for suite in ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM")
        },
        "stun_check": check(),
        "dtls_handshake": handshake(),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
