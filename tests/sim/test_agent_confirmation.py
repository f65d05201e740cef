"""Agents who are asked whether they take a call, and what agent and caller are told before they talk (ACD-34, ACD-35, ACD-44)."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Agent, Membership, Menu, Queue, QueueStep
from softswitch.effects import AgentCommand
from tests.sim.provider import Provider, outside, trunk
from tests.sim.test_queues import outcomes, ready, world
from tests.sim.world import World, site

ASKED = "play:pl/agent-press-one"


def results(w: World) -> list[tuple[str, str]]:
    return [(event.agent, event.result) for event in w.switch.named("queue.offer_result")]


def over(w: World, *lines: Any) -> None:
    for line in lines:
        line.phone.hang_up(line)
    w.run(64)
    w.assert_idle()


def asking(**policy: Any) -> dict[str, Any]:
    return {"confirm": "always", "confirm_timeout": 10.0, "greeting": (), **policy}


@pytest.mark.parametrize("restart", [False, True])
def test_an_agent_hears_who_calls_and_presses_one(restart: bool) -> None:
    w = world(asking(agent_greeting=("agent-whisper-intro",), agent_hears_wait=True))
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(125)
    (agent,) = ready(w, "a0", answer_after=0.5)
    there = agent.lines[0]
    assert w.hears(there) == "play:pl/agent-whisper-intro pl/agent-waited-intro pl/minutes/2 pl/agent-press-one"
    assert w.hears(line) == "music:jazz", "the caller notices nothing"
    if restart:
        w.kill()
        w.run(1)
        w.restart()
        w.run(1)
    w.press(there, "7")
    w.run(0.2)
    assert w.hears(there).endswith(ASKED[5:]), "after a wrong key they are asked again"
    assert w.switch.queues.roster.agents["a0"].activity == "offered"
    w.press(there, "1")
    w.run(0.2)
    assert (w.hears(line), w.hears(there)) == ("bridge:a0", "bridge:anna")
    over(w, line)
    assert results(w) == [("a0", "answered")] and outcomes(w) == ["answered"]


@pytest.mark.parametrize("gone", [None, 4.0], ids=["silent", "hangs up"])
def test_who_does_not_press_has_not_answered(gone: float | None) -> None:
    w = world(asking(ring_timeout=6.0, strategy="linear"), agents=2)
    first, second = ready(w, "a0", answer_after=5.0, hang_up_after=gone), ready(w, "a1", answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(8)
    assert first[0].lines[0].state == "up" and not second[0].lines, (
        "the ring timeout does not count while they are asked"
    )
    w.run(8)
    assert first[0].lines[0].state == "ended" and results(w) == [("a0", "no_answer")]
    assert w.switch.queues.roster.agents["a0"].missed == 1
    w.press(second[0].lines[0], "1")
    w.run(1)
    assert w.hears(line) == "bridge:a1"
    over(w, line)


def test_ring_all_the_first_to_press_wins() -> None:
    w = world(asking(strategy="ring_all"))
    phones = ready(w, "a0", "a1", "a2", answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    lines = [phone.lines[0] for phone in phones]
    assert [w.hears(one) for one in lines] == [ASKED] * 3
    w.press(lines[1], "1")
    w.press(lines[2], "1")
    w.run(1)
    assert w.hears(line) == "bridge:a1"
    assert [one.state for one in lines] == ["ended", "up", "ended"]
    assert sorted(results(w)) == [("a0", "cancelled_elsewhere"), ("a1", "answered"), ("a2", "cancelled_elsewhere")]
    over(w, line)
    assert outcomes(w) == ["answered"]


def test_a_caller_who_gives_up_while_the_agent_is_asked() -> None:
    w = world(asking())
    (agent,) = ready(w, "a0", answer_after=0.5)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(8)
    anna.hang_up(line)
    w.run(1)
    assert agent.lines[0].state == "ended" and results(w) == [("a0", "cancelled_caller_gone")]
    assert w.switch.queues.roster.agents["a0"].activity == "idle", "nothing is held against the agent"
    over(w)
    assert outcomes(w) == ["abandoned_ringing"]


@pytest.mark.parametrize("rule, asked", [("", True), ("off", False)])
def test_an_agent_outside_is_asked_unless_told_otherwise(rule: str, asked: bool) -> None:
    directory = site(
        "anna", agents={"ewa": Agent("ewa", "601234567", confirm=rule)},
        queues={"info": Queue("info", members=(Membership("ewa"),))},
        **outside(trunk(ping=0), extensions={"200": "queue:info"}),
    )  # fmt: skip
    w = World(directory)
    provider, anna = Provider(w, answer_after=0.5), w.phone("anna")
    w.run(1)
    w.switch.queues.handle(AgentCommand("ewa", "login", actor="test"), w.now)
    w.switch.settle(w.now)
    line = anna.call("200")
    w.run(3)
    there = provider.lines[0]
    if asked:
        assert (w.hears(there), w.hears(line)) == (ASKED, "music:default")
        w.press(there, "1")
        w.run(1)
    assert w.hears(line) == "bridge:provider"
    over(w, line)
    assert results(w) == [("ewa", "answered")]


# --- what the two are told before they talk ------------------------------------------------------------------------------


def test_caller_and_agent_are_told_something_at_the_same_time() -> None:
    w = world({"agent_greeting": ("agent-whisper-intro",), "connecting": ("connecting",), "greeting": ()})
    (agent,) = ready(w, "a0", answer_after=0.2)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert (w.hears(line), w.hears(agent.lines[0])) == ("play:pl/connecting", "play:pl/agent-whisper-intro")
    w.run(2)
    assert (w.hears(line), w.hears(agent.lines[0])) == ("bridge:a0", "bridge:anna")
    assert w.switch.queues.roster.agents["a0"].activity == "talking"
    over(w, line)
    assert outcomes(w) == ["answered"]


def test_a_long_prompt_keeps_nobody_waiting() -> None:
    w = world({"connecting": ("connecting",) * 20, "greeting": ()})
    (agent,) = ready(w, "a0", answer_after=0.2)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(1.9)
    assert w.hears(line).startswith("play:pl/connecting")
    w.run(0.5)
    assert (w.hears(line), w.hears(agent.lines[0])) == ("bridge:a0", "bridge:anna")
    over(w, line)


def test_the_agent_is_gone_while_the_caller_is_told() -> None:
    w = world({"connecting": ("connecting",), "greeting": ()})
    ready(w, "a0", answer_after=0.2, hang_up_after=0.3)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(4)
    assert line.state == "up" and w.hears(line) == "music:jazz", "back to the old place, and never in silence"
    over(w, line)


# --- who answers at the same moment ---------------------------------------------------------------------------------------


def test_two_who_answer_at_the_same_moment_have_one_winner() -> None:
    w = world({"strategy": "ring_all", "greeting": ()})
    phones = ready(w, "a0", "a1", "a2", answer_after=1.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(3)
    states = [phone.lines[0].state for phone in phones]
    assert sorted(states) == ["ended", "ended", "up"]
    winner = phones[states.index("up")]
    assert w.hears(line) == f"bridge:{winner.user}" and w.hears(winner.lines[0]) == "bridge:anna"
    assert sorted(result for _, result in results(w)) == ["answered", "cancelled_elsewhere", "cancelled_elsewhere"]
    over(w, line)
    assert outcomes(w) == ["answered"]


def test_a_menu_asks_for_skills_and_for_an_agent() -> None:
    members = (Membership("a0"), Membership("a1"))
    directory = site(
        "anna", "a0", "a1", agents={"a0": Agent("a0", "a0"), "a1": Agent("a1", "a1", skills={"english": 70})},
        queues={"info": Queue("info", members=members, strategy="linear", wrap_up=0.0)},
        menus={
            "english": Menu("english", (QueueStep("info", skills={"english": 50}),)),
            "own": Menu("own", (QueueStep("info", agent="a1"),)),
        },
        extensions={"200": "menu:english", "201": "menu:own", "202": "queue:info"},
    )  # fmt: skip
    w = World(directory)
    phones, anna = ready(w, "a0", "a1", answer_after=0.3), w.phone("anna")
    w.run(1)
    for number, expected in (("200", "a1"), ("201", "a1"), ("202", "a0")):
        line = anna.call(number)
        w.run(2)
        assert w.hears(line) == f"bridge:{expected}", number
        anna.hang_up(line)
        w.run(2)
    assert len(phones[1].lines) == 2
    over(w)
