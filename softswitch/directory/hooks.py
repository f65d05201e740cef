"""Who outside is told what happens: programs that receive events (`docs/webhooks.md`). Only values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

EVERY: Final = "*"
ROWS: Final = ("missed", "answered", "ended", "recording", "callback", "disposition")  # of a CRM's matrix
BEARER: Final[Mapping[str, str]] = MappingProxyType({"Authorization": "Bearer {token}"})


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
    link_hours: float = 0.0  # links to recordings that are told are good for so long; 0 = none are (MED-16)


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


@dataclass(slots=True, frozen=True)
class CrmAction:
    """One request to a CRM. Names in braces stand for what they say (`crm.NAMES`), or for what earlier requests have saved."""

    path: str  # behind the CRM's address
    method: str = "POST"
    body: Mapping[str, Any] = field(default_factory=dict)  # texts with names, numbers, tables of them
    when: str = ""  # a name: only if it says something
    unless: str = ""  # a name: only if it says nothing
    save: Mapping[str, str] = field(
        default_factory=dict
    )  # name -> path in the JSON of the answer, such as "items.0.id"


@dataclass(slots=True, frozen=True)
class Crm:
    """A CRM that is told by a matrix (API-11): for each row, what is done there, in order."""

    name: str
    url: str = ""  # the beginning of every request
    token: str = ""  # {token} in `headers`
    title: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    actions: Mapping[str, CrmAction] = field(default_factory=dict)
    rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # row -> actions
    queues: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)  # queue -> rows that differ there
    enabled: bool = True
    timeout: float = 10.0  # seconds for an answer
    attempts: int = 8  # refusals of one event, then it is laid aside
    give_up_hours: float = 24.0
    link_hours: float = 0.0  # {recording_url} is good for so long; 0 = it says nothing
