"""What the HTTP pages need to know, asked of the daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from softswitch.directory import Directory


@dataclass(slots=True, frozen=True)
class Sample:
    """One metric: `values` maps label values (in the order of `labels`) to numbers. `kind`: "counter" | "gauge"."""

    name: str
    help: str
    kind: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()


@dataclass(slots=True, frozen=True)
class Readiness:
    """Whether the switch takes new calls, and if not, why."""

    ready: bool
    reasons: tuple[str, ...] = field(default=())


class Source(Protocol):
    """The daemon as the pages see it. Every method but `order` is cheap and runs in the loop."""

    def healthy(self) -> Readiness: ...
    def ready(self) -> Readiness: ...
    def status(self) -> dict[str, Any]: ...
    def calls(self) -> list[dict[str, Any]]: ...
    def queues(self) -> list[dict[str, Any]]: ...
    def agents(self) -> list[dict[str, Any]]: ...
    def registrations(self) -> list[dict[str, Any]]: ...
    def samples(self) -> Sequence[Sample]: ...

    @property
    def site(self) -> Directory:
        """The site in force."""
        ...

    async def order(self, command: str, **arguments: Any) -> Any:
        """Carry out a command of the console (`operations`). Raises SoftswitchError."""
        ...
