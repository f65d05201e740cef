"""Reload without loss (ACD-40): the site changes under waiting callers and talking agents."""

from __future__ import annotations

from dataclasses import replace

from softswitch.effects import OfferResult, ReleaseCaller
from tests.unit.acd.site import Site, queue


def test_a_reload_touches_nobody() -> None:
    site = Site(queue("anna jan", wrap_up=20.0, max_wait=300.0))
    site.enter("c1", "c2", "c3", "c4")
    site.answer("anna")
    site.rings("jan")
    site.command("anna", "not_ready", "lunch")
    before = site.engine.export_state(site.now)
    deadlines = sorted(map(str, ((name, site.engine.deadlines.at(name)) for name in site.engine.deadlines.names())))
    site.clear()
    site.configure()
    assert site.items == []
    assert site.engine.export_state(site.now) == before
    assert sorted(map(str, ((n, site.engine.deadlines.at(n)) for n in site.engine.deadlines.names()))) == deadlines


def test_idle_agents_keep_their_order() -> None:
    site = Site(queue("anna jan ola"))
    site.enter("c1")
    site.serve("anna", 5.0)
    site.configure(queue("ola anna jan", ring_timeout=9.0))
    site.enter("c2", "c3", "c4")
    assert site.rung() == {"ola": "c2", "jan": "c3", "anna": "c4"}


def test_a_new_member_is_offered_to_who_waits() -> None:
    site = Site(queue("anna"), queue("jan", name="other"))
    site.busy("anna")
    site.enter("c1")
    site.configure(queue("anna jan"))
    assert site.rung() == {"jan": "c1"}


def test_a_member_who_is_taken_out_finishes_the_call_and_a_ring_goes_on() -> None:
    site = Site(queue("anna jan"))
    site.enter("c1", "c2", "c3")
    site.answer("anna")
    site.configure(queue("ola"))
    assert site.talks() == {"anna": "c1"}
    assert site.rung() == {"jan": "c2"}
    site.answer("jan")
    site.hang_up("jan")
    site.hang_up("anna")
    assert site.rung() == {}  # c3 has nobody now
    assert site.engine.position("c3") == 1


def test_a_removed_agent_is_not_rung_any_more_but_may_finish_talking() -> None:
    site = Site(queue("anna jan"))
    site.enter("c1", "c2")
    site.answer("anna")
    site.agents.clear()
    site.engine.configure({"q": queue("anna jan")}, {}, site.now)
    site._settle()
    assert site.withdrawn() == [OfferResult.CANCELLED_AGENT_STATE]
    assert site.presences("anna") == site.presences("jan") == [("offline", "removed")]
    assert set(site.engine.roster.agents) == {"anna"}
    assert site.command("anna", "login") == "unknown agent"
    site.hang_up("anna")
    assert not site.engine.roster.agents
    assert site.engine.next_deadline() is None


def test_an_agent_who_is_removed_and_comes_back_during_the_call_stays() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    kept = dict(site.agents)
    site.engine.configure(site.queues, {}, site.now)
    site.engine.configure(site.queues, kept, site.now)
    site._settle()
    site.hang_up("anna")
    site.command("anna", "login")
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}


def test_tier_times_that_change_apply_to_who_waits() -> None:
    site = Site(queue("anna", "jan", tier_mode="timed", tier_after={1: 300.0}))
    site.busy("anna")
    site.enter("c1")
    site.advance(10.0)
    site.enter("c2")
    site.configure(queue("anna", "jan", tier_mode="timed", tier_after={1: 15.0}))
    site.advance(4.9)
    assert site.rung() == {}
    site.advance(0.1)
    assert site.rung() == {"jan": "c1"}
    site.configure(queue("anna", "jan"))
    site.serve("jan")
    assert site.rung() == {"jan": "c2"}


def test_max_wait_that_changes_applies_to_who_waits() -> None:
    site = Site(queue("anna"))
    site.busy("anna")
    site.enter("c1")
    site.advance(60.0)
    site.configure(queue("anna", max_wait=90.0))
    site.advance(29.0)
    assert site.engine.position("c1") == 1
    site.configure(queue("anna", max_wait=0.0))
    site.advance(100.0)
    assert site.engine.position("c1") == 1
    site.configure(queue("anna", max_wait=30.0))
    site.advance(0.0)
    assert site.outcome("c1").outcome == "timeout"


def test_a_longer_max_wait_gives_an_overdue_caller_more_time() -> None:
    late = queue("anna jan", max_wait=10.0, max_wait_strict=False)
    site = Site(late)
    site.enter("c1")
    site.advance(15.0)
    site.configure(replace(late, max_wait=100.0))
    site.advance(5.0)
    assert site.rung() == {"jan": "c1"}


def test_a_queue_that_is_gone_serves_who_waits_and_admits_nobody() -> None:
    site = Site(queue("anna"), queue("anna", name="p"))
    site.enter("c1", "c2")
    site.answer("anna")
    del site.queues["q"]
    site.configure()
    site.enter("c3")
    assert [item.caller for item in site.of(ReleaseCaller)] == ["c3"]
    assert site.engine.position("c2") == 1
    site.hang_up("anna")
    assert site.rung() == {"anna": "c2"}
    site.answer("anna")
    assert "q" not in site.engine.queues
    site.hang_up("anna")
    site.enter("c4", queue="p")
    assert site.rung() == {"anna": "c4"}


def test_a_queue_that_comes_back_in_time_is_the_same_queue() -> None:
    site = Site(queue("anna"), queue("anna", name="p"))
    site.busy("anna")
    site.enter("c1")
    gone = site.queues.pop("q")
    site.configure()
    site.configure(gone)
    site.enter("c2")
    site.free("anna")
    assert site.rung() == {"anna": "c1"}
    assert site.engine.position("c2") == 2


def test_counters_outlive_a_reload() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.serve("anna")
    site.configure(queue("anna", service_level_seconds=30.0))
    counts = site.engine.measure.queues["q"]
    assert (counts.entered, counts.answered, counts.service_level_seconds) == (1, 1, 30.0)
