"""Registrations: phones come and go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class BindingAdded(Event):
    """A contact was bound to an AOR, or its binding was refreshed. `expires_at` is monotonic seconds."""

    name: ClassVar[str] = "registration.bound"
    aor: str
    contact: str
    expires_at: float
    flow: tuple[Any, ...]
    call_id: str
    cseq: int
    q: float = 1.0
    instance: str = ""
    user_agent: str = ""
    path: tuple[str, ...] = ()
    refreshed: bool = False
    reg_id: str = ""
    parameters: str = ""  # further parameters of the Contact, as they are given back in answers
    key: str = ""  # what tells it from others with the same contact; "" = the contact itself


@dataclass(slots=True)
class BindingRemoved(Event):
    """A binding ended. `cause`: "unregistered" | "expired" | "replaced" | "flow_failed" | "unreachable" | "admin"."""

    name: ClassVar[str] = "registration.removed"
    aor: str
    contact: str
    cause: str
    key: str = ""  # as in `registration.bound`


@dataclass(slots=True)
class BindingUnreachable(Event):
    """A contact has not answered OPTIONS `missed` times in a row; what becomes of it is said by `nat.unreachable`."""

    name: ClassVar[str] = "registration.unreachable"
    aor: str
    contact: str
    missed: int


@dataclass(slots=True)
class BindingReachable(Event):
    """A contact that was unreachable answers again, after `rtt_ms` milliseconds; 0: it has registered again."""

    name: ClassVar[str] = "registration.reachable"
    aor: str
    contact: str
    rtt_ms: float
