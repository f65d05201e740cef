from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.effects import Expect, Flow, Resolve
from softswitch.errors import ParseError
from softswitch.sip import locate
from softswitch.sip.listener import Listener
from softswitch.sip.locate import (
    Located,
    Locator,
    Naptr,
    Question,
    Resolved,
    Server,
    Srv,
    Target,
    by_weight,
    flow_to,
    goes_on,
)

LISTENERS = (Listener("udp", "0.0.0.0", 5060), Listener("tcp", "0.0.0.0", 5060), Listener("tls", "0.0.0.0", 5061))


@dataclass
class Dice:
    """Entropy that gives the numbers it was told to, then zeros."""

    numbers: list[int] = field(default_factory=list)

    def token(self) -> str:
        return "0" * 16

    def below(self, n: int) -> int:
        return (self.numbers.pop(0) if self.numbers else 0) % n


@dataclass
class Asker:
    """A trunk: asks, and is told."""

    told: list[Located] = field(default_factory=list)

    def located(self, located: Located, now: float) -> None:
        self.told.append(located)


@dataclass
class World:
    """A locator with a DNS of the test's own: (kind, name) -> records or an error."""

    zone: dict[tuple[str, str], Any]
    ttl: float = 60.0
    dice: Dice = field(default_factory=Dice)
    listeners: tuple[Listener, ...] = LISTENERS
    asked: list[tuple[str, str]] = field(default_factory=list)
    expected: list[Expect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.locator = Locator(self.dice, self.listeners)

    def locate(self, target: str | Target, now: float = 0.0) -> Located:
        asker = Asker()
        self.locator.locate(Target.parse(target) if isinstance(target, str) else target, asker, now)
        self.run(now)
        assert len(asker.told) == 1
        return asker.told[0]

    def run(self, now: float) -> None:
        while items := self.locator.drain():
            for item in items:
                if isinstance(item, Resolve):
                    self.asked.append((item.kind, item.name))
                    found = self.zone.get((item.kind, item.name), ())
                    answer = Resolved(item.kind, item.name, error=found) if isinstance(found, str) else Resolved(
                        item.kind, item.name, tuple(found), self.ttl
                    )  # fmt: skip
                    self.locator.resolved(answer, now)
                elif isinstance(item, Located):
                    item.owner.located(item, now)
                else:
                    assert isinstance(item, Expect)
                    self.expected.append(item)


def places(located: Located) -> list[tuple[str, str, int]]:
    return [(server.transport, server.host, server.port) for server in located.servers]


# --- what a configuration may say ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("trunk.example", Target("trunk.example")),
        ("Trunk.Example.:5080", Target("trunk.example", 5080)),
        ("sip:trunk.example;transport=TCP", Target("trunk.example", 0, "tcp")),
        ("sips:trunk.example", Target("trunk.example", 0, "tls")),
        ("192.0.2.1:5080", Target("192.0.2.1", 5080)),
        ("[2001:DB8::1]", Target("2001:db8::1")),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert Target.parse(text) == target


@pytest.mark.parametrize(
    "text", ["", "sip:", "trunk example", "trunk.example;transport=ws", "tel:+48221234567", "127.1..", "a:70000"]
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(ParseError):
        Target.parse(text)


# --- RFC 3263 section 4 -----------------------------------------------------------------------------------------------------


def test_a_numeric_address_is_not_looked_up() -> None:
    world = World({})
    assert places(world.locate("192.0.2.1")) == [("udp", "192.0.2.1", 5060)]
    assert places(world.locate("sips:192.0.2.1")) == [("tls", "192.0.2.1", 5061)]
    assert places(world.locate("sip:[2001:db8::1]:5080;transport=tcp")) == [("tcp", "2001:db8::1", 5080)]
    assert world.asked == []


def test_a_port_means_no_naptr_and_no_srv() -> None:
    world = World({("A", "trunk.example"): ["192.0.2.1", "192.0.2.2"]})
    assert places(world.locate("trunk.example:5080")) == [("udp", "192.0.2.1", 5080), ("udp", "192.0.2.2", 5080)]
    assert world.asked == [("A", "trunk.example")]


def test_naptr_chooses_the_transport() -> None:
    world = World({
        ("NAPTR", "example.net"): [
            Naptr(50, 50, "s", "SIP+D2T", "_sip._tcp.example.net"), Naptr(90, 50, "s", "SIP+D2U", "_sip._udp.example.net"),
            Naptr(10, 50, "S", "SIPS+D2T", "_sips._tcp.example.net"), Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.net"),
            Naptr(2, 1, "u", "E2U+sip", "elsewhere.example"),
        ],
        ("SRV", "_sips._tcp.example.net"): [Srv(0, 1, 5061, "a.example.net")],
        ("SRV", "_sip._tcp.example.net"): [Srv(0, 1, 5060, "b.example.net"), Srv(1, 1, 5060, "a.example.net")],
        ("A", "a.example.net"): ["192.0.2.1"],
        ("A", "b.example.net"): ["192.0.2.2"],
    })  # fmt: skip
    located = world.locate("example.net")
    assert places(located) == [("tls", "192.0.2.1", 5061), ("tcp", "192.0.2.2", 5060), ("tcp", "192.0.2.1", 5060)]
    assert {server.name for server in located.servers} == {"example.net"}
    # RFC 5922: the certificate is that of the domain, not of the host that the DNS (which anybody may forge) led us to.
    assert world.expected == [Expect(Flow("tls", "192.0.2.1", 5061, 2), "example.net")]
    assert not any("sctp" in name or "elsewhere" in name for _, name in world.asked)


def test_without_naptr_srv_is_asked_for_every_transport() -> None:
    world = World({
        ("SRV", "_sip._tcp.example.net"): [Srv(0, 1, 5070, "a.example.net")],
        ("A", "a.example.net"): ["192.0.2.1"],
    })  # fmt: skip
    assert places(world.locate("example.net")) == [("tcp", "192.0.2.1", 5070)]
    assert [name for kind, name in world.asked if kind == "SRV"] == [
        "_sip._udp.example.net", "_sip._tcp.example.net", "_sips._tcp.example.net",
    ]  # fmt: skip


def test_without_srv_the_name_itself_is_the_host() -> None:
    world = World({("A", "example.net"): ["192.0.2.1"]})
    assert places(world.locate("example.net")) == [("udp", "192.0.2.1", 5060)]
    assert places(world.locate("sips:example.net")) == [("tls", "192.0.2.1", 5061)]


def test_a_service_that_is_not_offered() -> None:
    world = World({("SRV", "_sip._tcp.example.net"): [Srv(0, 0, 0, "")], ("A", "example.net"): ["192.0.2.1"]})
    located = world.locate("sip:example.net;transport=tcp")
    assert located.servers == () and "example.net" in located.error


def test_ipv4_first_and_ipv6_only_where_we_have_it() -> None:
    zone = {("A", "a.example"): ["192.0.2.1"], ("AAAA", "a.example"): ["2001:db8::1"]}
    assert places(World(zone).locate("a.example:5060")) == [("udp", "192.0.2.1", 5060)]
    both = World(zone, listeners=(*LISTENERS, Listener("udp", "::", 5060)))
    assert places(both.locate("a.example:5060")) == [("udp", "192.0.2.1", 5060), ("udp", "2001:db8::1", 5060)]


def test_nowhere_that_must_not_be_sent_to() -> None:
    world = World({
        ("SRV", "_sip._udp.example.net"): [Srv(0, 1, 5060, "bad name"), Srv(0, 1, 0, "a.example"), Srv(1, 1, 5060, "a.example")],
        ("A", "a.example"): ["224.0.0.1", "0.0.0.0", "127.1", "192.0.2.7"],
    })  # fmt: skip
    assert places(world.locate("sip:example.net;transport=udp")) == [("udp", "192.0.2.7", 5060)]


# --- RFC 2782 -----------------------------------------------------------------------------------------------------------------


def test_by_priority_and_at_random_by_weight() -> None:
    heavy, light, backup = Srv(1, 3, 5060, "heavy"), Srv(1, 1, 5060, "light"), Srv(2, 100, 5060, "backup")
    first = Counter(by_weight([backup, light, heavy], Dice([drawn]))[0].target for drawn in range(5))
    assert first == {"heavy": 2, "light": 3} or first == {"heavy": 4, "light": 1} or first == {"heavy": 3, "light": 2}
    assert by_weight([backup, light, heavy], Dice())[-1] == backup


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=12),
    st.lists(st.integers(0, 10**6), max_size=12),
)
def test_every_record_once_and_never_against_its_priority(ranks: list[tuple[int, int]], numbers: list[int]) -> None:
    records = [Srv(priority, weight, 5060, f"h{index}") for index, (priority, weight) in enumerate(ranks)]
    ordered = by_weight(records, Dice(numbers))
    assert sorted(ordered) == sorted(records)
    assert [one.priority for one in ordered] == sorted(one.priority for one in records)


def test_shares_follow_the_weights() -> None:
    records = [Srv(0, 60, 5060, "a"), Srv(0, 20, 5060, "b"), Srv(0, 20, 5060, "c"), Srv(0, 0, 5060, "never-nearly")]
    first = Counter(by_weight(records, Dice([drawn]))[0].target for drawn in range(101))
    assert first["a"] == 60 and first["b"] == 20 and first["c"] == 20 and first["never-nearly"] == 1


# --- cache, failure, failover ------------------------------------------------------------------------------------------------


def test_answers_are_kept_as_long_as_they_say() -> None:
    world = World({("A", "a.example"): ["192.0.2.1"]}, ttl=60.0)
    for now in (0.0, 1.0, 59.9):
        assert places(world.locate("a.example:5060", now))
    assert len(world.asked) == 1
    world.locate("a.example:5060", 60.1)
    assert len(world.asked) == 2
    assert world.locator.counters.cached == 2 and world.locator.counters.lookups == 2


def test_a_ttl_of_zero_does_not_make_every_call_a_lookup() -> None:
    world = World({("A", "a.example"): ["192.0.2.1"]}, ttl=0.0)
    world.locate("a.example:5060", 0.0)
    world.locate("a.example:5060", locate.LEAST_TTL - 0.1)
    assert len(world.asked) == 1


def test_an_old_answer_is_better_than_none() -> None:
    world = World({("A", "a.example"): ["192.0.2.1"]}, ttl=60.0)
    world.locate("a.example:5060", 0.0)
    world.zone = {("A", "a.example"): "every name server refused or failed"}
    assert places(world.locate("a.example:5060", 3_600.0)) == [("udp", "192.0.2.1", 5060)]
    assert world.locator.counters.stale == 1
    late = world.locate("a.example:5060", 60.0 + locate.STALE + 100.0)
    assert late.servers == () and late.error == "every name server refused or failed"


def test_a_dead_name_server_is_not_asked_for_every_call() -> None:
    world = World({("A", "a.example"): "no name server answered in time"})
    for now in (0.0, 1.0, 2.0):
        assert world.locate("a.example:5060", now).error == "no name server answered in time"
    assert len(world.asked) == 1


def test_a_lookup_that_is_never_answered_ends() -> None:
    world = World({})
    asker = Asker()
    world.locator.locate(Target("a.example", 5060), asker, 0.0)
    assert [type(item) for item in world.locator.drain()] == [Resolve]
    assert world.locator.next_deadline() == locate.LOOKUP_TIMEOUT
    world.locator.expire(locate.LOOKUP_TIMEOUT)
    world.run(locate.LOOKUP_TIMEOUT)
    assert asker.told[0].servers == () and asker.told[0].error
    assert world.locator.next_deadline() is None
    world.locator.resolved(Resolved("A", "a.example", ("192.0.2.1",), 60.0), 11.0)  # too late: dropped
    assert world.locator.drain() == []


def test_two_who_want_the_same_ask_once() -> None:
    world = World({("A", "a.example"): ["192.0.2.1"]})
    askers = [Asker(), Asker()]
    for asker in askers:
        world.locator.locate(Target("a.example", 5060), asker, 0.0)
    world.run(0.0)
    assert world.asked == [("A", "a.example")]
    assert [len(asker.told) for asker in askers] == [1, 1]


def test_a_server_that_failed_comes_last_for_a_while() -> None:
    world = World({("A", "a.example"): ["192.0.2.1", "192.0.2.2"]}, ttl=10_000.0)
    first = world.locate("a.example:5060").servers[0]
    assert first.host == "192.0.2.1"
    world.locator.failed(first, 0.0)
    assert places(world.locate("a.example:5060", 1.0))[0][1] == "192.0.2.2"
    assert places(world.locate("a.example:5060", locate.PENALTY + 1.0))[0][1] == "192.0.2.1"
    world.locator.failed(first, 100.0)
    world.locator.works(first)
    assert places(world.locate("a.example:5060", 101.0))[0][1] == "192.0.2.1"


def test_too_many_lookups_are_refused_not_queued() -> None:
    world = World({})
    for number in range(locate.MAX_LOOKUPS):
        world.locator.locate(Target(f"h{number}.example", 5060), Asker(), 0.0)
    asker = Asker()
    world.locator.locate(Target("one-more.example", 5060), asker, 0.0)
    told = [item for item in world.locator.drain() if isinstance(item, Located)]
    assert [item.owner for item in told] == [asker] and told[0].error == "too many lookups"


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "MAX_CACHED", 8)
    world = World({})
    for number in range(50):
        world.locate(f"h{number}.example:5060")
    assert len(world.locator._cache) == 8
    assert Question("A", "h49.example") in world.locator._cache


@pytest.mark.parametrize(
    ("status", "next_one"), [(408, True), (503, True), (404, False), (486, False), (500, False), (600, False)]
)
def test_what_another_server_may_do_better(status: int, next_one: bool) -> None:
    assert goes_on(status) is next_one


def test_flows() -> None:
    assert flow_to(Server("udp", "192.0.2.1", 5060, "x"), LISTENERS) == Flow("udp", "192.0.2.1", 5060, 0)
    assert flow_to(Server("tls", "192.0.2.1", 5061, "x"), LISTENERS) == Flow("tls", "192.0.2.1", 5061, 2)
    assert flow_to(Server("udp", "2001:db8::1", 5060, "x"), LISTENERS) is None
    local = (Listener("udp", "127.0.0.1", 5060), Listener("udp", "192.0.2.9", 5060))
    assert flow_to(Server("udp", "192.0.2.1", 5060, "x"), local) == Flow("udp", "192.0.2.1", 5060, 1)
    assert flow_to(Server("udp", "127.0.0.1", 5080, "x"), local) == Flow("udp", "127.0.0.1", 5080, 0)
