"""Customers' cards, and who is told whose call it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CustomerChanged(Event):
    """Cards were changed by a person or a program. `verb`: "created" | "changed" | "deleted" | "merged" | "imported"."""

    name: ClassVar[str] = "customer.changed"
    customer: str  # "" where there were several
    verb: str
    actor: str
    other: str = ""  # merged: the customer that is no more
    count: int = 1  # imported, deleted: how many


@dataclass(slots=True)
class CustomerNoted(Event):
    """Something was written down about a customer; what, only the table of notes says."""

    name: ClassVar[str] = "customer.noted"
    customer: str
    note: int
    actor: str
    call: str = ""


@dataclass(slots=True)
class ScreenPop(Event):
    """Whose call an agent is offered, or has answered: for panels and CRMs that open a page. `at`: "offer" | "answer" |
    "found" (only after the offer)."""

    name: ClassVar[str] = "screen.pop"
    call: str
    queue: str
    agent: str
    at: str
    number: str
    customer: str = ""  # "" = nobody who is known
    caller_name: str = ""
    url: str = ""  # by the template of the queue or the site
