"""Prompts recorded by telephone, in virtual time: the phone rings, beeps, records, plays back, and asks."""

from __future__ import annotations

from typing import Any

import pytest

from media.control import Record
from tests.sim.voicemail import FOLDER, boxes, hall, keys, listen, said
from tests.sim.world import World


def order(world: World, account: str = "bob") -> tuple[str, str]:
    found = world.switch.switch.record_prompt(account, "welcome", "pl", "eva", world.now)
    world.switch.settle(world.now)
    world.run(0.1)
    return found


def begin(world: World) -> Any:
    """Bob's phone rings, and Bob answers."""
    phone = world.phone("bob", answer_after=1.0)
    world.run(0.5)
    call, refusal = order(world)
    assert call and not refusal
    world.run(1.2)
    (line,) = phone.lines
    assert line.state == "up"
    assert said(listen(world, line, 2.0))[-1:] == ["vm-record-greeting"]
    return line


def speak(world: World, line: Any, seconds: float = 4.0) -> None:
    """What is said, ended with the key."""
    listen(world, line, 3.0)
    assert world.worker.recordings
    world.run(seconds)
    keys(world, line, "#")
    world.run(1.0)


def spoken(world: World) -> list[Any]:
    return world.switch.named("prompt.spoken")


def test_what_is_kept_is_told_with_its_file() -> None:
    world = hall()
    line = begin(world)
    speak(world, line)
    (record,) = [one for one in world.worker.commands if type(one) is Record]
    assert world.hears(line) == f"file:{record.path}", "it is played back"
    keys(world, line, "1")
    assert "done" in said(listen(world, line, 4.0))
    (event,) = spoken(world)
    assert (event.prompt, event.language, event.by) == ("welcome", "pl", "eva")
    assert f"{FOLDER}/{event.path}" == record.path and event.seconds > 3.0
    assert not world.switch.named("voicemail.discarded") and not boxes(world).messages
    world.run(40)
    world.assert_idle()


def test_it_is_recorded_again() -> None:
    world = hall()
    line = begin(world)
    speak(world, line)
    keys(world, line, "3")
    listen(world, line, 2.0)
    speak(world, line, 6.0)
    keys(world, line, "1")
    world.run(5)
    (event,) = spoken(world)
    assert event.seconds > 5.0
    assert [one.cause for one in world.switch.named("voicemail.discarded")] == ["again"]


def test_back_to_the_standard_one() -> None:
    world = hall()
    line = begin(world)
    speak(world, line)
    keys(world, line, "4")
    world.run(5)
    (event,) = spoken(world)
    assert event.path == "" and [one.cause for one in world.switch.named("voicemail.discarded")] == ["standard"]


def test_who_hangs_up_keeps_nothing() -> None:
    world = hall()
    line = begin(world)
    world.run(6)
    assert world.worker.recordings
    line.phone.hang_up(line)
    world.run(45)
    assert spoken(world) == [] and len(world.switch.named("voicemail.discarded")) == 1
    world.assert_idle()


@pytest.mark.parametrize(("account", "why"), [("nobody", "no such account"), ("bob", "recordings")])
def test_what_cannot_be_is_said(account: str, why: str) -> None:
    world = hall()
    world.phone("bob")
    world.run(0.5)
    if account == "bob":
        boxes(world).room = False
    call, refusal = order(world, account)
    assert not call and why in refusal
