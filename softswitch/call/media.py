"""Media legs: which port of which worker belongs to whom, and what is played there.

Workers register ranges of ports that they have bound. A leg is taken from a free list here, so the SDP can be written
without asking anybody. A leg that was given back rests for QUARANTINE seconds: what is still under way to its port must
not be heard by the next caller (RELIABILITY section 3, rule 5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final

from media.control import (
    Bridge,
    Close,
    Command,
    Echo,
    Join,
    Modify,
    Music,
    Open,
    Play,
    PlayFile,
    SendDigits,
    Stop,
    Tone,
)
from softswitch.effects import MediaCommand

if TYPE_CHECKING:
    from media.control import Quality
    from softswitch.machine import Entropy

_MODIFIED: Final = tuple(field.name for field in fields(Modify))
QUARANTINE: Final = 10.0  # seconds between two uses of a port
PLAY_GAP: Final = 1_000  # ids of clips that may have been given after the last one we know of


@dataclass(slots=True)
class _Worker:
    """The legs of one worker: leg `i` has the RTP port `base_port + 2 * i`."""

    base_port: int
    legs: int
    codecs: tuple[str, ...] = ()  # what it decodes, () if it does not say
    fingerprint: str = ""  # of its DTLS certificate, "" if it has none
    down: bool = False  # its process is gone, and has not been replaced yet
    free: list[int] = field(default_factory=list)
    resting: deque[tuple[float, int]] = field(default_factory=deque)

    def wake(self, now: float) -> None:
        """Legs whose quarantine is over are free again."""
        resting = self.resting
        while resting and resting[0][0] <= now:
            self.free.append(resting.popleft()[1])


class MediaPool:
    """Allocates media legs from the ranges of the workers, at random inside a worker."""

    def __init__(self, entropy: Entropy, out: list[object]) -> None:
        self._entropy = entropy
        self._out = out
        self._workers: dict[int, _Worker] = {}
        self._plays = 0
        self.reused_early = 0  # ports that were used again before their quarantine was over
        self.legs: dict[tuple[int, int], MediaLeg] = {}  # in use

    def add_range(
        self, worker: int, base_port: int, legs: int, taken: Collection[int] = (), *,
        codecs: Sequence[str] = (), fingerprint: str = "",
    ) -> bool:  # fmt: skip
        """A worker is ready. True if it is a new one, False if it is known: then it was restarted and has lost its legs.

        `taken`: legs that it cannot use, because another program has their ports.
        """
        known = self._workers.get(worker)
        if known is not None and (known.base_port, known.legs) == (base_port, legs):
            known.down = False
            known.codecs, known.fingerprint = tuple(codecs), fingerprint
            in_use = {index for owner, index in self.legs if owner == worker}
            resting = {index for _, index in known.resting}
            known.free = [index for index in range(legs) if index not in in_use | resting | set(taken)]
            return False
        free = [index for index in range(legs) if index not in taken]
        self._workers[worker] = _Worker(base_port, legs, tuple(codecs), fingerprint, free=free)
        return True

    @property
    def codecs(self) -> tuple[str, ...]:
        """What every worker decodes; () if one of them does not say."""
        workers = list(self._workers.values())
        return (
            tuple([one for one in workers[0].codecs if all(one in other.codecs for other in workers)])
            if workers
            else ()
        )

    def fingerprint(self, worker: int = -1) -> str:
        """Of a worker's certificate, or of any one's; "" if it does no DTLS."""
        if worker in self._workers:
            return self._workers[worker].fingerprint
        return next((one.fingerprint for one in self._workers.values()), "")

    def allocate(self, now: float, worker: int | None = None, *, spare: int = 0, reserve: int = 0) -> MediaLeg | None:
        """A free leg of `worker`, or of the worker with the most free legs if None; None if there is none.

        `spare`: how many further legs must be free on the same worker, for the other side of the call; `reserve`: how many
        are not for this call in any case, unless that is more than an eighth of all.
        """
        if worker is None:
            worker = self._emptiest(now)
        pool = self._workers.get(worker)
        if pool is None or pool.down:
            return None
        pool.wake(now)
        free = pool.free
        spare += min(reserve, pool.legs // 8)
        while len(free) <= spare:
            # Rest is a second line of defence (the first: packets are taken from the negotiated address only), so a port
            # that has rested the longest is better than a refused call.
            if not pool.resting:
                return None
            free.append(pool.resting.popleft()[1])
            self.reused_early += 1
        at = self._entropy.below(len(free))
        index = free[at]
        free[at] = free[-1]  # Order is of no interest: swap with the last, and popping costs the same at any size.
        free.pop()
        leg = MediaLeg(self, worker, index, pool.base_port + 2 * index)
        self.legs[worker, index] = leg
        return leg

    def claim(self, worker: int, index: int) -> MediaLeg | None:
        """A certain leg, for a call that had it before a restart; None if it is not free."""
        pool = self._workers.get(worker)
        if pool is None or index not in pool.free:
            return None
        pool.free.remove(index)
        leg = self.legs[worker, index] = MediaLeg(self, worker, index, pool.base_port + 2 * index)
        return leg

    def skip_plays(self, last: int) -> None:
        """After a restart: ids up to here, and some more, were given to clips before."""
        self._plays = max(self._plays, last + PLAY_GAP)

    def release(self, leg: MediaLeg, now: float) -> None:
        """Take a leg back. Once only: a second call does nothing."""
        if self.legs.pop((leg.worker, leg.index), None) is leg and (pool := self._workers.get(leg.worker)):
            pool.resting.append((now + QUARANTINE, leg.index))

    def owns(self, port: int) -> bool:
        """Whether a port, RTP or RTCP, belongs to a leg in use."""
        return any((worker, port - pool.base_port >> 1) in self.legs for worker, pool in self._workers.items())

    def suspend(self, worker: int) -> None:
        """The worker's process is gone: nothing is allocated there until it, or another in its place, is ready."""
        if (pool := self._workers.get(worker)) is not None:
            pool.down = True

    def restore(self, worker: int) -> None:
        """The worker was restarted: give it every leg in use again, with what it was playing."""
        lost = [leg for leg in self.legs.values() if leg.worker == worker and leg.opened is not None]
        for leg in lost:
            assert leg.opened is not None
            self.emit(worker, leg.opened)
        for leg in lost:  # Only now: a bridge needs both its ends.
            if leg.source is not None:
                self.emit(worker, leg.source)

    def free(self, now: float) -> int:
        """Legs that could be taken now, over all workers."""
        for pool in self._workers.values():
            pool.wake(now)
        return sum(len(pool.free) + len(pool.resting) for pool in self._workers.values())

    def next_play(self) -> int:
        self._plays += 1
        return self._plays

    def _emptiest(self, now: float) -> int:
        workers = self._workers
        if len(workers) == 1:
            return next(iter(workers))
        for pool in workers.values():
            pool.wake(now)
        up = [worker for worker, pool in workers.items() if not pool.down]
        return max(up, key=lambda worker: len(workers[worker].free), default=-1)

    def emit(self, worker: int, command: Command) -> None:
        self._out.append(MediaCommand(worker, command))


class MediaLeg:
    """One RTP port in use. Remembers its remote side and its source, so that nothing is commanded twice."""

    __slots__ = ("audio", "index", "opened", "owner", "play", "pool", "port", "quality", "source", "worker")

    def __init__(self, pool: MediaPool, worker: int, index: int, port: int) -> None:
        self.pool = pool
        self.worker = worker
        self.index = index
        self.port = port
        self.owner: object = None  # the leg of the call, for events
        self.opened: Open | None = None  # the parameters as they are now
        self.source: Command | None = None
        self.play = 0  # the id of the clips being played, 0 if none
        self.audio = "heard"  # what the worker said last of what comes from it
        self.quality: Quality | None = None  # how it sounds

    def connect(self, wanted: Open) -> None:
        """Open the leg, or change it if anything differs from what the worker knows."""
        known = self.opened
        if known is None:
            self.opened = wanted
            self.pool.emit(self.worker, wanted)
            return
        wanted.ssrc = known.ssrc
        if wanted != known:
            self.opened = wanted
            self.pool.emit(self.worker, Modify(*[getattr(wanted, name) for name in _MODIFIED]))

    def bridge(self, peer: MediaLeg) -> None:
        """Each hears the other."""
        assert peer.worker == self.worker, "both legs of a bridge live in one worker"
        command = Bridge(self.index, peer.index)
        if self.source == command and peer.source == command:
            return
        self.play = peer.play = 0
        self.source = peer.source = command
        self.pool.emit(self.worker, command)

    def play_clips(self, clips: tuple[str, ...], *, repeat: int = 1, until_digit: bool = False) -> int:
        """Play clips; returns the id that comes back in PlayDone."""
        self.play = play = self.pool.next_play()
        self.source = Play(self.index, play, clips, repeat, until_digit)
        self.pool.emit(self.worker, self.source)
        return play

    def play_file(self, path: str, offset: float = 0.0, *, until_digit: bool = False) -> int:
        """Play a file of ours once; returns the id that comes back in PlayDone."""
        self.play = play = self.pool.next_play()
        self.source = PlayFile(self.index, play, path, offset, until_digit)
        self.pool.emit(self.worker, self.source)
        return play

    def music(self, name: str) -> None:
        self._set(Music(self.index, name))

    def tone(self, name: str, country: str) -> None:
        self._set(Tone(self.index, name, country))

    def echo(self) -> None:
        self._set(Echo(self.index))

    def join(self, room: int, part: str = "talk", to: int = -1) -> None:
        """Hear a room, and take this part in it; `to` is the leg that is whispered to."""
        self._set(Join(self.index, room, part, to))

    def stop(self) -> None:
        """Send nothing: only for a far end that must not be sent to."""
        self._set(Stop(self.index))

    def send_digits(self, digits: str, duration_ms: int = 160) -> None:
        self.pool.emit(self.worker, SendDigits(self.index, digits, duration_ms))

    def close(self, now: float) -> None:
        """End the leg and give the port back. Its last Statistics follow if it was opened."""
        if self.opened is not None:
            self.pool.emit(self.worker, Close(self.index))
        self.source = None
        self.owner = None
        self.pool.release(self, now)

    def _set(self, command: Command) -> None:
        if self.source != command:
            self.source = command
            self.play = 0
            self.pool.emit(self.worker, command)
