"""A recorded day played again is the same day (FEATURES B-1): random worlds, kills, reloads, gaps in the tape."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from softswitch.acd import tape as tapes
from softswitch.acd.engine import Engine
from softswitch.acd.tape import Drawn, Tape
from softswitch.effects import Publish
from softswitch.events import Event, OfferMade, QueueTape
from softswitch.sim.replay import play
from softswitch.sim.tape import NoTape, Noted, chosen, sections
from tests.sim import queue_inputs
from tests.sim.queue_world import World

WALL = 1.7e9  # the wall clock when the monotonic one was 0


class Recorded(World):
    """A random world whose engine is taped as in the switch; a journal as the store would have it."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch, horizon: float = 240.0) -> None:
        self.lines: list[Noted] = []
        self.tapes: list[Tape] = []
        self._taking = random.Random(seed + 1)

        def engine(entropy: Any, *, is_open: Any, **more: Any) -> Engine:
            drawn = Drawn(entropy)
            made = Engine(drawn, is_open=drawn.is_open(is_open), **more)
            self.tapes.append(Tape(made, drawn))
            self.tapes[-1].life = f"life {len(self.tapes)}"
            return made

        monkeypatch.setattr(queue_inputs, "Engine", engine)
        super().__init__(seed, check=False, horizon=horizon)

    def _input(self, kind: str, value: Any) -> None:
        before, known = len(self.output), len(self.tapes)
        if kind == "crash":
            self.take()
        super()._input(kind, value)
        assert len(self.tapes) >= known
        for item in self.output[before:]:
            if isinstance(item, Publish):
                self._line(item.event)
        if self._taking.random() < 0.05:
            self.take()

    def take(self) -> None:
        for block in self.tapes[-1].take(self.now):
            self._line(block)

    def _line(self, event: Event) -> None:
        payload = json.loads(json.dumps(event.as_dict()))
        self.lines.append(Noted(len(self.lines), self.now + WALL, self.now, event.name, payload))


def plain(event: Event) -> dict[str, Any]:
    """As it stands in the journal, but for what was brought to another clock."""
    values: dict[str, Any] = json.loads(json.dumps(event.as_dict()))
    return {name: value for name, value in values.items() if name != "until"}


@pytest.mark.parametrize("seed", range(12))
def test_an_unchanged_policy_gives_the_recorded_assignments(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = Recorded(seed, monkeypatch).run()
    assert isinstance(world, Recorded)
    world.take()
    found = sections(world.lines)
    assert len(found) == len({one.life for one in world.tapes if one.life})
    offers = 0
    for section in found:
        told: list[Event] = []
        done = play(section, saw=lambda now, event, told=told: told.append(event))  # type: ignore[misc]
        assert done.differences == []
        everything = [plain(one) for one in told], [plain(one) for _, one in section.told]
        assert everything[0] == everything[1], "not only who was rung: everything that happened"
        offers += len(done.assignments)
    assert offers == sum(line.name == OfferMade.name for line in world.lines) > 0


@pytest.mark.parametrize("seed", range(20, 32))
def test_from_a_checkpoint_at_rest_the_rest_of_the_day_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "CHECKPOINT_SECONDS", 5.0)
    world = Recorded(seed, monkeypatch, horizon=400.0).run()
    assert isinstance(world, Recorded)
    world.take()
    checked = offers = 0
    for whole in sections(world.lines):
        for entry in [one for one in whole.inputs[1:] if one[1] == ".checkpoint" and one[2]["exact"]]:
            (part,) = chosen([whole], entry[0] + WALL, None)
            assert part.inputs[0] is entry
            done = play(part)
            assert done.differences == [], f"from {entry[0]}"
            checked += 1
            offers += len(done.assignments)
    assert checked, "the floor was never at rest"


def test_a_gap_is_seen_and_the_tape_goes_on_at_the_next_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "CHECKPOINT_SECONDS", 5.0)
    world = Recorded(40, monkeypatch, horizon=400.0)
    monkeypatch.setattr(world, "_crash", lambda: None)
    world.run()
    world.take()
    blocks = [line for line in world.lines if line.name == QueueTape.name]
    missing = blocks[len(blocks) // 3]
    found = sections([line for line in world.lines if line is not missing])
    assert len(found) == 2
    assert found[0].end < found[1].begin and found[1].inputs[0][1] == ".checkpoint"
    assert play(found[1]).differences == [] or not found[1].exact


def test_a_time_of_which_nothing_is_recorded() -> None:
    with pytest.raises(NoTape, match="no tape"):
        chosen([], None, None)


def test_another_engine_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes a strategy finds out: here the draws of the random strategy are gone from the tape."""
    found = []
    for seed in range(50, 60):
        with monkeypatch.context() as patch:
            world = Recorded(seed, patch)
            world.run()
            world.take()
        found += [one for one in sections(world.lines) if any(len(entry) > 3 for entry in one.inputs)]
    section = found[0]
    section.inputs = [entry[:3] for entry in section.inputs]
    with pytest.raises(NoTape, match="random values"):
        play(section)
