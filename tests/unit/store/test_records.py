"""Records of calls, queues and recordings, and the journal: the same in SQLite and in its twin in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softswitch.events import (
    BindingRemoved,
    DigitReceived,
    RecordingDeleted,
    RecordingFinished,
    RecordingStarted,
)
from softswitch.store.records import Books
from softswitch.store.reports import CallFilter, RecordingFilter, Thresholds
from tests.unit.store.conftest import START, Lives
from tests.unit.store.samples import bound, ended, joined, left, leg_ended, started

# --- calls -----------------------------------------------------------------------------------------------------------


async def test_a_call_has_one_record_from_start_to_end(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"))
    reports = await lives.store.reports()
    (open_call,) = await reports.recent_calls()
    assert (open_call.call, open_call.ended_at, open_call.started_at) == ("c1", None, START.wall)
    seq = open_call.seq
    lives.later(10.0)
    await lives.write(DigitReceived("c1", "l1", "1", 120, "rfc4733"), leg_ended("c1", "l1"), ended("c1"))
    details = await reports.call("c1")
    assert details is not None
    assert (details.call.seq, details.call.started_at, details.call.ended_at) == (seq, START.wall, START.wall + 10.0)
    assert (details.call.outcome, details.call.talk_seconds, details.call.path) == ("answered", 8.0, ("main", "1"))
    assert details.call.path_seconds == ()
    assert [(one.leg, one.media, one.ended_by) for one in details.legs] == [("l1", {"lost": 3}, "remote")]
    assert [one.name for one in details.events] == ["call.created", "dtmf", "leg.ended", "call.ended"]
    assert await reports.call("unknown") is None


async def test_a_call_has_its_trunk_from_the_start_or_from_the_end(lives: Lives) -> None:
    """One that comes in by a trunk from the start, one that goes out by it when that is known."""
    await lives.start()
    await lives.write(replace(started("in"), trunk="provider"), started("out"))
    reports = await lives.store.reports()
    assert [(one.call, one.trunk) for one in await reports.recent_calls()] == [("out", ""), ("in", "provider")]
    await lives.write(ended("in", trunk="provider"), ended("out", trunk="backup"))
    assert [(one.call, one.trunk, one.outcome) for one in await reports.recent_calls()] == [
        ("out", "backup", "answered"),
        ("in", "provider", "answered"),
    ]


async def test_a_call_within_one_batch_is_the_same(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"), ended("c1"), ended("c2", seconds=30.0))
    calls = await (await lives.store.reports()).recent_calls()
    assert [(one.call, one.started_at, one.ended_at) for one in calls] == [
        ("c2", START.wall - 30.0, START.wall),  # its start was never seen
        ("c1", START.wall, START.wall),
    ]


async def test_a_second_end_changes_nothing(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"), ended("c1"))
    await lives.write(ended("c1", outcome="failed"), started("c1"))
    (call,) = await (await lives.store.reports()).recent_calls()
    assert call.outcome == "answered"


async def test_calls_are_found_by_what_one_knows_of_them(lives: Lives) -> None:
    await lives.start()
    for index in range(6):
        lives.later(60.0)
        await lives.write(
            started(f"c{index}", caller=f"10{index % 2}"),
            ended(
                f"c{index}",
                caller=f"10{index % 2}",
                queue="sales" if index < 2 else "",
                agent="anna" if index == 1 else "",
                trunk=("provider", "backup", "")[index % 3],
            ),
        )
    reports = await lives.store.reports()

    async def found(limit: int = 50, **which: object) -> list[str]:
        return [one.call for one in await reports.recent_calls(limit, CallFilter(**which))]  # type: ignore[arg-type]

    assert await found(2) == ["c5", "c4"]
    assert await found(number="100") == ["c4", "c2", "c0"]
    assert await found(number="800", outcome="answered", limit=1) == ["c5"]
    assert await found(queue="sales") == ["c1", "c0"]
    assert await found(agent="anna") == ["c1"]
    assert await found(trunk="backup") == ["c4", "c1"]
    assert await found(trunk="backup", queue="sales") == ["c1"]
    assert await found(outcome="busy") == []
    assert await found(since=START.wall + 120.0, until=START.wall + 240.0) == ["c2", "c1"]
    newest = (await reports.recent_calls(1))[0]
    assert await found(2, before=newest.seq) == ["c4", "c3"]


# --- queues ----------------------------------------------------------------------------------------------------------


async def test_a_visit_has_exactly_one_outcome_and_the_books_balance(lives: Lives) -> None:
    await lives.start()
    await lives.write(joined(1, "c1"), joined(2, "c2"), joined(3, "c3", "help"), joined(4, "c4"))
    await lives.write(
        left(1, "c1", "answered", agent="anna"), left(2, "c2", "abandoned", 30.0), left(3, "c3", "full", 0.0, "help")
    )
    await lives.write(left(1, "c1", "timeout"))  # a repetition
    reports = await lives.store.reports()
    books = await reports.books()
    assert books == [
        Books("help", 1, {"full": 1}, 0),
        Books("sales", 3, {"abandoned": 1, "answered": 1}, 1),
    ]
    assert all(one.balanced for one in books)
    (first,) = [one for one in await reports.visits() if one.visit == 1]
    assert (first.outcome, first.agent, first.offers, first.waited, first.number) == (
        "answered",
        "anna",
        2,
        5.0,
        "600100200",
    )
    assert [one.visit for one in await reports.visits(queue="help")] == [3]


async def test_a_visit_whose_entry_was_never_seen_is_in_the_books(lives: Lives) -> None:
    await lives.start()
    await lives.write(left(9, "c9", "abandoned", 12.0))
    (visit,) = await (await lives.store.reports()).visits()
    assert (visit.entered_at, visit.left_at) == (START.wall - 12.0, START.wall)


async def test_the_summary_of_a_queue_by_its_thresholds(lives: Lives) -> None:
    await lives.start()
    waits = [(1, "answered", 5.0), (2, "answered", 25.0), (3, "abandoned_short", 3.0), (4, "abandoned", 40.0)]
    waits += [(5, "abandoned_ringing", 5.0), (6, "timeout", 60.0)]
    for visit, outcome, waited in waits:
        await lives.write(joined(visit, f"c{visit}"), left(visit, f"c{visit}", outcome, waited))
    await lives.write(joined(7, "c7"))
    reports = await lives.store.reports()
    (summary,) = await reports.queue_summary()
    assert (summary.offered, summary.answered, summary.in_progress, summary.other) == (7, 2, 1, 1)
    assert (summary.abandoned_short, summary.abandoned) == (2, 1)
    assert (summary.asa, summary.longest_wait) == (15.0, 60.0)
    assert summary.service_level == pytest.approx(1 / 3)  # A_T / (A + B - B_S)
    assert summary.answer_rate == pytest.approx(2 / 5)  # A / (E - B_S)
    (other,) = await reports.queue_summary(thresholds={"sales": Thresholds(service_level=30.0, short_abandon=1.0)})
    assert (other.service_level, other.abandoned_short) == (2 / 5, 0)
    assert await reports.queue_summary(since=START.wall + 1.0) == []


async def test_an_agent_who_picked_up_and_was_lost_is_no_short_abandon(lives: Lives) -> None:
    """As the counters of the running switch say it, too (`acd.measure`)."""
    await lives.start()
    for visit, outcome in enumerate(("answered", "abandoned_connecting", "abandoned_short"), 1):
        await lives.write(joined(visit, f"c{visit}"), left(visit, f"c{visit}", outcome, 4.0))
    (summary,) = await (await lives.store.reports()).queue_summary()
    assert (summary.abandoned_short, summary.abandoned, summary.service_level) == (1, 1, 1 / 2)


async def test_figures_without_a_base_are_none(lives: Lives) -> None:
    await lives.start()
    await lives.write(joined(1, "c1"))
    (summary,) = await (await lives.store.reports()).queue_summary()
    assert (summary.asa, summary.service_level, summary.longest_wait) == (None, None, None)
    assert summary.answer_rate == 0.0


# --- the journal -----------------------------------------------------------------------------------------------------


async def test_the_journal_has_every_event_in_order(lives: Lives) -> None:
    await lives.start()
    first = lives.seq
    await lives.write(*(DigitReceived("c1", "l1", str(index % 10), index, "info") for index in range(500)))
    await lives.write(
        bound("sip:a@1", 60.0), bound("sip:a@1", 60.0, refreshed=True), BindingRemoved("101", "sip:a@1", "expired")
    )
    reports = await lives.store.reports()
    events = await reports.events(limit=10_000)
    assert [one.payload["duration_ms"] for one in events[:500]] == list(range(500))
    assert [one.seq for one in events[:500]] == list(range(first, first + 500))
    assert [one.name for one in events[500:]] == ["registration.bound", "registration.removed"]  # a refresh is no news
    assert [one.seq for one in await reports.events(after=first + 97, limit=3)] == [first + 98, first + 99, first + 100]
    assert events[0].call == "c1"
    assert (events[0].wall, events[0].mono) == (START.wall, START.mono)


async def test_what_the_network_put_into_a_text_cannot_stop_the_journal(lives: Lives) -> None:
    await lives.start()
    nasty = "a\udcff\x00\u2028ł'\""
    await lives.write(
        started(nasty, caller=nasty),
        ended(nasty, caller_name=nasty, total_seconds=float("nan"), path=(nasty,)),
        bound("sip:ł\udc80", float("inf")),
        DigitReceived("c1", nasty, "1", 10**30, "info"),
    )
    await lives.write(started("c2"))
    reports = await lives.store.reports()
    assert len(await reports.recent_calls()) == 2
    assert lives.alarms == []
    assert len(await reports.events()) == 5
    assert lives.store.health().trouble == ""


async def test_sequence_numbers_are_never_used_twice(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"))
    lives.publish(started("c2"))
    lost = lives.seq
    await lives.kill()
    snapshot = await lives.start()
    assert snapshot.next_seq > lost


# --- recordings -----------------------------------------------------------------------------------------------------


async def test_recordings(lives: Lives) -> None:
    await lives.start()
    say = RecordingStarted(7, "c1", "a/b.wav", "sales", "anna", "600100200", "wav", "always", "rule", 30, 1)
    await lives.write(say, replace(say, recording=8, call="c2", path="c.opus", queue="", days=0))
    began = lives.now.wall
    lives.later(10.0)
    await lives.write(RecordingFinished(7, "c1", "a/b.wav", 9.5, 304_044, 1.5, 0.5))
    reports = await lives.store.reports()
    second, first = await reports.recordings()
    assert (first.recording, first.started_at, first.ended_at, first.seconds) == (7, began, began + 10.0, 9.5)
    assert (first.octets, first.paused_seconds, first.lost_seconds, first.interrupted) == (304_044, 1.5, 0.5, False)
    assert (second.recording, second.ended_at, second.deleted_at) == (8, None, None)
    assert [one.recording for one in await reports.recordings(which=RecordingFilter(queue="sales"))] == [7]
    assert [one.recording for one in await reports.recordings(which=RecordingFilter(recording=8))] == [8]
    assert await reports.recordings(which=RecordingFilter(call="c2", queue="sales")) == []
    month = began + 30 * 86_400
    assert await reports.due_recordings(month - 1.0) == []
    assert [one.recording for one in await reports.due_recordings(month + 1.0)] == [7]
    await lives.write(RecordingDeleted(7, "a/b.wav", "retention"), RecordingFinished(7, "c1", "a/b.wav", 1.0, 1))
    assert await reports.due_recordings(month + 1.0) == []
    (gone,) = await reports.recordings(which=RecordingFilter(recording=7))
    assert (gone.deleted_at, gone.seconds) == (began + 10.0, 9.5)  # The first end counts.


async def test_recordings_that_were_not_finished_are_told_at_the_next_start(lives: Lives) -> None:
    await lives.start()
    say = RecordingStarted(7, "c1", "a.wav", "", "anna", "101", "wav", "always", "rule")
    await lives.write(say, replace(say, recording=8, path="b.wav"), RecordingFinished(7, "c1", "a.wav", 1.0, 32_044))
    await lives.kill()
    snapshot = await lives.start()
    assert [(one.recording, one.path) for one in snapshot.recordings] == [(8, "b.wav")]


async def test_events_are_found_by_name_and_time(lives: Lives) -> None:
    await lives.start()
    await lives.write(joined(1, "c1"), left(1, "c1", "answered"))
    lives.later(100.0)
    await lives.write(
        joined(2, "c2"), *(DigitReceived("c2", "l1", "1", 1, "info") for _ in range(200)), left(2, "c2", "answered")
    )
    reports = await lives.store.reports()

    async def found(**times: float) -> list[str]:
        return [one.payload["caller"] async for one in reports.events_named({"queue.left"}, **times)]

    assert await found() == ["c1", "c2"]
    assert await found(since=START.wall + 50.0) == ["c2"]
    assert await found(until=START.wall + 50.0) == ["c1"]
