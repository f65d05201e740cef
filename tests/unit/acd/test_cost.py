"""What a distributed call costs the engine, in calls of Python functions: a measure that no busy machine disturbs.

The time they take is measured by `python -m bench.micro.match`.
"""

from __future__ import annotations

import cProfile
from collections.abc import Iterator
from types import CodeType
from typing import Any

from softswitch.directory import Membership, Queue, Rung, StrategyRule
from softswitch.effects import EnterQueue
from tests.unit.acd.site import Site, queue

AGENTS = 40
QUEUES = 8
CALLS = 50
DISTRIBUTED = 150  # calls of functions for one call that is ended, matched, answered, and followed by another caller


def site(members: int = AGENTS, **policy: Any) -> Site:
    """Every agent is in half of the queues and in conversation; callers wait in all queues."""
    names = [f"a{n:02}" for n in range(members)]
    queues = [
        Queue(
            f"q{n}",
            members=tuple(Membership(name, 0, at) for at, name in enumerate(names) if (at + n) % 2),
            wrap_up=0.0,
            **policy,
        )
        for n in range(QUEUES)
    ]
    made = Site(*queues)
    for n in range(members + 200):
        made.engine.enter(EnterQueue(f"c{n}", f"q{n % QUEUES}", "600100200"), made.now)
    for offer in list(made.engine.dispatcher.offers):
        made.engine.offer_answered(offer, made.now)
    made.engine.drain()
    return made


def distribute(made: Site) -> Iterator[None]:
    """One call after another."""
    engine, talks = made.engine, list(made.engine.dispatcher.offers)
    for n in range(2 * CALLS):
        made.now += 1.0
        before = engine.dispatcher.last
        engine.conversation_ended(talks.pop(0), made.now)
        for offer in range(before + 1, engine.dispatcher.last + 1):
            talks.append(offer)
            engine.offer_ringing(offer, made.now)
            engine.offer_answered(offer, made.now)
        engine.enter(EnterQueue(f"d{n}", f"q{n % QUEUES}", "600100200"), made.now)
        engine.drain()
        yield


def calls_of_functions(made: Site) -> float:
    """For one distributed call, once everything has settled."""
    distributed = distribute(made)
    for _ in range(CALLS):
        next(distributed)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(CALLS):
        next(distributed)
    profile.disable()
    return sum(one.callcount for one in profile.getstats() if isinstance(one.code, CodeType)) / CALLS


def test_a_distributed_call_costs_no_more_than_it_did() -> None:
    assert calls_of_functions(site()) < DISTRIBUTED


def test_rules_by_load_cost_no_more_with_more_agents() -> None:
    rules = (StrategyRule("linear", load=1.0),)
    few, many = (calls_of_functions(site(members, strategy_rules=rules)) for members in (20, 120))
    assert many < few * 1.1


def test_a_visit_sets_only_the_deadlines_that_its_queue_has_rules_for_and_leaves_none() -> None:
    for policy, expected in (
        ({}, ()),
        ({"max_wait": 60.0}, ("wait",)),
        (
            {"max_wait": 60.0, "fair_after": 30.0, "escalation": (Rung(wait=5.0, play=("sorry",)),)},
            ("age", "rung", "wait"),
        ),
        ({"tier_mode": "timed", "tier_after": {1: 9.0}}, ("tier",)),
    ):
        one = Site(queue("anna", "jan", **policy))
        one.enter("c1")
        one.enter("c2")
        one.enter("c3")
        deadlines = one.engine.deadlines
        assert sorted(kind for kind, key in deadlines.names() if key == "c3") == sorted(expected)
        one.leave("c3")
        assert not [kind for kind, key in deadlines.names() if key == "c3"]
