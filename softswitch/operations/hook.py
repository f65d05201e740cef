"""What people and programs may ask a running switch about who is told outside. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from softswitch.api.source import Sample
from softswitch.integrations.crm_rehearsal import rehearse
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.integrations.couriers import Couriers

Values: TypeAlias = dict[tuple[str, ...], float]
KINDS: Final = ("webhook", "crm")
MOST_RETRIED: Final = 100  # in one order


class HookOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "receivers": self.receivers,
            "receiver": self.receiver,
            "receiver_dead": self.dead,
            "receiver_retry": self.retry,
            "receiver_skip": self.skip,
            "receiver_recent": self.recent,
            "receiver_discard": self.discard,
            "crm_dry_run": self.dry_run,
            "webhook_test": self.test,
        }

    @property
    def _couriers(self) -> Couriers:
        return self._daemon.couriers

    def receivers(self, kind: str) -> list[dict[str, Any]]:
        """Every webhook (or CRM), and how far each one is."""
        return self._couriers.rows(kind)

    def receiver(self, kind: str, name: str) -> dict[str, Any]:
        found = self._couriers.receiver(kind, name)
        if found is None:
            raise ConsoleError(f"There is no {kind} {name!r}.", f"See: softswitch {kind} list", kind="unknown")
        return self._couriers.row(found)

    def dead(self, kind: str, name: str) -> list[dict[str, Any]]:
        """Events that were laid aside, the oldest first."""
        self.receiver(kind, name)
        return self._couriers.dead(kind, name)

    async def retry(self, kind: str, name: str, seq: int = 0, everything: bool = False) -> dict[str, Any]:
        """Try what waits at once; and one event that was laid aside, or all of them (at most 100 in one order)."""
        self._on(kind, name)
        known = [one["seq"] for one in self.dead(kind, name)]
        if seq and seq not in known:
            raise ConsoleError(
                f"Event {seq} was not laid aside for {name}.", f"See: softswitch {kind} dead {name}", kind="unknown"
            )
        return await self._couriers.retry(kind, name, known[:MOST_RETRIED] if everything else [seq] if seq else [])

    def recent(self, kind: str, name: str) -> list[dict[str, Any]]:
        """The last attempts since the start, the newest first."""
        self.receiver(kind, name)
        return self._couriers.recent(kind, name)

    def discard(self, kind: str, name: str, seq: int = 0, everything: bool = False, by: str = "cli") -> dict[str, Any]:
        """Forget one event that was laid aside, or all of them."""
        self._on(kind, name)
        known = [one["seq"] for one in self.dead(kind, name)]
        if not everything and seq not in known:
            raise ConsoleError(
                f"Event {seq} was not laid aside for {name}.", f"See: softswitch {kind} dead {name}", kind="unknown"
            )
        return self._couriers.discard(kind, name, known if everything else [seq])

    def dry_run(
        self, name: str, row: str, queue: str = "", values: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:  # fmt: skip
        """The requests that a CRM would be sent for a row, without sending any. `body`: another matrix than the one in force."""
        return rehearse(self._daemon.directory, name, row, queue, values or {}, body)

    def skip(self, kind: str, name: str) -> dict[str, Any]:
        """Pass over everything that has happened so far."""
        self._on(kind, name)
        return self._couriers.skip(kind, name)

    async def test(self, name: str) -> dict[str, Any]:
        """Send a webhook an event that says nothing; what it answered."""
        self.receiver("webhook", name)
        return await self._couriers.test(name)

    def _on(self, kind: str, name: str) -> None:
        if not self.receiver(kind, name)["enabled"]:
            raise ConsoleError(f"{name} is switched off.", f"Switch it on: enabled = true in [{kind}.{name}].")


def hook_samples(daemon: Daemon) -> Iterator[Sample]:
    """For the metrics."""
    rows = {(kind, one["name"]): one for kind in KINDS for one in daemon.couriers.rows(kind)}
    labels = ("kind", "name")

    def values(key: str) -> Values:
        return {label: float(one[key]) for label, one in rows.items()}

    yield Sample("softswitch_receiver_delivered", "Events that receivers took.", "counter", values("delivered"), labels)
    yield Sample("softswitch_receiver_dead", "Events that were laid aside.", "gauge", values("dead"), labels)
    text = "Seconds since the event happened that a receiver is to be told next."
    yield Sample("softswitch_receiver_oldest", text, "gauge", values("oldest"), labels)
