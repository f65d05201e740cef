"""Trunks, and calls outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class TrunkUp(Event):
    """A trunk works: one of its servers answers, and it has registered us if it should."""

    name: ClassVar[str] = "trunk.up"
    trunk: str
    server: str


@dataclass(slots=True)
class TrunkDown(Event):
    """A trunk does not work; calls go by the next one. `cause` says what is wrong."""

    name: ClassVar[str] = "trunk.down"
    trunk: str
    cause: str


@dataclass(slots=True)
class TrunkRegistered(Event):
    """A provider has registered us, after it had not. `seconds`: until it must be asked again."""

    name: ClassVar[str] = "trunk.registered"
    trunk: str
    server: str
    seconds: int


@dataclass(slots=True)
class TrunkRegistrationFailed(Event):
    """A provider did not register us; it is asked again after `retry_seconds`. `status`: its answer, 408 = none."""

    name: ClassVar[str] = "trunk.refused"
    trunk: str
    status: int
    cause: str
    retry_seconds: float


@dataclass(slots=True)
class TollFraudBlocked(Event):
    """A call to a number outside was not made. `account`: by whose rights it would have been, "" = the site's.

    `reason`: "country" | "premium" | "satellite" | "denied" | "too_many_calls" | "calls_per_minute" | "calls_per_day" |
    "minutes_per_day" | "closed" | "route" | "site_calls" | "site_minutes" | "no_authority" | "no_number" ...
    """

    name: ClassVar[str] = "toll.blocked"
    call: str
    account: str
    number: str
    reason: str


@dataclass(slots=True)
class TollAlarm(Event):
    """A limit of calls outside was reached, for the first time in an hour: somebody should have a look."""

    name: ClassVar[str] = "toll.alarm"
    account: str
    limit: str
    detail: str


@dataclass(slots=True)
class EmergencyCall(Event):
    """Somebody calls for help. `account` "" = a caller from outside."""

    name: ClassVar[str] = "call.emergency"
    call: str
    account: str
    caller: str
    number: str
