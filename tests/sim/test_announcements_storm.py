"""Random days in a queue: what callers are told never contradicts itself, and everything that is said exists.

Callers come, give up and change in priority, agents log in and out, answer or let it ring, the switch is killed and starts
again. A failure names its seed.
"""

from __future__ import annotations

import random
import tomllib
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from media.control import Music, Play, Tone
from softswitch.directory import Agent, Announce, Membership, Queue
from softswitch.effects import AgentCommand
from tests.sim.world import World, account, site

CALLERS = tuple(f"c{number}" for number in range(10))
AGENTS = ("a0", "a1", "a2")
CATALOGUE = tomllib.loads((Path(__file__).resolve().parents[2] / "prompts/catalogue.toml").read_text(encoding="utf-8"))
SECONDS = 200


class Day:
    """One seed."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        self.policy = Announce(
            position=dice.choice(("own", "waiting", "both")), wait=dice.random() < 0.8, on_entry=dice.random() < 0.8,
            improved=dice.random() < 0.8, gap=dice.choice((1.0, 5.0, 15.0)), every=dice.choice((0.0, 5.0, 20.0)),
            limit=dice.choice((0, 3, 10)), handle_time=dice.choice((0.0, 60.0, 400.0)),
            unknown=dice.choice(((), ("wait-unknown",))),
            comfort=dice.choice(((), ("still-waiting",), ("still-waiting", "comfort-place-kept"))),
            comfort_after=3.0, comfort_every=dice.choice((5.0, 20.0)), comfort_order=dice.choice(("ordered", "random")),
        )  # fmt: skip
        queue = Queue(
            "info", members=tuple(Membership(name) for name in AGENTS), wrap_up=dice.choice((0.0, 5.0)), ring_timeout=8.0,
            announce=self.policy, greeting=dice.choice(((), ("queue-welcome",))), language=dice.choice(("", "en")),
        )  # fmt: skip
        self.world = World(site(
            accounts={user: account(user) for user in (*CALLERS, *AGENTS)},
            agents={name: Agent(name, name) for name in AGENTS}, queues={"info": queue}, extensions={"200": "queue:info"},
        ))  # fmt: skip
        behaviours = (
            {"answer_after": 1.0, "hang_up_after": 20.0},
            {"answer_after": None},
            {"answer_after": 3.0, "hang_up_after": 60.0},
        )
        self.phones = {name: self.world.phone(name) for name in CALLERS}
        for name in AGENTS:
            self.world.phone(name, **dice.choice(behaviours))
        self.lines: dict[str, Any] = {}
        self.world.run(1)

    def live(self) -> None:
        for _ in range(SECONDS // 2):
            self.world.run(self.dice.uniform(0.5, 3.5))
            self.step()
            self.no_dead_air()
        for name in AGENTS:
            self.command(name, "logout")
        for _ in range(3):  # Who dialled while there was no switch is through only now.
            self.world.run(40)
            for name, line in self.lines.items():
                if line.state == "up":
                    self.phones[name].hang_up(line)
        self.world.run(40)

    def step(self) -> None:
        dice, world = self.dice, self.world
        what, name = dice.random(), dice.choice(CALLERS)
        line = self.lines.get(name)
        if what < 0.5:
            if line is None or line.state == "ended":
                self.lines[name] = self.phones[name].call("200")
        elif what < 0.65:
            if line is not None and line.state == "up":
                self.phones[name].hang_up(line)
        elif what < 0.75:
            waiting = sorted(world.switch.queues.visits.callers)
            if waiting:
                world.switch.queues.set_priority(dice.choice(waiting), dice.randrange(4), world.now)
                world.switch.settle(world.now)
        elif what < 0.97:
            self.command(dice.choice(AGENTS), dice.choice(("login", "login", "ready", "not_ready", "logout")))
        else:
            world.run(0.3)
            world.kill()
            world.run(dice.uniform(0.1, 2.0))
            world.restart()

    def command(self, agent: str, verb: str) -> None:
        self.world.switch.queues.handle(AgentCommand(agent, verb, actor="test"), self.world.now)
        self.world.switch.settle(self.world.now)

    def no_dead_air(self) -> None:
        """Whoever waits hears music or words (MED-13)."""
        for call in self.world.switch.calls.calls.values():
            if call.visit is not None and call.visit.waiting and call.caller.up:
                assert isinstance(call.caller.media.source, Play | Music | Tone), call.caller.media.source


@pytest.mark.parametrize("seed", range(8))
def test_a_random_day(seed: int) -> None:
    day = Day(seed)
    day.live()
    switch = day.world.switch
    places: defaultdict[str, list[int]] = defaultdict(list)
    for event in switch.named("queue.position"):
        places[event.caller].append(event.place)
    for caller, told in places.items():
        assert told == sorted(told, reverse=True), f"seed {seed}: {caller} was told {told}"
    waits: defaultdict[str, list[Any]] = defaultdict(list)
    for event in switch.named("queue.ewt_told"):
        waits[event.caller].append(event)
        assert event.seconds <= day.policy.longest
    for caller, events in waits.items():
        for before, after in pairwise(events):
            assert after.minutes <= before.minutes or after.people < before.people, f"seed {seed}: {caller}"
    for event in switch.named("queue.announced"):
        said = CATALOGUE["phrases"].keys() | CATALOGUE[event.language].keys()
        assert set(event.clips) <= said and event.clips, f"seed {seed}: {event.clips}"
        assert event.language == (switch.calls.board.directory.queues["info"].language or "pl")
    assert [kind for _, kind in switch.calls.board.deadlines.names() if kind == "announce"] == []
    assert not any(switch.queues.visits.places._watched.values())
