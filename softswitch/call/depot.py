"""Texts for who is not there (RFC 3428): kept for a while, and delivered when a phone of theirs registers.

Few and small, so that all of them fit into one value of the store: they outlive a restart. Who sends one is told 202: taken, not
delivered. What a phone refuses for good is dropped; what could not be brought to any phone is tried when one registers again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from softswitch.events import BindingAdded, Event, TextDropped, TextForwarded, TextStored
from softswitch.machine import Deadlines

if TYPE_CHECKING:
    from softswitch.sip.binding import Binding

KEPT_SECONDS: Final = 7 * 86_400.0
PER_ACCOUNT: Final = 50
IN_ALL: Final = 1_000
OCTETS: Final = 512 << 10  # of all bodies and headers
AFTER_REGISTER: Final = 1.0  # seconds
_EXPIRY: Final = ("", "expiry")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(slots=True, eq=False)
class Text:
    """One text on the shelf. Times are Unix time."""

    number: int
    sender: str  # the account
    name: str  # its display name
    target: str
    lines: str  # header lines that go along
    body: bytes
    stored_at: float
    expires_at: float

    @property
    def size(self) -> int:
        return len(self.lines) + len(self.body)


class Depot:
    """The shelf. `bring(text, bindings, now)` sends one to phones; `settled` is its answer. `epoch`: Unix time minus `now`."""

    def __init__(
        self,
        bindings: Callable[[str, float], Sequence[Binding]],
        bring: Callable[[Text, Sequence[Binding], float], None],
        publish: Callable[[Event], None],
    ) -> None:
        self.epoch = 0.0
        self._bindings = bindings
        self._bring = bring
        self._publish = publish
        self._texts: dict[str, list[Text]] = {}  # by addressee, the oldest first
        self._under_way: dict[str, Text] = {}
        self._size = self._count = self._last = 0
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()

    def __len__(self) -> int:
        return self._count

    # --- the machine's verbs -------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for target, kind in self._deadlines.due(now):
            if kind == "expiry":
                self._drop_old(now)
            else:
                self._next(target, now)

    def drain(self) -> Sequence[object]:
        return ()

    # --- in and out ------------------------------------------------------------------------------------------------------

    def put(self, sender: str, name: str, target: str, lines: str, body: bytes, seconds: float, now: float) -> bool:
        """Keep a text; False if there is no room for it. `seconds`: how long it is of use."""
        shelf = self._texts.setdefault(target, [])
        size = len(lines) + len(body)
        if len(shelf) >= PER_ACCOUNT or self._count >= IN_ALL or self._size + size > OCTETS or seconds <= 0:
            if not shelf:
                del self._texts[target]
            return False
        self._last += 1
        wall = self.epoch + now
        if "\nDate:" not in f"\n{lines}":  # 8: whoever reads it later learns when it was written.
            lines += f"Date: {_date(wall)}\r\n"
        text = Text(self._last, sender, name, target, lines, body, wall, wall + min(seconds, KEPT_SECONDS))
        self._add(text)
        self._watch(now)
        self._publish(TextStored(text.number, sender, target))
        return True

    def see(self, event: Event, now: float) -> None:
        """An event of the switch."""
        if type(event) is BindingAdded and not event.refreshed and event.aor in self._texts:
            self._deadlines.set((event.aor, "there"), now + AFTER_REGISTER)

    def settled(self, text: Text, status: int, now: float) -> None:
        """What the phones have said; 408: nothing."""
        self._under_way.pop(text.target, None)
        if text not in self._texts.get(text.target, ()):
            return
        if status < 300:
            self._remove(text)
            self._publish(TextForwarded(text.number, text.sender, text.target))
        elif status in (408, 480, 486, 487, 503):
            return  # Nobody was there after all.
        else:
            self._remove(text)
            self._publish(TextDropped(text.number, text.sender, text.target, str(status)))
        self._next(text.target, now)

    def _next(self, target: str, now: float) -> None:
        """Bring the oldest text of an addressee; the next one when that is settled."""
        self._drop_old(now)
        shelf = self._texts.get(target)
        bindings = self._bindings(target, now) if shelf else ()
        if shelf and bindings and target not in self._under_way:
            self._under_way[target] = shelf[0]
            self._bring(shelf[0], bindings, now)

    def _drop_old(self, now: float) -> None:
        wall = self.epoch + now
        old = [text for shelf in self._texts.values() for text in shelf if text.expires_at <= wall]
        for text in old:
            self._remove(text)
            self._publish(TextDropped(text.number, text.sender, text.target, "expired"))
        self._watch(now)

    def _watch(self, now: float) -> None:
        first = min((text.expires_at for shelf in self._texts.values() for text in shelf), default=None)
        if first is None:
            self._deadlines.clear(_EXPIRY)
        else:
            self._deadlines.set(_EXPIRY, max(first - self.epoch, now))

    def _add(self, text: Text) -> None:
        self._texts.setdefault(text.target, []).append(text)
        self._size += text.size
        self._count += 1

    def _remove(self, text: Text) -> None:
        shelf = self._texts[text.target]
        shelf.remove(text)
        if not shelf:
            del self._texts[text.target]
        self._size -= text.size
        self._count -= 1

    # --- restarts ----------------------------------------------------------------------------------------------------------

    def export(self) -> list[list[Any]]:
        """All texts as JSON values."""
        return [
            [one.number, one.sender, one.name, one.target, one.lines, b64encode(one.body).decode(), one.stored_at,
             one.expires_at]
            for shelf in self._texts.values()
            for one in shelf
        ]  # fmt: skip

    def load(self, kept: Sequence[Sequence[Any]], now: float) -> None:
        """Take back what the store kept; whoever is registered gets theirs soon."""
        for number, sender, name, target, lines, body, stored_at, expires_at in kept:
            self._add(Text(number, sender, name, target, lines, b64decode(body), stored_at, expires_at))
            self._last = max(self._last, number)
            self._deadlines.set((target, "there"), now + 2 * AFTER_REGISTER)
        self._watch(now)


def _date(wall: float) -> str:
    """SIP-date (RFC 3261 section 20.17) of a Unix time, whatever language the machine speaks."""
    at = datetime.fromtimestamp(wall, UTC)
    return f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} GMT"
