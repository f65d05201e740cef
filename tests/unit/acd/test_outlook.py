"""What the estimate of the wait is fed with, and whom it counts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from softswitch.acd.engine import Engine
from softswitch.acd.estimate import Wait, queue_length_wait
from softswitch.acd.outlook import Outlook, Pace, Shares
from softswitch.directory import Agent, Announce, Membership, Need, Queue
from softswitch.effects import (
    AgentCommand,
    ConversationEnded,
    DeviceReachable,
    EnterQueue,
    OfferAnswered,
    Outcome,
    RingAgent,
)
from softswitch.events import CallerLeft
from tests.sim.queue_inputs import Dice

T0 = 10_000.0


class Floor:
    """An engine, and the agents' phones that do as told."""

    def __init__(self, agents: int = 2, queues: tuple[Queue, ...] = (), handle_time: float = 100.0) -> None:
        self.engine = Engine(Dice(1))
        self.now = T0
        names = [f"a{number}" for number in range(agents)]
        members = tuple(Membership(name) for name in names)
        self.queues = queues or (Queue("q", members=members, wrap_up=10.0, announce=Announce(handle_time=handle_time)),)
        self.agents = {name: Agent(name, name) for name in names}
        self.engine.configure({one.name: one for one in self.queues}, self.agents, self.now)
        for name in names:
            self.give(DeviceReachable(name, True))
            self.give(AgentCommand(name, "login"))

    def give(self, item: object) -> list[Any]:
        self.engine.handle(item, self.now)
        return self.engine.drain()

    def enter(self, caller: str, queue: str = "q", priority: int = 0) -> list[Any]:
        return [one for one in self.give(EnterQueue(caller, queue, priority=priority)) if isinstance(one, RingAgent)]

    def talk(self, ring: RingAgent, seconds: float) -> None:
        """The agent takes the call, talks, and wraps up."""
        self.give(OfferAnswered(ring.offer))
        self.now += seconds
        self.give(ConversationEnded(ring.offer))
        self.now += 10.0
        self.engine.expire(self.now)
        self.engine.drain()

    def seconds(self, caller: str) -> float:
        return self.engine.outlook.caller(self.engine.visits.callers[caller], self.now).wait.mean


def test_a_call_is_its_talk_and_its_wrap_up() -> None:
    floor = Floor(agents=1, handle_time=0.0)
    (ring,) = floor.enter("c1")
    floor.talk(ring, 90.0)
    pace = floor.engine.outlook.paces["q"]
    assert pace.handle_time(0.0) == pytest.approx(100.0)
    assert floor.engine.outlook.shares["a0"].seconds == {"q": pytest.approx(100.0)}


def test_callers_ahead_and_agents_make_the_wait() -> None:
    floor = Floor(agents=2)
    for caller in ("c1", "c2", "c3", "c4"):
        floor.enter(caller)
    assert (floor.seconds("c3"), floor.seconds("c4")) == (pytest.approx(50.0), pytest.approx(100.0))
    assert floor.seconds("c1") == 0.0, "a phone rings for them"
    floor.enter("vip", priority=5)
    assert (floor.seconds("vip"), floor.seconds("c3")) == (pytest.approx(50.0), pytest.approx(100.0))
    queue = floor.engine.queues["q"]
    assert floor.engine.outlook.newcomer(queue, floor.now).wait.mean == pytest.approx(200.0)
    assert floor.engine.outlook.newcomer(queue, floor.now, priority=9).wait.mean == pytest.approx(50.0)


def test_whoever_pauses_or_goes_home_does_not_count() -> None:
    floor = Floor(agents=3)
    for caller in ("c1", "c2", "c3", "c4"):
        floor.enter(caller)
    assert floor.seconds("c4") == pytest.approx(100.0 / 3)
    # Whoever was rung for by one who leaves waits again, before c4.
    for number, verb, expected in ((0, "not_ready", 100.0), (1, "logout", 300.0), (2, "logout", math.inf)):
        floor.give(AgentCommand(f"a{number}", verb))
        floor.now += 2.0
        assert floor.seconds("c4") == pytest.approx(expected)


def test_a_free_agent_means_no_wait_for_whoever_comes() -> None:
    floor = Floor(agents=2)
    assert floor.engine.outlook.newcomer(floor.engine.queues["q"], floor.now).seconds == 0.0


def test_an_agent_of_two_queues_counts_by_the_share_of_time_that_a_queue_gets() -> None:
    members = (Membership("a0"),)
    announce = Announce(handle_time=100.0)
    floor = Floor(1, tuple(Queue(name, members=members, wrap_up=10.0, announce=announce) for name in ("x", "y")))
    floor.enter("busy", "x")
    floor.enter("c1", "x")
    assert floor.seconds("c1") == pytest.approx(200.0), "half of the agent, as far as is known"
    shares = floor.engine.outlook.shares["a0"] = Shares({"x": 5_400.0})
    assert shares.of("x", 2) == pytest.approx(0.95)
    floor.now += 2.0
    assert floor.seconds("c1") == pytest.approx(100.0 / 0.95)


def test_the_moving_average_is_drawn_to_the_day() -> None:
    pace = Pace()
    for hour in range(10):
        for _ in range(20):
            pace.handled(100.0, hour * 3600.0)
    assert pace.handle_time(0.0) == pytest.approx(100.0)
    for _ in range(50):
        pace.handled(300.0, 10.5 * 3600.0)
    recent, day = pace.recent, (200 * 100 + 50 * 300) / 250
    assert recent is not None and recent > 250.0
    assert pace.handle_time(0.0) == pytest.approx((recent + day) / 2)
    pace.handled(100.0, 100 * 3600.0)
    assert len(pace.hours) == 1, "older than a day is forgotten"


def test_patience_is_learnt_from_those_who_leave() -> None:
    pace = Pace()
    for _ in range(2_000):
        pace.left(60.0, False)
        pace.left(30.0, True)
    assert pace.gave_up / pace.waited == pytest.approx(1 / 90.0, rel=0.01)


def test_tiers_that_open_later_serve_from_then_on() -> None:
    queue = Queue(
        "q", members=(Membership("a0"), *(Membership(f"a{n}", 1) for n in (1, 2, 3))), tier_mode="timed",
        tier_after={1: 60.0}, announce=Announce(handle_time=100.0),
    )  # fmt: skip
    floor = Floor(4, (queue,))
    for caller in ("c0", "c1", "c2", "c3"):
        floor.enter(caller)
    # c3 has two before: 300 s with one agent; after 60 s four serve, and a fifth of the work is done.
    assert floor.seconds("c3") == pytest.approx(60.0 + 0.8 * 75.0)


def test_a_restart_knows_what_was_learnt() -> None:
    floor = Floor(agents=1)
    (ring,) = floor.enter("c1")
    floor.talk(ring, 50.0)
    kept = json.loads(json.dumps(floor.engine.export_state(floor.now)))["outlook"]
    outlook = Outlook()
    outlook.restore(kept, T0 + 7.0)
    assert outlook.paces["q"].handle_time(0.0) == floor.engine.outlook.paces["q"].handle_time(0.0)
    assert outlook.shares["a0"].seconds == floor.engine.outlook.shares["a0"].seconds
    outlook.restore({}, T0)
    assert outlook.paces == {}


@pytest.mark.parametrize("ahead", [65, 200, 5_000])
def test_a_long_line_is_summed_as_exactly_as_a_short_one(ahead: int) -> None:
    rates = [0.05 + i * 0.004 for i in range(ahead + 1)]
    found = queue_length_wait(ahead, 10.0, 0.005, 0.004)
    exact = Wait(sum(1 / rate for rate in rates), sum(1 / rate**2 for rate in rates))
    assert found.mean == pytest.approx(exact.mean, rel=1e-4)
    assert found.variance == pytest.approx(exact.variance, rel=1e-3)


def test_callers_who_may_not_use_everybody_wait_for_those_who_may() -> None:
    """One of four agents speaks English: whoever asks for that waits for that one."""
    members = tuple(Membership(f"a{number}") for number in range(4))
    queue = Queue("q", members=members, wrap_up=10.0, announce=Announce(handle_time=100.0))
    floor = Floor(4, (queue,))
    floor.agents = {
        name: replace(one, skills={"english": 80} if name == "a3" else {}) for name, one in floor.agents.items()
    }
    floor.engine.configure({"q": queue}, floor.agents, floor.now)
    for number in range(6):
        floor.enter(f"c{number}")
    english = (Need("english", 50),)
    floor.give(EnterQueue("e1", "q", needs=english))
    floor.give(EnterQueue("e2", "q", needs=english))
    # Two others wait before them; one of the four agents is theirs, so half a caller is in the way.
    assert floor.seconds("e1") == pytest.approx(100.0)
    assert floor.seconds("e2") == pytest.approx(200.0)
    assert floor.engine.standing("e2", floor.now).people == 1  # type: ignore[union-attr]


def test_a_decision_counts_agents_as_they_are_now() -> None:
    floor = Floor(agents=2)
    for caller in ("c1", "c2", "c3"):
        floor.enter(caller)
    caller = floor.engine.visits.callers["c3"]
    outlook = floor.engine.outlook
    assert outlook.caller(caller, floor.now).people == 2
    floor.now += 0.5
    floor.give(AgentCommand("a1", "logout"))
    assert outlook.caller(caller, floor.now, exact=True).people == 1


def test_a_callback_that_waits_all_night_says_nothing_of_patience() -> None:
    outlook = Outlook()
    for number in range(100):
        outcome = Outcome.ABANDONED if number % 5 == 0 else Outcome.ANSWERED
        outlook.left(CallerLeft("q", f"c{number}", number, outcome, 60.0, 1, 1))
    pace = outlook.paces["q"]
    before = pace.gave_up / pace.waited
    outlook.left(CallerLeft("q", "callback", 101, Outcome.ANSWERED, 16 * 3600.0, 1, 1, kind="callback"))
    assert pace.gave_up / pace.waited == before
