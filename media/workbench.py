"""What is done with the audio of one tick: from the inbox into jitter buffers, from there through the mixer to the wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples
from media.desk import NARROW, WIDE, Desk, Group, Outgoing, Part, Table, encode_rows
from media.g711 import DECODE
from media.inbox import AUDIO, CLOCK, KIND, LEG, PACKET, SIZE, STAMP, Heard, Inbox
from media.jitter import Jitter
from media.legs import Legs
from media.lines import Listening, Speaking
from media.mixer import Mixer, clip
from media.outlet import Outlet
from media.player import PHASES, TICK_SAMPLES, Sink
from media.resample import downsample_rows, downsample_state, round_to_16, upsample_rows, upsample_state
from media.stretch import cross_fade, ramp

_NO_LAW = -1
_NOBODY: NDArray[np.int64] = np.zeros(0, np.int64)
JOINT = 80  # samples: 10 ms
_NOTHING: Samples = np.zeros((0, NARROW // 50), np.int16)
_NOTHING_WIDE: Samples = np.zeros((0, WIDE // 50), np.int16)


class Workbench:
    """The buffers and the states of all legs, by number. `parts`: those that are decoded."""

    def __init__(self, legs: Legs, sink: Sink, parts: dict[int, Part]) -> None:
        self.inbox = Inbox()
        self.mixer = Mixer(legs.count)
        self.outlet = Outlet(legs, sink)
        self._parts = parts
        self._narrow = Jitter(legs.count, NARROW)
        self._wide = Jitter(legs.count, WIDE)
        self._law: NDArray[np.int64] = np.full(legs.count, _NO_LAW, np.int64)  # of legs that are decoded in the matrix
        self._kind: NDArray[np.int64] = np.full(legs.count, AUDIO, np.int64)  # the payload type of audio
        self._raise = upsample_state(legs.count)
        self._lower = downsample_state(legs.count)
        # What narrow legs heard last, by phase and by way; and what some hear once more, backwards, before they hear another way.
        self._last: dict[tuple[int, bool], tuple[NDArray[np.int64], NDArray[np.int32]]] = {}
        self._joints: dict[int, Samples] = {}
        self._later: deque[tuple[int, int, bytes, Speaking]] = deque()  # tick, leg, payload, how

    def jitter(self, part: Part) -> Jitter:
        return self._wide if part.wide else self._narrow

    def begin(self, part: Part, *, at_once: bool) -> None:
        """Decode the leg from now on."""
        self.jitter(part).add(part.leg, at_once=at_once)
        self._law[part.leg] = part.law
        self.expect(part)
        self._raise[part.leg] = self._lower[part.leg] = 0

    def expect(self, part: Part) -> None:
        """The payload type of its audio may have changed."""
        assert part.terms is not None
        self._kind[part.leg] = part.terms.receive_type

    def end(self, part: Part) -> None:
        """Decode it no more."""
        self.jitter(part).remove(part.leg)
        self._law[part.leg] = _NO_LAW
        self._joints.pop(part.leg, None)

    # --- from the inbox ----------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """What has come since the last time goes into the jitter buffers."""
        for heard in self.inbox.take():
            self._sort(heard)

    def _sort(self, heard: Heard) -> None:
        table, octets = heard
        law = self._law.take(table[:, LEG])
        audio = (table[:, KIND] == AUDIO) | (table[:, KIND] == self._kind.take(table[:, LEG]))
        plain = audio & (law >= 0)
        if plain.all():
            self._put(table, octets, law)
            return
        rows = np.flatnonzero(plain)
        if len(rows):
            self._put(table[rows], octets[rows], law[rows])
        waiting: dict[bool, list[tuple[Listening, int]]] = {False: [], True: []}
        for row in np.flatnonzero(~plain).tolist():
            part = self._parts.get(int(table[row, LEG]))
            if part is None:
                continue
            if not audio[row]:
                packet = int(table[row, PACKET])
                self.jitter(part).quiet(part.leg, packet, octets[row, : table[row, SIZE]].tobytes())
                if part.listening is not None:
                    part.listening.skip(packet)
            elif part.listening is not None:
                waiting[part.wide].append((part.listening, row))
        for wide, lines in waiting.items():
            if lines:
                self._let_wait(self._wide if wide else self._narrow, lines, table, octets)

    def _let_wait(
        self,
        jitter: Jitter,
        lines: list[tuple[Listening, int]],
        table: NDArray[np.int64],
        octets: NDArray[np.uint8],
    ) -> None:
        """Packets that are decoded only when they are heard."""
        rows = table[[row for _, row in lines]]
        places = np.array([line.place(int(table[row, STAMP])) & 0xFFFFFFFF for line, row in lines], np.uint32)
        spans = np.array([line.span for line, _ in lines])
        begins = jitter.begins[rows[:, LEG]]
        kept, at = jitter.admit(rows[:, LEG], rows[:, PACKET], places, spans, rows[:, CLOCK])
        began = jitter.begins[rows[:, LEG]] != begins
        for index, (line, row) in enumerate(lines):
            if kept[index]:
                payload = octets[row, : table[row, SIZE]].tobytes()
                line.put(int(table[row, PACKET]), payload, int(at[index]), began=bool(began[index]))

    def _put(self, table: NDArray[np.int64], octets: NDArray[np.uint8], law: NDArray[np.int64]) -> None:
        sizes = table[:, SIZE]
        size = int(sizes[0])
        first = int(law[0])
        if (sizes == size).all() and (law == first).all():
            samples = DECODE[first].take(octets[:, :size], mode="clip")
            self._narrow.put(
                table[:, LEG], table[:, PACKET], table[:, STAMP].astype(np.uint32), samples, table[:, CLOCK]
            )
            return
        for size, first in sorted(set(zip(sizes.tolist(), law.tolist(), strict=True))):
            rows = np.flatnonzero((sizes == size) & (law == first))
            self._put(table[rows], octets[rows], law[rows])

    # --- one tick ----------------------------------------------------------------------------------------------------

    def work(self, desk: Desk, tick: int, clock: int) -> None:
        """Read, mix and send one frame of all legs of a tick. `clock`: now, in 1/8000 s."""
        for listening in desk.decoders:
            listening.fill()
        narrow = self._narrow.pull(desk.narrow, tick * TICK_SAMPLES) if len(desk.narrow) else _NOTHING
        wide = self._wide.pull(desk.wide, tick * TICK_SAMPLES) if len(desk.wide) else _NOTHING_WIDE
        for follower, rate, rows, legs in desk.followers:
            follower.follow(legs, (narrow if rate == NARROW else wide)[rows], rate, tick)
        if desk.narrow_table is not None:
            seats = len(desk.narrow_table.seating.legs)
            heard = self._mix(desk.narrow_table, narrow[:seats])
            self._remember((tick % PHASES, False), desk.narrow_table.seating.legs, heard)
            self._send(desk.narrow_table.out, heard, tick, clock)
        if desk.wide_table is not None:
            self._work_wide(desk, desk.wide_table, narrow, wide, tick, clock)

    def _work_wide(self, desk: Desk, table: Table, narrow: Samples, wide: Samples, tick: int, clock: int) -> None:
        """Narrow legs take part in wide groups: raised to the rate of the group, and lowered again for what they hear."""
        low = desk.lowered_legs
        samples = wide
        if len(low):
            state = self._raise[low]
            samples = np.concatenate((round_to_16(upsample_rows(state, narrow[desk.raised])), wide))
            self._raise[low] = state
        heard = self._mix(table, samples[desk.wide_order])
        if len(low):
            state = self._lower[low]
            lowered = np.rint(downsample_rows(state, clip(heard[desk.lowered]))).astype(np.int32)
            self._lower[low] = state
            self._remember((tick % PHASES, True), low, lowered)
            self._send(desk.lowered_out, lowered, tick, clock)
        self._send(table.out, heard, tick, clock)

    def _remember(self, key: tuple[int, bool], legs: NDArray[np.int64], heard: NDArray[np.int32]) -> None:
        """Keep what narrow legs hear; join it to what they heard before, where that came another way."""
        if self._joints:
            for row, leg in enumerate(legs.tolist()):
                last = self._joints.pop(leg, None)
                if last is not None:
                    heard[row, :JOINT] = cross_fade(last[:JOINT], clip(heard[row, :JOINT]))
        self._last[key] = legs, heard

    def redirect(self, phase: int, legs: Collection[int], *, wide: bool) -> None:
        """What these legs hear is about to come through filters to and from 16 kHz, or no more: without a click.

        The filters get as their past what was said and heard last.
        """
        known, heard = self._last.get((phase, not wide), (_NOBODY, _NOTHING))
        for row, leg in enumerate(known.tolist()):
            if leg in legs:
                last = clip(heard[row])
                self._joints[leg] = last[::-1]
                self._raise[leg] = self._narrow.past(leg, self._raise.shape[1])
                self._lower[leg] = upsample_rows(upsample_state(1), last[None, :])[0, -self._lower.shape[1] :]

    def _mix(self, table: Table, samples: Samples) -> NDArray[np.int32]:
        farewells = [(index, last) for index, group in enumerate(table.groups) for last in group.farewells]
        for group in table.groups:
            if group.farewells:
                group.farewells = []
        return self.mixer.mix(table.seating, samples, farewells)

    def _send(self, out: Outgoing, heard: NDArray[np.int32], tick: int, clock: int) -> None:
        for law, legs, rows in out.coded:
            self.outlet.send_rows(legs, encode_rows(heard if rows is None else heard[rows], law), clock)
        if not out.spoken:
            return
        samples = clip(heard)
        for leg, row, speaking in out.spoken:
            for count, payload in enumerate(speaking.say(samples[row])):
                if count:
                    self._later.append((tick + count * speaking.ticks // TICK_SAMPLES, leg, payload, speaking))
                else:
                    self.outlet.send(leg, payload, speaking.step, speaking.rtp_clock, clock)

    # --- between ticks -----------------------------------------------------------------------------------------------

    def send_later(self, tick: int, clock: int) -> None:
        """Packets shorter than a tick are made two at a time; send those whose time has come."""
        while self._later and self._later[0][0] <= tick:
            _, leg, payload, speaking = self._later.popleft()
            part = self._parts.get(leg)
            if part is not None and part.speaking is speaking:
                self.outlet.send(leg, payload, speaking.step, speaking.rtp_clock, clock)

    def withdraw(self, leg: int) -> list[tuple[bytes, Speaking]]:
        """What waits to be sent to a leg is not sent by `send_later` any more."""
        withdrawn = [(payload, speaking) for _, each, payload, speaking in self._later if each == leg]
        if withdrawn:
            self._later = deque(each for each in self._later if each[1] != leg)
        return withdrawn

    @property
    def next_later(self) -> int | None:
        """The tick in which a packet waits to be sent."""
        return self._later[0][0] if self._later else None

    def last_words(self, part: Part, group: Group) -> Samples:
        """What the leg would be heard saying next, fading, at the rate of its group."""
        self.listen()
        if part.listening is not None:
            part.listening.fill()
        last = self.jitter(part).peek(part.leg)[None, :]
        if group.wide and not part.wide:
            last = round_to_16(upsample_rows(self._raise[[part.leg]], last))
        level = self.mixer.gain(part.leg) * ramp(last.shape[1])[::-1]
        faded: Samples = (last[0] * level).astype(np.int16)
        return faded

    def flush(self, speaker: Part, listener: Part, clock: int) -> None:
        """Send one leg at once all that is still to be heard of another: from now on it gets packets as they come."""
        self.listen()
        if speaker.listening is not None:
            speaker.listening.fill()
        for payload, speaking in self.withdraw(listener.leg):
            self.outlet.send(listener.leg, payload, speaking.step, speaking.rtp_clock, clock)
        samples = self.jitter(speaker).drain(speaker.leg)
        if listener.speaking is not None:
            for payload in listener.speaking.say(samples) if speaker.wide is listener.wide else ():
                self.outlet.send(listener.leg, payload, listener.speaking.step, listener.speaking.rtp_clock, clock)
            return
        size = self.jitter(speaker).frame
        for start in range(0, len(samples), size):
            rest = samples[None, start : start + size].astype(np.int32)
            self.outlet.send_rows(np.array([listener.leg]), encode_rows(rest, listener.law), clock)
