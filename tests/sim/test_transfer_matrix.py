"""The matrix of transfers: each way, each thing that the target may do, each party hanging up at each stage.

Each cell asks: who hears what at every moment (never silence), what the transferor's phone is told, what the agent does and
what the books of the queue say, and that nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.floor import Floor
from tests.sim.phone import Line

# What the target does with the call -> its behaviour, the cause, and the status that the transferor's phone is told.
TARGETS: dict[str, tuple[dict[str, Any], str, int]] = {
    "answers": ({"answer_after": 2.0}, "", 200),
    "busy": ({"reject": 486, "reject_after": 0.0, "ring_after": None}, "busy", 486),
    "rejects": ({"reject": 603, "reject_after": 2.0}, "rejected", 603),
    "no answer": ({"answer_after": None}, "no_answer", 480),
    "unreachable": ({}, "unreachable", 480),
}
WAYS = ("refer", "refer and leave", "order", "code")


def prepared(target: str, **more: Any) -> Floor:
    f = Floor(**more)
    behaviour, _, _ = TARGETS[target]
    carl = f.phones["carl"]
    for name, value in behaviour.items():
        setattr(carl.behaviour, name, value)
    if target == "unreachable":
        carl.register(0)
        f.run(0.5)
    return f


def blind(f: Floor, way: str, to: str = "carl") -> None:
    if way == "order":
        assert f.order("transfer", f.call, to) == ""
    elif way == "code":
        f.type(f.agent, "##")
        f.type(f.agent, {"carl": "102", "601": "601"}[to] + "#")
    else:
        f.phones["bob"].behaviour.leaves = "accepted" if way == "refer and leave" else ""
        f.phones["bob"].refer(f.agent, to)
    f.run(0.05)


def talks(f: Floor, with_: Line) -> None:
    assert f.hears() == f"bridge:{with_.phone.user}" and f.world.hears(with_) == "bridge:anna"


def queue_books(f: Floor) -> None:
    """The first visit was answered by bob, and nothing that came later has changed it."""
    first = f.world.switch.named("queue.left")[0]
    assert (first.queue, first.outcome, first.agent) == ("sales", "answered", "bob")


# --- blind ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", TARGETS)
def test_blind(way: str, target: str) -> None:
    f = prepared(target)
    _, cause, status = TARGETS[target]
    blind(f, way)
    f.run(3)
    if target == "answers":
        f.run(4)
        talks(f, f.line("carl"))
        assert f.agent.state == "ended" and f.activity() == "wrapup"
        assert f.names() == ["transfer.started", "call.transferred"]
    else:
        f.run(32)
        stayed = way == "refer" and target in ("busy", "unreachable", "rejects")
        back = f.agent if stayed else f.line("bob")
        assert (back is f.agent) is stayed
        talks(f, back)
        assert f.activity() == "talking"
        expected = ["transfer.started", "transfer.failed"] + ([] if stayed else ["call.recalled", "recall.ended"])
        assert f.names() == expected
        assert f.world.switch.named("transfer.failed")[0].cause == cause
        if not stayed:
            assert back.invite is not None and back.invite.get("From").startswith('"R:Anna"')
    if way == "refer":
        told = [one for one, _ in f.agent.notified]
        assert told[0] == 100 and (told[-1] == status or f.agent.state == "ended")
        assert [state for _, state in f.agent.notified].count("terminated") <= 1
    assert len(f.world.switch.named("queue.offered")) == 1, "a recall is no offer"
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("after", [0.0, 1.0, 31.0, 40.0])
def test_blind_the_caller_hangs_up(way: str, after: float) -> None:
    """At once, while the target rings, while the transferor is rung again, and after the recall was given up."""
    f = prepared("no answer")
    f.phones["bob"].behaviour.answer_after = None
    blind(f, way)
    f.run(after)
    f.phones["anna"].hang_up(f.caller)
    f.run(6)
    assert all(line.state == "ended" for phone in f.phones.values() for line in phone.lines)
    assert f.activity() in ("wrapup", "idle")
    (ended,) = f.world.switch.named("call.ended")
    assert (ended.outcome, ended.agent) == ("answered", "bob")
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", ["anna", "carl"])
def test_blind_somebody_hangs_up_after_it(way: str, who: str) -> None:
    f = prepared("answers")
    blind(f, way)
    f.run(6)
    f.phones[who].hang_up(f.line(who))
    f.run(1)
    assert f.caller.state == f.line("carl").state == "ended"
    f.finish()
    talk = {one.party: one.talk_seconds for one in f.world.switch.named("leg.ended")}
    assert talk["bob"] < 8 and 3 < talk["Carl"] < 6
    (ended,) = f.world.switch.named("call.ended")
    assert ended.talk_seconds < ended.total_seconds - 2 + 0.5


# --- recall --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transferor", ["answers", "rejects", "no answer", "unreachable", "busy"])
def test_recall(transferor: str) -> None:
    """Nobody but the transferor is asked, with music all along; then the head of the queue has the caller."""
    f = prepared("no answer", wrap_up=500.0)
    bob = f.phones["bob"]
    blind(f, "refer and leave")
    f.run(1)
    if transferor == "rejects":
        bob.behaviour.reject, bob.behaviour.reject_after, bob.behaviour.answer_after = 603, 1.0, None
    elif transferor == "no answer":
        bob.behaviour.answer_after = None
    elif transferor == "unreachable":
        bob.register(0)
    elif transferor == "busy":
        elsewhere = bob.call("echo")
        f.run(2)
        assert elsewhere.state == "up"
    f.run(31)
    if transferor == "answers":
        talks(f, f.line("bob"))
        assert f.activity() == "talking"
    else:
        until = f.world.now + 90
        while f.world.now < until and len(f.world.switch.named("queue.entered")) == 1:
            assert f.hears() == "music:default"
            f.run(1)
        again = f.world.switch.named("queue.entered")[-1]
        assert (again.queue, again.position) == ("sales", 1) and again.priority >= 10_000
        results = {one.result for one in f.world.switch.named("recall.ended")}
        assert results == {{"rejects": "rejected", "no answer": "no_answer"}.get(transferor, transferor)}
        assert len(f.world.switch.named("recall.ended")) == 2
    queue_books(f)
    f.finish()


def test_a_recalled_agent_is_offered_nothing_else() -> None:
    f = prepared("no answer", wrap_up=0.0)
    f.phones["bob"].behaviour.leaves = "accepted"
    f.phones["bob"].behaviour.answer_after = 8.0
    f.phones["bob"].refer(f.agent, "carl")
    f.run(31.5)
    assert f.activity() == "talking", "reserved"
    other = f.phones["eve"].call("600")
    f.run(4)
    assert len(f.world.switch.named("queue.offered")) == 1
    f.run(6)
    talks(f, f.line("bob"))
    f.phones["anna"].hang_up(f.caller)
    f.run(10)
    assert f.world.hears(other) == "bridge:bob", "then the next caller"
    f.finish()


# --- attended ------------------------------------------------------------------------------------------------------


def consult(f: Floor, way: str) -> Line | None:
    """Ask carl; by a second line of the phone, by order, or by code."""
    if way == "line":
        f.phones["bob"].reinvite(f.agent, "sendonly")
        f.run(0.3)
        return f.phones["bob"].call("carl")
    if way == "order":
        assert f.order("transfer", f.call, "carl", attended=True) == ""
    else:
        f.type(f.agent, "*4")
        f.type(f.agent, "102#")
    return None


def complete(f: Floor, way: str, asked: Line | None) -> None:
    if way == "line":
        f.phones["bob"].refer(f.agent, "", consulted=asked)
    elif way == "order":
        assert f.order("steer_transfer", f.call, "complete") == ""
    else:
        f.type(f.agent, "*4")


ATTENDED = ("line", "order", "code")


@pytest.mark.parametrize("way", ATTENDED)
@pytest.mark.parametrize("target", TARGETS)
def test_attended(way: str, target: str) -> None:
    f = prepared(target)
    asked = consult(f, way)
    f.run(1.2)
    assert f.hears() == "music:default" or target in ("busy", "unreachable")
    if target == "answers":
        f.run(2)
        assert f.world.hears(f.line("carl")) == "bridge:bob"
        complete(f, way, asked)
        f.run(3)
        talks(f, f.line("carl"))
        assert f.agent.state == "ended" and f.activity() == "wrapup"
        assert f.names() == ["transfer.started", "call.transferred"]
        assert f.world.switch.named("call.transferred")[0].kind == "attended"
    else:
        f.run(62 if way == "line" else 32)
        if way == "line":
            assert asked is not None and asked.state == "ended"
            f.phones["bob"].reinvite(f.agent, "sendrecv")
            f.run(0.5)
        talks(f, f.agent)
        assert f.activity() == "talking"
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("way", ATTENDED)
@pytest.mark.parametrize("stage", ["ringing", "asked", "done"])
@pytest.mark.parametrize("who", ["anna", "bob", "carl"])
def test_attended_somebody_hangs_up(way: str, stage: str, who: str) -> None:
    f = prepared("answers")
    asked = consult(f, way)
    if stage != "ringing":
        f.run(4)
    else:
        f.run(1)
    if stage == "done":
        complete(f, way, asked)
        f.run(3)
    if who == "carl" and stage == "ringing":
        carl = f.line("carl")
        assert carl.invite is not None
        carl.state = "ended"
        carl.phone.respond(carl.invite, 486, tag=carl.local_tag)
    elif who == "bob":
        for line in f.phones["bob"].lines:
            line.phone.hang_up(line)
            if not line.incoming:
                line.phone.cancel(line)
    else:
        f.phones[who].hang_up(f.line(who))
    f.run(4)
    if stage == "done":
        assert f.line("carl").state == ("up" if who == "bob" else "ended") == f.caller.state
    elif who == "carl":
        assert f.caller.state == f.agent.state == "up"
    elif who == "anna":
        assert f.agent.state == ("up" if way != "line" and stage == "asked" else "ended")
    elif way == "line":
        assert f.caller.state == "ended", "two calls, and both were hung up"
    else:
        talks(f, f.line("carl"))
    queue_books(f)
    f.finish()


# --- bring together, then leave --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["line", "order", "code"])
@pytest.mark.parametrize("who", ["anna", "bob", "carl"])
def test_merge_then_somebody_leaves(way: str, who: str) -> None:
    f = prepared("answers")
    consult(f, way)
    f.run(4)
    if way == "line":
        assert f.order("steer_transfer", f.call, "merge") == ""
        f.run(1)
        for line in f.phones["bob"].lines:
            if line.state == "up":
                f.phones["bob"].reinvite(line, "sendrecv")
    elif way == "order":
        assert f.order("steer_transfer", f.call, "merge") == ""
    else:
        f.type(f.agent, "*6")
    f.run(1)
    lines = {
        user: next(line for line in f.phones[user].lines if line.state == "up") for user in ("anna", "bob", "carl")
    }
    for user, line in lines.items():
        others = sorted(set(lines) - {user})
        assert f.world.hears(line) == "room:" + "+".join(others)
    lines[who].phone.hang_up(lines[who])
    f.run(1)
    left = [line for user, line in lines.items() if user != who]
    assert [f.world.hears(line) for line in left] == [f"bridge:{other.phone.user}" for other in reversed(left)]
    if who == "bob":
        assert f.activity() == "wrapup"
    if who == "anna":
        assert f.world.switch.named("agent.activity")[-1].queue == "", "the agent talks on, to no caller of the queue"
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("target", ["busy", "rejects", "no answer", "unreachable"])
def test_nobody_to_merge_with(target: str) -> None:
    f = prepared(target)
    f.order("transfer", f.call, "carl", attended=True)
    f.run(0.5)
    assert f.order("steer_transfer", f.call, "merge") != ""
    f.run(32)
    talks(f, f.agent)
    f.finish()


# --- into a queue ----------------------------------------------------------------------------------------------------


def dora_does(f: Floor, target: str) -> None:
    dora = f.phones["dora"].behaviour
    for name, value in TARGETS[target][0].items():
        setattr(dora, name, value)
    if target == "unreachable":
        f.phones["dora"].register(0)
        f.run(0.5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", TARGETS)
def test_to_a_queue(way: str, target: str) -> None:
    f = Floor()
    dora_does(f, target)
    blind(f, way, "601")
    f.run(6)
    assert f.agent.state == "ended" or way == "refer"
    assert f.activity() == "wrapup"
    assert f.names() == ["transfer.started", "call.transferred"]
    if target == "answers":
        talks(f, f.line("dora"))
        assert f.activity("dora") == "talking"
        (_, second) = f.world.switch.named("queue.left")
        assert (second.queue, second.outcome, second.agent) == ("support", "answered", "dora")
    else:
        assert f.hears() == "music:default", "the caller waits"
    if way == "refer":
        assert f.agent.notified[-1] == (200, "terminated")
    f.phones["anna"].hang_up(f.caller)
    f.run(2)
    queue_books(f)
    outcomes = [one.outcome for one in f.world.switch.named("queue.left")]
    assert len(outcomes) == 2 and outcomes[1] == ("answered" if target == "answers" else outcomes[1])
    f.finish()
    (ended,) = f.world.switch.named("call.ended")
    assert ended.queue == "support"


@pytest.mark.parametrize("carried", [True, False])
def test_the_place_in_the_new_queue(carried: bool) -> None:
    """Whoever has waited already is not put behind those who came later, unless the queue says so."""
    f = Floor()
    if not carried:
        from dataclasses import replace

        directory = f.world.switch.switch.directory
        queues = {**directory.queues, "support": replace(directory.queues["support"], carry_wait=False)}
        f.world.switch.switch.configure(replace(directory, queues=queues), f.world.now)
        f.world.switch.settle(f.world.now)
    f.phones["dora"].behaviour.answer_after = None
    f.run(20)
    for _ in range(2):
        f.phones["eve"].call("601")
        f.run(1)
    blind(f, "refer and leave", "601")
    f.run(1)
    assert f.world.switch.named("queue.entered")[-1].position == (1 if carried else 3)
    f.finish()


@pytest.mark.parametrize("stage", ["ringing", "talking"])
def test_consult_a_queue_on_a_second_line(stage: str) -> None:
    """The agent waits in the other queue, and hands over before or after somebody has answered there."""
    f = Floor()
    f.phones["dora"].behaviour.answer_after = 3.0
    bob = f.phones["bob"]
    bob.reinvite(f.agent, "sendonly")
    f.run(0.5)
    asked = bob.call("601")
    f.run(1.0 if stage == "ringing" else 5.0)
    bob.refer(f.agent, "", consulted=asked)
    f.run(8)
    talks(f, f.line("dora"))
    assert f.activity() == "wrapup" and f.activity("dora") == "talking"
    queue_books(f)
    f.finish()


# --- calls that are no calls of a queue, and the caller as the transferor ----------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("by", ["anna", "bob"])
def test_between_phones(by: str, target: str) -> None:
    f = prepared(target, direct=True)
    line = f.caller if by == "anna" else f.agent
    other = f.agent if by == "anna" else f.caller
    line.phone.behaviour.leaves = "accepted"
    line.phone.refer(line, "carl")
    f.run(4)
    if target == "answers":
        assert f.world.hears(other) == "bridge:carl" and f.world.hears(f.line("carl")) == f"bridge:{other.phone.user}"
        invite = f.line("carl").invite
        assert invite is not None and other.phone.user in invite.get("From"), "it is the other one who calls"
    else:
        f.run(32)
        back = f.line(by)
        assert (
            back is not line
            and f.world.hears(other) == f"bridge:{by}"
            and f.world.hears(back) == f"bridge:{other.phone.user}"
        )
    f.finish()
    (ended,) = f.world.switch.named("call.ended")
    assert (ended.caller, ended.account) == ("anna", "anna")


def test_there_and_back_again() -> None:
    """bob to carl, carl to dora, dora to bob: each is free, and the count goes along."""
    f = Floor(direct=True)
    steps: list[tuple[str, str]] = [("bob", "carl"), ("carl", "dora"), ("dora", "bob")]
    for count, (one, other) in enumerate(steps, 1):
        line = f.line(one)
        f.phones[one].refer(line, other)
        f.run(3)
        assert f.hears() == f"bridge:{other}" and line.state == "ended"
        invite = f.line(other).invite
        assert invite is not None and invite.get("X-Transfer-Count") == str(count)
    f.finish()


def test_nobody_is_transferred_to_themselves() -> None:
    f = Floor(direct=True)
    f.phones["bob"].behaviour.leaves = ""
    f.phones["bob"].refer(f.agent, "anna")
    f.run(2)
    assert f.agent.notified == [(100, "active"), (482, "terminated")]
    talks(f, f.agent)
    f.finish()


REFUSED: list[tuple[str, Callable[[Floor], Any], list[tuple[int, str]], int]] = [
    ("nobody", lambda f: f.phones["bob"].refer(f.agent, "nobody"), [(404, "terminated")], 202),
    ("elsewhere", lambda f: f.phones["bob"].refer(f.agent, "sip:x@example.org"), [(403, "terminated")], 202),
    ("an order", lambda f: f.phones["bob"].refer(f.agent, "*30"), [(403, "terminated")], 202),
    ("no uri", lambda f: f.phones["bob"].refer(f.agent, "x", headers={"Refer-To": "nonsense"}), [], 400),
    ("two", lambda f: f.phones["bob"].refer(f.agent, "x", headers={"Refer-To": "<sip:a@b>, <sip:c@d>"}), [], 400),
    ("no invite", lambda f: f.phones["bob"].refer(f.agent, "sip:carl@pbx.test;method=BYE"), [], 603),
    ("no dialog", lambda f: f.phones["bob"].refer(f.agent, "sip:x@pbx.test?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc"),
     [(481, "terminated")], 202),
]  # fmt: skip


@pytest.mark.parametrize("what, ask, told, status", REFUSED, ids=[one[0] for one in REFUSED])
def test_what_is_refused_leaves_the_call_alone(
    what: str, ask: Callable[[Floor], Any], told: list[tuple[int, str]], status: int
) -> None:
    f = Floor()
    f.phones["bob"].behaviour.leaves = ""
    ask(f)
    f.run(1)
    assert f.agent.referred is not None and f.agent.referred.status == status
    assert f.agent.notified == told
    talks(f, f.agent)
    assert f.activity() == "talking"
    f.finish()
