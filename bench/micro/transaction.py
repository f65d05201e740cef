"""The SIP layer without sockets: microseconds per message, and per authenticated call through a minimal B2BUA.

    python -m bench.micro.transaction [--calls 3000]

`message_us` is receive -> item -> respond -> Send -> all timers run out, for a request outside of any call; `call_us` is the SIP
layer's work for a whole call: INVITE, 401, ACK, INVITE with credentials, 100, second leg INVITE, 180, 200, ACK, both BYEs,
with dialogs, digest and every timer of its transactions (9 messages in, 8 out). Only the code under test is timed.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

from softswitch.directory import Account
from softswitch.effects import Flow, Send
from softswitch.sip import digest
from softswitch.sip import message as wire
from softswitch.sip.authenticator import Authenticated, Authenticator
from softswitch.sip.authenticator import Challenge as Challenged
from softswitch.sip.dialog import Dialog
from softswitch.sip.endpoint import (
    AckReceived,
    CancelReceived,
    Endpoint,
    RequestReceived,
    ResponseReceived,
    ServerTransaction,
)
from softswitch.sip.listener import Listener, contact

ALICE = Flow("udp", "192.0.2.7", 5060)
BOB = Flow("udp", "192.0.2.8", 5060)
LISTENERS = (Listener("udp", "198.51.100.1", 5060),)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 9 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
PHONE = (
    "Contact: <sip:{user}@{host}:5060>\r\nUser-Agent: Desk phone 66.85.0.5\r\nSupported: replaces\r\nAllow-Events: talk,hold\r\n"
    "Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\n"
)
TYPE = "Content-Type: application/sdp\r\n"


class _Entropy:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pool: list[str] = []

    def token(self) -> str:
        if not self._pool:
            self._pool = [f"{self._random.getrandbits(64):016x}" for _ in range(256)]
        return self._pool.pop()

    def below(self, n: int) -> int:
        return self._random.randrange(n)


class Stopwatch:
    """Times only what is called through it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        start = perf_counter()
        result = function(*arguments)
        self.seconds += perf_counter() - start
        return result


class Exchange:
    """The least a transaction user must do to connect two phones: authenticate, two dialogs, both ways."""

    def __init__(self, endpoint: Endpoint, accounts: dict[str, Account]) -> None:
        self._endpoint = endpoint
        self._accounts = accounts
        self._authenticator = Authenticator("pbx.test", b"k" * 32)
        self._dialogs: dict[str, tuple[Dialog, list[Any]]] = {}
        self._contact = f"Contact: {contact(LISTENERS[0], ALICE, 'switch')}\r\n"

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Send]:
        """One datagram in, all datagrams out."""
        self._endpoint.receive(data, flow, now)
        return self.settle(now)

    def expire(self, now: float) -> list[Send]:
        self._endpoint.expire(now)
        return self.settle(now)

    def settle(self, now: float) -> list[Send]:
        sent = []
        while items := self._endpoint.drain():
            for item in items:
                if type(item) is Send:
                    sent.append(item)
                else:
                    getattr(self, type(item).__name__)(item, now)
        return sent

    def RequestReceived(self, item: RequestReceived, now: float) -> None:
        tx, message = item.transaction, item.message
        if message.method == "BYE":
            self._bye(tx, message, now)
            return
        if message.method != "INVITE":
            self._endpoint.respond(tx, 200, now)
            return
        verdict = self._authenticator.check(message, self._accounts, now)
        if isinstance(verdict, Authenticated):
            self._invite(tx, message, now)
        elif isinstance(verdict, Challenged):
            self._endpoint.reject(tx, verdict.status, now, headers=verdict.headers)

    def _invite(self, tx: ServerTransaction, message: wire.Message, now: float) -> None:
        endpoint = self._endpoint
        endpoint.respond(tx, 100, now)
        caller = Dialog.uas(message, endpoint.tag(), message.flow)
        call_id = f"{endpoint.tag()}@b2b"
        callee = Dialog.uac(
            "<sip:alice@pbx.test>", "<sip:bob@pbx.test>", call_id, endpoint.tag(), 0, BOB, target="sip:bob@192.0.2.8"
        )
        pair = [caller, callee, tx]
        self._dialogs[caller.local_tag] = (caller, pair)
        self._dialogs[callee.local_tag] = (callee, pair)
        callee.request(endpoint, "INVITE", now, headers=self._contact + TYPE, body=SDP, owner=pair)

    def ResponseReceived(self, item: ResponseReceived, now: float) -> None:
        pair, message = item.transaction.owner, item.message
        if item.transaction.method != "INVITE" or message.status == 100:
            return
        caller, callee, tx = pair
        if message.status < 200:
            callee.early(message)
            self._endpoint.respond(tx, 180, now, to_tag=caller.local_tag, headers=self._contact)
            return
        callee.confirm(message)
        callee.ack(self._endpoint, item.transaction, message, now)
        item.transaction.owner = None
        self._endpoint.respond(tx, 200, now, to_tag=caller.local_tag, headers=self._contact + TYPE, body=SDP)

    def AckReceived(self, item: AckReceived, now: float) -> None:
        found = self._dialogs.get(item.message.to_tag)
        if found is not None and found[0].receive(item.message) == 0:
            self._endpoint.acknowledged(found[1][2], now)

    def CancelReceived(self, item: CancelReceived, now: float) -> None:
        self._endpoint.respond(item.transaction, 487, now)

    def _bye(self, tx: ServerTransaction, message: wire.Message, now: float) -> None:
        found = self._dialogs.get(message.to_tag)
        if found is None or found[0].receive(message):
            self._endpoint.reject(tx, 481, now)
            return
        self._endpoint.respond(tx, 200, now)
        caller, callee, _ = found[1]
        found[1].clear()
        del self._dialogs[caller.local_tag], self._dialogs[callee.local_tag]
        callee.request(self._endpoint, "BYE", now)


def _account() -> Account:
    return Account("alice", digest.ha1("alice", "pbx.test", "x"), digest.ha1("alice", "pbx.test", "x", "SHA-256"))


def _alice(method: str, number: int, cseq: int, *, to_tag: str = "", headers: str = "", body: bytes = b"") -> bytes:
    return wire.request(
        method,
        "sip:bob@pbx.test",
        via=f"SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{number}-{cseq}{method if method == 'BYE' else ''};rport",
        from_=f'"Alice" <sip:alice@pbx.test>;tag=a{number}',
        to="<sip:bob@pbx.test>" + (f";tag={to_tag}" if to_tag else ""),
        call_id=f"call-{number}@192.0.2.7",
        cseq=cseq,
        headers=PHONE.format(user="alice", host="192.0.2.7") + headers,
        body=body,
    )


def _bob(sent: Send, status: int, body: bytes = b"") -> bytes:
    headers = PHONE.format(user="bob", host="192.0.2.8") + (TYPE if body else "")
    return wire.response(wire.parse(sent.data, BOB), status, to_tag="bob", headers=headers, body=body)


def _call(exchange: Exchange, number: int, now: float, timed: Stopwatch) -> int:
    """One call; the number of messages that went in and out."""
    first = _alice("INVITE", number, 1, headers=TYPE, body=SDP)
    (refused,) = timed(exchange.receive, first, ALICE, now)
    answer = wire.parse(refused.data, ALICE)
    count = 2 + len(timed(exchange.receive, _alice("ACK", number, 1, to_tag=answer.to_tag), ALICE, now)) + 1
    offered = digest.parse_challenge(answer.headers["www-authenticate"][-1])
    assert offered is not None
    proof = digest.authorization(offered, "alice", "x", "INVITE", "sip:bob@pbx.test", f"cn{number}")
    second = _alice("INVITE", number, 2, headers=f"Authorization: {proof}\r\n{TYPE}", body=SDP)
    trying, invite = timed(exchange.receive, second, ALICE, now)
    timed(exchange.receive, _bob(invite, 100), BOB, now)
    assert len(timed(exchange.receive, _bob(invite, 180), BOB, now)) == 1
    ack, accepted = timed(exchange.receive, _bob(invite, 200, SDP), BOB, now)
    to_tag = wire.parse(accepted.data, ALICE).to_tag
    assert (
        timed(exchange.receive, _alice("ACK", number, 3, to_tag=to_tag).replace(b"3 ACK", b"2 ACK"), ALICE, now) == []
    )
    done, bye = timed(exchange.receive, _alice("BYE", number, 3, to_tag=to_tag), ALICE, now)
    assert timed(exchange.receive, _bob(bye, 200), BOB, now) == []
    return count + 1 + len((trying, invite)) + 1 + 2 + 1 + len((ack, accepted)) + 1 + 1 + len((done, bye)) + 1


def run(calls: int = 3_000) -> dict[str, Any]:
    """Figures in microseconds; the best of thirty batches, because machines are noisy."""
    endpoint = Endpoint(_Entropy(1), LISTENERS)
    exchange = Exchange(endpoint, {"alice": _account()})
    now, messages, batch = 1.0, 0, max(1, calls // 30)
    per_call, per_message, per_copy = [], [], []
    for start in range(0, calls, batch):
        timed = Stopwatch()
        for number in range(start, start + batch):
            messages = _call(exchange, number, now, timed)
            now += 0.001
            assert timed(exchange.expire, now) == []
        per_call.append(timed.seconds / batch * 1e6)
        requests = [_alice("OPTIONS", number, 9) for number in range(start, start + batch)]
        for figures in (per_message, per_copy):
            timed = Stopwatch()
            for data in requests:
                assert len(timed(exchange.receive, data, ALICE, now)) == 1
            figures.append(timed.seconds / batch * 1e6)
        timed = Stopwatch()
        now += 40.0
        timed(exchange.expire, now)
        timed(exchange.expire, now)
        per_call[-1] += timed.seconds / batch * 1e6 * 0.8
        per_message[-1] += timed.seconds / batch * 1e6 * 0.2
    core = endpoint._core
    assert not (core.servers or core.clients or core.by_flow or exchange._dialogs), "something was left behind"
    return {
        "message_us": round(min(per_message), 2),
        "retransmission_us": round(min(per_copy), 2),
        "call_us": round(min(per_call), 1),
        "call_messages": messages,
        "call_message_us": round(min(per_call) / messages, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=3_000)
    print(json.dumps(run(parser.parse_args().calls), indent=2))


if __name__ == "__main__":
    main()
