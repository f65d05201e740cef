"""Everything about one call, one number or one account in the log, while the rest of it stays as quiet as it is (OPS-06).

Fed with every event and every SIP message only while somebody wants it. A number or an account leads to calls: those are
followed by their ids until they end. Pure: the clock and whoever writes are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from softswitch.events import CallEnded, CallStarted, Event, LegStarted
from softswitch.numbers import normalise
from softswitch.trace import Noted, call_id_of, parties_of, summary_of

KINDS: Final = ("call", "number", "account")
MOST: Final = 20  # at once
MOST_CALLS: Final = 2_000  # that one of them follows; of more only what names it directly is written
NUMBERS: Final = ("caller", "dialled", "number", "party")  # fields of events that may hold a telephone number
ACCOUNTS: Final = ("account", "device", "caller", "dialled", "user", "party")  # ... an account
CALLS: Final = ("call", "caller", "visit", "other")  # ... the id of a call


@dataclass(slots=True)
class Focus:
    """What is wanted. `until`: Unix time; `lines`: written so far."""

    kind: str
    value: str
    until: float
    by: str = ""
    lines: int = 0
    calls: set[str] = field(default_factory=set)
    dialogs: set[str] = field(default_factory=set)  # Call-IDs

    def as_dict(self) -> dict[str, Any]:
        shown = asdict(self)
        del shown["dialogs"]
        return shown | {"calls": len(self.calls)}


class LogFocus:
    """All of them. `say(event, **fields)` writes a line; `clock`: Unix time; `country`: by whose rules numbers are written."""

    def __init__(self, say: Callable[..., None], clock: Callable[[], float], country: Callable[[], str]) -> None:
        self._say, self._clock, self._country = say, clock, country
        self._wanted: dict[tuple[str, str], Focus] = {}

    def __len__(self) -> int:
        return len(self._wanted)

    def add(self, kind: str, value: str, seconds: float, by: str) -> Focus:
        """From now on, for so many seconds."""
        focus = Focus(kind, self._spelt(value) if kind == "number" else value, self._clock() + seconds, by)
        if kind == "call":
            focus.calls.add(value)
        self._wanted[kind, focus.value] = focus
        return focus

    def remove(self, kind: str, value: str) -> bool:
        spelt = self._spelt(value) if kind == "number" else value
        return self._wanted.pop((kind, spelt), None) is not None

    def clear(self) -> int:
        count = len(self._wanted)
        self._wanted.clear()
        return count

    def rows(self) -> list[dict[str, Any]]:
        """Those in force."""
        self._tidy()
        return [one.as_dict() for one in self._wanted.values()]

    def _tidy(self) -> None:
        now = self._clock()
        for key in [key for key, one in self._wanted.items() if one.until <= now]:
            del self._wanted[key]

    def _spelt(self, number: str) -> str:
        return normalise(number, self._country()) or number

    # --- what happens ------------------------------------------------------------------------------------------------

    def see(self, wall: float, event: Event) -> None:
        """An event was published."""
        self._tidy()
        fields: Mapping[str, Any] | None = None
        for focus in self._wanted.values():
            fields = event.as_dict() if fields is None else fields
            if not self._is_about(focus, fields):
                continue
            if isinstance(event, CallStarted) and len(focus.calls) < MOST_CALLS:
                focus.calls.add(event.call)
            if isinstance(event, LegStarted):
                if len(focus.calls) < MOST_CALLS:
                    focus.calls.add(event.call)
                focus.dialogs.add(event.sip_call_id)
            self._write(focus, event.name, {key: value for key, value in fields.items() if value not in ("", None, ())})
            if isinstance(event, CallEnded) and focus.kind != "call":
                focus.calls.discard(event.call)

    def _is_about(self, focus: Focus, fields: Mapping[str, Any]) -> bool:
        if any(fields.get(name) in focus.calls for name in CALLS if isinstance(fields.get(name), str)):
            return True
        if focus.kind == "number":
            said = (fields.get(name) for name in NUMBERS)
            return any(isinstance(one, str) and one and self._spelt(one) == focus.value for one in said)
        return focus.kind == "account" and any(fields.get(name) == focus.value for name in ACCOUNTS)

    def see_message(self, noted: Noted) -> None:
        """A SIP message came or went."""
        self._tidy()
        for focus in self._wanted.values():
            dialog = call_id_of(noted.data)
            if dialog not in focus.dialogs:
                if focus.kind == "call":
                    continue
                parties = (lambda found: (found.source, found.target))(parties_of(noted.data))
                spelt = parties if focus.kind == "account" else tuple(self._spelt(one) for one in parties if one)
                if focus.value not in spelt:
                    continue
            peer = f"{noted.flow.host}:{noted.flow.port}"
            way = {"from_peer" if noted.incoming else "to_peer": peer}
            self._write(focus, "sip", {"message": summary_of(noted.data), **way, "sip_call_id": dialog})

    def _write(self, focus: Focus, name: str, fields: Mapping[str, Any]) -> None:
        focus.lines += 1
        said = {key: value for key, value in fields.items() if key not in ("event", "level", "time")}
        self._say(name, focus=focus.kind, **said)
