"""Asking a program outside where a call is to go (API-14): what it is told, and what of its answers is taken.

A call that nobody has answered yet waits for the answer as it is: it can still be refused, or ring somebody for nothing. One
that was answered hears music. Without an answer that makes sense it goes where the site says.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.dialplan import SITE, plan_of
from softswitch.call.flow import Do, Fetch, Flow, Mark, Runner, Stage, Step
from softswitch.call.routing import Destination, parse, route
from softswitch.call.visitor import Visitor
from softswitch.numbers import normalise

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.menu import Site
    from softswitch.directory import Directory
    from softswitch.directory.hooks import Router

ROUTER: Final = "router"
OK: Final = range(200, 300)
REJECTIONS: Final = frozenset((403, 404, 410, 480, 486, 603))  # statuses that a program may refuse a call with
MOST: Final = 200  # characters of a destination


@dataclass(slots=True, frozen=True)
class Way:
    """Where the call goes. `status`: of SIP, with which it is refused in place of that; `why`: for its path."""

    destination: Destination
    why: str
    status: int = 0


def request(router: Router, visitor: Visitor, site: Site, quiet: bool) -> Fetch:
    """What the program is asked. A number that is not to be shown is not told."""
    call = visitor.subject
    visitor.customer(site.facts)
    said: dict[str, Any] = {
        "router": router.name, "call": call.id, "caller": "" if call.hidden else call.caller_number,
        "caller_name": "" if call.hidden else call.caller_name, "hidden": call.hidden, "number": call.dialled,
        "trunk": call.trunk, "customer": visitor.customer_id, "language": call.language,
    }  # fmt: skip
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"))
    return Fetch(
        router.url, "POST", headers, json.dumps(said).encode(), router.timeout, secret=router.secret, quiet=quiet
    )


def ask(name: str, site: Site, visitor: Visitor, quiet: bool = False) -> Generator[Step, str, Way]:
    """Ask, and decide. Steps of a flow."""
    router = site.directory.routers.get(name)
    if router is None:
        yield Mark("unknown_router", name)
        return Way(Destination("hangup"), "unknown_router")
    visitor.hops += 1
    step = request(router, visitor, site, quiet)
    result = yield step
    way = _decide(router, site.directory, result, step)
    yield Mark(ROUTER, f"{name} {way.why}")
    return way


def _decide(router: Router, directory: Directory, result: str, step: Fetch) -> Way:
    static = parse(router.otherwise) if router.otherwise else Destination("hangup")
    if result != "ok":
        return Way(static, result)
    if step.status not in OK:
        return Way(static, f"status {step.status}")
    try:
        data = json.loads(step.answer)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return Way(static, "no JSON")
    status = data.get("reject")
    if type(status) is int and status in REJECTIONS:
        return Way(static, f"reject {status}", status)
    wanted = data.get("destination")
    if wanted is None and status is None:
        return Way(static, "no destination")
    found = checked(str(wanted), directory, router.outside) if isinstance(wanted, str) else None
    return Way(found, str(found)) if found is not None else Way(static, "not a destination")


def checked(text: str, directory: Directory, outside: bool) -> Destination | None:
    """The destination that a program has named, if it is one of the site, and none that asks a program again."""
    if len(text) > MOST:
        return None
    wanted = parse(text)
    if wanted.kind == "extension":
        target = route(wanted.name, directory)
        if not isinstance(target, Destination):
            return None
        wanted = target
    if wanted.kind == "outside":
        number = normalise(wanted.name, directory.country)
        known = bool(outside and directory.trunks and number) and plan_of(directory).route(number) is not None
        return Destination("outside", number, SITE) if known else None
    if wanted.kind in ("echo", "hangup"):
        return wanted
    tables: dict[str, Any] = {
        "account": directory.accounts, "queue": directory.queues, "callback": directory.queues, "menu": directory.menus,
        "group": directory.groups, "conference": directory.conferences, "voicemail": directory.mailboxes,
    }  # fmt: skip
    name, _, detail = wanted.name.partition(":")
    if name not in tables.get(wanted.kind, ()):
        return None
    if wanted.kind == "menu" and detail and detail not in directory.menus[name].branches:
        return None
    return wanted


def begin(call: Call, destination: Destination, stage: Stage, now: float) -> None:
    """Ask for a call that nobody has answered; it goes on from there."""
    call.recipe = ("to", str(destination))
    call.runner = Runner(_lead(call, destination.name), stage)
    call.runner.start(now)


def _lead(call: Call, name: str) -> Flow:
    way = yield from ask(name, call.board.site, call.visitor, quiet=True)

    def go(now: float) -> str:
        runner, call.runner = call.runner, None
        if runner is not None:
            runner.stop()
        if way.status:
            call.caller.hang_up(now, way.status, "router")
            call.end("router", now, way.status)
        else:
            call.start(way.destination, now)
        return ""

    yield Do(go)


def resumes(call: Call) -> bool:
    """Whether a call that nobody has answered was waiting for an answer when the switch was restarted."""
    return call.recipe[:1] == ("to",) and call.recipe[1].startswith(f"{ROUTER}:")
