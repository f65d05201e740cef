"""Calls, recordings and the audit, searched; and that a search looks at no more than a page."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.events import (
    AgentPresenceChanged,
    OrderGiven,
    RecordingDeleted,
    RecordingFinished,
    RecordingMarked,
    RecordingPaused,
    RecordingPlayed,
    RecordingStarted,
    SessionChanged,
    SupervisionStarted,
)
from softswitch.store.searching import CallQuery, RecordingQuery, Scope, Searching, calls_sql
from tests.unit.store.conftest import START, Lives
from tests.unit.store.samples import ended, joined, left, leg_ended, started


@pytest.fixture
async def life(tmp_path: Path, empty_database: Path) -> AsyncIterator[Lives]:
    life = Lives("sqlite", Path(shutil.copy(empty_database, tmp_path / "softswitch.sqlite")))
    await life.start()
    yield life
    await life.store.close()


async def search(life: Lives) -> Searching:
    return Searching(await life.store.reports())


def recorded(number: int, call: str, **more: object) -> RecordingStarted:
    event = RecordingStarted(number, call, f"{number}.wav", "sales", "anna", "+48600100200", "wav", "always", "rule", 1)
    return replace(event, **more)  # type: ignore[arg-type]


async def names(life: Lives, which: CallQuery, limit: int = 50) -> list[str]:
    return [one.call for one in await (await search(life)).calls(which, limit)]


async def ten_calls(life: Lives) -> None:
    for index in range(10):
        life.later(60.0)
        call = f"c{index}"
        queue, agent = ("sales", "support")[index % 2], ("anna", "jan", "ola")[index % 3]
        more = {"caller": "+48600100200" if index < 3 else "600100200" if index == 3 else f"60{index}",
                "account": "101" if index == 9 else "", "queue": queue, "agent": agent,
                "outcome": "answered" if index % 4 else "no_answer"}  # fmt: skip
        await life.write(started(call), ended(call, **more))
    await life.write(recorded(1, "c4"), recorded(2, "c5"), RecordingFinished(1, "c4", "1.wav", 5.0, 80_000))
    await life.write(RecordingFinished(2, "c5", "2.wav", 5.0, 80_000), RecordingDeleted(2, "2.wav", "retention"))


async def test_calls_are_found_by_everything_at_once(life: Lives) -> None:
    await ten_calls(life)
    assert await names(life, CallQuery(numbers=("+48600100200", "600100200"))) == ["c3", "c2", "c1", "c0"]
    assert await names(life, CallQuery(numbers=("800",)), 2) == ["c9", "c8"], "the dialled one counts, too"
    assert await names(life, CallQuery(queue="sales", outcome="no_answer")) == ["c8", "c4", "c0"]
    assert await names(life, CallQuery(agent="anna", since=START.wall + 200.0)) == ["c9", "c6", "c3"]
    assert await names(life, CallQuery(until=START.wall + 121.0)) == ["c1", "c0"]
    assert await names(life, CallQuery(recorded=True)) == ["c4"], "whose file is gone does not count"
    assert len(await names(life, CallQuery(recorded=False))) == 9


async def test_each_sees_their_own(life: Lives) -> None:
    await ten_calls(life)
    assert await names(life, CallQuery(scope=Scope(agent="jan", account="101"))) == ["c9", "c7", "c4", "c1"]
    assert len(await names(life, CallQuery(scope=Scope(queues=("sales", "support"))))) == 10
    of_one = CallQuery(numbers=("+48600100200",), scope=Scope(queues=("support",)))
    assert await names(life, of_one) == ["c1"]


async def test_pages_follow_each_other_without_gaps(life: Lives) -> None:
    await ten_calls(life)
    for which in (CallQuery(), CallQuery(scope=Scope(queues=("sales", "support"))), CallQuery(numbers=("800", "x"))):
        seen: list[str] = []
        before = 0
        while page := await (await search(life)).calls(replace(which, before=before), 3):
            seen += [one.call for one in page]
            before = page[-1].seq
        assert seen == [f"c{index}" for index in range(9, -1, -1)]


SCOPES = (Scope(), Scope(queues=("a", "b")), Scope(agent="anna", account="101"))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("more", [{}, {"queue": "a"}, {"agent": "x"}, {"outcome": "busy"}, {"numbers": ("1", "2")}])
def test_no_search_reads_a_whole_table(empty_database: Path, scope: Scope, more: dict[str, object]) -> None:
    sql, values = calls_sql(CallQuery(scope=scope, before=5, **more), 50)  # type: ignore[arg-type]
    with closing(sqlite3.connect(empty_database)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    scans = [one for one in plan if one.startswith("SCAN") and "calls" in one and "INDEX" not in one]
    assert scans == [] and any("calls_" in one for one in plan)


async def test_the_story_of_a_call(life: Lives) -> None:
    await life.write(started("c1"), joined(1, "c1"), recorded(1, "c1"), started("c2"))
    await life.write(left(1, "c1", "answered", agent="anna"), leg_ended("c1", "l1"), ended("c1"), ended("c2"))
    story = await (await search(life)).story("c1")
    assert story is not None and story.call.outcome == "answered"
    assert [one.leg for one in story.legs] == ["l1"] and [one.agent for one in story.visits] == ["anna"]
    assert [one.recording for one in story.recordings] == [1]
    assert [one.name for one in story.events] == [
        "call.created", "queue.entered", "recording.started", "queue.left", "leg.ended", "call.ended",
    ]  # fmt: skip
    assert await (await search(life)).story("nobody") is None


async def test_recordings_by_what_was_added_to_them(life: Lives) -> None:
    for number in range(1, 6):
        life.later(60.0)
        await life.write(recorded(number, f"c{number}", queue=("sales", "support")[number % 2]))
    await life.write(
        RecordingMarked(2, "c2", ("Good", "training"), "100% calm", False, "eva"),
        RecordingMarked(4, "c4", ("good", "x"), "", True, "eva"),
        RecordingMarked(4, "c4", ("good",), "angry", True, "eva"),
    )
    look = await search(life)

    async def found(**which: object) -> list[int]:
        return [one.recording for one in await look.recordings(RecordingQuery(**which), 50)]  # type: ignore[arg-type]

    assert await found(tag="good") == [4, 2] and await found(tag="x") == [] and await found(tag="goo") == []
    assert await found(text="100%") == [2] and await found(text="%") == [2]
    assert await found(queues=("sales",)) == [4, 2] and await found(callers=("1", "+48600100200"), before=4) == [
        3,
        2,
        1,
    ]
    assert (await look.marks([2, 4]))[4].tags == ("good",) and await look.tags() == {
        "good": 1,
        "Good": 1,
        "training": 1,
    }


async def test_what_is_held_is_not_due(lives: Lives) -> None:
    await lives.start()
    await lives.write(*(recorded(number, "c1") for number in (1, 2)))
    await lives.write(*(RecordingFinished(number, "c1", "", 1.0, 1) for number in (1, 2)))
    await lives.write(RecordingMarked(1, "c1", (), "", True, "eva"))
    reports = await lives.store.reports()
    assert [one.recording for one in await reports.due_recordings(START.wall + 2 * 86_400.0)] == [2]
    await lives.write(RecordingMarked(1, "c1", (), "", False, "eva"))
    assert [one.recording for one in await reports.due_recordings(START.wall + 2 * 86_400.0)] == [1, 2]


async def test_the_audit_tells_people_and_not_the_switch(life: Lives) -> None:
    await life.write(
        OrderGiven("eva", "hang_up", "c1", "", "192.0.2.1"),
        OrderGiven("eva", "transfer", "c1", "to=102", "", "no such call"),
        SessionChanged("", "refused", "192.0.2.9"),
        recorded(1, "c1"),
        RecordingPaused(1, "c1", True, "101"),
        RecordingPlayed(1, "c1", "link:eva", source="192.0.2.3"),
        AgentPresenceChanged("anna", "not_ready", "missed calls", "system", "101"),
        AgentPresenceChanged("anna", "ready", "", "phone", "101"),
        SupervisionStarted("c9", "103", "101", "whisper", "c1", "phone"),
    )
    look = await search(life)
    rows = await look.audit()
    assert [(one.actor, one.action, one.subject) for one in reversed(rows)] == [
        ("eva", "hang_up", "c1"), ("eva", "transfer", "c1"), ("?", "session.refused", ""), ("101", "recording.paused", "1"),
        ("link:eva", "recording.played", "1"), ("account:101", "agent.presence", "anna"),
        ("account:103", "supervision.started", "c1"),
    ]  # fmt: skip
    assert [one.error for one in await look.audit(actor="eva", action="transfer")] == ["no such call"]
    assert [one.source for one in await look.audit(action="recording.", limit=1)] == ["192.0.2.3"]
    assert [one.seq for one in await look.audit(before=rows[-2].seq)] == [rows[-1].seq]
    assert await look.audit(until=START.wall) == []


async def test_the_audit_outlives_other_records(life: Lives) -> None:
    await life.write(OrderGiven("eva", "hang_up", "c1", ""), started("c1"), ended("c1"))
    life.later(40 * 86_400.0)
    await life.store.prune(journal_days=1, calls_days=1, now=life.now)
    look = await search(life)
    assert await look.calls(CallQuery(), 5) == [] and len(await look.audit()) == 1
    await life.store.prune(audit_days=30, now=life.now)
    assert await look.audit() == []
