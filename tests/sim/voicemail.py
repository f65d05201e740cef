"""A site with mailboxes, and what is said and heard in them."""

from __future__ import annotations

from typing import Any

from softswitch.directory import Mailbox
from tests.sim.world import World, site

FOLDER = "/var/voicemail"
EPOCH = 1_700_000_000.0 - 1_000.0


def hall(*boxes: Mailbox, accounts: dict[str, Any] | None = None, **more: Any) -> World:
    """Anna has a mailbox, Bob and Carl have none unless the test says so."""
    boxes = boxes or (Mailbox("anna", pin="4711", review=False),)
    found = site(
        "anna", "bob", "carl", accounts=accounts, mailboxes={one.name: one for one in boxes}, language="pl", **more
    )
    world = World(found, voicemail=FOLDER)
    world.switch.calls.board.recorder.epoch = EPOCH
    return world


def boxes(world: World) -> Any:
    return world.switch.calls.board.mailboxes


def dial(world: World, user: str, number: str) -> tuple[Any, Any]:
    phone = next((one for one in world.phones.values() if one.user == user), None) or world.phone(user)
    world.run(0.5)
    line = phone.call(number)
    world.run(0.5)
    assert line.state == "up", line.state
    return phone, line


def keys(world: World, line: Any, text: str) -> None:
    for key in text:
        world.press(line, key)
        world.run(0.2)


def listen(world: World, line: Any, seconds: float = 30.0) -> list[str]:
    """What the caller hears one after the other, until there is nothing new for a while."""
    heard: list[str] = []
    while seconds > 0:
        now = world.hears(line)
        if not heard or heard[-1] != now:
            heard.append(now)
        world.run(0.1)
        seconds -= 0.1
    return heard


def said(heard: list[str]) -> list[str]:
    """The clips of what was heard, without their language."""
    return [clip.removeprefix("pl/") for one in heard if one.startswith("play:") for clip in one[5:].split()]


def take(world: World, user: str = "bob", number: str = "*99anna", spoken: float = 6.0, end: str = "hang up") -> Any:
    """Leave a message."""
    phone, line = dial(world, user, number)
    world.press(line, "#")  # Nobody wants to hear the greeting.
    world.run(0.7)
    assert world.worker.recordings
    world.run(spoken)
    if end == "hang up":
        phone.hang_up(line)
    elif end == "silence":
        world.worker.hush(spoken)
        world.run(10)
    else:
        world.press(line, end)
        world.run(0.5)
        return line
    world.run(2)
    return line
