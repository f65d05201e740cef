"""What agents write down about conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class DispositionChosen(Event):
    """An agent has said what a conversation was about; "none": nobody did in time. A later one for the same call counts."""

    name: ClassVar[str] = "call.disposition"
    call: str
    queue: str
    agent: str
    disposition: str
    actor: str
    note: str = ""
    number: str = ""  # of the caller
    previous: str = ""  # what was chosen before


@dataclass(slots=True)
class ScriptTicked(Event):
    """An agent has ticked a step of a script, taken the tick back, or filled in its fields. The last word counts."""

    name: ClassVar[str] = "call.script"
    call: str
    script: str
    step: str
    agent: str
    actor: str
    done: bool
    fields: dict[str, str]  # name -> what was written down
