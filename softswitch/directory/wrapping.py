"""What agents say and write down: dispositions (AGT-08) and scripts (AGT-11, OUT-07). Values of the site, as in `directory`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

NONE: Final = "none"  # what stands where a disposition was asked for and nobody chose one


@dataclass(slots=True, frozen=True)
class Disposition:
    """What a conversation was about, or what became of it. `title` by language. A queue names those that it offers."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    colour: str = ""  # of its button, such as "#c0392b"; "" = the page's own
    key: str = ""  # digits behind the feature code `agent.disposition`; "" = not from a desk phone
    note: bool = False  # it is not taken without a note
    callback: bool = False  # the caller is put on the queue's list of callbacks ...
    callback_after: float = 0.0  # ... for so many seconds later
    callback_own: bool = True  # ... for the agent who has chosen it; False: for whomever the queue chooses


@dataclass(slots=True, frozen=True)
class ScriptField:
    """Something that an agent asks and writes down in a step of a script."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    kind: str = "text"  # "text" | "number" | "choice" | "yes_no"
    choices: tuple[str, ...] = ()  # of a choice


@dataclass(slots=True, frozen=True)
class ScriptStep:
    """One step of a conversation. `text` by language: Markdown, of which no HTML is taken."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[ScriptField, ...] = ()


@dataclass(slots=True, frozen=True)
class Script:
    """What agents say in conversations of some queues, step by step (AGT-11)."""

    name: str
    title: Mapping[str, str] = field(default_factory=dict)
    queues: tuple[str, ...] = ()  # whose agents see it; campaigns name theirs
    steps: tuple[ScriptStep, ...] = ()
