"""Callbacks among callers, in the simulated world: nobody overtakes at equal rank, and the books balance."""

from __future__ import annotations

from collections import Counter

import pytest

from softswitch.acd.caller import CallerState
from softswitch.events import CallbackDone
from tests.sim.callback_world import CallbackWorld
from tests.sim.queue_inputs import replay

SEEDS = 120
CHUNKS = 4
met: Counter[str] = Counter()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nobody_of_better_rank_is_passed_over_and_the_books_balance(chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        world = CallbackWorld(seed).run()
        met.update(state for state, _ in world.coverage if state.startswith("caller"))
        met.update(event.outcome for event in world.events if isinstance(event, CallbackDone))
        met.update(event.name for event in world.events if event.name.startswith("callback."))


def test_everything_happened() -> None:
    if not met:
        pytest.fail("run the whole file")
    wanted = {
        f"caller {CallerState.CALLED}", f"caller {CallerState.AWAY}", "reached", "called_again", "by_hand",
        "callback.created", "callback.attempt", "callback.missed", "callback.assigned", "callback.due", "callback.done",
        "callback.expired", "callback.cancelled",
    }  # fmt: skip
    assert wanted <= met.keys(), wanted - met.keys()


@pytest.mark.parametrize("seed", range(500, 506))
def test_the_same_inputs_give_the_same_decisions(seed: int) -> None:
    world = CallbackWorld(seed).run()
    output, state = replay(world)
    assert output == world.output
    assert state == world.engine.export_state(world.now)
