"""Orders of programs that take time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CallOrderEnded(Event):
    """An order about a call that took time has come to its end. `verb`: "answer" | "play"; `state`: "done" | "failed"."""

    name: ClassVar[str] = "call.order"
    call: str
    order: str
    verb: str
    state: str
    detail: str = ""  # why it has failed
    actor: str = ""
