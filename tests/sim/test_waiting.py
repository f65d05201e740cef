"""Callers who leave a queue otherwise than to an agent, with phones: keys, ladders, supervisors, priorities, restarts."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.acd import steering
from softswitch.directory import Agent, Announce, Mailbox, Membership, Queue, Rung, Surge
from tests.sim.test_queues import outcomes, ready
from tests.sim.world import World, account, site


def world(info: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **more: Any) -> World:
    names = ("a0", "a1")
    policy = {"greeting": ("queue-welcome",), "music": "jazz", "wrap_up": 0.0}
    directory = site(
        accounts={user: account(user, name=user.capitalize()) for user in ("anna", "bob", "carl", *names)},
        agents={name: Agent(name, name) for name in names},
        queues={
            "info": Queue("info", members=(Membership("a0"),), **{**policy, **(info or {})}),
            "second": Queue("second", members=(Membership("a1"),), **{**policy, **(second or {})}),
        },
        mailboxes={"box": Mailbox("box", pin="1234")},
        extensions={"200": "queue:info", "201": "queue:info:5", "202": "queue:second", "203": "menu:front"},
        music={"default": (), "jazz": ()}, **more,
    )  # fmt: skip
    return World(directory)


def steer(w: World, function: Any, *arguments: Any) -> str:
    refusal: str = function(w.switch.queues, *arguments, "eva", w.now)
    w.switch.settle(w.now)
    w.run(0.01)
    return refusal


def call(w: World, user: str, number: str = "200") -> Any:
    phone = w.phone(user)
    w.run(1)
    line = phone.call(number)
    w.run(0.5)
    return line


def waiting(w: World, name: str) -> list[str]:
    return [caller.number for caller in w.switch.queues.queues[name].in_order()]


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_in_the_middle_of_the_greeting_leads_out_at_once() -> None:
    w = world({"exit_keys": {"1": "queue:second", "2": "play:goodbye"}})
    line = call(w, "anna")
    assert w.hears(line) == "play:pl/queue-welcome"
    w.press(line, "7")
    w.run(0.02)
    assert w.hears(line) == "play:pl/queue-welcome", "a key that means nothing"
    w.press(line, "2")
    w.run(0.02)
    assert w.hears(line) == "play:pl/goodbye"
    assert outcomes(w) == ["exit_key"]
    (left,) = w.switch.named("queue.left")
    assert left.detail == "2"
    w.run(40)
    w.assert_idle()


def test_a_key_during_the_music_and_the_time_waited_counts_in_the_next_queue() -> None:
    w = world({"exit_keys": {"1": "queue:second"}})
    line = call(w, "anna")
    w.run(20)
    call(w, "bob", "202")
    w.run(5)
    w.press(line, "1")
    w.run(0.02)
    assert waiting(w, "second") == ["anna", "bob"]
    joined = w.switch.named("queue.entered")[-1]
    assert joined.queue == "second" and joined.credit == pytest.approx(27.0, abs=1.0)


def test_but_not_where_the_queue_does_not_want_it() -> None:
    w = world({"exit_keys": {"1": "queue:second"}}, {"carry_wait": False})
    line = call(w, "anna")
    w.run(20)
    call(w, "bob", "202")
    w.press(line, "1")
    w.run(0.02)
    assert waiting(w, "second") == ["bob", "anna"]


def test_a_key_while_an_agent_is_rung() -> None:
    w = world({"exit_keys": {"1": "voicemail:box"}})
    (agent,) = ready(w, "a0", answer_after=None)
    line = call(w, "anna")
    assert agent.lines[0].state == "ringing"
    w.press(line, "1")
    w.run(0.5)
    assert agent.lines[0].state == "ended" and outcomes(w) == ["exit_key"]
    assert w.switch.queues.roster.agents["a0"].activity == "idle"


# --- the ladder ------------------------------------------------------------------------------------------------------


def test_the_ladder_speaks_raises_and_leads_away() -> None:
    w = world({"escalation": (
        Rung(wait=10.0, play=("queue-no-agents",)), Rung(wait=20.0, do="priority:+4"), Rung(wait=30.0, do="queue:second"),
    )})  # fmt: skip
    line = call(w, "anna")
    w.run(9.3)
    assert w.hears(line) == "music:jazz"
    w.run(0.3)
    assert w.hears(line) == "play:pl/queue-no-agents"
    w.run(10)
    assert w.hears(line) == "music:jazz", "and then there is music again"
    w.run(11)
    assert waiting(w, "second") == ["anna"]
    assert [event.action for event in w.switch.named("queue.escalated")] == ["", "priority:+4", "queue:second"]
    (left,) = w.switch.named("queue.left")
    assert (left.outcome, left.detail) == ("overflow", "queue:second")
    (agent,) = ready(w, "a1", answer_after=1.0)
    w.run(2)
    assert w.hears(line) == "bridge:a1" and agent.lines
    assert outcomes(w) == ["overflow", "answered"]


def test_the_ladder_leads_to_a_mailbox() -> None:
    w = world({"escalation": (Rung(wait=5.0, no_agents=True, do="voicemail:box"),)})
    line = call(w, "anna")
    w.run(5)
    assert outcomes(w) == ["overflow"]
    assert w.hears(line).startswith("play:"), "the greeting of the mailbox"


# --- priorities --------------------------------------------------------------------------------------------------------


def test_a_number_may_give_a_priority() -> None:
    w = world()
    call(w, "anna")
    call(w, "bob", "201")
    assert waiting(w, "info") == ["bob", "anna"]
    assert [event.priority for event in w.switch.named("queue.entered")] == [0, 5]


def test_a_live_priority_acts_at_once_and_reaches_the_phones() -> None:
    w = world()
    call(w, "anna")
    call(w, "bob")
    calls = {caller.number: caller.id for caller in w.switch.queues.visits.callers.values()}
    assert steer(w, steering.prioritise, calls["bob"], 3) == ""
    (agent,) = ready(w, "a0", answer_after=None)
    assert agent.lines[0].invite.get("From").startswith('"Bob"')


def test_the_time_since_the_call_came_may_count() -> None:
    w = world({"base": "call"}, {"base": "call", "carry_wait": False})
    first = call(w, "anna")
    w.run(30)
    call(w, "bob", "202")
    calls = {caller.number: caller.id for caller in w.switch.queues.visits.callers.values()}
    assert steer(w, steering.withdraw, calls["anna"], "queue:second") == ""
    assert waiting(w, "second") == ["anna", "bob"]
    assert first.state == "up"


# --- supervisors ---------------------------------------------------------------------------------------------------------


def test_a_supervisor_moves_assigns_and_withdraws() -> None:
    w = world()
    lines = {user: call(w, user) for user in ("anna", "bob", "carl")}
    w.run(10)
    calls = {caller.number: caller.id for caller in w.switch.queues.visits.callers.values()}
    assert steer(w, steering.place, calls["carl"], 1) == ""
    assert waiting(w, "info") == ["carl", "anna", "bob"]
    assert steer(w, steering.move, calls["anna"], "second") == ""
    assert waiting(w, "second") == ["anna"] and waiting(w, "info") == ["carl", "bob"]
    assert w.hears(lines["anna"]) == "play:pl/queue-welcome"
    (agent,) = ready(w, "a1", answer_after=None)
    w.run(21)
    assert steer(w, steering.withdraw, calls["carl"], "play:goodbye") == ""
    assert w.hears(lines["carl"]) == "play:pl/goodbye"
    assert steer(w, steering.assign, calls["bob"], "a0") == "a0 is logged out"
    ready(w, "a0", answer_after=1.0)
    w.run(2)
    assert w.hears(lines["bob"]) == "bridge:a0"
    assert [(event.verb, event.actor) for event in w.switch.named("queue.steered")] == [
        ("place", "eva"), ("move", "eva"), ("withdraw", "eva"),
    ]  # fmt: skip
    assert agent.lines


# --- surges ------------------------------------------------------------------------------------------------------------


def test_who_comes_in_a_surge_is_told_so_and_low_priorities_are_led_away() -> None:
    w = world({"surge": Surge(length=1, greeting=("queue-full",), shed_below=0, shed_to="play:goodbye")})
    first = call(w, "anna")
    assert w.hears(first) == "play:pl/queue-welcome"
    second = call(w, "bob")
    assert w.hears(second) == "play:pl/queue-full"
    assert [event.surging for event in w.switch.named("queue.surge")] == [True]
    w.run(10)
    assert w.hears(second) == "music:jazz"


def test_who_comes_in_a_surge_may_be_called_back_or_wait_and_is_asked_once() -> None:
    w = world({"surge": Surge(length=1, callback=True)})
    call(w, "anna")
    line = call(w, "bob")
    assert waiting(w, "info") == ["anna"], "bob is asked first"
    assert w.hears(line).startswith("play:pl/callback-")
    w.run(60)
    assert waiting(w, "info") == ["anna", "bob"], "who presses nothing waits"
    assert [event.number for event in w.switch.named("queue.entered")] == ["anna", "bob"]


# --- customers ---------------------------------------------------------------------------------------------------------


class Cards:
    """Customers by number."""

    def __init__(self, **cards: dict[str, Any]) -> None:
        self.cards = cards

    def by_number(self, number: str) -> dict[str, Any] | None:
        return self.cards.get(number)

    def by_value(self, name: str, value: str) -> dict[str, Any] | None:
        return None


def test_a_customers_card_gives_a_priority_unless_the_way_there_does() -> None:
    w = world({"vip_priority": 4})
    w.switch.calls.board.site.facts.customers = Cards(
        anna={"id": "1", "priority": "2"}, bob={"id": "2", "vip": True}, carl={"id": "3"}
    )
    for user, number in (("carl", "200"), ("anna", "200"), ("bob", "200")):
        call(w, user, number)
    assert [event.priority for event in w.switch.named("queue.entered")] == [0, 2, 4]
    assert waiting(w, "info") == ["bob", "anna", "carl"]
    call(w, "a1", "201")
    assert waiting(w, "info") == ["a1", "bob", "anna", "carl"]


def test_the_record_of_a_visit_says_what_was_told() -> None:
    w = world({"announce": Announce(wait=True, handle_time=120.0)})
    ready(w, "a0", answer_after=0.5, hang_up_after=None)
    call(w, "carl")
    w.run(2)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(3)
    anna.hang_up(line)
    w.run(1)
    (left,) = [event for event in w.switch.named("queue.left") if event.outcome.startswith("abandoned")]
    (told,) = w.switch.named("queue.ewt_told")
    assert left.told == told.seconds > 60.0


# --- restarts ----------------------------------------------------------------------------------------------------------


def test_a_kill_takes_neither_rungs_nor_places_nor_keys_nor_the_surge() -> None:
    w = world({
        "escalation": (Rung(wait=5.0, play=("queue-no-agents",)), Rung(wait=30.0, do="queue:second")),
        "exit_keys": {"2": "play:goodbye"}, "surge": Surge(length=9, greeting=("queue-full",)), "resume_within": 60.0,
    })  # fmt: skip
    lines = {user: call(w, user) for user in ("anna", "bob", "carl")}
    w.run(8)
    calls = {caller.number: caller.id for caller in w.switch.queues.visits.callers.values()}
    steer(w, steering.place, calls["carl"], 2)
    steer(w, steering.surge, "info", "on")
    w.run(2)
    assert waiting(w, "info") == ["anna", "carl", "bob"]
    w.kill()
    w.run(1)
    w.restart()
    w.run(2)
    assert waiting(w, "info") == ["anna", "carl", "bob"]
    late = call(w, "a1")
    assert w.hears(late) == "play:pl/queue-full", "it surges still"
    w.press(lines["bob"], "2")
    w.run(0.1)
    assert w.hears(lines["bob"]) == "play:pl/goodbye"
    w.run(15)
    w.run(4)
    assert waiting(w, "second") == ["anna", "carl"]
    told = [event.caller for event in w.switch.named("queue.escalated") if event.rung == 1]
    assert len(told) == len(set(told)), "nobody climbs a rung twice"


# --- what was gained while waiting -----------------------------------------------------------------------------------


def test_a_priority_that_was_raised_while_waiting_counts_in_the_next_queue() -> None:
    w = world({"exit_keys": {"1": "queue:second"}, "escalation": (Rung(wait=5.0, do="priority:+4"),)})
    line = call(w, "anna")
    w.run(10)
    w.press(line, "1")
    w.run(0.02)
    assert [(event.queue, event.priority) for event in w.switch.named("queue.entered")] == [("info", 0), ("second", 4)]


def test_a_place_that_was_given_back_counts_in_the_next_queue() -> None:
    w = world({"exit_keys": {"1": "queue:second"}, "resume_within": 60.0})
    phone = w.phone("anna")
    w.run(1)
    line = phone.call("200")
    w.run(50)
    phone.hang_up(line)
    w.run(5)
    line = phone.call("200")
    w.run(5)
    w.press(line, "1")
    w.run(0.02)
    joined = w.switch.named("queue.entered")[-1]
    assert joined.queue == "second" and joined.credit == pytest.approx(60.0, abs=1.0)
