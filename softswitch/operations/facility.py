"""What people and programs may ask a running switch about its front desk. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from softswitch.api.source import Sample

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

Values: TypeAlias = dict[tuple[str, ...], float]

# Orders of the console that `facilities.Facilities` carries out, by name.
ORDERS: Final = (
    "hours", "hours_set", "outages", "outage_on", "outage_off", "callers", "caller", "caller_block", "caller_unblock",
    "customers", "surveys",
)  # fmt: skip


def facility_operations(daemon: Daemon) -> dict[str, Callable[..., Any]]:
    """The handlers. The desk is there once the site was read; the console answers later still."""

    def handler(name: str) -> Callable[..., Any]:
        return lambda **options: getattr(daemon.facilities, name)(**options)

    return {name: handler(name) for name in ORDERS}


def facility_samples(daemon: Daemon) -> Iterator[Sample]:
    """For the metrics."""
    desk, errands = daemon.facilities.desk, daemon.errands
    opened: Values = {(name,): float(desk.switches.is_open(name)) for name in daemon.directory.hours}
    yield Sample("softswitch_hours_open", "1 = the opening hours are open.", "gauge", opened, ("hours",))
    on: Values = {(name,): 1.0 for name in desk.switches.outages}
    yield Sample("softswitch_outage", "1 = the announcement is on.", "gauge", on, ("outage",))
    yield Sample("softswitch_customers", "Customers' cards in memory.", "gauge", {(): float(len(desk.cards))})
    yield Sample("softswitch_callers_blocked", "Blocked numbers.", "gauge", {(): float(len(desk.callers.blocks))})
    yield Sample("softswitch_sms_waiting", "Text messages that are not sent.", "gauge", {(): float(len(errands.sms))})
    broken: Values = {(host,): 1.0 for host in errands.web.broken()}
    yield Sample("softswitch_web_broken", "1 = the service is not asked for a while.", "gauge", broken, ("host",))
