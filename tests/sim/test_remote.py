"""Orders of programs about the phones in a call: hold, answer, play, connect two. The phones know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.test_menus import done
from tests.sim.world import World, site


def hall() -> World:
    return World(site("anna", "bob", "carol", "dora", extensions={"700": "music:default"}))


def talk(w: World, caller: str, called: str) -> tuple[Any, Any]:
    """A conversation of two phones."""
    phones = {phone.user: phone for phone in w.phones.values()}  # type: ignore[attr-defined]
    one = phones.get(caller) or w.phone(caller)
    other = phones.get(called) or w.phone(called, answer_after=1.0)
    w.run(1)
    line = one.call(called)
    w.run(3)
    return line, other.lines[-1]


def call_of(w: World, number: int = -1) -> str:
    return str(w.switch.named("call.created")[number].call)


def order(w: World, verb: Callable[..., Any], *arguments: Any) -> Any:
    found = verb(*arguments, w.now)
    w.switch.settle(w.now)
    w.run(0.1)
    return found


def test_hold_for_a_phone_that_knows_nothing_of_it() -> None:
    w = hall()
    line, other = talk(w, "anna", "bob")
    before, call = w.hears(line), call_of(w)
    assert before == w.hears(line) and "bob" in before
    assert order(w, w.switch.switch.hold, call, "bob", True) == ""
    assert w.hears(line) == "music:default"
    assert "bob" not in w.hears(line) and other.state == "up"
    assert order(w, w.switch.switch.hold, call, "bob", True) == "it is on hold already"
    assert [event.name for event in w.switch.events if event.name in ("call.held", "call.resumed")] == ["call.held"]
    assert order(w, w.switch.switch.hold, call, "", False) == ""  # "": whoever was called
    assert w.hears(line) == before
    assert order(w, w.switch.switch.hold, call, "bob", False) == "it is not on hold"
    line.phone.hang_up(line)
    done(w)


def test_a_hold_outlives_a_restart_and_a_new_offer_of_the_phone() -> None:
    w = hall()
    line, other = talk(w, "anna", "bob")
    call = call_of(w)
    order(w, w.switch.switch.hold, call, "bob", True)
    other.phone.reinvite(other)  # As phones do to keep a session alive.
    w.run(1)
    assert w.hears(line) == "music:default"
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(6)
    assert w.hears(line) == "music:default"
    assert order(w, w.switch.switch.hold, call, "bob", False) == ""
    assert "bob" in w.hears(line)
    line.phone.hang_up(line)
    done(w)


def test_who_pressed_hold_is_the_one_to_release_it() -> None:
    w = hall()
    line, other = talk(w, "anna", "bob")
    call = call_of(w)
    other.phone.reinvite(other, "sendonly")
    w.run(1)
    assert order(w, w.switch.switch.hold, call, "bob", False) == "the phone itself has put it on hold"
    other.phone.reinvite(other)
    w.run(1)
    # Ordered first, then pressed on the phone as well: releasing it there is meant.
    order(w, w.switch.switch.hold, call, "bob", True)
    other.phone.reinvite(other, "sendonly")
    w.run(1)
    other.phone.reinvite(other)
    w.run(1)
    assert "bob" in w.hears(line)
    line.phone.hang_up(line)
    done(w)


def test_a_transfer_by_order_begins_with_a_phone_that_hears() -> None:
    w = hall()
    line, other = talk(w, "anna", "bob")
    carol = w.phone("carol", answer_after=1.0)
    w.run(1)
    call = call_of(w)
    order(w, w.switch.switch.hold, call, "bob", True)
    assert w.switch.switch.transfer(call, "carol", w.now, attended=True, by="bob") == ""
    w.switch.settle(w.now)
    w.run(3)
    assert "carol" in w.hears(other) and w.hears(line) == "music:default"
    carol.hang_up(carol.lines[-1])
    line.phone.hang_up(line)
    done(w)


def test_clips_are_played_into_a_conversation_and_the_end_is_told() -> None:
    w = hall()
    line, other = talk(w, "anna", "bob")
    call, before = call_of(w), w.hears(line)
    made, refusal = order(w, w.switch.switch.play, call, ("welcome",), "caller", "token:crm")
    assert (refusal, made.state) == ("", "pending")
    assert (w.hears(line), w.hears(other)) == ("play:pl/welcome", "music:default")
    w.run(3)
    assert w.hears(line) == before and "anna" in w.hears(other)
    (told,) = w.switch.named("call.order")
    assert (told.order, told.verb, told.state, told.actor) == (made.order, "play", "done", "token:crm")
    assert w.switch.switch.call_order(made.order).state == "done"  # type: ignore[union-attr]
    made, _ = order(w, w.switch.switch.play, call, ("welcome", "welcome"), "both", "")
    assert w.hears(line) == w.hears(other) == "play:pl/welcome pl/welcome"
    line.phone.hang_up(line)
    w.run(1)
    assert w.switch.switch.call_order(made.order).state == "failed"  # type: ignore[union-attr]
    done(w)


def test_a_restart_ends_a_clip_and_they_talk_on() -> None:
    w = hall()
    line, _ = talk(w, "anna", "bob")
    order(w, w.switch.switch.play, call_of(w), ("welcome",), "both", "")
    w.kill()
    w.run(0.2)
    w.restart()
    w.run(6)
    assert "bob" in w.hears(line)
    line.phone.hang_up(line)
    done(w)


@pytest.mark.parametrize(("answers", "state"), [(200, "done"), (489, "failed")])
def test_a_phone_is_asked_to_answer(answers: int, state: str) -> None:
    w = hall()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=600.0)
    bob.behaviour.silent = False
    asked: list[str] = []

    def notified(line: Any, raw: Any) -> None:
        asked.append(raw.get("Event"))
        bob.respond(raw, answers)
        if answers == 200:
            bob.answer(line)

    bob._notified = notified  # type: ignore[method-assign]
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    made, refusal = order(w, w.switch.switch.answer, call_of(w), "bob", "token:crm")
    assert refusal == "" and made.state in ("pending", state)
    w.run(1)
    assert asked == ["talk"] and w.switch.switch.call_order(made.order).state == state  # type: ignore[union-attr]
    assert line.state == ("up" if answers == 200 else "ringing")
    assert order(w, w.switch.switch.answer, call_of(w), "carol", "")[1] == "it does not ring at carol"
    (line.phone.hang_up if line.state == "up" else line.phone.cancel)(line)
    done(w)


def test_two_callers_are_connected() -> None:
    w = hall()
    one, agent = talk(w, "anna", "bob")
    first = call_of(w)
    two, second_agent = talk(w, "carol", "dora")
    second = call_of(w)
    assert order(w, w.switch.switch.bridge, first, second) == ""
    w.run(1)
    assert "carol" in w.hears(one) and "anna" in w.hears(two)
    assert agent.state == second_agent.state == "ended"
    assert [one.call for one in w.switch.named("call.ended")] == [second]
    assert order(w, w.switch.switch.bridge, first, first) == "it is one call"
    one.phone.hang_up(one)
    w.run(1)
    assert two.state == "ended"
    done(w)


def test_a_caller_in_a_menu_is_connected_with_one_who_talks() -> None:
    w = hall()
    one, agent = talk(w, "anna", "bob")
    first = call_of(w)
    two = w.phone("carol")
    w.run(1)
    waiting = two.call("700")
    w.run(1)
    assert order(w, w.switch.switch.bridge, call_of(w), first).endswith("is not parked")
    assert order(w, w.switch.switch.bridge, first, call_of(w)) == ""
    w.run(1)
    assert "carol" in w.hears(one) and agent.state == "ended"
    two.hang_up(waiting)
    done(w)


def test_what_cannot_be_done_is_told() -> None:
    w = hall()
    line, _ = talk(w, "anna", "bob")
    call, switch = call_of(w), w.switch.switch
    assert (
        order(w, switch.hold, "none", "bob", True) == order(w, switch.bridge, call, "none") == "there is no such call"
    )
    assert order(w, switch.hold, call, "carol", True) == "carol is not in it"
    assert order(w, switch.play, "none", ("x",), "both", "")[1] == "there is no such call"
    switch.set_clips(frozenset({"pl/welcome"}))
    assert "there is no clip" in order(w, switch.play, call, ("nothing",), "both", "")[1]
    line.phone.hang_up(line)
    done(w)
