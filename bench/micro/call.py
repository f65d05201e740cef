"""Python time of one call through the switch, without sockets: INVITE with digest to the last 200, both legs.

    python -m bench.micro.call [--calls 300] [--batches 15]

The whole machine works (parser, transactions, digest, routing, calls, events, media commands); phones' messages are
prepared outside the measured time. Figures are microseconds, the best of the medians of all batches; and how many functions of
ours a call goes through, which no other program on the machine disturbs.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import random
import re
import sys
from statistics import median
from time import perf_counter_ns
from typing import Any

from softswitch.directory import Account, Directory
from softswitch.effects import Flow, Send
from softswitch.sip.guard import Defences
from softswitch.sip.listener import Listener
from softswitch.switch import Settings, Switch

ANNA = Flow("udp", "127.0.0.1", 5070)
BOB = Flow("udp", "127.0.0.1", 5080)
DOMAIN = "pbx.test"
STEPS = ("INVITE", "INVITE+digest", "ACK 401", "180", "200", "ACK", "BYE", "200 BYE", "statistics")


class _Entropy:
    """Seeded: the cost of real randomness belongs to the daemon."""

    def __init__(self) -> None:
        self._random = random.Random(1)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return int(self._random.random() * n)


def _ha1(user: str) -> str:
    return hashlib.md5(f"{user}:{DOMAIN}:secret".encode()).hexdigest()


def _sdp(port: int) -> str:
    return (
        f"v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 0 101\r\n"
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n"
    )


def _field(data: bytes, name: bytes) -> str:
    start = data.index(b"\r\n" + name + b": ") + len(name) + 4
    return data[start : data.index(b"\r\n", start)].decode("latin-1")


class _Bench:
    def __init__(self) -> None:
        accounts = {user: Account(user, ha1_md5=_ha1(user), max_calls=10_000) for user in ("anna", "bob")}
        self.switch = Switch(
            Directory(DOMAIN, accounts=accounts), (Listener("udp", "127.0.0.1", 5060),), _Entropy(), is_open=lambda _: True,
            nonce_key=b"k" * 16, settings=Settings(defences=Defences(digest_algorithms=("MD5",), account_rate=1_000_000)),
        )  # fmt: skip
        self.switch.calls.add_range(0, 20_000, 20_000)
        self.now = 100.0
        self.spent: dict[str, list[int]] = {step: [] for step in STEPS}
        self._register()

    def receive(self, step: str, text: str, flow: Flow, body: str = "") -> list[bytes]:
        """Hand a message to the switch; the datagrams that it sends."""
        data = f"{text}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        self.now += 1e-4
        start = perf_counter_ns()
        self.switch.receive(data, flow, self.now)
        effects = self.switch.drain()
        spent = perf_counter_ns() - start
        if step:
            self.spent[step].append(spent)
        return [effect.data for effect in effects if isinstance(effect, Send)]

    def authorization(self, challenge: str, user: str, method: str, uri: str) -> str:
        nonce = re.search(r'nonce="([^"]+)"', challenge)[1]  # type: ignore[index]
        two = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
        cnonce = f"{perf_counter_ns():x}"
        proof = hashlib.md5(f"{_ha1(user)}:{nonce}:00000001:{cnonce}:auth:{two}".encode()).hexdigest()
        return (
            f'Authorization: Digest username="{user}", realm="{DOMAIN}", nonce="{nonce}", uri="{uri}", response="{proof}", '
            f'algorithm=MD5, cnonce="{cnonce}", qop=auth, nc=00000001\r\n'
        )

    def _register(self) -> None:
        uri = f"sip:{DOMAIN}"
        credentials = ""
        for cseq in (1, 2):
            answer = self.receive(
                "",
                f"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKr{cseq};rport\r\nMax-Forwards: 70\r\n"
                f"From: <sip:bob@{DOMAIN}>;tag=r\r\nTo: <sip:bob@{DOMAIN}>\r\nCall-ID: r\r\nCSeq: {cseq} REGISTER\r\n"
                f"Contact: <sip:bob@127.0.0.1:5080>\r\nExpires: 7200\r\n{credentials}",
                BOB,
            )[0]
            if cseq == 1:
                credentials = self.authorization(_field(answer, b"WWW-Authenticate"), "bob", "REGISTER", uri)
        assert answer.startswith(b"SIP/2.0 200"), answer

    def call(self, index: int) -> None:
        uri = f"sip:bob@{DOMAIN}"

        def invite(cseq: int, credentials: str) -> str:
            return (
                f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{index}i{cseq};rport\r\n"
                "Max-Forwards: 70\r\n"
                f'From: "Anna" <sip:anna@{DOMAIN}>;tag=a{index}\r\nTo: <{uri}>\r\nCall-ID: {index}@anna\r\n'
                f"CSeq: {cseq} INVITE\r\nContact: <sip:anna@127.0.0.1:5070>\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\n"
                f"User-Agent: bench\r\n{credentials}"
                "Content-Type: application/sdp\r\n"
            )

        challenge = self.receive("INVITE", invite(1, ""), ANNA, _sdp(6_000))[0]
        self.receive(
            "ACK 401",
            f"ACK {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{index}i1;rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:anna@{DOMAIN}>;tag=a{index}\r\nTo: {_field(challenge, b'To')}\r\nCall-ID: {index}@anna\r\n"
            "CSeq: 1 ACK\r\n",
            ANNA,
        )
        credentials = self.authorization(_field(challenge, b"WWW-Authenticate"), "anna", "INVITE", uri)
        sent = self.receive("INVITE+digest", invite(2, credentials), ANNA, _sdp(6_000))
        onward = next(data for data in sent if data.startswith(b"INVITE"))
        common = (
            f"Via: {_field(onward, b'Via')}\r\nFrom: {_field(onward, b'From')}\r\nTo: {_field(onward, b'To')};tag=b{index}\r\n"
            f"Call-ID: {_field(onward, b'Call-ID')}\r\nCSeq: {_field(onward, b'CSeq')}\r\nContact: <sip:bob@127.0.0.1:5080>\r\n"
        )
        self.receive("180", f"SIP/2.0 180 Ringing\r\n{common}", BOB)
        sent = self.receive("200", f"SIP/2.0 200 OK\r\n{common}Content-Type: application/sdp\r\n", BOB, _sdp(6_010))
        answer = next(data for data in sent if data.startswith(b"SIP/2.0 200"))
        target = _field(answer, b"Contact")[1:-1]
        dialog = (
            f"Max-Forwards: 70\r\nFrom: <sip:anna@{DOMAIN}>;tag=a{index}\r\nTo: {_field(answer, b'To')}\r\n"
            f"Call-ID: {index}@anna\r\n"
        )
        via = f"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK{index}"
        self.receive("ACK", f"ACK {target} SIP/2.0\r\n{via}a;rport\r\n{dialog}CSeq: 2 ACK\r\n", ANNA)
        sent = self.receive("BYE", f"BYE {target} SIP/2.0\r\n{via}b;rport\r\n{dialog}CSeq: 3 BYE\r\n", ANNA)
        bye = next(data for data in sent if data.startswith(b"BYE"))
        self.receive(
            "200 BYE",
            f"SIP/2.0 200 OK\r\nVia: {_field(bye, b'Via')}\r\nFrom: {_field(bye, b'From')}\r\nTo: {_field(bye, b'To')}\r\n"
            f"Call-ID: {_field(bye, b'Call-ID')}\r\nCSeq: {_field(bye, b'CSeq')}\r\n",
            BOB,
        )
        self._statistics()

    def _statistics(self) -> None:
        """What the media worker reports when the two legs close."""
        from media.control import Statistics

        start = perf_counter_ns()
        for worker, leg in list(self.switch.calls.board._closing):
            self.switch.media_event(worker, Statistics(leg), self.now)
            self.switch.drain()
        self.spent["statistics"].append(perf_counter_ns() - start)

    def settle(self) -> None:
        """Let transactions and ports rest, outside the measured time."""
        for _ in range(200):
            self.now += 0.5
            self.switch.expire(self.now)
            self.switch.drain()


def functions() -> int:
    """Functions in Python that the switch calls for one call, from its INVITE to its record. None of them is the clients'."""
    bench = _Bench()
    bench.call(0)  # What is made once, and kept, is made now.
    called = 0
    switch = bench.switch

    def count(frame: Any, event: str, _: Any) -> None:
        nonlocal called
        called += event == "call"

    def counted(method: Any) -> Any:
        def measured(*arguments: Any) -> Any:
            sys.setprofile(count)
            try:
                return method(*arguments)
            finally:
                sys.setprofile(None)

        return measured

    for name in ("receive", "drain", "media_event"):
        setattr(switch, name, counted(getattr(switch, name)))
    bench.call(1)
    return called


def run(calls: int = 300, batches: int = 15) -> dict[str, Any]:
    """Microseconds for each message of a call, and their sum."""
    bench = _Bench()
    best: dict[str, float] = {}
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for batch in range(batches):
            for spent in bench.spent.values():
                spent.clear()
            for index in range(calls):
                bench.call(batch * calls + index)
            bench.settle()
            gc.collect()
            for step, spent in bench.spent.items():
                figure = median(spent) / 1000
                best[step] = min(figure, best.get(step, figure))
    finally:
        gc.enable()
        gc.unfreeze()
    return {
        **{f"{step}_us": round(figure, 1) for step, figure in best.items()},
        "call_us": round(sum(best.values()), 1),
        "without_authentication_us": round(sum(best.values()) - best["INVITE"] - best["ACK 401"], 1),
        "functions": functions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=300, help="calls in a batch")
    parser.add_argument("--batches", type=int, default=15)
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.calls, arguments.batches), indent=2))


if __name__ == "__main__":
    main()
