"""Crash isolation: an exception anywhere in a call costs that call and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.call import Call
from softswitch.call.flow import Runner
from softswitch.call.fork import Fork
from softswitch.call.hunt import Hunt
from softswitch.call.leg import Leg
from softswitch.call.media import MediaLeg
from softswitch.call.negotiation import Negotiation
from softswitch.call.park import Parked
from softswitch.call.queueing import Offer, QueueVisit
from softswitch.call.stage import CallStage
from tests.sim.test_storm import Storm
from tests.sim.wiring import Fault

PLACES: list[tuple[type, str]] = [
    (Call, "join"), (Call, "not_reached"), (Call, "leg_changed"), (Call, "leg_digit"), (Call, "fork_answered"),
    (Call, "fork_ringing"), (Hunt, "_advance"), (Hunt, "fork_answered"), (Parked, "wait"), (Parked, "expire"),
    (Call, "fork_failed"), (CallStage, "enter_queue"), (Call, "leg_gone"), (Call, "start"), (Call, "refresh"), (Call, "run"),
    (Fork, "leg_answered"), (Fork, "leg_gone"), (Fork, "_ring"), (Fork, "start"), (Fork, "expire"),
    (Leg, "connect"), (Leg, "answer"), (Leg, "invite"), (Leg, "_answer_offer"), (Leg, "reoffer"), (Leg, "take_answer"),
    (MediaLeg, "bridge"), (MediaLeg, "play_clips"), (MediaLeg, "music"), (MediaLeg, "connect"),
    (Negotiation, "answer"), (Negotiation, "offer"), (Negotiation, "accept"),
    (Offer, "ring"), (Offer, "connect"), (Offer, "fork_answered"), (Offer, "fork_failed"),
    (QueueVisit, "enter"), (QueueVisit, "ring"), (QueueVisit, "release"),
    (Runner, "_perform"), (Runner, "play_done"), (Runner, "digit"),
]  # fmt: skip


def faulty(original: Callable[..., Any], rng: random.Random, share: float) -> Callable[..., Any]:
    """The method, raising now and then, before or after it has done its work."""

    def wrapper(*arguments: Any, **named: Any) -> Any:
        roll = rng.random()
        if roll < share / 2:
            raise Fault(original.__qualname__)
        result = original(*arguments, **named)
        if roll < share:
            raise Fault(original.__qualname__)
        return result

    return wrapper


@pytest.mark.parametrize("seed", range(12))
def test_faults_touch_no_other_call(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    for owner, name in rng.sample(PLACES, 8):
        monkeypatch.setattr(owner, name, faulty(getattr(owner, name), rng, 0.03))
    storm = Storm(seed + 500)
    storm.run()
    monkeypatch.undo()
    world = storm.world
    world.run(300)
    world.assert_idle()
    created = [event.call for event in world.switch.named("call.created")]
    ended = [event.call for event in world.switch.named("call.ended")]
    assert sorted(created) == sorted(ended), "every call has exactly one record"
    broken = {event.call for event in world.switch.named("call.ended") if event.cause == "internal_error"}
    assert len(broken) <= world.switch.aborted
    assert sum(event.outcome == "answered" for event in world.switch.named("call.ended")) > 2, "the others went on"
