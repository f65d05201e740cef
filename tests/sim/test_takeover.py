"""The switch is killed in the middle of everything, and another one goes on with its calls."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sim.test_conferences import dial, type_
from tests.sim.test_conferences import world as conference_world
from tests.sim.test_queues import outcomes, ready
from tests.sim.test_queues import world as queue_world
from tests.sim.test_storm import Storm, books, lines_are_over
from tests.sim.test_supervision import merged, supervised, talking
from tests.sim.test_supervision import world as supervision_world
from tests.sim.world import World, site


def two_party(**more: Any) -> tuple[World, Any, Any, Any]:
    """Anna talks to Bob."""
    w = World(site("anna", "bob", **more))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=1.0)
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    assert w.hears(line) == "bridge:bob"
    return w, anna, bob, line


def power_cut(w: World, outage: float = 1.0, *, worker_too: bool = False) -> None:
    w.kill()
    w.run(outage)
    w.restart(worker_too=worker_too)


@pytest.mark.parametrize("caller_hangs_up", [True, False])
def test_a_conversation_goes_on_and_either_side_ends_it(caller_hangs_up: bool) -> None:
    w, anna, bob, line = two_party()
    commands = len(w.worker.commands)
    power_cut(w, 2.0)
    w.run(10)
    assert len(w.worker.commands) == commands, "media was not touched"
    assert w.hears(line) == "bridge:bob"
    phone, there = (anna, line) if caller_hangs_up else (bob, bob.lines[0])
    phone.hang_up(there)
    w.run(1)
    assert line.state == bob.lines[0].state == "ended"
    (record,) = w.switch.named("call.ended")
    assert record.outcome == "answered"
    assert record.talk_seconds == pytest.approx(w.now - bob.lines[0].answered_at - 1, abs=0.2)
    assert record.total_seconds > record.talk_seconds
    assert [leg.cause for leg in w.switch.named("leg.ended")] == ["normal", "normal"]
    w.run(40)
    w.assert_idle()
    books(w)


def test_another_worker_gets_the_legs_again() -> None:
    w, anna, _, line = two_party()
    power_cut(w, worker_too=True)
    w.run(1)
    assert w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_hold_survives_and_ends() -> None:
    w, anna, bob, line = two_party(music={"default": ()})
    anna.reinvite(line, "sendonly")
    w.run(1)
    assert (w.hears(line), w.hears(bob.lines[0])) == ("stop", "music:default")
    power_cut(w)
    w.run(1)
    assert (w.hears(line), w.hears(bob.lines[0])) == ("stop", "music:default")
    version = line.sdp.version
    anna.reinvite(line, "sendrecv")
    w.run(1)
    assert line.log[-1] == "re-INVITE 200" and line.sdp.version > version
    assert w.hears(line) == "bridge:bob"
    assert [event.name for event in w.switch.events if event.name in ("call.held", "call.resumed")] == [
        "call.held",
        "call.resumed",
    ]
    bob.hang_up(bob.lines[0])
    w.run(40)
    w.assert_idle()


def test_requests_of_the_new_process_are_newer() -> None:
    w, _, bob, line = two_party()
    power_cut(w)
    w.switch.switch.hang_up(next(iter(w.switch.calls.calls)), w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert line.state == bob.lines[0].state == "ended"
    byes = [raw for raw in bob.received if raw.start.startswith("BYE")]
    assert byes[-1].cseq > bob.lines[0].invite.cseq + 1
    w.run(40)
    w.assert_idle()


def test_a_phone_that_rings_rings_on() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=5.0)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "ringing"
    power_cut(w)
    w.run(5)
    assert (w.hears(line), w.hears(bob.lines[0])) == ("bridge:bob", "bridge:anna")
    assert len(bob.lines) == 1
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()
    books(w)


def test_an_answer_while_there_is_no_switch() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(1.5)
    power_cut(w, 1.2)
    w.run(4)
    assert (w.hears(line), w.hears(bob.lines[0])) == ("bridge:bob", "bridge:anna")
    bob.hang_up(bob.lines[0])
    w.run(40)
    w.assert_idle()


def test_the_caller_gives_up_after_the_restart() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    power_cut(w)
    anna.cancel(line)
    w.run(2)
    assert line.status == 487 and bob.lines[0].status == 487
    w.run(40)
    w.assert_idle()
    books(w)


def test_nobody_answers_within_the_time_that_was_set_before() -> None:
    w = World(site("anna", "bob"), no_answer_timeout=10.0)
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    started = w.now
    line = anna.call("bob")
    w.run(5)
    power_cut(w)
    while line.state != "ended":
        w.run(0.1)
    assert w.now - started == pytest.approx(10.0, abs=0.3)
    assert line.status == 480 and bob.lines[0].status == 487
    w.run(40)
    w.assert_idle()


def test_an_invitation_of_before_expires() -> None:
    w = World(site("anna", "bob"))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob", headers={"Expires": "10"})
    w.run(2)
    power_cut(w)
    w.run(5)
    assert line.state == "ringing"
    w.run(5)
    assert (line.status, bob.lines[0].status) == (487, 487)
    w.run(40)
    w.assert_idle()
    books(w)


def test_hung_up_while_there_is_no_switch() -> None:
    w, anna, bob, line = two_party()
    w.kill()
    w.run(0.3)
    anna.hang_up(line)  # repeats its BYE
    w.run(0.7)
    w.restart()
    w.run(3)
    assert bob.lines[0].state == "ended"
    w.run(40)
    w.assert_idle()
    books(w)


def test_waiting_callers_keep_order_time_and_music() -> None:
    w = queue_world()
    phones = [w.phone("anna"), w.phone("bob"), w.phone("anna")]
    w.run(1)
    lines = []
    for phone in phones:
        lines.append(phone.call("200"))
        w.run(7)
    commands = len(w.worker.commands)
    power_cut(w, 2.0)
    w.run(2)
    assert len(w.worker.commands) == commands
    assert [w.hears(line) for line in lines] == ["music:jazz"] * 3
    board = w.switch.queues.snapshot(w.now)
    waits = [caller["waited"] for caller in board["queues"]["info"]["callers"]]
    assert waits == pytest.approx([25, 18, 11], abs=1)
    ready(w, "a0", answer_after=0.5, hang_up_after=3.0)
    served = []
    for _ in range(60):
        w.run(1)
        served += [line for line in lines if w.hears(line) == "bridge:a0" and line not in served]
    assert served == lines
    assert outcomes(w) == ["answered"] * 3
    w.run(40)
    w.assert_idle()
    books(w)


def test_the_agent_goes_on_talking_and_wraps_up_afterwards() -> None:
    w = queue_world()
    agents = ready(w, "a0", "a1", answer_after=0.5)
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    line = anna.call("200")
    w.run(10)
    power_cut(w)
    w.run(1)
    state = w.switch.queues.roster.agents["a0"]
    assert state.activity == "talking" and w.now - state.activity_since == pytest.approx(11.5, abs=0.5)
    assert w.hears(line) == "bridge:a0"
    second = bob.call("200")
    w.run(3)
    assert w.hears(second) == "bridge:a1", "nobody rings an agent who talks"
    assert len(agents[0].lines) == 1
    anna.hang_up(line)
    w.run(1)
    assert w.switch.queues.roster.agents["a0"].activity == "wrapup"
    bob.hang_up(second)
    w.run(40)
    w.assert_idle()
    books(w)
    record = next(event for event in w.switch.named("call.ended") if event.account == "anna")
    assert (record.queue, record.agent, record.outcome) == ("info", "a0", "answered")


def test_an_agent_who_is_rung_is_rung_on_and_nobody_else() -> None:
    w = queue_world({"ring_timeout": 20.0})
    agents = ready(w, "a0", "a1", answer_after=6.0)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(3)
    assert [len(agent.lines) for agent in agents] == [1, 0]
    power_cut(w)
    w.run(4)
    assert w.hears(line) == "bridge:a0"
    assert [len(agent.lines) for agent in agents] == [1, 0]
    assert [event.result for event in w.switch.named("queue.offer_result")] == ["answered"]
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()
    books(w)


def test_the_ring_of_before_times_out_and_the_next_agent_is_rung() -> None:
    w = queue_world({"ring_timeout": 8.0})
    ready(w, "a0", answer_after=None)
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(3)
    power_cut(w)
    (second,) = ready(w, "a1", answer_after=0.5)
    w.run(5)
    assert w.hears(line) == "bridge:a1"
    assert [event.result for event in w.switch.named("queue.offer_result")] == ["no_answer", "answered"]
    second.hang_up(second.lines[0])
    w.run(40)
    w.assert_idle()
    books(w)


def test_a_greeting_plays_on_and_music_follows() -> None:
    w = queue_world()
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("200")
    w.run(0.5)
    assert w.hears(line) == "play:pl/queue-welcome"
    power_cut(w, 0.2)
    assert w.hears(line) == "play:pl/queue-welcome"
    w.run(1)
    assert w.hears(line) == "music:jazz"
    anna.hang_up(line)
    w.run(1)
    assert outcomes(w) == ["abandoned_short"]
    w.run(40)
    w.assert_idle()


def test_a_second_kill_and_a_third() -> None:
    w, anna, bob, line = two_party()
    for _ in range(3):
        power_cut(w, 0.5)
        w.run(0.02)
    w.run(5)
    assert w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(1)
    assert bob.lines[0].state == "ended"
    w.run(40)
    w.assert_idle()
    books(w)


class Blackout(Storm):
    """A storm with power cuts."""

    def run(self) -> None:
        cuts = random.Random(self.world.rng.random())
        for _ in range(cuts.choice([1, 2, 4])):
            self.world.after(5 + cuts.uniform(0, 60), lambda: self.cut(cuts))
        super().run()

    def cut(self, cuts: random.Random) -> None:
        w = self.world
        if w.down:
            return
        w.kill()
        w.after(cuts.choice([0.05, 0.5, 2.0]), lambda: w.restart(worker_too=cuts.random() < 0.2))


@pytest.mark.parametrize("first", range(0, 24, 4))
def test_blackout(first: int) -> None:
    for seed in range(first, first + 4):
        storm = Blackout(seed)
        try:
            storm.run()
            storm.world.assert_idle()
            books(storm.world)
            assert not lines_are_over(storm.phones)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


# --- more than two ---------------------------------------------------------------------------------------------------


def unchanged(w: World, *lines: Any) -> list[str]:
    """Cut the power; everybody hears afterwards what they heard before, and no worker was told anything."""
    w.run(0.5)
    before = [w.hears(line) for line in lines]
    commands = len(w.worker.commands)
    power_cut(w)
    w.run(0.5)
    assert [w.hears(line) for line in lines] == before
    assert len(w.worker.commands) == commands
    return before


def over(w: World, *lines: Any) -> None:
    for line in lines:
        line.phone.hang_up(line)
        w.run(0.5)
    w.run(60)
    w.assert_idle()
    books(w)


def test_a_supervisor_listens_on_and_their_keys_work() -> None:
    w = supervision_world()
    line, other = talking(w)
    ear = supervised(w)
    assert unchanged(w, line, other, ear) == ["room:bob", "room:anna", "room:anna+bob"]
    w.press(ear, "6")
    w.run(0.2)
    assert w.hears(line) == "room:bob+sue"
    ear.phone.hang_up(ear)
    w.run(1)
    assert (w.hears(line), w.hears(other)) == ("bridge:bob", "bridge:anna")
    (ended,) = w.switch.named("supervision.ended")
    assert ended.seconds > 2.0
    over(w, line)


def test_a_conference_goes_on_with_its_mutes_and_its_lock() -> None:
    w = conference_world()
    lines = dial(w, "anna", "bob", "carl")
    type_(w, lines[1], "*6")
    w.switch.switch.conference("team", "lock", "", "cli", w.now)
    w.switch.settle(w.now)
    unchanged(w, *lines)
    (row,) = w.switch.switch.conference_list(w.now)
    assert row["locked"] and [one["muted"] for one in row["members"]] == [False, True, False]
    assert row["seconds"] > 2.0
    type_(w, lines[1], "*6")
    assert w.hears(lines[0]) == "room:bob+carl"
    over(w, *lines)


def test_a_call_of_three_goes_on() -> None:
    w = supervision_world()
    line, other = talking(w)
    carl = w.phone("carl", answer_after=0.2)
    w.run(1)
    consult = other.phone.call("carl")
    w.run(2)
    assert merged(w, line, consult) == ""
    w.run(1)
    unchanged(w, line, carl.lines[0])
    line.phone.hang_up(line)
    w.run(1)
    assert w.hears(carl.lines[0]) == "bridge:bob"
    over(w, carl.lines[0])
