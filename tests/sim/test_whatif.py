"""A recorded day under another policy: the model must find again what is known, and know what another policy would have done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.sim.policy import Policy
from softswitch.sim.replay import play
from softswitch.sim.scenario import parse_scenario
from softswitch.sim.study import run
from softswitch.sim.tape import NoTape, chosen, sections
from softswitch.sim.whatif import Comparison, compare, last_hour
from tests.sim.journal import WALL, recorded

HOUR = 3_600.0
DAY: dict[str, Any] = {
    "queue": {"q": {"wrap_up": 20, "tier_mode": "timed", "tier_after": {"1": 120}, "strategy": "random"}},
    "callers": [
        {"queue": "q", "rate": {"Mon 08:00-12:00": 90}, "talk": "lognormal(170, 0.8)", "patience": "exponential(240)"},
    ],
    "teams": [
        {"name": "first", "count": 4, "queues": {"q": 0}, "shift": ["Mon 08:00-13:00"], "breaks": ["Mon 10:00-10:15"],
         "no_answer": 0.05},
        {"name": "second", "count": 3, "queues": {"q": 1}, "shift": ["Mon 08:00-13:00"], "wrap_up": 10},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def day() -> Any:
    return sections(recorded(DAY))


def changed(**values: Any) -> Policy:
    policy = parse_scenario(DAY).policy
    return Policy({"q": replace(policy.queues["q"], **values)}, policy.agents)


def test_a_day_with_all_its_draws_comes_out_as_it_was(day: Any) -> None:
    found = compare(day)
    assert found.different == 0 and found.offers > 250
    assert found.recorded["q"]["offered"] == found.recorded[""]["offered"] > 300
    assert found.before == {}


def test_from_the_middle_of_the_day(day: Any) -> None:
    """Only callers of that time are counted; the time before is played for the state of the floor."""
    part = compare(chosen(day, WALL + 9 * HOUR, WALL + 10 * HOUR), since=WALL + 9 * HOUR, until=WALL + 10 * HOUR)
    assert part.different == 0 and 60 < (part.recorded["q"]["offered"] or 0) < 130


def test_the_same_policy_makes_no_difference_and_the_model_finds_the_record_again(day: Any) -> None:
    found = compare(day, changed(), replications=6)
    for name, one in found.difference["q"].items():
        assert one is not None and one.mean == 0.0 and one.half_width == 0.0, name
    for name, tolerance in (("sl", 6.0), ("asa", 10.0), ("abandon", 4.0), ("offered", 0.0)):
        actual, model = found.recorded["q"][name], found.before["q"][name]
        assert actual is not None and model is not None and abs(model.mean - actual) <= tolerance, name
    occupancy = found.before[""]["occupancy"]
    assert occupancy is not None and occupancy.mean == pytest.approx(found.recorded[""]["occupancy"], abs=3.0)


def test_a_better_policy_is_found_to_be_better_and_by_how_much(day: Any) -> None:
    """The truth is known here: the same scenario under both policies."""
    found = compare(day, changed(tier_mode="busy"), replications=8)
    sl, asa, abandon = (found.difference["q"][name] for name in ("sl", "asa", "abandon"))
    assert sl is not None and asa is not None and abandon is not None
    assert sl.half_width is not None and sl.mean - sl.half_width > 0.0
    assert asa.mean < 0.0 and abandon.mean < 0.0
    truth = [
        run(parse_scenario({**DAY, "replications": 12, "queue": {"q": {**DAY["queue"]["q"], **more}}}))
        for more in ({}, {"tier_mode": "busy"})
    ]
    real = [one.estimates(("q", ""))["sl"] for one in truth]
    assert real[0] is not None and real[1] is not None
    assert sl.mean == pytest.approx(real[1].mean - real[0].mean, abs=8.0)


def test_fewer_agents_make_it_worse(day: Any) -> None:
    policy = parse_scenario(DAY).policy
    queue = policy.queues["q"]
    fewer = Policy({"q": replace(queue, members=queue.members[1:])}, policy.agents)
    sl = compare(day, fewer, replications=4).difference["q"]["sl"]
    assert sl is not None and sl.mean < -3.0


def test_the_last_hour_for_a_dry_run(day: Any) -> None:
    found = last_hour(day, changed(tier_mode="busy"), WALL + 11 * HOUR)
    assert isinstance(found, Comparison) and found.different == 0
    offered = found.before["q"]["offered"]
    assert offered is not None and 60 < offered.mean < 130
    with pytest.raises(NoTape):
        last_hour(day, changed(), WALL + 99 * HOUR)


def test_a_restart_in_the_middle_is_two_sections(day: Any) -> None:
    (whole,) = day
    assert play(whole).differences == []
    values = compare([whole, replace(whole)], changed(), replications=2)
    assert values.before["q"]["offered"] is not None
    assert values.before["q"]["offered"].mean == 2 * (compare(day).recorded["q"]["offered"] or 0)


def test_a_comparison_is_plain_values(day: Any) -> None:
    import json

    found = json.loads(json.dumps(compare(day, changed(), replications=2).as_dict()))
    assert found["different"] == 0 and found["exact"] is True and found["difference"]["q"]["sl"]["mean"] == 0.0
