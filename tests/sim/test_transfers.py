"""Transfers by phones and by order, in virtual time against the whole switch: who hears what, and whose books say what."""

from __future__ import annotations

import pytest

from tests.sim.floor import Floor


@pytest.mark.parametrize("leaves", ["accepted", "done", ""])
def test_blind_the_target_answers(leaves: str) -> None:
    f = Floor()
    f.phones["bob"].behaviour.leaves = leaves
    f.phones["carl"].behaviour.answer_after = 3.0
    f.phones["bob"].refer(f.agent, "carl")
    f.world.run(0.5)
    assert "REFER 202" in f.agent.log
    assert f.hears() == "music:default"
    assert f.activity() == "wrapup", "the agent is free at once"
    f.world.run(5)
    assert f.hears() == "bridge:carl" and f.world.hears(f.line("carl")) == "bridge:anna"
    assert f.agent.state == "ended"
    if leaves != "accepted":
        assert f.agent.notified == [(100, "active"), (180, "active"), (200, "terminated")]
    invite = f.line("carl").invite
    assert invite is not None
    assert "anna" in invite.get("From") and invite.get("Referred-By") == "<sip:bob@pbx.test>"
    assert invite.get("X-Transfer-Count") == "1" and invite.get("X-Transferred-By") == "bob"
    assert f.names() == ["transfer.started", "call.transferred"]
    (left,) = f.world.switch.named("queue.left")
    assert (left.outcome, left.agent) == ("answered", "bob")
    f.finish()
    (ended,) = f.world.switch.named("call.ended")
    assert (ended.outcome, ended.queue, ended.agent, ended.caller) == ("answered", "sales", "bob", "anna")
    talks = {one.party: one.talk_seconds for one in f.world.switch.named("leg.ended")}
    assert talks["Carl"] < talks["Anna"]


def test_blind_the_target_does_not_answer_and_the_call_comes_back() -> None:
    f = Floor()
    f.phones["bob"].behaviour.leaves = "accepted"
    f.phones["carl"].behaviour.answer_after = None
    f.phones["bob"].refer(f.agent, "carl")
    f.world.run(25)
    assert f.line("carl").state == "ringing" and f.hears() == "music:default"
    f.world.run(6)
    assert f.line("carl").state == "ended" and f.activity() == "talking"
    f.world.run(2)
    back = f.line("bob")
    assert back is not f.agent and back.invite is not None
    assert back.invite.get("From").startswith('"R:Anna"') and "carl" in back.invite.get("X-Recall")
    assert f.hears() == "bridge:bob" and f.world.hears(back) == "bridge:anna"
    assert f.names() == ["transfer.started", "transfer.failed", "call.recalled", "recall.ended"]
    assert len(f.world.switch.named("queue.offered")) == 1
    f.finish()


@pytest.mark.parametrize("by_code", [False, True])
def test_consult_on_one_line_and_leave(by_code: bool) -> None:
    f = Floor()
    if by_code:
        f.type(f.agent, "*4")
        assert f.hears() == "music:default" and f.world.hears(f.agent) == "play:pl/enter-number"
        f.type(f.agent, "102#")
    else:
        assert f.order("transfer", f.call, "carl", attended=True, note="angry", customer="C-7") == ""
        f.run(0.3)
    assert f.world.hears(f.agent) == "tone:ringback" and f.activity() == "holding"
    f.run(1)
    carl = f.line("carl")
    assert (f.hears(), f.world.hears(f.agent), f.world.hears(carl)) == ("music:default", "bridge:carl", "bridge:bob")
    assert carl.invite is not None and "bob" in carl.invite.get("From")
    if not by_code:
        assert (carl.invite.get("X-Note"), carl.invite.get("X-Customer-Id")) == ("angry", "C-7")
    for aside in (False, True, False, True):
        if by_code:
            f.type(f.agent, "*5")
            f.run(3)
        else:
            assert f.order("steer_transfer", f.call, "swap") == ""
            f.run(1)
        expected = (
            ("music:default", "bridge:carl", "bridge:bob") if aside else ("bridge:bob", "bridge:anna", "music:default")
        )
        assert (f.hears(), f.world.hears(f.agent), f.world.hears(carl)) == expected
        assert f.activity() == ("holding" if aside else "talking")
    if by_code:
        f.type(f.agent, "*4")
    else:
        assert f.order("steer_transfer", f.call, "complete") == ""
    f.run(1)
    assert (f.hears(), f.world.hears(carl)) == ("bridge:carl", "bridge:anna")
    assert f.agent.state == "ended" and f.activity() == "wrapup"
    assert f.names()[-1] == "call.transferred"
    f.finish()


def test_consult_and_come_back() -> None:
    f = Floor()
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    assert f.order("steer_transfer", f.call, "abort") == ""
    f.run(1)
    assert (f.hears(), f.world.hears(f.agent)) == ("bridge:bob", "bridge:anna")
    assert f.line("carl").state == "ended" and f.activity() == "talking"
    assert f.names() == ["transfer.started", "transfer.failed"]
    f.finish()
    assert len(f.world.switch.named("queue.left")) == 1


def test_consult_bring_together_and_leave() -> None:
    f = Floor()
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    assert f.order("steer_transfer", f.call, "merge") == ""
    f.run(0.5)
    carl = f.line("carl")
    assert (f.hears(), f.world.hears(f.agent), f.world.hears(carl)) == (
        "room:bob+carl",
        "room:anna+carl",
        "room:anna+bob",
    )
    f.phones["bob"].hang_up(f.agent)
    f.run(0.5)
    assert (f.hears(), f.world.hears(carl)) == ("bridge:carl", "bridge:anna"), "re-packed to a relay of two"
    assert f.activity() == "wrapup"
    f.finish()


def test_hanging_up_during_a_consultation_completes_it() -> None:
    f = Floor()
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    f.phones["bob"].hang_up(f.agent)
    f.run(0.5)
    assert (f.hears(), f.world.hears(f.line("carl"))) == ("bridge:carl", "bridge:anna")
    assert f.activity() == "wrapup"
    f.finish()


def test_hanging_up_while_the_colleague_rings_is_a_blind_transfer() -> None:
    f = Floor()
    f.phones["carl"].behaviour.answer_after = 6.0
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    f.phones["bob"].hang_up(f.agent)
    f.run(1)
    assert f.hears() == "music:default" and f.activity() == "wrapup"
    f.run(5)
    assert f.hears() == "bridge:carl" and len(f.phones["carl"].lines) == 1, "it rang on"
    f.finish()


def test_a_caller_who_hangs_up_leaves_the_two_to_their_talk() -> None:
    f = Floor()
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    f.phones["anna"].hang_up(f.caller)
    f.run(0.5)
    assert (f.world.hears(f.agent), f.world.hears(f.line("carl"))) == ("bridge:carl", "bridge:bob")
    (ended,) = f.world.switch.named("call.ended")
    assert ended.caller == "anna", "the record of the caller ends with the caller"
    assert f.activity() == "talking"
    f.phones["carl"].hang_up(f.line("carl"))
    f.run(1)
    assert f.agent.state == "ended"
    f.finish()
    assert [one.account for one in f.world.switch.named("call.created")] == ["anna", "bob"]


def test_codes_reach_nobody_and_other_keys_do() -> None:
    f = Floor()
    f.type(f.agent, "12")
    assert f.world.worker.digits == [], "events go from port to port"
    f.type(f.agent, "*7")
    f.run(1)
    assert [digit for _, digit in f.world.worker.digits] == [] or f.world.worker.digits[-1][1] == "7"
    f.type(f.caller, "##")
    f.run(1)
    assert f.hears() == "bridge:bob", "whoever calls has no codes"
    f.type(f.agent, "##")
    assert f.hears() == "music:default"
    f.type(f.agent, "102#")
    f.run(1)
    assert f.hears() == "bridge:carl" and f.activity() == "wrapup"
    f.finish()


def test_a_phone_consults_on_a_second_line_and_refers() -> None:
    f = Floor()
    bob = f.phones["bob"]
    bob.reinvite(f.agent, "sendonly")
    f.run(0.5)
    asked = bob.call("carl")
    f.run(1.5)
    assert f.hears() == "music:default" and f.world.hears(asked) == "bridge:carl"
    bob.refer(f.agent, "", consulted=asked)
    f.run(1)
    carl = f.line("carl")
    assert (f.hears(), f.world.hears(carl)) == ("bridge:carl", "bridge:anna")
    assert f.agent.notified == [(200, "terminated")] and f.agent.state == asked.state == "ended"
    assert f.activity() == "wrapup"
    assert f.names() == ["transfer.started", "call.transferred"]
    f.finish()


def test_two_lines_on_two_workers() -> None:
    for seed in range(6):
        f = Floor(workers=2, seed=seed)
        bob = f.phones["bob"]
        asked = bob.call("carl")
        f.run(1.5)
        bob.refer(f.agent, "", consulted=asked)
        f.run(1.5)
        assert (f.hears(), f.world.hears(f.line("carl"))) == ("bridge:carl", "bridge:anna"), seed
        f.finish()


def test_escalation_without_a_queue() -> None:
    f = Floor()
    assert f.order("steer_transfer", f.call, "escalate") == "" and f.hears() == "music:default"
    f.run(2)
    assert f.names() == ["transfer.started", "call.transferred"]
    (_, back) = f.world.switch.named("queue.entered")
    assert back.queue == "sales" and back.priority >= 10_000, "no supervisor is free: the head of the queue"
    f.finish()


@pytest.mark.parametrize("at_once", [True, False])
def test_wrap_up_begins_anew_after_a_call_that_came_back(at_once: bool) -> None:
    f = Floor(wrap_up=15.0)
    f.phones["bob"].behaviour.leaves = "" if at_once else "accepted"
    f.phones["carl"].behaviour.answer_after = None
    if at_once:
        f.phones["carl"].behaviour.reject = 486
    f.phones["bob"].refer(f.agent, "carl")
    f.run(33)
    back = f.agent if at_once else f.line("bob")
    assert f.world.hears(back) == "bridge:anna" and f.activity() == "talking"
    f.run(20)
    f.phones["anna"].hang_up(f.caller)
    f.run(1)
    assert f.activity() == "wrapup"
    f.run(13)
    assert f.activity() == "wrapup"
    f.run(2)
    assert f.activity() == "idle"
    assert len(f.world.switch.named("queue.offered")) == 1
    f.finish()


def test_a_supervisor_follows_the_phone_through_a_consultation() -> None:
    f = Floor(supervisor="eve")
    ear = f.phones["eve"].call("*55bob")
    f.run(1)
    assert f.world.hears(ear) == "room:anna+bob"
    f.order("transfer", f.call, "carl", attended=True)
    f.run(1.5)
    assert f.world.hears(ear) == "room:bob+carl" and f.hears() == "music:default"
    f.order("steer_transfer", f.call, "swap")
    f.run(0.5)
    assert f.world.hears(ear) == "room:anna+bob"
    f.order("steer_transfer", f.call, "complete")
    f.run(0.5)
    assert f.world.hears(ear) == "music:default", "bob talks to nobody"
    talks_to = (f.hears(), f.world.hears(f.line("carl")))
    assert talks_to == ("bridge:carl", "bridge:anna")
    f.finish()


def test_a_supervisor_is_free_and_takes_an_escalation() -> None:
    f = Floor(supervisor="eve")
    f.type(f.agent, "*9")
    f.run(2)
    assert f.hears() == "bridge:eve" and f.activity() == "wrapup"
    assert len(f.world.switch.named("queue.entered")) == 1, "without a queue"
    f.finish()


def test_the_recording_goes_on_in_the_same_file() -> None:
    f = Floor(record="always", recordings="/records")
    f.run(1)
    (first,) = f.world.worker.recordings.values()
    f.phones["bob"].refer(f.agent, "carl")
    f.run(3)
    (second,) = f.world.worker.recordings.values()
    assert second.record == first.record and second.path == first.path
    assert second.left == f.world.place(f.line("carl"))[1], "the one who talks now"
    f.phones["anna"].hang_up(f.caller)
    f.run(1)
    assert len(f.world.switch.named("recording.finished")) == 1
    f.finish()


def test_a_call_that_is_led_on_knows_what_it_is_about() -> None:
    f = Floor()
    f.order("transfer", f.call, "601", note="wants a refund,\r\nX-Evil: 1", customer="C-1207")
    f.run(2)
    invite = f.line("dora").invite
    assert invite is not None
    assert invite.get("X-Note") == "wants a refund, X-Evil: 1" and invite.get("X-Customer-Id") == "C-1207"
    assert (invite.get("X-Transfer-Count"), invite.get("X-Queue"), invite.get("X-Evil")) == ("1", "support", "")
    started = f.world.switch.named("transfer.started")[0]
    assert (started.by, started.customer) == ("bob", "C-1207")
    f.finish()


def test_a_phone_that_holds_while_it_is_asked_for_a_number_is_not_left_in_silence() -> None:
    f = Floor()
    f.type(f.agent, "##")
    f.phones["bob"].reinvite(f.agent, "sendonly")
    f.run(0.5)
    assert f.world.hears(f.agent) == "stop"
    f.phones["bob"].reinvite(f.agent, "sendrecv")
    f.run(0.5)
    assert f.world.hears(f.agent) == "tone:hold" and f.hears() == "music:default"
    f.type(f.agent, "102#")
    f.run(1)
    assert f.hears() == "bridge:carl"
    f.finish()
