"""Trunks as peers: where they send from, what they are named by, what they take a second."""

from __future__ import annotations

import random

import pytest

from softswitch.effects import Flow
from softswitch.outside import Trunk
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.line import Line, target_of
from softswitch.sip.listener import Listener
from softswitch.sip.locate import Located, Locator, Server, Target
from softswitch.sip.trunks import Trunks

LISTENERS = (Listener("udp", "192.0.2.1", 5060), Listener("tcp", "192.0.2.1", 5060), Listener("udp", "127.0.0.1", 5060))


class Dice:
    def __init__(self) -> None:
        self._rng = random.Random(7)

    def token(self) -> str:
        return f"{self._rng.getrandbits(64):016x}"

    def below(self, n: int) -> int:
        return self._rng.randrange(n)


def trunks(**config: object) -> Trunks:
    """One trunk, located."""
    dice = Dice()
    found = Trunks(Endpoint(dice, LISTENERS), dice, Locator(dice, LISTENERS))
    found.configure({"t": Trunk("t", **config)}, 0.0)  # type: ignore[arg-type]
    settle(found)
    return found


def settle(found: Trunks) -> None:
    for item in found.locator.drain():
        if isinstance(item, Located):
            item.owner.located(item, 0.0)


@pytest.mark.parametrize(("flow", "known"), [
    (Flow("udp", "203.0.113.5", 5060), True), (Flow("udp", "203.0.113.5", 61_000), True),
    (Flow("tcp", "203.0.113.5", 61_000, 1), True), (Flow("udp", "203.0.113.6", 5060), False),
    (Flow("udp", "198.51.100.9", 5060), True), (Flow("udp", "198.51.100.200", 5060), False),
    (Flow("udp", "2001:db8::7", 5060), True), (Flow("udp", "127.0.0.1", 5080, 2), True),
    (Flow("udp", "127.0.0.1", 5081, 2), False),
])  # fmt: skip
def test_where_it_sends_from(flow: Flow, known: bool) -> None:
    found = trunks(servers=("203.0.113.5", "127.0.0.1:5080"), accept=("198.51.100.0/25", "2001:db8::7"))
    assert found.knows(flow) is known
    assert found.sends("t", flow) is known
    assert not found.sends("another", flow)


@pytest.mark.parametrize(("text", "target"), [
    ("sip.example.com", Target("sip.example.com")), ("192.0.2.9:5080", Target("192.0.2.9", 5080)),
    ("2001:db8::1", Target("2001:db8::1")), ("sip:x.example;transport=tcp", Target("x.example", 0, "tcp")),
    ("sips:x.example", Target("x.example", 0, "tls")),
])  # fmt: skip
def test_a_server_as_the_site_names_it(text: str, target: Target) -> None:
    assert target_of(text) == target


def test_no_more_calls_a_second_than_it_takes() -> None:
    found = trunks(servers=("203.0.113.5",), calls_per_second=2.0)
    assert [found.admits("t", 10.0) for _ in range(4)] == [True, True, False, False]
    assert found.admits("t", 10.6)
    assert not found.admits("another", 10.6)


def test_a_server_without_a_listener_says_what_to_do() -> None:
    found = trunks(servers=("sips:203.0.113.5",))
    assert found.ways(["t"], 0.0) == []
    assert "tls listener" in found.view(0.0)[0]["error"]


def test_other_settings_do_not_disturb_the_line() -> None:
    found = trunks(servers=("203.0.113.5",), user="a")
    line: Line = found.lines["t"]
    found.configure({"t": Trunk("t", ("203.0.113.5",), user="a", max_calls=9, dids={"1": "echo"})}, 1.0)
    assert found.lines["t"] is line and line.config.max_calls == 9
    found.configure({"t": Trunk("t", ("203.0.113.5",), user="b")}, 2.0)
    assert found.lines["t"] is not line
    found.configure({}, 3.0)
    assert not found.lines and found.next_deadline() is None


def test_who_spares_trunks_is_told_where_they_are() -> None:
    """SEC-05: also of names, whose addresses the DNS knows."""
    dice = Dice()
    found = Trunks(Endpoint(dice, LISTENERS), dice, Locator(dice, LISTENERS))
    told: list[list[str]] = []
    found.moved = lambda: told.append(found.hosts())
    found.configure({"t": Trunk("t", ("sip.example.com",), accept=("media.example.com",))}, 0.0)
    line = found.lines["t"]
    line.located(
        Located(Target("sip.example.com"), line, (Server("udp", "203.0.113.5", 5060, "sip.example.com"),)), 1.0
    )
    line.located(
        Located(Target("media.example.com"), line, (Server("udp", "203.0.113.9", 5060, "media.example.com"),)), 1.0
    )
    assert told[-1] == ["203.0.113.5", "203.0.113.9"]
    assert found.knows(Flow("udp", "203.0.113.9", 5060)) and not found.knows(Flow("udp", "203.0.113.10", 5060))
    assert [way.host for way in found.ways(["t"], 1.0)] == ["sip.example.com"]
