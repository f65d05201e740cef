"""What a wallboard sees of the engine: the same as the detailed view, and cheap."""

from __future__ import annotations

import json

from softswitch.acd import board
from tests.unit.acd.site import Site, queue


def busy() -> Site:
    site = Site(queue("anna jan", "ola", wrap_up=30.0), queue("ewa", name="p"))
    site.enter("c1", number="600100200", name="Kowalski")
    site.answer("anna")
    site.advance(10.0)
    site.hang_up("anna")
    site.enter("c2", "c3", "c4")
    site.advance(25.0)
    site.command("ewa", "not_ready", "lunch")
    site.advance(5.0)
    return site


def test_queues_are_as_the_view_tells_them() -> None:
    site = busy()
    found, view = board.queues(site.engine, site.now), site.engine.snapshot(site.now)["queues"]
    json.dumps(found)
    for name, one in found.items():
        for key in ("title", "strategy", "surging", "waiting", "longest_wait", "ewt", "agents"):
            assert one[key] == view[name][key], key
        assert one["callbacks_waiting"] == view[name]["callbacks"]
        assert [(c["call"], c["position"], c["waited"]) for c in one["callers"]] == [
            (c["caller"], c["position"], c["waited"]) for c in view[name]["callers"]
        ]
    assert found["q"]["too_long"] == 3 and found["p"]["too_long"] == 0
    assert found["p"]["agents"] == {"paused": 1}
    assert found["q"]["callers"][0]["rings"] == [offer["agent"] for offer in view["q"]["callers"][0]["offers"]]


def test_agents_are_as_the_view_tells_them() -> None:
    site = busy()
    found, view = board.agents(site.engine, site.now), site.engine.snapshot(site.now)["agents"]
    json.dumps(found)
    for name, one in found.items():
        for key in one.keys() - {"agent", "queue"}:
            assert one[key] == view[name][key], key
    assert (found["ewa"]["condition"], found["ewa"]["reason"], found["ewa"]["presence_seconds"]) == (
        "paused", "lunch", 5.0,
    )  # fmt: skip


def test_an_agent_in_wrap_up_still_belongs_to_the_queue() -> None:
    site = Site(queue("anna", wrap_up=30.0))
    site.enter("c1")
    site.answer("anna")
    assert board.agents(site.engine, site.now)["anna"]["queue"] == "q"
    site.hang_up("anna")
    assert board.agents(site.engine, site.now)["anna"]["queue"] == "q"
    site.advance(31.0)
    assert board.agents(site.engine, site.now)["anna"]["queue"] == ""


def test_only_the_first_callers_are_told_one_by_one() -> None:
    site = Site(queue("anna"))
    site.enter(*(f"c{number}" for number in range(50)))
    found = board.queues(site.engine, site.now)["q"]
    assert (found["waiting"], len(found["callers"])) == (50, board.FIRST)
