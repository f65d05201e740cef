"""What the HTTP pages need to know, asked of the daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from softswitch.directory import Directory


@dataclass(slots=True, frozen=True)
class Sample:
    """One metric: `values` maps label values (in the order of `labels`) to numbers. `kind`: "counter" | "gauge" | "histogram".

    A histogram has its sums in `values`, and in `buckets` the cumulated counts by bound, "+Inf" last.
    """

    name: str
    help: str
    kind: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    buckets: Mapping[tuple[str, ...], Sequence[tuple[str, float]]] = field(default_factory=dict)

    @classmethod
    def histogram(
        cls,
        name: str,
        text: str,
        found: Mapping[tuple[str, ...], tuple[Sequence[tuple[str, float]], float]],
        labels: tuple[str, ...] = (),
    ) -> Sample:
        """`found`: label values -> (buckets, sum)."""
        sums = {key: total for key, (_, total) in found.items()}
        return cls(name, text, "histogram", sums, labels, {key: buckets for key, (buckets, _) in found.items()})


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
