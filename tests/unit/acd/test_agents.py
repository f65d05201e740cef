"""Agents: presence, back-off by outcome, wrap-up, devices, hot-desking."""

from __future__ import annotations

import pytest

from softswitch.directory import Agent
from softswitch.effects import ConversationHeld, OfferResult, RingAgent
from softswitch.events import AgentActivityChanged, AgentPresenceChanged
from tests.unit.acd.site import Site, queue

# --- presence ------------------------------------------------------------------------------------------------------------


def test_login_makes_ready_and_says_who_asked() -> None:
    site = Site(queue("anna"), log_in=False)
    site.reachable("anna")
    assert site.command("anna", "login") == ""
    (event,) = site.of(AgentPresenceChanged)
    assert (event.presence, event.actor, event.device) == ("ready", "test", "phone-anna")


def test_login_with_a_reason_starts_not_ready() -> None:
    site = Site(queue("anna"), log_in=False)
    site.reachable("anna")
    site.command("anna", "login", "paperwork")
    site.enter("c1")
    assert site.rung() == {}
    site.command("anna", "ready")
    assert site.rung() == {"anna": "c1"}


@pytest.mark.parametrize(
    "agent, verb, queue_name, refusal",
    [
        ("nobody", "login", "", "unknown agent"),
        ("anna", "dance", "", "unknown verb"),
        ("anna", "dance", "q", "unknown verb"),
        ("anna", "ready", "", "not logged in"),
        ("anna", "logout", "", "not logged in"),
        ("anna", "not_ready", "", "not logged in"),
        ("anna", "login", "elsewhere", "not a member"),
        ("anna", "logout", "q", "not logged in"),
        ("anna", "end_wrap_up", "", "not in wrap-up"),
        ("anna", "extend_wrap_up", "", "not in wrap-up"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(agent: str, verb: str, queue_name: str, refusal: str) -> None:
    site = Site(queue("anna"), log_in=False)
    before = len(site.items)
    if verb == "dance" and queue_name:
        site.reachable("anna")
        site.command("anna", "login")
        before = len(site.items)
    assert site.command(agent, verb, queue=queue_name) == refusal
    assert len(site.items) == before
    assert site.engine.ignored["command"] == 1


def test_not_ready_counts_for_the_next_call_and_each_reason_is_an_interval() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    site.command("anna", "not_ready", "lunch")
    site.command("anna", "not_ready", "lunch")
    site.command("anna", "not_ready", "mail")
    assert site.presences("anna") == [("not_ready", "lunch"), ("not_ready", "mail")]
    site.hang_up("anna")
    site.enter("c2")
    assert site.rung() == {}


def test_leaving_while_being_rung_ends_the_offer_without_a_ring_loop() -> None:
    site = Site(queue("anna jan"))
    site.advance(5.0)
    site.enter("c1")
    site.command("anna", "not_ready", "break")
    assert site.withdrawn() == [OfferResult.CANCELLED_AGENT_STATE]
    assert site.rung() == {"jan": "c1"}
    site.command("anna", "ready")
    site.fail("jan", OfferResult.REJECTED)
    assert site.ring_order() == ["anna", "jan", "anna"]
    site.leave("c1")
    # Toggling is no way to stay first: who leaves while being rung goes to the back.
    assert site.engine.roster.agents["anna"].idle_since == site.now


def test_logging_out_while_being_rung_while_talking_and_in_wrap_up() -> None:
    site = Site(queue("anna jan", wrap_up=30.0))
    site.enter("c1")
    site.command("anna", "logout")
    assert site.rung() == {"jan": "c1"}
    site.answer("jan")
    site.command("jan", "logout")
    assert site.talks() == {"jan": "c1"}
    site.hang_up("jan")
    assert site.activity("jan") == "idle"  # who has gone home does not wrap up
    site.command("jan", "login")
    site.enter("c2")
    site.answer("jan")
    site.hang_up("jan")
    site.command("jan", "logout")
    assert site.activity("jan") == "idle"
    assert site.engine.next_deadline() is None


def test_ready_once_takes_one_call() -> None:
    site = Site(queue("anna"))
    site.command("anna", "ready_once")
    site.enter("c1", "c2")
    site.fail("anna", OfferResult.REJECTED)
    assert site.presence("anna") == ("ready_once", "")
    site.advance(30.0)
    site.answer("anna")
    assert site.presence("anna") == ("not_ready", "on_demand")
    site.hang_up("anna")
    assert site.rung() == {}
    site.command("anna", "ready_once")
    assert site.rung() == {"anna": "c2"}


def test_leaving_one_queue_keeps_the_others() -> None:
    site = Site(queue("anna", name="sales"), queue("anna", name="help"))
    site.enter("c1", queue="sales")
    site.command("anna", "logout", queue="sales")
    assert site.rung() == {}
    site.enter("c2", queue="help")
    assert site.rung() == {"anna": "c2"}
    site.serve("anna")
    site.command("anna", "login", queue="sales")
    assert site.rung() == {"anna": "c1"}
    (left, back) = (e for e in site.of(AgentPresenceChanged) if e.queue)
    assert (left.queue, left.presence, back.presence) == ("sales", "not_ready", "ready")


def test_logging_out_forgets_which_queues_were_left() -> None:
    site = Site(queue("anna"))
    site.command("anna", "not_ready", queue="q")
    site.command("anna", "logout")
    site.command("anna", "login")
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}


# --- back-off ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result, seconds",
    [
        (OfferResult.NO_ANSWER, 10.0),
        (OfferResult.REJECTED, 30.0),
        (OfferResult.BUSY, 15.0),
        (OfferResult.UNREACHABLE, 5.0),
        (OfferResult.FAILED, 5.0),
    ],
)
def test_back_off_by_outcome(result: OfferResult, seconds: float) -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.advance(2.0)
    site.fail("anna", result)
    assert site.activity("anna") == "backoff"
    assert site.of(AgentActivityChanged)[-1].until == site.now + seconds
    site.advance(seconds - 0.1)
    assert site.rung() == {}
    site.advance(0.1)
    assert site.rung() == {"anna": "c1"}


def test_a_phone_that_fails_at_once_is_not_hammered() -> None:
    site = Site(queue("anna", busy_delay=0.0))
    site.enter("c1")
    for _ in range(5):
        site.fail("anna", OfferResult.BUSY)
        assert site.rung() == {}
        site.advance(1.0)
        assert site.rung() == {"anna": "c1"}


def test_without_delay_a_long_ring_may_be_repeated_at_once() -> None:
    site = Site(queue("anna", no_answer_delay=0.0, max_no_answer=0))
    site.enter("c1")
    site.advance(20.0)
    assert site.rung() == {"anna": "c1"}
    assert site.ring_order() == ["anna", "anna"]


def test_too_many_unanswered_rings_put_the_agent_aside() -> None:
    site = Site(queue("anna", max_no_answer=3))
    site.enter("c1")
    site.advance(200.0)
    assert site.ring_order() == ["anna"] * 3
    assert site.presence("anna") == ("not_ready", "no_answer")
    assert [e.actor for e in site.of(AgentPresenceChanged)] == ["system"]
    site.command("anna", "ready")
    assert site.rung() == {"anna": "c1"}


def test_an_answer_starts_the_count_again() -> None:
    site = Site(queue("anna", max_no_answer=2))
    for number in range(3):
        site.enter(f"c{number}")
        site.advance(31.0)
        site.serve("anna")
    assert site.presence("anna") == ("ready", "")


def test_the_ring_time_may_be_the_agents_own() -> None:
    site = Site(queue("anna"), agents={"anna": {"ring_timeout": 7.0}})
    site.enter("c1")
    assert [item.timeout for item in site.of(RingAgent)] == [7.0]
    site.advance(7.0)
    assert site.results() == [("anna", "no_answer")]


# --- wrap-up ----------------------------------------------------------------------------------------------------------------


def test_wrap_up_is_global_visible_and_ended_early() -> None:
    site = Site(queue("anna", name="sales", wrap_up=30.0), queue("anna", name="help"))
    site.enter("c1", queue="sales")
    site.answer("anna")
    site.hang_up("anna")
    event = site.of(AgentActivityChanged)[-1]
    assert (event.activity, event.queue, event.until) == ("wrapup", "sales", site.now + 30.0)
    site.enter("c2", queue="help")
    assert site.rung() == {}
    site.command("anna", "end_wrap_up")
    assert site.rung() == {"anna": "c2"}


def test_wrap_up_is_ended_from_the_phone_itself() -> None:
    site = Site(queue("anna", wrap_up=30.0))
    site.enter("c1")
    site.answer("anna")
    site.hang_up("anna")
    site.enter("c2")
    site.busy("anna", "internal")  # she dials the feature code
    assert site.command("anna", "end_wrap_up") == ""
    assert site.rung() == {}
    site.free("anna")
    assert site.rung() == {"anna": "c2"}


def test_wrap_up_of_the_agent_overrides_the_queues() -> None:
    site = Site(queue("anna jan", wrap_up=30.0), agents={"anna": {"wrap_up": 0.0}, "jan": {"wrap_up": 5.0}})
    site.enter("c1", "c2")
    site.serve("anna")
    site.serve("jan")
    assert (site.activity("anna"), site.activity("jan")) == ("idle", "wrapup")
    site.advance(5.0)
    assert site.activity("jan") == "idle"


def test_wrap_up_is_extended_up_to_the_ceiling() -> None:
    site = Site(queue("anna", wrap_up=20.0, wrap_up_max=50.0))
    site.enter("c1")
    site.serve("anna")
    for until in (40.0, 50.0, 50.0):
        assert site.command("anna", "extend_wrap_up") == ""
        assert site.engine.roster.agents["anna"].until == site.now + until
    site.advance(49.0)
    assert site.activity("anna") == "wrapup"
    site.advance(1.0)
    assert site.activity("anna") == "idle"


def test_a_pause_begun_in_wrap_up_does_not_cut_it_short() -> None:
    site = Site(queue("anna", wrap_up=20.0))
    site.enter("c1")
    site.serve("anna")
    site.command("anna", "not_ready", "lunch")
    assert site.activity("anna") == "wrapup"


# --- devices -----------------------------------------------------------------------------------------------------------------


def test_an_unreachable_phone_is_not_rung_and_comes_back_by_itself() -> None:
    site = Site(queue("anna jan"))
    site.reachable("anna", False)
    assert site.activity("anna") == "unreachable"
    site.enter("c1", "c2")
    assert site.rung() == {"jan": "c1"}
    site.reachable("anna")
    assert site.rung() == {"jan": "c1", "anna": "c2"}


def test_a_phone_that_vanishes_while_ringing_passes_the_caller_on_at_once() -> None:
    site = Site(queue("anna jan"))
    site.enter("c1")
    site.reachable("anna", False)
    assert site.results() == [("anna", "unreachable")]
    assert site.rung() == {"jan": "c1"}
    site.leave("c1")
    site.reachable("anna")
    assert site.activity("anna") == "idle"  # back at once: the back-off was for the phone, which is there


def test_losing_contact_in_a_conversation_matters_only_afterwards() -> None:
    site = Site(queue("anna", wrap_up=10.0))
    site.enter("c1")
    site.answer("anna")
    site.reachable("anna", False)
    assert site.talks() == {"anna": "c1"}
    site.hang_up("anna")
    assert site.activity("anna") == "wrapup"
    site.advance(10.0)
    assert site.activity("anna") == "unreachable"


def test_a_call_outside_while_being_rung_ends_the_offer() -> None:
    site = Site(queue("anna jan"))
    site.enter("c1")
    site.busy("anna", "outbound")
    assert site.results() == [("anna", "cancelled_agent_state")]
    assert site.rung() == {"jan": "c1"}
    event = next(e for e in site.of(AgentActivityChanged) if e.activity == "talking")
    assert event.kind == "outbound"


def test_a_consultation_outlives_the_queue_call_and_wrap_up_waits_for_it() -> None:
    site = Site(queue("anna", wrap_up=10.0))
    site.enter("c1")
    site.answer("anna")
    site.give(ConversationHeld(site.offer("anna"), True))
    site.give(ConversationHeld(site.offer("anna"), True))
    assert site.activity("anna") == "holding"
    site.busy("anna", "consult")
    assert site.activity("anna") == "holding"
    site.hang_up("anna")
    assert (site.activity("anna"), site.engine.roster.agents["anna"].kind) == ("talking", "consult")
    site.advance(4.0)
    site.free("anna")
    assert site.activity("anna") == "wrapup"
    site.advance(6.0)
    assert site.activity("anna") == "idle"


def test_hold_and_resume() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    offer = site.offer("anna")
    site.give(ConversationHeld(offer, False))
    site.give(ConversationHeld(offer, True))
    site.give(ConversationHeld(offer, False))
    assert site.activities("anna") == ["reserved", "talking", "holding", "talking"]


def test_external_numbers_are_always_reachable() -> None:
    site = Site(
        queue("anna jan"), agents={"anna": {"device": "+48600100200"}, "jan": {"device": "600100300"}}, log_in=False
    )
    site.command("anna", "login")
    site.command("jan", "login")
    assert (site.activity("anna"), site.activity("jan")) == ("idle", "unreachable")
    site.configure(accounts={"1000", "1001"})  # jan's device is none of our accounts, so it is outside
    assert site.activity("jan") == "idle"
    site.enter("c1")
    assert [item.device for item in site.of(RingAgent)] == ["+48600100200"]


def test_auto_ready_agents_are_ready_as_soon_as_the_phone_registers() -> None:
    site = Site(queue("anna"), agents={"anna": {"auto_ready": True}}, log_in=False)
    site.enter("c1")
    site.reachable("anna")
    assert site.rung() == {"anna": "c1"}
    site.command("anna", "logout")
    site.reachable("anna")  # a refresh is no registration anew
    assert site.presence("anna")[0] == "offline"


def test_an_auto_ready_agent_who_was_put_aside_is_back_with_the_phone() -> None:
    site = Site(queue("anna", max_no_answer=1), agents={"anna": {"auto_ready": True}}, log_in=False)
    site.reachable("anna")
    site.enter("c1")
    site.advance(60.0)
    assert site.presence("anna") == ("not_ready", "no_answer")
    site.reachable("anna", False)
    site.reachable("anna")
    assert site.presence("anna") == ("ready", "")
    site.command("anna", "not_ready", "lunch")
    site.reachable("anna", False)
    site.reachable("anna")
    assert site.presence("anna") == ("not_ready", "lunch")


def test_auto_ready_external_agents_are_ready_from_the_start() -> None:
    site = Site(queue("anna"), agents={"anna": {"auto_ready": True, "device": "+48600"}}, log_in=False)
    assert site.presence("anna")[0] == "ready"


# --- hot-desking ----------------------------------------------------------------------------------------------------------------


def test_an_agent_logs_in_on_any_phone_and_gives_it_back() -> None:
    site = Site(queue("anna"))
    site.command("anna", "logout")
    site.engine.device_reachable("desk7", True, site.now)
    assert site.command("anna", "login", device="desk7") == ""
    site.enter("c1")
    assert [item.device for item in site.of(RingAgent)] == ["desk7"]
    site.leave("c1")
    site.command("anna", "logout")
    assert site.device("anna") == "phone-anna"


def test_a_phone_belongs_to_one_agent_at_a_time() -> None:
    site = Site(queue("anna jan"))
    assert site.command("jan", "login", device="phone-anna") == ""
    assert site.presence("anna") == ("offline", "device_taken")
    site.enter("c1")
    site.answer("jan")
    assert site.command("anna", "login") == "device in use"
    assert site.command("jan", "login", device="phone-jan") == "on a call"
    site.hang_up("jan")
    assert site.command("anna", "login") == ""
    assert site.presence("jan") == ("offline", "device_taken")


def test_an_agent_without_a_device_needs_one_to_log_in() -> None:
    site = Site(queue("anna"), agents={"anna": {"device": ""}}, log_in=False)
    assert site.command("anna", "login") == "no device"
    assert site.command("anna", "login", device="+48500") == ""


def test_two_auto_ready_agents_never_share_a_phone() -> None:
    agents = {name: {"auto_ready": True, "device": "shared"} for name in ("anna", "jan")}
    site = Site(queue("anna jan"), agents=agents, log_in=False)
    site.engine.device_reachable("shared", True, site.now)
    assert [site.presence(name)[0] for name in ("anna", "jan")] == ["ready", "offline"]


def test_a_new_device_in_the_configuration_is_taken_once_the_call_is_over() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    site.configure(agents=[Agent("anna", "phone-new")])
    assert site.device("anna") == "phone-anna"
    site.hang_up("anna")
    assert (site.device("anna"), site.activity("anna")) == ("phone-new", "unreachable")
    site.reachable("anna")
    assert site.activity("anna") == "idle"


def test_who_has_call_waiting_is_rung_on_top_of_another_call() -> None:
    site = Site(queue("anna jan"), agents={"anna": {"call_waiting": True}})
    site.advance(10.0)
    site.command("jan", "not_ready")
    site.busy("anna", "outbound")
    assert site.activity("anna") == "idle"
    site.enter("c1")
    assert site.rung() == {"anna": "c1"}
    site.fail("anna", OfferResult.REJECTED)
    site.leave("c1")
    site.advance(60.0)
    site.command("jan", "ready")
    site.free("anna")
    site.enter("c2")
    assert site.rung() == {"jan": "c2"}, "the call counts in the idle clock"
    site.configure(queue("anna jan"), agents=[Agent("anna", "phone-anna")])
    site.busy("anna", "outbound")
    assert site.activity("anna") == "talking"
    site.configure(queue("anna jan"), agents=[Agent("anna", "phone-anna", call_waiting=True)])
    assert site.activity("anna") == "idle", "from the moment the site says so"
