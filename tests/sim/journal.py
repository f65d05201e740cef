"""The journal that a switch would have written of a simulated day."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from softswitch.acd.tape import Drawn, Tape, packed_policy
from softswitch.events import Event
from softswitch.sim.people import Dice
from softswitch.sim.scenario import parse_scenario
from softswitch.sim.study import Play
from softswitch.sim.tape import Noted

WALL = 1_700_000_000.0  # the wall clock when the monotonic one was 0


class Journal:
    """A witness that writes down what is published, and takes the tape once a minute."""

    settles = True

    def __init__(self, tape: Callable[[], Tape]) -> None:
        self.lines: list[Noted] = []
        self._tape = tape
        self._taken = 0.0

    def saw(self, event: Event, now: float) -> None:
        payload = json.loads(json.dumps(event.as_dict()))
        self.lines.append(Noted(len(self.lines), now + WALL, now, event.name, payload))

    def sees(self, kind: type[Event]) -> Any:
        return self.saw

    def settled(self, now: float) -> None:
        if now - self._taken >= 60.0:
            self.take(now)

    def began(self, engine: object, now: float) -> None:
        """Nothing is to be done."""

    def take(self, now: float) -> None:
        self._taken = now
        for block in self._tape().take(now):
            self.saw(block, now)


def recorded(data: Mapping[str, Any], seed: int = 1) -> list[Noted]:
    """One replication of a scenario as a journal."""
    scenario = parse_scenario(data)
    play = Play(scenario, seed)
    engine = play.world.engine
    drawn = Drawn(Dice(str(seed)))
    engine.dispatcher._entropy = drawn
    tape = Tape(engine, drawn)
    tape.note(0.0, ".configure", packed_policy(scenario.policy.queues, scenario.policy.agents))
    tape.remember(packed_policy(scenario.policy.queues, scenario.policy.agents))
    journal = Journal(lambda: tape)
    play.world.watch(journal)
    play.run()
    journal.take(play.world.now + 1.0)
    return journal.lines
