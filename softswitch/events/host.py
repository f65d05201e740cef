"""The switch itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class SourceBanned(Event):
    """A source of messages is not listened to for a while. `actor`: "switch" or who ordered it."""

    name: ClassVar[str] = "security.banned"
    source: str
    reason: str
    seconds: float
    count: int
    actor: str = "switch"


@dataclass(slots=True)
class SourceReleased(Event):
    """A ban was lifted before its time."""

    name: ClassVar[str] = "security.released"
    source: str
    actor: str


@dataclass(slots=True)
class ConfigChanged(Event):
    """Another version of the site is in force."""

    name: ClassVar[str] = "config.changed"
    actor: str
    summary: str


@dataclass(slots=True)
class MediaAlarm(Event):
    """The media plane is in trouble (a worker died, a source is missing)."""

    name: ClassVar[str] = "media.alarm"
    worker: int
    what: str
    detail: str = ""
