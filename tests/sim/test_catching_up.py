"""The state of the queues as it was kept, brought up to the end of the journal, is the state at that moment (ACD-41).

A world lives with everything that happens in it; at random moments the state is kept, and at random later ones compared with
what the journal makes of it: whatever the second of the kill, agents, pointers, clocks, counters and places are the same.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from softswitch.acd.agent import Activity
from softswitch.acd.catching_up import catch_up
from softswitch.effects import Publish
from softswitch.events import AgentActivityChanged, Event
from tests.sim.queue_world import World

TALKING = (Activity.TALKING, Activity.HOLDING)
NOT_TOLD = ("configure", "crash", "priority", "close", "close_visits")  # what is kept at once, or by somebody else


class Kept(World):
    """A world whose state is kept now and then, with a journal of what was published since."""

    def __init__(self, seed: int) -> None:
        self._kept_at = 0.0
        self._since: list[tuple[float, Event]] = []
        super().__init__(seed, check=False)
        self.compared = 0
        self._keep()

    def _keep(self) -> None:
        self._state: dict[str, Any] = json.loads(json.dumps(self.engine.export_state(self.now)))
        self._kept_at = self.now
        self._since = []

    def _perform(self, item: object) -> None:
        if isinstance(item, Publish):
            self._since.append((self.now - self._kept_at, self._counted(item.event)))
        super()._perform(item)

    def _counted(self, event: Event) -> Event:
        if isinstance(event, AgentActivityChanged) and event.until is not None:
            return replace(event, until=event.until - self._kept_at)
        return event

    def _input(self, kind: str, value: Any) -> None:
        super()._input(kind, value)
        if kind in NOT_TOLD or self.steps % 23 == 0:
            self._keep()
        elif self.steps % 5 == 0:
            self._compare()

    def _compare(self) -> None:
        self.compared += 1
        passed = self.now - self._kept_at
        caught, real = catch_up(self._state, self._since), self.engine.export_state(self.now)
        for key in ("last_visit", "last_offer", "counters"):
            assert caught[key] == pytest.approx(real[key]) if key != "counters" else _close(caught[key], real[key]), key
        for one, other in zip(caught["visits"], real["visits"], strict=True):
            gave_up = {"preferred", "preferred_for"} - other.keys()  # Who waits for one agent no longer: is seen again.
            assert {key: one[key] for key in one if key not in gave_up} | {"waited": 0} == other | {"waited": 0}
        assert [one["waited"] + passed for one in caught["visits"]] == pytest.approx(
            [one["waited"] for one in real["visits"]]
        )
        for name, queue in real["queues"].items():
            rung = {tier: last[1] for tier, last in queue["last"].items()}
            assert {tier: last[1] for tier, last in caught["queues"][name]["last"].items()} == rung
        assert caught["agents"].keys() >= real["agents"].keys()  # Who was removed may have gone since.
        for name, stored in real["agents"].items():
            self._compare_agent(name, caught["agents"][name], stored, passed)

    def _compare_agent(self, name: str, caught: dict[str, Any], real: dict[str, Any], passed: float) -> None:
        agent = self.engine.roster.agents[name]
        for key in ("presence", "reason", "paused_in"):
            assert caught[key] == real[key], (name, key)
        assert caught["missed"] >= real["missed"], name  # Who says "ready" once more is not told of, and forgiven.
        if agent.borrowed:  # Else it is what the site says.
            assert caught["device"] == agent.device, name
        for key in ("presence_age", "login_age"):
            assert caught[key] + passed == pytest.approx(real[key]), (name, key)
        load = caught["load"]
        answered = [age + passed for age in load["answered"]]
        assert answered == pytest.approx(real["load"]["answered"]), name
        spells = [[age + passed, seconds] for age, seconds in load["spells"]]
        assert _close(spells, real["load"]["spells"]), (name, spells, real["load"]["spells"])
        # Who talked when the state was kept, and went to another phone instead of ending that, has no clock in it.
        if agent.present and agent.activity not in TALKING and caught["idle_age"] != 0.0:
            assert caught["idle_age"] + passed == pytest.approx(real["idle_age"]), (name, agent.activity)
        for what in ("wrap_up", "back_off"):
            if agent.activity in (Activity.IDLE, Activity.WRAP_UP, Activity.BACK_OFF):
                left = max(0.0, caught[what]["left"] - passed)
                assert left == pytest.approx(real[what]["left"], abs=0.01), (name, what, agent.activity)
        if agent.activity is Activity.WRAP_UP:
            assert caught["wrap_up"]["queue"] == real["wrap_up"]["queue"], name
            # One that began behind a leg outside the queues is told of when that leg ends.
            assert caught["wrap_up"]["age"] + passed <= real["wrap_up"]["age"] + 0.01, name
        if agent.activity is Activity.BACK_OFF:
            assert caught["back_off"]["cause"] == real["back_off"]["cause"], name


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(_close(*pair) for pair in zip(one, other, strict=True))
    return bool(one == pytest.approx(other, abs=1e-6))


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_what_was_kept_and_the_journal_are_the_state(first: int) -> None:
    compared = 0
    for seed in range(first, first + 15):
        compared += Kept(seed).run().compared
    assert compared > 300
