"""Finding strategies in Python."""

from __future__ import annotations

from pathlib import Path

from softswitch.directory import Directory, Queue, StrategyRule
from softswitch.sim.scenario import read_scenario
from softswitch.sim.study import Play
from softswitch.strategies import find, named_strategies

GOOD = """
from softswitch.strategies import Snapshot, strategy

@strategy("last")
def last(known: Snapshot) -> list[str]:
    return [known.candidates[-1].agent]

def helper() -> None: ...
"""


def test_files_are_loaded_each_for_itself(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    (tmp_path / "twice.py").write_text(GOOD)
    found = find(tmp_path)
    assert list(found.rankers) == ["last"]
    assert [Path(where).name for where, _ in found.faults] == ["broken.py", "twice.py"]


def test_no_folder_is_no_fault_and_a_wrong_one_is(tmp_path: Path) -> None:
    assert find(None).faults == []
    assert [why for _, why in find(tmp_path / "nowhere").faults] == ["there is no such folder"]


def test_the_strategies_that_a_site_names() -> None:
    rules = (StrategyRule("plugin:night", hours="night"), StrategyRule("ring_all", waiting=3))
    site = Directory("x", queues={"a": Queue("a", strategy="plugin:day", strategy_rules=rules), "b": Queue("b")})
    assert named_strategies(site) == {"day", "night"}


def test_the_simulator_runs_the_same_function(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "last.py").write_text(GOOD)
    (tmp_path / "scenario.toml").write_text(
        """
title = "own"
strategies = "own"
replications = 1

[queue.info]
strategy = "plugin:last"

[[callers]]
queue = "info"
rate = 2

[[teams]]
name = "team"
count = 3
queues = { info = 0 }
"""
    )
    play = Play(read_scenario(tmp_path / "scenario.toml"), 0)
    play.run()
    assert play.world.engine.measure.queues["info"].answered > 20
    now = play.world.now
    calls = {name: agent.load.calls(now) for name, agent in play.world.engine.roster.agents.items()}
    assert calls["team-3"] > calls["team-1"] + calls["team-2"], "the last one first"
