"""What people switch on and off, who may call, which services outside were asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class HoursSwitched(Event):
    """Opening hours were overruled by hand, or follow their scheme again."""

    name: ClassVar[str] = "hours.switched"
    hours: str
    state: str  # "open" | "closed" | "auto" (the scheme)
    until: float = 0.0  # Unix time at which the scheme holds again; 0 = when somebody says so
    by: str = ""  # who said so: "cli" | "api" | an account | "expired" | "site"


@dataclass(slots=True)
class OutageSwitched(Event):
    """An announcement at the entry of numbers of ours begins or ends."""

    name: ClassVar[str] = "outage.switched"
    outage: str
    on: bool
    numbers: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    then: str = ""  # where callers go afterwards; "" = where the number leads anyway
    until: float = 0.0  # Unix time at which it ends; 0 = when somebody says so
    by: str = ""  # who said so: "cli" | "api" | an account | "expired" | "site"


@dataclass(slots=True)
class CallerBlocked(Event):
    """A number, or all that begin with it, cannot call any more."""

    name: ClassVar[str] = "caller.blocked"
    number: str  # "+48600100200", "+4870*" or "anonymous"
    until: float = 0.0  # Unix time; 0 = for good
    reason: str = ""
    by: str = ""


@dataclass(slots=True)
class CallerUnblocked(Event):
    """A number can call again."""

    name: ClassVar[str] = "caller.unblocked"
    number: str
    by: str = ""


@dataclass(slots=True)
class CallScreened(Event):
    """A caller was not let in, or was led elsewhere than other callers of that number."""

    name: ClassVar[str] = "caller.screened"
    call: str
    number: str
    dialled: str
    cause: str  # "blocked", or the name of the screening
    destination: str = ""  # "" = the call was refused


@dataclass(slots=True)
class HttpAnswered(Event):
    """A service outside was asked on behalf of a call. `error`: "" or why there is no usable answer."""

    name: ClassVar[str] = "http.answered"
    call: str
    host: str
    status: int
    seconds: float
    error: str = ""


@dataclass(slots=True)
class MailSent(Event):
    """A mail of a menu was handed to the server, or given up: then `error` says why."""

    name: ClassVar[str] = "mail.sent"
    message: int
    to: tuple[str, ...]
    call: str
    attempts: int
    error: str = ""


@dataclass(slots=True)
class SmsSent(Event):
    """A text message was handed to the provider, or given up: then `error` says why."""

    name: ClassVar[str] = "sms.sent"
    text: int
    number: str
    notice: str
    call: str = ""
    attempts: int = 1
    error: str = ""
