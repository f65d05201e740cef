"""What phones can do beside calling: settings, pickup, parking, groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class PhoneChanged(Event):
    """Somebody has set do-not-disturb, call waiting or forwarding of an account, other than the site has it.

    `setting`: "do_not_disturb" | "call_waiting" ("on", "off"), "forward_always" | "forward_busy" | "forward_no_answer" |
    "forward_unreachable" (where to, "" = nowhere). `by`: "phone" or who ordered it.
    """

    name: ClassVar[str] = "phone.changed"
    account: str
    setting: str
    value: str
    by: str


@dataclass(slots=True)
class CallDiverted(Event):
    """A call to an account or a group was led further. `reason` as in Diversion (RFC 5806)."""

    name: ClassVar[str] = "call.diverted"
    call: str
    number: str
    reason: str
    destination: str


@dataclass(slots=True)
class CallPickedUp(Event):
    """Somebody has answered a call that rang on another phone."""

    name: ClassVar[str] = "call.picked_up"
    call: str
    device: str
    by: str


@dataclass(slots=True)
class CallParked(Event):
    """A call waits at a number until somebody dials it. `by`: the account that parked it."""

    name: ClassVar[str] = "call.parked"
    call: str
    slot: str
    by: str


@dataclass(slots=True)
class CallComeback(Event):
    """A parked call has waited long enough: whoever parked it is rung."""

    name: ClassVar[str] = "call.comeback"
    call: str
    slot: str
    by: str


@dataclass(slots=True)
class CallUnparked(Event):
    """A parked call waits no longer. `cause`: "retrieved" | "comeback" | "gone". `by`: the account that took it."""

    name: ClassVar[str] = "call.unparked"
    call: str
    slot: str
    cause: str
    by: str = ""


@dataclass(slots=True)
class GroupRang(Event):
    """A call rings at the phones of a ring group."""

    name: ClassVar[str] = "group.rang"
    call: str
    group: str


@dataclass(slots=True)
class GroupLeft(Event):
    """A call rings there no longer. `outcome`: "answered" | "no_answer" | "busy" | "unreachable" | "cancelled"."""

    name: ClassVar[str] = "group.left"
    call: str
    group: str
    outcome: str
    device: str = ""  # whose phone answered
