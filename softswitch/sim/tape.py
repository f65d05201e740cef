"""Tapes of the queue engine, as the journal has them: read, put in order, cut where a replay can begin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from softswitch.acd.past import Entry as Told
from softswitch.errors import SoftswitchError
from softswitch.events import Event, QueueTape

CHECKPOINT: Final = ".checkpoint"
_EVENTS: Final[dict[str, type[Event]]] = {cls.name: cls for cls in Event.__subclasses__()}


class NoTape(SoftswitchError):
    """There is nothing to play."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class Noted:
    """A line of the journal: an event with its times on both clocks."""

    seq: int
    wall: float
    mono: float
    name: str
    payload: dict[str, Any]


@dataclass(slots=True)
class Section:
    """Inputs without a gap. `offset` makes wall-clock seconds of the times on the tape."""

    life: str
    offset: float
    inputs: list[list[Any]] = field(default_factory=list)
    exact: bool = True  # it begins where everything is known
    told: list[tuple[float, Event]] = field(default_factory=list)  # what was published meanwhile, with the time (wall)

    @property
    def begin(self) -> float:
        return float(self.inputs[0][0]) + self.offset

    @property
    def end(self) -> float:
        return float(self.inputs[-1][0]) + self.offset


def sections(lines: Iterable[Noted]) -> list[Section]:
    """What can be played again: a section for each life of the process, cut again wherever something is missing."""
    found: list[Section] = []
    current: Section | None = None
    expected = 0
    told: list[tuple[float, Event]] = []  # since the last block: they belong to the next one
    for line in lines:
        if line.name != QueueTape.name:
            if (event := event_of(line)) is not None:
                told.append((line.wall, event))
            continue
        life, first, inputs = line.payload["life"], line.payload["first"], list(line.payload["inputs"])
        if current is None or life != current.life or first != expected:
            current = _begin(found, line, life, first, inputs)
        elif current is not None:
            current.inputs += inputs
        if current is not None:
            current.told += told
        told = []
        expected = first + len(inputs)
    return [one for one in found if one.inputs]


def _begin(found: list[Section], line: Noted, life: str, first: int, inputs: list[list[Any]]) -> Section | None:
    """A section begins with the process, or at the first checkpoint after a gap."""
    exact = True
    if first:
        start = next((index for index, one in enumerate(inputs) if one[1] == CHECKPOINT), None)
        if start is None:
            return None
        inputs, exact = inputs[start:], bool(inputs[start][2]["exact"])
    found.append(Section(life, line.wall - line.payload["at"], inputs, exact))
    return found[-1]


def chosen(found: list[Section], since: float | None, until: float | None) -> list[Section]:
    """The sections that a time touches, each cut at the last exact checkpoint before it. Raises NoTape."""
    result = []
    for one in found:
        if (until is not None and one.begin > until) or (since is not None and one.end < since):
            continue
        result.append(_trimmed(one, since))
    if not result:
        raise NoTape(
            "Nothing is recorded of that time." if found else "There is no tape of the queues.",
            "A running switch records by itself; see docs/simulator.md.",
        )
    return result


def _trimmed(section: Section, since: float | None) -> Section:
    if since is None:
        return section
    start = 0
    for index, one in enumerate(section.inputs):
        if one[0] + section.offset > since:
            break
        if one[1] == CHECKPOINT and one[2]["exact"]:
            start = index
    if not start:
        return section
    begin = section.inputs[start][0] + section.offset
    told = [(at, event) for at, event in section.told if at >= begin]
    return Section(section.life, section.offset, section.inputs[start:], True, told)


def event_of(line: Noted) -> Event | None:
    """The event of a line; None if this version does not know it."""
    cls = _EVENTS.get(line.name)
    if cls is None:
        return None
    known = {name: value for name, value in line.payload.items() if name in cls.__dataclass_fields__}
    try:
        event = cls(**known)
    except TypeError:
        return None
    if getattr(event, "until", None) is not None:
        event.until += line.wall - line.mono  # type: ignore[attr-defined]
    return event


def told(lines: Iterable[Noted]) -> list[Told]:
    """The events of the journal with their wall-clock times, for `acd.story`."""
    return [(line.wall, event) for line in lines if (event := event_of(line)) is not None]


# --- a journal in a file -----------------------------------------------------------------------------------------------


def read_file(file: Path) -> Iterator[Noted]:
    """Lines as `softswitch events --json` prints them. Raises NoTape for what is no journal."""
    from datetime import datetime

    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip():
            continue
        try:
            data = json.loads(text)
            wall = datetime.fromisoformat(data.pop("time")).timestamp()
            mono = float(data.pop("mono", wall))
            yield Noted(int(data.pop("seq")), wall, mono, str(data.pop("event")), data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoTape(
                f"{file}, line {number}, is no event: {error}", "Write it with: softswitch events --json"
            ) from None
