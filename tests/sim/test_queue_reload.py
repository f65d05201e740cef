"""The site changes under callers who wait and phones that ring, with the whole switch (ACD-40)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from softswitch.directory import Announce
from tests.sim.test_queues import outcomes, ready
from tests.sim.test_queues import world as queue_world
from tests.sim.world import World


def reload(w: World, **policy: Any) -> None:
    """Put another policy of the queue in force."""
    directory = w.switch.switch.directory
    changed = replace(directory.queues["info"], **policy)
    w.switch.switch.configure(replace(directory, queues={**directory.queues, "info": changed}), w.now)
    w.switch.settle(w.now)


def test_music_changes_at_once_and_what_is_said_is_said_to_its_end() -> None:
    w = queue_world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    waits = anna.call("200")
    w.run(5)
    comes = bob.call("200")
    w.run(0.5)
    assert (w.hears(waits), w.hears(comes)) == ("music:jazz", "play:pl/queue-welcome")
    reload(w, music="default", greeting=("welcome",))
    assert (w.hears(waits), w.hears(comes)) == ("music:default", "play:pl/queue-welcome")
    w.run(1)
    assert w.hears(comes) == "music:default"
    commands = len(w.worker.commands)
    reload(w, ring_timeout=9.0)
    w.run(1)
    assert len(w.worker.commands) == commands, "nobody hears of a change that is none of theirs"
    anna.hang_up(waits)
    bob.hang_up(comes)
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert w.hears(line) == "play:pl/welcome"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_announcements_begin_and_end_for_who_waits() -> None:
    w = queue_world({"greeting": (), "announce": Announce()})
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    lines = []
    for phone in (anna, bob):
        lines.append(phone.call("200"))
        w.run(5)
    reload(w, announce=Announce(position="own", every=20.0))
    w.run(0.5)
    assert [w.hears(line) for line in lines] == ["play:pl/you-are-next", "play:pl/position/2"]
    w.run(10)
    assert {w.hears(line) for line in lines} == {"music:jazz"}
    reload(w, announce=Announce(position="own", every=15.0))
    w.run(16)
    assert len(w.switch.named("queue.position")) == 4
    reload(w, announce=Announce())
    w.run(60)
    assert len(w.switch.named("queue.position")) == 4
    for phone, line in zip((anna, bob), lines, strict=True):
        phone.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_word_to_the_agent_that_comes_or_goes_while_the_phone_rings() -> None:
    for before, after in (((), ("agent-press-one",)), (("agent-press-one",), ())):
        w = queue_world({"agent_greeting": before})
        (agent,) = ready(w, "a0", answer_after=2.0)
        anna = w.phone("anna")
        w.run(1)
        line = anna.call("200")
        w.run(1)
        assert agent.lines[0].state == "ringing"
        reload(w, agent_greeting=after, caller_name_prefix="NEW: ")
        w.run(5)
        assert (w.hears(line), w.hears(agent.lines[0])) == ("bridge:a0", "bridge:anna")
        counts = w.switch.queues.measure.queues["info"]
        assert counts.in_progress == 0 and outcomes(w) == ["answered"]
        anna.hang_up(line)
        w.run(40)
        w.assert_idle()


def test_order_and_times_stay_and_new_limits_hold() -> None:
    w = queue_world({"greeting": ()})
    callers = [w.phone(user) for user in ("anna", "bob")]
    w.run(1)
    lines = []
    for phone in callers:
        lines.append(phone.call("200"))
        w.run(10)
    entered = {one.id: one.joined for one in w.switch.queues.visits.callers.values()}
    reload(w, strategy="linear", max_wait=25.0, tier_mode="timed", on_timeout="echo")
    assert {one.id: one.joined for one in w.switch.queues.visits.callers.values()} == entered
    w.run(4)
    assert outcomes(w) == []
    w.run(2)
    assert outcomes(w) == ["timeout"] and lines[0].state == "up"
    reload(w, max_wait=0.0)
    w.run(30)
    assert outcomes(w) == ["timeout"]
    for phone, line in zip(callers, lines, strict=True):
        phone.hang_up(line)
    w.run(40)
    w.assert_idle()
