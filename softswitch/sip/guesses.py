"""How many wrong passwords may come from where (SEC-05): slow for whoever guesses, invisible for whoever knows.

Two buckets count failures: one per flow, because a guessing program sits on one socket, and one per host, because it may open
many. When either is empty, credentials from there are not judged at all, so even the right password finds nothing out. A flow
that has proved an account goes on being judged for that account, so phones behind the same address stay registered; and what
is not ours to judge - a nonce that we never gave to that address - counts for nobody, so no forged source can lock anybody out.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from softswitch.effects import Flow

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True, frozen=True)
class GuessLimits:
    """Failures at once, and the failures a second that are forgiven."""

    flow_burst: int = 18
    flow_rate: float = 0.1
    host_burst: int = 36
    host_rate: float = 4.0
    places: int = 16_384  # flows and hosts remembered, each
    proven: int = 65_536  # flows remembered with the account that they have proved


class Buckets(Generic[K]):
    """Leaky buckets by name: a name is forgotten when its bucket has run dry, or when too many others have come since."""

    __slots__ = ("_burst", "_levels", "_places", "_rate")

    def __init__(self, burst: int, rate: float, places: int) -> None:
        self._burst = burst
        self._rate = rate  # units a second that leak out
        self._places = places
        self._levels: dict[K, tuple[float, float]] = {}  # level and when it was so, the latest last

    def is_full(self, name: K, now: float) -> bool:
        return name in self._levels and self._level(name, now) > self._burst - 1

    def add(self, name: K, now: float) -> None:
        self._put(name, self._level(name, now) + 1, now)

    def admits(self, name: K, now: float) -> bool:
        """Whether there is room for one more; then it is added."""
        level = self._level(name, now)
        if level > self._burst - 1:
            return False
        self._put(name, level + 1, now)
        return True

    def _put(self, name: K, level: float, now: float) -> None:
        levels = self._levels
        levels.pop(name, None)
        levels[name] = (level, now)
        for _ in range(2):  # One more than comes in, so that what has run dry goes sooner or later.
            oldest = next(iter(levels))
            if len(levels) <= self._places and self._level(oldest, now):
                break
            del levels[oldest]

    def take(self, name: K, amount: float, now: float) -> None:
        """Take something out of the bucket of a name again."""
        if name in self._levels:
            self._levels[name] = (max(0.0, self._level(name, now) - amount), now)

    def clear(self, name: K) -> None:
        """Empty the bucket of a name."""
        self._levels.pop(name, None)

    def _level(self, name: K, now: float) -> float:
        level, at = self._levels.get(name, (0.0, now))
        return max(0.0, level - (now - at) * self._rate)

    def __len__(self) -> int:
        return len(self._levels)


class Guesses:
    """Decides whether credentials are looked at. Times are monotonic seconds."""

    def __init__(self, limits: GuessLimits = GuessLimits()) -> None:
        self.refused = 0  # credentials that were not judged
        self.failed = 0  # credentials that were judged and found wrong
        self._limits = limits
        self._flows: Buckets[Flow] = Buckets(limits.flow_burst, limits.flow_rate, limits.places)
        self._hosts: Buckets[str] = Buckets(limits.host_burst, limits.host_rate, limits.places)
        self._proven: dict[Flow, str] = {}
        self._homes: Counter[str] = Counter()  # network -> flows from there that have proved an account

    def admits(self, flow: Flow, user: str, now: float) -> bool:
        """Whether credentials for `user` that came over `flow` are to be judged."""
        if not (self._flows.is_full(flow, now) or self._hosts.is_full(network(flow.host), now)):
            return True
        if self._proven.get(flow) == user:
            return True
        self.refused += 1
        return False

    def succeeded(self, flow: Flow, user: str) -> None:
        """The flow has proved that it is the account's."""
        if self._proven.get(flow) != user:
            self.forget(flow)
            self._proven[flow] = user
            self._homes[network(flow.host)] += 1
            if len(self._proven) > self._limits.proven:
                self.forget(next(iter(self._proven)))

    def forget(self, flow: Flow) -> None:
        """The flow is nobody's any more: its connection is gone, or its account."""
        if self._proven.pop(flow, None) is not None:
            home = network(flow.host)
            self._homes[home] -= 1
            if not self._homes[home]:
                del self._homes[home]

    def forget_account(self, user: str) -> None:
        """An account is no more: what it has proved counts for nothing."""
        for flow in [flow for flow, owner in self._proven.items() if owner == user]:
            self.forget(flow)

    def lives_at(self, host: str) -> bool:
        """Whether anybody from there has proved an account: an office behind one address, or a machine with many phones."""
        return network(host) in self._homes

    def proven(self, flow: Flow) -> bool:
        """Whether the flow has proved an account."""
        return flow in self._proven

    def wrong(self, flow: Flow, user: str, now: float) -> None:
        """Credentials of the flow were wrong. A phone that was right before is no guesser: its password has changed."""
        self.failed += 1
        if self._proven.get(flow) != user:
            self._flows.add(flow, now)
            self._hosts.add(network(flow.host), now)


@lru_cache(maxsize=4096)
def network(host: str) -> str:
    """What one party can have many of without effort counts once: an IPv4 address, or the /64 of an IPv6 address."""
    if ":" not in host:
        return host
    return str(ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False))
