"""Supervisors on the conversations of others, and calls that become one: who hears whom at every step."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.supervise import may_supervise
from softswitch.directory import Agent, Membership, Queue
from tests.sim.phone import Line
from tests.sim.world import World, account, site


def world(**more: Any) -> World:
    """anna calls bob; sue may supervise everybody, max nobody, tom the agents of the queue "sales", bob among them."""
    accounts = {
        "sue": account("sue", supervises=("*",)),
        "tom": account("tom", supervises=("sales",)),
        "bob": account("bob", agent="bob", max_calls=4),
    }
    return World(
        site(
            "anna", "carl", "max", accounts=accounts, agents={"bob": Agent("bob", "bob", auto_ready=True)},
            queues={"sales": Queue("sales", members=(Membership("bob"),), wrap_up=5.0)},
            extensions={"600": "queue:sales"},
        ),
        **more,
    )  # fmt: skip


def talking(w: World, caller: str = "anna", dialled: str = "bob") -> tuple[Line, Line]:
    anna, bob = w.phone(caller), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call(dialled)
    w.run(2)
    assert line.state == "up", line.log
    return line, bob.lines[-1]


def supervised(w: World, code: str = "*55bob", by: str = "sue") -> Line:
    sue = next((phone for phone in w.phones.values() if phone.user == by), None) or w.phone(by)
    w.run(1)
    line = sue.call(code)
    w.run(1)
    return line


def names(w: World, prefix: str) -> list[str]:
    return [event.name.removeprefix(prefix) for event in w.switch.events if event.name.startswith(prefix)]


@pytest.mark.parametrize(
    "account_, device, allowed",
    [("sue", "anna", True), ("sue", "bob", True), ("sue", "sue", False), ("sue", "nobody", False), ("tom", "bob", True),
     ("tom", "anna", False), ("max", "bob", False), ("nobody", "bob", False)],
)  # fmt: skip
def test_who_may_supervise_whom(account_: str, device: str, allowed: bool) -> None:
    directory = world().switch.switch.directory
    assert may_supervise(directory.accounts.get(account_), device, directory) is allowed


@pytest.mark.parametrize("code, by, status", [("*55bob", "max", 200), ("*55anna", "tom", 200), ("*55zzz", "sue", 404)])
def test_whoever_may_not_is_refused(code: str, by: str, status: int) -> None:
    w = world()
    line, other = talking(w)
    ear = supervised(w, code, by)
    assert ear.status == status
    w.run(5)
    assert ear.state == "ended"
    assert names(w, "supervision.") == []
    assert (w.hears(line), w.hears(other)) == ("bridge:bob", "bridge:anna")


def test_listening_is_heard_by_nobody_and_ends_without_a_trace() -> None:
    w = world()
    line, other = talking(w)
    ear = supervised(w)
    assert ear.state == "up"
    assert (w.hears(line), w.hears(other), w.hears(ear)) == ("room:bob", "room:anna", "room:anna+bob")
    ear.phone.hang_up(ear)
    w.run(1)
    assert (w.hears(line), w.hears(other)) == ("bridge:bob", "bridge:anna")
    assert names(w, "supervision.") == ["started", "ended"]
    started, ended = w.switch.named("supervision.started")[0], w.switch.named("supervision.ended")[0]
    assert (started.supervisor, started.device, started.mode, started.by) == ("sue", "bob", "listen", "phone")
    assert started.target == w.switch.named("call.bridged")[0].call and ended.seconds > 0.5
    line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_it_takes_effect_within_a_round_trip() -> None:
    w = world()
    talking(w)
    sue = w.phone("sue")
    w.run(1)
    ear = sue.call("*55bob")
    w.run(0.2)
    assert w.hears(ear) == "room:anna+bob"


def test_keys_switch_what_the_supervisor_does_and_are_heard_by_nobody() -> None:
    w = world()
    line, other = talking(w)
    ear = supervised(w)
    w.press(ear, "5")
    w.run(0.1)
    assert (w.hears(line), w.hears(other), w.hears(ear)) == ("room:bob", "room:anna+sue", "room:anna+bob")
    w.press(ear, "6")
    w.run(0.1)
    assert (w.hears(line), w.hears(other)) == ("room:bob+sue", "room:anna+sue")
    w.press(ear, "4")
    w.press(ear, "9")
    w.run(0.1)
    assert (w.hears(line), w.hears(other)) == ("room:bob", "room:anna")
    assert w.worker.digits == []
    assert [event.mode for event in w.switch.named("supervision.changed")] == ["whisper", "barge", "listen"]


@pytest.mark.parametrize("code, caller, agent", [
    ("*56bob", "room:bob", "room:anna+sue"), ("*57bob", "room:bob+sue", "room:anna+sue"),
])  # fmt: skip
def test_a_code_for_each_way(code: str, caller: str, agent: str) -> None:
    w = world()
    line, other = talking(w)
    supervised(w, code)
    assert (w.hears(line), w.hears(other)) == (caller, agent)


def test_keys_of_those_who_talk_still_reach_the_other_side() -> None:
    w = world()
    line, other = talking(w)
    supervised(w)
    w.press(other, "1")
    w.run(0.1)
    assert w.worker.digits == [(w.worker.leg_of(line.phone.address[0], line.rtp), "1")]


def test_it_follows_through_hold() -> None:
    w = world()
    line, other = talking(w)
    ear = supervised(w, "*57bob")
    other.phone.reinvite(other, "sendonly")
    w.run(1)
    assert w.hears(line) == "music:default" and w.hears(ear) == "room:"
    other.phone.reinvite(other)
    w.run(1)
    assert (w.hears(line), w.hears(ear)) == ("room:bob+sue", "room:anna+bob")
    ear.phone.reinvite(ear, "sendonly")
    w.run(1)
    assert w.hears(ear) == "stop" and w.hears(line) == "room:bob"


def test_it_follows_to_the_next_call() -> None:
    w = world()
    line, _ = talking(w)
    ear = supervised(w)
    line.phone.hang_up(line)
    w.run(1)
    assert w.hears(ear) == "music:default", "nobody is left in silence"
    carl = w.phone("carl")
    w.run(1)
    again = carl.call("bob")
    w.run(1)
    assert w.hears(ear) == "room:bob+carl" and w.hears(again) == "room:bob"
    targets = [event.target for event in w.switch.named("supervision.changed")]
    assert targets[0] == "" and targets[1] == w.switch.named("call.bridged")[-1].call
    carl.hang_up(again)
    ear.phone.hang_up(ear)
    w.run(60)
    w.assert_idle()


def test_it_goes_where_the_phone_is_talking() -> None:
    w = world()
    line, other = talking(w)
    ear = supervised(w)
    other.phone.reinvite(other, "sendonly")
    w.run(1)
    carl = w.phone("carl", answer_after=0.1)
    w.run(1)
    consult = other.phone.call("carl")
    w.run(1)
    assert w.hears(ear) == "room:bob+carl"
    assert w.hears(line) == "music:default"
    carl.hang_up(carl.lines[0])
    other.phone.reinvite(other)
    w.run(1)
    assert consult.state == "ended" and w.hears(ear) == "room:anna+bob"


def test_a_supervisor_waits_for_the_first_call() -> None:
    w = world()
    sue = w.phone("sue")
    w.run(1)
    ear = sue.call("*55bob")
    w.run(1)
    assert w.hears(ear) == "music:default"
    line, _ = talking(w)
    assert w.hears(ear) == "room:anna+bob"
    assert w.switch.switch.call_list(w.now)[0]["supervises"] == "bob"
    assert w.switch.switch.call_list(w.now)[1]["supervised_by"] == ["sue"]
    assert line.state == "up"


def test_two_supervisors_do_not_hear_each_other() -> None:
    w = world()
    line, other = talking(w)
    sue, tom = supervised(w), supervised(w, "*56bob", "tom")
    assert w.hears(sue) == "room:anna+bob" and w.hears(tom) == "room:anna+bob"
    assert (w.hears(line), w.hears(other)) == ("room:bob", "room:anna+tom")


def test_taking_over_frees_the_agent() -> None:
    w = world()
    line, other = talking(w, dialled="600")
    ear = supervised(w)
    assert w.hears(line) == "room:bob"
    w.press(ear, "7")
    w.run(0.3)
    assert other.state == "ended"
    assert (w.hears(line), w.hears(ear)) == ("room:sue", "room:anna"), "the key may still be pressed"
    parts = [port.source.part for port in w.worker.ports.values()]  # type: ignore[attr-defined]
    assert parts == ["whisper", "whisper"]
    w.run(1)
    assert (w.hears(line), w.hears(ear)) == ("bridge:sue", "bridge:anna")
    activities = [event.activity for event in w.switch.named("agent.activity") if event.agent == "bob"]
    assert activities[-1] == "wrapup"
    assert w.switch.named("supervision.ended")[0].cause == "takeover"
    line.phone.hang_up(line)
    w.run(60)
    assert ear.state == "ended"
    records = {event.dialled: event for event in w.switch.named("call.ended")}
    assert (records["600"].outcome, records["600"].agent) == ("answered", "bob")
    assert records["*55bob"].cause == "takeover"
    assert [event.outcome for event in w.switch.named("queue.left")] == ["answered"]
    w.assert_idle()


def test_taking_over_the_calling_side() -> None:
    w = world()
    bob = w.phone("bob")
    carl = w.phone("carl", answer_after=0.1)
    w.run(1)
    out = bob.call("carl")
    w.run(1)
    ear = supervised(w)
    w.press(ear, "7")
    w.run(2)
    assert out.state == "ended" and w.hears(carl.lines[0]) == "bridge:sue"
    ear.phone.hang_up(ear)
    w.run(60)
    assert carl.lines[0].state == "ended"
    w.assert_idle()


def test_there_is_nothing_to_take_over_while_nobody_talks() -> None:
    w = world()
    sue = w.phone("sue")
    w.run(1)
    ear = sue.call("*55bob")
    w.run(1)
    w.press(ear, "7")
    w.run(1)
    assert ear.state == "up" and w.hears(ear) == "music:default"


# --- from outside -----------------------------------------------------------------------------------------------------------


def call_of(w: World, line: Line) -> str:
    return next(leg.call.id for leg in w.switch.calls.board.legs.values() if leg.dialog.call_id == line.call_id)


def test_an_operator_lets_a_phone_listen() -> None:
    w = world()
    line, _ = talking(w)
    sue = w.phone("sue", answer_after=0.3)
    w.run(1)
    assert w.switch.switch.spy(call_of(w, line), "sue", "barge", "cli", w.now) == ""
    w.switch.settle(w.now)
    w.run(1)
    assert w.hears(sue.lines[0]) == "room:anna+bob" and w.hears(line) == "room:bob+sue"
    assert w.switch.named("supervision.started")[0].by == "cli"
    sue.hang_up(sue.lines[0])
    w.run(1)
    assert w.hears(line) == "bridge:bob"
    line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def steer(w: World, line: Line, mode: str, account: str = "sue") -> str:
    refusal = w.switch.switch.supervise(call_of(w, line), account, mode, "eva", w.now)
    w.switch.settle(w.now)
    w.run(0.3)
    return refusal


def spied(w: World, line: Line, mode: str = "listen", by: str = "sue", **more: Any) -> Line:
    """The phone of a supervisor, rung by a page, has answered."""
    phone = w.phone(by, answer_after=0.1)
    w.run(1)
    assert w.switch.switch.spy(call_of(w, line), by, mode, "eva", w.now, **more) == ""
    w.switch.settle(w.now)
    w.run(1)
    return phone.lines[-1]


def test_a_page_switches_the_mode_of_a_call_that_goes_on() -> None:
    w = world()
    line, other = talking(w)
    ear = spied(w, line)
    hears = {"whisper": ("room:bob", "room:anna+sue"), "barge": ("room:bob+sue", "room:anna+sue"),
             "listen": ("room:bob", "room:anna")}  # fmt: skip
    for mode, expected in hears.items():
        assert steer(w, line, mode) == ""
        assert (w.hears(line), w.hears(other)) == expected
    assert ear.state == "up" and len(ear.phone.lines) == 1, "it was not rung again"
    assert [(event.mode, event.by) for event in w.switch.named("supervision.changed")] == [
        ("whisper", "eva"), ("barge", "eva"), ("listen", "eva"),
    ]  # fmt: skip
    assert "does not hear" in steer(w, line, "end", "tom")
    assert steer(w, line, "end", "") == "", "whatever phone eva has let listen"
    assert ear.state == "ended" and w.hears(line) == "bridge:bob"
    (ended,) = w.switch.named("supervision.ended")
    assert (ended.by, ended.cause, ended.supervisor, ended.device) == ("eva", "normal", "sue", "bob")
    line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_a_page_takes_a_call_over_that_it_hears() -> None:
    w = world()
    line, other = talking(w, dialled="600")
    ear = spied(w, line)
    assert steer(w, line, "takeover") == ""
    w.run(1)
    assert other.state == "ended" and (w.hears(line), w.hears(ear)) == ("bridge:sue", "bridge:anna")
    (ended,) = w.switch.named("supervision.ended")
    assert (ended.cause, ended.by) == ("takeover", "eva")
    line.phone.hang_up(line)
    w.run(60)
    assert ear.state == "ended"
    w.assert_idle()


def test_one_click_takes_a_call_over_when_the_phone_answers() -> None:
    w = world()
    line, other = talking(w, dialled="600")
    ear = spied(w, line, "takeover")
    w.run(1)
    assert other.state == "ended" and (w.hears(line), w.hears(ear)) == ("bridge:sue", "bridge:anna")
    started, ended = w.switch.named("supervision.started")[0], w.switch.named("supervision.ended")[0]
    assert (started.by, ended.by, ended.cause) == ("eva", "eva", "takeover")
    ear.phone.hang_up(ear)
    w.run(60)
    assert line.state == "ended"
    w.assert_idle()


def test_a_call_that_is_over_before_the_supervisor_answers_is_not_taken_over() -> None:
    w = world()
    line, other = talking(w)
    sue = w.phone("sue", answer_after=3)
    w.run(1)
    assert w.switch.switch.spy(call_of(w, line), "sue", "takeover", "eva", w.now) == ""
    w.switch.settle(w.now)
    line.phone.hang_up(line)
    w.run(5)
    assert other.state == "ended" and w.hears(sue.lines[0]) == "music:default"
    sue.hang_up(sue.lines[0])
    w.run(60)
    w.assert_idle()


def test_whoever_is_granted_it_needs_no_rule_of_the_site() -> None:
    w = world()
    line, other = talking(w)
    assert "may not" in w.switch.switch.spy(call_of(w, line), "max", "listen", "eva", w.now)
    ear = spied(w, line, by="max", granted=True)
    assert w.hears(ear) == "room:anna+bob" and w.hears(other) == "room:anna"
    assert "themselves" in w.switch.switch.spy(call_of(w, line), "bob", "listen", "eva", w.now, granted=True)


def test_the_side_that_is_meant_is_watched() -> None:
    """Of two phones of ours the agent's may be the one that has called."""
    w = world()
    line, other = talking(w)
    ear = spied(w, line, "whisper", device="anna")
    assert (w.hears(line), w.hears(other), w.hears(ear)) == ("room:bob+sue", "room:anna", "room:anna+bob")
    assert "not in this call" in w.switch.switch.spy(call_of(w, line), "sue", "listen", "eva", w.now, device="carl")


def test_what_cannot_be_steered() -> None:
    w = world()
    line, _ = talking(w)
    assert w.switch.switch.supervise("nothing", "sue", "whisper", "eva", w.now) == "there is no such call"
    assert "does not hear" in steer(w, line, "whisper")


def test_it_follows_the_agent_through_a_transfer() -> None:
    """The agent asks carl and hands the caller over: the supervisor hears both conversations, then waits for the next."""
    w = world()
    line, _ = talking(w)
    ear = spied(w, line)
    carl = w.phone("carl", answer_after=0.1)
    w.run(1)
    assert w.switch.switch.transfer(call_of(w, line), "carl", w.now, attended=True, by="bob") == ""
    w.switch.settle(w.now)
    w.run(1)
    assert w.hears(ear) == "room:bob+carl" and w.hears(line) == "music:default"
    assert w.switch.switch.steer_transfer(call_of(w, line), "complete", w.now) == ""
    w.switch.settle(w.now)
    w.run(1)
    assert (w.hears(line), w.hears(carl.lines[0])) == ("bridge:carl", "bridge:anna")
    assert w.hears(ear) == "music:default", "the agent talks to nobody"
    again = w.phone("max").call("bob")
    w.run(2)
    assert w.hears(ear) == "room:bob+max"
    for one in (line, again, ear):
        one.phone.hang_up(one)
    w.run(120)
    w.assert_idle()


@pytest.mark.parametrize("reject, registered", [(486, True), (0, False)])
def test_a_supervisor_who_does_not_answer(reject: int, registered: bool) -> None:
    w = world()
    line, _ = talking(w)
    if registered:
        w.phone("sue", answer_after=None, reject=reject)
        w.run(1)
    assert w.switch.switch.spy(call_of(w, line), "sue", "listen", "cli", w.now) == ""
    w.switch.settle(w.now)
    w.run(5)
    assert w.hears(line) == "bridge:bob"
    assert names(w, "supervision.") == []
    assert w.switch.named("call.ended")[0].account == "sue"
    line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_an_operator_asks_for_what_cannot_be() -> None:
    w = world()
    line, _ = talking(w)
    assert "may not" in w.switch.switch.spy(call_of(w, line), "max", "listen", "cli", w.now)
    assert "may not" in w.switch.switch.spy(call_of(w, line), "ghost", "listen", "cli", w.now)
    assert w.switch.switch.spy("nothing", "sue", "listen", "cli", w.now)


# --- three in a call ----------------------------------------------------------------------------------------------------------


def two_calls(w: World, *, dialled: str = "bob") -> tuple[Line, Line, Line, Line]:
    """anna has called bob, who holds her and has called carl."""
    line, other = talking(w, dialled=dialled)
    carl = w.phone("carl", answer_after=0.1)
    w.run(1)
    other.phone.reinvite(other, "sendonly")
    w.run(1)
    consult = other.phone.call("carl")
    w.run(1)
    assert w.hears(consult) == "bridge:carl"
    return line, other, consult, carl.lines[0]


def merged(w: World, one: Line, other: Line) -> str:
    reason = w.switch.switch.merge(call_of(w, one), call_of(w, other), w.now)
    w.switch.settle(w.now)
    w.run(1)
    return reason


@pytest.mark.parametrize("leaver", ["anna", "bob", "carl"])
@pytest.mark.parametrize("dialled", ["bob", "600"])
def test_two_calls_become_one_and_two_are_left(leaver: str, dialled: str) -> None:
    w = world()
    line, held, consult, third = two_calls(w, dialled=dialled)
    assert merged(w, line, consult) == ""
    assert held.state == "ended", "the phone keeps the leg on which it talks"
    lines = {"anna": line, "bob": consult, "carl": third}
    for name, one in lines.items():
        assert w.hears(one) == "room:" + "+".join(sorted(set(lines) - {name}))
    gone = lines.pop(leaver)
    gone.phone.hang_up(gone)
    w.run(1)
    (a, one), (b, two) = lines.items()
    assert (w.hears(one), w.hears(two)) == (f"bridge:{b}", f"bridge:{a}")
    if dialled == "600":
        activities = [event.activity for event in w.switch.named("agent.activity") if event.agent == "bob"]
        assert (activities[-1] == "wrapup") is (leaver == "bob"), activities
    one.phone.hang_up(one)
    w.run(60)
    assert two.state == "ended"
    assert sorted(event.cause for event in w.switch.named("call.ended"))[0] == "merged"
    assert w.switch.named("call.merged")[0].call in [event.call for event in w.switch.named("call.ended")]
    w.assert_idle()


def test_a_party_on_hold_leaves_the_other_two_talking() -> None:
    w = world()
    line, _, consult, third = two_calls(w)
    merged(w, line, consult)
    line.phone.reinvite(line, "sendonly")
    w.run(1)
    assert (w.hears(line), w.hears(consult), w.hears(third)) == ("stop", "bridge:carl", "bridge:bob")
    line.phone.reinvite(line)
    w.run(1)
    assert w.hears(consult) == "room:anna+carl"


def test_calls_that_cannot_be_merged() -> None:
    w = world()
    line, _ = talking(w)
    carl, sue = w.phone("carl"), w.phone("sue", answer_after=0.1)
    w.run(1)
    apart = carl.call("sue")
    w.run(1)
    assert merged(w, line, apart) == "no phone is in both calls"
    assert merged(w, line, line)
    assert w.switch.switch.merge("x", "y", w.now) == "there is no such call"
    assert w.hears(line) == "bridge:bob" and sue.lines[0].state == "up"


def test_a_merged_call_can_be_supervised() -> None:
    w = world()
    line, _, consult, _ = two_calls(w)
    merged(w, line, consult)
    ear = supervised(w)
    assert w.hears(ear) == "room:anna+bob+carl" and w.hears(line) == "room:bob+carl"


# --- several workers ---------------------------------------------------------------------------------------------------


def test_a_leg_moves_to_the_worker_of_the_room() -> None:
    w = world()
    line, other = talking(w)
    sue = w.phone("sue")
    w.run(1)
    ear = sue.call("*55bob")
    w.run(1)
    board = w.switch.calls.board
    leg = next(leg for leg in board.legs.values() if leg.dialog.call_id == ear.call_id)
    before, ssrc = leg.media.port, leg.negotiation.ssrc
    assert leg.relocate(0, w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert "re-INVITED" in ear.log and ear.sdp is not None
    assert ear.sdp.port == leg.media.port != before and leg.negotiation.ssrc != ssrc
    assert w.hears(ear) == "room:anna+bob"
    assert (w.hears(line), w.hears(other)) == ("room:bob", "room:anna")


def test_it_follows_to_another_worker() -> None:
    """The next call of the phone is served by another media process: the supervisor's media go there."""
    w = world(workers=2)
    line, _ = talking(w)
    ear = supervised(w)
    first = w.place(line)[0]
    assert w.place(ear)[0] is first and w.hears(ear) == "room:anna+bob"
    line.phone.hang_up(line)
    w.run(0.2)
    carl, dora = w.phone("carl"), w.phone("max")
    w.run(1)
    other = carl.call("bob")
    w.run(2)
    if w.place(other)[0] is first:
        carl.hang_up(other)
        busy = dora.call("carl")  # takes ports there, so that the next call goes elsewhere
        w.run(1)
        assert busy.status in (0, 200)
        other = dora.call("bob")
        w.run(2)
    assert w.place(other)[0] is not first
    assert w.place(ear)[0] is w.place(other)[0]
    assert w.hears(ear).startswith("room:bob+")
    for one in (other, ear):
        one.phone.hang_up(one)
    w.run(60)


def test_two_calls_of_different_workers_become_one() -> None:
    w = world(workers=2)
    line, _, consult, third = two_calls(w)
    merged(w, line, consult)
    w.run(1)
    assert w.hears(line) == "room:bob+carl" and w.hears(third) == "room:anna+bob"
    assert len({id(w.place(one)[0]) for one in (line, consult, third)}) == 1
    line.phone.hang_up(line)
    w.run(1)
    assert w.hears(third) == "bridge:bob"
