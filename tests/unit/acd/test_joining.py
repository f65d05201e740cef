"""Queues without agents, by every condition of their members (ACD-26)."""

from __future__ import annotations

import pytest

from softswitch.effects import OfferResult, Outcome, ReleaseCaller
from tests.unit.acd.site import Site, queue

CONDITIONS = ("logged_out", "unreachable", "paused", "in_use", "ringing", "wrapup", "backoff")


def put(s: Site, agent: str, condition: str) -> None:
    """Bring an agent into a condition."""
    if condition == "logged_out":
        s.command(agent, "logout")
    elif condition == "unreachable":
        s.reachable(agent, False)
    elif condition == "paused":
        s.command(agent, "not_ready")
    elif condition == "in_use":
        s.busy(agent)
    elif condition in ("ringing", "wrapup", "backoff"):
        s.enter("first", queue="own")
        if condition == "wrapup":
            s.serve(agent)
        elif condition == "backoff":
            s.fail(agent, OfferResult.REJECTED)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("counts", [True, False])
def test_each_condition_makes_a_queue_empty_where_it_is_named(condition: str, counts: bool) -> None:
    named = (condition,) if counts else tuple(one for one in CONDITIONS if one != condition)
    s = Site(
        queue("anna", join_without_agents=False, on_no_agents="voicemail:box", empty_when=named),
        queue("anna", name="own", wrap_up=30.0),
    )
    put(s, "anna", condition)
    s.clear()
    s.enter("c1")
    if counts:
        assert s.of(ReleaseCaller) == [ReleaseCaller("c1", "q", Outcome.NO_AGENTS_ON_ENTRY, "voicemail:box")]
    else:
        assert not s.of(ReleaseCaller)
    s.check_counters()


def test_members_of_a_tier_that_is_not_open_yet_do_not_count() -> None:
    policy = {"tier_mode": "timed", "tier_after": {1: 30.0}, "join_without_agents": False}
    s = Site(queue("anna", "jan", **policy, empty_when=("paused", "tier_excluded")))
    s.command("anna", "not_ready")
    s.enter("c1")
    assert s.outcome("c1").outcome == "no_agents_on_entry", "jan is there, but not for who has just come"
    s = Site(queue("anna", "jan", **policy, empty_when=("paused",)))
    s.command("anna", "not_ready")
    s.enter("c1")
    assert "c1" in s.engine.visits.callers


def test_who_waits_may_be_judged_by_other_conditions_than_who_comes() -> None:
    s = Site(queue("anna", leave_without_agents=True, on_no_agents="hangup", leave_when=("paused",)))
    s.command("anna", "not_ready")
    s.enter("c1")
    s.advance(0.0)
    assert s.outcome("c1").outcome == "no_agents_later", "who comes may stay, and is then judged as who waits"
    s = Site(
        queue(
            "anna",
            leave_without_agents=True,
            leave_when=("logged_out",),
            join_without_agents=False,
            empty_when=("paused",),
        )
    )
    s.enter("c1")
    s.fail("anna", OfferResult.REJECTED)
    s.command("anna", "not_ready")
    s.enter("c2")
    assert s.outcome("c2").outcome == "no_agents_on_entry"
    assert "c1" in s.engine.visits.callers


def test_the_grace_of_who_joins_an_empty_queue() -> None:
    policy = {"join_without_agents": False, "join_grace": 10.0, "on_no_agents": "voicemail:box"}
    s = Site(queue("anna", **policy))
    s.command("anna", "logout")
    s.enter("c1")
    s.advance(9.9)
    assert not s.of(ReleaseCaller)
    s.advance(0.1)
    assert s.of(ReleaseCaller) == [ReleaseCaller("c1", "q", Outcome.NO_AGENTS_ON_ENTRY, "voicemail:box")]
    s.enter("c2")
    s.advance(5.0)
    s.command("anna", "login")
    assert s.rung() == {"anna": "c2"}
    s.fail("anna", OfferResult.REJECTED)
    s.advance(20.0)
    assert "c2" in s.engine.visits.callers, "somebody has come"
    s.check_counters()
