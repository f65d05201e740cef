from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.sim.figures import percentile
from softswitch.sim.scenario import Scenario, parse_scenario
from softswitch.sim.study import Study, play, run


def centre(**more: Any) -> Scenario:
    """A small hotline from 8 to 10 with two lines."""
    data = {
        "replications": 3,
        "queue": {"q": {"wrap_up": 20, "tier_mode": "both", "tier_after": {"1": 30}, **more.pop("queue", {})}},
        "callers": [
            {
                "queue": "q",
                "rate": {"Mon 08:00-10:00": 60},
                "talk": "lognormal(180, 0.9)",
                "patience": "exponential(240)",
            }
        ],
        "teams": [
            {"name": "first", "count": 3, "queues": {"q": 0}, "shift": ["Mon 08:00-10:00"]},
            {"name": "second", "count": 2, "queues": {"q": 1}, "shift": ["Mon 08:00-10:00"]},
        ],
    }
    return parse_scenario(data | more)


def failed(study: Study) -> list[str]:
    return [one.expectation for one in study.verdicts if not one.holds]


def test_the_same_seed_gives_the_same_study_in_one_process_or_in_several() -> None:
    def figures(study: Study) -> Any:
        return [(one.replication, one.figures, one.occupancy, one.longest) for one in study.runs]

    alone = run(centre())
    assert figures(alone) == figures(run(centre(), jobs=2))
    assert figures(alone) != figures(run(centre(seed=2)))
    assert len({str(one) for one in figures(alone)}) == 3


def test_the_books_balance() -> None:
    one = play(centre(), 0)
    figures = one.figures["q", ""]
    offered, answered, abandoned = (figures[name] for name in ("offered", "answered", "abandoned"))
    assert offered is not None and answered is not None and abandoned is not None
    assert offered == one.calls == answered + abandoned and answered > 50 and abandoned > 0


def test_another_policy_meets_the_same_people() -> None:
    assert play(centre(), 0).calls == play(centre(queue={"strategy": "ring_all", "wrap_up": 0}), 0).calls


def test_occupancy_is_the_share_of_time_that_agents_are_busy() -> None:
    """Two calls an hour of exactly ten minutes, and five of wrap-up: half an hour of two hours of two agents' time."""
    data = {
        "queue": {"q": {"wrap_up": 300}},
        "callers": [{"queue": "q", "rate": {"Mon 08:00-18:00": 12}, "talk": 600}],
        "teams": [
            {"name": "t", "count": 40, "queues": {"q": 0}, "shift": ["Mon 07:00-23:00"], "answer": 0,
             "breaks": ["Mon 07:00-08:00", "Mon 18:30-23:00"]}
        ],
    }  # fmt: skip
    one = play(parse_scenario(data), 0)
    busy = one.calls * 900.0
    occupancy = one.occupancy["t"]
    assert occupancy is not None
    assert occupancy == pytest.approx(100.0 * busy / (40 * 10.5 * 3600), rel=0.02)


def test_agents_need_as_long_as_they_need_after_a_call() -> None:
    def occupancy(**team: Any) -> float:
        data = {
            "queue": {"q": {"wrap_up": 60, "wrap_up_max": 300}},
            "callers": [{"queue": "q", "rate": {"Mon 08:00-18:00": 60}, "talk": 60}],
            "teams": [
                {"name": "t", "count": 20, "queues": {"q": 0}, "shift": ["Mon 08:00-18:00"], "answer": 0, **team}
            ],
        }
        found = play(parse_scenario(data), 0).occupancy["t"]
        assert found is not None
        return found

    usual = occupancy()
    assert occupancy(wrap_up=0) == pytest.approx(usual / 2, rel=0.02)
    assert occupancy(wrap_up=30) == pytest.approx(usual * 0.75, rel=0.02)
    assert occupancy(wrap_up=120) == pytest.approx(usual * 1.5, rel=0.02)
    assert occupancy(wrap_up=900) == pytest.approx(usual * 3, rel=0.02), "the ceiling of the queue holds"


def test_offers_that_are_not_answered_or_are_rejected() -> None:
    silent = play(centre(teams=[{"name": "t", "count": 6, "queues": {"q": 0}, "no_answer": 0.5, "reject": 0.3}]), 0)
    keen = play(centre(teams=[{"name": "t", "count": 6, "queues": {"q": 0}}]), 0)
    assert (silent.figures["q", ""]["asa"] or 0) > 2 * (keen.figures["q", ""]["asa"] or 0)


def test_callers_go_on_to_another_queue() -> None:
    data = {
        "queue": {"q": {"max_wait": 30, "on_timeout": "queue:r"}, "r": {}},
        "callers": [{"queue": "q", "rate": {"Mon 08:00-09:00": 60}}],
        "teams": [{"name": "t", "count": 9, "queues": {"r": 0}}],
    }
    one = play(parse_scenario(data), 0)
    assert one.figures["r", ""]["answered"] == one.calls and one.figures["q", ""]["answered"] == 0.0


def test_callers_go_on_with_the_priority_of_the_destination() -> None:
    """Two streams meet in a queue whose only agent nobody else has: who comes with priority 5 goes first."""
    data = {
        "expect": ["early first in r"],
        "queue": {"q": {"max_wait": 30, "on_timeout": "queue:r:5"}, "r": {"fair_after": 0}},
        "callers": [
            {"queue": "q", "name": "early", "rate": {"Mon 08:00-09:00": 30}, "talk": 120},
            {"queue": "r", "name": "late", "rate": {"Mon 08:00-09:00": 30}, "talk": 120},
        ],
        "teams": [{"name": "t", "count": 1, "queues": {"r": 0}}],
    }
    study = run(parse_scenario(data | {"replications": 1}))
    (one,) = study.runs
    assert one.figures["r", "early"]["offered"] == one.figures["q", "early"]["offered"] != 0.0
    assert study.holds


def test_callers_go_on_with_the_time_that_they_have_waited() -> None:
    def wait(carry: bool) -> float:
        data = {
            "queue": {"q": {"max_wait": 600, "on_timeout": "queue:r"}, "r": {"carry_wait": carry}},
            "callers": [
                {"queue": "q", "name": "early", "rate": {"Mon 08:00-09:00": 20}, "talk": 120},
                {"queue": "r", "name": "late", "rate": {"Mon 08:00-09:00": 20}, "talk": 120},
            ],
            "teams": [{"name": "t", "count": 1, "queues": {"r": 0}}],
        }
        return play(parse_scenario(data), 0).figures["r", "early"]["asa"] or 0.0

    assert wait(True) < wait(False) - 200.0


def test_queues_that_lead_to_each_other_end() -> None:
    data = {
        "queue": {
            "q": {"join_without_agents": False, "on_no_agents": "queue:r"},
            "r": {"join_without_agents": False, "on_no_agents": "queue:q"},
        },
        "callers": [{"queue": "q", "rate": {"Mon 08:00-09:00": 10}}],
        "teams": [{"name": "t", "count": 1, "queues": {"r": 0}, "shift": ["Mon 20:00-21:00"]}],
    }
    one = play(parse_scenario(data), 0)
    assert one.calls > 0 and one.figures["", ""]["answered"] == 0.0


def test_percentiles_are_the_nearest_rank() -> None:
    waits = [float(number) for number in range(1, 11)]
    assert [percentile(waits, share) for share in (0.5, 0.9, 0.95, 1.0)] == [5.0, 9.0, 10.0, 10.0]
    assert (percentile([7.0], 0.5), percentile([], 0.5)) == (7.0, None)


def test_what_is_before_the_warm_up_is_not_counted() -> None:
    whole, part = play(centre(), 0), play(centre(warm_up=9 * 60), 0)
    assert whole.calls == part.calls
    assert (part.figures["q", ""]["offered"] or 0) < 0.7 * whole.calls


# --- expectations ----------------------------------------------------------------------------------------------------


def test_what_holds() -> None:
    study = run(
        centre(expect=["sl >= 20", "asa < 5 min", "occupancy <= 100", "nobody waits > 5 min while an eligible agent is idle",
                       "invariants hold", "nobody waits > 2 h"])
    )  # fmt: skip
    assert failed(study) == [] and study.holds
    assert all(one.chain == [] and one.example is None for one in study.verdicts)


def test_a_figure_that_fails_shows_who_waited_longest_in_the_worst_replication() -> None:
    study = run(centre(expect=["asa <= 1"]))
    (verdict,) = study.verdicts
    assert not verdict.holds and verdict.value is not None and verdict.value.mean > 1.0
    worst = max(study.runs, key=lambda one: one.figures["", ""]["asa"] or 0.0)
    assert verdict.example is not None
    assert (verdict.example.replication, verdict.example.caller) == (worst.replication, worst.longest[1])
    assert "entered q with priority 0" in verdict.chain[0]


def test_second_line_only_after() -> None:
    text = "second line only after 30 s"
    assert failed(run(centre(expect=[text]))) == [text], "by load it opens at once"
    assert failed(run(centre(expect=[text], queue={"tier_mode": "timed"}))) == []
    (verdict,) = run(centre(expect=[text])).verdicts
    assert verdict.example is not None and verdict.example.agent.startswith("second")
    assert any("tier 1 opened (busy)" in line for line in verdict.chain)
    assert any("first-1: on a queue call" in line for line in verdict.chain), "why nobody of the first line"


def test_nobody_waits_while_an_eligible_agent_is_idle() -> None:
    text = "nobody waits > 1 min while an eligible agent is idle"
    assert failed(run(centre(expect=[text]))) == []
    late = run(centre(expect=[text], queue={"tier_mode": "timed", "tier_after": {"1": 600}}))
    assert failed(late) == [text]
    (verdict,) = late.verdicts
    assert verdict.example is not None and verdict.example.agent.startswith("second")
    assert any("still waits" in line for line in verdict.chain)
    assert any("second-1: tier 1 opens in 9:00 min" in line for line in verdict.chain)


def test_nobody_waits_longer_than() -> None:
    study = run(centre(expect=["nobody waits > 30 s", "nobody waits > 3 h"]))
    assert failed(study) == ["nobody waits > 30 s"] and study.verdicts[0].breaches > 3


@pytest.mark.parametrize("priority, holds", [(5, True), (0, False)])
def test_vip_first(priority: int, holds: bool) -> None:
    streams = [
        {"queue": "q", "rate": {"Mon 08:00-10:00": 80}, "patience": "exponential(240)"},
        {"queue": "q", "name": "vip", "priority": priority, "rate": {"Mon 08:00-10:00": 20}},
    ]
    study = run(centre(callers=streams, expect=["vip first"]))
    assert study.holds is holds
    if not holds:
        (verdict,) = study.verdicts
        assert verdict.example is not None and verdict.example.caller.startswith("vip-")
        assert any(f"{verdict.example.caller}: came" in line for line in verdict.chain), "why the other went first"


def test_a_study_is_plain_values() -> None:
    study = run(centre(expect=["asa <= 1", "sl >= 1"]))
    again = json.loads(json.dumps(study.as_dict()))
    assert again["holds"] is False and again["expectations"][0]["chain"]
    assert {one["queue"] for one in again["figures"]} == {"", "q"}
