"""What boards and the command line see, and why somebody is not served."""

from __future__ import annotations

import json

from softswitch.effects import OfferResult
from tests.unit.acd.site import Site, queue


def test_the_snapshot_is_plain_and_complete() -> None:
    site = Site(queue("anna jan", "ola", wrap_up=30.0), queue("ewa", name="p"))
    site.enter("c1", number="600100200", name="Kowalski")
    site.answer("anna")
    site.advance(10.0)
    site.hang_up("anna")
    site.enter("c2", "c3", "c4")
    site.advance(5.0)
    site.command("ewa", "not_ready", "lunch")
    view = site.engine.snapshot(site.now)
    json.dumps(view)
    q = view["queues"]["q"]
    assert (q["waiting"], q["longest_wait"], q["strategy"]) == (3, 5.0, "longest_idle")
    assert [(c["caller"], c["position"], c["state"], c["waited"]) for c in q["callers"]] == [
        ("c2", 1, "offering", 5.0),
        ("c3", 2, "offering", 5.0),
        ("c4", 3, "waiting", 5.0),
    ]
    assert [o["agent"] for o in q["callers"][0]["offers"]] == ["jan"]
    assert q["agents"] == {"ringing": 2, "wrapup": 1}
    assert q["counts"]["in_progress"] == 3
    assert q["figures"]["sl"] == {"value": 1.0, "formula": "A_T / (A + B - B_S)", "n": 1, "d": 1}
    anna = view["agents"]["anna"]
    assert (anna["activity"], anna["seconds"], anna["left"], anna["queue"]) == ("wrapup", 5.0, 25.0, "")
    assert (view["agents"]["jan"]["caller"], view["agents"]["jan"]["queue"]) == ("c2", "q")
    assert view["agents"]["ewa"]["condition"] == "paused"
    assert view["queues"]["p"]["figures"]["sl"]["value"] is None


def test_callers_who_wait_too_long_count_in_the_live_service_level() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    site.enter("c2")
    site.advance(21.0)
    figures = site.engine.snapshot(site.now)["queues"]["q"]["figures"]
    assert (figures["sl"]["value"], figures["sl_live"]["value"]) == (1.0, 0.5)


def test_every_member_has_the_one_reason_why_not() -> None:
    names = "anna jan ola ewa piotr adam"
    site = Site(queue(names, "boss", tier_mode="timed", tier_after={1: 60.0}, wrap_up=30.0))
    site.enter("c0", "c1", "c2")
    site.answer("anna")
    site.hang_up("anna")
    site.fail("jan", OfferResult.REJECTED)  # c1 rings at ewa next
    site.command("piotr", "not_ready", "lunch")
    site.busy("adam", "outbound")
    site.enter("c3")
    site.advance(10.0)
    told = site.engine.explain_caller("c3", site.now)
    assert told is not None
    reasons = {m["agent"]: m for m in told["members"]}
    assert (told["state"], told["position"], told["tiers_open"]) == ("waiting", 3, [0])
    assert reasons["anna"] == {"agent": "anna", "tier": 0, "reason": "wrapup", "seconds": 10.0, "left": 20.0}
    assert reasons["jan"]["reason"] == "backoff"
    assert (reasons["jan"]["left"], reasons["jan"]["cause"]) == (20.0, "rejected")
    assert reasons["ola"]["reason"] == reasons["ewa"]["reason"] == "ringing"
    assert (reasons["piotr"]["reason"], reasons["piotr"]["cause"]) == ("paused", "lunch")
    assert (reasons["adam"]["reason"], reasons["adam"]["kind"]) == ("in_use", "outbound")
    assert reasons["boss"] == {"agent": "boss", "tier": 1, "reason": "tier_closed", "left": 50.0}
    rung = site.engine.explain_caller("c2", site.now)
    assert rung is not None
    assert {m["agent"]: m["reason"] for m in rung["members"]}["ola"] == "offered"
    assert site.engine.explain_caller("nobody", site.now) is None


def test_an_idle_agent_may_be_idle_because_the_caller_rings_elsewhere_or_connects() -> None:
    site = Site(queue("anna jan", "boss", agent_greeting=("whisper",)))
    site.enter("c1")
    members = site.engine.explain_caller("c1", site.now)["members"]  # type: ignore[index]
    assert [m["reason"] for m in members] == ["offered", "caller_ringing_elsewhere", "tier_closed"]
    site.answer("anna")
    members = site.engine.explain_caller("c1", site.now)["members"]  # type: ignore[index]
    assert [m["reason"] for m in members] == ["offered", "caller_connecting", "tier_closed"]


def test_why_an_agent_gets_nothing() -> None:
    site = Site(queue("anna jan", "boss"))
    boss = site.engine.explain_agent("boss", site.now)
    assert boss is not None
    assert boss["reason"] == "idle"
    assert boss["queues"] == [
        {"queue": "q", "tier": 1, "waiting": 0, "condition": "idle", "idle_in_lower_tiers": 2, "ahead_in_tier": 0}
    ]
    site.reachable("boss", False)
    assert site.engine.explain_agent("boss", site.now)["reason"] == "unreachable"  # type: ignore[index]
    assert site.engine.explain_agent("nobody", site.now) is None
