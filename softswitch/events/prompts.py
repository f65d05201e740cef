"""What becomes of prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class PromptSpoken(Event):
    """Somebody has recorded a prompt by telephone and keeps it, or goes back to the standard one (`path` is empty)."""

    name: ClassVar[str] = "prompt.spoken"
    call: str
    language: str
    prompt: str
    path: str  # of the recording, below the folder of messages, until it is taken from there
    seconds: float
    by: str = ""  # who has asked for it
