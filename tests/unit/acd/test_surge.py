"""Surge mode (ACD-27), keys that lead out (ACD-29), and callers who come back (ACD-28)."""

from __future__ import annotations

import json

import pytest

from softswitch.acd import steering
from softswitch.directory import Surge
from softswitch.effects import CallerKey, EnterQueue, Outcome, ReleaseCaller, TellCaller
from softswitch.events import CallerJoined, SurgeChanged
from tests.unit.acd.site import Site, queue


def site(surge: Surge | None = None, **policy: object) -> Site:
    s = Site(queue("anna", **({"surge": surge} if surge else {}), **policy))
    s.command("anna", "not_ready")
    s.clear()
    return s


def surges(s: Site) -> list[tuple[bool, str, str]]:
    return [(event.surging, event.cause, event.actor) for event in s.of(SurgeChanged)]


def test_a_surge_begins_with_so_many_and_ends_with_fewer() -> None:
    s = site(Surge(length=3, until=1, greeting=("busy-now",), positions=2))
    s.enter("c1", "c2")
    assert not surges(s)
    s.enter("c3")
    assert surges(s) == [(True, "length", "system")]
    assert s.engine.queues["q"].positions == 2
    s.enter("c4")
    assert s.of(TellCaller) == [TellCaller("c4", "q", ("busy-now",))]
    s.leave("c1")
    s.leave("c2")
    assert len(surges(s)) == 1, "two are more than one"
    s.leave("c3")
    assert surges(s)[1:] == [(False, "calm", "system")]
    assert s.engine.queues["q"].positions == 0


def test_a_surge_by_the_wait_of_the_first() -> None:
    s = site(Surge(wait=60.0))
    s.enter("c1")
    s.advance(59.9)
    assert not surges(s)
    s.advance(0.1)
    assert surges(s) == [(True, "wait", "system")]
    s.enter("c2")
    s.leave("c1")
    assert surges(s)[1:] == [(False, "calm", "system")]


def test_low_priority_is_shed_while_it_lasts() -> None:
    s = site(Surge(length=1, shed_below=1, shed_to="play:call-later"))
    s.enter("c1")
    s.enter("low")
    s.enter("high", priority=1)
    assert s.of(ReleaseCaller) == [ReleaseCaller("low", "q", Outcome.OVERFLOW, "play:call-later")]
    assert s.outcome("low").outcome == "overflow"
    assert set(s.engine.visits.callers) == {"c1", "high"}
    s.check_counters()


def test_a_callback_is_offered_first_and_once_in_a_call() -> None:
    s = site(Surge(length=1, callback=True))
    s.enter("c1")
    s.enter("c2")
    assert s.of(ReleaseCaller) == [ReleaseCaller("c2", "q", Outcome.CALLBACK_REQUESTED, "callback:q")]
    assert "c2" not in [event.caller for event in s.of(CallerJoined)], "no visit has begun"
    s.enter("c2")
    assert "c2" in s.engine.visits.callers, "who declines waits"


def test_by_hand_until_a_hand_ends_it() -> None:
    s = site(Surge(length=2, until=1))
    assert steering.surge(s.engine, "q", "on", "eva", s.now) == ""
    s._settle()
    assert surges(s) == [(True, "order", "eva")]
    s.enter("c1")
    s.leave("c1")
    assert s.engine.queues["q"].surging
    steering.surge(s.engine, "q", "off", "eva", s.now)
    s.enter("c2", "c3", "c4")
    assert not s.engine.queues["q"].surging
    steering.surge(s.engine, "q", "auto", "eva", s.now)
    assert s.engine.queues["q"].surging
    assert steering.surge(s.engine, "q", "loud", "eva", s.now) != ""
    assert steering.surge(s.engine, "none", "on", "eva", s.now) != ""


def test_a_surge_survives_a_restart() -> None:
    s = site(Surge(length=5))
    steering.surge(s.engine, "q", "on", "eva", s.now)
    state = json.loads(json.dumps(s.engine.export_state(s.now)))
    after = site(Surge(length=5))
    after.engine.restore_state(state, after.now)
    assert after.engine.queues["q"].surging and after.engine.queues["q"].surge_order == "on"


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_leads_out() -> None:
    s = site(exit_keys={"1": "voicemail:box", "*": "queue:other"})
    s.enter("c1", "c2")
    s.advance(7.0)
    s.give(CallerKey("c1", "5"))
    assert not s.of(ReleaseCaller)
    s.give(CallerKey("c1", "1"))
    assert s.of(ReleaseCaller) == [ReleaseCaller("c1", "q", Outcome.EXIT_KEY, "voicemail:box")]
    assert (s.outcome("c1").outcome, s.outcome("c1").detail) == ("exit_key", "1")
    s.give(CallerKey("c1", "1"))
    s.give(CallerKey("nobody", "1"))
    assert len(s.of(ReleaseCaller)) == 1
    s.check_counters()


def test_a_key_while_an_agent_is_rung_stops_the_ringing_and_one_after_the_answer_means_nothing() -> None:
    s = Site(queue("anna", exit_keys={"1": "voicemail:box"}, agent_greeting=("whisper",)))
    s.enter("c1")
    s.give(CallerKey("c1", "1"))
    assert s.rung() == {} and s.outcome("c1").outcome == "exit_key"
    s.enter("c2")
    s.answer("anna")
    s.give(CallerKey("c2", "1"))
    assert "c2" in s.engine.visits.callers


# --- who comes back --------------------------------------------------------------------------------------------------


def test_who_hung_up_has_the_place_back_within_a_while() -> None:
    s = site(resume_within=60.0)
    s.enter("c1", number="600100200")
    s.advance(5.0)
    s.enter("c2", number="600100201")
    s.advance(20.0)
    s.leave("c1")
    s.advance(30.0)
    s.enter("c3", number="600100202")
    s.enter("c1b", number="600100200")
    assert s.engine.position("c1b") == 1
    joined = s.of(CallerJoined)[-1]
    assert (joined.credit, joined.position) == (55.0, 1)
    s.leave("c1b")
    assert s.outcome("c1b").waited == 0.0, "the books count the visit, not the credit"


def test_only_once_in_that_while() -> None:
    s = site(resume_within=60.0)
    s.enter("c1", number="600")
    s.advance(1.0)
    s.enter("c2", number="601")
    for again in ("a", "b", "c"):
        s.advance(10.0)
        s.leave(next(iter(caller for caller in s.engine.visits.callers if caller != "c2")))
        s.advance(10.0)
        s.enter(again, number="600")
        assert s.engine.position(again) == (1 if again == "a" else 2)
    s.advance(25.0)
    s.leave("c")
    s.enter("d", number="600")
    assert s.engine.visits.callers["d"].credit == 25.0, "a minute after the first time there is a second one"


@pytest.mark.parametrize("number", ["", "anonymous", "Anonymous"])
def test_who_shows_no_number_comes_anew(number: str) -> None:
    s = site(resume_within=60.0)
    s.enter("c1", number=number)
    s.advance(5.0)
    s.enter("c2", number="601")
    s.leave("c1")
    s.enter("c1b", number=number)
    assert s.engine.position("c1b") == 2


def test_too_late_is_anew_and_who_was_answered_too() -> None:
    s = site(resume_within=60.0)
    s.enter("c1", number="600")
    s.enter("c2", number="601")
    s.leave("c1")
    s.advance(60.1)
    s.enter("c1b", number="600")
    assert s.engine.position("c1b") == 2
    s.command("anna", "ready")
    s.serve("anna")
    s.command("anna", "not_ready")
    s.enter("c2b", number="601")
    assert s.engine.visits.callers["c2b"].credit == 0.0


def test_a_place_survives_a_restart() -> None:
    s = site(resume_within=60.0)
    s.enter("c1", number="600")
    s.advance(20.0)
    s.leave("c1")
    state = json.loads(json.dumps(s.engine.export_state(s.now)))
    after = site(resume_within=60.0)
    after.now = s.now
    after.engine.restore_state(state, after.now, 10.0)
    after.give(EnterQueue("c1b", "q", "600"))
    assert after.engine.visits.callers["c1b"].credit == 30.0
