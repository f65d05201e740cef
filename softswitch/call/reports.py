"""What media workers report about legs, brought to the calls that it concerns; and workers that come and go."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from media.control import (
    Alarm,
    Audio,
    Digit,
    Failed,
    Latched,
    PlayDone,
    Quality,
    Quiet,
    Ready,
    Recorded,
    RtpTimeout,
    Secured,
    Statistics,
    Stopped,
)
from softswitch.call import sound
from softswitch.call.board import WORKER_GRACE
from softswitch.call.leg import Leg
from softswitch.call.restart import unanswered
from softswitch.events import MediaAlarm

if TYPE_CHECKING:
    from media.control import WorkerEvent
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.call.media import MediaLeg


class MediaReports:
    """`about(call)` is told which call a report is about before anything happens to it."""

    def __init__(self, board: Board, about: Callable[[Call], None]) -> None:
        self.board = board
        self._about = about
        self._reports: dict[type, Callable[[int, Any, float], None]] = {
            Ready: self._ready,
            Failed: lambda worker, event, now: board.publish(MediaAlarm(worker, "worker_failed", event.reason)),
            Stopped: self._stopped,
            Digit: self._digit,
            PlayDone: self._play_done,
            RtpTimeout: self._rtp_timeout,
            Statistics: lambda worker, event, now: board.statistics(worker, event),
            Alarm: lambda worker, event, now: board.publish(MediaAlarm(worker, event.what, event.detail)),
            Secured: self._secured,
            Latched: _of_no_consequence,
            Audio: lambda worker, event, now: sound.audio(board, worker, event),
            Quality: lambda worker, event, now: sound.quality(board, worker, event),
            Recorded: self._recorded,
            Quiet: board.mailboxes.quiet,
        }

    def handle(self, worker: int, event: WorkerEvent, now: float) -> None:
        self._reports[type(event)](worker, event, now)

    def add_range(
        self, worker: int, base_port: int, legs: int, taken: Collection[int] = (), *,
        codecs: Sequence[str] = (), fingerprint: str = "", now: float = 0.0,
    ) -> None:  # fmt: skip
        """A worker has bound `legs` pairs of ports from `base_port` up. `codecs`: what it decodes, if it says so;
        `fingerprint`: of its DTLS certificate.
        """
        board = self.board
        board.deadlines.clear((worker, "worker"))
        board.forget_terms()
        if not board.pool.add_range(worker, base_port, legs, taken, codecs=codecs, fingerprint=fingerprint):
            concerned = [leg for leg in board.legs.values() if leg.media.worker == worker]
            for leg in concerned:
                leg.renew_stream()
            board.pool.restore(worker)
            for leg in concerned:
                leg.certificate_changed(now)
            board.recorder.worker_back(worker, now)

    def _leg_of(self, worker: int, index: int) -> Leg | None:
        media: MediaLeg | None = self.board.pool.legs.get((worker, index))
        leg = media.owner if media is not None else None
        if isinstance(leg, Leg):
            self._about(leg.call)
            return leg
        return None

    def _ready(self, worker: int, event: Ready, now: float) -> None:
        self.add_range(
            worker, event.base_port, event.legs, [int(leg) for leg in event.taken],
            codecs=event.codecs, fingerprint=event.fingerprint, now=now,
        )  # fmt: skip

    def _stopped(self, worker: int, event: Stopped, now: float) -> None:
        """A worker died. Its calls live on: a replacement with the same ports gets all their legs."""
        board = self.board
        board.publish(MediaAlarm(worker, "worker_stopped", event.reason))
        board.pool.suspend(worker)
        board.recorder.worker_lost(worker, now)
        board.mailboxes.worker_lost(worker, now)
        board.deadlines.set((worker, "worker"), now + WORKER_GRACE)

    def worker_lost(self, worker: int, now: float) -> None:
        for call in [call for call in self.board.calls.values() if call.worker == worker]:
            self._about(call)
            if unanswered(call):
                call.end("media_lost", now, 503)
            else:
                call.caller.drop(now, 503, "media_lost")

    def _digit(self, worker: int, event: Digit, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.pressed(event.digit, event.duration_ms, event.method, now)

    def _recorded(self, worker: int, event: Recorded, now: float) -> None:
        if not self.board.mailboxes.recorded(worker, event, now):
            self.board.recorder.recorded(worker, event, now)

    def _secured(self, worker: int, event: Secured, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.secured(event.suite, event.error, now)

    def _play_done(self, worker: int, event: PlayDone, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.owner.leg_played(leg, event.play, event.cause, now)

    def _rtp_timeout(self, worker: int, event: RtpTimeout, now: float) -> None:
        leg = self._leg_of(worker, event.leg)
        if leg is not None:
            leg.drop(now, 408, "rtp_timeout", "timeout")


def _of_no_consequence(worker: int, event: WorkerEvent, now: float) -> None:
    """What is reported for others."""
