"""Strategies of the site's own, and what becomes of those that break their contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.acd.custom import Ranker, Snapshot
from softswitch.directory import Need
from softswitch.events import StrategyFailed
from tests.unit.acd.site import Site, queue

OWN = "plugin:own"


def site_of(rank: Ranker, clock: Callable[[], float] | None = None, **policy: Any) -> Site:
    site = Site(queue("anna jan ola", strategy=OWN, **policy), agents={"ola": {"skills": {"english": 70}}})
    site.engine.plug_in({"own": rank}, site.now, clock)
    site._settle()
    return site


def problems(site: Site) -> list[tuple[str, bool]]:
    return [(event.problem, event.disabled) for event in site.of(StrategyFailed)]


def test_the_first_of_the_ranking_is_rung_and_then_it_is_asked_again() -> None:
    seen: list[Snapshot] = []

    def last_first(known: Snapshot) -> list[str]:
        seen.append(known)
        return [one.agent for one in reversed(known.candidates)]

    site = site_of(last_first)
    site.advance(5.0)
    site.enter("c1", number="600100200", name="Kowalski", priority=3)
    assert site.rung() == {"ola": "c1"}
    known = seen[0]
    assert (known.queue, known.caller, known.number, known.name, known.priority) == (
        "q",
        "c1",
        "600100200",
        "Kowalski",
        3,
    )
    assert [one.agent for one in known.candidates] == ["anna", "jan", "ola"]
    assert known.candidates[2].skills == {"english": 70} and known.candidates[0].idle_seconds == 5.0
    site.enter("c2")
    assert site.rung()["jan"] == "c2" and [one.agent for one in seen[1].candidates] == ["anna", "jan"]
    assert problems(site) == []


def test_those_who_do_not_fit_are_no_candidates() -> None:
    site = site_of(lambda known: [known.candidates[0].agent], needs=(Need("english", 50),))
    site.enter("c1")
    assert site.rung() == {"ola": "c1"}


def _raises(known: Snapshot) -> list[str]:
    raise KeyError("x")


BROKEN: dict[str, Any] = {
    "error": _raises,
    "unknown agent": lambda known: ["nobody"],
    "agent named twice": lambda known: ["jan", "jan"],
    "nobody ranked": lambda known: [],
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_fault_costs_nobody_anything(problem: str) -> None:
    site = site_of(BROKEN[problem])
    site.advance(1.0)
    site.command("anna", "logout")
    site.command("anna", "login")
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}, "the longest idle"
    assert problems(site) == [(problem, False)]


def test_what_is_no_list_is_an_error() -> None:
    site = site_of(lambda known: 7)  # type: ignore[arg-type, return-value]
    site.enter("c1")
    assert problems(site) == [("error", False)] and site.rung() == {"anna": "c1"}


def test_a_slow_one_is_heard_and_then_not_asked_any_more() -> None:
    times = iter(range(100))
    asked: list[str] = []

    def slow(known: Snapshot) -> list[str]:
        asked.append(known.caller)
        return [known.candidates[-1].agent]

    site = site_of(slow, lambda: float(next(times)))
    for number in range(5):
        site.enter(f"c{number}")
        (rung,) = site.rung()
        assert rung == ("ola" if number < 3 else "anna")
        site.leave(f"c{number}")
    assert asked == ["c0", "c1", "c2"]
    assert problems(site) == [("slow", False), ("slow", False), ("slow", True)]


def test_a_good_answer_forgives_the_faults_before() -> None:
    answers = iter([[], [], ["anna"], [], [], ["anna"]])
    site = site_of(lambda known: next(answers))
    for number in range(6):
        site.enter(f"c{number}")
        site.leave(f"c{number}")
    assert [disabled for _, disabled in problems(site)] == [False] * 4


def test_it_comes_and_goes_while_people_wait() -> None:
    site = Site(queue("anna jan", strategy=OWN))
    site.enter("c0")
    assert site.rung() == {"anna": "c0"}, "as long as it is not there, the longest idle"
    site.leave("c0")
    site.engine.plug_in({"own": lambda known: ["jan"]}, site.now)
    site._settle()
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}
    site.leave("c1")
    site.engine.plug_in({}, site.now)
    site._settle()
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}
