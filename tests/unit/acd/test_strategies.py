"""Which idle agent of a tier is rung: each strategy, and switching between them while people wait."""

from __future__ import annotations

from collections import Counter

import pytest

from softswitch.acd.agent import Workload
from softswitch.acd.strategy import STRATEGIES
from softswitch.directory import Membership, Queue, StrategyRule
from softswitch.effects import OfferResult
from softswitch.events import StrategyChanged
from tests.unit.acd.site import Site, members, queue


def take_turns(site: Site, calls: int, seconds: float = 10.0) -> list[str]:
    """Call after call, each answered and talked out before the next: who was rung."""
    order = []
    for number in range(calls):
        site.enter(f"turn{number}-{site.now}")
        (agent,) = site.rung()
        order.append(agent)
        site.serve(agent, seconds)
        site.advance(1.0)
    return order


# --- longest idle ----------------------------------------------------------------------------------------------------


def test_longest_idle_takes_turns() -> None:
    site = Site(queue("anna jan ola"))
    assert take_turns(site, 7) == ["anna", "jan", "ola", "anna", "jan", "ola", "anna"]


def test_the_idle_clock_is_one_for_all_queues() -> None:
    site = Site(queue("anna jan", name="sales"), queue("anna jan", name="help"))
    site.enter("c1", queue="sales")
    site.serve("anna", 60.0)
    site.enter("c2", queue="help")
    assert site.rung() == {"jan": "c2"}


def test_ties_go_by_position_then_name() -> None:
    site = Site(queue("zofia adam"))
    site.enter("c1")
    assert site.rung() == {"zofia": "c1"}
    flat = queue("zofia adam")
    site = Site(type(flat)("q", members=tuple(type(m)(m.agent) for m in flat.members)))
    site.enter("c1")
    assert site.rung() == {"adam": "c1"}


def test_the_clock_starts_when_the_wrap_up_ends() -> None:
    site = Site(queue("anna jan", wrap_up=30.0))
    site.enter("c1", "c2")
    site.answer("anna")
    site.answer("jan")
    site.hang_up("anna")
    site.advance(1.0)
    site.hang_up("jan")
    site.command("jan", "end_wrap_up")
    site.advance(40.0)
    site.enter("c3")
    assert site.rung() == {"jan": "c3"}


@pytest.mark.parametrize("result", [OfferResult.NO_ANSWER, OfferResult.REJECTED, OfferResult.BUSY, OfferResult.FAILED])
def test_who_fails_an_offer_goes_to_the_back(result: OfferResult) -> None:
    site = Site(queue("anna jan"))
    site.enter("c1")
    site.advance(5.0)
    site.fail("anna", result)
    site.serve("jan", 0.0)
    site.advance(60.0)
    # anna failed before jan's call ended, so she has been idle longer; had her clock not moved she would lead by far.
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}
    assert site.engine.roster.agents["anna"].idle_since == site.engine.roster.agents["jan"].idle_since


def test_a_call_outside_the_queues_counts_as_work() -> None:
    site = Site(queue("anna jan"))
    site.advance(100.0)
    site.busy("anna", "outbound")
    assert site.activity("anna") == "talking"
    site.advance(10.0)
    site.free("anna")
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}


def test_a_short_pause_keeps_the_clock_and_a_long_one_does_not() -> None:
    site = Site(queue("anna jan"))
    site.advance(10.0)
    site.command("anna", "not_ready", "short")
    site.advance(59.0)
    site.command("anna", "ready")
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}
    site.leave("c1")
    site.command("anna", "not_ready", "lunch")
    site.advance(61.0)
    site.command("anna", "ready")
    site.enter("c2")
    assert site.rung() == {"jan": "c2"}


def test_a_phone_that_was_gone_for_long_starts_the_clock_anew() -> None:
    site = Site(queue("anna jan"))
    site.reachable("anna", False)
    site.advance(120.0)
    site.reachable("anna")
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}


def test_the_clock_may_run_since_the_last_call_only() -> None:
    site = Site(queue("anna jan"), idle_clock="since_call")
    site.command("anna", "not_ready", "lunch")
    site.advance(600.0)
    site.command("anna", "ready")
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}


# --- ring all ----------------------------------------------------------------------------------------------------------


def test_ring_all_rings_everybody_and_the_first_answer_wins() -> None:
    site = Site(queue("anna jan ola", strategy="ring_all"))
    clocks = {name: site.engine.roster.agents[name].idle_since for name in ("anna", "ola")}
    site.enter("c1")
    assert site.rung() == {"anna": "c1", "jan": "c1", "ola": "c1"}
    loser = site.offer("anna")
    site.answer("jan")
    assert site.withdrawn() == [OfferResult.CANCELLED_ELSEWHERE, OfferResult.CANCELLED_ELSEWHERE]
    assert site.talks() == {"jan": "c1"}
    site.clear()
    site.engine.offer_answered(loser, site.now)  # both picked up at once: the second hears that it is over
    site.advance(0.0)
    assert [item.offer for item in site.engine.drain()] == [loser]  # type: ignore[attr-defined]
    assert {name: site.engine.roster.agents[name].idle_since for name in clocks} == clocks


def test_ring_all_reserves_sanely_with_several_callers() -> None:
    site = Site(queue("anna jan ola", strategy="ring_all"))
    site.enter("c1", "c2", "c3")
    assert set(site.rung().values()) == {"c1"}
    site.answer("ola")
    assert site.rung() == {"anna": "c2", "jan": "c2"}
    site.answer("jan")
    assert site.rung() == {"anna": "c3"}
    site.hang_up("ola")
    assert site.rung() == {"anna": "c3", "ola": "c3"}  # nobody waits without a phone, so one more rings


def test_ring_all_gives_a_free_agent_to_who_has_no_phone_ringing() -> None:
    site = Site(queue("anna", name="q", strategy="ring_all"), queue("jan", name="p", strategy="ring_all"))
    site.configure(queue("anna jan", name="q", strategy="ring_all"))
    site.busy("jan")
    site.enter("c1")
    site.enter("c2")
    site.free("jan")
    assert site.rung() == {"anna": "c1", "jan": "c2"}


def test_ring_all_widens_with_the_tiers() -> None:
    site = Site(queue("anna", "jan", strategy="ring_all", tier_mode="timed", tier_after={1: 5.0}, ring_timeout=60.0))
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}
    site.advance(5.0)
    assert site.rung() == {"anna": "c1", "jan": "c1"}


def test_ring_all_by_load_keeps_to_the_tier_that_rings() -> None:
    site = Site(queue("anna ewa", "jan ola", strategy="ring_all"))
    site.busy("ewa")
    site.busy("ola")
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}
    site.free("ewa")
    assert site.rung() == {"anna": "c1", "ewa": "c1"}
    site.fail("anna", OfferResult.REJECTED)
    site.fail("ewa", OfferResult.REJECTED)
    assert site.rung() == {"jan": "c1"}
    site.free("ola")
    assert site.rung() == {"jan": "c1", "ola": "c1"}


def test_ring_all_with_every_phone_failing_rings_again_after_the_back_off() -> None:
    site = Site(queue("anna jan", strategy="ring_all", reject_delay=3.0))
    site.enter("c1")
    site.fail("anna", OfferResult.REJECTED)
    site.fail("jan", OfferResult.REJECTED)
    assert site.rung() == {}
    site.advance(3.0)
    assert site.rung() == {"anna": "c1", "jan": "c1"}


# --- the others -----------------------------------------------------------------------------------------------------------


def test_linear_starts_from_the_first_each_time() -> None:
    site = Site(queue("anna jan ola", strategy="linear"))
    assert take_turns(site, 3) == ["anna", "anna", "anna"]
    site.command("ola", "logout")  # the last being away stalls nothing
    site.busy("anna")
    site.enter("c1", "c2")
    assert site.rung() == {"jan": "c1"}
    site.advance(20.0)
    site.free("anna")
    assert site.rung() == {"anna": "c1"}


def test_round_robin_remembers_a_place_not_a_person() -> None:
    site = Site(queue("anna jan ola", strategy="round_robin"))
    assert take_turns(site, 4) == ["anna", "jan", "ola", "anna"]
    site.configure(queue("anna ewa jan ola", strategy="round_robin"))
    site.reachable("ewa")
    site.command("ewa", "login")
    assert take_turns(site, 4) == ["ewa", "jan", "ola", "anna"]
    site.configure(queue("ewa jan", strategy="round_robin"))
    assert take_turns(site, 2) == ["ewa", "jan"]  # anna stood at ewa's new position, before her by name


def test_round_robin_goes_on_from_who_was_rung_even_if_they_did_not_answer() -> None:
    site = Site(queue("anna jan ola", strategy="round_robin"))
    site.enter("c1")
    site.advance(20.0)
    assert site.rung() == {"jan": "c1"}


def test_random_is_reproducible_and_fair() -> None:
    runs = [take_turns(Site(queue("anna jan ola", strategy="random")), 300, 0.0) for _ in range(2)]
    assert runs[0] == runs[1]
    assert min(Counter(runs[0]).values()) > 70


def test_fewest_calls_counts_a_shift_and_does_not_flood_a_newcomer() -> None:
    site = Site(queue("anna jan ola", strategy="fewest_calls"))
    site.command("ola", "logout")
    assert Counter(take_turns(site, 6)) == {"anna": 3, "jan": 3}
    site.command("ola", "login")
    assert Counter(take_turns(site, 9)) == {"anna": 3, "jan": 3, "ola": 3}  # from the median on, like the others
    site.advance(8 * 3600.0)
    assert site.engine.roster.agents["anna"].load.calls(site.now) == 0


def test_least_busy_counts_talk_and_wrap_up_of_the_last_hour() -> None:
    site = Site(queue("anna jan", strategy="least_busy", wrap_up=10.0))
    site.enter("c1")
    site.serve("anna", 300.0)
    site.advance(10.0)
    assert take_turns(site, 1, 10.0) == ["jan"]
    site.advance(10.0)
    assert take_turns(site, 1, 10.0) == ["jan"]  # two short calls are less work than one long
    site.advance(3000.0)
    site.busy("jan")
    site.advance(400.0)
    site.free("jan")
    site.advance(500.0)
    site.enter("c9")
    assert site.rung() == {"anna": "c9"}  # the long call has left the hour, the outside call has not


def test_of_a_talk_that_began_earlier_only_what_lies_in_the_last_hour_counts() -> None:
    load = Workload()
    load.add(10_000.0, 7_200.0)
    load.add(11_000.0, 600.0)
    assert load.occupied(11_000.0) == 2_600.0 + 600.0, "of two hours 2600 s are less than an hour ago"
    assert load.occupied(13_500.0) == 100.0 + 600.0
    assert load.occupied(13_600.0) == 600.0
    assert load.occupied(14_300.0) == 300.0
    assert load.occupied(14_600.0) == 0.0


def test_the_strategy_changes_live() -> None:
    site = Site(queue("anna jan ola"))
    take_turns(site, 1)
    # Nobody talks in between: the callers hang up while a phone rings, which moves no idle clock.
    for name, expected in (
        ("linear", "anna"),
        ("round_robin", "jan"),
        ("longest_idle", "jan"),
        ("no such thing", "jan"),
    ):
        site.configure(queue("anna jan ola", strategy=name))
        site.enter(f"c-{name}")
        assert site.rung() == {expected: f"c-{name}"}
        site.leave(f"c-{name}")


def test_a_strategy_of_ones_own_fits_behind_the_interface() -> None:
    class LastFirst:
        name = "last_first"
        several = False

        def width(self, caller: object, now: float) -> int:
            return 1

        def key(self, agent: object) -> float:
            return 0.0

        def values(self, places: object, caller: object, now: float) -> tuple[float, ...]:
            return ()

        def choose(self, tier: object, caller: object, now: float, entropy: object) -> object:
            return tier.idle.at(len(tier.idle) - 1)[-1]  # type: ignore[attr-defined]

    site = Site(queue("anna jan ola", strategy="last_first"), strategies={**STRATEGIES, "last_first": LastFirst()})
    assert take_turns(site, 2) == ["ola", "ola"]


def test_members_helper_gives_tiers_and_positions() -> None:
    assert [(m.agent, m.tier, m.position) for m in members("a b", "c")] == [("a", 0, 0), ("b", 0, 1), ("c", 1, 0)]


# --- weighted random, progressive ------------------------------------------------------------------------------------------


def test_weighted_random_follows_the_weights_of_the_memberships() -> None:
    weighted = Queue(
        "q", members=(Membership("anna", weight=6), Membership("jan", weight=3), Membership("ola")), wrap_up=0.0,
        strategy="weighted_random",
    )  # fmt: skip
    runs = [take_turns(Site(weighted), 400, 0.0) for _ in range(2)]
    assert runs[0] == runs[1]
    share = {name: count / 400 for name, count in Counter(runs[0]).items()}
    assert abs(share["anna"] - 0.6) < 0.08 and abs(share["jan"] - 0.3) < 0.08 and abs(share["ola"] - 0.1) < 0.05


def test_progressive_rings_one_more_phone_after_each_step() -> None:
    site = Site(queue("anna jan ola ewa", strategy="progressive", ring_step=5.0, ring_timeout=60.0))
    site.advance(1.0)
    site.command("anna", "logout")
    site.command("anna", "login")  # longest idle first, not by position
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}
    site.advance(4.9)
    assert set(site.rung()) == {"jan"}
    site.advance(0.1)
    assert set(site.rung()) == {"jan", "ola"}
    site.fail("jan", OfferResult.REJECTED)
    assert set(site.rung()) == {"ola", "ewa"}, "another one in the place of who refused"
    site.advance(5.0)
    assert set(site.rung()) == {"ola", "ewa", "anna"}
    site.answer("ewa")
    assert site.rung() == {} and site.talks() == {"ewa": "c1"}


def test_progressive_goes_on_where_it_was_when_nobody_answered() -> None:
    site = Site(queue("anna jan ola", strategy="progressive", ring_step=10.0, ring_timeout=15.0, no_answer_delay=1.0))
    site.enter("c1")
    site.advance(14.0)
    assert set(site.rung()) == {"anna", "jan"}
    site.advance(12.0)
    assert len(site.rung()) == 3, "two steps have passed"


def test_progressive_takes_several_callers_at_once() -> None:
    site = Site(queue("anna jan ola", strategy="progressive", ring_step=5.0, ring_timeout=60.0))
    site.enter("c1", "c2")
    assert site.rung() == {"anna": "c1", "jan": "c2"}
    site.advance(5.0)
    assert site.rung() == {"anna": "c1", "jan": "c2", "ola": "c1"}, "one phone each comes before two for one"


# --- another strategy by rule -----------------------------------------------------------------------------------------------


def test_the_strategy_changes_with_the_number_waiting() -> None:
    site = Site(queue("anna jan", strategy_rules=(StrategyRule("ring_all", waiting=2),)))
    site.busy("anna")
    site.busy("jan")
    site.enter("c1", "c2", "c3")
    site.free("anna")
    assert site.rung() == {"anna": "c1"}
    site.free("jan")
    assert site.rung() == {"anna": "c1", "jan": "c2"}, "who has no phone ringing comes first under ring_all too"
    changes = [(event.strategy, event.cause) for event in site.of(StrategyChanged)]
    assert changes == [("ring_all", "more than 2 waiting")]
    site.leave("c3")
    site.leave("c2")
    assert [event.strategy for event in site.of(StrategyChanged)] == ["ring_all", "longest_idle"]


def test_the_strategy_changes_with_opening_hours_and_load() -> None:
    peak = {"peak": False}
    rules = (StrategyRule("linear", hours="peak"), StrategyRule("round_robin", closed="peak", load=0.5))
    site = Site(queue("anna jan ola ewa", strategy_rules=rules), is_open=lambda name: peak[name])
    site.advance(1.0)
    site.command("anna", "logout")
    site.command("anna", "login")
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}, "longest idle"
    site.leave("c1")
    peak["peak"] = True
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}, "from the first"
    site.leave("c2")
    peak["peak"] = False
    site.busy("jan")
    site.busy("ola")
    site.enter("c3")
    assert [event.strategy for event in site.of(StrategyChanged)][-1] == "round_robin"
    assert site.rung() == {"ewa": "c3"}, "the next free one after anna"
