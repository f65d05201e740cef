"""Whoever follows events: looked at again whenever the site changes or a session is ended, and only then."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from starlette.requests import HTTPConnection

from softswitch.api.auth import LOCAL, Principal, Sight
from softswitch.api.guard import Denied, Guard, Rights

NOTHING: Final = Sight(frozenset(), frozenset())
AGAIN: Final = 60.0  # seconds after which it is looked whether a token has expired


class Standing:
    """Of one connection. `gone` is done when whoever opened it may follow no longer."""

    def __init__(self, guard: Guard, rights: Rights, connection: HTTPConnection) -> None:
        self._guard = guard
        self._rights = rights
        self._connection = connection
        self._site: object = None
        self._ends = -1
        self._again = 0.0  # Unix time
        self._sight = NOTHING
        self.who: Principal | None = None  # as of the last look
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sight()

    def sight(self) -> Sight:
        """What they see now; nothing once they are gone."""
        (site, ends), now = self._guard.moment, time.time()
        # The very same site, not an equal one: to compare two takes milliseconds, and there are hundreds of followers.
        if (self._site is not site or self._ends != ends or now >= self._again) and not self.gone.done():
            self._site, self._ends = site, ends
            self._look(now)
        return self._sight

    def _look(self, now: float) -> None:
        self.who = principal = self._principal()
        if principal is None:
            self._sight = NOTHING
            self.gone.set_result(None)
        else:
            self._sight = self._rights.sight(principal)
            self._again = min(principal.until or now + AGAIN, now + AGAIN)

    def _principal(self) -> Principal | None:
        try:
            found = self._guard.identify(self._connection)
        except Denied:
            return None
        return None if found is None or found.role == LOCAL else found
