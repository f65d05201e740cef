"""The queue engine from outside: callers in, rings out, every race settled."""

from __future__ import annotations

from softswitch.effects import (
    ConnectOffer,
    ConversationEnded,
    ConversationHeld,
    EnterQueue,
    OfferAnswered,
    OfferConnected,
    OfferFailed,
    OfferResult,
    OfferRinging,
    Outcome,
    ReleaseCaller,
    RingAgent,
    WithdrawOffer,
)
from softswitch.events import CallerConnected, CallerJoined, CallerLeft, OfferEnded, OfferMade
from tests.unit.acd.site import Site, queue


def test_a_caller_is_rung_answered_and_talks() -> None:
    site = Site(queue("anna", wrap_up=15.0))
    site.enter("c1", number="600100200")
    (ring,) = site.of(RingAgent)
    assert (ring.agent, ring.caller, ring.device, ring.timeout) == ("anna", "c1", "phone-anna", 20.0)
    site.rings("anna")
    site.advance(4.0)
    site.answer("anna")
    (connect,) = site.of(ConnectOffer)
    assert (connect.offer, connect.caller, connect.agent, connect.queue) == (ring.offer, "c1", "anna", "q")
    (connected,) = site.of(CallerConnected)
    assert connected.waited == 4.0
    left = site.outcome("c1")
    assert (left.outcome, left.waited, left.agent, left.offers, left.position_at_entry) == (
        "answered",
        4.0,
        "anna",
        1,
        1,
    )
    site.advance(60.0)
    site.hang_up("anna")
    assert site.activity("anna") == "wrapup"
    site.advance(15.0)
    assert site.activities("anna") == ["reserved", "offered", "talking", "wrapup", "idle"]
    site.check_counters()


def test_joining_tells_the_place_and_how_many_wait() -> None:
    site = Site(queue("anna"), log_in=False)
    site.enter("c1", "c2", "c3")
    site.enter("vip", priority=5)
    assert [(e.caller, e.position, e.waiting) for e in site.of(CallerJoined)] == [
        ("c1", 1, 1),
        ("c2", 2, 2),
        ("c3", 3, 3),
        ("vip", 1, 4),
    ]
    assert [site.engine.position(caller) for caller in ("vip", "c1", "c2", "c3", "nobody")] == [1, 2, 3, 4, None]


def test_no_answer_rings_the_next_at_once_and_the_caller_keeps_the_place() -> None:
    site = Site(queue("anna jan ola"))
    site.enter("c1", "c2")
    assert site.rung() == {"anna": "c1", "jan": "c2"}
    site.advance(20.0)
    # Both rang out in the same instant; the one free agent goes to the first caller, and the others are in back-off.
    assert site.rung() == {"ola": "c1"}
    assert site.activity("anna") == site.activity("jan") == "backoff"
    assert site.withdrawn() == [OfferResult.NO_ANSWER, OfferResult.NO_ANSWER]
    site.advance(10.0)
    assert site.rung() == {"ola": "c1", "anna": "c2"}


def test_callers_by_priority_then_effective_wait_then_sequence() -> None:
    site = Site(queue("anna"))
    site.enter("busy")
    site.answer("anna")
    site.enter("first")
    site.advance(5.0)
    site.enter("second")
    site.enter("credited", wait_credit=30.0)
    site.enter("vip", priority=1)
    for expected in ("vip", "credited", "first", "second"):
        site.hang_up("anna")
        assert site.rung() == {"anna": expected}
        site.answer("anna")


def test_priority_changes_live_with_immediate_effect() -> None:
    site = Site(queue("anna"))
    site.enter("c0")
    site.answer("anna")
    site.enter("c1", "c2", "c3")
    assert site.engine.set_priority("c3", 9, site.now)
    assert [site.engine.position(c) for c in ("c3", "c1", "c2")] == [1, 2, 3]
    site.hang_up("anna")
    assert site.rung() == {"anna": "c3"}
    # Also for the one being rung: sent back, they stand where the new priority puts them.
    assert site.engine.set_priority("c3", -1, site.now)
    site.fail("anna", OfferResult.REJECTED)
    assert [site.engine.position(c) for c in ("c1", "c2", "c3")] == [1, 2, 3]
    assert not site.engine.set_priority("nobody", 1, site.now)


def test_k_free_agents_take_k_callers_in_one_step() -> None:
    site = Site(queue("a b c d"), log_in=False)
    site.enter("c1", "c2", "c3")
    for name in "abcd":
        site.reachable(name)
        site.command(name, "login")
    assert site.rung() == {"a": "c1", "b": "c2", "c": "c3"}


def test_one_offer_per_agent_across_queues() -> None:
    site = Site(queue("anna", name="sales"), queue("anna", name="help"))
    site.enter("c1", queue="sales")
    site.enter("c2", queue="help")
    assert site.rung() == {"anna": "c1"}
    site.serve("anna")
    assert site.rung() == {"anna": "c2"}


def test_an_agent_of_many_queues_takes_the_best_caller_of_all() -> None:
    site = Site(
        queue("anna", name="sales"), queue("anna", name="help"), queue("anna", name="gold", weight=5), log_in=False
    )
    site.enter("s1", queue="sales")
    site.advance(3.0)
    site.enter("h1", queue="help")
    site.enter("h2", queue="help", priority=2)
    site.enter("g1", queue="gold")
    site.reachable("anna")
    site.command("anna", "login")
    order = []
    for _ in range(4):
        order += site.rung().values()
        site.serve("anna")
    assert order == ["g1", "h2", "s1", "h1"]  # weight, priority, wait


def test_a_queue_whose_callers_cannot_use_the_agent_blocks_nobody() -> None:
    # The heavier queue's caller may not use tier 1 yet; the agent is free for the other queue at once.
    heavy = queue("boss", "anna", name="gold", weight=9, tier_mode="timed", tier_after={1: 60.0})
    site = Site(heavy, queue("anna", name="help"))
    site.enter("g0", queue="gold")
    site.answer("boss")
    site.enter("g1", queue="gold")
    site.enter("h1", queue="help")
    assert site.rung() == {"anna": "h1"}


def test_a_younger_caller_of_higher_priority_does_not_block_one_whose_tier_is_open() -> None:
    site = Site(queue("anna", "jan", tier_mode="timed", tier_after={1: 30.0}))
    site.busy("anna")
    site.busy("jan")
    site.enter("old")
    site.advance(31.0)
    site.enter("vip", priority=5)
    site.free("jan")
    assert site.rung() == {"jan": "old"}


# --- abandonment and other ends --------------------------------------------------------------------------------------


def test_caller_gone_stops_the_ringing_and_leaves_the_idle_clock_alone() -> None:
    site = Site(queue("anna jan"))
    site.advance(10.0)
    before = site.engine.roster.agents["anna"].idle_since
    site.enter("c1")
    offer = site.offer("anna")
    site.advance(3.0)
    site.leave("c1")
    (withdraw,) = site.of(WithdrawOffer)
    assert (withdraw.offer, withdraw.result) == (offer, OfferResult.CANCELLED_CALLER_GONE)
    assert site.engine.roster.agents["anna"].idle_since == before
    site.enter("c2")
    assert site.rung() == {"anna": "c2"}


def test_abandonment_is_refined_into_disjoint_classes() -> None:
    site = Site(queue("anna", agent_greeting=("whisper",)))
    site.busy("anna")
    site.enter("short", "long")
    site.advance(5.0)
    site.leave("short")
    site.advance(5.0)
    site.leave("long")
    site.free("anna")
    site.enter("ringing")
    site.advance(10.0)
    site.leave("ringing")
    site.enter("ringing-short")
    site.leave("ringing-short")
    site.enter("connecting")
    site.answer("anna")
    site.leave("connecting")
    ends = {e.caller: (e.outcome, e.detail) for e in site.of(CallerLeft)}
    assert ends == {
        "short": ("abandoned_short", ""),
        "long": ("abandoned", ""),
        "ringing": ("abandoned_ringing", ""),
        "ringing-short": ("abandoned_short", "ringing"),
        "connecting": ("abandoned_connecting", ""),
    }
    assert site.activity("anna") == "idle"
    site.check_counters()


def test_a_full_queue_refuses_with_a_visit_of_its_own() -> None:
    site = Site(queue("anna", max_length=2, on_full="extension:100"), log_in=False)
    site.enter("c1", "c2", "c3")
    (release,) = site.of(ReleaseCaller)
    assert (release.caller, release.outcome, release.destination) == ("c3", Outcome.FULL, "extension:100")
    assert site.outcome("c3").outcome == "full"
    assert site.engine.measure.queues["q"].entered == 3
    site.leave("c1")
    site.enter("c4")
    assert site.engine.position("c4") == 2


def test_max_wait_is_strict_even_while_a_phone_rings() -> None:
    site = Site(queue("anna", max_wait=10.0, on_timeout="menu:voicemail"))
    site.enter("c1")
    site.advance(9.9)
    assert site.rung() == {"anna": "c1"}
    site.advance(0.2)
    assert site.withdrawn() == [OfferResult.CANCELLED_CALLER_GONE]
    (release,) = site.of(ReleaseCaller)
    assert (release.outcome, release.destination) == (Outcome.TIMEOUT, "menu:voicemail")
    assert site.outcome("c1").waited == 10.0
    assert site.activity("anna") == "idle"


def test_a_lenient_max_wait_lets_the_ring_end() -> None:
    policy = {"max_wait": 10.0, "max_wait_strict": False}
    site = Site(queue("anna", **policy))
    site.enter("c1")
    site.advance(15.0)
    site.answer("anna")
    assert site.outcome("c1").outcome == "answered"
    other = Site(queue("anna jan", **policy))
    other.enter("c1")
    other.advance(20.0)
    assert other.outcome("c1").outcome == "timeout"
    assert other.ring_order() == ["anna"]  # nobody else is tried once the time is up


def test_no_agents_on_entry_and_later() -> None:
    site = Site(
        queue(
            "anna", join_without_agents=False, leave_without_agents=True, no_agents_grace=5.0, on_no_agents="menu:off"
        ),
        log_in=False,
    )
    site.enter("c1")
    assert site.outcome("c1").outcome == "no_agents_on_entry"
    site.reachable("anna")
    site.command("anna", "login")
    site.busy("anna")
    site.enter("c2")
    site.command("anna", "logout")
    site.advance(4.0)
    site.command("anna", "login")  # back in time
    site.advance(10.0)
    assert site.engine.position("c2") == 1
    site.command("anna", "logout")
    site.advance(5.0)
    assert site.outcome("c2").outcome == "no_agents_later"
    assert [r.destination for r in site.of(ReleaseCaller)] == ["menu:off", "menu:off"]


def test_who_joins_an_empty_queue_is_given_the_grace_too() -> None:
    site = Site(queue("anna", leave_without_agents=True, no_agents_grace=10.0), log_in=False)
    site.enter("c1")
    site.advance(6.0)
    site.enter("c2")
    site.advance(4.0)
    assert site.outcome("c1").outcome == "no_agents_later"
    assert site.engine.position("c2") == 1
    site.advance(6.0)
    assert site.outcome("c2").waited == 10.0


def test_without_grace_the_last_agent_to_leave_sends_everybody_on_at_once() -> None:
    site = Site(queue("anna", leave_without_agents=True))
    site.busy("anna")
    site.enter("c1", "c2")
    site.command("anna", "logout")
    site.advance(0.0)
    assert [r.outcome for r in site.of(ReleaseCaller)] == [Outcome.NO_AGENTS_LATER] * 2


def test_a_queue_may_count_pauses_as_nobody_there() -> None:
    site = Site(queue("anna", join_without_agents=False, empty_when=("logged_out", "unreachable", "paused")))
    site.command("anna", "not_ready", "lunch")
    site.enter("c1")
    assert site.outcome("c1").outcome == "no_agents_on_entry"


def test_an_unknown_queue_sends_the_caller_back() -> None:
    site = Site(queue("anna"))
    site.enter("c1", queue="nowhere")
    (release,) = site.of(ReleaseCaller)
    assert release.outcome is Outcome.FAILED
    assert not site.of(CallerJoined)


def test_entering_another_queue_leaves_the_first_as_transferred_out() -> None:
    site = Site(queue("anna", name="sales"), queue("jan", name="help"))
    site.enter("c1", queue="sales")
    site.enter("c1", queue="help")
    assert site.rung() == {"jan": "c1"}
    (left,) = site.of(CallerLeft)
    assert (left.queue, left.outcome, left.detail) == ("sales", "transferred_out", "help")


def test_exit_key_and_other_outcomes_are_kept_as_given() -> None:
    site = Site(queue("anna"), log_in=False)
    site.enter("c1")
    site.leave("c1", Outcome.EXIT_KEY, "2")
    left = site.outcome("c1")
    assert (left.outcome, left.detail) == ("exit_key", "2")


def test_a_report_that_does_not_fit_the_offer_changes_nothing_or_ends_it() -> None:
    site = Site(queue("anna jan", agent_greeting=("whisper",)))
    site.enter("c1")
    offer = site.offer("anna")
    site.give(OfferConnected(offer))  # nobody answered yet
    site.give(ConversationHeld(offer, True))
    assert site.engine.ignored == {"offer": 2}
    site.give(ConversationEnded(offer))  # the ring is over, whatever this calls it
    assert site.results() == [("anna", "failed")]
    assert site.rung() == {"jan": "c1"}


def test_a_caller_who_connects_is_not_released_and_comes_back_with_a_new_priority() -> None:
    site = Site(queue("anna", agent_greeting=("whisper",)))
    site.enter("c1")
    site.answer("anna")
    assert not site.engine.release("c1", Outcome.WITHDRAWN, "", site.now)
    assert site.engine.set_priority("c1", 7, site.now)
    site.fail("anna", OfferResult.REJECTED)
    site.enter("c2")
    assert [site.engine.position(c) for c in ("c1", "c2")] == [1, 2]


def test_a_supervisor_releases_a_caller() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    assert site.engine.release("c1", Outcome.WITHDRAWN, "extension:200", site.now, "boss")
    assert not site.engine.release("c1", Outcome.WITHDRAWN, "", site.now)


# --- races and repetitions -----------------------------------------------------------------------------------------------


def test_the_answer_that_lost_to_a_hang_up_is_withdrawn() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    offer = site.offer("anna")
    site.leave("c1")
    site.clear()
    site.give(OfferAnswered(offer))
    assert site.items == [WithdrawOffer(offer, OfferResult.CANCELLED_ELSEWHERE)]


def test_reports_twice_late_or_unknown_change_nothing() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    offer = site.offer("anna")
    site.enter("c1")
    site.give(OfferRinging(offer))
    site.give(OfferRinging(offer))
    site.give(OfferAnswered(offer))
    site.clear()
    site.give(OfferAnswered(offer))
    site.give(OfferRinging(offer))
    site.give(OfferFailed(999, OfferResult.BUSY))
    site.give(OfferRinging(999))
    site.give(ConversationEnded(999))
    site.leave("nobody")
    assert site.items == []
    assert site.engine.ignored == {"caller": 2, "offer": 5}
    site.give(ConversationEnded(offer))
    site.clear()
    site.give(ConversationEnded(offer))
    assert site.items == []


def test_a_failure_report_in_a_conversation_ends_it() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.answer("anna")
    site.fail("anna", OfferResult.FAILED)
    assert site.activity("anna") == "idle"


def test_the_same_caller_may_come_back_after_talking() -> None:
    site = Site(queue("anna jan"))
    site.enter("c1")
    site.answer("anna")
    site.enter("c1")
    assert site.rung() == {"jan": "c1"}
    site.answer("jan")
    assert site.talks() == {"anna": "c1", "jan": "c1"}
    site.hang_up("anna")
    site.hang_up("jan")


def test_an_agent_greeting_makes_connecting_a_state_of_its_own() -> None:
    site = Site(queue("anna jan", agent_greeting=("queue-name",)))
    site.enter("c1")
    site.advance(2.0)
    site.answer("anna")
    assert not site.of(CallerConnected)
    assert site.engine.position("c1") is None
    site.advance(1.5)
    site.fail("anna", OfferResult.FAILED)  # the agent hung up during the whisper
    assert site.results() == [("anna", "failed")]
    assert site.rung() == {"jan": "c1"}  # back in the old place, and the next agent at once
    site.answer("jan")
    site.advance(1.0)
    site.engine.offer_connected(site.offer("jan"), site.now)
    assert site.talks() == {"jan": "c1"}
    site.advance(0.0)
    assert site.engine.measure.queues["q"].answered == 1


def test_a_conversation_that_ends_before_its_beginning_was_reported_has_been_one() -> None:
    site = Site(queue("anna", agent_greeting=("whisper",), wrap_up=10.0))
    site.enter("c1")
    site.answer("anna")
    site.hang_up("anna")
    assert site.outcome("c1").outcome == "answered"
    assert site.activity("anna") == "wrapup"


def test_a_ring_for_a_caller_who_is_gone_ends_the_visit_and_is_not_held_against_the_agent() -> None:
    site = Site(queue("anna"))
    site.advance(10.0)
    site.enter("c1")
    site.fail("anna", OfferResult.CANCELLED_CALLER_GONE)
    assert site.outcome("c1").outcome == "abandoned_short"
    assert site.activity("anna") == "idle"
    assert site.engine.roster.agents["anna"].idle_since == site.now - 10.0


def test_max_wait_that_passes_while_connecting_counts_only_if_the_agent_is_lost() -> None:
    site = Site(queue("anna jan", agent_greeting=("whisper",), max_wait=10.0))
    site.enter("c1")
    site.answer("anna")
    site.advance(11.0)
    assert site.engine.visits.callers["c1"].state == "connecting"
    site.fail("anna", OfferResult.REJECTED)
    assert site.outcome("c1").outcome == "timeout"


def test_every_offer_says_why() -> None:
    site = Site(queue("anna jan ola piotr"))
    site.enter("c1")
    (made,) = site.of(OfferMade)
    assert made.ranking == ("longest_idle", "tier 0", "anna", "jan", "ola")


def test_results_carry_ring_time_and_status() -> None:
    site = Site(queue("anna"))
    site.enter("c1")
    site.advance(7.0)
    site.fail("anna", OfferResult.BUSY, 486)
    (ended,) = site.of(OfferEnded)
    assert (ended.result, ended.ring_seconds, ended.status) == ("busy", 7.0, 486)


def test_the_engine_says_which_items_are_its_own() -> None:
    site = Site(queue("anna"))
    assert {EnterQueue, OfferAnswered, ConversationEnded} < set(site.engine.wants)
    assert RingAgent not in site.engine.wants


def test_a_gap_in_time_is_no_harm() -> None:
    site = Site(queue("anna jan", max_wait=600.0))
    site.enter("c1")
    site.wake_late(3600.0)
    assert site.outcome("c1").outcome == "timeout"
    assert site.engine.next_deadline() is not None  # the back-off of the agent who did not answer
    site.advance(60.0)
    assert site.engine.next_deadline() is None
