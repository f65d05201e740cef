"""Which calls are recorded, from when to when, and what is told about it; in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from media.control import Audio, Finish, Pause, Quality, Ready, Record, Recorded, Stopped
from softswitch.call.naming import DEFAULT_NAME, checked_name, safe
from softswitch.call.recording import Recording
from softswitch.directory import Agent, Membership, Queue
from softswitch.effects import AgentCommand
from tests.sim.world import World, account, site


def world(**more: Any) -> World:
    """Carl's calls are recorded, Bob may record his, Anna's are not."""
    accounts = {
        "carl": account("carl", record="always", recording_days=30),
        "bob": account("bob", record="on_demand", recording_format="opus"),
    }
    hall = World(site("anna", "dora", accounts=accounts, **more), recordings="/var/recordings")
    hall.switch.calls.board.recorder.epoch = 1_700_000_000.0 - 1_000.0
    return hall


def talking(hall: World, who: str = "anna", whom: str = "carl") -> Any:
    phone, _ = hall.phone(who), hall.phone(whom, answer_after=0.5)
    hall.run(1)
    line = phone.call(whom)
    hall.run(2)
    assert line.state == "up"
    return phone, line


def commands(hall: World) -> list[Any]:
    return [one for one in hall.worker.commands if type(one) in (Record, Pause, Finish)]


def test_a_call_to_an_account_that_says_always() -> None:
    hall = world()
    anna, line = talking(hall)
    (record,) = commands(hall)
    (begun,) = hall.switch.named("recording.started")
    assert record.path == f"/var/recordings/{begun.path}" and record.form == "wav"
    call = hall.switch.named("call.created")[0].call
    assert begun.path == f"2023/11/14/221321_direct_carl_anna_{safe(call)}.wav"
    assert (begun.call, begun.caller, begun.mode, begun.days) == (call, "anna", "always", 30)
    legs = {leg.role: leg.media.index for leg in hall.switch.calls.board.legs.values()}
    assert (record.left, record.right) == (legs["callee"], legs["caller"])
    (seen,) = hall.switch.switch.call_list(hall.now)
    assert seen["recording"]["path"] == begun.path
    hall.run(5)
    anna.hang_up(line)
    hall.run(2)
    (done,) = hall.switch.named("recording.finished")
    assert (done.recording, done.seconds, done.octets, done.interrupted) == (begun.recording, 3.5, 112_044, False)
    (ended,) = hall.switch.named("call.ended")
    assert ended.recordings == (begun.path,) and ended.recorded_seconds == pytest.approx(6.5, abs=0.5)
    hall.run(40)
    hall.assert_idle()


def test_a_call_that_nobody_answers_is_not_recorded() -> None:
    hall = world()
    anna, _ = hall.phone("anna"), hall.phone("carl", answer_after=60.0)
    hall.run(1)
    line = anna.call("carl")
    hall.run(5)
    anna.cancel(line)
    hall.run(40)
    assert not commands(hall)
    hall.assert_idle()


def test_nothing_is_recorded_where_nobody_said_so() -> None:
    hall = world()
    _, line = talking(hall, "anna", "dora")
    for key in "*1":
        hall.press(line, key)
        hall.run(0.2)
    assert not commands(hall)


def test_one_touch_by_those_who_may() -> None:
    hall = world()
    bob, line = talking(hall, "bob", "anna")
    other = next(one for phone in hall.phones.values() for one in phone.lines if one is not line)
    for key in "*1":  # Anna may not.
        hall.press(other, key)
        hall.run(0.2)
    assert not commands(hall)
    for keys in ("1", "*", "*1"):
        for key in keys:
            hall.press(line, key)
            hall.run(0.2)
        hall.run(3)
    (record,) = commands(hall)
    assert record.form == "opus" and record.path.endswith(".opus")
    for keys in ("*2", "*2", "*1", "*1"):
        for key in keys:
            hall.press(line, key)
            hall.run(0.2)
        hall.run(1)
    assert [type(one).__name__ for one in commands(hall)] == ["Record", "Pause", "Pause", "Finish", "Record"]
    assert [one.paused for one in hall.switch.named("recording.paused")] == [True, False]
    paths = [one.path for one in hall.switch.named("recording.started")]
    assert paths[1].endswith("-2.opus") and len(set(paths)) == 2
    bob.hang_up(line)
    hall.run(40)
    assert hall.switch.named("call.ended")[0].recordings == tuple(paths)
    assert len(hall.switch.named("recording.finished")) == 2
    hall.assert_idle()


def test_what_must_be_recorded_can_be_paused_but_not_stopped() -> None:
    hall = world()
    talking(hall, "carl", "anna")
    switch, call = hall.switch.switch, next(iter(hall.switch.calls.board.calls))
    assert "must be recorded" in switch.record(call, "stop", "cli", hall.now)
    assert switch.record(call, "pause", "cli", hall.now) == ""
    assert switch.record(call, "pause", "cli", hall.now) == "it is paused"
    assert switch.record(call, "resume", "cli", hall.now) == ""
    assert switch.record(call, "start", "cli", hall.now) == "it is being recorded"
    assert switch.record("nobody", "start", "cli", hall.now)


def test_an_operator_records_any_conversation() -> None:
    hall = world()
    talking(hall, "anna", "dora")
    switch, call = hall.switch.switch, next(iter(hall.switch.calls.board.calls))
    assert switch.record(call, "resume", "cli", hall.now) == "it is not being recorded"
    assert switch.record(call, "start", "cli", hall.now) == ""
    hall.switch.settle(hall.now)
    assert hall.switch.named("recording.started")[0].by == "cli"
    assert switch.record(call, "stop", "cli", hall.now) == ""


def test_a_queue_says_what_is_recorded_and_names_it() -> None:
    queue = Queue("sales", members=(Membership("eve"),), record="always", wrap_up=0.0)
    hall = world(queues={"sales": queue}, agents={"eve": Agent("eve", "dora")}, extensions={"800": "queue:sales"})
    anna, _ = hall.phone("anna"), hall.phone("dora", answer_after=1.0)
    hall.run(1)
    hall.switch.switch.agent_command(AgentCommand("eve", "login"), hall.now)
    hall.switch.settle(hall.now)
    line = anna.call("800")
    hall.run(0.5)
    assert not commands(hall)  # Who waits is not recorded.
    hall.run(5)
    (begun,) = hall.switch.named("recording.started")
    assert (begun.queue, begun.agent, begun.mode) == ("sales", "eve", "always")
    assert "_sales_eve_anna_" in begun.path
    anna.hang_up(line)
    hall.run(40)
    hall.assert_idle()


def consented(**policy: Any) -> tuple[World, Any, Any]:
    """A queue that says that it records, and an agent's phone that has just answered a caller: (hall, caller, agent)."""
    queue = Queue(
        "sales", members=(Membership("eve"),), record="always", wrap_up=0.0, consent=("recording-notice",),
        consent_refuse="*", **policy,
    )  # fmt: skip
    hall = world(queues={"sales": queue}, agents={"eve": Agent("eve", "dora")}, extensions={"800": "queue:sales"})
    anna, dora = hall.phone("anna"), hall.phone("dora", answer_after=1.0)
    hall.run(1)
    hall.switch.switch.agent_command(AgentCommand("eve", "login"), hall.now)
    hall.switch.settle(hall.now)
    line = anna.call("800")
    hall.run(1.6)
    return hall, line, dora.lines[-1]


NOTICE = "recording-notice"


@pytest.mark.parametrize("refuses", [False, True])
def test_a_queue_tells_both_right_before_they_talk(refuses: bool) -> None:
    hall, line, there = consented()
    assert NOTICE in hall.hears(line) and NOTICE in hall.hears(there)
    assert not commands(hall) and not hall.switch.named("queue.connected")
    if refuses:
        hall.press(line, "7")  # means nothing here
        hall.run(0.1)
        assert NOTICE in hall.hears(line)
        hall.press(line, "*")
        hall.run(0.3)
    else:
        hall.run(10)
    assert (hall.hears(line), hall.hears(there)) == ("bridge:dora", "bridge:anna")
    assert len(hall.switch.named("queue.connected")) == 1
    assert len(hall.switch.named("recording.started")) == (0 if refuses else 1)
    line.phone.hang_up(line)
    hall.run(40)
    (ended,) = hall.switch.named("call.ended")
    assert "consent:sales" in ended.path and ("consent_refused:*" in ended.path) is refuses
    hall.assert_idle()


def test_an_agent_who_takes_the_call_by_a_key_hears_it_too() -> None:
    hall, line, there = consented(confirm="always")
    hall.press(there, "1")
    hall.run(0.3)
    assert NOTICE in hall.hears(line) and NOTICE in hall.hears(there)
    hall.run(10)
    assert (hall.hears(line), hall.hears(there)) == ("bridge:dora", "bridge:anna")
    line.phone.hang_up(line)
    hall.run(40)
    hall.assert_idle()


def test_who_hangs_up_over_the_notice_has_talked_to_nobody() -> None:
    hall, line, _ = consented()
    line.phone.hang_up(line)
    hall.run(40)
    assert [one.outcome for one in hall.switch.named("queue.left")] == ["abandoned_connecting"]
    hall.assert_idle()


def test_hold_changes_nothing() -> None:
    hall = world()
    anna, line = talking(hall)
    anna.reinvite(line, "sendonly")
    hall.run(2)
    anna.reinvite(line)
    hall.run(2)
    assert len(commands(hall)) == 1


def test_a_recording_that_fails_leaves_the_call_alone() -> None:
    hall = world()
    anna, line = talking(hall)
    (record,) = commands(hall)
    del hall.worker.recordings[record.record]
    hall.worker.report(0.0, Recorded(record.record, record.path, 1.0, 32_044, error="No space left on device"))
    hall.run(2)
    assert line.state == "up"
    (done,) = hall.switch.named("recording.finished")
    assert done.error == "No space left on device"
    anna.hang_up(line)
    hall.run(40)
    assert len(hall.switch.named("recording.finished")) == 1
    hall.assert_idle()


def test_a_worker_that_dies_is_replaced_and_the_rest_is_another_recording() -> None:
    hall = world()
    _, line = talking(hall)
    (record,) = commands(hall)
    switch = hall.switch
    switch.media(0, Stopped(0, "killed"), hall.now)
    hall.worker.ports.clear()
    hall.worker.recordings.clear()
    assert switch.switch.recordings_of(0) == [(record.record, record.path)]
    assert switch.switch.recording_interrupted(record.record, 1.25, 40_044, "its media worker died", hall.now)
    switch.media(0, Ready(0, 40_000, 200, "epoll", 1), hall.now)
    hall.run(1)
    assert line.state == "up"
    (done,) = switch.named("recording.finished")
    assert (done.seconds, done.interrupted) == (1.25, True)
    first, second = switch.named("recording.started")
    assert second.path.endswith("-2.wav") and second.call == first.call
    assert not switch.switch.recording_interrupted(12345, 0.0, 0, "", hall.now)


def test_a_restart_ends_recordings_of_calls_that_are_gone() -> None:
    hall = world()
    hall.worker.recordings[9] = Record(9, "/var/recordings/a.wav", 1, 2)
    kept = Recording(9, "gone", 0, "a.wav", "wav", "always", hall.now - 60, -1, -1)
    hall.switch.switch.adopt_recordings([kept], hall.now)
    hall.switch.settle(hall.now)
    hall.run(1)
    (done,) = hall.switch.named("recording.finished")
    assert (done.recording, done.call, done.path) == (9, "gone", "a.wav")
    hall.assert_idle()


def test_a_restart_goes_on_with_what_its_workers_went_on_with() -> None:
    hall = world()
    talking(hall)
    recorder, call = hall.switch.calls.board.recorder, next(iter(hall.switch.calls.board.calls.values()))
    (record,) = commands(hall)
    kept = recorder.live.pop(record.record)
    recorder._by_call.clear()  # As a new switch that has taken the call back would have it.
    hall.switch.switch.expect_recordings([call.id])
    call.changed(hall.now)
    assert len(commands(hall)) == 1  # Not once more.
    found = Recording(kept.id, call.id, 0, kept.path, "wav", "always", hall.now - 60, -1, -1)
    hall.switch.switch.adopt_recordings([found], hall.now)
    call.changed(hall.now)
    hall.switch.settle(hall.now)
    assert {one.record for one in commands(hall)} == {record.record}
    assert recorder.current(call) is found

    recorder.live.clear()
    recorder._by_call.clear()
    hall.switch.switch.expect_recordings([call.id])
    hall.switch.switch.adopt_recordings([], hall.now)  # The worker was gone, too: the rest is another recording.
    hall.switch.settle(hall.now)
    assert recorder.current(call) is not None and recorder.current(call) is not found


@pytest.mark.parametrize("text", ["../../etc/passwd", "a/b", ".hidden", "x" * 300, "", "\0", "żółw", "+48 600"])
def test_names_are_safe(text: str) -> None:
    name = safe(text)
    assert name and len(name) <= 40 and name.isascii()
    assert not set(name) & set("/\\.\0 ") and not name.startswith("-")


@pytest.mark.parametrize("text", ["{call}/../x", "/abs/{call}", "{date}{call}", "no-call", "a//{call}", ".{call}"])
def test_templates_that_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        checked_name(text)
    assert checked_name(DEFAULT_NAME) == DEFAULT_NAME


def test_one_way_audio_and_quality_are_told_of_calls() -> None:
    hall = world()
    talking(hall, "anna", "dora")
    legs = {leg.role: leg for leg in hall.switch.calls.board.legs.values()}
    index = legs["callee"].media.index
    hall.worker.report(0.0, Audio(index, "dead", 4.5))
    hall.worker.report(0.0, Quality(index, 4.4, 0.0, 1.0, 20.0, 4.3))
    hall.worker.report(0.1, Quality(index, 3.2, 0.06, 9.0, 90.0))
    hall.run(1)
    (told,) = hall.switch.named("call.audio")
    assert (told.role, told.state, told.one_way, told.leg) == ("callee", "dead", True, legs["callee"].id)
    (worse,) = hall.switch.named("quality.rtp")  # That it was good at first is no news.
    assert (worse.quality, worse.mos, worse.loss) == ("poor", 3.2, 0.06)
    (call,) = hall.switch.switch.call_list(hall.now)
    seen = {one["role"]: one for one in call["legs"]}
    assert (seen["callee"]["audio"], seen["callee"]["quality"]) == ("dead", "poor")
    assert seen["caller"]["audio"] == "heard"
    media = hall.switch.switch.status(hall.now)["media"]
    assert media["audio"] == {"heard": 1, "dead": 1} and media["quality"] == {"poor": 1} and media["mos"] == 3.2
    hall.worker.report(0.0, Audio(legs["caller"].media.index, "dead", 4.5))
    hall.run(1)
    assert [one.one_way for one in hall.switch.named("call.audio")] == [True, False]
