"""Restarts and lost workers in the midst of a message; in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from media.control import Finish
from softswitch.call.mailboxes import Message
from softswitch.directory import Directory
from tests.sim.voicemail import EPOCH, boxes, dial, hall, keys, take
from tests.sim.world import World


def speaking(world: World) -> tuple[Any, Any]:
    phone, line = dial(world, "bob", "*99anna")
    world.press(line, "#")
    world.run(4.0)
    assert world.worker.recordings
    return phone, line


def test_a_restart_in_the_midst_of_a_message() -> None:
    world = hall()
    phone, line = speaking(world)
    world.kill()
    world.run(1.0)
    world.restart()
    world.switch.calls.board.recorder.epoch = EPOCH
    world.run(3.0)
    assert line.state == "up"
    assert not [one for one in world.worker.commands if type(one) is Finish]
    phone.hang_up(line)
    world.run(2.0)
    (left,) = world.switch.named("voicemail.left")
    (begun,) = world.switch.named("voicemail.begun")
    assert left.message == begun.message and left.seconds == pytest.approx(7.5, abs=1.0)
    assert (left.caller, left.caller_name, left.path) == ("bob", "Bob", begun.path)
    world.run(60)
    world.assert_idle()


def test_a_restart_with_another_worker_begins_another_message() -> None:
    world = hall()
    phone, line = speaking(world)
    world.kill()
    world.run(1.0)
    world.restart(worker_too=True)
    world.switch.calls.board.recorder.epoch = EPOCH
    (begun,) = world.switch.named("voicemail.begun")
    found = Message(begun.message, "anna", begun.path, "bob", "Bob", begun.call, seconds=3.0, octets=48_044)
    world.switch.switch.calls.board.mailboxes.take_up(found, busy=False)  # As the daemon finds it.
    world.switch.settle(world.now)
    world.run(10.0)
    if line.state == "up":
        phone.hang_up(line)
    world.run(3.0)
    left = world.switch.named("voicemail.left")
    assert left[0].message == begun.message and left[0].interrupted
    world.run(60)
    world.assert_idle()


def test_a_restart_in_the_menu_asks_for_the_pin_again() -> None:
    world = hall()
    _, line = dial(world, "anna", "*97")
    keys(world, line, "4711#")
    world.run(3)
    world.kill()
    world.run(0.5)
    world.restart()
    world.run(0.5)
    assert world.hears(line) == "play:pl/enter-pin"


def test_what_the_store_kept_is_back() -> None:
    world = hall()
    take(world)
    kept, messages = boxes(world).export(), list(boxes(world).messages.values())
    other = hall()
    boxes(other).load(messages, kept)
    assert boxes(other).counts("anna") == (1, 0)
    site_: Directory = other.switch.switch.directory
    assert site_.mailboxes["anna"].pin == "4711"


def test_a_worker_that_dies_leaves_what_is_on_the_disk() -> None:
    world = hall()
    speaking(world)
    (record,) = world.worker.recordings.values()
    board = world.switch.calls.board
    assert boxes(world).files(0) == [(record.record, record.path)]
    world.worker.recordings.clear()
    board.mailboxes.worker_lost(0, world.now)
    world.switch.settle(world.now)
    assert boxes(world).interrupted(record.record, 3.25, 52_044, "", world.now)
    world.switch.settle(world.now)
    (left,) = world.switch.named("voicemail.left")
    assert (left.seconds, left.interrupted) == (3.25, True)
    world.run(60)
    world.assert_idle()


def test_a_speaker_who_is_gone_after_a_restart() -> None:
    world = hall()
    _, line = speaking(world)
    world.kill()
    world.run(1.0)
    world.storage.calls.clear()  # As if it had never been kept.
    world.restart()
    world.run(1.0)
    assert not world.worker.recordings and line.state in ("up", "ended")


def test_a_mailbox_that_is_gone_after_a_restart() -> None:
    world = hall()
    speaking(world)
    world.kill()
    directory = world.switch.switch.directory
    world.switch.switch.directory = replace(directory, mailboxes={})
    world.run(1.0)
    world.restart()
    world.run(1.0)
    assert not world.worker.recordings
    assert world.switch.named("ivr.step")[-1].step == "unknown_mailbox"
