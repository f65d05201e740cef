"""The power is back: ten thousand phones register at once. How long until all of them can be called, and is anyone left out?

Each phone has a socket and an address of its own, and does as phones do: REGISTER, 401, REGISTER with digest; over UDP it repeats
itself as RFC 3261 says; refused with 503 it comes back after Retry-After, and after 32 s of silence it begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import resource
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from bench import progress
from bench.lab import LOAD_CPU, Lab
from bench.load import wires
from bench.load.wires import Wire

PHONES: Final = 10_000
PATIENCE: Final = 180.0  # seconds until who is not bound counts as lost
T1, T2, TIMER_F = 0.5, 4.0, 32.0
MIXED: Final = {"udp": 0.8, "tcp": 0.1, "tls": 0.1}  # shares of the second storm

_challenge = re.compile(r'realm="([^"]*)", nonce="([^"]*)"').search
_number = re.compile(r"\r\nRetry-After: *(\d+)", re.IGNORECASE).search


@dataclass
class Tally:
    """What all phones saw."""

    bound: list[float] = field(default_factory=list)  # seconds from the power to the 200, each phone
    answers: list[float] = field(default_factory=list)  # seconds from a request to its final answer
    statuses: Counter[int] = field(default_factory=Counter)
    retransmissions: int = 0
    gave_up: int = 0
    reconnected: int = 0


class Phone:
    """One phone, until it is registered."""

    def __init__(self, number: int, user: str, password: str, domain: str, transport: str, tally: Tally) -> None:
        self.number, self.user, self.password, self.domain, self.transport = number, user, password, domain, transport
        self.host = f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"
        self.tally = tally
        self.done = False
        self.began = 0.0
        self._wire: Wire | None = None
        self._sent_at = 0.0
        self._data = b""
        self._cseq = 0
        self._answered = False  # the request that was sent last; what repeats its answer is of no interest
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, server: dict[str, tuple[str, int]], tls: ssl.SSLContext) -> None:
        self.began = time.monotonic()
        self._server, self._tls = server, tls
        self._connect()

    def _connect(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        wire = self._wire = Wire(self.transport, self._received)
        wire.dropped = self._dropped
        try:
            await wire.open(self._server[self.transport], self.host, self._tls)
        except OSError:
            self._dropped()
            return
        self._register("")

    def _dropped(self) -> None:
        """No connection, or none any more: a new one in a moment."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.done:
            self.tally.reconnected += 1
            asyncio.get_running_loop().call_later(1.0 + random.random(), self._connect)

    def _register(self, credentials: str) -> None:
        assert self._wire is not None
        self._cseq += 1
        self._answered = False
        host, port = self._wire.local
        way = "" if self.transport == "udp" else f";transport={self.transport}"
        self._data = (
            f"REGISTER sip:{self.domain} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {host}:{port};"
            f"branch=z9hG4bK{self.number}x{self._cseq};rport\r\nMax-Forwards: 70\r\nFrom: <sip:{self.user}@{self.domain}>;"
            f"tag=t{self.number}\r\nTo: <sip:{self.user}@{self.domain}>\r\nCall-ID: storm{self.number}\r\nCSeq: {self._cseq} "
            f"REGISTER\r\nContact: <sip:{self.user}@{host}:{port}{way}>\r\nExpires: 3600\r\nUser-Agent: storm\r\n{credentials}"
            "Content-Length: 0\r\n\r\n"
        ).encode()
        self._sent_at = time.monotonic()
        self._wire.send(self._data)
        self._arm(T1 if self.transport == "udp" else TIMER_F)

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._silence, seconds)

    def _silence(self, waited: float) -> None:
        assert self._wire is not None
        if time.monotonic() - self._sent_at >= TIMER_F:
            self.tally.gave_up += 1
            self._register("")
        elif self.transport == "udp":
            self.tally.retransmissions += 1
            self._wire.send(self._data)
            self._arm(min(2 * waited, T2))
        else:
            self._arm(1.0)

    def _received(self, data: bytes) -> None:
        text = data.decode("latin-1")
        if not text.startswith("SIP/2.0 ") or f"CSeq: {self._cseq} " not in text or self.done:
            return
        status, now, tally = int(text[8:11]), time.monotonic(), self.tally
        if status < 200 or self._answered:
            return
        self._answered = True
        if self._timer is not None:
            self._timer.cancel()
        tally.statuses[status] += 1
        tally.answers.append(now - self._sent_at)
        if status == 401 and (found := _challenge(text)) is not None:
            self._register(self._credentials(found[1], found[2]))
        elif status == 200:
            self.done = True
            tally.bound.append(now - self.began)
        else:
            again = _number(text)
            asyncio.get_running_loop().call_later(float(again[1]) if again else 5.0, self._again, self._wire)

    def _again(self, wire: Wire | None) -> None:
        """After a refusal, unless there is a new connection meanwhile, which has begun anew."""
        if wire is self._wire and not self.done:
            self._register("")

    def _credentials(self, realm: str, nonce: str) -> str:
        def md5(value: str) -> str:
            return hashlib.md5(value.encode()).hexdigest()

        uri = f"sip:{self.domain}"
        proof = md5(f"{md5(f'{self.user}:{realm}:{self.password}')}:{nonce}:00000001:c:auth:{md5(f'REGISTER:{uri}')}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{proof}", '
            'algorithm=MD5, cnonce="c", qop=auth, nc=00000001\r\n'
        )

    def close(self) -> None:
        self.done = True
        if self._timer is not None:
            self._timer.cancel()
        if self._wire is not None:
            self._wire.close()


async def _storm(lab: Lab, shares: dict[str, float], phones: int) -> tuple[Tally, float]:
    """All phones at once; what they saw, and the CPU seconds of the switch."""
    tally, domain = Tally(), lab.domain
    accounts = lab.info["accounts"]
    plan = [name for name, share in shares.items() for _ in range(round(share * phones))]
    random.Random(1).shuffle(plan)
    crowd = [
        Phone(number, accounts[number]["user"], accounts[number]["password"], domain, transport, tally)
        for number, transport in enumerate(plan)
    ]
    server = {"udp": ("127.0.0.1", lab.port), "tcp": ("127.0.0.1", lab.port)}
    host, _, port = lab.info["tls"].rpartition(":")
    server["tls"] = (host, int(port))
    tls, before, began = wires.context(), lab.signalling_cpu(), time.monotonic()
    for phone in crowd:
        phone.start(server, tls)
    while len(tally.bound) < len(crowd) and time.monotonic() - began < PATIENCE:
        progress.note(f"{len(tally.bound):,} of {len(crowd):,} phones bound")
        await asyncio.sleep(0.2)
    used = lab.signalling_cpu() - before
    for phone in crowd:
        phone.close()
    return tally, used


def _figures(lab: Lab, shares: dict[str, float], phones: int) -> dict[str, Any]:
    tally, used = wires.run(_storm(lab, shares, phones))
    bound, answers = sorted(tally.bound), sorted(tally.answers)

    def at(values: list[float], share: float) -> float:
        return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else 0.0

    return {
        "phones": phones,
        "lost": phones - len(bound),
        "seconds_until_all_bound": at(bound, 1.0),
        "seconds_until_half_bound": at(bound, 0.5),
        "answer_ms_p50": round(1000 * at(answers, 0.5), 1),
        "answer_ms_p99": round(1000 * at(answers, 0.99), 1),
        "retransmissions": tally.retransmissions,
        "refused_503": tally.statuses.get(503, 0),
        "gave_up": tally.gave_up,
        "reconnected": tally.reconnected,
        "cpu_ms_each": round(1000 * used / max(1, len(bound)), 4),
        "starved_percent_of_it": round(100 * lab.starved() / max(0.001, at(bound, 1.0))),
    }


def run(*, phones: int = PHONES) -> dict[str, Any]:
    """A storm over UDP, and one with a tenth each over TCP and TLS, each against a switch that has just started."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures: dict[str, Any] = {}
    try:
        for name, shares in (("udp", {"udp": 1.0}), ("mixed", MIXED)):
            progress.note(f"a switch with {phones:,} accounts")
            with Lab(accounts=phones) as lab:
                figures[name] = _figures(lab, shares, phones)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return {"load_cpu": LOAD_CPU, **figures}


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
