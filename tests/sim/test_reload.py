"""A reload loses nothing (ACD-40): whatever changes in a site, callers, their order, timers, counters and agents are the same.

Random sites live with random traffic; now and then anything of a queue changes: strategy, members, tiers, times, prompts. The
moment before is held against the moment after, and the invariants of the engine against both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest

from softswitch.acd.agent import Activity
from softswitch.acd.caller import OfferState
from softswitch.directory import Queue
from softswitch.effects import OfferResult, Publish, ReleaseCaller, WithdrawOffer
from softswitch.events import CallerJoined, CallerLeft, OfferEnded
from tests.sim.queue_world import World

POLICY = tuple(one.name for one in fields(Queue) if one.name not in ("name", "weight"))
CLIPS = ("welcome", "queue-welcome", "please-hold")


@dataclass(slots=True)
class Moment:
    """What a reload must not change."""

    callers: dict[str, tuple[Any, ...]]  # visit, priority, time of entry, credit, place at entry, offers made
    order: dict[str, list[str]]  # queue -> callers in order
    rings: dict[int, tuple[str, str, float | None]]  # offer -> caller, agent, when it times out
    talks: dict[int, tuple[str, str]]
    agents: dict[str, tuple[Any, ...]]
    counters: dict[str, Any]
    pointers: dict[tuple[str, int], object]  # round robin: (queue, tier) -> the last one rung


def moment(world: World) -> Moment:
    engine = world.engine
    offers = engine.dispatcher.offers
    return Moment(
        {
            one.id: (one.queue.name, one.visit, one.priority, one.joined, one.credit, one.position_at_entry)
            for one in engine.visits.callers.values()
        },
        {name: [one.id for one in queue.in_order()] for name, queue in engine.queues.items()},
        {
            number: (one.caller.id, one.agent.name, engine.deadlines.at(("ring", number)))
            for number, one in offers.items() if one.state is OfferState.RINGING
        },
        {
            number: (one.caller.id, one.agent.name) for number, one in offers.items() if one.state is not OfferState.RINGING
        },
        {
            name: (
                one.presence, one.reason, one.idle_since, one.missed, one.wrap_up_until, one.back_off_until, one.logged_in,
                frozenset(one.paused_in),
            )
            for name, one in engine.roster.agents.items()
        },
        {
            name: {key: value for key, value in counts.items() if key not in ("service_level_seconds", "short_abandon")}
            for name, counts in engine.measure.as_dict().items()
        },
        {(name, tier.number): tier.last for name, queue in engine.queues.items() for tier in queue.tiers if tier.last},
    )  # fmt: skip


class Reloads(World):
    """A world whose queues are given new policies all the time; agents and queues stay."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.reloads = 0

    def _draw_queue(self, name: str) -> Queue:
        draw = self.random
        return replace(
            super()._draw_queue(name),
            greeting=draw.choice(((), CLIPS[:1], CLIPS)),
            music=draw.choice(("default", "calm")),
            service_level_seconds=draw.choice((10.0, 20.0)),
            short_abandon=draw.choice((3.0, 6.0)),
            wrap_up_max=draw.choice((30.0, 300.0)),
        )

    def _reload(self) -> None:
        draw = self.random
        for name in draw.sample(sorted(self.queues), draw.randint(1, len(self.queues))):
            fresh, fields_changed = self._draw_queue(name), draw.sample(POLICY, draw.randint(1, len(POLICY)))
            self.queues[name] = replace(self.queues[name], **{one: getattr(fresh, one) for one in fields_changed})
        before, seen = moment(self), len(self.output)
        self._configure()
        self.reloads += 1
        self._hold_against(before, moment(self), self.output[seen:])

    def _hold_against(self, before: Moment, after: Moment, told: list[object]) -> None:
        """What the reload itself did: nothing but ring agents who may be rung now, and let go whom a new rule sends away."""
        events = [item.event for item in told if isinstance(item, Publish)]
        assert not [one for one in events if isinstance(one, CallerJoined)], "somebody came by a reload"
        gone = {item.caller for item in told if isinstance(item, ReleaseCaller)}
        left = {one.caller: one for one in events if isinstance(one, CallerLeft)}
        assert gone == left.keys(), "somebody left without a word"
        assert {caller: one for caller, one in before.callers.items() if caller not in gone} == after.callers
        for name, callers in before.order.items():
            assert [one for one in callers if one not in gone] == after.order[name], f"the order of {name}"
        # A phone that rings rings on, until the same moment; unless its caller was sent away.
        for number, ring in before.rings.items():
            assert after.rings.get(number) == ring or ring[0] in gone, f"ring {number}: {ring}"
        assert before.talks == after.talks
        ended = [one for one in events if isinstance(one, OfferEnded)]
        assert all(one.result == OfferResult.CANCELLED_CALLER_GONE for one in ended), ended
        assert len(ended) == sum(isinstance(item, WithdrawOffer) for item in told)
        assert before.agents == after.agents
        for name, counts in before.counters.items():
            self._same_counts(name, counts, after.counters[name], left)
        rung = {
            (seat.queue, seat.tier)
            for number, seat in self.engine.dispatcher.offers.items()
            if number not in before.rings
        }
        for (name, tier), last in before.pointers.items():
            numbers = {one.number for one in self.engine.queues[name].tiers}
            if tier in numbers and not any(queue.name == name for queue, _ in rung):
                assert after.pointers[name, tier] == last, f"the pointer of {name}"

    def _same_counts(
        self, name: str, before: dict[str, Any], after: dict[str, Any], left: dict[str, CallerLeft]
    ) -> None:
        sent = sum(one.queue == name for one in left.values())
        assert after["entered"] == before["entered"]
        assert sum(after["outcomes"].values()) == sum(before["outcomes"].values()) + sent
        if not sent:
            assert after == before, f"the counters of {name}"


@pytest.mark.parametrize("first", range(0, 80, 20))
def test_whatever_changes_nobody_is_lost(first: int) -> None:
    reloads = 0
    for seed in range(first, first + 20):
        world = Reloads(seed).run()
        reloads += world.reloads
    assert reloads > 60


def test_agents_in_every_state_meet_a_reload() -> None:
    met: set[str] = set()
    for seed in range(100, 130):
        world = Reloads(seed).run()
        met |= {state for state, what in world.coverage if what == "configure"}
    assert {f"agent {one}" for one in Activity} | {"caller waiting", "caller offering", "caller connecting"} <= met
