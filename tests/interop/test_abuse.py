"""What strangers do to a switch that they can reach: none of it may stop it, leak from it, or show in its log as a fault."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
import secrets
import socket
import struct
import time
from collections import Counter
from pathlib import Path

import pytest

from .conftest import StartWirePhone
from .lab import Lab
from .sipharness.core import LOOPBACK
from .wiresip import Message, credentials

LAB = {"accounts": 10, "agents": 1, "tiers": 1}

# An address for each attack, so that what one is refused for does not touch the next.
PROBER, GUESSER, MUTATOR, INJECTOR = (f"127.44.76.{last}" for last in (1, 2, 3, 4))
NUMBERS = ("0", "-1", "+5", "1_000", "70000", "4294967296", "9" * 5000, "٣", "²", "nan", "1e400", "7\x0b", "7\x00", "")
HOSTS = (
    "a\0b",
    "www.example.com",
    "255.255.255.255",
    "0.0.0.0",
    "[::]",
    "224.0.0.1",
    "127.1",
    "0x7f.1",
    "x" * 300,
    "[",
)


def wire(host: str = LOOPBACK) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, 0))
    opened.settimeout(1.0)
    return opened


def request(method: str, source: socket.socket, lab: Lab, **parts: str) -> bytes:
    """A request in which any part can be replaced by nonsense."""
    host, port = source.getsockname()
    user = parts.get("user", "1000")
    via = parts.get("via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport")
    lines = [
        f"{method} {parts.get('uri', f'sip:{lab.domain}')} SIP/2.0",
        f"Via: {via}",
        f"From: <sip:{user}@{lab.domain}>;tag={secrets.token_hex(4)}",
        f"To: <sip:{user}@{lab.domain}>",
        f"Call-ID: {secrets.token_hex(8)}",
        f"CSeq: {parts.get('cseq', '1')} {method}",
        f"Contact: {parts.get('contact', f'<sip:{user}@{host}:{port}>')}",
        f"Max-Forwards: {parts.get('hops', '70')}",
    ]
    if more := parts.get("more"):
        lines.append(more)
    return ("\r\n".join(lines) + f"\r\nContent-Length: {parts.get('length', '0')}\r\n\r\n").encode()


def ask(source: socket.socket, lab: Lab, data: bytes) -> Message:
    source.sendto(data, lab.server)
    return Message.parse(source.recv(65_535), time.time())


def assert_alive(lab: Lab) -> None:
    """On a machine that is busy otherwise the answer may be 503 at first: that, too, is said by who is alive."""
    with wire() as source:
        statuses = [ask(source, lab, request("OPTIONS", source, lab)).status for _ in range(5)]
        assert set(statuses) <= {200, 503}


def answers(source: socket.socket) -> Counter[int]:
    """Statuses of all that has arrived."""
    found: Counter[int] = Counter()
    source.setblocking(False)
    while True:
        try:
            found[int(source.recv(65_535)[8:11])] += 1
        except BlockingIOError:
            return found


def test_numbers_and_hosts_that_are_none(lab: Lab) -> None:
    nonsense = [{"cseq": n} for n in NUMBERS] + [{"hops": n} for n in NUMBERS] + [{"length": n} for n in NUMBERS]
    nonsense += [{"more": f"{name}: {n}"} for name in ("Expires", "Session-Expires", "Content-Length") for n in NUMBERS]
    nonsense += [{"contact": f"<sip:a@{LOOPBACK}>;q={n};expires={n}"} for n in NUMBERS]
    for host, port in itertools.product((LOOPBACK, *HOSTS), ("5060", *NUMBERS)):
        nonsense.append({"via": f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{secrets.token_hex(4)};rport"})
        nonsense.append({"contact": f"<sip:a@{host}:{port}>"})
    with wire(PROBER) as source:
        for method in ("REGISTER", "INVITE", "BYE", "MESSAGE", "ACK", "CANCEL"):
            for parts in nonsense:
                source.sendto(request(method, source, lab, **parts), lab.server)
            assert_alive(lab)
        assert 500 not in answers(source)


def test_connections_reset_at_any_moment(lab: Lab) -> None:
    with wire() as source:
        message = request("OPTIONS", source, lab)
    for length in (0, 1, 80, len(message), len(message)):
        for _ in range(50):
            stream = socket.create_connection(lab.server)
            stream.sendall(message[:length])
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()
    assert_alive(lab)


async def test_guessing_a_password(lab: Lab, wirephone: StartWirePhone) -> None:
    account = lab.account(1)
    owner = await wirephone(account)

    def guess(source: socket.socket, password: str) -> int:
        """The status of a guess; 0 once nobody listens any more."""
        data = request("REGISTER", source, lab, user=account.user)
        try:
            challenges = ask(source, lab, data).all("www-authenticate")
        except TimeoutError:
            return 0
        proof = credentials(challenges, account.user, password, "REGISTER", f"sip:{lab.domain}")
        more = f"Authorization: {proof}"
        return ask(source, lab, request("REGISTER", source, lab, user=account.user, more=more)).status

    with wire(GUESSER) as source:
        source.settimeout(0.3)
        statuses = [guess(source, f"guess {number}") for number in range(24)]
        assert 10 <= statuses.count(401) <= 20 and set(statuses[:20]) <= {401, 403} and set(statuses[20:]) == {0}
        assert guess(source, account.password) == 0, "whoever guessed too often does not find the right one"
    assert (await owner.register()).status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_mutated_messages(lab: Lab, shared: Path, transport: str) -> None:
    chance = random.Random(1)
    corpus = [path.read_bytes() for path in sorted((shared / "corpora" / "rfc4475").rglob("*.dat"))]
    assert corpus
    pieces = [
        b"\0",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b'"',
        b"<",
        b";",
        b"%",
        b"\xc2\x85",
        b"4294967296",
        b"9" * 400,
        b"a" * 3000,
    ]
    with wire(MUTATOR) as source:
        for number in range(1000 if transport == "udp" else 300):
            data = bytearray(chance.choice(corpus))
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(len(data))
                data[at : at + chance.choice((0, 1, 20))] = chance.choice(pieces)
            if transport == "udp":
                source.sendto(bytes(data[:60_000]), lab.server)
            else:
                with socket.create_connection(lab.server) as stream:
                    stream.sendall(bytes(data))
            if number % 100 == 99:
                assert_alive(lab)
        assert 500 not in answers(source)


def test_pages_of_other_origins(lab: Lab) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        connection = http.client.HTTPConnection(LOOPBACK, lab.http_port, timeout=10)
        connection.request("GET", "/api/status", headers=headers)
        response = connection.getresponse()
        assert response.status in (403, 421) and b"version" not in response.read()
        connection.close()


async def test_media_of_strangers(lab: Lab, wirephone: StartWirePhone) -> None:
    phone = await wirephone(lab.account(2))
    call = phone.call(lab.extensions["echo"])
    await call.answered()
    await call.media.hears(5)
    assert call.media.remote is not None
    payload = b"\x66" * 160
    packet = struct.pack("!BBHII", 0x80, 8, 1, 160, 0x66) + payload
    with wire(INJECTOR) as stranger, wire() as neighbour:
        for source in (stranger, neighbour):
            for _ in range(50):
                with contextlib.suppress(ConnectionError):
                    source.sendto(packet, call.media.remote)
        await call.media.hears(20)
        for source in (stranger, neighbour):
            source.setblocking(False)
            with pytest.raises((BlockingIOError, ConnectionError)):
                source.recv(2048)
    assert payload not in [packet.payload for packet in call.media.received.packets]
    await call.hang_up()
