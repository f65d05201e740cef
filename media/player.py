"""Sends what is played: prompts, music, tones, silence; every leg in its own rhythm, all of one moment in one batch.

Time is counted in ticks of 5 ms. A leg of 20 ms packets is due every fourth tick. Few legs share one of the four, so that the
process wakes up fifty times a second; many are spread, so that a thousand listeners are four bursts, not one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import write
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from media.bank import Bank, Span
from media.forms import BLOCK, Form
from media.legs import (
    FRAME,
    FRESH,
    LAW,
    LIMIT,
    LINE,
    LOOP,
    NEVER,
    NEXT_TICK,
    OUT_TS,
    POSITION,
    SCALE,
    Legs,
)
from media.numbering import number_one, number_rows
from media.rows import Rows
from media.rtp import CLOCK_RATE, HEADER_SIZE

TICK = 0.005  # seconds
TICK_SAMPLES = CLOCK_RATE // 200
PHASES = 4  # ticks in a packet of 20 ms
LATE_TICKS = 20  # 100 ms: what is later than that is left out, not made up for
FEW = 16  # packets up to which one by one is cheaper (bench/micro/relay.py)
CROWD = 64  # legs that one tick takes before another is opened: each tick is a wake-up
_ROWS = 512
MAX_PAYLOAD = 2048  # octets; what the bank holds is shorter


class Sink(Protocol):
    """Where packets go."""

    @property
    def senders(self) -> Sequence[Callable[[memoryview], object]]:
        """By leg: sends one packet to it. May raise OSError."""
        ...

    @property
    def files(self) -> NDArray[np.int64]:
        """By leg: the descriptor to write packets to, which is the shorter way; -1: use `senders`."""
        ...

    def failed(self, leg: int, packet: memoryview, error: OSError) -> None:
        """Sending a packet failed: count it, or try again."""
        ...

    def deliver(self, legs: NDArray[np.int64], rows: Rows, size: int) -> None:
        """Send each of these legs the first `size` octets of its row, the first leg those of the first row and so on.

        The rows are the caller's again afterwards. Does not raise for a packet that cannot be sent.
        """
        ...


def deliver(sink: Sink, legs: NDArray[np.int64], packets: list[memoryview]) -> None:
    """Send one packet to each of these legs."""
    files = sink.files.take(legs)
    if len(files) and files.min(axis=0) < 0:
        _deliver_mixed(sink, legs, files, packets)
        return
    for row, (file, packet) in enumerate(zip(files.tolist(), packets, strict=True)):
        try:
            write(file, packet)
        except OSError as error:
            sink.failed(int(legs[row]), packet, error)


def _deliver_mixed(sink: Sink, legs: NDArray[np.int64], files: NDArray[np.int64], packets: list[memoryview]) -> None:
    senders = sink.senders
    for leg, file, packet in zip(legs.tolist(), files.tolist(), packets, strict=True):
        try:
            if file < 0:
                senders[leg](packet)
            else:
                write(file, packet)
        except OSError as error:
            sink.failed(leg, packet, error)


@dataclass(slots=True)
class Playlist:
    """Clips in sequence, `repeat` times; 0: until replaced."""

    play: int
    spans: Sequence[Span]
    repeat: int = 1
    until_digit: bool = False
    _index: int = 0
    _rounds: int = 0

    def next(self) -> Span | None:
        """The next clip, or None when all is played. Empty clips are passed over."""
        if not any(span.end > span.start for span in self.spans):
            return None
        while True:
            if self._index == len(self.spans):
                self._index = 0
                self._rounds += 1
            if self.repeat and self._rounds >= self.repeat:
                return None
            span = self.spans[self._index]
            self._index += 1
            if span.end > span.start:
                return span


@dataclass(slots=True)
class Loop:
    """A recording that goes round. `shared`: its play-head moves on whether anybody listens or not."""

    span: Span
    shared: bool = False


Source: TypeAlias = Playlist | Loop


class Player:
    """The playing legs of one worker."""

    def __init__(self, legs: Legs, bank: Bank, sink: Sink) -> None:
        self._legs = legs
        self._bank = bank
        self._sink = sink
        self._sources: dict[int, Source] = {}
        self._rows = Rows(_ROWS, HEADER_SIZE + 512)
        self._octets, self._views = self._rows.octets, self._rows.views
        self._heads = self._rows.words[:, :3]
        self._scratch = memoryview(bytearray(HEADER_SIZE + MAX_PAYLOAD))
        self.wanted: set[tuple[int, int]] = (
            set()
        )  # forms and positions that a leg has come to, and that are not coded yet
        self.done: list[tuple[int, int]] = []  # (leg, play) of playlists that came to their end
        self.tick = 0
        self.few = FEW
        self._in_phase = [0] * PHASES
        self._phase_of: dict[int, int] = {}

    @property
    def playing(self) -> int:
        """Legs that have something to play, whether they can hear it now or not."""
        return len(self._sources)

    def feeds(self, leg: int) -> bool:
        """Whether the leg has something to play."""
        return leg in self._sources

    def next_due(self) -> int | None:
        """The tick in which the next packet is to be sent; None: nobody hears anything."""
        if not self._sources:
            return None
        due = int(self._legs.playout[:, NEXT_TICK].min(axis=0))
        return None if due == NEVER else due

    def start(self, leg: int, source: Source, *, hearing: bool) -> None:
        """Play this to the leg from now on, as soon as it can hear."""
        self._sources[leg] = source
        legs = self._legs
        if isinstance(source, Loop):
            legs.position[leg], legs.limit[leg], legs.loop[leg] = source.span.start, source.span.end, source.span.loop
        else:
            self._advance(leg, source)
        legs.fresh[leg] = 1
        self.pause(leg)
        if hearing:
            self.resume(leg)

    def skip(self, leg: int, positions: int) -> None:
        """Leave out the beginning of the clip that has just been started; as much as there is of it."""
        legs = self._legs
        forward = min(max(positions, 0), legs.limit[leg] - legs.position[leg]) // BLOCK * BLOCK
        if legs.loop[leg] == 0 and legs.position[leg] + forward < legs.limit[leg]:
            legs.position[leg] += forward

    def stop(self, leg: int) -> Source | None:
        """Play nothing to the leg; returns what it heard."""
        self.pause(leg)
        return self._sources.pop(leg, None)

    def pause(self, leg: int) -> None:
        """The leg cannot hear now: its clip waits where it is."""
        if self._legs.next_tick[leg] != NEVER:
            self._legs.next_tick[leg] = NEVER
            self._in_phase[self._phase_of.pop(leg)] -= 1

    def resume(self, leg: int) -> None:
        """The leg can hear: go on, or begin, in its phase."""
        source = self._sources.get(leg)
        legs = self._legs
        if source is None or legs.next_tick[leg] != NEVER:
            return
        due = self.tick + 1
        phase = self._phase_of[leg] = self._phase()
        due += (phase - due) % PHASES
        self._in_phase[phase] += 1
        legs.next_tick[leg] = due
        legs.fresh[leg] = 1
        if isinstance(source, Loop) and source.shared:
            span = source.span
            legs.position[leg] = span.start + due * TICK_SAMPLES % span.loop

    def _phase(self) -> int:
        """The first phase that is not crowded; if all are, the emptiest."""
        for phase, count in enumerate(self._in_phase):
            if count < CROWD:
                return phase
        return self._in_phase.index(min(self._in_phase))

    # --- the rhythm --------------------------------------------------------------------------------------------------

    def run(self, tick: int, clock: int) -> int:
        """Send everything that is due up to `tick`. Returns how many ticks were left out because they came too late."""
        self.tick = tick
        first = self.next_due()
        if first is None or first > tick:
            return 0
        late = max(tick - first - LATE_TICKS, 0) // PHASES * PHASES
        next_tick = self._legs.playout[:, NEXT_TICK]
        if late:
            self._leave_out(np.flatnonzero(next_tick <= tick), late)
        while len(due := np.flatnonzero(next_tick <= tick)):
            if len(due) <= self.few:
                for leg in due.tolist():
                    self._send_one(leg, clock)
                continue
            for start in range(0, len(due), _ROWS):
                self._send(due[start : start + _ROWS], clock)
        return late

    def _leave_out(self, legs: NDArray[np.int64], ticks: int) -> None:
        """Nobody wants to hear a second of audio at once: real time goes on, the clips wait."""
        self._legs.playout[legs, NEXT_TICK] += ticks
        self._legs.outbound[legs, OUT_TS] += ticks * TICK_SAMPLES * self._legs.timing[legs, SCALE]

    def _send(self, due: NDArray[np.int64], clock: int) -> None:
        form = self._legs.playout[due, LAW]
        if form.max(axis=0) > Form.A:
            apart = (form > Form.G722) | ~self._bank.have(form, self._legs.playout[due, POSITION])
            apart |= (form == Form.G722) & (self._legs.outbound[due, FRESH] != 0)
            for leg in due[apart].tolist():
                self._send_one(leg, clock)
            due = due[~apart]
            if not len(due):
                return
        frame = self._legs.playout[due, FRAME]
        size = int(frame[0])
        if (frame == size).all():
            self._send_frames(due, size, clock)
        else:
            for each in np.unique(frame).tolist():
                self._send_frames(due[frame == each], each, clock)

    def _send_frames(self, due: NDArray[np.int64], size: int, clock: int) -> None:
        """One packet of `size` samples to each of these legs."""
        legs, count = self._legs, len(due)
        playout = legs.playout.take(due, axis=0)
        position, limit, loop = playout[:, POSITION], playout[:, LIMIT], playout[:, LOOP]
        self._rows.pieces(HEADER_SIZE, size)[:count] = self._bank.whole_frames(playout[:, LAW], position, size)
        position += size
        ends = np.flatnonzero((loop == 0) & (position >= limit))
        position -= np.where((loop > 0) & (position >= limit), loop, 0)
        playout[:, NEXT_TICK] += size // TICK_SAMPLES
        legs.playout.view(LINE)[:, 0][due] = playout.view(LINE)[:, 0]
        for row in ends.tolist():
            self._octets[row, HEADER_SIZE : HEADER_SIZE + size] = np.frombuffer(
                self._cross(int(due[row]), size), np.uint8
            )

        number_rows(legs, due, playout, self._heads[:count], size, clock)
        self._sink.deliver(due, self._rows, HEADER_SIZE + size)

    def _send_one(self, leg: int, clock: int) -> None:
        """What `_send_frames` does, for one leg: where few play, arrays cost more than they save."""
        legs = self._legs
        size = legs.frame[leg]
        payload = self._next(leg, size)
        octets = len(payload)
        packet = self._scratch[: HEADER_SIZE + octets]
        packet[HEADER_SIZE:] = payload
        legs.next_tick[leg] += size // TICK_SAMPLES
        scale = legs.scale[leg]
        number_one(legs, leg, packet, size * scale, scale, octets, clock)
        try:
            self._sink.senders[leg](packet)
        except OSError as error:
            self._sink.failed(leg, packet, error)

    # --- clips -------------------------------------------------------------------------------------------------------

    def _advance(self, leg: int, playlist: Playlist) -> bool:
        """On to the next clip; after the last one the leg hears silence. False at the end."""
        legs = self._legs
        span = playlist.next()
        if span is None:
            self.done.append((leg, playlist.play))
            self._sources[leg] = Loop(self._bank.silence)
            span = self._bank.silence
        legs.position[leg], legs.limit[leg], legs.loop[leg] = span
        return span.loop == 0

    def _next(self, leg: int, size: int) -> bytes:
        """The payload of the next frame, and on to the one after it."""
        legs = self._legs
        form, start, limit, loop = legs.law[leg], legs.position[leg], legs.limit[leg], legs.loop[leg]
        ended = start + size >= limit
        there = form <= Form.A or self._bank.has(form, start)
        if not there:
            self.wanted.add((form, start))  # A clip waits; what goes round does so whether it is heard or not.
        if not there or (form == Form.G722 and legs.fresh[leg]):
            # A decoder of G.722 must come to rest before something else begins, or what it keeps of before is heard in that.
            if loop:
                legs.position[leg] = start + size - (loop if ended else 0)
            return self._bank.pad(form, size)
        legs.position[leg] = start + size - (loop if ended else 0)
        if ended and not loop:
            return self._cross(leg, size)
        return self._bank.codes(form, start, start + size)

    def _cross(self, leg: int, size: int) -> bytes:
        """The payload of a frame within which a clip ended: the next one goes on in the same frame, without a gap.

        The packets of Opus are never cut: there the next clip goes on in the next frame.
        """
        legs, bank = self._legs, self._bank
        playlist, form = self._sources[leg], legs.law[leg]
        assert isinstance(playlist, Playlist), "only clips end"
        start, limit = legs.position[leg] - size, legs.limit[leg]
        parts = [bank.codes(form, start, limit)]
        if form == Form.OPUS:
            self._advance(leg, playlist)
            return parts[0]
        filled = limit - start
        while self._advance(leg, playlist):
            start = legs.position[leg]
            if not bank.has(form, start):
                break
            count = min(size - filled, legs.limit[leg] - start)
            parts.append(bank.codes(form, start, start + count))
            filled += count
            legs.position[leg] = start + count
            if legs.position[leg] < legs.limit[leg]:
                return b"".join(parts)
        parts.append(bank.pad(form, size - filled))
        return b"".join(parts)
