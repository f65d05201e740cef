"""What call control has ordered of each leg and not taken back: for a call control that starts anew and must be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from media.control import (
    Bridge,
    Close,
    Command,
    Echo,
    Finish,
    Join,
    Modify,
    Music,
    Open,
    Pause,
    Play,
    PlayDone,
    PlayFile,
    Record,
    Recorded,
    Stop,
    Tone,
    WorkerEvent,
)

Source: TypeAlias = Bridge | Join | Play | PlayFile | Music | Tone | Echo | Stop
SOURCES: Final = (Bridge, Join, Play, PlayFile, Music, Tone, Echo, Stop)


@dataclass(slots=True)
class _Entry:
    """One open leg."""

    terms: Open | Modify
    ssrc: int
    source: Source | None = None


class Ledger:
    """`note` every command that was performed and `report` every event; `standing` says it all again, in an order that works."""

    def __init__(self) -> None:
        self._legs: dict[int, _Entry] = {}
        self._records: dict[int, tuple[Record, bool]] = {}
        self._notes: dict[type, Callable[..., None]] = {
            Open: self._open, Modify: self._modify, Close: self._close, Bridge: self._bridge,
            **dict.fromkeys((Join, Play, PlayFile, Music, Tone, Echo, Stop), self._source),
            Record: self._record, Pause: self._pause, Finish: self._finish,
        }  # fmt: skip

    def note(self, command: Command) -> None:
        """A command was performed."""
        note = self._notes.get(type(command))
        if note is not None:
            note(command)

    def report(self, event: WorkerEvent) -> None:
        """An event is told: clips that have been played are no source any more, a recording may have ended early."""
        if isinstance(event, PlayDone):
            entry = self._legs.get(event.leg)
            if entry is not None and isinstance(entry.source, Play | PlayFile) and entry.source.play == event.play:
                entry.source = None
        elif isinstance(event, Recorded):
            self._records.pop(event.record, None)

    def standing(self, is_open: Callable[[int], bool]) -> Iterator[Command]:
        """Every open leg, what each hears, what is recorded. `is_open`: whether the leg was really opened."""
        legs = {leg: entry for leg, entry in self._legs.items() if is_open(leg)}
        for entry in legs.values():
            yield _opened(entry)
        for entry in legs.values():
            if entry.source is not None:
                yield entry.source
        for record, paused in self._records.values():
            yield record
            if paused:
                yield Pause(record.record)

    def _open(self, command: Open) -> None:
        self._legs[command.leg] = _Entry(command, command.ssrc)

    def _modify(self, command: Modify) -> None:
        entry = self._legs.get(command.leg)
        if entry is not None:
            entry.terms = command

    def _close(self, command: Close) -> None:
        self._legs.pop(command.leg, None)

    def _bridge(self, command: Bridge) -> None:
        for leg in (command.leg, command.peer):
            if (entry := self._legs.get(leg)) is not None:
                entry.source = command

    def _source(self, command: Join | Play | PlayFile | Music | Tone | Echo | Stop) -> None:
        if (entry := self._legs.get(command.leg)) is not None:
            entry.source = command

    def _record(self, command: Record) -> None:
        self._records[command.record] = command, False

    def _pause(self, command: Pause) -> None:
        if (found := self._records.get(command.record)) is not None:
            self._records[command.record] = found[0], command.paused

    def _finish(self, command: Finish) -> None:
        self._records.pop(command.record, None)


def _opened(entry: _Entry) -> Open:
    """The leg as one Open, however often it was modified."""
    terms = entry.terms
    if isinstance(terms, Open):
        return terms
    values = {name: getattr(terms, name) for name in Modify.__dataclass_fields__}
    return Open(**values, ssrc=entry.ssrc)
