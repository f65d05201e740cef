"""Menus of the directory as flows (IVR-01..04, 07): automatic steps in order, choices by key, opening hours, goto.

Destinations that are menus are followed here; all others leave the flow. `*` goes back to where the caller came from and
`#` repeats the choice, unless the menu gives these keys a meaning of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Final

from softswitch.call.flow import Flow, Gather, Hangup, Leave, Note, Play, Step
from softswitch.directory import ChoiceStep, GotoStep, HoursStep, Menu, PlayStep

MAX_MENUS: Final = 50  # menus entered in one call: a tree that leads back to itself must not keep a caller for ever
BACK: Final = "*"
REPEAT: Final = "#"


@dataclass(slots=True)
class _Chosen:
    """What a choice came to: a destination, or back to the menu before."""

    destination: str = ""
    back: bool = False


def menu_flow(name: str, menus: Mapping[str, Menu], is_open: Callable[[str], bool]) -> Flow:
    """The flow that begins at a menu. `is_open`: whether an opening-hours scheme is open now."""
    trail: list[str] = []  # the menus that lead back
    for _ in range(MAX_MENUS):
        menu = menus.get(name)
        if menu is None:
            yield Note("missing-menu", name)
            yield Play(("unavailable",), until_digit=False)
            yield Hangup("the menu does not exist")
            return
        yield Note(f"menu:{name}")
        chosen = yield from _steps(menu, is_open)
        if chosen.back:
            name = trail.pop() if trail else name
            continue
        kind, _, argument = chosen.destination.partition(":")
        if kind == "menu":
            trail.append(name)
            name = argument
        elif kind == "play":
            yield Play(tuple(argument.split(",")), until_digit=False)
            yield Hangup()
            return
        elif kind == "hangup":
            yield Hangup()
            return
        else:
            yield Leave(chosen.destination)
            return
    yield Note("too-many-menus", name)
    yield Hangup("too many menus in one call")


def _steps(menu: Menu, is_open: Callable[[str], bool]) -> Generator[Step, str | None, _Chosen]:
    """The steps of one menu in order; where they lead in the end. Falling off the end hangs up."""
    for step in menu.steps:
        match step:
            case PlayStep():
                yield Play(step.clips, until_digit=step.interruptible)
            case HoursStep():
                if not is_open(step.hours):
                    yield Note(f"closed:{step.hours}")
                    return _Chosen(step.closed)
            case GotoStep():
                return _Chosen(step.destination)
            case ChoiceStep():
                return (yield from _choice(step))
    return _Chosen("hangup")


def _choice(step: ChoiceStep) -> Generator[Step, str | None, _Chosen]:
    """Ask until a key fits or the attempts are used up."""
    attempts = 0
    while attempts < step.attempts:
        yield Play(step.clips)
        key = yield Gather(step.timeout)
        if key and key in step.choices:
            yield Note("choice", key)
            return _Chosen(step.choices[key])
        if key == BACK:
            return _Chosen(back=True)
        if key == REPEAT:
            attempts += 1  # Counted, or a stuck key would keep the caller here for ever; nothing is said about it.
            continue
        attempts += 1
        if attempts < step.attempts:
            yield Play(step.on_invalid if key else step.on_timeout)
    yield Note("no-choice")
    return _Chosen(step.otherwise)
