"""The queue engine under deterministic simulation (RELIABILITY section 4).

By default a few hundred seeds; SOFTSWITCH_SIM_SEEDS sets how many, SOFTSWITCH_SIM_FIRST where they begin. As a program:

    python -m tests.sim.test_queue_engine --seeds 100000 [--first 0] [--horizon 240]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from itertools import product
from time import perf_counter

import pytest

from softswitch.acd.agent import Activity, Presence
from softswitch.acd.caller import CallerState, OfferState
from tests.sim.queue_inputs import replay
from tests.sim.queue_world import HORIZON, QUEUE_VERBS, VERBS, World

FIRST = int(os.environ.get("SOFTSWITCH_SIM_FIRST", "0"))
SEEDS = int(os.environ.get("SOFTSWITCH_SIM_SEEDS", "200"))
CHUNKS = 4

# Seeds that once failed stay here for ever.
KEPT = (21, 30, 312, 339, 378, 389, 728, 10926, 11070)

# Every (state, input) that can meet: all of each product, less what the engine makes impossible.
_agent_inputs = (
    *VERBS,
    *(f"{verb} in queue" for verb in QUEUE_VERBS),
    "DeviceBusy",
    "DeviceFree",
    "DeviceReachable",
    "DeviceLost",
    "configure",
    "crash",
)
# Those of callbacks are met in the world of `test_callback_world`.
_elsewhere = (CallerState.ENTERING, CallerState.ENDED, CallerState.CALLED, CallerState.AWAY)
_live = [state for state in CallerState if state not in _elsewhere]
_offer_inputs = (
    "OfferAsked",
    "OfferRinging",
    "OfferAnswered",
    "OfferConnected",
    "OfferFailed",
    "ConversationEnded",
    "ConversationHeld",
)
PAIRS: set[tuple[str, str]] = {
    *((f"agent {activity}", what) for activity, what in product(Activity, _agent_inputs)),
    *(("agent gone", verb) for verb in VERBS),
    *(
        (f"presence {presence}", what)
        for presence, what in product(Presence, (*VERBS, *(f"{verb} in queue" for verb in QUEUE_VERBS)))
    ),
    *(
        (f"caller {s}", what)
        for s, what in product((*_live, "gone"), ("EnterQueue", "LeaveQueue", "priority", "release"))
    ),
    *((f"caller {state}", what) for state, what in product(_live, ("configure", "crash", "timer tier", "timer wait"))),
    *((f"offer {state}", what) for state, what in product((*OfferState, "gone"), _offer_inputs)),
    ("offer ringing", "timer ring"),
    ("caller waiting", "timer section"),
    ("caller offering", "timer section"),
    ("caller offering", "timer widen"),
    ("agent wrapup", "timer wrap_up"),
    ("agent talking", "timer wrap_up"),
    ("agent backoff", "timer back_off"),
    ("agent talking", "timer back_off"),
    ("agent unreachable", "timer back_off"),
}

coverage: Counter[tuple[str, str]] = Counter()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_invariants_hold_whatever_happens(chunk: int) -> None:
    steps = 0
    for seed in range(FIRST + chunk, FIRST + SEEDS, CHUNKS):
        world = World(seed).run()
        coverage.update(world.coverage)
        steps += world.steps
    assert steps > SEEDS // CHUNKS * 50, "the world is asleep"


def test_every_input_met_every_state() -> None:
    for seed in range(FIRST, FIRST + 200) if SEEDS < 200 or not coverage else ():  # few seeds, or this test alone
        coverage.update(World(seed, check=False).run().coverage)
    missing = PAIRS - coverage.keys()
    assert not missing, f"{len(missing)} of {len(PAIRS)} (state, input) pairs never met: {sorted(missing)}"


@pytest.mark.parametrize("seed", KEPT)
def test_seeds_that_once_failed(seed: int) -> None:
    World(seed).run()


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_the_journal_replayed_gives_the_same_state_and_the_same_output(seed: int) -> None:
    world = World(seed).run()
    output, state = replay(world)
    assert output == world.output
    assert state == world.engine.export_state(world.now)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--horizon", type=float, default=HORIZON, help="virtual seconds of arrivals in each run")
    arguments = parser.parse_args()
    start = perf_counter()
    steps, seconds, failures = 0, 0.0, 0
    met: Counter[tuple[str, str]] = Counter()
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        world = World(seed, horizon=arguments.horizon)
        begin = world.now
        try:
            world.run()
        except AssertionError as error:
            failures += 1
            print(error, file=sys.stderr)
        steps += world.steps
        seconds += (world.now - begin) * len(world.agents)
        met.update(world.coverage)
        if (seed - arguments.first) % 500 == 499:
            print(
                f"{seed - arguments.first + 1} seeds, {steps} events, {failures} failures", file=sys.stderr, flush=True
            )
    missing = sorted(PAIRS - met.keys())
    print(f"seeds {arguments.seeds}, events {steps}, agent-days {seconds / 86400:.1f}, failures {failures}")
    print(f"(state x event) pairs met: {len(PAIRS) - len(missing)} of {len(PAIRS)}; missing: {missing or 'none'}")
    print(f"{steps / (perf_counter() - start):.0f} checked events/s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
