"""What people switch on and off: opening hours overruled by hand, announcements of outages (IVR-07, IVR-10).

A switch may have an end. Ends are wall-clock times, for people say "until Monday, 8 o'clock"; whoever knows the
clock keeps `epoch` true, so that a clock that was set does not keep a hotline closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from softswitch.directory import Directory, Hours
from softswitch.directory.entry import EVERYWHERE, Outage
from softswitch.events import Event, HoursSwitched, OutageSwitched

STATES: Final = ("open", "closed", "auto")
MOST_OUTAGES: Final = 100
UNKNOWN: Final = "unknown"


@dataclass(slots=True)
class Override:
    """Opening hours as somebody has set them. `until`: Unix time, 0 = until somebody says otherwise."""

    state: str  # "open" | "closed"
    until: float = 0.0
    by: str = ""


@dataclass(slots=True)
class Announcement:
    """An announcement that is on. `numbers` as they are dialled, "*" = `EVERYWHERE`."""

    name: str
    numbers: tuple[str, ...]
    clips: tuple[str, ...]
    then: str = ""
    until: float = 0.0
    since: float = 0.0
    by: str = ""


class Switches:
    """The switches of a site. `scheduled(name)` tells what a scheme itself says."""

    def __init__(
        self, publish: Callable[[Event], None], directory: Directory, scheduled: Callable[[str], bool]
    ) -> None:
        self.hours: dict[str, Override] = {}
        self.outages: dict[str, Announcement] = {}
        self.epoch = 0.0  # Unix time when the monotonic clock was 0
        self._publish = publish
        self._directory = directory
        self._scheduled = scheduled

    # --- opening hours -----------------------------------------------------------------------------------------------

    def is_open(self, name: str) -> bool:
        override = self.hours.get(name)
        return override.state == "open" if override is not None else self._scheduled(name)

    def set_hours(self, name: str, state: str, by: str, now: float, until: float = 0.0) -> str:
        """Overrule a scheme ("open", "closed"), or let it hold again ("auto"); "" or why not."""
        if name not in self._directory.hours:
            return UNKNOWN
        if state not in STATES:
            return "state"
        if until and until <= self.epoch + now:
            return "past"
        if state == "auto":
            if self.hours.pop(name, None) is not None:
                self._publish(HoursSwitched(name, "auto", 0.0, by))
            return ""
        self.hours[name] = Override(state, until, by)
        self._publish(HoursSwitched(name, state, until, by))
        return ""

    def press_hours(self, name: str, wanted: str, by: str, now: float) -> str:
        """A key: put a state in force, or end it if it is; "toggle" means the opposite of what the scheme says now."""
        override = self.hours.get(name)
        if wanted == "toggle":
            wanted = "auto" if override is not None else "closed" if self.is_open(name) else "open"
        elif override is not None and override.state == wanted:
            wanted = "auto"
        return self.set_hours(name, wanted, by, now)

    # --- outages -----------------------------------------------------------------------------------------------------

    def outage(self, dialled: str, *, public: bool) -> Announcement | None:
        """What callers of a number hear first. `public`: they come from outside, or the number leads to a menu or a queue.

        Of several the one that names the number, and was switched on last.
        """
        found = None
        for one in self.outages.values():
            if dialled in one.numbers or (
                public and EVERYWHERE in one.numbers and (found is None or EVERYWHERE in found.numbers)
            ):
                found = one
        return found

    def outage_on(self, outage: Outage, by: str, now: float, until: float = 0.0) -> str:
        """Switch an announcement on; "" or why not. Without `until` it lasts as long as it says itself."""
        wall = self.epoch + now
        if not until and outage.minutes:
            until = wall + 60.0 * outage.minutes
        if until and until <= wall:
            return "past"
        if outage.name not in self.outages and len(self.outages) >= MOST_OUTAGES:
            return "too_many"
        self.outages.pop(outage.name, None)  # The last one comes last.
        on = Announcement(outage.name, outage.numbers, outage.clips, outage.then, until, wall, by)
        self.outages[outage.name] = on
        self._publish(OutageSwitched(on.name, True, on.numbers, on.clips, on.then, until, by))
        return ""

    def outage_off(self, name: str, by: str) -> str:
        one = self.outages.pop(name, None)
        if one is None:
            return UNKNOWN
        self._publish(OutageSwitched(name, False, one.numbers, one.clips, one.then, 0.0, by))
        return ""

    def press_outage(self, name: str, by: str, now: float) -> str:
        """A key: an announcement of the site on, or off if it is on."""
        if name in self.outages:
            return self.outage_off(name, by)
        outage = self._directory.outages.get(name)
        return self.outage_on(outage, by, now) if outage is not None else UNKNOWN

    # --- time --------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        switched: list[Override | Announcement] = [*self.hours.values(), *self.outages.values()]
        ends = [one.until for one in switched if one.until]
        return min(ends) - self.epoch if ends else None

    def expire(self, now: float) -> None:
        wall = self.epoch + now
        for name, override in list(self.hours.items()):
            if override.until and override.until <= wall:
                self.set_hours(name, "auto", "expired", now)
        for name, one in list(self.outages.items()):
            if one.until and one.until <= wall:
                self.outage_off(name, "expired")

    # --- the site, and restarts --------------------------------------------------------------------------------------

    def configure(self, after: Directory) -> None:
        """The site has changed. Where it overrules a scheme otherwise than before, that is the last word."""
        before, self._directory = self._directory, after
        for name in list(self.hours):
            old, new = before.hours.get(name), after.hours.get(name)
            if new is None or (old is not None and old.override != new.override):
                del self.hours[name]
                self._publish(HoursSwitched(name, _state(new), 0.0, "site"))

    def export(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "hours": {name: asdict(one) for name, one in self.hours.items()},
            "outages": {name: asdict(one) for name, one in self.outages.items()},
        }

    def restore(self, data: Mapping[str, Any], known: Collection[str]) -> None:
        """What `export` gave in another life; `known`: schemes that there are."""
        for name, one in data.get("hours", {}).items():
            if name in known and one.get("state") in ("open", "closed"):
                self.hours[name] = Override(one["state"], float(one.get("until", 0.0)), str(one.get("by", "")))
        for name, one in data.get("outages", {}).items():
            self.outages[name] = Announcement(
                name, tuple(one["numbers"]), tuple(one["clips"]), one.get("then", ""), float(one.get("until", 0.0)),
                float(one.get("since", 0.0)), str(one.get("by", "")),
            )  # fmt: skip


def _state(hours: Hours | None) -> str:
    return (hours.override if hours is not None else "") or "auto"
