"""Transfers of every kind at every wrong moment, over bad links, with faults of ours, and across restarts of the switch."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.call import Call
from softswitch.call.consult import Consultation
from softswitch.call.leaving import Leaving
from softswitch.call.leg import Leg
from softswitch.call.recall import Recall
from softswitch.call.refer import Referral
from softswitch.call.transfer import Transfer
from tests.sim.floor import Floor
from tests.sim.phone import Line
from tests.sim.test_faults import faulty
from tests.sim.test_transfer_matrix import blind, consult, prepared, queue_books, talks
from tests.sim.world import Link

USERS = ("anna", "bob", "carl", "dora", "eve")
NUMBERS = ("600", "601", "102", "bob", "carl", "eve", "echo")
KEYS = ("##102#", "*4102#", "*4", "*0", "*5", "*6", "*9", "##600#", "##", "*", "12")
VERBS = ("complete", "abort", "swap", "merge", "escalate")


class Storm:
    """A seeded walk through calls, transfers and whatever may happen to them."""

    def __init__(self, seed: int, workers: int = 1) -> None:
        self.rng = random.Random(seed)
        self.floor = Floor(
            workers=workers, seed=seed, wrap_up=2.0, recall_pause=3.0, recall_timeout=8.0, transfer_timeout=10.0
        )
        self.world = self.floor.world
        self.world.link = Link(loss=self.rng.choice((0.0, 0.02)), jitter=self.rng.choice((0.0, 0.01)))

    def lines(self) -> list[Line]:
        return [line for phone in self.world.phones.values() for line in phone.lines if line.state == "up"]

    def habits(self) -> None:
        for phone in self.floor.phones.values():
            do, rng = phone.behaviour, self.rng
            do.answer_after = rng.choice((0.1, 0.5, 2.0, None))
            do.reject = rng.choice((0, 0, 0, 486, 603))
            do.leaves = rng.choice(("done", "accepted", ""))
            do.answer_despite_cancel = rng.random() < 0.2

    def step(self) -> None:
        rng, w = self.rng, self.world
        if rng.random() < 0.2:
            self.habits()
        up = self.lines()
        calls = list(w.switch.calls.board.calls)
        what: list[Callable[[], Any]] = [lambda: rng.choice(list(self.floor.phones.values())).call(rng.choice(NUMBERS))]
        if up:
            line = rng.choice(up)
            others = [one for one in line.phone.lines if one.state == "up" and one is not line]
            what += [
                lambda: line.phone.hang_up(line),
                lambda: line.phone.reinvite(line, rng.choice(("sendonly", "sendrecv", "sendrecv"))),
                *[lambda: line.phone.refer(line, rng.choice(NUMBERS))] * 3,
                lambda: self.keys(line, rng.choice(KEYS)),
                lambda: line.phone.call(rng.choice(NUMBERS)),
            ]
            if others:
                what += [lambda: line.phone.refer(line, "", consulted=rng.choice(others))] * 4
        if calls:
            call = rng.choice(calls)
            what += [
                *[lambda: self.floor.order("transfer", call, rng.choice(NUMBERS), attended=rng.random() < 0.6)] * 3,
                *[lambda: self.floor.order("steer_transfer", call, rng.choice(VERBS))] * 3,
            ]
        rng.choice(what)()

    def keys(self, line: Line, keys: str) -> None:
        for number, key in enumerate(keys):
            self.world.after(0.3 * number, lambda key=key: self.press(line, key))  # type: ignore[misc]

    def press(self, line: Line, key: str) -> None:
        if line.state == "up":
            self.world.press(line, key)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
            self.world.run(self.rng.choice((0.02, 0.3, 1.0, 3.0, 12.0)))

    def end(self) -> None:
        w = self.world
        w.link = Link()
        for phone in self.floor.phones.values():
            phone.behaviour.answer_after, phone.behaviour.reject = None, 486
        for _ in range(4):
            for call in list(w.switch.calls.board.calls):
                w.switch.guarded(w.now, w.switch.switch.hang_up, call, w.now)
            for line in self.lines():
                line.phone.hang_up(line)
            w.run(60)


def books(events: list[Any]) -> None:
    names = Counter(event.name for event in events)
    for kind, key in (("call", "call"), ("leg", "leg")):
        began = Counter(getattr(one, key) for one in events if one.name == f"{kind}.created")
        ended = Counter(getattr(one, key) for one in events if one.name == f"{kind}.ended")
        assert began == ended, kind
    assert names["queue.entered"] == names["queue.left"]
    assert names["queue.offered"] == names["queue.offer_result"]
    assert names["call.transferred"] + names["transfer.failed"] <= names["transfer.started"] + names["transfer.changed"]
    last: dict[str, str] = {}
    for event in events:
        if event.name.startswith(("call.", "leg.", "transfer.", "recall.")):
            assert last.get(event.call) != "call.ended", (event, "after the end of its call")
            last[event.call] = event.name


@pytest.mark.parametrize("seed", range(24))
def test_everybody_transfers_everybody(seed: int) -> None:
    storm = Storm(seed, workers=1 + seed % 2)
    for _ in range(8):
        storm.run(10)
        storm.floor.nobody_in_silence()
    storm.end()
    storm.world.assert_idle()
    books(storm.world.switch.events)


PLACES: list[tuple[type, str]] = [
    (Call, "refresh"), (Call, "join"), (Call, "exchange"), (Call, "present"), (Transfer, "begin"), (Transfer, "failed"),
    (Transfer, "_arrived"), (Recall, "_ring"), (Recall, "_give_up"), (Recall, "fork_answered"), (Consultation, "begin"),
    (Consultation, "complete"), (Consultation, "_split"), (Consultation, "swap"), (Leaving, "stay"), (Leaving, "release"),
    (Referral, "tell"), (Leg, "relocate"), (Leg, "hang_up"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_faults_leave_nothing_behind(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    storm = Storm(seed + 100, workers=1 + seed % 2)
    for owner, name in storm.rng.sample(PLACES, 6):
        monkeypatch.setattr(owner, name, faulty(getattr(owner, name), storm.rng, 0.05))
    storm.run(80)
    monkeypatch.undo()
    storm.end()
    storm.world.assert_idle()


# --- restarts ------------------------------------------------------------------------------------------------------


def power_cut(f: Floor) -> None:
    f.run(0.3)
    f.world.kill()
    f.world.run(1.0)
    f.world.restart()
    f.run(0.1)


@pytest.mark.parametrize("way", ["refer", "refer and leave", "order"])
@pytest.mark.parametrize("target", ["answers", "no answer"])
def test_a_restart_while_the_target_rings(way: str, target: str) -> None:
    f = prepared(target)
    f.phones["carl"].behaviour.answer_after = 5.0 if target == "answers" else None
    blind(f, way)
    f.run(1)
    power_cut(f)
    assert f.hears() == "music:default"
    f.run(6)
    if target == "answers":
        talks(f, f.line("carl"))
    else:
        f.run(28)
        talks(f, f.line("bob"))
        assert f.line("bob") is not f.agent
    assert f.agent.state == "ended"
    f.finish_after_restart()


@pytest.mark.parametrize("after", [31.5, 54.0])
def test_a_restart_during_the_recall(after: float) -> None:
    """While the transferor's phone rings, and between two attempts."""
    f = prepared("no answer")
    f.phones["bob"].behaviour.answer_after = None
    blind(f, "refer and leave")
    f.run(after)
    power_cut(f)
    assert f.hears() == "music:default"
    until = f.world.now + 90
    while f.world.now < until and len(f.world.switch.named("queue.entered")) == 1:
        assert f.hears() == "music:default"
        f.run(1)
    assert f.world.switch.named("queue.entered")[-1].priority >= 10_000
    f.finish_after_restart()


@pytest.mark.parametrize("stage", ["ringing", "aside", "back"])
def test_a_restart_during_a_consultation(stage: str) -> None:
    f = prepared("answers")
    f.phones["carl"].behaviour.answer_after = 5.0 if stage == "ringing" else 0.5
    consult(f, "order")
    f.run(2)
    if stage == "back":
        f.order("steer_transfer", f.call, "swap")
    call = f.call
    power_cut(f)
    f.run(6)
    carl = f.line("carl")
    expected = ("bridge:bob", "bridge:anna", "music:default") if stage == "back" else (
        "music:default", "bridge:carl", "bridge:bob",
    )  # fmt: skip
    assert (f.hears(), f.world.hears(f.agent), f.world.hears(carl)) == expected
    assert f.order("steer_transfer", call, "complete") == ""
    f.run(1)
    talks(f, carl)
    assert f.activity() == "wrapup"
    f.finish_after_restart()


def test_a_restart_after_the_transfer() -> None:
    f = prepared("answers")
    blind(f, "refer")
    f.run(2.3)
    assert f.agent.state == "up" or f.hears() == "bridge:carl"
    power_cut(f)
    f.run(6)
    talks(f, f.line("carl"))
    assert f.agent.state == "ended", "the phone of the transferor is let go"
    f.finish_after_restart()


def test_books_of_a_quiet_day() -> None:
    f = prepared("answers")
    blind(f, "refer")
    f.run(5)
    f.finish()
    queue_books(f)
    books(f.world.switch.events)
