"""Legs whose keys are heard in their audio, as nothing better was agreed (FEATURES MED-09)."""

from __future__ import annotations

from media.control import Digit
from media.goertzel import SHORTEST_MS, Keys
from media.session import Leg, Session
from media.studio import Studio


class InBand:
    """Listens, and reports keys as the session does that come as telephone-events. Never both of one press."""

    def __init__(self, session: Session, studio: Studio) -> None:
        self._session = session
        self._studio = studio
        self._keys = Keys(session.legs.count, self._pressed)
        self._known: dict[int, int] = {}  # by leg that is listened to: its digits, all of which were heard here

    def settle(self, leg: Leg, wanted: bool) -> None:
        """Whether to listen to an open leg may have changed."""
        number = leg.number
        wanted = wanted and leg.terms.codec.decodable
        if wanted and number not in self._known:
            self._known[number] = leg.digits
            self._keys.begin(number)
            self._studio.follow(number, self._keys)
        elif not wanted and self._known.pop(number, None) is not None:
            self._studio.unfollow(number, self._keys)

    def forget(self, number: int) -> None:
        """The leg is closed."""
        self._known.pop(number, None)

    def _pressed(self, number: int, key: str) -> None:
        leg = self._session.open[number]
        if leg is None or not leg.terms.receive or leg.digits != self._known[number]:
            return  # A phone that sends events after all has told us already.
        leg.digits += 1
        self._known[number] += 1
        self._session.events.append(Digit(number, key, SHORTEST_MS, "inband"))
        self._session.pressed.append(number)
