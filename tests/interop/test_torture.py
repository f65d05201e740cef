"""The torture messages of RFC 4475, byte for byte, over UDP and TCP: the right answer, and alive after each."""

from __future__ import annotations

import json
import re
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .lab import Lab
from .sipharness.core import LOOPBACK

LAB = {"accounts": 4, "agents": 1, "tiers": 1}

# Answers go to the host the request came from, at the port its Via names (RFC 3261 section 18.2.2). An address of its
# own has all those ports free.
TORTURER = "127.44.75.1"
WINDOW = 0.7  # seconds to wait for an answer
LIVELY = 1.0  # seconds within which OPTIONS is answered afterwards
LISTS = ("accept", "tolerate", "reject")

# Answers that say: parsed and understood, the reason is another than syntax.
PROCESSED = {401, 402, 403, 404, 405, 406, 407, 408, 410, 415, 416, 420, 421, 423, 480, 481, 482, 483, 484, 485}
PROCESSED |= {486, 487, 488, 489, 491, 494, 502, 503, 504}


# A stream has no end of a datagram: without Content-Length the message is refused and the connection closed
# (RFC 3261 section 20.14), where a datagram of the same bytes is a good INVITE of RFC 2543.
STREAM_ACCEPTS = {"inv2543.dat": ["400", "close"]}


def matches(outcome: str, expected: str) -> bool:
    """Whether an outcome (a status, "silence", "close") falls under an entry of the index."""
    if not outcome.isdigit():
        return outcome == expected
    if expected == "processed":
        return outcome[0] in "1236" or int(outcome) in PROCESSED
    return outcome == expected or (expected.endswith("xx") and outcome[0] == expected[0])


def verdict(item: dict[str, Any], outcome: str) -> str:
    """Which list of the index the outcome is in; one that is in none is rejected."""
    for name in LISTS:
        if any(matches(outcome, expected) for expected in item[name]):
            return name
    return "reject"


def sent_by_port(data: bytes) -> int:
    """The port of the top Via, 5060 if it names none that can be had."""
    match = re.search(rb"^(?:via|v)\s*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+[^\s;,:]+\s*(?::\s*(\d+))?", data, re.I | re.M)
    port = int(match[1] or 0) if match else 0
    return port if 1024 <= port <= 65_535 else 5060


def statuses(data: bytes) -> Iterator[int]:
    return (int(code) for code in re.findall(rb"^SIP/2\.0 (\d{3}) ", data, re.M))


def best(found: list[int]) -> str:
    """The final response if there is one; a provisional one counts as an answer, too."""
    return str(max(found, key=lambda code: (code >= 200, code))) if found else "silence"


def over_udp(lab: Lab, data: bytes) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.bind((TORTURER, sent_by_port(data)))
        wire.sendto(data, lab.server)
        found: list[int] = []
        deadline = time.monotonic() + WINDOW
        while (left := deadline - time.monotonic()) > 0 and not any(code >= 200 for code in found):
            wire.settimeout(left)
            try:
                found += statuses(wire.recv(65_535))
            except TimeoutError:
                break
        return best(found)


def over_tcp(lab: Lab, data: bytes) -> str:
    with socket.create_connection(lab.server, 2, source_address=(TORTURER, 0)) as wire:
        wire.sendall(data)
        received, closed = b"", False
        deadline = time.monotonic() + WINDOW
        while (left := deadline - time.monotonic()) > 0 and not any(code >= 200 for code in statuses(received)):
            wire.settimeout(left)
            try:
                chunk = wire.recv(65_535)
            except TimeoutError:
                break
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                closed = True
                break
            received += chunk
        found = list(statuses(received))
        return "close" if closed and not found else best(found)


def is_alive(lab: Lab, number: int) -> bool:
    """Whether OPTIONS, the ping of SIP, is answered in time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((LOOPBACK, 0))
        wire.settimeout(LIVELY)
        port = wire.getsockname()[1]
        lines = [
            f"OPTIONS sip:{lab.domain} SIP/2.0",
            f"Via: SIP/2.0/UDP {LOOPBACK}:{port};branch=z9hG4bKalive{number}{time.monotonic_ns()}",
            f"From: <sip:torturer@{lab.domain}>;tag=alive",
            f"To: <sip:{lab.domain}>",
            f"Call-ID: alive-{number}-{time.monotonic_ns()}@{LOOPBACK}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        wire.sendto("\r\n".join([*lines, "", ""]).encode(), lab.server)
        try:
            return wire.recv(65_535).startswith(b"SIP/2.0 ")
        except TimeoutError:
            return False


@pytest.mark.timeout(240)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_torture(lab: Lab, shared: Path, transport: str) -> None:
    corpus = shared / "corpora" / "rfc4475"
    items = json.loads((corpus / "index.json").read_text())["items"]
    attack = {"udp": over_udp, "tcp": over_tcp}[transport]
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    assert is_alive(lab, 0)
    for number, item in enumerate(items, 1):
        outcome = attack(lab, (corpus / item["file"]).read_bytes())
        if transport == "tcp" and (accepted := STREAM_ACCEPTS.get(item["file"])):
            item |= {"accept": accepted, "reject": []}
        found = verdict(item, outcome)
        tally[found] += 1
        if found == "reject":
            wrong.append(f"{item['file']} ({item['title']}): {outcome}, wanted {' '.join(item['accept'])}")
        assert is_alive(lab, number), f"silent after {item['file']}"
        lab.assert_healthy()
    print(f"RFC 4475 over {transport}: {dict(tally)} of {len(items)}")
    assert wrong == []
    assert tally["accept"] >= 0.75 * len(items)
