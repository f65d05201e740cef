"""Adaptive jitter buffers: from packets that come as the network pleases to audio that never stops (FEATURES MED-23).

Every leg has a ring of samples. A packet is written where its timestamp says, so that order, repetition and the length of
packets do not matter; a frame of 20 ms is read every 20 ms at the play-head. A sample that was never written is `EMPTY`: there
something is concealed. All legs of one rate are handled at once; only where something went wrong is a leg looked at alone.

The delay follows from two numbers per leg. `LOW` is the shortest way that a packet had lately (arrival minus timestamp), which
also follows a sender whose clock is fast or slow. `SPREAD` is how much longer others took, forgotten over some seconds. The
play-head stays as far behind as `SPREAD` asks for: what is too much is left out, what is too little is drawn out, in
silence where possible, else by one period of the voice.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from media.concealment import SILENT, Concealment
from media.noise import ComfortNoise
from media.rings import EMPTY, Rings
from media.rtp import CLOCK_RATE, MAX_DROPOUT, MAX_MISORDER
from media.stretch import best_lag, cross_fade, ramp

FRAME_MS = 20
RING_MS = 600
HISTORY_MS = 60  # what was played is kept that long, for concealing and drawing out
MIN_DELAY_MS, MAX_DELAY_MS = 20, 200
MARGIN_MS = 2  # beyond the spread that was measured
RESYNC_MS = 60  # packets that are late for that long do not come late: the sender's clock was set
FORGET = 6.0  # seconds in which a spread falls to a third
LEAK = 1000  # LOW rises by a thousandth of real time, so it follows every clock that deserves the name
QUIET = 150  # mean magnitude of a frame in which nobody minds a change of length
HASTE_MS = 60  # more than that too much is left out of speech as well
FEW = (
    16  # legs of one tick that get all care; more at once is a fault of the network, and would make all the others late
)

IDLE, PRIMED, RUNNING = 0, 1, 2

# One row per leg. Positions and durations are in samples, LOW and SPREAD 256 times that.
STATE = (
    "mode", "pos", "first", "stamp", "end", "packet", "low", "spread", "span", "missed", "noise", "late_since", "delay",
    "taken", "late", "concealed", "moved",
)  # fmt: skip
MODE, POS, FIRST, STAMP, END, PACKET, LOW, SPREAD, SPAN, MISSED, NOISE, LATE_SINCE, DELAY = range(13)
TAKEN, LATE, CONCEALED, MOVED = range(13, 17)


class Condition(NamedTuple):
    """How one stream arrives. `concealed` and `moved` in milliseconds of audio: filled in; left out or drawn out."""

    delay_ms: float
    packets: int
    late: int
    concealed: float
    moved: float


class Jitter(Rings):
    """The buffers of all legs whose audio has one rate, in hertz."""

    def __init__(self, legs: int, rate: int) -> None:
        self.rate = rate
        self.frame = self._samples_of(FRAME_MS)
        super().__init__(legs, self._samples_of(RING_MS))
        self._history = self._samples_of(HISTORY_MS)
        self._reach = self._ring - self._history - self.frame
        self.state: NDArray[np.int64] = np.zeros((legs, len(STATE)), np.int64)
        self.begins: NDArray[np.int64] = np.zeros(legs, np.int64)  # how many streams began on each leg
        self._concealing: dict[int, Concealment] = {}
        self._least: dict[int, int] = {}  # by leg: the least delay, where it is not the usual one
        self._in_gap: NDArray[np.bool_] = np.zeros(legs, bool)  # those that have one in `_concealing`
        self._noise: dict[int, ComfortNoise] = {}

    def _samples_of(self, milliseconds: int) -> int:
        return milliseconds * self.rate // 1000

    # --- legs --------------------------------------------------------------------------------------------------------

    def add(self, leg: int, *, at_once: bool = False) -> None:
        """The leg is listened to from now on. `at_once`: the first packet is played without any delay, which grows later.

        That is for a stream which somebody was hearing already.
        """
        self.remove(leg)
        self._least[leg] = 0 if at_once else MIN_DELAY_MS

    def remove(self, leg: int) -> None:
        self.state[leg] = 0
        self._least.pop(leg, None)
        self._noise.pop(leg, None)
        self._end_gap(leg)

    def condition(self, leg: int) -> Condition:
        """How the leg's stream has been arriving since `add`."""
        row, ms = self.state[leg], 1000 / self.rate
        return Condition(
            float(row[DELAY] * ms), int(row[TAKEN]), int(row[LATE]), float(row[CONCEALED] * ms), float(row[MOVED] * ms)
        )

    # --- what arrives ------------------------------------------------------------------------------------------------

    def put(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        stamps: NDArray[np.uint32],
        samples: NDArray[np.int16],
        clocks: NDArray[np.int64],
    ) -> None:
        """One packet of each of these legs, all of the same length. `stamps` in samples, `clocks` in 1/8000 s."""
        count = samples.shape[1]
        spans = np.full(len(legs), count)
        kept, at = self.admit(legs, packets, stamps, spans, clocks)
        if kept.all():
            self.write_rows(legs, at, count, samples)
        else:
            self.write_rows(legs[kept], at[kept], count, samples[kept])

    def admit(
        self,
        legs: NDArray[np.int64],
        packets: NDArray[np.int64],
        stamps: NDArray[np.uint32],
        spans: NDArray[np.int64],
        clocks: NDArray[np.int64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Learn from the arrival of packets. Returns which of them are still of use, and the positions of all."""
        arrivals = clocks * self.rate // CLOCK_RATE
        state = self.state.take(legs, axis=0)
        at, ahead = self._placed(state, packets, stamps)
        late = at + spans <= state[:, POS]
        anew = (state[:, MODE] == IDLE) | (ahead <= -MAX_MISORDER) | (ahead >= MAX_DROPOUT)
        anew |= at + spans - state[:, POS] > self._reach
        # Late packets of a burst all come at once; those of a sender whose clock was set go on coming.
        anew |= late & (state[:, LATE_SINCE] > 0) & (arrivals - state[:, LATE_SINCE] > self._samples_of(RESYNC_MS))
        if anew.any():
            for row in np.flatnonzero(anew).tolist():
                self._begin(int(legs[row]), int(packets[row]), int(stamps[row]), int(spans[row]), int(arrivals[row]))
            state = self.state.take(legs, axis=0)
            at, ahead = self._placed(state, packets, stamps)
        # What overtook the first packet of a stream on its way is no reason to miss it.
        before = (state[:, MODE] == PRIMED) & (at < state[:, POS]) & (at > state[:, POS] - self._history)
        state[:, POS] = np.where(before, at, state[:, POS])
        late = at + spans <= state[:, POS]

        transit = (arrivals - at) << 8
        low = np.minimum(state[:, LOW] + spans * 256 // LEAK, transit)
        fading = state[:, SPREAD] - state[:, SPREAD] * spans // int(FORGET * self.rate)
        state[:, LOW] = low
        state[:, SPREAD] = np.maximum(np.minimum(transit - low, self._samples_of(MAX_DELAY_MS) << 8), fading)
        state[:, LATE] += late
        state[:, TAKEN] += 1
        state[:, LATE_SINCE] = np.where(late, np.where(state[:, LATE_SINCE] > 0, state[:, LATE_SINCE], arrivals), 0)
        # A pause that the sender made is no loss; what was filled in meanwhile does not count.
        paused = (ahead == 1) & (at > state[:, END])
        missed = state[:, MISSED]
        if missed.any():
            state[:, CONCEALED] += np.where(paused | late, 0, missed)
            state[:, MISSED] = np.where(late, missed, 0)
        if paused.any():
            for row in np.flatnonzero(paused & ~late).tolist():
                self._fill_pause(int(legs[row]), state[row], int(at[row]))
        newer = ahead > 0
        for column, values in ((FIRST, at), (STAMP, stamps), (PACKET, packets), (SPAN, spans)):
            state[:, column] = np.where(newer, values, state[:, column])
        state[:, END] = np.maximum(state[:, END], at + spans)
        state[:, NOISE] = np.where(late, state[:, NOISE], 0)
        self.state[legs] = state
        return ~late, at

    def _placed(
        self, state: NDArray[np.int64], packets: NDArray[np.int64], stamps: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The position of each packet, and how far it is ahead of the newest one."""
        apart = (stamps - state[:, STAMP].astype(np.uint32)).astype(np.int32)
        return state[:, FIRST] + apart, packets - state[:, PACKET]

    def _begin(self, leg: int, packet: int, stamp: int, span: int, arrival: int) -> None:
        """A stream begins."""
        row, first = self.state[leg], self._ring
        row[: DELAY + 1] = 0
        self._end_gap(leg)
        self.begins[leg] += 1
        row[MODE], row[POS], row[FIRST], row[STAMP], row[END] = PRIMED, first, first, stamp, first
        row[PACKET], row[LOW], row[SPAN] = packet - 1, (arrival - first) << 8, span
        self.write(leg, 0, self._ring, EMPTY)

    def _fill_pause(self, leg: int, state: NDArray[np.int64], until: int) -> None:
        start = max(int(state[END]), int(state[POS]))
        if start < until:
            self.write(leg, start, until - start, self._noise[leg].make(until - start) if state[NOISE] else 0)

    def quiet(self, leg: int, packet: int, payload: bytes) -> None:
        """A packet of comfort noise: until audio comes again that is what is heard, and nothing is missing."""
        row = self.state[leg]
        if row[MODE] != IDLE and 0 < packet - row[PACKET] < MAX_DROPOUT:
            row[PACKET], row[NOISE], row[MISSED] = packet, 1, 0
            if leg not in self._noise:
                self._noise[leg] = ComfortNoise(leg)
            self._noise[leg].describe(payload)

    def note_concealed(self, leg: int, samples: int) -> None:
        """A decoder has filled in that much by itself."""
        self.state[leg, CONCEALED] += samples

    def peek(self, leg: int) -> NDArray[np.int16]:
        """The next frame as far as it is there, without reading it."""
        if self.state[leg, MODE] != RUNNING:
            return np.zeros(self.frame, np.int16)
        samples = self.read(leg, int(self.state[leg, POS]), self.frame)
        samples[samples == EMPTY] = 0
        return samples

    def past(self, leg: int, samples: int) -> NDArray[np.int16]:
        """What was read last."""
        if self.state[leg, MODE] != RUNNING:
            return np.zeros(samples, np.int16)
        past = self.read(leg, int(self.state[leg, POS]) - samples, samples)
        past[past == EMPTY] = 0
        return past

    def drain(self, leg: int) -> NDArray[np.int16]:
        """All that is waiting to be heard, in one piece, at once; then the leg begins anew."""
        state = self.state[leg]
        count = max(int(state[END] - state[POS]), 0) if state[MODE] == RUNNING else 0
        samples = self.read(leg, int(state[POS]), min(count, self._reach))
        missing = np.flatnonzero(samples == EMPTY)
        state[MODE] = IDLE
        return samples[: int(missing[0])] if len(missing) else samples

    # --- what is heard -----------------------------------------------------------------------------------------------

    def pull(self, legs: NDArray[np.int64], clock: int) -> NDArray[np.int16]:
        """The next 20 ms of each of these legs, one row each. `clock`: now, in 1/8000 s, at equal steps."""
        now, frame = clock * self.rate // CLOCK_RATE, self.frame
        state = self.state.take(legs, axis=0)
        mode = state[:, MODE]
        if (mode != RUNNING).any():
            for row in np.flatnonzero(mode == PRIMED).tolist():
                self._prime(int(legs[row]), state[row], now)
        samples = self.read_rows(legs, state[:, POS], frame)
        lowest = samples.min(axis=1)
        self.write_rows(legs, state[:, POS] - self._history, frame, EMPTY)
        idle = mode == IDLE
        if idle.any():
            samples[idle] = 0
            lowest[idle] = 0
        excess = self._excess(legs, state, now)
        hole = lowest == EMPTY
        if hole.any() or self._concealing:
            for row in self._pass_over(legs, state, samples, hole, excess).nonzero()[0].tolist():
                self._fill(int(legs[row]), state[row], samples[row], int(excess[row]))
            for row in (self._in_gap[legs] & ~hole).nonzero()[0].tolist():
                samples[row] = self._concealing[int(legs[row])].heard(samples[row])
                self._end_gap(int(legs[row]))
        wrong = (excess > frame) | (excess < -frame // 2)
        if wrong.any():
            rows = (wrong & ~hole & ~idle).nonzero()[0]
            quiet = np.abs(samples[rows, ::4]).sum(axis=1, dtype=np.int64) < QUIET * frame // 4
            over = excess[rows]
            needed = quiet | (over < -frame) | (over > self._samples_of(HASTE_MS))
            for row, is_quiet in zip(rows[needed][:FEW].tolist(), quiet[needed][:FEW].tolist(), strict=True):
                self._adjust(int(legs[row]), state[row], samples[row], int(excess[row]), is_quiet)
        state[:, POS] += np.where(idle, 0, frame)
        self.state[legs] = state
        return samples

    def _excess(self, legs: NDArray[np.int64], state: NDArray[np.int64], now: int) -> NDArray[np.int64]:
        """By how much the play-head is further behind than it need be; negative: not far enough."""
        delay = now - state[:, POS] - (state[:, LOW] >> 8)
        state[:, DELAY] = np.where(state[:, MODE] == RUNNING, delay, 0)
        # The frame is complete when the packet with its last sample is there.
        span = np.maximum(state[:, SPAN], 1)
        offset = (state[:, FIRST] - state[:, POS]) % span
        delay -= np.maximum(offset + (self.frame - 1 - offset) // span * span, 0)
        wanted = (state[:, SPREAD] >> 8) + self._samples_of(MARGIN_MS)
        least, most = self._samples_of(MIN_DELAY_MS), self._samples_of(MAX_DELAY_MS)
        excess: NDArray[np.int64] = delay - np.minimum(np.maximum(wanted, least), most)
        return excess

    def _prime(self, leg: int, state: NDArray[np.int64], now: int) -> None:
        """The first frame of a stream is about to be played: choose the delay. Before it, there was silence."""
        first = int(state[POS])
        waited = now - first - (int(state[LOW]) >> 8)
        if self._least[leg]:
            # Frames that begin within a packet may have to wait longer for the next one.
            waited -= self.frame - gcd(self.frame, int(state[SPAN]))
            wanted = max(self._samples_of(self._least[leg]), int(state[SPREAD]) >> 8)
            frames = max(round((min(wanted, self._samples_of(MAX_DELAY_MS)) - waited) / self.frame), 0)
            state[POS] -= frames * self.frame
        silence = int(state[POS]) - self._history
        self.write(leg, silence, first - silence, 0)
        state[MODE] = RUNNING

    # --- where something is missing ----------------------------------------------------------------------------------

    def _pass_over(
        self,
        legs: NDArray[np.int64],
        state: NDArray[np.int64],
        samples: NDArray[np.int16],
        hole: NDArray[np.bool_],
        excess: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Legs from which nothing comes any more are silent. Returns the others that miss something.

        Should they begin again, then with the delay that they need.
        """
        stopped = hole & (state[:, MISSED] >= self._samples_of(SILENT)) & (state[:, NOISE] == 0)
        if stopped.any():
            stopped &= samples.max(axis=1) == EMPTY
            samples[stopped] = 0
            step = np.where(np.abs(excess) >= self.frame, np.sign(excess) * self.frame, 0)
            ahead = (stopped & (step > 0)).nonzero()[0]
            if len(ahead):
                self.write_rows(legs[ahead], state[ahead, POS] - self._history + self.frame, self.frame, EMPTY)
            state[:, POS] += np.where(stopped, step, 0)
        left: NDArray[np.bool_] = hole & ~stopped
        if int(left.sum()) > FEW:
            left &= ~self._mirror(legs, state, samples, left)
        return left

    def _mirror(
        self, legs: NDArray[np.int64], state: NDArray[np.int64], samples: NDArray[np.int16], hole: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Where many legs miss a whole frame at once, what was heard last comes once more, backwards and fading.

        That joins without a step, as a mirror does, and costs a fraction of looking for the pitch of each voice.
        """
        chosen = hole & (samples.max(axis=1) == EMPTY) & (state[:, NOISE] == 0) & ~self._in_gap[legs]
        rows = chosen.nonzero()[0][FEW:]
        last = self.read_rows(legs[rows], state[rows, POS] - self.frame, self.frame)[:, ::-1]
        last = (np.where(last == EMPTY, 0, last) * (1 - ramp(self.frame))).astype(np.int16)
        samples[rows] = last
        self.write_rows(legs[rows], state[rows, POS], self.frame, last)
        following = state[rows, END] > state[rows, POS] + self.frame
        state[rows, CONCEALED] += np.where(following, self.frame, 0)
        state[rows, MISSED] += np.where(following, 0, self.frame)
        done = np.zeros(len(legs), bool)
        done[rows] = True
        return done

    def _end_gap(self, leg: int) -> None:
        self._concealing.pop(leg, None)
        self._in_gap[leg] = False

    def _fill(self, leg: int, state: NDArray[np.int64], samples: NDArray[np.int16], excess: int) -> None:
        """Fill what is missing of a frame."""
        at, frame = int(state[POS]), self.frame
        missing = np.flatnonzero(samples == EMPTY)
        start, end = int(missing[0]), int(missing[-1]) + 1
        if state[NOISE]:
            samples[missing] = self._noise[leg].make(len(missing))
            return
        concealment = self._concealing.get(leg)
        if concealment is None:
            past = self.read(leg, at - self._history, self._history + start)
            past[past == EMPTY] = 0
            concealment = self._concealing[leg] = Concealment(self.rate)
            concealment.heard(past)
            self._in_gap[leg] = True
        elif start:
            samples[:start] = concealment.heard(samples[:start])
        samples[start:end] = concealment.conceal(end - start)
        if end < frame:
            samples[end:] = concealment.heard(samples[end:])
            self._end_gap(leg)
        if state[END] > at + frame:
            state[CONCEALED] += end - start
        elif state[MISSED] < self._samples_of(SILENT):
            state[MISSED] += end - start
            if excess < 0 and start == 0:
                state[POS] -= frame  # What comes too late now is early enough then.
                state[MOVED] += frame
                return
        self.write(leg, at, frame, samples)

    def _skip(self, leg: int, at: int, step: int) -> None:
        """The play-head goes further than by a frame: what it leaves behind is empty again."""
        if step > 0:
            self.write(leg, at - self._history + self.frame, step, EMPTY)

    def _adjust(self, leg: int, state: NDArray[np.int64], samples: NDArray[np.int16], excess: int, quiet: bool) -> None:
        """Leave out, or draw out, as much as is too much or too little."""
        at, frame = int(state[POS]), self.frame
        grid = min(max(int(state[SPAN]), 1), frame)  # Where packets begin: frames that begin there wait least.
        if excess > 0:
            step = min(excess, frame)
            step -= (at + step - int(state[FIRST])) % grid if quiet else 0
            if step <= 0 or int(state[END]) < at + frame + step:
                return
            if not quiet:
                step = self._period(leg, at + 2 * frame, step)
            other = self.read(leg, at + step, frame)
        else:
            step = -min(-excess, frame) if quiet else -self._period(leg, at + frame, frame)
            other = self.read(leg, at + step, frame)
        if other.min() == EMPTY:
            return
        samples[:] = cross_fade(samples, other)
        self._skip(leg, at, step)
        state[POS] += step
        state[MOVED] += abs(step)

    def _period(self, leg: int, at: int, most: int) -> int:
        """How far apart the audio before `at` is most like itself."""
        past = self.read(leg, at - 2 * self.frame, 2 * self.frame)
        past[past == EMPTY] = 0
        return best_lag(past, self.frame // 2, self.frame // 8, max(most, self.frame // 4))
