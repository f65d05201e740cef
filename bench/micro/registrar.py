"""The registrar and the whole REGISTER cycle without sockets, in microseconds.

    python -m bench.micro.registrar [--phones 2000]

`bind_us` a first registration, `refresh_us` the same phone again, `lookup_us` the bindings of one AOR; `cycle_us` is everything
between two datagrams in and two out: REGISTER, 401 with two challenges, REGISTER with credentials (SHA-256), 200.
"""

from __future__ import annotations

import argparse
import json
import random
from time import perf_counter
from typing import Any

from softswitch.directory import Account
from softswitch.effects import Flow, Send
from softswitch.sip import digest
from softswitch.sip import message as wire
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge
from softswitch.sip.endpoint import Endpoint, RequestReceived
from softswitch.sip.listener import Listener
from softswitch.sip.registrar import Registrar

REALM = "pbx.test"
PHONE = (
    'Contact: <sip:{user}@192.0.2.7:{port};transport=udp>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-{port:012x}>"\r\n'
    "User-Agent: Desk phone 66.85.0.5\r\nSupported: path\r\nExpires: 3600\r\nAllow-Events: talk,hold,conference\r\n"
    "Allow: INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, PUBLISH, UPDATE, MESSAGE\r\n"
)


class _Entropy:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._random.randrange(n)


def _register(number: int, cseq: int, headers: str = "") -> bytes:
    user = f"{1000 + number}"
    address = f'"{user}" <sip:{user}@{REALM}>'
    return wire.request(
        "REGISTER", f"sip:{REALM}", via=f"SIP/2.0/UDP 192.0.2.7:{10000 + number};branch=z9hG4bK{number}-{cseq};rport",
        from_=f"{address};tag=t{number}", to=address, call_id=f"reg-{number}@192.0.2.7", cseq=cseq,
        headers=PHONE.format(user=user, port=10000 + number) + headers,
    )  # fmt: skip


def _flow(number: int) -> Flow:
    return Flow("udp", "192.0.2.7", 10000 + number)


def run(phones: int = 2_000) -> dict[str, Any]:
    """Figures in microseconds; the best of batches of fifty, because machines are noisy."""
    accounts = {
        user: Account(user, digest.ha1(user, REALM, "x"), digest.ha1(user, REALM, "x", "SHA-256"))
        for user in (f"{1000 + number}" for number in range(phones))
    }
    registrar = Registrar()
    figures: dict[str, float] = {}
    for name, cseq in (("bind_us", 1), ("refresh_us", 2)):
        messages = [wire.parse(_register(number, cseq), _flow(number)) for number in range(phones)]
        best = float("inf")
        for start in range(0, phones, 50):
            batch = [(m, accounts[f"{1000 + start + i}"]) for i, m in enumerate(messages[start : start + 50])]
            begun = perf_counter()
            for message, account in batch:
                status, _ = registrar.register(message, account, float(cseq))
                registrar.drain()
            best = min(best, (perf_counter() - begun) / len(batch))
            assert status == 200
        figures[name] = best
    best = float("inf")
    for start in range(0, phones, 50):
        users = [f"{1000 + number}" for number in range(start, min(start + 50, phones))]
        begun = perf_counter()
        for user in users:
            assert registrar.bindings(user, 3.0)
        best = min(best, (perf_counter() - begun) / len(users))
    figures["lookup_us"] = best
    figures["cycle_us"] = _cycles(registrar, accounts, phones)
    return {name: round(seconds * 1e6, 2) for name, seconds in figures.items()} | {"bindings": len(registrar)}


def _cycles(registrar: Registrar, accounts: dict[str, Account], phones: int) -> float:
    endpoint = Endpoint(_Entropy(1), (Listener("udp", "198.51.100.1", 5060),))
    authenticator = Authenticator(REALM, b"k" * 32)

    def exchange(data: bytes, flow: Flow, now: float) -> bytes:
        sent = b""
        endpoint.receive(data, flow, now)
        while items := endpoint.drain():
            for item in items:
                if type(item) is Send:
                    sent = item.data
                    continue
                assert isinstance(item, RequestReceived)
                tx = item.transaction
                verdict = authenticator.check(item.message, accounts, now)
                if type(verdict) is Authenticated:
                    status, headers = registrar.register(item.message, verdict.account, now)
                    registrar.drain()
                    endpoint.respond(tx, status, now, headers=headers)
                elif type(verdict) is Challenge:
                    endpoint.reject(tx, verdict.status, now, headers=verdict.headers)
        return sent

    now, best = 10.0, float("inf")
    for start in range(0, phones, 50):
        spent, batch = 0.0, range(start, min(start + 50, phones))
        for number in batch:
            data, flow = _register(number, 3), _flow(number)
            begun = perf_counter()
            refused = exchange(data, flow, now)
            spent += perf_counter() - begun
            offered = digest.parse_challenge(wire.parse(refused, flow).header("www-authenticate"))
            assert offered is not None
            proof = digest.authorization(offered, f"{1000 + number}", "x", "REGISTER", f"sip:{REALM}", f"cn{number}")
            data = _register(number, 4, f"Authorization: {proof}\r\n")
            begun = perf_counter()
            answer = exchange(data, flow, now)
            spent += perf_counter() - begun
            assert answer.startswith(b"SIP/2.0 200 ")
            now += 0.001
        begun = perf_counter()
        now += 40.0
        endpoint.expire(now)
        spent += perf_counter() - begun
        best = min(best, spent / len(batch))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phones", type=int, default=2_000)
    print(json.dumps(run(parser.parse_args().phones), indent=2))


if __name__ == "__main__":
    main()
