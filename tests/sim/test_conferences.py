"""Meet-me conferences: who is let in, who hears whom, what moderators and operators may do."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Conference
from tests.sim.phone import Line
from tests.sim.world import World, site


def world(**conference: Any) -> World:
    return World(
        site("anna", "bob", "carl", extensions={"700": "conference:team"},
             conferences={"team": Conference("team", **conference)})
    )  # fmt: skip


def dial(w: World, *users: str) -> list[Line]:
    phones = [w.phone(user) for user in users]
    w.run(1)
    lines = [phone.call("700") for phone in phones]
    w.run(1)
    return lines


def order(w: World, verb: str, call: str = "") -> str:
    done = w.switch.switch.conference("team", verb, call, "cli", w.now)
    w.switch.settle(w.now)
    w.run(0.5)
    return done


def members(w: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = w.switch.switch.conference_list(w.now)[0]["members"]
    return found


def type_(w: World, line: Line, digits: str) -> None:
    for digit in digits:
        w.press(line, digit)
    w.run(0.5)


def test_the_first_one_hears_music_and_then_all_hear_all_others() -> None:
    w = world()
    (anna,) = dial(w, "anna")
    assert w.hears(anna) == "music:default"
    bob, carl = dial(w, "bob", "carl")
    assert [w.hears(line) for line in (anna, bob, carl)] == ["room:bob+carl", "room:anna+carl", "room:anna+bob"]
    bob.phone.hang_up(bob)
    w.run(1)
    assert (w.hears(anna), w.hears(carl)) == ("room:carl", "room:anna")
    carl.phone.hang_up(carl)
    w.run(1)
    assert w.hears(anna) == "music:default"
    anna.phone.hang_up(anna)
    w.run(60)
    assert [event.members for event in w.switch.named("conference.joined")] == [1, 2, 3]
    assert [event.members for event in w.switch.named("conference.left")] == [2, 1, 0]
    assert [event.outcome for event in w.switch.named("call.ended")] == ["completed"] * 3
    w.assert_idle()


def test_a_word_to_the_first_one_where_there_is_a_clip() -> None:
    w = world()
    w.switch.switch.set_clips(frozenset({"en/conference-alone"}))
    (anna,) = dial(w, "anna")
    assert w.hears(anna) == "play:en/conference-alone"
    w.run(2)
    assert w.hears(anna) == "music:default"
    (bob,) = dial(w, "bob")
    assert w.hears(anna) == "room:bob" and w.hears(bob) == "room:anna"


def test_a_pin_is_asked_for_and_never_told() -> None:
    w = world(pin="1234", moderator_pin="98765")
    anna, bob, carl = dial(w, "anna", "bob", "carl")
    assert w.hears(anna) == "play:pl/enter-pin"
    type_(w, anna, "1234#")
    type_(w, bob, "98765")
    assert w.hears(anna) == "room:bob"
    for _ in range(3):
        type_(w, carl, "0000#")
        w.run(2)
    w.run(3)
    assert carl.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "wrong_pin"
    assert w.switch.named("dtmf") == []
    assert {one["caller"]: one["moderator"] for one in members(w)} == {"anna": False, "bob": True}


def test_keys_of_members_and_moderators() -> None:
    w = world(pin="1234", moderator_pin="98765")
    anna, bob = dial(w, "anna", "bob")
    type_(w, anna, "1234#")
    type_(w, bob, "98765")
    type_(w, anna, "*6")
    assert (w.hears(bob), w.hears(anna)) == ("room:", "room:bob")
    type_(w, anna, "6*6")
    assert w.hears(bob) == "room:anna"
    type_(w, anna, "*5*4")
    assert w.hears(anna) == "room:bob", "not for everybody"
    type_(w, bob, "*5*4")
    assert w.hears(bob) == "room:"
    (carl,) = dial(w, "carl")
    type_(w, carl, "1234#")
    w.run(3)
    assert carl.state == "ended" and w.switch.named("call.ended")[0].cause == "conference_locked"
    type_(w, bob, "*5*4")
    assert w.hears(bob) == "room:anna"
    assert w.worker.digits == []
    assert [event.what for event in w.switch.named("conference.changed")] == [
        "muted", "unmuted", "muted", "locked", "unmuted", "unlocked",
    ]  # fmt: skip


def test_a_moderator_comes_into_a_locked_conference() -> None:
    w = world(pin="1234", moderator_pin="98765")
    anna, bob = dial(w, "anna", "bob")
    type_(w, anna, "1234#")
    assert order(w, "lock") == ""
    type_(w, bob, "98765")
    assert w.hears(anna) == "room:bob"


def test_a_conference_in_which_only_moderators_speak() -> None:
    w = world(muted=True, moderator_pin="98765")
    anna, bob = dial(w, "anna", "bob")
    type_(w, anna, "#")
    type_(w, bob, "98765")
    assert (w.hears(anna), w.hears(bob)) == ("room:bob", "room:")


def test_a_full_conference() -> None:
    w = world(max_members=2)
    anna, bob, carl = dial(w, "anna", "bob", "carl")
    w.run(3)
    assert sorted(line.state for line in (anna, bob, carl)) == ["ended", "up", "up"]
    assert w.switch.named("call.ended")[0].cause == "conference_full"


def test_orders_of_the_operator() -> None:
    w = world()
    anna, bob = dial(w, "anna", "bob")
    calls = {one["caller"]: one["call"] for one in members(w)}
    assert order(w, "mute", calls["anna"]) == ""
    assert w.hears(bob) == "room:"
    assert order(w, "unmute") == ""
    assert w.hears(bob) == "room:anna"
    assert order(w, "kick", calls["anna"]) == ""
    assert anna.state == "ended" and w.hears(bob) == "music:default"
    assert order(w, "mute", "nobody") and order(w, "kick") == ""
    assert bob.state == "ended"
    assert order(w, "lock") == "nobody is in it"
    w.run(60)
    w.assert_idle()


def test_a_member_on_hold_is_sent_nothing_and_not_counted() -> None:
    w = world()
    anna, bob = dial(w, "anna", "bob")
    anna.phone.reinvite(anna, "sendonly")
    w.run(1)
    assert (w.hears(anna), w.hears(bob)) == ("stop", "music:default")
    anna.phone.reinvite(anna)
    w.run(1)
    assert w.hears(bob) == "room:anna"


@pytest.mark.parametrize("fault", [True, False])
def test_nothing_is_left_of_a_conference(fault: bool) -> None:
    w = world()
    anna, bob = dial(w, "anna", "bob")
    call = next(iter(w.switch.calls.board.calls.values()))
    if fault:
        w.switch.calls.forget(call, w.now)
    else:
        w.switch.calls.abort(call, w.now)
    w.switch.settle(w.now)
    for line in (anna, bob):
        line.phone.hang_up(line)
    w.run(60)
    assert not w.switch.calls.board.meetings and not w.switch.calls.board.calls
