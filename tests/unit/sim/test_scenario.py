from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from softswitch.errors import ConfigError
from softswitch.sim.scenario import parse_scenario, read_scenario
from softswitch.store.hours_text import read_spans

HOUR = 3_600.0


def centre(**more: Any) -> dict[str, Any]:
    return {
        "queue": {"q": {"wrap_up": 0}},
        "callers": [{"queue": "q", "rate": 60}],
        "teams": [{"name": "team", "count": 2, "queues": {"q": 0}}],
        **more,
    }


def test_teams_make_up_agents_and_memberships() -> None:
    scenario = parse_scenario(centre())
    assert sorted(scenario.policy.agents) == ["team-1", "team-2"]
    assert [(one.agent, one.tier) for one in scenario.policy.queues["q"].members] == [("team-1", 0), ("team-2", 0)]


def test_a_scenario_changes_what_the_site_says(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(
        'domain = "example.com"\n[account.101]\npassword = "correct horse battery"\n[agent.anna]\ndevice = "101"\n'
        '[queue.q]\nstrategy = "linear"\nwrap_up = 40\nmembers = ["anna"]\n'
    )
    (tmp_path / "scenario.toml").write_text(
        'site = "site.toml"\n[queue.q]\nstrategy = "ring_all"\n[[callers]]\nqueue = "q"\nrate = 5\n'
        '[[teams]]\nname = "t"\nagents = ["anna"]\n'
    )
    policy = read_scenario(tmp_path / "scenario.toml").policy
    assert policy.agents["anna"].device == "101"
    queue = policy.queues["q"]
    assert (queue.strategy, queue.wrap_up, [one.agent for one in queue.members]) == ("ring_all", 40.0, ["anna"])


@pytest.mark.parametrize(
    "change, said",
    [
        ({"callers": []}, "at least one [[callers]]"),
        ({"teams": []}, "at least one [[teams]]"),
        ({"callers": [{"queue": "p", "rate": 1}]}, "callers[0].queue: unknown queue"),
        ({"callers": [{"queue": "q", "rate": 1, "talk": "normal(3)"}]}, "callers[0].talk"),
        ({"callers": [{"queue": "q", "rate": {"Mun 08:00-09:00": 1}}]}, "callers[0].rate"),
        ({"callers": [{"queue": "q"}]}, "callers[0].rate: is missing"),
        ({"teams": [{"name": "t", "agents": ["bob"]}]}, "unknown agent"),
        ({"teams": [{"name": "t", "count": 1}, {"name": "t", "count": 1}]}, "one team only"),
        ({"teams": [{"name": "t"}]}, "agents, or a count"),
        ({"teams": [{"name": "t", "count": 1, "no_answer": 0.6, "reject": 0.4}]}, "less than 1"),
        ({"expect": ["sl >= 80 in p"]}, "unknown queue"),
        ({"expect": ["vip first"]}, "unknown callers"),
        ({"expect": ["sl is good"]}, "expect"),
        ({"policy": {}}, "unknown key"),
        ({"days": 0}, "days"),
        ({"queue": {"q": {"strategi": "linear"}}}, "strategy"),
        ({"queue": {"q": 5}}, "queue.q"),
        ({"queue": 5}, "queue"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_scenario(centre(**change))
    assert said in str(error.value)


def test_a_site_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('site = "nowhere.toml"\n')
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        read_scenario(tmp_path / "s.toml")


def test_spans_repeat_weekly_pass_midnight_and_join() -> None:
    week = parse_scenario(centre(days=8, first_day="Fri"))
    assert week.spans(read_spans(["Fri 08:00-10:00"])) == [(8 * HOUR, 10 * HOUR), (176 * HOUR, 178 * HOUR)]
    assert week.spans(read_spans(["Thu 22:00-06:00"])) == [(0.0, 6 * HOUR), (166 * HOUR, 174 * HOUR)]
    assert week.spans(read_spans(["Mon-Sun 00:00-24:00"])) == [(0.0, 192 * HOUR)]
