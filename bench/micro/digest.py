"""Digest authentication: microseconds per challenge and per check.

    python -m bench.micro.digest [--rounds 3000]

`check_*_us` is the whole judgement of one request: credentials read, digest computed, nonce verified, proof remembered. The
figures for an unknown user and a wrong password must equal those of the right one, or users could be found out by the clock.
"""

from __future__ import annotations

import argparse
import json
from time import perf_counter
from typing import Any

from softswitch.directory import Account
from softswitch.effects import Flow
from softswitch.sip import digest
from softswitch.sip import message as wire
from softswitch.sip.authenticator import Authenticated, Authenticator
from softswitch.sip.message import Message

REALM = "pbx.test"
FLOW = Flow("udp", "192.0.2.7", 5060)
BATCH = 50


def _register(number: int, authorization: str = "") -> Message:
    data = wire.request(
        "REGISTER", f"sip:{REALM}", via=f"SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{number};rport",
        from_=f"<sip:alice@{REALM}>;tag=t", to=f"<sip:alice@{REALM}>", call_id="reg@192.0.2.7", cseq=number + 1,
        headers=f"Authorization: {authorization}\r\n" if authorization else "",
    )  # fmt: skip
    return wire.parse(data, FLOW)


def _best(rounds: int, work: Any, items: list[Any]) -> float:
    best = float("inf")
    for start in range(0, rounds, BATCH):
        batch = items[start : start + BATCH]
        begun = perf_counter()
        for item in batch:
            work(item)
        best = min(best, (perf_counter() - begun) / len(batch))
    return round(best * 1e6, 2)


def run(rounds: int = 3_000) -> dict[str, Any]:
    """Figures in microseconds; the best of batches of fifty, because machines are noisy."""
    accounts = {"alice": Account("alice", digest.ha1("alice", REALM, "x"), digest.ha1("alice", REALM, "x", "SHA-256"))}
    authenticator = Authenticator(REALM, b"k" * 32)
    asking = [_register(number) for number in range(rounds)]
    figures = {"challenge_us": _best(rounds, lambda m: authenticator.check(m, accounts, 1.0), asking)}
    lines = authenticator.challenge(asking[0], 1.0).headers.split("\r\n")
    offers = [digest.parse_challenge(line.partition(": ")[2]) for line in lines if line]
    for offered in offers:
        assert offered is not None
        name = offered.algorithm.lower().replace("-", "")
        for kind, user, password in (("", "alice", "x"), ("_wrong", "alice", "y"), ("_unknown", "nobody", "x")):
            requests = []
            for number in range(rounds):
                proof = digest.authorization(
                    offered, user, password, "REGISTER", f"sip:{REALM}", f"{kind}{number}", number + 1
                )
                requests.append(_register(number, proof))
            figures[f"check_{name}{kind}_us"] = _best(rounds, lambda m: authenticator.check(m, accounts, 2.0), requests)
            verdict = authenticator.check(requests[-1], accounts, 2.0)
            assert isinstance(verdict, Authenticated) is (kind == "")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3_000)
    print(json.dumps(run(parser.parse_args().rounds), indent=2))


if __name__ == "__main__":
    main()
