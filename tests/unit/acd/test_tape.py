from __future__ import annotations

import inspect
import json
from dataclasses import replace
from typing import Any

import pytest

from softswitch.acd.engine import Engine
from softswitch.acd.tape import BLOCK, KEPT, READERS, Drawn, Tape, encoded, item_of, packed_policy, unpacked_policy
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand, DeviceReachable, EnterQueue, LeaveQueue, OfferFailed, OfferResult, Outcome
from tests.unit.acd.site import SeededEntropy


def taped() -> tuple[Engine, Tape]:
    drawn = Drawn(SeededEntropy())
    engine = Engine(drawn)
    tape = Tape(engine, drawn)
    agents = {name: Agent(name, f"phone-{name}") for name in ("anna", "jan")}
    queue = Queue("q", members=tuple(Membership(name) for name in agents), strategy="random", wrap_up=0.0)
    engine.configure({"q": queue}, agents, 0.0, accounts=("phone-anna", "phone-jan"))
    for name in agents:
        engine.handle(DeviceReachable(f"phone-{name}", True), 1.0)
        engine.handle(AgentCommand(name, "login"), 1.0)
    return engine, tape


def names(tape: Tape, now: float = 2.0) -> list[str]:
    return [entry[1] for block in tape.take(now) for entry in block.inputs]


@pytest.mark.parametrize(
    "item",
    [
        EnterQueue("c1", "q", "600100200", "Ewa", 3, 30.0),
        EnterQueue("c1", "q"),
        LeaveQueue("c1"),
        LeaveQueue("c1", Outcome.EXIT_KEY, "5"),
        OfferFailed(7, OfferResult.BUSY, 486),
        AgentCommand("anna", "login", queue="q"),
        DeviceReachable("101", False),
    ],
)
def test_an_item_comes_back_from_json_as_it_was(item: Any) -> None:
    now, name, values = json.loads(json.dumps(encoded([1.25, "", item])))
    again = item_of(name, values)
    assert (now, again) == (1.25, item) and type(again) is type(item)
    assert [type(getattr(again, one)) for one in item.__dataclass_fields__] == [
        type(getattr(item, one)) for one in item.__dataclass_fields__
    ]


def test_a_policy_comes_back_from_json_as_it_was() -> None:
    queue = Queue(
        "q", members=(Membership("anna", 1, 2),), tier_after={1: 30.0, 2: 60.5}, greeting=("hello",), weight=3
    )
    agent = Agent("anna", "101", wrap_up=5.0)
    packed = json.loads(json.dumps(packed_policy({"q": queue}, {"anna": agent}, {"101": None})))
    again = unpacked_policy(packed)
    assert again["queues"] == {"q": queue} and again["agents"] == {"anna": agent} and "101" in again["accounts"]
    assert unpacked_policy(packed_policy({}, {}))["accounts"] is None


def test_every_input_is_on_the_tape_once_with_what_was_drawn_for_it() -> None:
    engine, tape = taped()
    engine.handle(EnterQueue("c1", "q"), 2.0)
    engine.command(AgentCommand("jan", "not_ready", "lunch"), 2.5)
    engine.release("c1", Outcome.WITHDRAWN, "", 2.75)
    engine.expire(3.0)
    entries = [entry for block in tape.take(4.0) for entry in block.inputs if entry[1] != ".checkpoint"]
    assert [entry[1] for entry in entries] == [
        ".configure", "DeviceReachable", "AgentCommand", "DeviceReachable", "AgentCommand", "EnterQueue", ".command", ".release",
        ".expire",
    ]  # fmt: skip
    assert [entry[0] for entry in entries] == [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.5, 2.75, 3.0]
    assert len(entries[5]) == 4 and len(entries[5][3]) == 1, "the random strategy drew once"
    assert entries[7][2]["caller_id"] == "c1" and json.loads(json.dumps(entries)) == [list(one) for one in entries]


def test_what_inputs_call_in_turn_is_no_input_and_neither_is_looking() -> None:
    engine, tape = taped()
    names(tape)
    engine.snapshot(2.0)
    engine.explain_agent("anna", 2.0)
    engine.export_state(2.0)
    assert names(tape) == []


def test_every_method_that_takes_the_time_is_an_input_or_known_to_be_none() -> None:
    engine, _ = taped()
    public = {
        name
        for name, method in inspect.getmembers(Engine, inspect.isfunction)
        if not name.startswith("_") and "now" in inspect.signature(method).parameters
    }
    wrapped = {name for name in public if name in vars(engine)}
    assert wrapped == public - READERS
    assert {
        "handle",
        "expire",
        "configure",
        "command",
        "release",
        "set_priority",
        "restore_state",
        "close_visits",
    } <= wrapped


def test_blocks_are_numbered_without_a_gap_and_of_limited_length() -> None:
    engine, tape = taped()
    for n in range(BLOCK * 2):
        engine.expire(2.0 + n)
    blocks = tape.take(9_999.0)
    assert [len(one.inputs) <= BLOCK for one in blocks] == [True] * len(blocks)
    assert [one.first for one in blocks] == [sum(len(one.inputs) for one in blocks[:n]) for n in range(len(blocks))]
    assert len({one.life for one in blocks}) == 1 and blocks[0].life
    engine.expire(10_000.0)
    assert tape.take(10_000.0)[0].first == blocks[-1].first + len(blocks[-1].inputs)
    assert tape.take(10_001.0) == []


def test_a_tape_that_nobody_takes_forgets_the_oldest_and_says_so() -> None:
    engine, tape = taped()
    for n in range(KEPT):
        engine.expire(2.0 + n)
    assert tape.lost == 5
    assert tape.take(99_999.0)[0].first == tape.lost


def test_a_checkpoint_is_made_when_the_floor_is_at_rest_or_after_a_long_time() -> None:
    engine, tape = taped()
    assert names(tape, 2.0)[-1] == ".checkpoint"
    engine.expire(100.0)
    assert ".checkpoint" not in names(tape, 100.0)
    engine.handle(EnterQueue("c1", "q"), 4_000.0)
    assert not tape.at_rest and ".checkpoint" not in names(tape, 4_000.0)
    engine.handle(LeaveQueue("c1"), 4_001.0)
    assert tape.at_rest
    (block,) = tape.take(4_002.0)
    assert block.inputs[-1][1] == ".checkpoint" and block.inputs[-1][2]["exact"] is True
    engine.handle(EnterQueue("c2", "q"), 8_000.0)
    engine.expire(30_000.0)
    (block,) = tape.take(30_000.0)
    assert block.inputs[-1][2]["exact"] is False


def test_answers_about_opening_hours_are_noted_when_they_change() -> None:
    drawn = Drawn(SeededEntropy())
    answers = {"office": True}
    ask = drawn.is_open(lambda name: answers[name])
    assert ask("office") and ask("office")
    answers["office"] = False
    assert not ask("office")
    assert drawn.draws == [["office", True, 1], ["office", False, 3]], "the question which had another answer"
    drawn.forget()
    assert not ask("office") and drawn.draws[-1] == ["office", False, 4]


def test_a_changed_policy_is_on_the_tape() -> None:
    engine, tape = taped()
    names(tape)
    queues = {name: replace(queue.config, strategy="linear") for name, queue in engine.queues.items()}
    engine.configure(queues, {}, 3.0)
    (block,) = tape.take(3.0)
    assert block.inputs[0][1] == ".configure" and block.inputs[0][2]["queues"]["q"]["strategy"] == "linear"


def test_strategies_in_python_are_named_and_what_cannot_be_written_is_told() -> None:
    engine, tape = taped()
    names(tape)
    engine.plug_in({"experts": lambda known: []}, 3.0, clock=lambda: 0.0)
    engine.restore_state(data={"version": object()}, now=4.0)  # type: ignore[dict-item]
    (block,) = tape.take(4.0)
    assert block.inputs[0] == [3.0, ".plug_in", {"rankers": ["experts"]}]
    assert block.inputs[1][1] == ".unreadable" and block.inputs[1][2]["name"] == ".restore_state"
    json.dumps(block.as_dict())
