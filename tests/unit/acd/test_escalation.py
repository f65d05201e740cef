"""The ladder of a queue (ACD-25)."""

from __future__ import annotations

import json

import pytest

from softswitch.directory import Rung
from softswitch.effects import EnterQueue, OfferResult, Outcome, ReleaseCaller, TellCaller
from softswitch.events import CallerEscalated, OfferMade, TierOpened
from tests.unit.acd.site import Site, queue


def site(*rungs: Rung, members: str = "anna", **policy: object) -> Site:
    made = Site(queue(members, escalation=rungs, **policy))
    made.command("anna", "not_ready", "lunch")
    made.clear()
    return made


def climbed(s: Site) -> list[tuple[str, int]]:
    return [(event.caller, event.rung) for event in s.of(CallerEscalated)]


def test_a_rung_by_time_is_climbed_to_the_millisecond_and_once() -> None:
    s = site(Rung(wait=30.0, do="voicemail:box"))
    s.enter("c1")
    s.advance(29.999)
    assert not s.of(ReleaseCaller)
    s.advance(0.001)
    assert s.of(ReleaseCaller) == [ReleaseCaller("c1", "q", Outcome.OVERFLOW, "voicemail:box")]
    (event,) = s.of(CallerEscalated)
    assert (event.rung, event.trigger, event.action, event.waited) == (1, "wait 30", "voicemail:box", 30.0)
    left = s.outcome("c1")
    assert (left.outcome, left.detail, left.waited) == ("overflow", "voicemail:box", 30.0)
    assert s.engine.next_deadline() is None
    s.check_counters()


def test_rungs_are_climbed_in_order_and_waiting_goes_on_meanwhile() -> None:
    s = site(
        Rung(wait=10.0, play=("sorry",)), Rung(wait=20.0, do="priority:+3"), Rung(wait=20.0, play=("soon",), do="priority:9"),
        Rung(wait=40.0, do="outside:+48221234567"),
    )  # fmt: skip
    s.enter("c1")
    s.advance(15.0)
    assert s.of(TellCaller) == [TellCaller("c1", "q", ("sorry",))]
    s.advance(5.0)
    assert s.engine.visits.callers["c1"].priority == 9
    s.advance(20.0)
    assert climbed(s) == [("c1", 1), ("c1", 2), ("c1", 3), ("c1", 4)]
    assert s.outcome("c1").detail == "outside:+48221234567"


def test_a_higher_priority_by_the_ladder_is_never_a_lower_one() -> None:
    s = site(Rung(wait=5.0, do="priority:3"), Rung(wait=6.0, do="priority:+2"))
    s.enter("c1", priority=7)
    s.advance(5.0)
    assert s.engine.visits.callers["c1"].priority == 7
    s.advance(1.0)
    assert s.engine.visits.callers["c1"].priority == 9


def test_only_those_behind_the_length_overflow() -> None:
    s = site(Rung(length=2, do="queue:other"))
    s.enter("c1", "c2")
    s.enter("c3")
    assert climbed(s) == [("c3", 1)]
    assert s.outcome("c3").outcome == "overflow"
    s.enter("vip", priority=5)
    s.advance(2.0)
    assert climbed(s)[1:] == [("c2", 1)], "the last is pushed out, not who has just come"
    assert set(s.engine.visits.callers) == {"c1", "vip"}


def test_missing_agents_are_noticed_when_the_last_one_goes() -> None:
    s = site(Rung(no_agents=True, wait=10.0, do="voicemail:box"))
    s.enter("early")
    s.advance(20.0)
    s.enter("late")
    assert not climbed(s), "anna is at lunch, which is not away"
    s.command("anna", "logout")
    s.advance(1.0)
    assert climbed(s) == [("early", 1)]
    s.advance(8.9)
    assert climbed(s) == [("early", 1)]
    s.advance(0.2)
    assert climbed(s) == [("early", 1), ("late", 1)]


def test_an_estimate_that_is_too_long() -> None:
    s = site(Rung(estimate=120.0, do="callback:q"))
    estimates = {"c1": 60.0, "c2": 121.0, "c3": float("inf")}
    s.engine.ladder.estimate = lambda caller, now: estimates.get(caller.id)
    s.enter("c1", "c2", "c3", "c4")
    assert climbed(s) == [("c2", 1), ("c3", 1)], "c1 is below, of c4 nothing is known"


def test_a_service_level_that_is_too_low() -> None:
    s = Site(queue("anna", escalation=(Rung(service_level=0.5, do="priority:5"),), service_level_seconds=10.0))
    s.enter("c1")
    s.serve("anna", 20.0)
    s.enter("c2")
    s.answer("anna")
    s.enter("c3", "c4")
    s.advance(5.0)
    assert not climbed(s), "two of two in time"
    s.advance(6.0)  # Two wait too long: two of four, which is not below one half.
    s.enter("c5")
    assert not climbed(s)
    s.advance(11.0)
    s.enter("c6")
    assert {caller for caller, _ in climbed(s)} == {"c3", "c4", "c5", "c6"}, "two of five"


def test_who_is_being_rung_leaves_by_time_where_the_queue_is_strict() -> None:
    for strict, outcome in ((True, ["overflow"]), (False, [])):
        s = Site(queue("anna", escalation=(Rung(wait=5.0, do="voicemail:box"),), max_wait_strict=strict))
        s.enter("c1")
        s.advance(6.0)
        assert [one.outcome for one in s.of(ReleaseCaller)] == outcome
        if not strict:
            s.fail("anna", OfferResult.REJECTED)
            assert [one.outcome for one in s.of(ReleaseCaller)] == ["overflow"], "after the ring"
        s.check_counters()


def test_who_talks_climbs_no_more() -> None:
    s = Site(queue("anna", escalation=(Rung(wait=5.0, do="voicemail:box"),)))
    s.enter("c1")
    s.answer("anna")
    s.advance(60.0)
    assert not climbed(s) and s.engine.next_deadline() is None


def test_what_was_climbed_is_behind_them_after_a_restart() -> None:
    s = site(Rung(wait=10.0, do="priority:+1"), Rung(wait=30.0, play=("sorry",)))
    s.enter("c1")
    s.advance(12.0)
    state = json.loads(json.dumps(s.engine.export_state(s.now)))
    after = site(*s.queues["q"].escalation)
    after.now = s.now + 2.0
    after.engine.restore_state(state, after.now, 2.0)
    after.give(EnterQueue("c1", "q"))
    assert after.engine.visits.callers["c1"].priority == 1
    after.advance(16.0)
    assert climbed(after) == [("c1", 2)], "30 s after the caller came, and the first is not climbed again"


@pytest.mark.parametrize("wait", [20.0, 40.0])
def test_another_ladder_takes_effect_for_who_waits(wait: float) -> None:
    s = site(Rung(wait=60.0, do="voicemail:box"), Rung(wait=5.0, play=("sorry",)))
    s.enter("c1")
    s.advance(30.0)
    s.configure(queue("anna", escalation=(Rung(wait=5.0, play=("sorry",)), Rung(wait=wait, do="hangup"))))
    s.advance(max(0.0, wait - 30.0))
    assert [one.destination for one in s.of(ReleaseCaller)] == ["hangup"]
    assert len(s.of(TellCaller)) == 1, "that rung was climbed already"


# --- further agents ----------------------------------------------------------------------------------------------------


def test_a_rung_adds_the_agents_of_another_queue_for_who_has_climbed_it() -> None:
    s = Site(
        queue("anna", "jan", escalation=(Rung(wait=20.0, do="agents:other"),), tier_mode="busy"),
        queue("ewa ola", name="other"),
    )
    for agent in ("anna", "jan"):
        s.command(agent, "not_ready")
    s.enter("c1")
    s.advance(10.0)
    s.enter("c2")
    s.advance(9.9)
    assert s.rung() == {}
    s.advance(0.1)
    assert list(s.rung().values()) == ["c1"] and set(s.rung()) <= {"ewa", "ola"}
    (opened,) = s.of(TierOpened)
    assert (opened.caller, opened.tier, opened.cause) == ("c1", 2, "escalation")
    assert next(one.ranking for one in s.of(OfferMade))[:2] == ("longest_idle", "agents of other")
    s.command("jan", "ready")
    assert s.rung()["jan"] == "c2", "who has not climbed it waits for the own ones"
    s.check_counters()


def test_own_agents_come_first_and_nobody_is_asked_twice() -> None:
    s = Site(
        queue("anna ewa", escalation=(Rung(wait=5.0, do="agents:other"),)), queue("ewa ola", name="other"),
    )  # fmt: skip
    s.command("anna", "not_ready")
    s.command("ewa", "not_ready")
    s.command("ola", "not_ready")
    s.enter("c1")
    s.advance(6.0)
    for agent in ("ola", "anna", "ewa"):
        assert s.rung() == {}
        s.command(agent, "ready")
        assert s.rung() == {agent: "c1"}
        s.fail(agent, OfferResult.REJECTED)


def test_a_rung_opens_a_tier_that_neither_time_nor_load_has() -> None:
    s = Site(queue("anna", "jan", tier_mode="timed", tier_after={1: 600.0}, escalation=(Rung(wait=30.0, do="tier:1"),)))
    s.enter("c1")
    s.answer("anna")
    s.enter("c2")
    s.advance(29.9)
    assert s.rung() == {}
    s.advance(0.1)
    assert s.rung() == {"jan": "c2"}


def test_where_a_higher_tier_takes_the_place_of_the_lower_ones_added_agents_do_not() -> None:
    s = Site(
        queue("anna", "jan", tier_mode="timed", tier_after={1: 600.0}, tier_widen=False, strategy="ring_all",
              escalation=(Rung(wait=10.0, do="agents:other"), Rung(wait=20.0, do="tier:1"))),
        queue("ewa", name="other"),
    )  # fmt: skip
    s.enter("c1")
    assert set(s.rung()) == {"anna"}
    s.advance(10.0)
    assert set(s.rung()) == {"anna", "ewa"}


def test_added_agents_are_kept_over_a_restart_and_lost_with_their_rung() -> None:
    ladder = (Rung(wait=5.0, do="agents:other"),)
    s = Site(queue("anna", escalation=ladder), queue("ewa", name="other"))
    for agent in ("anna", "ewa"):
        s.command(agent, "not_ready")
    s.enter("c1")
    s.advance(6.0)
    state = json.loads(json.dumps(s.engine.export_state(s.now)))
    after = Site(queue("anna", escalation=ladder), queue("ewa", name="other"), log_in=False)
    after.now = s.now
    after.engine.restore_state(state, after.now)
    after.give(EnterQueue("c1", "q"))
    after.reachable("ewa")
    after.command("ewa", "ready")
    assert after.rung() == {"ewa": "c1"}
    after.fail("ewa", OfferResult.REJECTED)
    after.configure(queue("anna"))
    after.advance(60.0)
    assert after.rung() == {}
    after.configure(queue("anna", escalation=(Rung(wait=1.0, do="agents:other"),)))
    assert after.rung() == {"ewa": "c1"}


def test_who_has_logged_out_of_the_other_queue_does_not_help() -> None:
    s = Site(
        queue("anna", escalation=(Rung(wait=5.0, do="agents:other"),)), queue("ewa", name="other"),
        queue("ewa", name="third"),
    )  # fmt: skip
    s.command("anna", "not_ready")
    s.command("ewa", "logout", queue="other")
    s.enter("c1")
    s.advance(10.0)
    assert s.rung() == {}
    s.command("ewa", "login", queue="other")
    assert s.rung() == {"ewa": "c1"}


def test_the_explanation_shows_the_ladder_and_who_helps() -> None:
    s = Site(
        queue("anna", escalation=(Rung(wait=5.0, do="agents:other"), Rung(wait=60.0, do="hangup"))), queue("ewa", name="other")
    )  # fmt: skip
    for agent in ("anna", "ewa"):
        s.command(agent, "not_ready")
    s.enter("c1")
    explained = s.engine.explain_caller("c1", s.now)
    assert explained is not None and [one["agent"] for one in explained["members"]] == ["anna"]
    s.advance(6.0)
    explained = s.engine.explain_caller("c1", s.now)
    assert explained is not None
    assert [(one["agent"], one["reason"]) for one in explained["members"]] == [("anna", "paused"), ("ewa", "paused")]
    assert [(one["rung"], one["action"], one["climbed"], one["left"]) for one in explained["ladder"]] == [
        (1, "agents:other", True, 0.0), (2, "hangup", False, 54.0),
    ]  # fmt: skip
