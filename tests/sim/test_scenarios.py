"""The scenarios of docs/simulator.md run, and come out as the page says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from softswitch.sim.scenario import parse_scenario
from softswitch.sim.study import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


def examples() -> dict[str, dict[str, Any]]:
    found = re.findall(r"<!-- scenario: (\w+) -->\n```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return {name: tomllib.loads(text) for name, text in found}


@pytest.mark.parametrize("name", examples())
def test_the_examples_of_the_page_hold(name: str) -> None:
    study = run(parse_scenario(examples()[name]))
    assert study.verdicts and [one.expectation for one in study.verdicts if not one.holds] == []
    assert study.calls > 1_000
