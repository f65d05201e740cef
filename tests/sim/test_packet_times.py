"""Packet times of both sides (RFC 4566): phones are asked for what the other one wants, so that nothing need be made anew."""

from __future__ import annotations

import re
from typing import Any

import pytest

from media.engine import Engine
from media.terms import relayable
from tests.sim.phone import Line, VirtualPhone
from tests.sim.world import World, site


def speaks(phone: VirtualPhone, ptime: str, maxptime: str = "") -> None:
    """What the phone writes into its descriptions; "as asked": the packet time of the offer it answers."""
    plain = phone.sdp

    def timed(line: Line, **more: Any) -> bytes:
        wanted = ptime
        if ptime == "as asked" and line.invite is not None:
            wanted = re.search(rb"a=ptime:(\d+)", line.invite.body)[1].decode()  # type: ignore[index]
        lines = (f"a=ptime:{wanted}\r\n" if wanted else "") + (f"a=maxptime:{maxptime}\r\n" if maxptime else "")
        return plain(line, **more) + lines.encode()

    phone.sdp = timed  # type: ignore[method-assign]


def talk(one: tuple[str, str], other: tuple[str, str]) -> tuple[World, Line, Line]:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    speaks(anna, *one)
    speaks(bob, *other)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "up"
    return w, line, bob.lines[0]


def opened(w: World, line: Line) -> Any:
    (port,) = [one.opened for one in w.worker.ports.values() if one.opened.port == line.rtp]
    return port


def asked(raw: Any) -> str:
    found = re.search(rb"a=ptime:(\d+)", raw.body)
    return found[1].decode() if found else ""


@pytest.mark.parametrize(
    "one, other, asks_one, asks_other, relays",
    [
        (("20", ""), ("20", ""), "20", "20", True),
        (("30", ""), ("as asked", ""), "30", "30", True),
        (("30", ""), ("", ""), "30", "30", True),
        (("", ""), ("40", ""), "40", "20", True),
        (("30", ""), ("20", ""), "20", "30", False),
        (("30", "60"), ("20", "150"), "20", "30", True),
        (("60", ""), ("20", "20"), "20", "60", False),
    ],
)
def test_who_is_asked_for_what(
    one: tuple[str, str], other: tuple[str, str], asks_one: str, asks_other: str, relays: bool
) -> None:
    w, line, there = talk(one, other)
    answer = next(raw for raw in line.phone.received if raw.status == 200 and raw.method == "INVITE")
    assert (asked(answer), asked(there.invite)) == (asks_one, asks_other)
    first, second = opened(w, line), opened(w, there)
    assert (first.max_ptime, second.max_ptime) == (int(one[1] or 0), int(other[1] or 0))
    assert w.hears(line) == "bridge:bob"
    terms = [Engine._terms(None, each) for each in (first, second)]  # type: ignore[arg-type]
    assert None not in terms and relayable(*terms) is relays  # type: ignore[arg-type]


def test_the_limit_of_one_phone_is_told_the_other() -> None:
    _, line, there = talk(("20", "40"), ("20", "80"))
    assert b"a=maxptime:40\r\n" in there.invite.body  # type: ignore[union-attr]
    answer = next(raw for raw in line.phone.received if raw.status == 200 and raw.method == "INVITE")
    assert b"a=maxptime:80\r\n" in answer.body
