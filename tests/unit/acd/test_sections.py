"""Who may take a caller: skills that weaken with the wait, and the agent of the caller's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.acd import skills, words
from softswitch.acd.acquaintances import Acquaintances
from softswitch.acd.engine import Engine
from softswitch.directory import Need
from softswitch.effects import AgentCommand, DeviceReachable, EnterQueue, OfferFailed, OfferResult
from softswitch.events import OfferMade
from tests.unit.acd.site import SeededEntropy, Site, queue

ENGLISH = (Need("english", 50), Need("english", 20, after=30.0), Need("english", after=60.0, drop=True))
PEOPLE: dict[str, dict[str, Any]] = {
    "anna": {"skills": {"english": 80}},
    "jan": {"skills": {"english": 30}},
    "ola": {"skills": {"english": 0}},
    "ewa": {},
}


def offers(site: Site) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(event.ranking, event.asked) for event in site.of(OfferMade)]


# --- skills --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "waited, levels", [(0.0, (("english", 50),)), (29.9, (("english", 50),)), (30.0, (("english", 20),)), (60.0, ())]
)
def test_what_is_asked_for_weakens_with_the_wait(waited: float, levels: skills.Levels) -> None:
    assert skills.in_force(ENGLISH, waited) == levels


def test_what_the_caller_says_of_a_skill_replaces_what_the_queue_says_of_it() -> None:
    own = (Need("english", 90),)
    assert skills.merged((*ENGLISH, Need("claims")), own) == (Need("claims"), *own)


def test_undefined_is_less_than_nothing() -> None:
    site = Site(queue("ewa ola", needs=(Need("english"),)), agents=PEOPLE)
    site.enter("c1", "c2")
    assert site.rung() == {"ola": "c1"}, "level 0 is a level; no level is none"


def test_agents_open_up_as_the_caller_waits() -> None:
    site = Site(queue("anna jan ola ewa", needs=ENGLISH), agents=PEOPLE)
    site.busy("anna")
    site.enter("c1", "c2", "c3")
    assert site.rung() == {}
    site.advance(30.0)
    assert site.rung() == {"jan": "c1"}
    site.answer("jan")
    site.advance(30.0)
    assert site.rung() == {"ola": "c2", "ewa": "c3"}


def test_a_caller_who_asks_for_nothing_passes_one_who_cannot_be_served() -> None:
    site = Site(queue("ewa"), agents=PEOPLE)
    site.enter("c1", needs=(Need("english"),))
    site.enter("c2")
    assert site.rung() == {"ewa": "c2"}
    assert site.engine.position("c1") == 1, "the place in line is theirs all the same"


def test_the_first_in_line_among_those_who_may_use_the_agent() -> None:
    site = Site(queue("anna"), agents=PEOPLE)
    site.busy("anna")
    site.enter("c1", needs=(Need("claims"),))
    site.enter("c2", needs=(Need("english", 70),))
    site.enter("c3")
    site.free("anna")
    assert site.rung() == {"anna": "c2"}
    assert offers(site)[-1] == (("longest_idle", "tier 0", "anna"), ("english >= 70",))


def test_a_tier_is_open_when_nobody_who_fits_is_free_below() -> None:
    site = Site(queue("ewa ola", "anna", needs=(Need("english", 50),)), agents=PEOPLE)
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}, "those of tier 0 are free, but not for this caller"


def test_the_best_score_is_rung_first_and_the_weights_count() -> None:
    people = {
        "anna": {"skills": {"english": 80, "claims": 10}},
        "jan": {"skills": {"english": 50, "claims": 60}},
        "ola": {"skills": {"english": 50, "claims": 60}},
    }
    needs = (Need("english", 10), Need("claims", 5))
    site = Site(queue("anna jan ola", strategy="skills", needs=needs), agents=people)
    site.advance(1.0)
    site.command("jan", "logout")
    site.command("jan", "login")
    site.enter("c1")
    assert site.rung() == {"ola": "c1"}, "as good as jan, and idle for longer"
    heavy = (Need("english", 10, weight=3.0), Need("claims", 5))
    site = Site(queue("anna jan ola", strategy="skills", needs=heavy), agents=people)
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}


def test_skills_and_needs_change_while_people_wait() -> None:
    site = Site(queue("ewa", needs=ENGLISH), agents=PEOPLE)
    site.enter("c1")
    site.configure(agents=[site.agents["ewa"].__class__("ewa", "phone-ewa", skills={"english": 70})])
    assert site.rung() == {"ewa": "c1"}
    site.busy("ewa", "internal")
    site.configure(queue("ewa jan"))
    assert site.rung() == {"jan": "c1"}, "nobody asks for anything any more"


def test_a_ring_group_rings_those_who_fit_and_is_joined_by_those_who_fit_later() -> None:
    site = Site(queue("anna jan ola ewa", strategy="ring_all", ring_timeout=90.0, needs=ENGLISH), agents=PEOPLE)
    site.enter("c1")
    assert set(site.rung()) == {"anna"}
    site.advance(30.0)
    assert set(site.rung()) == {"anna", "jan"}
    site.advance(30.0)
    assert set(site.rung()) == {"anna", "jan", "ola", "ewa"}


def test_round_robin_is_one_memory_for_all_who_ask() -> None:
    site = Site(queue("anna jan ola", strategy="round_robin"), agents=PEOPLE)
    site.enter("c1")
    site.serve("anna")
    site.enter("c2", needs=(Need("english", 10),))
    assert site.rung() == {"jan": "c2"}
    site.serve("jan")
    site.enter("c3", needs=(Need("english", 10),))
    assert site.rung() == {"anna": "c3"}, "ola does not fit"
    site.serve("anna")
    site.enter("c4")
    assert site.rung() == {"jan": "c4"}


def test_why_not() -> None:
    site = Site(queue("anna ewa", needs=ENGLISH), agents=PEOPLE)
    site.busy("anna")
    site.enter("c1")
    told = site.engine.explain_caller("c1", site.now)
    assert told is not None and told["asks_for"] == {"english": 50}
    assert {one["agent"]: one["reason"] for one in told["members"]} == {"anna": "in_use", "ewa": "skills"}


# --- the agent of one's own ------------------------------------------------------------------------------------------------


def test_the_account_manager_is_rung_first_whatever_the_strategy_and_the_tier() -> None:
    site = Site(queue("anna jan", "ola", strategy="linear"))
    site.enter("c1", preferred="ola")
    assert site.rung() == {"ola": "c1"}
    assert offers(site)[-1] == (("linear", "tier 1", "ola"), ("asks for ola",))


def test_an_account_manager_need_not_be_a_member() -> None:
    site = Site(queue("anna"), queue("boss", name="other"))
    site.enter("c1", preferred="boss")
    assert site.rung() == {"boss": "c1"}
    site.serve("boss", 10.0)
    assert [seat.queue.name for seat in site.engine.roster.agents["boss"].seats] == ["other"], "a guest leaves again"
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}


def test_a_caller_waits_for_an_agent_who_is_about_to_be_free_and_keeps_the_place() -> None:
    site = Site(queue("anna jan", preferred_wait=30.0, wrap_up=20.0))
    site.enter("c0")
    site.answer("anna")
    site.hang_up("anna")
    site.enter("c1", preferred="anna")
    site.enter("c2", "c3")
    assert site.rung() == {"jan": "c2"}, "c1 waits for anna's wrap-up to end"
    assert site.engine.position("c1") == 1
    site.advance(20.0)
    assert site.rung()["anna"] == "c1"


def test_who_has_waited_long_enough_for_one_is_given_to_anybody() -> None:
    site = Site(queue("anna jan", preferred_wait=30.0))
    site.enter("c0")
    site.answer("anna")
    site.enter("c1", preferred="anna")
    assert site.rung() == {}
    site.advance(29.0)
    site.enter("c2")
    site.answer("jan")
    site.enter("c3")
    site.advance(1.0)
    site.hang_up("jan")
    assert site.rung() == {"jan": "c1"}, "the place was kept: c3 came later"


@pytest.mark.parametrize("what", ["logout", "not_ready", "queue", "gone"])
def test_who_is_not_there_is_not_waited_for(what: str) -> None:
    site = Site(queue("anna jan"))
    site.busy("anna")
    site.enter("c1", preferred="anna")
    assert site.rung() == {}
    if what == "gone":
        site.reachable("anna", False)
    else:
        site.command("anna", "not_ready" if what == "queue" else what, queue="q" if what == "queue" else "")
    assert site.rung() == {"jan": "c1"}
    site.enter("c2", preferred="nobody")
    site.hang_up("jan") if site.activity("jan") == "talking" else site.serve("jan")
    assert site.rung() == {"jan": "c2"}


def test_an_agent_who_would_keep_the_caller_waiting_is_not_waited_for() -> None:
    site = Site(queue("anna jan", preferred_wait=30.0, strategy="linear"))
    for number in range(3):
        site.enter(f"x{number}")
        site.serve("anna", 300.0)
    site.enter("long")
    site.answer("anna")
    site.advance(100.0)
    site.enter("c1", preferred="anna")
    assert site.rung() == {"jan": "c1"}, "anna talks 300 s as a rule, 100 of them are over"
    site.serve("jan")
    site.advance(190.0)
    site.enter("c2", preferred="anna")
    assert site.rung() == {}, "ten seconds more"


def test_an_agent_who_does_not_take_the_call_is_not_waited_for_any_longer() -> None:
    site = Site(queue("anna jan", preferred_wait=60.0))
    site.enter("c1", preferred="jan")
    site.fail("jan", OfferResult.REJECTED)
    assert site.rung() == {"anna": "c1"}


def test_the_last_agent_is_remembered_for_a_while() -> None:
    site = Site(queue("anna jan ola", last_agent_hours=2.0), queue("jan", name="other", last_agent_hours=2.0))
    site.enter("c1", number="600100200")
    site.serve("anna", 10.0)
    site.enter("c2", number="600100200")
    assert site.rung() == {"anna": "c2"}, "longest idle would have been jan"
    site.leave("c2")
    site.enter("c3", number="600100200", queue="other")
    assert site.rung() == {"jan": "c3"}, "anna does not serve that queue"
    site.leave("c3")
    site.advance(3 * 3600.0)
    site.enter("c4", number="600100200")
    assert site.rung() == {"jan": "c4"}


def test_acquaintances_are_bounded() -> None:
    known = Acquaintances(limit=3)
    for number in "abcad":
        known.met(number, f"agent of {number}", 1.0)
    assert len(known) == 3
    assert [known.last_agent(number, 2.0, 10.0) for number in "abcd"] == ["agent of a", "", "agent of c", "agent of d"]
    fresh = Acquaintances()
    fresh.restore(json.loads(json.dumps(known.export(5.0))), 100.0)
    assert (fresh.last_agent("a", 100.0, 4.0), fresh.last_agent("a", 101.0, 4.0)) == ("agent of a", "")


def test_a_restart_keeps_what_callers_ask_for_and_whom_they_know() -> None:
    site = Site(queue("anna jan", preferred_wait=60.0, last_agent_hours=1.0), agents=PEOPLE)
    site.enter("c0", number="5")
    site.serve("anna", 10.0)
    site.busy("anna")
    site.enter("c1", preferred="anna")
    site.enter("c2", needs=(Need("english", 70),))
    site.advance(5.0)
    state = json.loads(json.dumps(site.engine.export_state(site.now)))
    engine = Engine(SeededEntropy())
    engine.configure(site.queues, site.agents, 50.0)
    for name in ("anna", "jan"):
        engine.handle(DeviceReachable(f"phone-{name}", True), 50.0)
        engine.handle(AgentCommand(name, "login"), 50.0)
    engine.restore_state(state, 50.0)
    for name in ("c1", "c2"):
        engine.handle(EnterQueue(name, "q"), 50.0)
    offers = {offer.agent.name: offer.caller.id for offer in engine.dispatcher.offers.values()}
    assert offers == {"anna": "c1"}, "anna is free now; jan speaks too little English for c2"
    engine.handle(OfferFailed(next(iter(engine.dispatcher.offers)), OfferResult.REJECTED), 51.0)
    offers = {offer.agent.name: offer.caller.id for offer in engine.dispatcher.offers.values()}
    assert offers == {"jan": "c1"}
    assert engine.acquaintances.last_agent("5", 51.0, 3600.0) == "anna"


def test_the_reasons_in_words() -> None:
    assert words.reason("asked_for", {"asked": ["english >= 50"]}) == "lacks what the caller asks for: english >= 50"
    assert words.reason("asked_for", {"asked": ["asks for anna"]}) == "the caller asks for anna"
    assert words.reason("skills", {"asked": {"english": 50}}) == "lacks a skill: english 50"
    facts = {"agent": "anna", "left": 12.0}
    assert words.reason("caller_waits_for_another", facts) == "the caller waits for anna, 12.0 s at most"


def test_an_offer_tells_what_the_agents_were_ranked_by() -> None:
    people = {"anna": {"skills": {"english": 40}}, "jan": {"skills": {"english": 80}}}
    for strategy, keys in (
        ("skills", (40.0, 80.0)),
        ("longest_idle", (5.0, 5.0)),
        ("least_busy", (0.0, 0.0)),
        ("linear", ()),
    ):
        site = Site(queue("anna jan", strategy=strategy, needs=(Need("english", 10),)), agents=people)
        site.advance(5.0)
        site.enter("c1")
        assert [event.keys for event in site.of(OfferMade)] == [keys], strategy
