"""What a supervisor does with callers who wait (ACD-23, ACD-42), and how long one may be overtaken (ACD-49, B-14)."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.acd import steering
from softswitch.effects import EnterQueue, OfferResult, Outcome, ReleaseCaller
from softswitch.events import CallerSteered
from tests.unit.acd.site import Site, queue


def site(**policy: object) -> Site:
    s = Site(queue("anna jan", **policy), queue("ewa", name="other"))
    for agent in ("anna", "jan"):
        s.command(agent, "not_ready")
    s.clear()
    return s


def order(s: Site, name: str = "q") -> list[str]:
    return [caller.id for caller in s.engine.queues[name].in_order()]


def steer(s: Site, function: object, *arguments: object) -> str:
    refusal: str = function(s.engine, *arguments, "eva", s.now)  # type: ignore[operator]
    s._settle()
    return refusal


def test_a_priority_takes_effect_at_once_and_is_told() -> None:
    s = site()
    s.enter("c1", "c2", "c3")
    assert steer(s, steering.prioritise, "c3", 5) == ""
    assert order(s) == ["c3", "c1", "c2"]
    (event,) = s.of(CallerSteered)
    assert (event.caller, event.verb, event.value, event.actor) == ("c3", "prioritise", "0 -> 5", "eva")
    s.command("anna", "ready")
    assert s.rung() == {"anna": "c3"}
    assert steer(s, steering.prioritise, "nobody", 5) == steering.NOBODY


def test_places() -> None:
    s = site()
    s.enter("c1", "c2", "c3", "c4")
    s.enter("vip", priority=9)
    assert steer(s, steering.place, "c4", 1) == ""
    assert order(s) == ["c4", "vip", "c1", "c2", "c3"]
    steer(s, steering.place, "vip", 99)
    assert order(s) == ["c4", "c1", "c2", "c3", "vip"]
    steer(s, steering.place, "c3", 2)
    steer(s, steering.place, "c2", 2)
    assert order(s) == ["c4", "c2", "c3", "c1", "vip"]
    steer(s, steering.prioritise, "c2", 0)
    assert order(s) == ["c4", "c2", "c3", "c1", "vip"], "the same priority moves nobody"
    steer(s, steering.prioritise, "c2", 1)
    assert order(s) == ["c4", "c2", "c3", "c1", "vip"]
    s.enter("late")
    assert order(s)[-1] == "late"
    assert steer(s, steering.place, "c1", 0) != ""


def test_a_place_by_hand_survives_a_restart() -> None:
    s = site()
    s.enter("c1", "c2", "c3")
    steer(s, steering.place, "c3", 2)
    state = json.loads(json.dumps(s.engine.export_state(s.now)))
    after = site()
    after.now = s.now + 5.0
    after.engine.restore_state(state, after.now, 5.0)
    for caller in ("c2", "c3", "c1"):
        after.give(EnterQueue(caller, "q"))
    assert order(after) == ["c1", "c3", "c2"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 7)), max_size=60))
def test_any_number_of_moves_is_what_a_list_would_do(moves: list[tuple[int, int]]) -> None:
    s = site()
    expected = [f"c{n}" for n in range(6)]
    s.enter(*expected)
    for index, position in moves:
        name = f"c{index}"
        refusal = steer(s, steering.place, name, position)
        if not refusal:
            expected.remove(name)
            expected.insert(position - 1, name)
        assert order(s) == expected


def test_an_agent_is_assigned_whoever_rings() -> None:
    s = Site(queue("anna jan ola"))
    s.enter("c1")
    (first,) = s.rung()
    named = next(agent for agent in ("jan", "ola") if agent != first)
    assert steer(s, steering.assign, "c1", named) == ""
    assert s.rung() == {named: "c1"}
    assert s.withdrawn() == [OfferResult.CANCELLED_ELSEWHERE]
    s.answer(named)
    assert s.talks() == {named: "c1"}
    s.enter("c2")
    assert steer(s, steering.assign, "c2", named) == f"{named} is in use"
    assert steer(s, steering.assign, "c2", "nobody") != ""
    assert steer(s, steering.assign, "c1", named) == steering.NOBODY
    s.check_counters()


def test_where_all_ring_nobody_else_does_for_who_was_assigned() -> None:
    s = Site(queue("anna jan ola", strategy="ring_all"))
    s.enter("c1")
    assert len(s.rung()) == 3
    assert steer(s, steering.assign, "c1", "ola") == ""
    assert s.rung() == {"ola": "c1"}
    s.fail("ola", OfferResult.REJECTED)
    assert set(s.rung()) == {"anna", "jan"}, "as before"


def test_an_agent_of_another_queue_may_be_assigned() -> None:
    s = site()
    s.enter("c1")
    assert steer(s, steering.assign, "c1", "ewa") == ""
    s.fail("ewa", OfferResult.REJECTED)
    assert order(s) == ["c1"] and s.rung() == {}


def test_a_caller_is_moved_and_withdrawn() -> None:
    s = site()
    s.enter("c1", "c2", "c3", priority=2)
    s.advance(30.0)
    assert steer(s, steering.move, "c1", "other") == ""
    assert s.of(ReleaseCaller) == [ReleaseCaller("c1", "q", Outcome.TRANSFERRED_OUT, "queue:other:2", priority=2)]
    assert (s.outcome("c1").outcome, s.outcome("c1").detail) == ("transferred_out", "other")
    assert steer(s, steering.withdraw, "c2", "voicemail:box") == ""
    assert (s.outcome("c2").outcome, s.outcome("c2").detail) == ("withdrawn", "eva")
    assert steer(s, steering.move, "c3", "q") != "" and steer(s, steering.move, "c3", "none") != ""
    assert order(s) == ["c3"]
    s.check_counters()


def test_who_is_being_connected_is_left_alone() -> None:
    s = Site(queue("anna", agent_greeting=("whisper",)), queue("ewa", name="other"))
    s.enter("c1")
    s.answer("anna")
    assert steer(s, steering.place, "c1", 1) == steering.PICKED_UP
    assert steer(s, steering.assign, "c1", "ewa") == steering.PICKED_UP
    assert steer(s, steering.move, "c1", "other") == steering.PICKED_UP
    assert steer(s, steering.withdraw, "c1", "") == steering.PICKED_UP
    assert steer(s, steering.prioritise, "c1", 3) == "", "it counts if the agent does not stay"


# --- fairness ----------------------------------------------------------------------------------------------------------


def test_priority_may_be_worth_a_time() -> None:
    s = site(priority_seconds=60.0)
    s.enter("old")
    s.advance(119.0)
    s.enter("first", priority=1)
    s.enter("second", priority=2)
    assert order(s) == ["second", "old", "first"]
    s.configure(queue("anna jan", priority_seconds=0.0))
    assert order(s) == ["second", "first", "old"]


def test_who_has_waited_too_long_is_overtaken_no_more() -> None:
    s = site(fair_after=300.0)
    s.enter("old")
    s.advance(200.0)
    s.enter("vip", priority=9)
    assert order(s) == ["vip", "old"]
    s.advance(99.9)
    assert order(s) == ["vip", "old"]
    s.advance(0.1)
    assert order(s) == ["old", "vip"]
    s.enter("carried", wait_credit=301.0)
    assert order(s) == ["carried", "old", "vip"]


def test_nor_by_the_weight_of_another_queue() -> None:
    s = Site(queue("anna", name="light", fair_after=100.0), queue("anna", name="heavy", weight=9, fair_after=100.0))
    s.enter("busy", queue="heavy")
    s.answer("anna")
    s.enter("patient", queue="light")
    for index in range(3):
        s.enter(f"h{index}", queue="heavy")
    s.advance(50.0)
    s.hang_up("anna")
    assert s.rung() == {"anna": "h0"}
    s.answer("anna")
    s.advance(50.0)
    s.enter("fresh", queue="heavy")
    s.hang_up("anna")
    assert s.rung() == {"anna": "patient"}, "they came first, and have waited as long as it may be"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["light", "heavy", "plain"]), st.integers(-3, 9), st.floats(0.5, 40.0)),
        min_size=5, max_size=40,
    ),
    st.sampled_from([0.0, 30.0]),
    st.floats(5.0, 60.0),
)  # fmt: skip
def test_nobody_is_overtaken_after_the_bound(
    calls: list[tuple[str, int, float]], worth: float, handling: float
) -> None:
    """B-14: whoever goes to an agent, nobody whom this agent could serve, who came earlier, has waited longer than the bound."""
    bound = 90.0
    policy = {"fair_after": bound, "priority_seconds": worth}
    s = Site(
        queue("anna jan", name="light", weight=-2, **policy), queue("anna", name="heavy", weight=5, **policy),
        queue("jan", name="plain", **policy),
    )  # fmt: skip
    serves = {"anna": ("light", "heavy"), "jan": ("light", "plain")}
    entered: dict[str, tuple[str, float]] = {}
    free_at: dict[str, float] = {}

    def ring() -> None:
        for agent, caller in s.rung().items():
            name, came = entered.pop(caller)
            skipped = [
                other for other, (queue_name, since) in entered.items()
                if other not in s.rung().values()
                and queue_name in serves[agent] and since < came and s.now - since >= bound
            ]  # fmt: skip
            assert not skipped, f"{skipped} were overtaken by {caller} of {name}"
            s.answer(agent)
            free_at[agent] = s.now + handling

    def until(at: float) -> None:
        while due := [(when, agent) for agent, when in free_at.items() if when <= at]:
            when, agent = min(due)
            s.advance(max(0.0, when - s.now))
            del free_at[agent]
            s.hang_up(agent)
            ring()
        s.advance(max(0.0, at - s.now))

    for index, (name, priority, pause) in enumerate(calls):
        caller = f"c{index}"
        entered[caller] = (name, s.now)
        s.enter(caller, queue=name, priority=priority)
        ring()
        until(s.now + pause)
    until(s.now + handling * (len(calls) + 1))
    assert not entered, f"{entered} were never served"
    s.check_counters()
