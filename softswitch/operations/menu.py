"""What people and programs may ask a running switch about its menus. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.store.containment import containment
from softswitch.store.reports import CallFilter

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_CALLS: Final = 200_000  # that are looked at, the latest
MOST_NODES: Final = 10


def menu_operations(daemon: Daemon) -> dict[str, Callable[..., Any]]:
    """The handlers."""

    async def menus(since: float = 0.0, until: float = 1e15) -> list[dict[str, Any]]:
        """How far each menu has served callers by itself (`store.containment`)."""
        reports = await daemon.store.reports()
        records = await reports.recent_calls(MOST_CALLS, CallFilter(since=since, until=until))
        found = containment(records)
        return [asdict(one) | {"rate": one.rate, "last": one.last.most_common(MOST_NODES)} for one in found]

    return {"menus": menus}
