"""How often an account may ask for what (SEC-05): a token bucket for each account and method.

The figures are far beyond what a phone does - a console that subscribes to 250 keys at once included - so that only a
program that runs wild, or a stolen account, ever meets them. It is told to come back later, and costs the others nothing.
"""

from __future__ import annotations

from typing import Final

from softswitch.sip.guesses import Buckets

BURST_SECONDS: Final = 10.0  # of the rate may come at once
PLACES: Final = 65_536  # accounts and methods remembered
SHORTEST, LONGEST = 5, 30  # seconds of Retry-After


class Rates:
    """Requests outside of dialogs, by account and method."""

    def __init__(self, rate: float) -> None:
        """`rate`: requests a second of one method that one account may send; 0 = any number."""
        self.refused = 0
        self._rate = rate
        self._buckets: Buckets[tuple[str, str]] = Buckets(max(1, int(rate * BURST_SECONDS)), rate, PLACES)

    def admits(self, user: str, method: str, now: float) -> bool:
        """Whether this request of an account is one that may be; then it counts."""
        if not self._rate:
            return True
        if self._buckets.admits((user, method), now):
            return True
        self.refused += 1
        return False
