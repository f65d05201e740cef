"""Who did what, beyond what other events tell with the name of whoever ordered it (SEC-14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class OrderGiven(Event):
    """Somebody gave the switch an order by command line, page or API. `error`: why it was not carried out, "" = it was."""

    name: ClassVar[str] = "audit.order"
    actor: str
    order: str
    subject: str  # what it was about: a call, an account, a queue
    detail: str
    source: str = ""  # the address that it came from, "" = this machine
    error: str = ""


@dataclass(slots=True)
class SessionChanged(Event):
    """Somebody logged in or out, or failed to. `user`: "" where nobody has the name that was typed."""

    name: ClassVar[str] = "audit.session"
    user: str
    what: str  # "opened" | "refused" | "closed"
    source: str


@dataclass(slots=True)
class RecordsExported(Event):
    """Records of calls left the switch as a file."""

    name: ClassVar[str] = "records.exported"
    actor: str
    what: str  # "calls" | "legs"
    form: str  # "csv" | "jsonl"
    rows: int
    complete: bool  # False: whoever asked broke off
    source: str = ""


@dataclass(slots=True)
class RecordsErased(Event):
    """A person was made unrecognisable in all records. `pseudonym` stands where their number stood, and nobody knows it."""

    name: ClassVar[str] = "records.erased"
    actor: str
    pseudonym: str
    calls: int
    recordings: int
    messages: int
    callbacks: int
    customers: int
    events: int  # of the journal that were rewritten
    held: int  # recordings that were kept because somebody must not delete them
    source: str = ""
