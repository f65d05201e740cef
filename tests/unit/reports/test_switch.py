"""The reports of a switch with telephones, in virtual time: the events are those that it really publishes."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from softswitch.effects import AgentCommand
from softswitch.reports.build import Ask, make
from softswitch.reports.range import between
from softswitch.store import Store
from softswitch.store.ledger import Ledger
from tests.sim.floor import Floor
from tests.sim.test_switch_tape import centre
from tests.unit.store.conftest import empty_database

__all__ = ["empty_database"]  # a fixture

WARSAW = ZoneInfo("Europe/Warsaw")
WALL = 1_790_000_000.0  # when the virtual clock was 0
DAY = between("2026-09-21", "2026-09-21", WARSAW)


class Day:
    """A switch with agents a0 .. a3 and callers c0 .. c7, whose events are noted with their moments."""

    def __init__(self) -> None:
        self.world = centre()
        self.lines: list[tuple[float, Any]] = []
        self.agents = [self.world.phone(f"a{index}", answer_after=2.0) for index in range(4)]
        self.callers = [self.world.phone(f"c{index}") for index in range(8)]
        self.run(1.0)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.world.run(0.1)
            self.note()

    def note(self) -> None:
        events = self.world.switch.events
        self.lines += [(self.world.now, event) for event in events[len(self.lines) :]]

    def order(self, agent: str, verb: str, reason: str = "") -> None:
        self.world.switch.queues.handle(AgentCommand(agent, verb, actor="test", reason=reason), self.world.now)
        self.world.switch.settle(self.world.now)
        self.note()


def kept(lines: list[tuple[float, Any]], path: Path) -> Ledger:
    async def write() -> None:
        store = await Store.open(path)
        seq = (await store.load()).next_seq
        for number, (at, event) in enumerate(lines):
            store.publish(seq + number, WALL + at, at, event)
        await store.close()

    asyncio.run(write())
    ledger = Ledger(path)
    assert ledger.catch_up() > 0 and ledger.skipped == 0, "every event that is counted has the fields that are read"
    return ledger


def test_a_day(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "s.sqlite"
    shutil.copy(empty_database, path)
    day = Day()
    day.order("a1", "login")
    answered = day.callers[0].call("200")
    day.run(12.0)
    day.callers[0].hang_up(answered)
    day.run(10.0)
    lost = day.callers[1].call("200")
    day.run(1.0)
    day.callers[1].hang_up(lost)
    day.run(5.0)
    day.order("a1", "not_ready", "lunch")
    day.run(20.0)
    day.order("a1", "ready")
    called = day.agents[1].call("c1")  # the agent calls back who gave up
    day.run(6.0)
    day.agents[1].hang_up(called)
    day.run(2.0)
    ledger = kept(day.lines, path)

    def report(name: str) -> dict[str, Any]:
        return make(name, ledger, Ask(DAY, now=WALL + 2_000.0))

    (queue,) = report("queues")["rows"]
    assert (queue["entered"], queue["answered"], queue["abandoned_short"], queue["waiting"]) == (2, 1, 1, 0)
    assert queue["aht"]["value"] == pytest.approx(10.0 + 5.0, abs=0.5), "ten seconds of talk, five of wrap-up"
    (agent,) = report("agents")["rows"]
    assert (agent["agent"], agent["calls_in"], agent["calls_internal"], agent["rings"]) == ("a1", 1, 1, 2)
    assert agent["reasons"] == {"lunch": pytest.approx(20.0, abs=0.3)}
    assert agent["wrap"] == pytest.approx(5.0, abs=0.3)
    parts = ("talk", "hold", "wrap", "idle", "ringing", "not_ready", "unreachable")
    assert sum(agent[one] for one in parts) == pytest.approx(agent["logged_in"])
    (missed,) = report("missed")["rows"]
    assert (missed["number"], missed["state"], missed["contact_by"], missed["contact_how"]) == (
        "c1",
        "contacted",
        "a1",
        "called",
    )
    states = [row["state"] for row in report("timeline")["rows"]]
    assert states[:4] == ["idle", "offered", "talking", "wrap"] and "not_ready" in states
    assert max(row["peak"] for row in report("load")["rows"]) == 1


def test_a_consultation_costs_its_time(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "s.sqlite"
    shutil.copy(empty_database, path)
    floor = Floor()
    lines: list[tuple[float, Any]] = []

    def run(seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            floor.run(0.1)
            lines.extend((floor.world.now, event) for event in floor.world.switch.events[len(lines) :])

    run(0.1)
    assert floor.order("transfer", floor.call, "carl", attended=True) == ""
    run(8.0)
    assert floor.order("steer_transfer", floor.call, "complete") == ""
    run(2.0)
    report = make("transfers", kept(lines, path), Ask(DAY))
    total = report["total"]
    assert (total["transfers"], total["attended"], total["chain"]) == (1, 1, 1)
    assert total["done"] == {"value": 1.0, "n": 1, "d": 1} and 7.0 < total["cost"] < 10.0


def test_what_cannot_be_read_costs_nothing_else(tmp_path: Path, empty_database: Path) -> None:
    path = tmp_path / "s.sqlite"
    shutil.copy(empty_database, path)
    joined = {"queue": "q", "caller": "c", "visit": 1, "number": "", "kind": ""}
    block = [[1, 0, 0, "queue.left", "", {"queue": "q"}], [2, 0, 0, "queue.entered", "c", joined]]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO journal (first_seq, last_seq, first_wall, last_wall, first_mono, events) VALUES (1, 2, ?, ?, 0, ?)",
            (WALL, WALL, json.dumps(block)),
        )
    ledger = Ledger(path)
    assert (ledger.catch_up(), ledger.skipped) == (2, 1)
    assert make("queues", ledger, Ask(DAY))["total"]["entered"] == 1
