"""The front desk: what is known of callers, and what people have switched on and off. A machine, and a provider of facts.

It knows nothing of calls. `door` asks it who may come in; menus ask it through `facts`; the daemon keeps what `export` gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from softswitch.call import facts
from softswitch.call.callers import Callers
from softswitch.call.customers import Cards
from softswitch.call.routing import Destination, route
from softswitch.call.switches import Announcement, Switches
from softswitch.directory import Directory
from softswitch.events import Event

PUBLIC: Final = frozenset(("menu", "queue", "router"))  # what calls from outside are for, whoever dials its number


class Desk:
    """Switches, callers and customers of one site."""

    def __init__(
        self, publish: Callable[[Event], None], directory: Directory, scheduled: Callable[[str], bool]
    ) -> None:
        """`scheduled`: whether an opening-hours scheme is open by itself."""
        self._directory = directory
        # (scheme, Unix time) -> the first moment from then on at which its calendar is open, in its time zone.
        self.opens: Callable[[str, float], datetime | None] = lambda name, wall: None
        self.switches = Switches(publish, directory, scheduled)
        self.callers = Callers(publish, directory)
        self.cards = Cards(directory.country)

    def set_clock(self, epoch: float) -> None:
        """The Unix time when the monotonic clock was 0, as far as that can be said: clocks are set."""
        self.switches.epoch = self.callers.epoch = epoch

    def configure(self, after: Directory) -> None:
        """The site has changed."""
        self._directory = after
        self.switches.configure(after)
        self.callers.configure(after)
        self.cards.country = after.country

    def announcement(self, dialled: str, *, outside: bool = False) -> Announcement | None:
        """What callers of a number hear first now. `outside`: they come by a trunk."""
        if not self.switches.outages:
            return None
        public = outside or dialled.startswith("+")
        if not public:
            found = route(dialled, self._directory)
            public = isinstance(found, Destination) and found.kind in PUBLIC
        return self.switches.outage(dialled, public=public)

    def at(self, dialled: str, at: datetime) -> facts.Outage | None:
        """The same, for menus (`facts.Outages`)."""
        found = self.announcement(dialled)
        return facts.Outage(found.clips, found.then) if found is not None else None

    def next_opening(self, name: str, now: float) -> datetime | None:
        """From when on a scheme is open: now, by hand or by its calendar; None if nobody can say."""
        wall, override = self.switches.epoch + now, self.switches.hours.get(name)
        if override is None:
            return self.opens(name, wall)
        if override.state == "open":
            return datetime.fromtimestamp(wall, UTC)
        return self.opens(name, override.until) if override.until else None

    # --- the machine's verbs; what it publishes goes out with the events of calls ------------------------------------

    def next_deadline(self) -> float | None:
        switches, callers = self.switches.next_deadline(), self.callers.next_deadline()
        if switches is None or callers is None:
            return callers if switches is None else switches
        return min(switches, callers)

    def expire(self, now: float) -> None:
        self.switches.expire(now)
        self.callers.expire(now)

    # --- restarts ----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """What a restart must know, as JSON values. Cards and past calls are in tables of their own."""
        return {**self.switches.export(), "blocks": self.callers.export()}

    def restore(self, data: Mapping[str, Any], now: float) -> None:
        """Take back what `export` gave; what has ended meanwhile ends now."""
        self.switches.restore(data, self._directory.hours.keys())
        self.callers.restore(data.get("blocks", {}))
        self.expire(now)
