"""Destinations of the site as flows: what becomes of a call that we answer ourselves. Menus are walked by `tree`."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from softswitch.call import plugin, router, tree
from softswitch.call.actions import FAILURES
from softswitch.call.conference import LOCKED
from softswitch.call.facts import Facts
from softswitch.call.flow import (
    AskCallback,
    Dial,
    Echo,
    EnterMailbox,
    EnterQueue,
    Flow,
    Gather,
    Hangup,
    Mark,
    Meet,
    Music,
    Play,
    Tell,
    Watch,
)
from softswitch.call.routing import Destination, Refusal, parse, route
from softswitch.call.visitor import Somebody, Visitor
from softswitch.directory import Directory
from softswitch.directory.pauses import UNKNOWN
from softswitch.effects import AgentCommand

if TYPE_CHECKING:
    from softswitch.call.plugin import Plugin

PIN_ATTEMPTS: Final = 3
MAX_HOPS: Final = 100  # menus that call each other by way of flows in Python
PIN_TIMEOUT: Final = 10.0  # seconds to the first key

CONFIRMATIONS: Final = {
    "login": "agent-logged-in",
    "logout": "agent-logged-out",
    "ready": "agent-ready",
    "ready_once": "agent-ready",
    "not_ready": "agent-not-ready",
    "end_wrap_up": "agent-wrap-up-ended",
}


QUEUE_CONFIRMATIONS: Final = {
    "login": "queue-logged-in", "ready": "queue-logged-in", "logout": "queue-logged-out", "not_ready": "queue-paused",
}  # fmt: skip


@dataclass(slots=True)
class Site:
    """What flows read: the snapshot of the site, the clock behind `is_open`, whoever knows more, and flows in Python."""

    directory: Directory
    is_open: Callable[[str], bool]
    facts: Facts = field(default_factory=Facts)
    flows: Mapping[str, Plugin] = field(default_factory=dict)


def flow_for(destination: Destination, site: Site, visitor: Visitor | None = None) -> Flow:
    """The flow for a destination of a call that we answer ourselves. `visitor`: what earlier menus have found out."""
    visitor = visitor or Visitor(Somebody(language=site.directory.language))
    kind = destination.kind
    if kind in ("menu", "flow"):
        yield from _led(destination, site, visitor)
    elif kind == router.ROUTER:
        yield from _routed(destination.name, site, visitor)
    elif kind == "queue":
        yield EnterQueue(destination.name, destination.priority or visitor.priority)
    elif kind == "callback":
        yield AskCallback(destination.name)
    elif kind in ("extension", "account"):
        yield from _extension(destination.name, site, visitor)
    elif kind in ("group", "outside"):
        yield from _put_through(Dial(destination.name, kind, destination.detail))
    elif kind == "conference":
        yield from _conference(destination.name, site)
    elif kind == "voicemail":
        box, _, variant = destination.name.partition(":")
        yield EnterMailbox(box, variant or "leave")
    elif kind == "mailbox":
        yield EnterMailbox(destination.name, "open")
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


def resumed(recipe: Sequence[str], site: Site, visitor: Visitor | None = None) -> Flow:
    """The flow of a caller who was led by one when the switch was restarted (`Call.recipe`)."""
    kind = recipe[0] if recipe else ""
    if kind == "menu":
        yield from _led(Destination("menu", recipe[1]), site, visitor or Visitor(Somebody()), recipe[2:])
    elif kind == "to":
        yield from flow_for(parse(recipe[1]), site, visitor)
    elif kind == "say":
        yield from farewell(tuple(recipe[2:]), recipe[1])
    elif kind == "message":
        yield EnterMailbox(recipe[1], "leave", recipe[2])
    elif kind == "echo":
        yield Echo()
    elif kind == "music":
        yield Music(recipe[1])
    else:
        yield Hangup()


def _led(destination: Destination, site: Site, visitor: Visitor, way: Sequence[str] = ()) -> Flow:
    """Through a menu or a flow in Python, and on to where it leads."""
    visitor.hops += 1
    if visitor.hops > MAX_HOPS:
        yield Mark("loop", str(destination))
        yield from farewell(("goodbye",), "menu_loop")
        return
    lead = tree.walk if destination.kind == "menu" else plugin.run
    onward = yield from lead(destination.name, site, visitor, way)
    if onward is not None:
        yield from flow_for(onward, site, visitor)


def _routed(name: str, site: Site, visitor: Visitor) -> Flow:
    """To where a program says, for a caller who was answered already."""
    way = yield from router.ask(name, site, visitor)
    if way.status:
        yield from farewell(("unavailable",), "router")
    elif visitor.hops > MAX_HOPS:
        yield from farewell(("goodbye",), "menu_loop")
    else:
        yield from flow_for(way.destination, site, visitor)


def feature(agent: str, destination: Destination, device: str, choices: Container[str] = ()) -> Flow:
    """A feature code (SIG-30): do it, say so, hang up. `choices`: the dispositions that the agent may choose now."""
    verb = destination.name
    if not agent:
        yield Play(("agent-unknown",), interruptible=False)
        yield Hangup("no_agent")
        return
    if verb == "disposition" and destination.detail not in choices:
        yield from farewell(("not-permitted",), "no_disposition")
        return
    if destination.detail == UNKNOWN:
        yield from farewell(("invalid-number",), "no_such_reason")
        return
    device = device if verb == "login" and not destination.queue else ""
    yield Tell(AgentCommand(agent, verb, destination.detail, device, "phone", destination.queue))
    said = QUEUE_CONFIRMATIONS if destination.queue else CONFIRMATIONS
    yield Play((said.get(verb, "done"),), interruptible=False)
    yield Hangup()


def supervise(device: str, mode: str, by: str = "phone", granted: bool = False) -> Flow:
    """Listen to the conversations of a phone. `granted`: whoever has ordered it may, whatever the site says of the account."""
    refusal = yield Watch(device, mode, by, granted)
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


def _extension(dialled: str, site: Site, visitor: Visitor) -> Flow:
    """Ring somebody for a caller who was answered already; say why if it fails."""
    target = route(dialled, site.directory)
    if isinstance(target, Refusal):
        failure = "not_found" if target.status == 404 else "failed"
    elif target.kind != "account":
        # An alias of something that plays by itself; `route` has already refused circles of aliases.
        yield from flow_for(target, site, visitor)
        return
    else:
        yield from _put_through(Dial(target.name))
        return
    yield Play(FAILURES.get(failure, ("call-failed",)), interruptible=False)
    yield Hangup(failure)


def _put_through(step: Dial) -> Flow:
    failure = yield step
    yield Play(FAILURES.get(failure, ("call-failed",)), interruptible=False)
    yield Hangup(failure)
