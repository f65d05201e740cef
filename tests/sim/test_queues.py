"""Callers in queues and the agents' phones that ring for them, with the real queue engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand
from tests.sim.world import World, account, site


def world(queue: dict[str, Any] | None = None, agents: int = 3, tiers: int = 1, **more: Any) -> World:
    names = [f"a{index}" for index in range(agents)]
    members = tuple(Membership(name, index * tiers // max(1, agents)) for index, name in enumerate(names))
    policy: dict[str, Any] = {
        "wrap_up": 5.0,
        "greeting": ("queue-welcome",),
        "music": "jazz",
        "caller_name_prefix": "INFO: ",
    }
    policy.update(queue or {})
    directory = site(
        accounts={user: account(user, name=user.capitalize()) for user in ("anna", "bob", *names)},
        agents={name: Agent(name, name) for name in names},
        queues={"info": Queue("info", members=members, **policy), "other": Queue("other")},
        extensions={"200": "queue:info"}, music={"default": (), "jazz": ()},
    )  # fmt: skip
    return World(directory, **more)


def ready(w: World, *names: str, **behaviour: Any) -> list[Any]:
    phones = [w.phone(name, **behaviour) for name in names]
    w.run(1)
    for name in names:
        w.switch.queues.handle(AgentCommand(name, "login", actor="test"), w.now)
        w.switch.settle(w.now)
        w.run(1)
    return phones


def outcomes(w: World) -> list[str]:
    return [event.outcome for event in w.switch.named("queue.left")]


def test_a_caller_waits_and_the_agent_who_gets_free_answers() -> None:
    w = world()
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert line.state == "up" and w.hears(line) == "play:pl/queue-welcome"
    w.run(1)
    assert w.hears(line) == "music:jazz"
    w.run(20)
    (agent,) = ready(w, "a0", answer_after=2.0)
    assert agent.lines[0].state == "ringing"
    assert w.hears(line) == "music:jazz"
    w.run(3)
    assert (w.hears(line), w.hears(agent.lines[0])) == ("bridge:a0", "bridge:anna")
    invite = agent.lines[0].invite
    assert invite.get("From").startswith('"INFO: Anna" <sip:anna@pbx.test>')
    assert invite.get("X-Queue") == "info" and 20 <= int(invite.get("X-Wait")) <= 23
    assert len(invite.get("X-Call-Id")) == 16
    anna.hang_up(line)
    w.run(1)
    assert agent.lines[0].state == "ended"
    assert outcomes(w) == ["answered"]
    record = next(event for event in w.switch.named("call.ended") if event.account == "anna")
    assert (record.queue, record.agent, record.outcome) == ("info", "a0", "answered")
    w.run(40)
    w.assert_idle()


def test_a_free_agent_rings_at_once_and_the_greeting_is_cut() -> None:
    w = world()
    (agent,) = ready(w, "a0", ring_after=0.0, answer_after=0.3)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.05)
    assert agent.lines and w.hears(line) == "play:pl/queue-welcome"
    assert agent.lines[0].answered_at == 0.0
    w.run(0.35)
    assert w.hears(line) == "bridge:a0", "in the middle of the greeting"


def test_the_agent_hangs_up_and_gets_wrap_up() -> None:
    w = world()
    (agent,) = ready(w, "a0", answer_after=0.2, hang_up_after=10.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(12)
    assert line.state == "ended" and line.ended_by == "remote"
    assert w.switch.queues.roster.agents["a0"].activity == "wrapup"
    w.run(6)
    assert w.switch.queues.roster.agents["a0"].activity == "idle"
    w.run(40)
    w.assert_idle()
    assert agent.lines[0].ended_by == "local"


def test_no_answer_moves_on_to_the_next_agent() -> None:
    w = world({"ring_timeout": 8.0})
    sleeper, _ = ready(w, "a0", answer_after=None)[0], None
    (awake,) = ready(w, "a1", answer_after=1.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(8.2)
    assert sleeper.lines[0].state == "ended" and sleeper.lines[0].status == 487
    assert awake.lines, "the next rings at once"
    w.run(2)
    assert w.hears(line) == "bridge:a1"
    results = [event.result for event in w.switch.named("queue.offer_result")]
    assert results == ["no_answer", "answered"]


def test_every_way_a_phone_can_refuse_has_its_result() -> None:
    for behaviour, result in (
        ({"ring_after": None, "reject": 486, "reject_after": 0.1}, "busy"),
        ({"reject": 486, "reject_after": 1.0}, "rejected"),
        ({"reject": 603, "reject_after": 1.0}, "rejected"),
        ({"ring_after": None, "reject": 480, "reject_after": 0.1}, "unreachable"),
        ({"reject": 500, "reject_after": 0.1}, "failed"),
    ):
        w = world({"ring_timeout": 8.0})
        ready(w, "a0", **behaviour)
        anna = w.phone("anna")
        w.run(1)
        line = anna.call("200")
        w.run(2)
        assert [event.result for event in w.switch.named("queue.offer_result")] == [result], behaviour
        assert w.hears(line) == "music:jazz"
        anna.hang_up(line)
        w.run(64)
        w.assert_idle()


def test_caller_gone_stops_the_ringing() -> None:
    w = world()
    (agent,) = ready(w, "a0", answer_after=None)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    assert agent.lines[0].state == "ringing"
    anna.hang_up(line)
    w.run(0.1)
    assert agent.lines[0].state == "ended"
    assert outcomes(w)[0].startswith("abandoned")
    w.run(40)
    w.assert_idle()


def test_the_answer_crosses_the_hang_up() -> None:
    w = world()
    (agent,) = ready(w, "a0", answer_after=None, answer_despite_cancel=True)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    anna.hang_up(line)
    w.run(3)
    assert agent.lines[0].state == "ended" and agent.lines[0].ended_by == "remote"
    w.run(40)
    w.assert_idle()


def test_all_phones_of_an_agent_ring_and_the_others_are_told_why_they_stop() -> None:
    w = world()
    w.phone("a0", answer_after=1.0)
    (second,) = ready(w, "a0", answer_after=5.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    assert w.hears(line) == "bridge:a0"
    assert second.lines[0].reason == 'SIP;cause=200;text="Call completed elsewhere"'


def test_hold_by_the_agent_plays_the_music_of_the_queue() -> None:
    w = world()
    (agent,) = ready(w, "a0", answer_after=0.2)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    agent.reinvite(agent.lines[0], "sendonly")
    w.run(1)
    assert w.hears(line) == "music:jazz"
    assert w.switch.queues.roster.agents["a0"].activity == "holding"
    agent.reinvite(agent.lines[0], "sendrecv")
    w.run(1)
    assert w.hears(line) == "bridge:a0"
    assert w.switch.queues.roster.agents["a0"].activity == "talking"


def test_a_word_to_the_agent_before_the_conversation() -> None:
    w = world({"agent_greeting": ("agent-whisper-intro",)})
    (agent,) = ready(w, "a0", answer_after=0.2)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert w.hears(agent.lines[0]) == "play:pl/agent-whisper-intro"
    assert w.hears(line) == "play:pl/queue-welcome"
    w.run(1.5)
    assert w.hears(line) == "bridge:a0"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()
    assert outcomes(w) == ["answered"]


def test_the_agent_is_lost_during_the_word_before_the_conversation() -> None:
    w = world({"agent_greeting": ("agent-whisper-intro",)})
    (agent,) = ready(w, "a0", answer_after=0.2, hang_up_after=0.3)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(2)
    assert agent.lines[0].state == "ended"
    assert line.state == "up" and w.hears(line) in ("music:jazz", "play:pl/queue-welcome")
    anna.hang_up(line)
    w.run(64)
    w.assert_idle()


def test_a_full_queue_says_so() -> None:
    w = world({"max_length": 1})
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    anna.call("200")
    w.run(1)
    line = bob.call("200")
    w.run(0.5)
    assert w.hears(line) == "play:pl/queue-full"
    w.run(2)
    assert line.state == "ended"
    assert outcomes(w) == ["full"]


def test_waiting_too_long_leads_elsewhere() -> None:
    w = world({"max_wait": 30.0, "on_timeout": "play:closed"})
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(30.2)
    assert w.hears(line) == "play:pl/closed"
    w.run(2)
    assert line.state == "ended" and outcomes(w) == ["timeout"]
    w.run(40)
    w.assert_idle()


def test_from_one_queue_to_another() -> None:
    w = world({"max_wait": 10.0, "on_timeout": "queue:other"})
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(10.5)
    assert w.hears(line) == "music:default"
    assert [event.queue for event in w.switch.named("queue.entered")] == ["info", "other"]
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_an_agent_who_calls_the_own_queue_is_not_rung() -> None:
    w = world()
    (agent,) = ready(w, "a0")
    line = agent.call("200")
    w.run(5)
    assert line.state == "up" and len(agent.lines) == 1
    agent.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_an_agent_on_another_call_is_not_offered() -> None:
    w = world()
    (agent,) = ready(w, "a0")
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    other = bob.call("a0")
    w.run(2)
    assert other.state == "up"
    line = anna.call("200")
    w.run(5)
    assert len(agent.lines) == 1 and w.hears(line) == "music:jazz"
    bob.hang_up(other)
    w.run(2)
    assert len(agent.lines) == 2, "free again, and rung at once"


def test_a_phone_that_drops_off_the_net_while_it_rings() -> None:
    w = world({"ring_timeout": 10.0})
    (agent,) = ready(w, "a0", answer_after=None)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(1)
    agent.down = True
    w.run(15)
    assert w.hears(line) == "music:jazz"
    anna.hang_up(line)
    w.run(80)
    w.assert_idle()


def test_an_auto_answering_phone_is_asked_to() -> None:
    w = world({"auto_answer": True})
    (agent,) = ready(w, "a0")
    anna = w.phone("anna")
    w.run(1)
    anna.call("200")
    w.run(0.5)
    invite = agent.lines[0].invite
    assert invite.get("Call-Info").endswith(";answer-after=0")
    assert "alert-autoanswer" in invite.get("Alert-Info")


def test_more_callers_than_agents() -> None:
    w = world(agents=3, seed=7)
    agents = ready(w, "a0", "a1", "a2", answer_after=1.0)
    for agent in agents:
        agent.behaviour.hang_up_after = 5.0
    callers = [w.phone("anna", number) for number in range(7000, 7004)] + [
        w.phone("bob", number) for number in range(7100, 7104)
    ]
    w.run(1)
    lines = [phone.call("200") for phone in callers]
    w.run(120)
    assert all(line.state == "ended" and line.status == 200 for line in lines)
    assert outcomes(w) == ["answered"] * 8
    w.run(40)
    w.assert_idle()


def test_agents_at_numbers_are_rung_where_the_number_leads_inside_the_site() -> None:
    members = (Membership("inside"), Membership("outside", 1))
    directory = site(
        "anna", "desk",
        agents={"inside": Agent("inside", "555"), "outside": Agent("outside", "+48221234567")},
        queues={"info": Queue("info", members=members, ring_timeout=5.0)},
        extensions={"200": "queue:info", "555": "extension:desk"},
    )  # fmt: skip
    w = World(directory)
    anna, desk = w.phone("anna"), w.phone("desk", answer_after=1.0)
    w.run(1)
    for name in ("outside", "inside"):
        w.switch.queues.handle(AgentCommand(name, "login", actor="test"), w.now)
        w.switch.settle(w.now)
    line = anna.call("200")
    w.run(3)
    results = {event.agent: event.result for event in w.switch.named("queue.offer_result")}
    assert results.get("outside", "unreachable") == "unreachable", "there is no way to the outside"
    assert desk.lines == [] or w.hears(line) == "bridge:desk"
    anna.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_the_caller_is_taken_out_while_a_phone_rings() -> None:
    w = world({"max_wait": 5.0, "on_timeout": "echo", "max_wait_strict": True})
    (agent,) = ready(w, "a0", answer_after=None)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(5.2)
    assert agent.lines[0].state == "ended" and agent.lines[0].status == 487
    assert w.hears(line) == "play:pl/echo-intro"
    anna.hang_up(line)
    w.run(60)
    w.assert_idle()


@pytest.mark.parametrize("circle", ["queue:other", "queue:other:5", "queue:info"])
def test_queues_that_send_a_caller_round_in_circles_say_goodbye(circle: str) -> None:
    """A site with such a circle is refused, but whatever leads to one: the switch must not turn round in it for ever."""
    w = world({"greeting": (), "join_without_agents": False, "on_no_agents": circle})
    directory = w.switch.switch.directory
    other = replace(directory.queues["other"], join_without_agents=False, on_no_agents="queue:info")
    w.switch.switch.configure(replace(directory, queues={**directory.queues, "other": other}), w.now)
    w.switch.settle(w.now)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert w.hears(line) == "play:pl/goodbye"
    w.run(2)
    assert line.state == "ended" and set(outcomes(w)) == {"no_agents_on_entry"}
    assert "loop" in [event.step for event in w.switch.named("ivr.step")]
    w.run(40)
    w.assert_idle()
