"""Supervision and conferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class SupervisionStarted(Event):
    """Somebody watches a phone from now on. `call` is the supervisor's own, `target` the conversation, "" while there is none."""

    name: ClassVar[str] = "supervision.started"
    call: str
    supervisor: str  # the account
    device: str  # the account of the phone that is watched
    mode: str  # "listen" | "whisper" | "barge"
    target: str
    by: str  # "phone" | "cli" | "api:NAME"


@dataclass(slots=True)
class SupervisionChanged(Event):
    """A supervisor does something else, or has followed the phone to another conversation."""

    name: ClassVar[str] = "supervision.changed"
    call: str
    supervisor: str
    device: str
    mode: str
    target: str
    by: str = ""  # who changed the mode, as of `supervision.started`; "" = it has followed the phone


@dataclass(slots=True)
class SupervisionEnded(Event):
    """A supervisor watches no longer. `cause`: "takeover", or that of the end of the supervisor's call."""

    name: ClassVar[str] = "supervision.ended"
    call: str
    supervisor: str
    device: str
    mode: str
    target: str
    cause: str
    seconds: float
    by: str = ""  # whose order it was, as of `supervision.started`


@dataclass(slots=True)
class ConferenceJoined(Event):
    """A caller is in a conference. `members`: how many there are now."""

    name: ClassVar[str] = "conference.joined"
    conference: str
    call: str
    caller: str
    caller_name: str
    members: int


@dataclass(slots=True)
class ConferenceChanged(Event):
    """A conference was locked or opened, or members were muted, unmuted or removed."""

    name: ClassVar[str] = "conference.changed"
    conference: str
    what: str  # "locked" | "unlocked" | "muted" | "unmuted" | "kicked"
    call: str  # whom it is about, "" = all
    by: str


@dataclass(slots=True)
class ConferenceLeft(Event):
    """A caller has left a conference."""

    name: ClassVar[str] = "conference.left"
    conference: str
    call: str
    caller: str
    members: int
    seconds: float
