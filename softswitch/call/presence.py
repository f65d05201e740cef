"""The `presence` event package (RFC 3856): whether somebody can be reached, for softphones with a list of contacts.

The body is PIDF (RFC 3863) with the activity of RFC 4480. It says no more than the lamps do, and comes from the same places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from softswitch.call.xml import escape, quoteattr
from softswitch.events import BindingAdded, BindingRemoved, Event, PhoneChanged

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.lamps import Lamps
    from softswitch.directory import Account


PRESENCE_EVENTS: Final = frozenset({BindingAdded, BindingRemoved, PhoneChanged})  # besides those of calls


class Presence:
    """The package. `changed(resource)` is told whose presence is another."""

    name = "presence"
    content_type = "application/pidf+xml"

    def __init__(self, board: Board, lamps: Lamps, changed: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._board = board
        self._lamps = lamps
        self._changed = changed
        self._clock = clock

    def find(self, user: str, account: Account) -> str | None:
        return f"account:{user}" if user in self._board.directory.accounts else None

    def body(self, resource: str, version: int, account: Account) -> bytes:
        user = resource.partition(":")[2]
        entity = f"sip:{user}@{self._board.directory.domain}"
        basic, activity, note = self._state(user)
        said = (
            f'<dm:person id="p1"><rpid:activities><rpid:{activity}/></rpid:activities></dm:person>\r\n'
            if activity
            else ""
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" '
            'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
            f"entity={quoteattr(entity)}>\r\n"
            f'<tuple id="t1"><status><basic>{basic}</basic></status><contact>{escape(entity)}</contact></tuple>\r\n'
            f"<note>{note}</note>\r\n{said}</presence>\r\n"
        ).encode()

    def _state(self, user: str) -> tuple[str, str, str]:
        """(Whether calls arrive, what the person does, in words)."""
        board = self._board
        account = board.directory.accounts.get(user)
        if account is None or not board.bindings(user, self._clock()):
            return "closed", "", "Offline"
        if any(part.state == "confirmed" for part in self._lamps.parts(user)):
            return "open", "on-the-phone", "On the phone"
        if board.phones.do_not_disturb(account):
            return "closed", "busy", "Do not disturb"
        return "open", "", "Available"

    def see(self, event: Event, now: float) -> None:
        """An event of the switch, besides those that lamps show."""
        if isinstance(event, BindingAdded | BindingRemoved):
            if not getattr(event, "refreshed", False):
                self._changed(f"account:{event.aor}")
        elif isinstance(event, PhoneChanged) and event.setting == "do_not_disturb":
            self._changed(f"account:{event.account}")
