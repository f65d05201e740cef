"""The ways to put a call on hold (RFC 3264 section 8.4, RFC 6337 section 5.3), and what the other side hears meanwhile."""

from __future__ import annotations

import pytest

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.phone import Line
from tests.sim.world import World, site

ANSWERS = {"sendonly": "recvonly", "inactive": "inactive", "recvonly": "sendonly", "sendrecv": "sendrecv"}


def talking() -> tuple[World, ExtendedPhone, Line, ExtendedPhone, Line]:
    w = World(site("anna", "bob"))
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    return w, anna, line, bob, bob.lines[0]


@pytest.mark.parametrize("by", ["INVITE", "UPDATE"])
@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_hold_is_answered_in_kind_and_gives_music(direction: str, by: str) -> None:
    w, anna, line, _, there = talking()
    if by == "INVITE":
        anna.reinvite(line, direction)
    else:
        line.direction = direction
        anna.update(line, anna.sdp(line))
    w.run(1)
    answer = anna.heard(f"200 {by}")[-1]
    assert f"a={ANSWERS[direction]}".encode() in answer.body
    assert w.hears(there) == "music:default"
    (leg,) = [port.opened for port in w.worker.ports.values() if port.opened.port == line.rtp]
    assert (leg.send, leg.receive) == (False, direction == "sendonly")
    anna.reinvite(line, "sendrecv")
    w.run(1)
    assert w.hears(there) == "bridge:anna" and w.hears(line) == "bridge:bob"
    assert [event.name for event in w.switch.events if event.name in ("call.held", "call.resumed")] == [
        "call.held", "call.resumed"
    ]  # fmt: skip


def test_the_old_way_to_hold() -> None:
    """RFC 2543: the address 0.0.0.0."""
    w, anna, line, _, there = talking()
    plain = anna.sdp
    anna.sdp = lambda line, **more: plain(line, **more).replace(
        f"c=IN IP4 {anna.address[0]}".encode(), b"c=IN IP4 0.0.0.0"
    )  # type: ignore[method-assign]
    anna.reinvite(line)
    w.run(1)
    assert b"a=recvonly" in anna.heard("200 INVITE")[-1].body and w.hears(there) == "music:default"
    anna.sdp = plain  # type: ignore[method-assign]
    anna.reinvite(line)
    w.run(1)
    assert w.hears(there) == "bridge:anna"


def test_both_hold_and_each_takes_back_its_own() -> None:
    w, anna, line, bob, there = talking()
    anna.reinvite(line, "sendonly")
    w.run(1)
    bob.reinvite(there, "sendonly")
    w.run(1)
    assert b"a=recvonly" in bob.heard("200 INVITE")[-1].body
    anna.reinvite(line, "sendrecv")
    w.run(1)
    assert w.hears(line) == "music:default", "Bob holds still"
    bob.reinvite(there, "sendrecv")
    w.run(1)
    assert w.hears(line) == "bridge:bob" and w.hears(there) == "bridge:anna"
    assert len(w.switch.named("call.held")) == len(w.switch.named("call.resumed")) == 2


def test_hold_twice_is_hold_once() -> None:
    w, anna, line, _, there = talking()
    for direction in ("sendonly", "inactive", "sendonly"):
        anna.reinvite(line, direction)
        w.run(1)
        assert w.hears(there) == "music:default"
    assert len(w.switch.named("call.held")) == 1
    anna.reinvite(line)
    w.run(1)
    assert w.hears(there) == "bridge:anna" and len(w.switch.named("call.resumed")) == 1


def test_hold_and_resume_with_late_offers() -> None:
    """The phone asks for our offer, and says in its ACK what is to be."""
    w, anna, line, _, there = talking()
    for direction, heard in (("sendonly", "music:default"), ("sendrecv", "bridge:anna"), ("inactive", "music:default")):
        anna.reinvite(line, direction, sdp=False)
        w.run(1)
        assert b"a=sendrecv" in anna.heard("200 INVITE")[-1].body, "a full offer, so that hold can end"
        assert w.hears(there) == heard


def test_a_phone_that_only_listens_is_not_on_hold() -> None:
    w, anna, line, _, there = talking()
    anna.reinvite(line, "recvonly")
    w.run(1)
    assert b"a=sendonly" in anna.heard("200 INVITE")[-1].body
    assert w.hears(there) == "bridge:anna" and not w.switch.named("call.held")
    (leg,) = [port.opened for port in w.worker.ports.values() if port.opened.port == line.rtp]
    assert (leg.send, leg.receive) == (True, False)


def test_an_offer_of_ours_is_answered_by_a_phone_that_only_listens() -> None:
    w, anna, line, bob, there = talking()
    plain = bob.answer_sdp
    bob.answer_sdp = lambda line: plain(line).replace(b"a=sendrecv", b"a=recvonly")  # type: ignore[method-assign]
    anna.codecs = ["PCMU"]
    anna.reinvite(line)  # The switch offers PCMU to Bob.
    w.run(1)
    assert "re-INVITED" in there.log
    assert w.hears(line) == "bridge:bob" and not w.switch.named("call.held")
    (leg,) = [port.opened for port in w.worker.ports.values() if port.opened.port == there.rtp]
    assert (leg.codec, leg.send, leg.receive) == ("PCMU", True, False)


def test_hold_before_the_answer() -> None:
    w = World(site("anna", "bob"))
    anna, bob = extended(w, "anna"), extended(w, "bob", early_media=True, answer_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    line.direction = "sendonly"
    anna.update(line, anna.sdp(line))
    w.run(2)
    assert line.state == "up" and w.hears(bob.lines[0]) == "music:default"
