"""The site that `softswitch init` makes, as a caller meets it: the tree, both lines of agents, both languages."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from softswitch.effects import AgentCommand
from softswitch.store.demo import demo_site
from tests.sim.world import World, account
from tests.unit.store.seeded import SeededEntropy

SCHEMES = {"pl": "Standardowe", "en": "Standard"}


def world(language: str = "pl") -> World:
    """The demo, with passwords that the phones of the simulation know."""
    made = demo_site(SeededEntropy(), World.domain, language).directory
    accounts = {user: account(user, name=one.name, agent=one.agent) for user, one in made.accounts.items()}
    return World(replace(made, accounts=accounts, aliases=("198.51.100.1",)))


def heard(w: World, line: Any, seconds: float) -> list[str]:
    """What the caller hears meanwhile, one after the other."""
    found = []
    for _ in range(int(seconds * 10)):
        w.run(0.1)
        found.append(w.hears(line))
    return [one for one, _ in itertools.groupby(found)]


def calls(w: World, number: str = "800") -> Any:
    phone = w.phone("103")
    w.run(1)
    return phone.call(number)


def clips(*names: str, language: str = "pl") -> list[str]:
    return [f"play:{language}/{name}" for name in names]


@pytest.mark.parametrize("language", ["pl", "en"])
def test_open_the_automatic_steps_play_in_order_and_one_leads_to_the_queue(language: str) -> None:
    w = world(language)
    line = calls(w)
    assert heard(w, line, 4.0) == [*clips("welcome", "menu-main", "menu-help", language=language), "music:default"]
    w.press(line, "1")
    w.run(1)
    (caller,) = w.switch.queues.visits.callers.values()
    assert caller.queue.config.title == {"pl": "Infolinia", "en": "Helpline"}[language]
    line.phone.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_key_cuts_what_is_played() -> None:
    w = world()
    line = calls(w)
    w.run(0.3)
    assert w.hears(line) == "play:pl/welcome"
    w.press(line, "1")
    w.run(0.5)
    assert len(w.switch.queues.visits.callers) == 1


def test_who_stays_on_the_line_is_put_through_as_promised() -> None:
    w = world()
    line = calls(w)
    assert heard(w, line, 3.0)[:3] == clips("welcome", "menu-main", "menu-help")
    assert heard(w, line, 6.0) == ["music:default", "play:pl/no-choice pl/menu-main"]
    w.run(8)
    assert len(w.switch.queues.visits.callers) == 1


def test_the_hash_key_tells_it_all_again() -> None:
    w = world()
    line = calls(w)
    w.run(3)
    w.press(line, "#")
    assert heard(w, line, 4.0)[-4:] == [*clips("welcome", "menu-main", "menu-help"), "music:default"]


def test_closed_a_message_and_then_hung_up() -> None:
    w = world()
    w.opening[SCHEMES["pl"]] = False
    line = calls(w)
    assert heard(w, line, 0.5) == clips("closed")
    w.run(3)
    assert line.state == "ended"
    assert [record.outcome for record in w.switch.named("call.ended")] == ["completed"]
    (record,) = w.switch.named("call.ended")
    assert [node.partition(" ")[0] for node in record.path][:2] == ["menu:hotline", "menu:hotline:3"]


def test_who_waits_is_told_the_place_and_that_it_is_better() -> None:
    w = world()
    first = calls(w, "801")
    w.run(20)
    second = w.phone("104")
    w.run(1)
    line = second.call("801")
    assert heard(w, line, 2.0)[:2] == [*clips("position/2"), "music:default"]
    w.run(20)
    first.phone.hang_up(first)
    w.run(0.5)
    assert w.hears(line) == clips("you-are-next")[0]


def test_the_second_line_is_rung_while_the_first_is_busy() -> None:
    w = world()
    anna, piotr = (w.phone(user, answer_after=1.0) for user in ("101", "102"))
    w.run(1)
    for agent in ("piotr", "anna"):  # Piotr is idle the longest, and yet the second.
        w.switch.queues.handle(AgentCommand(agent, "login", actor="test"), w.now)
        w.switch.settle(w.now)
        w.run(5)
    first = calls(w, "801")
    w.run(3)
    assert w.hears(first) == "bridge:101" and not piotr.lines
    second = w.phone("104")
    w.run(1)
    line = second.call("801")
    w.run(3)
    assert w.hears(line) == "bridge:102" and len(anna.lines) == 1
