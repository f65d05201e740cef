"""How much is read of sources that nobody knows (SEC-05, SEC-06): so many messages a second, the rest is not looked at.

Whoever has proved an account over a flow is no stranger there, and what a stranger sent before that is forgiven. So a whole
office behind one address may start its phones at once, and a flood from there takes the line of nobody who was there before.
Programs of this machine share one address, and are not strangers either.
"""

from __future__ import annotations

from collections.abc import Callable

from softswitch.effects import Flow
from softswitch.sip.guesses import Buckets, network
from softswitch.sip.listener import is_loopback

BURST_SECONDS = 4.0  # of the rate may come at once
PLACES = 4_096  # sources remembered


class Strangers:
    """A token bucket for each source. `proven`: whether a flow has proved an account; `spared`: whether a host is never cut."""

    def __init__(self, rate: float, proven: Callable[[Flow], bool], spared: Callable[[str], bool]) -> None:
        """`rate`: messages a second of one source that are read; 0 = as many as come."""
        self.dropped = 0
        self._rate = rate
        self._proven = proven
        self._spared = spared
        self._buckets: Buckets[str] = Buckets(max(1, int(rate * BURST_SECONDS)), rate, PLACES)

    def drops(self, flow: Flow, now: float) -> bool:
        """Whether what came over this flow is not to be looked at; if it is, it counts."""
        if not self._rate or self._proven(flow):
            return False
        source = network(flow.host)
        if self._buckets.is_full(source, now):
            if is_loopback(flow.host) or self._spared(flow.host):
                return False
            self.dropped += 1
            return True
        self._buckets.add(source, now)
        return False

    def proved(self, flow: Flow, now: float) -> None:
        """A flow has just proved an account: what it sent until then was no stranger's."""
        self._buckets.take(network(flow.host), 2, now)
