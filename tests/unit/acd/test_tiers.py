"""Priority tiers (ACD-10): by load, by time, by both; widening or replacing; empty tiers skipped at once."""

from __future__ import annotations

import pytest

from softswitch.effects import OfferResult
from softswitch.events import OfferMade, TierOpened
from tests.unit.acd.site import Site, queue


def test_lower_tiers_first_and_the_next_when_all_are_busy() -> None:
    site = Site(queue("anna jan", "ola", "piotr"))
    site.enter("c1", "c2", "c3", "c4")
    assert site.rung() == {"anna": "c1", "jan": "c2", "ola": "c3", "piotr": "c4"}
    assert [(e.caller, e.tier, e.cause) for e in site.of(TierOpened)] == [("c3", 1, "busy"), ("c4", 2, "busy")]
    assert [e.tier for e in site.of(OfferMade)] == [0, 0, 1, 2]


def test_a_lower_tier_that_becomes_free_is_preferred_again() -> None:
    site = Site(queue("anna", "ola"))
    site.enter("c1", "c2")
    site.answer("anna")
    site.answer("ola")
    site.hang_up("ola")
    site.hang_up("anna")
    site.enter("c3")
    assert site.rung() == {"anna": "c3"}  # though ola has been idle for as long, and would be longest idle


def test_by_load_a_no_answer_opens_the_next_tier_at_once() -> None:
    site = Site(queue("anna", "ola"))
    site.enter("c1")
    site.advance(20.0)
    assert site.rung() == {"ola": "c1"}


def test_by_time_the_next_tier_opens_to_the_second_for_each_caller() -> None:
    site = Site(queue("anna", "ola jan", tier_mode="timed", tier_after={1: 30.0}))
    site.busy("anna")
    site.enter("c1")
    site.advance(10.0)
    site.enter("c2")
    site.advance(19.999)
    assert site.rung() == {}
    site.advance(0.001)
    assert site.rung() == {"ola": "c1"}
    site.advance(9.0)
    assert site.rung() == {"ola": "c1"}
    site.advance(1.0)
    assert site.rung() == {"ola": "c1", "jan": "c2"}
    assert [(e.caller, e.tier, e.cause) for e in site.of(TierOpened)] == [("c1", 1, "timed"), ("c2", 1, "timed")]


def test_by_time_a_wait_credit_orders_but_opens_nothing() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 30.0}))
    site.busy("anna")
    site.enter("c1", wait_credit=100.0)
    assert site.rung() == {}


def test_by_time_the_timer_goes_on_while_a_phone_rings() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 10.0}))
    site.enter("c1")
    site.advance(15.0)
    assert site.rung() == {"anna": "c1"}
    site.fail("anna", OfferResult.REJECTED)
    assert site.rung() == {"ola": "c1"}


def test_by_both_whichever_comes_first() -> None:
    policy = {"tier_mode": "both", "tier_after": {1: 30.0}, "tier_soon": 5.0, "wrap_up": 8.0}
    site = Site(queue("anna", "ola", **policy))
    site.enter("c1")
    site.answer("anna")
    site.enter("c2")
    assert site.rung() == {"ola": "c2"}  # anna is on a call: by load, at once
    site.answer("ola")
    site.hang_up("ola")  # both wrap up ...
    site.hang_up("anna")
    site.advance(4.0)
    site.command("ola", "end_wrap_up")
    site.enter("c3")
    assert site.rung() == {}  # ... and anna will be free in less than tier_soon
    site.advance(4.0)
    assert site.rung() == {"anna": "c3"}


def test_whoever_is_soon_free_but_stays_longer_does_not_hold_the_caller_back() -> None:
    site = Site(queue("anna", "ola", tier_soon=5.0, wrap_up=8.0))
    site.enter("c1")
    site.answer("anna")
    site.hang_up("anna")
    site.advance(4.0)
    site.enter("c2")
    assert site.rung() == {}
    site.command("anna", "extend_wrap_up")
    assert site.rung() == {"ola": "c2"}


@pytest.mark.parametrize("mode", ["timed", "both"])
def test_a_tier_without_anybody_is_skipped_at_once(mode: str) -> None:
    site = Site(queue("anna", "ola", "piotr", tier_mode=mode, tier_after={1: 30.0, 2: 60.0}))
    site.command("anna", "logout")
    site.command("ola", "logout")
    site.enter("c1")
    assert site.rung() == {"piotr": "c1"}
    assert [(e.tier, e.cause) for e in site.of(TierOpened)] == [(2, "empty")]


def test_a_tier_whose_phones_are_gone_is_empty_and_one_at_lunch_is_not() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 30.0}))
    site.command("anna", "not_ready", "lunch")
    site.enter("c1")
    assert site.rung() == {}
    site.reachable("anna", False)
    assert site.rung() == {"ola": "c1"}


def test_the_last_to_log_out_of_a_tier_opens_the_next_for_those_who_wait() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 300.0}))
    site.busy("anna")
    site.enter("c1")
    assert site.rung() == {}
    site.command("anna", "logout")
    assert site.rung() == {"ola": "c1"}


def test_replacing_takes_the_lower_tier_out() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 10.0}, tier_widen=False))
    site.busy("anna")
    site.busy("ola")
    site.enter("c1")
    site.advance(11.0)
    site.free("anna")
    assert site.rung() == {}
    site.free("ola")
    assert site.rung() == {"ola": "c1"}


def test_replacing_never_leaves_a_caller_with_nobody() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed", tier_after={1: 10.0}, tier_widen=False))
    site.command("ola", "logout")
    site.busy("anna")
    site.enter("c1")
    site.advance(60.0)
    site.free("anna")
    assert site.rung() == {"anna": "c1"}


def test_by_time_a_tier_without_a_time_is_open_from_the_start() -> None:
    site = Site(queue("anna", "ola", tier_mode="timed"))
    site.busy("anna")
    site.enter("c1")
    assert site.rung() == {"ola": "c1"}


def test_by_both_a_tier_without_a_time_opens_by_load_only() -> None:
    site = Site(queue("anna", "ola", tier_mode="both", tier_soon=20.0, wrap_up=10.0))
    site.enter("c1")
    site.answer("anna")
    site.hang_up("anna")
    site.enter("c2")
    site.advance(9.0)
    assert site.rung() == {}
    site.advance(1.0)
    assert site.rung() == {"anna": "c2"}


def test_a_queue_without_members_serves_nobody_and_says_so() -> None:
    site = Site(queue("anna", name="p"), queue(tier_mode="both"))
    site.enter("c1")
    assert site.rung() == {}
    told = site.engine.explain_caller("c1", site.now)
    assert told is not None and told["members"] == [] and told["tiers_open"] == []


def test_tiers_may_open_out_of_order() -> None:
    site = Site(queue("anna", "ola", "piotr", tier_mode="timed", tier_after={1: 20.0, 2: 10.0}))
    site.busy("anna")
    site.enter("c1")
    site.advance(10.0)
    assert site.rung() == {"piotr": "c1"}


def test_within_a_tier_a_rejected_caller_keeps_the_original_place() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.advance(1.0)
    site.enter("c2")
    site.fail("anna", OfferResult.REJECTED)
    site.advance(30.0)
    assert site.rung() == {"anna": "c1"}
