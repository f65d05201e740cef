"""What a new life of the switch takes over: which calls, and which state of the queues."""

from __future__ import annotations

from typing import Any

import pytest

from media.control import Music, Open
from softswitch.events import AgentActivityChanged, CallerJoined, CallerLeft, GroupRang, OfferMade
from softswitch.running.takeover import OFFER_GAP, choose, queue_state
from softswitch.store.records import Snapshot, StoredAgent, StoredCall
from tests.unit.acd.site import Site, queue

ORDERS = {1: [Open(7, "192.0.2.1", 4000, "PCMA", 8), Music(9, "default")]}


def snapshot(outage: float, *calls: dict[str, Any], **more: Any) -> Snapshot:
    kept = [StoredCall(f"c{index}", value, 2.5) for index, value in enumerate(calls)]
    return Snapshot(None, [], more.pop("agents", {}), {}, calls=kept, outage=outage, **more)


def call(worker: int, leg: int) -> dict[str, Any]:
    return {"legs": {"tag": {"media": [worker, leg]}, "gone": {}}}


@pytest.mark.parametrize(
    "outage, survive, taken, forgotten",
    [
        (1.0, 60.0, 2, []),
        (60.0, 60.0, 2, []),
        (61.0, 60.0, 1, ["c1"]),  # of the one with media it is known that it lives
        (0.1, 0.0, 0, ["c0", "c1"]),
    ],
)
def test_which_calls_are_taken_back(outage: float, survive: float, taken: int, forgotten: list[str]) -> None:
    calls, others = choose(snapshot(outage, call(1, 7), call(1, 9)), ORDERS, survive)
    assert (len(calls), others) == (taken, forgotten)
    assert all(one.shift == 2.5 for one in calls)


def test_the_state_of_the_queues_is_brought_up_to_the_end_of_the_journal() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    kept = site.engine.export_state(site.now)
    events = [
        (site.now + 0.2, CallerLeft("q", "c1", 1, "abandoned", 0.2, 1, 1)),
        (site.now + 0.4, CallerJoined("q", "c2", 2, "600", 0, 1, 1)),
        (site.now + 0.5, OfferMade("q", "c2", "anna", 9, 0, 0.1)),
    ]
    agents = {"anna": StoredAgent("anna", "not_ready", "lunch", presence_since=site.now + 0.3)}
    state = queue_state(kept, site.now, events, snapshot(0.0, agents=agents, last_visit=5))
    assert [(one["caller"], one["offers"]) for one in state["visits"]] == [("c2", 1)]
    assert state["visits"][0]["waited"] == pytest.approx(-0.4)
    assert (state["last_visit"], state["last_offer"]) == (5, 9 + OFFER_GAP)
    assert (state["agents"]["anna"]["presence"], state["agents"]["anna"]["reason"]) == ("not_ready", "lunch")


def test_the_journal_turns_groups_and_tells_when_a_wrap_up_ends() -> None:
    site = Site(queue("anna", wrap_up=30.0))
    kept = site.engine.export_state(site.now) | {"turns": {"group:sales": 2}}
    at = site.now
    events = [
        (at + 0.1, GroupRang("c1", "sales")),
        (at + 0.2, GroupRang("c2", "service")),
        (at + 0.3, AgentActivityChanged("anna", "wrapup", "talking", 9.0, "conversation ended", at + 30.3, "", "q")),
    ]
    state = queue_state(kept, at, events, snapshot(0.0, last_visit=0))
    assert state["turns"] == {"group:sales": 3, "group:service": 1}
    assert state["agents"]["anna"]["wrap_up"]["left"] == pytest.approx(30.3)
    fresh = Site(queue("anna", wrap_up=30.0), log_in=False)
    fresh.engine.restore_state(state, fresh.now, age=10.0)
    fresh.advance(20.0)
    assert fresh.activity("anna") == "wrapup"
    fresh.advance(0.4)
    assert fresh.activity("anna") != "wrapup"


def test_round_robin_goes_on_behind_the_last_one_in_the_journal() -> None:
    site = Site(queue("anna jan ola", strategy="round_robin"))
    kept = site.engine.export_state(site.now)
    state = queue_state(
        kept, site.now, [(site.now + 0.1, OfferMade("q", "c1", "jan", 1, 0, 0.0))], snapshot(0.0, last_visit=0)
    )
    fresh = Site(queue("anna jan ola", strategy="round_robin"), log_in=False)
    fresh.engine.restore_state(state, fresh.now)
    for name in fresh.agents:
        fresh.reachable(name)
        fresh.command(name, "login")
    fresh.enter("c2")
    assert fresh.rung() == {"ola": "c2"}
