"""RFC 5359, "Session Initiation Protocol Service Examples", section by section, each with the means of this switch.

Alice, Bob and Carol have phones here. Transfers (2.4 to 2.6) have a file of their own; what is missing below is a feature that
the switch does not have. A section that is added here is named after its number.
"""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Member
from tests.sim.extended import ExtendedPhone, extended
from tests.sim.ladder import first, ladder
from tests.sim.phone import Line
from tests.sim.test_key_lamps import dialog_of
from tests.sim.test_lamps import Watcher, watcher
from tests.sim.world import World, account, site


def world(**more: Any) -> World:
    return World(site("alice", "bob", "carol", **more.pop("site", {})), **more)


def talking(w: World) -> tuple[ExtendedPhone, Line, ExtendedPhone, Line]:
    """Alice has called Bob."""
    alice, bob = extended(w, "alice"), extended(w, "bob", answer_after=0.5)
    w.run(1)
    line = alice.call("bob")
    w.run(2)
    assert line.state == "up"
    return alice, line, bob, bob.lines[0]


def settings(**accounts: dict[str, Any]) -> World:
    """What the site says about some of them."""
    names = ("alice", "bob", "carol")
    return World(
        site(accounts={user: account(user, name=user.capitalize(), **accounts.get(user, {})) for user in names})
    )


def over(w: World, *lines: Line) -> None:
    for line in lines:
        line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def merge(w: World, one: Line, other: Line) -> None:
    """What the panel and `softswitch call merge` do."""
    legs = {leg.dialog.call_id: leg.call.id for leg in w.switch.calls.board.legs.values()}
    assert w.switch.switch.merge(legs[one.call_id], legs[other.call_id], w.now) == ""
    w.switch.settle(w.now)
    w.run(1)


def test_2_1_call_hold() -> None:
    w = world()
    alice, line, bob, there = talking(w)
    bob.reinvite(there, "sendonly")
    w.run(1)
    assert b"a=recvonly" in bob.heard("200 INVITE")[-1].body
    assert w.hears(line) == "music:default" and ladder(alice)[-1] == "200 INVITE", "Alice's phone is not bothered"
    bob.reinvite(there, "sendrecv")
    w.run(1)
    assert w.hears(line) == "bridge:bob" and w.hears(there) == "bridge:alice"
    alice.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_2_2_consultation_hold() -> None:
    """Bob holds Alice, asks Carol, and goes back to Alice."""
    w = world()
    _, line, bob, there = talking(w)
    carol = extended(w, "carol", answer_after=0.5)
    w.run(1)
    bob.reinvite(there, "sendonly")
    w.run(1)
    consulted = bob.call("carol")
    w.run(2)
    assert w.hears(line) == "music:default" and w.hears(consulted) == "bridge:carol"
    bob.hang_up(consulted)
    bob.reinvite(there, "sendrecv")
    w.run(1)
    assert carol.lines[0].state == "ended" and line.state == "up"
    assert w.hears(line) == "bridge:bob" and w.hears(there) == "bridge:alice"


def test_2_3_music_on_hold() -> None:
    """The music comes from the switch, whatever the phone that holds would send: it is asked to send nothing."""
    w = world(site={"music": {"default": ("one",)}})
    _, line, bob, there = talking(w)
    bob.reinvite(there, "inactive")
    w.run(1)
    assert b"a=inactive" in bob.heard("200 INVITE")[-1].body and w.hears(line) == "music:default"
    (held,) = [port.opened for port in w.worker.ports.values() if port.opened.port == there.rtp]
    assert not held.send and not held.receive


def test_2_7_call_forwarding_unconditional() -> None:
    w = settings(bob={"forward_always": "carol"})
    alice, bob, _ = w.phone("alice"), w.phone("bob"), w.phone("carol", answer_after=0.5)
    w.run(1)
    line = alice.call("bob")
    w.run(2)
    assert line.log == ["181", "180", "200"] and w.hears(line) == "bridge:carol" and not bob.lines
    over(w, line)


def test_2_8_call_forwarding_busy() -> None:
    w = settings(bob={"forward_busy": "carol"})
    alice, bob, _ = w.phone("alice"), w.phone("bob", reject=486, ring_after=None), w.phone("carol", answer_after=0.5)
    w.run(1)
    line = alice.call("bob")
    w.run(2)
    assert line.log == ["181", "180", "200"] and w.hears(line) == "bridge:carol"
    assert any(raw.start.startswith("ACK") for raw in bob.received), "the 486 is acknowledged"
    over(w, line)


def test_2_9_call_forwarding_no_answer() -> None:
    w = settings(bob={"forward_no_answer": "carol", "forward_after": 10.0})
    alice, bob, carol = w.phone("alice"), w.phone("bob", answer_after=None), w.phone("carol", answer_after=0.5)
    w.run(1)
    line = alice.call("bob")
    w.run(9)
    assert bob.lines[0].state == "ringing" and not carol.lines
    w.run(4)
    assert any(raw.start.startswith("CANCEL") for raw in bob.received) and bob.lines[0].status == 487
    assert w.hears(line) == "bridge:carol"
    over(w, line)


def test_2_10_three_way_conference_third_party_is_added() -> None:
    """Bob talks to Alice, calls Carol, and joins the two calls in one."""
    w = world()
    _, line, bob, there = talking(w)
    carol = extended(w, "carol", answer_after=0.5)
    w.run(1)
    bob.reinvite(there, "sendonly")
    w.run(1)
    second = bob.call("carol")
    w.run(2)
    merge(w, line, second)
    third = carol.lines[0]
    assert [w.hears(one) for one in (line, second, third)] == ["room:bob+carol", "room:alice+carol", "room:alice+bob"]
    assert there.state == "ended", "Bob's phone keeps one leg"
    bob.hang_up(second)
    w.run(1)
    assert w.hears(line) == "bridge:carol", "whoever sets up the conference may leave it"


def test_2_11_three_way_conference_third_party_joins() -> None:
    """Carol calls Bob, who talks to Alice, and Bob lets her in."""
    w = world()
    _, line, bob, there = talking(w)
    carol = extended(w, "carol")
    w.run(1)
    third = carol.call("bob")
    w.run(2)
    assert third.state == "up"
    bob.reinvite(there, "sendonly")
    w.run(1)
    merge(w, line, third)
    kept = next(one for one in bob.lines if one.state == "up")
    assert [w.hears(one) for one in (line, kept, third)] == ["room:bob+carol", "room:alice+carol", "room:alice+bob"]


def test_2_12_single_line_extension() -> None:
    """Several phones of one line: all ring, the first that answers has the call, the others show no missed call."""
    w = world()
    alice = extended(w, "alice")
    desk, cell = extended(w, "bob", answer_after=None), extended(w, "bob", answer_after=2.0)
    w.run(1)
    line = alice.call("bob")
    w.run(1)
    assert desk.lines[0].state == cell.lines[0].state == "ringing"
    w.run(2)
    assert line.state == cell.lines[0].state == "up" and desk.lines[0].state == "ended"
    assert first(desk, "CANCEL").get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert ladder(desk) == ["INVITE", "CANCEL", "ACK"]


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_2_13_find_me(answers: int) -> None:
    """The places where Bob may be are tried one after the other, by the preference that each has registered with."""
    w = world(group_timeout=5.0)
    alice = extended(w, "alice")
    places = [extended(w, "bob", answer_after=0.5 if number == answers else None) for number in range(3)]
    w.run(1)
    for place, q in zip(places, ("1.0", "0.5", "0.1"), strict=True):
        place.register(q=q)
    w.run(1)
    line = alice.call("bob")
    for number in range(answers + 1):
        w.run(4.9)
        assert [len(place.lines) for place in places] == [1] * (number + 1) + [0] * (2 - number)
        w.run(0.2)
    assert line.state == "up"
    assert [place.lines[0].state for place in places[: answers + 1]] == ["ended"] * answers + ["up"]


def test_2_13_find_me_step_by_step() -> None:
    w = settings(bob={"follow_me": (Member("carol", delay=5.0),)})
    alice, bob, _ = w.phone("alice"), w.phone("bob", answer_after=None), w.phone("carol", answer_after=2.0)
    w.run(1)
    line = alice.call("bob")
    w.run(8)
    assert w.hears(line) == "bridge:carol" and bob.lines[0].state == "ended"
    over(w, line)


def test_2_14_call_management_incoming_call_screening() -> None:
    """Bob does not want to be disturbed; who does not show who they are at all is not even asked."""
    w = World(site("alice", accounts={"bob": account("bob", do_not_disturb=True)}))
    alice, bob = extended(w, "alice"), extended(w, "bob")
    w.run(1)
    line = alice.call("bob")
    w.run(1)
    assert line.status == 486 and not bob.lines
    stranger = ExtendedPhone(w, "mallory", "guess", "203.0.113.5", 5060)
    refused = stranger.call("bob")
    w.run(1)
    assert refused.status == 401 and not bob.lines


def test_2_15_call_management_outgoing_call_screening() -> None:
    """What Alice may not call is refused by the switch: another domain, and more calls at once than she has."""
    w = World(site("bob", "carol", accounts={"alice": account("alice", max_calls=1)}))
    alice = extended(w, "alice")
    extended(w, "bob", answer_after=0.5)
    w.run(1)
    outside = alice.call("bob", uri="sip:bob@chicago.example.com")
    w.run(1)
    assert outside.status == 403
    one = alice.call("bob")
    w.run(2)
    two = alice.call("bob")
    w.run(1)
    assert one.state == "up" and two.status == 403
    assert [event.cause for event in w.switch.named("call.ended")] == ["foreign_domain", "too_many_calls"]


def test_2_16_call_park() -> None:
    """Bob parks Alice by REFER to a place, and Carol fetches her there."""
    w = world()
    alice, bob, carol = w.phone("alice"), w.phone("bob", answer_after=0.5, leaves="done"), w.phone("carol")
    w.run(1)
    line = alice.call("bob")
    w.run(2)
    bob.refer(bob.lines[0], "705")
    w.run(1)
    assert bob.lines[0].notified[-1] == (200, "terminated") and bob.lines[0].state == "ended"
    assert (line.state, w.hears(line)) == ("up", "music:default")
    assert [event.slot for event in w.switch.named("call.parked")] == ["705"]
    mine = carol.call("705")
    w.run(1)
    assert (w.hears(line), w.hears(mine)) == ("bridge:carol", "bridge:alice")
    over(w, line, mine)


def test_2_16_call_park_anywhere_and_where_it_is_taken() -> None:
    w = world()
    alice, bob, carol = (w.phone(user, answer_after=0.5, leaves="done") for user in ("alice", "bob", "carol"))
    w.run(1)
    line = alice.call("bob")
    w.run(2)
    bob.refer(bob.lines[0], "*68")
    w.run(1)
    assert [event.slot for event in w.switch.named("call.parked")] == ["701"]
    other = bob.call("carol")
    w.run(2)
    carol.refer(carol.lines[-1], "701")
    w.run(1)
    assert carol.lines[-1].notified[-1][0] == 486 and w.hears(other) == "bridge:carol", "they talk on"
    over(w, line, other)


def test_2_17_call_pickup() -> None:
    """Carol's key has told her of the dialog at Bob's phone: her INVITE replaces it before Bob has answered."""
    w = world()
    alice, bob = w.phone("alice"), w.phone("bob", answer_after=None)
    carol = watcher(w, "carol")
    key = carol.watch("bob")
    w.run(1)
    line = alice.call("bob")
    w.run(1)
    shown = dialog_of(key)
    value = f"{shown.get('call-id')};to-tag={shown.get('local-tag')};from-tag={shown.get('remote-tag')};early-only"
    mine = carol.call("bob", headers={"Replaces": value, "Require": "replaces"})
    w.run(1)
    assert (mine.state, w.hears(line), w.hears(mine)) == ("up", "bridge:carol", "bridge:alice")
    assert "completed elsewhere" in next(raw for raw in bob.received if raw.start.startswith("CANCEL")).get("Reason")
    assert [(event.device, event.by) for event in w.switch.named("call.picked_up")] == [("bob", "carol")]
    over(w, line, mine)


def test_2_17_call_pickup_is_for_those_who_may() -> None:
    w = settings(carol={"pickup_groups": ("others",)})
    alice, bob, carol = w.phone("alice"), w.phone("bob", answer_after=None), w.phone("carol")
    w.run(1)
    line = alice.call("bob")
    w.run(1)
    there = bob.lines[0]
    mine = carol.call(
        "bob", headers={"Replaces": f"{there.call_id};to-tag={there.remote_tag};from-tag={there.local_tag}"}
    )
    w.run(1)
    assert mine.status == 403 and bob.lines[0].state == "ringing"
    alice.cancel(line)
    over(w)


def test_2_18_automatic_redial() -> None:
    """Bob is busy. Alice's phone subscribes to his dialogs and calls again when the last one is over."""
    w = world()
    carol = extended(w, "carol", answer_after=0.5)
    bob = extended(w, "bob", answer_after=0.5)
    alice = Watcher(w, "alice", "secret-alice", "198.51.100.30", 5060)
    alice.register()
    w.run(1)
    theirs = carol.call("bob")
    w.run(2)
    bob.behaviour.reject, bob.behaviour.reject_after, bob.behaviour.ring_after = 486, 0.05, None
    line = alice.call("bob")
    w.run(1)
    assert line.status == 486
    key = alice.watch("bob")
    w.run(1)
    assert key.lamp() == "confirmed recipient carol"
    carol.hang_up(theirs)
    w.run(1)
    assert key.lamp() == "idle"
    bob.behaviour.reject, bob.behaviour.ring_after = 0, 0.05
    key.subscribe(0)
    again = alice.call("bob")
    w.run(2)
    assert again.state == "up" and key.state.startswith("terminated")
