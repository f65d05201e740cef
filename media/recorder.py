"""Recordings: which legs are heard, where in a file their audio belongs, and when a piece of it is handed to the writer.

Time is counted in samples of 8 kHz on the clock of the worker, for all recordings alike. Every half second one segment of all
time lines is complete (`timeline`); during the quarter of a second that follows, recording after recording is cut off and put on
the desk of the writer (`writing`). What is said on a leg is taken from the packets that every
relay hands over, so a call that is recorded is relayed as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codec import Codec
from media.codecs import codec_of
from media.control import Alarm, Finish, Modify, Open, Pause, Quiet, Record, Recorded, WorkerEvent
from media.g711 import CODECS
from media.rtp import CLOCK_RATE, COMFORT_NOISE, HEADER_SIZE
from media.studio import Studio
from media.tape import Begin, Block, Coded, End, Outcome, Piece
from media.timeline import SEGMENT, WINDOW, TimeLine
from media.writing import Desk

FORMS: Final = ("wav", "opus", "mono")
WIDE: Final = 16_000
SPREAD: Final = SEGMENT // 4  # samples of time in which all recordings are cut off in turn
SPARE: Final = 256  # rows for streams that have ended and are not written yet
_USUAL: Final = 160  # samples: what a coded packet is taken for until it is decoded
_NO_ROW: Final = -1


@dataclass(slots=True)
class Track:
    """A stream of one leg on one side of a recording. `row` of the time line; `coded` if it is not G.711."""

    leg: int
    row: int
    codec: Codec
    coded: Coded | None = None
    packets: list[tuple[int, int, bytes]] = field(default_factory=list)  # coded ones: number, time, payload
    timestamp: int = 0  # of the last coded packet; `elapsed` counts from the first, without wrapping
    elapsed: int = 0
    ended: int = 0  # when the leg was taken away; 0: it is listened to


@dataclass(slots=True)
class Recording:
    """One recording. Times in samples."""

    command: Record
    rate: int
    start: int
    written: int  # up to here it was cut off
    sides: tuple[list[Track], list[Track]] = field(default_factory=lambda: ([], []))
    muted: list[tuple[int, int]] = field(default_factory=list)  # what is over and not cut off yet
    paused_at: int = -1
    paused: int = 0
    lost: int = 0
    end: int = 0

    @property
    def legs(self) -> tuple[int, int]:
        return self.command.left, self.command.right


class Recorders:
    """The recordings of one worker; they are `Ears`. `terms(leg)`: what was agreed for an open leg, None if it is not open."""

    def __init__(
        self,
        legs: int,
        studio: Studio,
        terms: Callable[[int], Open | Modify | None],
        events: list[WorkerEvent],
        desk: Desk | None,
    ) -> None:
        self.commands: dict[type, Callable[..., None]] = {
            Record: self._record, Pause: self._pause, Finish: self._finish,
        }  # fmt: skip
        self.lost = 0  # samples that the disk did not take in time, of all recordings
        self._studio = studio
        self._terms = terms
        self._events = events
        self._desk = desk
        self._legs = legs
        self._recordings: dict[int, Recording] = {}
        self._ended: dict[int, Recording] = {}  # on their way to the disk
        self._tracks: dict[int, list[Track]] = {}  # by leg
        self._row_of: NDArray[np.int64] = np.full(legs, _NO_ROW, np.int64)  # by leg, of its only track
        self._several: dict[int, list[Track]] = {}  # by leg: coded, or more than one
        self._line: TimeLine | None = None
        self._segment = 0  # the one that time is in
        self._due: list[Recording] = []  # to be cut off, the last first
        self._due_count = 0

    @property
    def running(self) -> int:
        """Recordings that go on."""
        return len(self._recordings)

    # --- commands ----------------------------------------------------------------------------------------------------

    def _record(self, command: Record, now: float) -> None:
        clock = int(now * CLOCK_RATE)
        recording = self._recordings.get(command.record)
        if recording is None:
            recording = self._begin(command, clock)
            if recording is None:
                return
        before = recording.legs if recording.command is not command else (-1, -1)
        recording.command = command
        for side, leg, former in zip(recording.sides, recording.legs, before, strict=True):
            if leg != former:
                self._end_tracks(side, clock)
                self._listen(side, leg)

    def _begin(self, command: Record, clock: int) -> Recording | None:
        if self._desk is None or command.form not in FORMS or command.record in self._ended:
            what = "its number is in use" if command.record in self._ended else f"form {command.form!r} is unknown"
            self._events.append(Recorded(command.record, command.path, 0.0, 0, error=what))
            return None
        if not self._recordings:
            self._segment = clock // SEGMENT
        else:
            self._advance(clock)
        wide = any(
            terms is not None and _codec(terms).rate >= WIDE
            for terms in map(self._terms, (command.left, command.right))
        )
        recording = Recording(command, WIDE if wide else CLOCK_RATE, clock, clock)
        self._recordings[command.record] = recording
        self._desk.put(Begin(command.record, command.path, command.form, recording.rate, command.silence))
        return recording

    def _pause(self, command: Pause, now: float) -> None:
        recording = self._recordings.get(command.record)
        if recording is None:
            return  # It has ended, which was told.
        clock = int(now * CLOCK_RATE)
        if command.paused and recording.paused_at < 0:
            recording.paused_at = clock
        elif not command.paused and recording.paused_at >= 0:
            recording.muted.append((recording.paused_at, clock))
            recording.paused += clock - recording.paused_at
            recording.paused_at = -1

    def _finish(self, command: Finish, now: float) -> None:
        recording = self._recordings.pop(command.record, None)
        if recording is None:
            return
        clock = int(now * CLOCK_RATE)
        self._advance(clock)
        if recording.paused_at >= 0:
            recording.paused += clock - recording.paused_at
        for side in recording.sides:
            self._end_tracks(side, clock)
        self._cut_to(recording, clock)
        for side in recording.sides:
            self._release(side)
        recording.end = clock
        self._ended[command.record] = recording
        assert self._desk is not None
        self._desk.put(End(command.record, clock - recording.start))

    def finish_all(self, now: float) -> None:
        """The worker ends: so do all recordings."""
        for record in list(self._recordings):
            self._finish(Finish(record), now)

    # --- what happens to legs ------------------------------------------------------------------------------------------

    def opened(self, leg: int) -> None:
        """A leg is open, or something else was agreed for it."""
        terms = self._terms(leg)
        if terms is None or not self._recordings:
            return
        codec = _codec(terms)
        for recording in self._recordings.values():
            for side, wanted in zip(recording.sides, recording.legs, strict=True):
                if wanted != leg:
                    continue
                current = next((track for track in side if not track.ended), None)
                if current is not None and current.codec == codec:
                    continue
                self._end_tracks(side, self._segment * SEGMENT)
                self._listen(side, leg)

    def closed(self, leg: int, now: float) -> None:
        """A leg is closed: its side is silent from now on."""
        for recording in self._recordings.values():
            command = recording.command
            if leg in recording.legs:
                left, right = (-1 if leg == one else one for one in recording.legs)
                recording.command = replace(command, left=left, right=right)
        for track in self._tracks.pop(leg, ()):
            track.ended = int(now * CLOCK_RATE)
        self._several.pop(leg, None)
        self._row_of[leg] = _NO_ROW

    def _listen(self, side: list[Track], leg: int) -> None:
        """Hear a leg on a side, as soon as it is open."""
        terms = self._terms(leg) if leg >= 0 else None
        if terms is None:
            return
        codec = _codec(terms)
        law = CODECS.get(codec.name)
        if not codec.decodable:
            self._events.append(Alarm("not recorded", f"leg {leg}: {codec.name} cannot be decoded, its side is silent"))
            return
        line = self._line
        if line is None:
            line = self._line = TimeLine(self._legs + SPARE)
        row = line.take(_NO_ROW if law is None else law)
        if row < 0:
            self._events.append(Alarm("not recorded", f"leg {leg}: too many are recorded at once, its side is silent"))
            return
        track = Track(leg, row, codec, Coded(codec) if law is None else None)
        side.append(track)
        self._tracks.setdefault(leg, []).append(track)
        self._index(leg)
        self._studio.subscribe(leg, self)

    def _end_tracks(self, side: list[Track], clock: int) -> None:
        """The side hears nobody any more; what was said is still to be written."""
        for track in side:
            if not track.ended:
                track.ended = clock
                tracks = self._tracks.get(track.leg, [])
                tracks.remove(track)
                if not tracks:
                    self._tracks.pop(track.leg, None)
                    self._studio.unsubscribe(track.leg, self)
                self._index(track.leg)

    def _index(self, leg: int) -> None:
        """Which way the packets of a leg take: straight into their row, or by hand."""
        tracks = self._tracks.get(leg, ())
        if len(tracks) == 1 and tracks[0].coded is None:
            self._row_of[leg] = tracks[0].row
            self._several.pop(leg, None)
        else:
            self._row_of[leg] = _NO_ROW
            if tracks:
                self._several[leg] = list(tracks)
            else:
                self._several.pop(leg, None)

    def _release(self, side: list[Track], before: int | None = None) -> None:
        """Give back the rows of tracks that ended before that; all of them if it is None."""
        assert self._line is not None or not side
        for track in list(side):
            if before is None or (track.ended and track.ended + WINDOW < before):
                side.remove(track)
                if self._line is not None:
                    self._line.give_back(track.row)

    # --- packets -----------------------------------------------------------------------------------------------------

    def hear(self, leg: int, packet: int, timestamp: int, kind: int, payload: memoryview, clock: int) -> None:
        """One packet."""
        self._advance(clock)
        line = self._line
        assert line is not None
        terms = self._terms(leg)
        noise = kind == COMFORT_NOISE or (terms is not None and kind == terms.noise_type)
        for track in self._tracks.get(leg, ()):
            if noise:
                if track.coded is None:
                    line.quiet(track.row, timestamp, _USUAL, clock)
            elif track.coded is None:
                line.place(track.row, timestamp, np.frombuffer(payload, np.uint8), clock)
            else:
                self._keep(line, track, packet, timestamp, payload.tobytes(), clock)

    def hear_batch(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        timestamps: NDArray[np.uint32],
        octets: NDArray[np.uint8],
        sizes: NDArray[np.int64],
        clock: int,
    ) -> None:
        """Many packets."""
        self._advance(clock)
        rows = self._row_of.take(legs)
        line = self._line
        assert line is not None
        if not self._several or rows.min() >= 0:
            line.place_rows(rows, timestamps, octets, sizes, clock)
            return
        for index in np.flatnonzero(rows < 0).tolist():
            number, timestamp = int(packets[index]), int(timestamps[index])
            payload = octets[index, HEADER_SIZE : int(sizes[index])]
            for track in self._several.get(int(legs[index]), ()):
                if track.coded is None:
                    line.place(track.row, timestamp, payload, clock)
                else:
                    self._keep(line, track, number, timestamp, payload.tobytes(), clock)
        straight = rows >= 0
        if straight.any():
            line.place_rows(rows[straight], timestamps[straight], octets[straight], sizes[straight], clock)

    def _keep(self, line: TimeLine, track: Track, packet: int, timestamp: int, payload: bytes, clock: int) -> None:
        """A packet that the writer will decode, when those before it are there."""
        moved = (timestamp - track.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        if moved > 0 or not track.elapsed:
            track.timestamp, track.elapsed = timestamp, track.elapsed + max(moved, 1)
            moved = 0
        units = (track.elapsed + moved) * CLOCK_RATE // track.codec.clock
        position = line.locate(track.row, units, _USUAL, clock)
        if position is not None:
            track.packets.append((packet, position, payload))

    # --- time --------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When something is to be cut off, as `now`."""
        if not self._recordings:
            return None
        begin = self._segment * SEGMENT + WINDOW
        if not self._due_count:
            return begin / CLOCK_RATE
        if self._due:
            return (begin + SPREAD * (self._due_count - len(self._due)) // self._due_count) / CLOCK_RATE
        return (begin + SEGMENT - WINDOW) / CLOCK_RATE

    def run(self, now: float) -> None:
        """Cut off what is due, look at what the writer has done."""
        if self._recordings:
            clock = int(now * CLOCK_RATE)
            self._advance(clock)
            begin = self._segment * SEGMENT + WINDOW
            if clock >= begin:
                if not self._due_count:
                    self._due = list(self._recordings.values())
                    self._due_count = len(self._due)
                wanted = min((clock - begin) * self._due_count // SPREAD + 1, self._due_count)
                while self._due and self._due_count - len(self._due) < wanted:
                    self._cut_to(self._due.pop(), self._segment * SEGMENT)
        if self._desk is not None:
            while self._desk.done:
                outcome = self._desk.done.popleft()
                if isinstance(outcome, Outcome):
                    self._done(outcome, now)
                elif outcome.record in self._recordings:
                    self._events.append(Quiet(outcome.record, outcome.seconds))

    def _advance(self, clock: int) -> None:
        """Before a new segment is written to, everything of the last but one must have been cut off."""
        segment = clock // SEGMENT
        if segment <= self._segment:
            return
        for recording in self._recordings.values():
            self._cut_to(recording, (segment - 1) * SEGMENT)
        self._segment = segment
        self._due, self._due_count = [], 0
        if self._line is not None:
            self._line.turn()

    def _cut_to(self, recording: Recording, end: int) -> None:
        """Put on the desk what was said up to a moment, in pieces that lie within a segment."""
        while recording.written < end:
            start = recording.written
            stop = min(end, (start // SEGMENT + 1) * SEGMENT)
            self._cut(recording, start, stop)
            recording.written = stop

    def _cut(self, recording: Recording, start: int, end: int) -> None:
        left, right = recording.sides
        frames: NDArray[np.int16] | None = None
        pieces: tuple[list[Piece], list[Piece]] = ([], [])
        if (left or right) and all(len(side) < 2 and not (side and side[0].coded) for side in (left, right)):
            frames = self._frames(recording, start, end)
        else:
            for side, found in zip(recording.sides, pieces, strict=True):
                found += [self._piece(track, start, end, recording.start) for track in side]
        for side in recording.sides:
            self._release(side, end)
        if frames is None and not pieces[0] and not pieces[1]:
            return
        origin = recording.start
        muted = [(first - origin, last - origin) for first, last in recording.muted if last > start and first < end]
        if 0 <= recording.paused_at < end:
            muted.append((recording.paused_at - origin, end - origin))
        recording.muted = [one for one in recording.muted if one[1] > end]
        assert self._desk is not None
        block = Block(recording.command.record, start - origin, end - start, *pieces, muted, frames)
        if not self._desk.put(block):
            recording.lost += end - start
            self.lost += end - start
            self._events.append(Alarm("recording lost", f"{recording.command.path}: the disk does not keep up"))

    def _frames(self, recording: Recording, start: int, end: int) -> NDArray[np.int16]:
        """The usual case: one stream of G.711 on either side, or on one."""
        line = self._line
        assert line is not None
        frames: NDArray[np.int16] = np.empty((end - start, 2), np.int16)
        for index, side in enumerate(recording.sides):
            if not side:
                frames[:, index] = 0
                continue
            if start == recording.start:
                line.forget(side[0].row, start)
            line.read(side[0].row, start, end, frames[:, index])
        return frames

    def _piece(self, track: Track, start: int, end: int, origin: int) -> Piece:
        if track.coded is None:
            assert self._line is not None
            if start == origin:
                self._line.forget(track.row, start)
            samples: NDArray[np.int16] = np.empty(end - start, np.int16)
            self._line.read(track.row, start, end, samples)
            return Piece(samples)
        now = [(number, at - origin, payload) for number, at, payload in track.packets if at < end]
        track.packets = [packet for packet in track.packets if packet[1] >= end]
        return Piece(stream=track.coded, packets=now)

    def _done(self, outcome: Outcome, now: float) -> None:
        """A file is complete, or a recording has failed while it went on."""
        record, error = outcome.record, outcome.error
        recording = self._recordings.get(record)
        if recording is not None:
            self._finish(Finish(record), now)  # Its legs need not be listened to any more.
        recording = self._ended.pop(record, None)
        if recording is None:
            return
        if error:
            self._events.append(Alarm("recording failed", f"{recording.command.path}: {error}"))
        self._events.append(
            Recorded(
                record,
                recording.command.path,
                (recording.end - recording.start if outcome.count < 0 else outcome.count) / CLOCK_RATE,
                outcome.octets,
                recording.paused / CLOCK_RATE,
                recording.lost / CLOCK_RATE,
                error,
                outcome.voiced,
            )
        )


def _codec(terms: Open | Modify) -> Codec:
    return codec_of(terms.codec, terms.clock, terms.fmtp)
