"""Every rule about callers who wait, in random storms: books balance, the order is what priorities and waits make it, and
nobody's place grows unless that is why (ACD-23..29, ACD-42, ACD-49)."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from softswitch.events import CallerEscalated, CallerLeft, CallerSteered, Event, SurgeChanged
from tests.sim.queue_inputs import replay
from tests.sim.waiting_world import WaitingWorld

SEEDS = int(os.environ.get("SOFTSWITCH_SIM_SEEDS", "60"))
CHUNKS = 3

seen: Counter[str] = Counter()


def note(events: list[Event]) -> None:
    for event in events:
        if isinstance(event, CallerLeft):
            seen[f"outcome {event.outcome}"] += 1
        elif isinstance(event, CallerEscalated):
            seen[f"rung {event.trigger.split()[0]}"] += 1
            seen[f"opened {event.action.partition(':')[0]}"] += 1
        elif isinstance(event, CallerSteered):
            seen[f"hand {event.verb}"] += 1
        elif isinstance(event, SurgeChanged):
            seen[f"surge {event.cause}"] += 1


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_invariants_hold_whatever_is_done_with_who_waits(chunk: int) -> None:
    for seed in range(chunk, SEEDS, CHUNKS):
        note(WaitingWorld(seed).run().events)


def test_everything_has_happened() -> None:
    if not seen:
        for seed in range(SEEDS):
            note(WaitingWorld(seed, check=False).run().events)
    expected = {
        *(f"outcome {one}" for one in ("answered", "overflow", "exit_key", "withdrawn", "transferred_out", "full", "timeout")),
        *(f"opened {one}" for one in ("agents", "tier")),
        *(f"rung {one}" for one in ("wait", "length", "no", "service", "estimate")),
        *(f"hand {one}" for one in ("prioritise", "place", "assign", "move", "withdraw")),
        *(f"surge {one}" for one in ("length", "wait", "calm", "order")),
    }  # fmt: skip
    assert not expected - seen.keys(), f"never happened: {expected - seen.keys()}"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_place_grows_where_all_are_alike(chunk: int) -> None:
    for seed in range(1000 + chunk, 1000 + SEEDS // 2, CHUNKS):
        WaitingWorld(seed, plain=True).run()


@pytest.mark.parametrize("seed", range(2000, 2006))
def test_the_journal_replayed_gives_the_same(seed: int) -> None:
    world = WaitingWorld(seed).run()
    output, state = replay(world)
    assert output == world.output
    assert state == world.engine.export_state(world.now)
