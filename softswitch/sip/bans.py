"""Sources that are not listened to for a while (SEC-05): who keeps guessing passwords, and programs that only ever scan.

Only what its sender has proved to receive counts against an address: a wrong password over a nonce that we sent there. So nobody
can have somebody else banned by writing a false source address. A flow that has proved an account is never cut off, whoever
else shares its address. Where somebody has proved one - an office behind a router - a ban is for one socket, so that a phone with
a wrong password locks out nobody but itself; so it is on loopback, which all programs of a machine share. A scanner that says its
name costs nobody anything: its own socket is banned at once. Trunks and the networks of the operator are never banned.

Each ban of the same place is four times as long as the one before it, up to a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from softswitch.effects import Flow
from softswitch.sip.guesses import Buckets, network
from softswitch.sip.listener import is_loopback

# Programs whose only use against a switch is to look for weak ones, as they call themselves.
SCANNERS: Final = (
    "friendly-scanner", "sipvicious", "sip-scan", "sipscan", "smap", "sundayddr", "iwar", "sipsak-scan", "vaxsipuseragent",
    "pplsip", "siparmyknife", "svwar", "svmap", "svcrack", "sivus", "gulp", "sipv",
)  # fmt: skip

Place = tuple[str, int]
"""An address (of IPv6: its /64) and 0, or one port of it."""


@dataclass(slots=True, frozen=True)
class BanLimits:
    """Strikes until a ban, strikes a second that are forgiven, seconds of the first and the longest ban."""

    strikes: int = 20
    forgiven: float = 0.05
    first: float = 300.0
    factor: float = 4.0
    longest: float = 86_400.0
    places: int = 16_384


@dataclass(slots=True)
class Ban:
    """One place that is not listened to. `until`: monotonic seconds; `count`: how many bans it has had."""

    place: Place
    until: float
    reason: str
    count: int
    dropped: int = 0  # messages that were not listened to

    @property
    def name(self) -> str:
        host, port = self.place
        if not port:
            return host
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_scanner(agent: str) -> bool:
    """Whether a User-Agent names a program that only scans."""
    return agent.lower().startswith(SCANNERS)


def _nobody(host: str) -> bool:
    return False


class Bans:
    """Who is not listened to.

    `proven`: whether a flow has proved an account; `lives_at`: whether any flow of a host has; `spared`: whether a host is never
    cut off.
    """

    def __init__(
        self,
        proven: Callable[[Flow], bool],
        limits: BanLimits = BanLimits(),
        *,
        lives_at: Callable[[str], bool] = _nobody,
        spared: Callable[[str], bool] = _nobody,
    ) -> None:
        self.dropped = 0
        self._proven = proven
        self._lives_at = lives_at
        self._spared = spared
        self._limits = limits
        self._strikes: Buckets[Place] = Buckets(limits.strikes, limits.forgiven, limits.places)
        self._bans: dict[Place, Ban] = {}  # those that are over stay for as long as they lasted, to count the next one

    def __bool__(self) -> bool:
        """Whether anybody might be banned now."""
        return bool(self._bans)

    def drops(self, flow: Flow, now: float) -> bool:
        """Whether what came over this flow is not to be looked at."""
        bans = self._bans
        ban = bans.get((network(flow.host), 0)) or bans.get((flow.host, flow.port))
        if ban is None or ban.until <= now or self._proven(flow) or self._spared(flow.host):
            return False
        ban.dropped += 1
        self.dropped += 1
        return True

    def strike(self, flow: Flow, now: float) -> Ban | None:
        """Credentials of this flow were wrong; the ban, if this was once too often."""
        if self._proven(flow) or self._spared(flow.host):
            return None
        shared = is_loopback(flow.host) or self._lives_at(flow.host)
        place = (flow.host, flow.port) if shared else (network(flow.host), 0)
        self._strikes.add(place, now)
        return self.ban(place, "wrong passwords", now) if self._strikes.is_full(place, now) else None

    def scanner(self, flow: Flow, agent: str, now: float) -> Ban | None:
        """A scanner has said its name."""
        if self._proven(flow) or self._spared(flow.host):
            return None
        return self.ban((flow.host, flow.port), f"calls itself {agent[:40]}", now)

    def ban(self, place: Place, reason: str, now: float, seconds: float = 0.0) -> Ban:
        """Ban a place, for a time that grows with each ban unless it is given."""
        limits, before = self._limits, self._bans.pop(place, None)
        count = before.count + 1 if before is not None else 1
        length = seconds or min(limits.first * limits.factor ** min(count - 1, 10), limits.longest)
        ban = self._bans[place] = Ban(place, now + length, reason, count, before.dropped if before is not None else 0)
        if len(self._bans) > limits.places:
            del self._bans[next(iter(self._bans))]
        return ban

    def lift(self, place: Place) -> bool:
        """Listen to a place again; False if it was not banned."""
        self._strikes.clear(place)
        return self._bans.pop(place, None) is not None

    def in_force(self, now: float) -> list[Ban]:
        """The bans of this moment, the latest last."""
        return [ban for ban in self._bans.values() if ban.until > now]

    def tidy(self, now: float) -> None:
        """Forget bans that have been over for a day: to be called now and then."""
        for place in [place for place, ban in self._bans.items() if ban.until + self._limits.longest <= now]:
            del self._bans[place]

    # --- over a restart ----------------------------------------------------------------------------------------------

    def export(self, now: float) -> list[dict[str, Any]]:
        """As JSON values; times as seconds from now."""
        return [
            {
                "host": ban.place[0],
                "port": ban.place[1],
                "left": ban.until - now,
                "reason": ban.reason,
                "count": ban.count,
            }
            for ban in self._bans.values()
        ]

    def restore(self, bans: Iterable[dict[str, Any]], now: float) -> None:
        """Take back what `export` gave; `now` is the moment that its times count from."""
        for one in bans:
            place = str(one["host"]), int(one["port"])
            self._bans[place] = Ban(place, now + float(one["left"]), str(one["reason"]), int(one["count"]))
