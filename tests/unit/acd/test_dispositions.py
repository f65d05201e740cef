"""Dispositions: what an agent says a conversation was about, and wrap-up that waits for it (AGT-08)."""

from __future__ import annotations

import pytest

from softswitch.acd.catching_up import catch_up
from softswitch.acd.engine import Engine
from softswitch.acd.invariants import check_invariants
from softswitch.effects import AgentCommand, Publish
from softswitch.events import AgentActivityChanged, DispositionChosen, Event
from tests.unit.acd.site import SeededEntropy, Site, queue

CODES = ("sale", "complaint")


def site_of(disposition: str = "required", **policy: object) -> Site:
    return Site(queue("anna jan", dispositions=CODES, disposition=disposition, **{"wrap_up": 10.0, **policy}))


def talk(site: Site, caller: str = "c1", agent: str = "anna") -> None:
    site.enter(caller, number="+48600100200")
    assert site.rung()[agent] == caller
    site.answer(agent)


def choose(site: Site, code: str, agent: str = "anna", call: str = "", note: str = "") -> str:
    refusal = site.engine.command(
        AgentCommand(agent, "disposition", code, actor="test", call=call, note=note), site.now
    )
    site._settle()
    return refusal


def test_wrap_up_waits_until_one_is_chosen() -> None:
    site = site_of()
    talk(site)
    site.hang_up("anna")
    assert site.of(AgentActivityChanged)[-1].owes == "c1"
    site.advance(60.0)
    assert site.activity("anna") == "wrapup", "its ten seconds are over, but nothing was chosen"
    site.command("anna", "ready")
    assert site.activity("anna") == "wrapup"
    assert site.command("anna", "end_wrap_up") == "a disposition must be chosen first"
    assert choose(site, "complaint", note="broken") == ""
    assert site.activity("anna") == "idle"
    (event,) = site.of(DispositionChosen)
    assert (event.call, event.queue, event.agent, event.disposition) == ("c1", "q", "anna", "complaint")
    assert (event.actor, event.note, event.number, event.previous) == ("test", "broken", "+48600100200", "")


def test_whoever_chooses_early_has_the_rest_of_the_wrap_up() -> None:
    site = site_of()
    talk(site)
    site.hang_up("anna")
    site.advance(4.0)
    assert choose(site, "sale") == ""
    last = site.of(AgentActivityChanged)[-1]
    assert (last.activity, last.owes, last.until) == ("wrapup", "", site.now + 6.0)
    site.advance(5.9)
    assert site.activity("anna") == "wrapup"
    site.advance(0.2)
    assert site.activity("anna") == "idle"


def test_chosen_during_the_talk_nothing_is_owed() -> None:
    site = site_of(wrap_up=0.0)
    talk(site)
    assert choose(site, "sale", call="c1") == ""
    site.hang_up("anna")
    assert site.activity("anna") == "idle"


def test_after_the_longest_time_it_is_none() -> None:
    site = site_of(wrap_up=0.0, disposition_max=120.0)
    talk(site)
    site.hang_up("anna")
    site.advance(119.0)
    assert site.activity("anna") == "wrapup"
    site.advance(2.0)
    assert site.activity("anna") == "idle"
    (event,) = site.of(DispositionChosen)
    assert (event.disposition, event.actor) == ("none", "system")
    assert choose(site, "sale", call="c1") == "", "they may still say it afterwards"
    assert site.of(DispositionChosen)[-1].previous == "none"
    assert site.activity("anna") == "idle"


def test_a_longer_wrap_up_of_the_queue_is_not_cut_short() -> None:
    site = site_of(wrap_up=200.0, disposition_max=60.0)
    talk(site)
    site.hang_up("anna")
    site.advance(150.0)
    choose(site, "sale")
    assert site.activity("anna") == "wrapup"
    site.advance(51.0)
    assert site.activity("anna") == "idle"


def test_optional_ones_hold_nobody() -> None:
    site = site_of("optional")
    talk(site)
    site.hang_up("anna")
    site.advance(11.0)
    assert site.activity("anna") == "idle" and site.of(DispositionChosen) == []
    assert choose(site, "sale") == ""
    talk(site, "c2", "jan")
    assert choose(site, "sale", "jan", "c1") == "no call to give a disposition to"


@pytest.mark.parametrize(
    ("code", "agent", "call", "refusal"),
    [
        ("refund", "anna", "", "not a disposition of that queue"),
        ("none", "anna", "", "not a disposition of that queue"),
        ("sale", "anna", "c9", "no call to give a disposition to"),
        ("sale", "jan", "", "no call to give a disposition to"),
        ("sale", "nobody", "", "unknown agent"),
    ],
)
def test_what_cannot_be_chosen(code: str, agent: str, call: str, refusal: str) -> None:
    site = site_of()
    talk(site)
    site.hang_up("anna")
    assert choose(site, code, agent, call) == refusal
    assert site.of(DispositionChosen) == [] and site.activity("anna") == "wrapup"


def test_logging_out_leaves_none() -> None:
    site = site_of()
    talk(site)
    site.hang_up("anna")
    site.command("anna", "logout")
    assert [one.disposition for one in site.of(DispositionChosen)] == ["none"]
    site.command("anna", "login")
    talk(site, "c2")
    site.command("anna", "logout")
    site.hang_up("anna")
    assert [(one.call, one.disposition) for one in site.of(DispositionChosen)] == [("c1", "none"), ("c2", "none")]


def test_more_time_is_more_time_and_no_way_out() -> None:
    site = site_of(wrap_up=20.0, wrap_up_max=50.0, disposition_max=120.0)
    talk(site)
    site.hang_up("anna")
    assert site.command("anna", "extend_wrap_up") == ""
    choose(site, "sale")
    site.advance(39.0)
    assert site.activity("anna") == "wrapup"
    site.advance(2.0)
    assert site.activity("anna") == "idle"


def test_a_call_of_ones_own_does_not_pay_what_is_owed() -> None:
    site = site_of(disposition_max=60.0)
    talk(site)
    site.hang_up("anna")
    site.busy("anna")
    site.advance(20.0)
    assert site.activity("anna") == "talking"
    site.free("anna")
    assert site.activity("anna") == "wrapup"
    site.busy("anna")
    choose(site, "sale")
    site.free("anna")
    assert site.activity("anna") == "idle"


def restarted(site: Site, exported: dict[str, object], age: float) -> tuple[Engine, list[Event]]:
    engine = Engine(SeededEntropy())
    engine.configure(site.queues, site.agents, site.now)
    for agent in site.agents.values():
        engine.device_reachable(agent.device, True, site.now)
    engine.restore_state(exported, site.now, age)
    out = [item.event for item in engine.drain() if isinstance(item, Publish)]
    check_invariants(engine, site.now)
    return engine, out


def test_a_restart_forgives_nothing() -> None:
    site = site_of(disposition_max=100.0)
    talk(site)
    site.hang_up("anna")
    site.advance(30.0)
    exported = site.engine.export_state(site.now)
    engine, _ = restarted(site, exported, 50.0)
    assert engine.command(AgentCommand("anna", "end_wrap_up"), site.now) == "a disposition must be chosen first"
    assert engine.command(AgentCommand("anna", "disposition", "sale"), site.now) == ""
    assert str(engine.roster.agents["anna"].activity) == "idle"
    late, out = restarted(site, exported, 80.0)
    assert str(late.roster.agents["anna"].activity) == "idle"
    assert [one.disposition for one in out if isinstance(one, DispositionChosen)] == ["none"]


def test_what_came_after_the_last_state_is_caught_up() -> None:
    """The state is of before the call; the journal has the rest."""
    site = site_of(disposition_max=100.0)
    exported, begun = site.engine.export_state(site.now), site.now
    told: list[tuple[float, Event]] = []

    def tell() -> None:
        told.extend((site.now - begun, _since(event, begun)) for event in site.events[len(told) :])

    talk(site)
    site.advance(5.0)
    tell()
    site.hang_up("anna")
    tell()
    owing, _ = restarted(site, catch_up(exported, told), site.now - begun)
    assert owing.roster.agents["anna"].owes
    choose(site, "sale")
    tell()
    done, _ = restarted(site, catch_up(exported, told), site.now - begun)
    anna = done.roster.agents["anna"]
    assert not anna.owes and anna.handled is not None and anna.handled.chosen == "sale"


def _since(event: Event, begun: float) -> Event:
    if isinstance(event, AgentActivityChanged) and event.until is not None:
        event.until -= begun
    return event
