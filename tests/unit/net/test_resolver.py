"""The resolver against a name server of the test's own on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from softswitch.effects import Resolve
from softswitch.net.resolver import DnsSettings, Resolver
from softswitch.sip.listener import Listener
from softswitch.sip.locate import Located, Locator, Naptr, Resolved, Srv, Target

ZONE = {
    ("example.net.", "NAPTR"): [
        '10 5 "s" "SIP+D2U" "" _sip._udp.example.net.',
        '20 5 "s" "SIP+D2T" "" _sip._tcp.example.net.',
    ],
    ("_sip._udp.example.net.", "SRV"): ["1 10 5060 A.Example.Net.", "2 10 5070 b.example.net."],
    ("a.example.net.", "A"): ["192.0.2.1"],
    ("a.example.net.", "AAAA"): ["2001:db8::1"],
    ("b.example.net.", "A"): ["192.0.2.2"],
    ("none.example.net.", "SRV"): ["0 0 0 ."],
    ("alias.example.net.", "CNAME"): ["a.example.net."],
}
SOA = "ns.example.net. root.example.net. 1 7200 900 86400 30"


class NameServer(asyncio.DatagramProtocol):
    """Answers from the zone above; a name it does not know is NXDOMAIN, "silent..." gets no answer, "broken..." SERVFAIL."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # uvloop's does not inherit from it

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name.startswith("silent"):
            return
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.RA
        if name.startswith("broken"):
            reply.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(reply, name, kind)
        self.transport.sendto(reply.to_wire(), peer)

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        if alias := ZONE.get((name, "CNAME")):
            reply.answer.append(dns.rrset.from_text_list(name, 20, "IN", "CNAME", alias))
            name = alias[0]
        if records := ZONE.get((name, kind)):
            reply.answer.append(dns.rrset.from_text_list(name, 120, "IN", kind, records))
            return
        reply.authority.append(dns.rrset.from_text("example.net.", 600, "IN", "SOA", SOA))
        if not any(known == name for known, _ in ZONE):
            reply.set_rcode(dns.rcode.NXDOMAIN)


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield server
    transport.close()


class Told:
    """What the resolver answers."""

    def __init__(self, server: NameServer) -> None:
        host, port = server.transport.get_extra_info("sockname")
        self._answers: asyncio.Queue[Resolved] = asyncio.Queue()
        self.resolver = Resolver(self._answers.put_nowait, DnsSettings(((host, port),), timeout=0.3, lifetime=0.6))

    async def ask(self, kind: str, name: str) -> Resolved:
        self.resolver.perform(Resolve(kind, name))
        return await self.next()

    async def next(self) -> Resolved:
        async with asyncio.timeout(10):
            return await self._answers.get()


@pytest.fixture
async def told(server: NameServer) -> AsyncIterator[Told]:
    told = Told(server)
    yield told
    told.resolver.close()


async def test_every_kind_of_record(told: Told) -> None:
    assert await told.ask("A", "a.example.net") == Resolved("A", "a.example.net", ("192.0.2.1",), 120.0)
    assert (await told.ask("AAAA", "a.example.net")).records == ("2001:db8::1",)
    srv = await told.ask("SRV", "_sip._udp.example.net")
    assert set(srv.records) == {Srv(1, 10, 5060, "a.example.net"), Srv(2, 10, 5070, "b.example.net")}
    naptr = await told.ask("NAPTR", "example.net")
    assert Naptr(10, 5, "s", "SIP+D2U", "_sip._udp.example.net") in naptr.records
    assert (await told.ask("SRV", "none.example.net")).records == (Srv(0, 0, 0, ""),)


async def test_an_alias_lives_as_long_as_its_shortest_link(told: Told) -> None:
    assert await told.ask("A", "alias.example.net") == Resolved("A", "alias.example.net", ("192.0.2.1",), 20.0)


async def test_that_there_is_nothing_is_an_answer_too(told: Told) -> None:
    """RFC 2308: it lives as long as the smaller of the SOA's own time and its minimum."""
    assert await told.ask("AAAA", "b.example.net") == Resolved("AAAA", "b.example.net", (), 30.0)
    assert await told.ask("A", "missing.example.net") == Resolved("A", "missing.example.net", (), 30.0)


async def test_failures_say_why(told: Told) -> None:
    assert (await told.ask("A", "silent.example.net")).error == "no name server answered in time"
    assert (await told.ask("A", "broken.example.net")).error == "every name server refused or failed"
    assert (await told.ask("A", "x" * 70 + ".example.net")).error


async def test_the_whole_way(told: Told, server: NameServer) -> None:
    """Locator, resolver and name server together."""

    class Trunk:
        found: Located | None = None

        def located(self, located: Located, now: float) -> None:
            self.found = located

    class Entropy:
        def token(self) -> str:
            return "0" * 16

        def below(self, n: int) -> int:
            return 0

    locator, trunk = Locator(Entropy(), (Listener("udp", "0.0.0.0", 5060), Listener("tcp", "0.0.0.0", 5060))), Trunk()
    locator.locate(Target.parse("example.net"), trunk, 0.0)
    open_questions = 0
    while trunk.found is None:
        for item in locator.drain():
            if isinstance(item, Resolve):
                told.resolver.perform(item)
                open_questions += 1
            else:
                assert isinstance(item, Located)
                item.owner.located(item, 0.0)
        if open_questions:
            locator.resolved(await told.next(), 0.0)
            open_questions -= 1
    assert [(one.transport, one.host, one.port) for one in trunk.found.servers] == [
        ("udp", "192.0.2.1", 5060), ("udp", "192.0.2.2", 5070),
    ]  # fmt: skip
    assert ("example.net.", "NAPTR") in server.asked
