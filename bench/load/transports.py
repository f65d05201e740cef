"""The same calls over UDP, TCP, TLS and WebSocket: calls a second on one core, and what one costs in each.

Pairs of registered phones, each with a socket (a connection) of its own; one generator for all. A call: INVITE, 401, INVITE with
digest, 180, 200, ACK and BYE, on both legs; audio is agreed on and never sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from typing import Any, Final

from bench import progress
from bench.lab import Lab
from bench.load import ladder, wires
from bench.load.ladder import Step
from bench.load.register import good
from bench.load.wires import TRANSPORTS, Wire

PAIRS: Final = 60
RATES: Final = (25, 50, 100, 150, 200, 300, 400, 500, 600)
SECONDS: Final = 5.0
PATIENCE: Final = 8.0  # seconds that a call may take

_challenge = re.compile(r'realm="([^"]*)", nonce="([^"]*)"').search
_to_tag = re.compile(r"\r\nTo: [^\r]*;tag=([^;\r]*)", re.IGNORECASE).search
_contact = re.compile(r"\r\nContact: <([^>]*)>", re.IGNORECASE).search
_call_id = re.compile(r"\r\nCall-ID: *([^\r]*)", re.IGNORECASE).search
_cseq = re.compile(r"\r\nCSeq: *(\d+) (\w+)", re.IGNORECASE).search
_copied = re.compile(r"^(?:Via|Record-Route|From|Call-ID|CSeq): [^\r]*\r\n", re.IGNORECASE | re.MULTILINE).findall
_to = re.compile(r"\r\nTo: ([^\r]*)", re.IGNORECASE).search

PLAIN: Final = (
    "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)
# What a browser says, as far as the switch must read it; nobody shakes hands.
BROWSER: Final = (
    "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 40000 UDP/TLS/RTP/SAVPF 8 101\r\n"
    "a=mid:0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:0123456789012345678901\r\na=setup:{1}\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
    "a=candidate:1 1 udp 2130706431 {0} 40000 typ host\r\n"
)


def _md5(value: str) -> str:
    return hashlib.md5(value.encode()).hexdigest()


class Phone:
    """One phone of a pair: calls when told to, answers whatever comes."""

    def __init__(self, number: int, account: dict[str, str], domain: str, transport: str) -> None:
        self.user, self.password, self.domain, self.transport = account["user"], account["password"], domain, transport
        self.host = f"127.20.{number // 250}.{1 + number % 250}"
        self.wire = Wire(transport, self._received)
        self.dialled = ""
        self.done: asyncio.Future[bool] | None = None  # of the call, or registration, under way
        self._prefix = f"{transport}{number}"
        self._count = 0
        self._uri = self._method = self._body = ""
        self._id = ""
        self._cseq = 0

    # --- out ---

    @property
    def _place(self) -> str:
        host, port = self.wire.local
        return f"{host}:{port}" if self.transport != "ws" else f"{self.user}.invalid"

    @property
    def _own(self) -> str:
        way = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"<sip:{self.user}@{self._place}{way}>"

    def _sdp(self, setup: str = "actpass") -> str:
        return (BROWSER if self.transport == "ws" else PLAIN).format(self.host, setup)

    def _send(self, method: str, uri: str, to: str, headers: str = "", body: str = "") -> None:
        if body:
            headers += "Content-Type: application/sdp\r\n"
        self.wire.send(
            (
                f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {self._place};"
                f"branch=z9hG4bK{self._id}{self._cseq}{method[0] if method != 'ACK' else 'A'};rport\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{self.user}@{self.domain}>;tag=f{self._id}\r\nTo: {to}\r\nCall-ID: {self._id}\r\n"
                f"CSeq: {self._cseq} {method}\r\nContact: {self._own}\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode()
        )

    def _begin(self, method: str, uri: str, aor: str, body: str = "") -> asyncio.Future[bool]:
        self._count += 1
        self._id, self._cseq = f"{self._prefix}c{self._count}", 1
        self._method, self._uri, self._aor, self._body = method, uri, aor, body
        self.done = asyncio.get_running_loop().create_future()
        self._send(method, uri, f"<{aor}>", "Expires: 3600\r\n" if method == "REGISTER" else "", body)
        return self.done

    def register(self) -> asyncio.Future[bool]:
        return self._begin("REGISTER", f"sip:{self.domain}", f"sip:{self.user}@{self.domain}")

    def call(self) -> asyncio.Future[bool]:
        uri = f"sip:{self.dialled}@{self.domain}"
        return self._begin("INVITE", uri, uri, self._sdp())

    # --- in ---

    def _received(self, data: bytes) -> None:
        text = data.decode("latin-1")
        if text.startswith("SIP/2.0 "):
            self._response(text)
        elif not text.startswith("ACK "):
            self._request(text)

    def _response(self, text: str) -> None:
        status, call, cseq = int(text[8:11]), _call_id(text), _cseq(text)
        if status < 200 or call is None or call[1] != self._id or cseq is None or int(cseq[1]) != self._cseq:
            return
        method, tag = cseq[2], _to_tag(text)
        to = f"<{self._aor}>" + (f";tag={tag[1]}" if tag else "")
        if method == "INVITE" and status >= 300:
            self._send("ACK", self._uri, to)
        if status == 401 and self._cseq == 1 and (found := _challenge(text)) is not None:
            self._cseq = 2
            extra = "Expires: 3600\r\n" if method == "REGISTER" else ""
            self._send(method, self._uri, f"<{self._aor}>", extra + self._credentials(found[1], found[2]), self._body)
        elif method == "INVITE" and status == 200:
            contact = _contact(text)
            target = contact[1] if contact else self._uri
            self._send("ACK", target, to)
            self._cseq += 1
            self._send("BYE", target, to)
        elif self.done is not None and not self.done.done():
            self.done.set_result(status == 200)

    def _credentials(self, realm: str, nonce: str) -> str:
        secret, request = _md5(f"{self.user}:{realm}:{self.password}"), _md5(f"{self._method}:{self._uri}")
        proof = _md5(f"{secret}:{nonce}:00000001:c:auth:{request}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{self._uri}", '
            f'response="{proof}", algorithm=MD5, cnonce="c", qop=auth, nc=00000001\r\n'
        )

    def _request(self, text: str) -> None:
        head = "".join(_copied(text))
        to = _to(text)
        tagged = f"To: {to[1]}" if to and ";tag=" in to[1] else f"To: {to[1] if to else ''};tag=a{self._prefix}"
        own = f"{head}{tagged}\r\nContact: {self._own}\r\n"
        if text.startswith("INVITE "):
            body = self._sdp("active")
            self.wire.send(f"SIP/2.0 180 Ringing\r\n{own}Content-Length: 0\r\n\r\n".encode())
            sdp = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            self.wire.send(f"SIP/2.0 200 OK\r\n{own}{sdp}".encode())
        else:
            self.wire.send(f"SIP/2.0 200 OK\r\n{own}Content-Length: 0\r\n\r\n".encode())


class Crowd:
    """Registered pairs over one transport."""

    def __init__(self, lab: Lab, transport: str, pairs: int) -> None:
        self.lab = lab
        accounts = lab.info["accounts"]
        self.phones = [Phone(n, accounts[n], lab.domain, transport) for n in range(2 * pairs)]
        for caller, callee in zip(self.phones[::2], self.phones[1::2], strict=True):
            caller.dialled = callee.user
        place = lab.info["sip" if transport in ("udp", "tcp") else transport]
        self.server = (place.rpartition(":")[0], int(place.rpartition(":")[2]))

    async def register(self) -> None:
        tls = wires.context()
        for phone in self.phones:
            await phone.wire.open(self.server, phone.host, tls)
            async with asyncio.timeout(PATIENCE):
                if not await phone.register():
                    raise SystemExit(f"{phone.user} could not register over {phone.transport}")

    async def offer(self, rate: int, seconds: float) -> Step:
        """Calls at a rate for a while, by whichever pair is free; like `register.step`."""
        lab, idle = self.lab, asyncio.Queue[Phone]()
        for phone in self.phones[::2]:
            idle.put_nowait(phone)
        wanted, succeeded, failed = int(rate * seconds), 0, 0
        took: list[float] = []
        under_way: list[asyncio.Task[None]] = []

        async def one(phone: Phone) -> None:
            nonlocal succeeded, failed
            at = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE):
                    good = await phone.call()
            except TimeoutError:
                good = False
            succeeded, failed = succeeded + good, failed + (not good)
            took.append(time.monotonic() - at)
            idle.put_nowait(phone)

        before, signalling, starved, began = lab.cpu(), lab.signalling_cpu(), lab.starved(), time.monotonic()
        for number in range(wanted):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            under_way.append(asyncio.create_task(one(await idle.get())))
        await asyncio.gather(*under_way)
        elapsed = time.monotonic() - began
        used, signalling, starved = lab.cpu() - before, lab.signalling_cpu() - signalling, lab.starved() - starved
        took.sort()
        return {
            "offered_per_s": rate,
            "reached_per_s": round(succeeded / elapsed),
            "failed": failed,
            "failed_percent": round(100 * failed / wanted, 3),
            "cpu_ms": round(used * 1e3 / max(1, succeeded), 4),
            "cpu_ms_without_media": round(signalling * 1e3 / max(1, succeeded), 4),
            "call_ms_p50": round(1e3 * took[len(took) // 2], 1),
            "call_ms_p99": round(1e3 * took[int(0.99 * len(took))], 1),
            "core_percent": round(100 * used / elapsed),
            "starved_percent": round(100 * starved / elapsed),
        }


async def _measure(lab: Lab, transport: str, rates: tuple[int, ...], seconds: float, pairs: int) -> list[Step]:
    crowd = Crowd(lab, transport, pairs)
    await crowd.register()
    steps: list[Step] = []
    for rate in rates:
        progress.note(f"{transport}, {rate:,} calls/s")
        steps.append(await crowd.offer(rate, seconds))
        if not good(steps[-1]):
            break
    for phone in crowd.phones:
        phone.wire.close()
    return steps


def run(*, rates: tuple[int, ...] = RATES, seconds: float = SECONDS, pairs: int = PAIRS) -> dict[str, Any]:
    """For each transport: the highest rate without failures, and the CPU of one call at the lowest rate and at that one."""
    figures: dict[str, Any] = {}
    for transport in TRANSPORTS:
        with Lab(accounts=2 * pairs) as lab:
            steps = wires.run(_measure(lab, transport, rates, seconds, pairs))
        best = ladder.highest(steps, good, "reached_per_s") or steps[0]
        figures[transport] = {
            "calls_per_s": best["reached_per_s"] if good(best) else 0,
            "cpu_ms_each": best["cpu_ms"],
            "cpu_ms_each_without_media": best["cpu_ms_without_media"],
            "call_ms_p99": best["call_ms_p99"],
            "steps": steps,
        }
    return figures


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
