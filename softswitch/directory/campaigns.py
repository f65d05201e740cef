"""Lists of customers who are called for a queue (`docs/campaigns.md`). Only values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from softswitch.directory.hours import Span

PREVIEW: Final = "preview"  # an agent looks at the contact, accepts, is rung, then the customer
PROGRESSIVE: Final = "progressive"  # for each agent who is free one is called, after the agent was rung
MODES: Final = (PREVIEW, PROGRESSIVE)
WORKING_HOURS: Final = (Span((0, 1, 2, 3, 4), 9 * 60, 20 * 60),)


@dataclass(slots=True, frozen=True)
class Campaign:
    """Whom a queue calls of its own accord, and how (OUT-05, OUT-06)."""

    name: str
    queue: str = ""  # whose agents call, by whose rules and number
    title: str = ""
    agents: tuple[str, ...] = ()  # of the queue, who call; () = all of them
    mode: str = PREVIEW
    enabled: bool = False  # nobody is called until it says so
    attempts: int = 3  # calls to a customer who cannot be reached
    gap: float = 4.0  # hours between two of them
    hours: tuple[Span, ...] = WORKING_HOURS  # in the customer's own time zone
    deny: tuple[str, ...] = ()  # lists of numbers that are not called, besides those that the queue's policy refuses
    max_abandoned: float = (
        3.0  # per cent of customers answered whom no agent met; more, and nobody is called until tomorrow
    )
    caller_number: str = ""  # that customers are shown; "" = the trunk's
    steps: str = ""  # the script whose steps agents tick; "" = that of the queue
    script: str = (
        ""  # what agents see with a contact, in Markdown; {name} and the columns of the list stand for what they say
    )
