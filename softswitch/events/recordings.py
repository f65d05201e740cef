"""Recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class RecordingStarted(Event):
    """A conversation is being recorded. `path` is below the folder of recordings; `mode`: "always" | "on_demand"."""

    name: ClassVar[str] = "recording.started"
    recording: int
    call: str
    path: str
    queue: str
    agent: str
    caller: str
    form: str
    mode: str
    by: str  # "rule", who asked for it by keys, or "cli"
    days: int = 0  # how long it is kept, 0 = for ever
    worker: int = 0


@dataclass(slots=True)
class RecordingPaused(Event):
    """What is said is left out of the recording from now on, or no longer is."""

    name: ClassVar[str] = "recording.paused"
    recording: int
    call: str
    paused: bool
    by: str


@dataclass(slots=True)
class RecordingFinished(Event):
    """A recording is complete on the disk, or ended early: `error` says why. `interrupted`: its writer died, it was repaired."""

    name: ClassVar[str] = "recording.finished"
    recording: int
    call: str
    path: str
    seconds: float
    octets: int
    paused_seconds: float = 0.0  # left out on request
    lost_seconds: float = 0.0  # left out because the disk did not keep up
    error: str = ""
    interrupted: bool = False


@dataclass(slots=True)
class RecordingDeleted(Event):
    """The file of a recording was deleted. `cause`: "retention" | "erased"."""

    name: ClassVar[str] = "recording.deleted"
    recording: int
    path: str
    cause: str


@dataclass(slots=True)
class RecordingPlayed(Event):
    """Somebody listened to a recording, or took a copy. Told once in ten minutes for each who does."""

    name: ClassVar[str] = "recording.played"
    recording: int
    call: str
    by: str  # a user, "token:NAME", or "link:NAME": whoever had the link that NAME made
    copied: bool = False
    source: str = ""


@dataclass(slots=True)
class RecordingShared(Event):
    """A link to a recording was made that is good without a login until a time (seconds since 1970)."""

    name: ClassVar[str] = "recording.shared"
    recording: int
    call: str
    by: str
    until: float


@dataclass(slots=True)
class RecordingLinksRevoked(Event):
    """No link that was made so far is good any more."""

    name: ClassVar[str] = "recording.links_revoked"
    by: str


@dataclass(slots=True)
class RecordingMarked(Event):
    """Tags and note of a recording from now on. `held`: it is not deleted, whatever the days say (legal hold)."""

    name: ClassVar[str] = "recording.marked"
    recording: int
    call: str
    tags: tuple[str, ...]
    note: str
    held: bool
    by: str
