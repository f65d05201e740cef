"""What outlives the end of a process: registrations, agents, calls that go on, and the books of those that do not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from softswitch.effects import Flow
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    BindingRemoved,
    CallBridged,
    CallerConnected,
    CallerLeft,
    DigitReceived,
    LegAnswered,
    LegStarted,
)
from softswitch.store.records import StoredAgent
from tests.unit.store.conftest import START, Lives
from tests.unit.store.samples import bound, ended, joined, left, leg_ended, leg_started, started

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


async def test_calls_that_were_cut_off_have_their_trunk(lives: Lives) -> None:
    await lives.start()

    def out(call: str, leg: str, trunk: str) -> LegStarted:
        return replace(leg_started(call, leg), role="callee", device=f"trunk:{trunk}")

    await lives.write(
        replace(started("in"), trunk="provider"),
        started("out"), out("out", "a", "provider"), leg_ended("out", "a"), out("out", "b", "backup"),
        LegAnswered("out", "b"), CallBridged("out", "x", "b"),
        started("tried"), out("tried", "c", "provider"), leg_ended("tried", "c"), out("tried", "d", "backup"),
        started("within"), leg_started("within", "e"), out("within", "f", "provider"), LegAnswered("within", "e"),
        CallBridged("within", "x", "e"),
    )  # fmt: skip
    await lives.kill()
    await lives.start()
    await lives.recover()
    calls = await (await lives.store.reports()).recent_calls()
    assert {one.call: one.trunk for one in calls} == {
        "in": "provider", "out": "backup", "tried": "backup", "within": "",
    }  # fmt: skip


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
