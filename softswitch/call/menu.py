"""Menus of the site as flows (IVR-01..04, IVR-07): steps in order, choices, opening hours, destinations.

A menu called by a choice of another is its child: `*` goes back to the parent, `#` repeats. Jumping in a circle without
a key from the caller ends the call after MAX_JUMPS (IVR-03): a silent line must not stay for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from softswitch.call.conference import LOCKED
from softswitch.call.flow import (
    Dial,
    Echo,
    EnterQueue,
    Flow,
    Gather,
    Hangup,
    Language,
    Mark,
    Meet,
    Music,
    Play,
    Step,
    Tell,
    Watch,
)
from softswitch.call.routing import Destination, Refusal, parse, route
from softswitch.directory import ChoiceStep, Directory, GotoStep, HoursStep, Menu, PlayStep
from softswitch.effects import AgentCommand

PIN_ATTEMPTS: Final = 3
PIN_TIMEOUT: Final = 10.0  # seconds to the first key
MAX_JUMPS: Final = 20  # changes of menu without a key

_BACK: Final = "<"
_DONE: Final = ""

# How a failed dial attempt is told to a caller who has already been answered.
FAILURES: Final = {
    "busy": ("number-busy",),
    "no_answer": ("no-answer",),
    "rejected": ("number-busy",),
    "unreachable": ("unavailable",),
    "not_found": ("invalid-number",),
    "forbidden": ("not-permitted",),
}
CONFIRMATIONS: Final = {
    "login": "agent-logged-in",
    "logout": "agent-logged-out",
    "ready": "agent-ready",
    "ready_once": "agent-ready",
    "not_ready": "agent-not-ready",
    "end_wrap_up": "agent-wrap-up-ended",
}


@dataclass(slots=True)
class Site:
    """What flows read: the snapshot of the site, and the clock behind `is_open`."""

    directory: Directory
    is_open: Callable[[str], bool]


def flow_for(destination: Destination, site: Site) -> Flow:
    """The flow for a destination of a call that we answer ourselves."""
    kind = destination.kind
    if kind == "menu":
        yield from _menus(destination.name, site)
    elif kind == "queue":
        yield EnterQueue(destination.name)
    elif kind in ("extension", "account"):
        yield from _extension(destination.name, site)
    elif kind == "conference":
        yield from _conference(destination.name, site)
    elif kind == "supervise":
        yield from supervise(destination.name, destination.detail or "listen")
    elif kind == "echo":
        yield Play(("echo-intro",), interruptible=True)
        yield Echo()
    elif kind == "music":
        yield Music(destination.name)
    elif kind == "play":
        yield Play((destination.name,), interruptible=False)
        yield Hangup()
    elif kind == "hangup":
        yield Hangup()
    else:
        yield Mark("unknown_destination", str(destination))
        yield Play(("unavailable",), interruptible=False)
        yield Hangup("unknown_destination")


def resumed(recipe: Sequence[str], site: Site) -> Flow:
    """The flow of a caller who was led by one when the switch was restarted (`Call.recipe`)."""
    kind = recipe[0] if recipe else ""
    if kind == "menu":
        yield from _menus(recipe[1], site, recipe[2:])
    elif kind == "to":
        yield from flow_for(parse(recipe[1]), site)
    elif kind == "say":
        yield from farewell(tuple(recipe[2:]), recipe[1])
    elif kind == "echo":
        yield Echo()
    elif kind == "music":
        yield Music(recipe[1])
    else:
        yield Hangup()


def feature(agent: str, destination: Destination, device: str) -> Flow:
    """A feature code (SIG-30): do it, say so, hang up."""
    verb = destination.name
    if not agent:
        yield Play(("agent-unknown",), interruptible=False)
        yield Hangup("no_agent")
        return
    yield Tell(AgentCommand(agent, verb, destination.detail, device if verb == "login" else "", "phone"))
    yield Play((CONFIRMATIONS.get(verb, "done"),), interruptible=False)
    yield Hangup()


def supervise(device: str, mode: str, by: str = "phone") -> Flow:
    """Listen to the conversations of a phone."""
    refusal = yield Watch(device, mode, by)
    yield from farewell(("not-permitted",), refusal)


def _conference(name: str, site: Site) -> Flow:
    """Ask for the PIN if there is one, and go in."""
    config = site.directory.conferences.get(name)
    if config is None:
        yield from farewell(("unavailable",), "unknown_conference")
        return
    moderator = False
    pins = [pin for pin in (config.pin, config.moderator_pin) if pin]
    if pins:
        typed = ""
        for attempt in range(PIN_ATTEMPTS):
            typed = yield Gather(
                ("enter-pin",), PIN_TIMEOUT, max(map(len, pins)), terminator="#", secret=True,
            )  # fmt: skip
            moderator = bool(config.moderator_pin) and compare_digest(typed, config.moderator_pin)
            if moderator or compare_digest(typed, config.pin):
                break
            if attempt < PIN_ATTEMPTS - 1:
                yield Play(("pin-wrong",), interruptible=False, secret=True)
        else:
            yield from farewell(("pin-wrong",), "wrong_pin")
            return
    refusal = yield Meet(name, moderator)
    yield from farewell(("not-permitted" if refusal == LOCKED else "unavailable",), refusal)


def farewell(clips: tuple[str, ...], cause: str) -> Flow:
    """Say something, hang up."""
    yield Play(clips, interruptible=False)
    yield Hangup(cause)


def _extension(dialled: str, site: Site) -> Flow:
    """Ring somebody for a caller who was answered already; say why if it fails."""
    target = route(dialled, site.directory)
    if isinstance(target, Refusal):
        failure = "not_found" if target.status == 404 else "failed"
    elif target.kind != "account":
        # An alias of something that plays by itself; `route` has already refused circles of aliases.
        yield from flow_for(target, site)
        return
    else:
        failure = yield Dial(target.name)
    yield Play(FAILURES.get(failure, ("call-failed",)), interruptible=False)
    yield Hangup(failure)


def _menus(name: str, site: Site, way: Sequence[str] = ()) -> Flow:
    """Run a menu and those it leads to, with the way back on a stack."""
    stack = list(way)
    jumps = 0
    while jumps < MAX_JUMPS:
        menu = site.directory.menus.get(name)
        if menu is None:
            yield Mark("unknown_menu", name)
            yield from farewell(("unavailable",), "unknown_menu")
            return
        yield Mark("menu", name, tuple(stack))
        if menu.language:
            yield Language(menu.language)
        keyed, target = yield from _menu(menu, bool(stack), site)
        jumps = 0 if keyed else jumps + 1
        if target == _BACK:
            name = stack.pop()
            continue
        destination = parse(target)
        if destination.kind != "menu":
            yield Mark("destination", target or "hangup")
            yield from flow_for(destination if target else Destination("hangup"), site)
            return
        if keyed:
            stack.append(name)
        name = destination.name
    yield Mark("loop", name)
    yield from farewell(("goodbye",), "menu_loop")


def _menu(menu: Menu, child: bool, site: Site) -> Generator[Step, str, tuple[bool, str]]:
    """The steps of one menu; returns (whether a key led out of it, where to), `_DONE` = nowhere: hang up."""
    for step in menu.steps:
        if isinstance(step, PlayStep):
            yield Play(step.clips, step.interruptible)
        elif isinstance(step, HoursStep):
            if not site.is_open(step.hours):
                return False, step.closed
        elif isinstance(step, GotoStep):
            return False, step.destination
        else:
            keyed, target = yield from _choice(step, child)
            return keyed, target
    return False, _DONE


def _choice(step: ChoiceStep, child: bool) -> Generator[Step, str, tuple[bool, str]]:
    """Ask for one key until it means something (IVR-01). `#` repeats and does not count as an attempt, up to a limit."""
    attempts = repeats = 0
    while attempts < max(1, step.attempts):
        digit = yield Gather(step.clips, step.timeout)
        target = step.choices.get(digit) if digit else None
        if target is not None:
            yield Mark("choice", digit)
            return True, target
        if digit == "*" and child:
            return True, _BACK
        if digit == "#" and repeats < MAX_JUMPS:
            repeats += 1
            continue
        attempts += 1
        clips = step.on_invalid if digit else step.on_timeout
        if clips and attempts < step.attempts:
            yield Play(clips)
    yield Mark("no_choice")
    return False, step.otherwise
