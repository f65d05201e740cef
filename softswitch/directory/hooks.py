"""Who outside is told what happens: programs that receive events (`docs/webhooks.md`). Only values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EVERY: Final = "*"


@dataclass(slots=True, frozen=True)
class Webhook:
    """A program that is told events by HTTP, in order and at least once (API-03)."""

    name: str
    url: str = ""
    secret: str = ""  # "whsec_" and a key in base64: what is sent is signed with it
    title: str = ""
    events: tuple[str, ...] = (EVERY,)  # names ("call.ended") or the beginnings of names ("queue"); "*" = all
    queues: tuple[str, ...] = (EVERY,)  # only events of these queues; "*" = all events, of a queue or not
    enabled: bool = True  # else it is told later what happened meanwhile
    timeout: float = 10.0  # seconds for an answer
    attempts: int = 8  # refusals of one event, then it is laid aside
    give_up_hours: float = 24.0  # of trying one event, then it is laid aside


@dataclass(slots=True, frozen=True)
class Router:
    """A program that says where a call goes (API-14), as the destination "router:NAME"."""

    name: str
    url: str = ""
    secret: str = ""  # what is asked is signed with it, as a webhook is; "" = it is not signed
    title: str = ""
    timeout: float = 2.0  # seconds for an answer
    otherwise: str = "hangup"  # the destination without an answer that makes sense
    outside: bool = False  # it may name numbers outside, which cost money


def about(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether an event of this name is among those that are wanted."""
    return any(one in (EVERY, name) or name.startswith(f"{one}.") for one in prefixes)
