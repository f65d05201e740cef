"""What the store promises, held by SQLite and by its twin in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Directory
from softswitch.effects import Flow
from softswitch.errors import StoreError
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    BindingAdded,
    BindingRemoved,
    CallBridged,
    CallEnded,
    CallerConnected,
    CallerJoined,
    CallerLeft,
    CallStarted,
    DigitReceived,
    LegAnswered,
    LegEnded,
    LegStarted,
    RecordingDeleted,
    RecordingFinished,
    RecordingStarted,
)
from softswitch.store.demo import demo_site
from softswitch.store.records import Books, Moment, StoredAgent
from softswitch.store.reports import CallFilter, RecordingFilter, Thresholds
from tests.unit.store.conftest import START, Lives
from tests.unit.store.seeded import SeededEntropy

FLOW = Flow("udp", "192.0.2.7", 5062, 1)


def started(call: str, caller: str = "101", dialled: str = "800") -> CallStarted:
    return CallStarted(call, caller, "Anna", dialled, account=caller)


def ended(call: str, seconds: float = 10.0, **more: object) -> CallEnded:
    event = CallEnded(
        call, "101", "Anna", "800", "101", "answered", 200, "normal", 2.0, seconds - 2.0, seconds, path=("main", "1")
    )
    return replace(event, **more)  # type: ignore[arg-type]


def leg_started(call: str, leg: str) -> LegStarted:
    return LegStarted(call, leg, "caller", "101", f"{leg}@phone")


def leg_ended(call: str, leg: str) -> LegEnded:
    return LegEnded(call, leg, "caller", "101", f"{leg}@phone", 200, "bye", "remote", 2.0, 8.0, "PCMA", {"lost": 3})


def joined(visit: int, call: str, queue: str = "sales") -> CallerJoined:
    return CallerJoined(queue, call, visit, "600100200", 0, 1, 1)


def left(visit: int, call: str, outcome: str, waited: float = 5.0, queue: str = "sales", agent: str = "") -> CallerLeft:
    return CallerLeft(queue, call, visit, outcome, waited, 1, 2, agent=agent)


def bound(
    contact: str, seconds: float, *, now: Moment = START, aor: str = "101", refreshed: bool = False
) -> BindingAdded:
    return BindingAdded(
        aor, contact, now.mono + seconds, FLOW, "id@phone", 7, 0.5, "<urn:x>", "Phone/1", ("<sip:p;lr>",), refreshed
    )


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
    assert [(one.leg, one.media, one.ended_by) for one in details.legs] == [("l1", {"lost": 3}, "remote")]
    assert [one.name for one in details.events] == ["call.created", "dtmf", "leg.ended", "call.ended"]
    assert await reports.call("unknown") is None


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


# --- registrations and agents across a restart -----------------------------------------------------------------------


async def test_registrations_survive_with_their_expiry(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        bound("sip:a@1", 60.0), bound("sip:b@1", 3600.0), bound("sip:c@1", 100.0), BindingRemoved("101", "sip:c@1", "x")
    )
    lives.later(50.0)
    await lives.write(bound("sip:a@1", 60.0, now=lives.now, refreshed=True))
    await lives.kill()
    lives.later(20.0)
    snapshot = await lives.start()
    assert {one.contact: one.expires_at - lives.now.mono for one in snapshot.bindings} == {
        "sip:a@1": 40.0,
        "sip:b@1": 3530.0,
    }
    binding = next(one for one in snapshot.bindings if one.contact == "sip:b@1")
    assert binding == replace(bound("sip:b@1", 3600.0), expires_at=binding.expires_at)
    assert isinstance(binding.flow, Flow)


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_a_step_of_the_wall_clock_moves_no_expiry_within_a_boot(lives: Lives, step: float) -> None:
    await lives.start()
    await lives.write(bound("sip:a@1", 120.0), AgentPresenceChanged("anna", "ready", "", "phone"))
    await lives.kill()
    lives.later(20.0, wall_step=step)
    snapshot = await lives.start()
    assert [one.expires_at - lives.now.mono for one in snapshot.bindings] == [100.0]
    assert lives.now.mono - snapshot.agents["anna"].presence_since == 20.0


async def test_after_a_reboot_the_wall_clock_tells(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        bound("sip:a@1", 120.0),
        AgentPresenceChanged("anna", "ready", "", "phone"),
        AgentActivityChanged("anna", "wrapup", "talking", 9.0, "hangup", until=START.mono + 15.0),
    )
    lives.store.save_state("engine", {"a": 1}, lives.now)
    await lives.kill()
    for seconds in (10.0, 5.0):  # twice: the second time the stored monotonic times must be those of the new boot
        lives.reboot(seconds)
        snapshot = await lives.start()
        await lives.kill()
    assert [one.expires_at - lives.now.mono for one in snapshot.bindings] == [105.0]
    anna = snapshot.agents["anna"]
    assert (lives.now.mono - anna.presence_since, anna.until) == (15.0, lives.now.mono)


async def test_a_wall_clock_set_back_across_a_reboot_prolongs_no_registration(lives: Lives) -> None:
    await lives.start()
    await lives.write(bound("sip:a@1", 120.0))
    await lives.kill()
    lives.reboot(-3600.0)
    snapshot = await lives.start()
    assert [one.expires_at - lives.now.mono for one in snapshot.bindings] == [120.0]


async def test_agents_keep_presence_and_activity(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        AgentPresenceChanged("anna", "ready", "", "phone", device="101"),
        AgentPresenceChanged("piotr", "ready", "", "cli"),
    )
    lives.later(30.0)
    await lives.write(
        AgentPresenceChanged("piotr", "not_ready", "lunch", "phone"),
        AgentActivityChanged("anna", "wrapup", "talking", 9.0, "hangup", until=lives.now.mono + 15.0),
    )
    await lives.kill()
    lives.later(5.0)
    snapshot = await lives.start()
    now = lives.now.mono
    assert snapshot.agents == {
        "anna": StoredAgent("anna", "ready", "", "101", now - 35.0, "wrapup", now - 5.0, now + 10.0),
        "piotr": replace(
            snapshot.agents["piotr"], presence="not_ready", reason="lunch", presence_since=now - 5.0, activity=""
        ),
    }


async def test_states_are_kept_by_name_the_last_one_counts(lives: Lives) -> None:
    await lives.start()
    lives.store.save_state("engine", {"agents": {"anna": [1, 2.5, None]}}, lives.now)
    lives.store.save_state("other", "x", lives.now)
    lives.later(5.0)
    lives.store.save_state("engine", {"agents": {"anna": [2]}}, lives.now)
    assert await lives.store.flush(5.0)
    await lives.kill()
    lives.later(1.0)
    snapshot = await lives.start()
    assert snapshot.states["engine"].value == {"agents": {"anna": [2]}}
    assert snapshot.states["engine"].saved_at == lives.now.mono - 1.0
    assert set(snapshot.states) == {"engine", "other"}


# --- recovery ----------------------------------------------------------------------------------------------------------


async def test_what_a_crash_left_open_is_closed_and_the_books_balance(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        bound("sip:gone@1", 30.0),
        started("done"), ended("done"),
        started("talking"), leg_started("talking", "a"), leg_started("talking", "b"), LegAnswered("talking", "a"),
        started("ringing"), leg_started("ringing", "a"),
        joined(1, "c1"), joined(2, "talking"), left(2, "talking", "answered", 3.0),
    )  # fmt: skip
    lives.later(4.0)
    await lives.write(
        CallerConnected("sales", "talking", "anna", 1, 3.0), CallBridged("talking", "a", "b"), leg_ended("ringing", "a")
    )
    lives.later(20.0)
    await lives.write(joined(3, "c3"), DigitReceived("talking", "a", "5", 100, "info"))  # the last sign of life
    lives.publish(ended("talking"))  # never written
    await lives.kill()
    lives.later(600.0)
    snapshot = await lives.start()
    assert snapshot.last_visit == 3
    recovery = await lives.recover()
    assert (recovery.calls, recovery.legs, recovery.visits, recovery.bindings) == (2, 2, 2, 1)
    assert recovery.at == START.wall + 24.0

    reports = await lives.store.reports()
    assert all(one.balanced and not one.in_progress for one in await reports.books())
    assert (await reports.books())[0].outcomes == {"answered": 1, "system_shutdown": 2}
    calls = {one.call: one for one in await reports.recent_calls()}
    assert all(one.ended_at is not None for one in calls.values())
    talking, ringing = calls["talking"], calls["ringing"]
    assert (talking.outcome, talking.cause) == ("answered", "system_restart")
    assert (talking.setup_seconds, talking.talk_seconds, talking.total_seconds) == (4.0, 20.0, 24.0)
    assert (talking.queue, talking.agent) == ("sales", "anna")
    assert talking.ended_at == START.wall + 24.0
    assert (ringing.outcome, ringing.cause) == ("failed", "system_restart")
    assert calls["done"].cause == "normal"
    details = await reports.call("talking")
    assert details is not None
    assert {(one.leg, one.cause, one.talk_seconds) for one in details.legs} == {
        ("a", "system_restart", 24.0),
        ("b", "system_restart", 0.0),
    }
    await lives.kill()
    assert not (await lives.start()).bindings
    assert (await lives.recover()).events == []


async def test_a_visit_that_goes_on_is_left_open(lives: Lives) -> None:
    await lives.start()
    await lives.write(joined(1, "c1"), joined(2, "c2"))
    await lives.kill()
    await lives.start()
    recovery = await lives.store.recover(resumed={(2, "c2")})
    assert [one.visit for one in recovery.events if isinstance(one, CallerLeft)] == [1]


async def test_calls_and_legs_that_go_on_are_left_open(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        started("c1"), leg_started("c1", "a"), leg_started("c1", "b"), started("c2"), leg_started("c2", "c")
    )
    await lives.kill()
    await lives.start()
    recovery = await lives.store.recover(calls={"c1"}, legs={"a"})
    assert [(type(one).name, getattr(one, "leg", one.call)) for one in recovery.events] == [
        ("leg.ended", "b"), ("leg.ended", "c"), ("call.ended", "c2"),
    ]  # fmt: skip


class Calls:
    """Who knows the calls that go on."""

    def __init__(self) -> None:
        self.changed: dict[str, Any] = {}
        self.later = False
        self.told = asyncio.Event()

    @property
    def has_changes(self) -> bool:
        return bool(self.changed) or self.later

    def changes(self, now: float) -> list[tuple[str, Any]]:
        found, self.changed = list(self.changed.items()), {}
        if found:
            self.told.set()
        return found


async def kept(lives: Lives, keeper: Calls, **calls: Any) -> None:
    keeper.changed = calls
    lives.store.calls_changed()
    assert await lives.store.flush(5.0)


async def test_calls_are_kept_as_long_as_they_go_on(lives: Lives) -> None:
    keeper = Calls()
    assert (await lives.start()).calls == []
    lives.store.keep_calls(keeper)
    await kept(lives, keeper, c1={"started": 5.0}, c2={"x": ["zażółć", None, True]})
    await kept(lives, keeper, c1={"started": 6.0}, c3=None)
    await lives.kill()
    found = {one.call: one.value for one in (await lives.start()).calls}
    assert found == {"c1": {"started": 6.0}, "c2": {"x": ["zażółć", None, True]}}
    lives.store.keep_calls(keeper)
    await kept(lives, keeper, c1=None, c2=None)
    await lives.kill()
    assert (await lives.start()).calls == []


async def test_calls_are_written_with_the_events_of_the_same_moment(lives: Lives) -> None:
    keeper = Calls()
    await lives.start()
    lives.store.keep_calls(keeper)
    keeper.changed = {"c1": {"a": 1}}
    lives.store.calls_changed()
    await lives.write(started("c1"))
    await lives.kill()
    snapshot = await lives.start()
    assert [one.call for one in snapshot.calls] == ["c1"]
    assert [one.call for one in (await lives.store.recover()).events if type(one).name == "call.ended"] == ["c1"]


async def test_what_the_keeper_puts_off_is_asked_for_again(lives: Lives) -> None:
    keeper = Calls()
    await lives.start()
    lives.store.keep_calls(keeper)
    keeper.later = True
    await kept(lives, keeper)
    keeper.changed, keeper.later = {"c1": {}}, False
    async with asyncio.timeout(5):
        await keeper.told.wait()
    assert await lives.store.flush(5.0)
    await lives.kill()
    assert [one.call for one in (await lives.start()).calls] == ["c1"]


async def test_without_a_keeper_nothing_is_asked(lives: Lives) -> None:
    await lives.start()
    lives.store.calls_changed()
    assert await lives.store.flush(5.0)


async def test_a_boot_forgets_calls_once_they_were_loaded(lives: Lives) -> None:
    """The times inside are of a clock that has stopped: who goes on with them keeps them anew."""
    keeper = Calls()
    await lives.start()
    lives.store.keep_calls(keeper)
    await kept(lives, keeper, c1={"started": 900.0})
    await lives.kill()
    lives.reboot(20.0)
    assert len((await lives.start()).calls) == 1
    await lives.kill()
    assert (await lives.start()).calls == []


async def test_a_sign_of_life_tells_when_the_last_life_ended(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"))
    lives.later(500.0)
    lives.store.alive(lives.now)
    await lives.kill()
    lives.later(3.0)
    snapshot = await lives.start()
    assert snapshot.outage == pytest.approx(3.0)
    assert (await lives.store.recover()).at == pytest.approx(START.wall + 500.0)


async def test_what_was_told_since(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"))
    seen = lives.seq - 1
    lives.later(2.0)
    await lives.write(joined(1, "c1"), DigitReceived("c1", "a", "5", 100, "info"))
    await lives.kill()
    lives.reboot(10.0)
    await lives.start()
    found = await lives.store.since(seen)
    assert [type(event).name for _, event in found] == ["queue.entered", "dtmf"]
    assert [at for at, _ in found] == pytest.approx([lives.now.mono - 10.0] * 2)
    assert await lives.store.since(seen + 2) == []


async def test_nothing_is_open_after_an_orderly_stop(lives: Lives) -> None:
    await lives.start()
    lives.publish(started("c1"), joined(1, "c1"), left(1, "c1", "answered"), ended("c1"))
    await lives.stop()
    await lives.start()
    assert (await lives.store.recover()).events == []
    assert (await (await lives.store.reports()).recent_calls())[0].outcome == "answered"


# --- the site ----------------------------------------------------------------------------------------------------------


def site() -> Directory:
    return demo_site(SeededEntropy(), "pbx.example.com").directory


async def test_the_site_is_versioned_with_who_when_and_what(lives: Lives) -> None:
    assert (await lives.start()).directory is None
    first = await lives.store.apply_site(site(), actor="init", comment="new", now=lives.now)
    assert first.directory == replace(site(), version=1)
    lives.later(60.0)
    changed = replace(site(), extensions={"900": "menu:hotline"})
    second = await lives.store.apply_site(changed, actor="cli:anna", now=lives.now)
    assert [str(one) for one in second.changes] == [
        "- extension 800", "- extension 801", "- extension 810", "- extension 811", '+ extension 900: destination "menu:hotline"',
    ]  # fmt: skip
    again = await lives.store.apply_site(changed, actor="cli:anna", now=lives.now)
    assert (again.version, again.changes) == (2, [])
    versions = await lives.store.site_versions()
    assert [(one.version, one.actor, one.at, len(one.changes)) for one in versions] == [
        (2, "cli:anna", START.wall + 60.0, len(second.changes)),
        (1, "init", START.wall, len(first.changes)),
    ]
    assert await lives.store.site_at(1) == first.directory
    await lives.kill()
    assert (await lives.start()).directory == second.directory
    back = await lives.store.apply_site(await lives.store.site_at(1), actor="cli", comment="rollback")
    assert back.directory == replace(first.directory, version=3)


async def test_two_editors_do_not_overwrite_each_other(lives: Lives) -> None:
    await lives.start()
    await lives.store.apply_site(site(), actor="a", expected=0)
    with pytest.raises(StoreError, match="version 1, not 0"):
        await lives.store.apply_site(replace(site(), country="de"), actor="b", expected=0)
    assert (await lives.store.site_versions())[0].actor == "a"


@pytest.mark.parametrize("version", [0, 2, -1])
async def test_there_is_no_site_of_a_version_that_never_was(lives: Lives, version: int) -> None:
    await lives.start()
    await lives.store.apply_site(site(), actor="a")
    with pytest.raises(StoreError, match="no version"):
        await lives.store.site_at(version)


async def test_the_snapshot_has_the_holidays_of_the_site(lives: Lives) -> None:
    await lives.start()
    assert "2023-12-25" in (await lives.store.calendars(site(), lives.now))["pl"]
    await lives.store.apply_site(site(), actor="init")
    await lives.kill()
    snapshot = await lives.start()
    assert {"2023-12-25", "2024-04-01"} <= set(snapshot.calendars["pl"])


# --- housekeeping ------------------------------------------------------------------------------------------------------


async def test_old_rows_go_and_open_ones_stay(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        started("old"), leg_ended("old", "a"), ended("old"), started("open"), joined(1, "old"), left(1, "old", "full")
    )
    lives.later(10 * 86_400.0)
    await lives.write(started("new"), leg_ended("new", "a"), ended("new"), joined(2, "open"))
    reports = await lives.store.reports()
    assert await lives.store.prune(now=lives.now) == 0
    assert await lives.store.prune(journal_days=5, now=lives.now) == 1
    assert {one.call for one in await reports.events()} == {"new", "open"}
    assert await lives.store.prune(calls_days=5, now=lives.now) == 3
    assert {one.call for one in await reports.recent_calls()} == {"new", "open"}
    assert [one.visit for one in await reports.visits()] == [2]


async def test_a_key_is_made_once(lives: Lives) -> None:
    await lives.start()
    assert await lives.store.key("api", lambda: "first") == "first"
    await lives.kill()
    await lives.start()
    assert await lives.store.key("api", lambda: "second") == "first"


async def test_health_tells_how_far_the_writing_is(lives: Lives) -> None:
    await lives.start()
    before = lives.seq
    lives.publish(started("c1"), started("c2"))
    assert lives.store.health().pending == 2
    assert await lives.store.flush(5.0)
    health = lives.store.health()
    assert (health.pending, health.lag, health.durable_seq, health.dropped, health.trouble) == (
        0,
        0.0,
        before + 1,
        0,
        "",
    )


async def test_writing_happens_by_itself_within_the_interval(lives: Lives) -> None:
    import asyncio

    await lives.start()
    for index in range(3):
        lives.publish(started(f"c{index}"))
        async with asyncio.timeout(5.0):
            while lives.store.health().pending:  # noqa: ASYNC110 - nothing here may wake the writer
                await asyncio.sleep(0.001)
    assert len(await (await lives.store.reports()).recent_calls()) == 3


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
