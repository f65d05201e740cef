"""S9: twenty thousand calls of strangers, each another transaction, against a running switch: it keeps nothing of them."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from .lab import Lab

LAB = {"accounts": 4, "agents": 1, "tiers": 1}

FLOODER = "127.44.78.1"
FIRST, CALLS = 6_000, 20_000  # caches are full after the first
MAY_GROW = 2 << 20  # octets


def resident(lab: Lab) -> int:
    """Octets of memory that the switch's process has."""
    assert lab._process is not None
    status = Path(f"/proc/{lab._process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def invite(lab: Lab, transport: str, source: tuple[str, int], number: int) -> bytes:
    host, port = source
    return (
        f"INVITE sip:{number}@{lab.domain} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch=z9hG4bK{transport}{number};rport\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{number}@{lab.domain}>;tag={number}\r\nTo: <sip:{number}@{lab.domain}>\r\n"
        f"Call-ID: {transport}{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:{number}@{host}:{port}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def flood(lab: Lab, wire: socket.socket, transport: str, numbers: range) -> None:
    """Send, and read what comes back now and then, so that nobody's buffers are what is measured."""
    source = wire.getsockname()
    for number in numbers:
        wire.send(invite(lab, transport, source, number))
        if number % 10 == 9:
            with contextlib.suppress(TimeoutError):
                wire.recv(65_535)
                wire.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while wire.recv(65_535):
                        pass
            wire.settimeout(2.0)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_s9_unanswerable_calls_cost_no_memory(lab: Lab, transport: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as wire:
        wire.bind((FLOODER, 0))
        wire.settimeout(2.0)
        wire.connect(lab.server)
        flood(lab, wire, transport, range(FIRST))
        before = resident(lab)
        flood(lab, wire, transport, range(FIRST, FIRST + CALLS))
        assert resident(lab) - before < MAY_GROW, f"{(resident(lab) - before) >> 10} KiB"
    assert lab.command("status")["calls"] == 0
