"""Looks after open legs now and then: RTP that stopped coming, legs that lost their source, RTCP that is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from media.attention import Attention
from media.control import Audio, Quality, RtpTimeout
from media.quality import Losses, class_of, mos
from media.rtcp import INTERVAL, SenderInfo, ntp_time
from media.rtp import CLOCK_RATE
from media.session import Leg, Session

DEAD_AIR = 1.0  # seconds without a source before the leg is given one
INAUDIBLE = (
    4.0  # seconds without packets, or of silent ones, that are told: within five, as a leg is visited once a second
)
QUALITY = 10.0  # seconds between two reports of how a leg sounds
SETTLED = 3.0  # seconds between two reports at least


@dataclass(slots=True)
class Watch:
    """What is being watched of one leg. Times are monotonic seconds."""

    heard_from: float  # the RTP timeout counts from here at the earliest
    report_at: float
    timed_out: bool = False
    bereft_at: float = -1.0  # since when it has no source although it should; -1: it has one, or should have none
    audio: str = "heard"  # what was told of it last
    losses: Losses = field(default_factory=Losses)  # of the whole leg
    recent: Losses = field(default_factory=Losses)  # since the last report of quality
    quality_at: float = 0.0
    quality: str = ""
    due_from: float = 0.0  # nothing was to be heard before
    sent: int = -1  # packets that it was sent when it was visited last
    stuck: int = 0  # visits since anything was sent, although something plays


class Survey:
    """`chance(n)`: n random bits; `send_rtcp(leg, data)` sends. `epoch`: Unix time when `now` was zero."""

    def __init__(
        self,
        session: Session,
        chance: Callable[[int], int],
        send_rtcp: Callable[[int, bytes], None],
        epoch: float,
        attention: Attention,
    ) -> None:
        self.attention = attention
        self.epoch = epoch
        self._session = session
        self._chance = chance
        self._send_rtcp = send_rtcp

    def begin(self, now: float) -> Watch:
        # 6.2: the first interval is half as long.
        return Watch(now, now + INTERVAL * self._between(0.25, 0.75), quality_at=now)

    def visit(self, leg: Leg, watch: Watch, now: float) -> bool:
        """Do what is due. True if the leg has been without a source for too long."""
        if leg.terms.timeout > 0 and leg.terms.receive:
            self._watch_rtp(leg, watch, now)
        self._listen(leg, watch, now)
        if leg.started:
            self._assess(leg, watch, now)
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

    def _listen(self, leg: Leg, watch: Watch, now: float) -> None:
        """Dead, silent, or heard?"""
        number, attention = leg.number, self.attention
        if not leg.terms.receive or leg.address is None:
            attention.forget(number)  # On hold: nothing is to be heard.
            watch.due_from = now
            return
        due = max(watch.heard_from, watch.due_from)
        arrived = max(self._session.legs.heard[number] / CLOCK_RATE, due)
        silent = attention.silent_from(number)
        state, since = watch.audio, now
        if now - arrived >= INAUDIBLE:
            state, since = "dead", arrived
        elif silent < 0:
            if leg.started and arrived > due:
                state = "heard"
        elif now - silent / CLOCK_RATE >= INAUDIBLE:
            state, since = "silent", silent / CLOCK_RATE
        if state != watch.audio:
            watch.audio = state
            self._session.events.append(Audio(number, state, now - since))
        attention.look(number)

    def _assess(self, leg: Leg, watch: Watch, now: float) -> None:
        """Count losses second by second; tell how it sounds now and then."""
        stream = self._session.stream(leg)
        assert stream is not None, "a stream has arrived"
        lost = max(0, stream.expected - stream.received)
        watch.losses.note(stream.expected, lost)
        watch.recent.note(stream.expected, lost)
        waited = now - watch.quality_at
        if waited < SETTLED or not watch.recent.expected:
            return
        score, remote = self.scores(leg, watch.recent)
        if waited < QUALITY and class_of(score) == watch.quality:
            return
        watch.quality, watch.quality_at = class_of(score), now
        jitter = stream.jitter * 1000 / leg.terms.codec.clock
        report = Quality(leg.number, score, watch.recent.share, jitter, leg.reporter.round_trip_ms, remote)
        self._session.events.append(report)
        recent = watch.recent = Losses()
        recent.note(stream.expected, lost)
        recent.expected = recent.lost = recent.spans = 0
        recent.squares = 0.0

    def scores(self, leg: Leg, losses: Losses) -> tuple[float, float]:
        """What is heard at our side, and at the far end by its own reports; 0: not known."""
        legs, number, reporter, codec = self._session.legs, leg.number, leg.reporter, leg.terms.codec
        here = there = 0.0
        if losses.expected:
            jitter = (legs.jitter[number] >> 4) * 1000 / codec.clock
            here = mos(codec.name, losses.share, losses.burst, jitter, reporter.round_trip_ms)
        if reporter.told and (sent := legs.sent[number]):
            share = max(reporter.remote_lost, 0) / sent
            there = mos(codec.name, share, 1.0, reporter.remote_jitter_ms, reporter.round_trip_ms)
        return here, there

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
