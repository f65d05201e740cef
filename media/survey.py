"""Looks after open legs now and then: RTP that stopped coming, legs that lost their source, RTCP that is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from media.control import RtpTimeout
from media.rtcp import INTERVAL, SenderInfo, ntp_time
from media.rtp import CLOCK_RATE
from media.session import Leg, Session

DEAD_AIR = 1.0  # seconds without a source before the leg is given one


@dataclass(slots=True)
class Watch:
    """What is being watched of one leg. Times are monotonic seconds."""

    heard_from: float  # the RTP timeout counts from here at the earliest
    report_at: float
    timed_out: bool = False
    bereft_at: float = -1.0  # since when it has no source although it should; -1: it has one, or should have none


class Survey:
    """`chance(n)`: n random bits; `send_rtcp(leg, data)` sends. `epoch`: Unix time when `now` was zero."""

    def __init__(
        self, session: Session, chance: Callable[[int], int], send_rtcp: Callable[[int, bytes], None], epoch: float
    ) -> None:
        self.epoch = epoch
        self._session = session
        self._chance = chance
        self._send_rtcp = send_rtcp

    def begin(self, now: float) -> Watch:
        # 6.2: the first interval is half as long.
        return Watch(now, now + INTERVAL * self._between(0.25, 0.75))

    def visit(self, leg: Leg, watch: Watch, now: float) -> bool:
        """Do what is due. True if the leg has been without a source for too long."""
        if leg.terms.timeout > 0 and leg.terms.receive:
            self._watch_rtp(leg, watch, now)
        if now >= watch.report_at:
            watch.report_at = now + INTERVAL * self._between(0.5, 1.5)
            self.report(leg, now)
        return watch.bereft_at >= 0 and now - watch.bereft_at >= DEAD_AIR and leg.hearing

    def _watch_rtp(self, leg: Leg, watch: Watch, now: float) -> None:
        heard = self._session.legs.heard[leg.number] / CLOCK_RATE
        silent = now - max(heard, watch.heard_from)
        if silent < leg.terms.timeout:
            watch.timed_out = False
        elif not watch.timed_out:
            watch.timed_out = True
            self._session.events.append(RtpTimeout(leg.number, silent))

    def report(self, leg: Leg, now: float, *, goodbye: bool = False) -> None:
        """6.4: a sender report if we sent RTP since the last one, else a receiver report."""
        if leg.address is None or (goodbye and not leg.reporter.spoke and not self._session.legs.sent[leg.number]):
            return  # 6.3.7: who never said anything does not say goodbye.
        legs, number, wall = self._session.legs, leg.number, self.epoch + now
        sender = None
        if legs.sent[number] != legs.sent_before[number]:
            legs.sent_before[number] = legs.sent[number]
            elapsed = int(now * CLOCK_RATE) - legs.out_clock[number]
            timestamp = legs.out_ts[number] + elapsed * legs.scale[number]
            sender = SenderInfo(
                ntp_time(wall),
                timestamp & 0xFFFFFFFF,
                legs.sent[number] & 0xFFFFFFFF,
                legs.out_octets[number] & 0xFFFFFFFF,
            )
        self._send_rtcp(number, leg.reporter.report(sender, self._session.stream(leg), wall, goodbye=goodbye))

    def _between(self, least: float, most: float) -> float:
        return least + (most - least) * self._chance(20) / (1 << 20)
