"""Rooms: who is in which, and whether they are mixed or, two of them alone, relayed to each other.

Commands only say who is where; what follows is settled once per look, when all commands that came together are known.
So nothing is torn down that the next command would have built again, and two that were bridged, and are joined by a
third, are mixed without a moment in which they hear nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from media.control import Join
from media.desk import Place
from media.session import Leg, Session
from media.studio import Studio

PARTS = ("talk", "listen", "whisper")


class Rooms:
    """The rooms of one worker. `refuse(leg)` is called for one that cannot be mixed: nobody here knows its codec."""

    def __init__(
        self, session: Session, studio: Studio, settled: Callable[[Leg], None], refuse: Callable[[Leg], None]
    ) -> None:
        self._session = session
        self._studio = studio
        self._settled = settled
        self._refuse = refuse
        self._rooms: dict[int, dict[int, Join]] = {}
        self._room_of: dict[int, int] = {}
        self._two: dict[int, tuple[int, int]] = {}  # rooms whose two members are connected to each other
        self._unsettled: set[int] = set()

    @property
    def unsettled(self) -> bool:
        return bool(self._unsettled)

    def room_of(self, leg: int) -> int:
        """The room in which a leg is, or -1."""
        return self._room_of.get(leg, -1)

    def join(self, command: Join) -> None:
        """An open leg comes in, or takes another part."""
        leg, room = command.leg, command.room
        if self.room_of(leg) != room:
            self.leave(leg)
            self._room_of[leg] = room
        self._rooms.setdefault(room, {})[leg] = command
        self._unsettled.add(room)

    def leave(self, leg: int) -> None:
        """The leg goes out, if it is in a room."""
        room = self._room_of.pop(leg, -1)
        if room < 0:
            return
        del self._rooms[room][leg]
        self._unsettled.add(room)
        group = self._studio.group_of(leg)
        if group is not None and group.key == room:
            self._studio.unseat(leg)

    def settle(self, clock: int) -> None:
        """Carry out what was decided since the last time. `clock`: now, in 1/8000 s."""
        while self._unsettled:
            room = self._unsettled.pop()
            members = self._rooms[room]
            if not members:
                del self._rooms[room]
                self._two.pop(room, None)
            elif len(members) == 2 and all(join.part == "talk" for join in members.values()):
                one, other = members
                self._connect(room, one, other, clock)
            else:
                self._two.pop(room, None)
                self._mix(room, members)

    def _connect(self, room: int, one: int, other: int, clock: int) -> None:
        """Two alone are bridged."""
        if self._two.get(room) == (one, other):
            return
        self._two[room] = one, other
        first, second = self._session.open[one], self._session.open[other]
        assert first is not None and second is not None, "a leg leaves before it is closed"
        if self._session.relays(first, second):
            group = self._studio.group_of(one)
            if group is not None and group is self._studio.group_of(other):
                self._studio.hand_over(one, other, clock)
            for leg in (one, other):
                self._studio.unseat(leg)
        for speaker, listener in ((first, second), (second, first)):
            self._session.connect(speaker.number, listener.number)
            self._settled(listener)

    def _mix(self, room: int, members: dict[int, Join]) -> None:
        for leg, join in list(members.items()):
            opened = self._session.open[leg]
            assert opened is not None, "a leg leaves before it is closed"
            if not opened.terms.codec.decodable:
                self._refuse(opened)
                continue
            heard = opened.heard_by in members or self._studio.group_of(leg) is not None
            whispers = join.to if join.part == "whisper" else -1
            self._studio.seat(room, Place(leg, join.part == "talk", whispers), heard=heard)
        for leg in list(members):
            self._session.disconnect(leg)
