"""One recording as it is written: from what legs said, in blocks, to a file of WAV or of Opus in Ogg.

Lives in the thread that writes. The file is called NAME.part until it is complete and on the disk, and it is locked as long as
somebody writes it; whatever moment the process dies at, `salvage.repair` makes a good file of it.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from media import codecs, ogg, opus, wavfile
from media.codec import Codec, Decoder, Samples
from media.concealment import Concealment
from media.resample import Downsampler, Upsampler
from media.rtp import CLOCK_RATE
from media.salvage import PART, sync_folder
from media.speech import Speech
from media.timeline import EMPTY

SHORT_HOLE: Final = 8  # samples that were left out to follow the sender's clock: the last one goes on
REMEMBERED: Final = 400  # samples of what was said last, to conceal a loss with
MAX_LOST: Final = 3  # coded packets that are concealed; what is longer is silent
CARRY_MS: Final = 120  # the longest packet, which may begin at the end of a block
FRAME_MS: Final = 20  # of Opus
VENDOR: Final = "softswitch"
MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
AFTERWARDS: Final = 0.5  # seconds kept behind the last word, where silence is listened for
HEADER_SECONDS: Final = 1  # so much more may be in a WAV file than its header says while it is written


# --- what is to be written ------------------------------------------------------------------------------------------------


class Coded:
    """A stream that must be decoded in order, packet by packet. The decoder belongs to the thread that writes."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._decoder: Decoder | None = None
        self._resample: Downsampler | Upsampler | None = None
        self._last = -1
        self._next = 0

    def decode(self, packets: list[Packet], rate: int) -> list[tuple[int, Samples]]:
        """The audio of packets at `rate`, each with its place (1/8000 s); short losses are concealed."""
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = codecs.decoder(self.codec, rate)
            if decoder.rate != rate:
                self._resample = Downsampler() if decoder.rate > rate else Upsampler()
        found: list[tuple[int, Samples]] = []
        for number, position, payload in sorted(packets):
            if number <= self._last and self._last - number < 1000:
                continue  # Twice, or after what follows it was decoded.
            missing, hole = number - self._last - 1, position - self._next
            if self._last >= 0 and 0 < missing <= MAX_LOST and 0 < hole <= missing * CARRY_MS * 8:
                found.append((self._next, self._at_rate(decoder.conceal(hole * decoder.rate // CLOCK_RATE, payload))))
            audio = decoder.decode(payload)
            self._last, self._next = number, position + len(audio) * CLOCK_RATE // decoder.rate
            found.append((position, self._at_rate(audio)))
        return found

    def _at_rate(self, samples: Samples) -> Samples:
        return samples if self._resample is None else self._resample.process(samples)


Packet: TypeAlias = tuple[int, int, bytes]
"""Extended sequence number, place in the recording (1/8000 s), payload."""


@dataclass(slots=True)
class Piece:
    """What one stream said in the time of a block: samples at 8 kHz, EMPTY where nothing arrived; or coded packets."""

    samples: Samples | None = None
    stream: Coded | None = None
    packets: list[Packet] = field(default_factory=list)


@dataclass(slots=True)
class Begin:
    """A recording begins."""

    record: int
    path: str
    form: str
    rate: int
    silence: float = 0.0


@dataclass(slots=True)
class Block:
    """`count` samples (1/8000 s) of a recording from `start` on. `muted`: stretches of it that must not be in the file.

    `frames`: both sides at 8 kHz, in place of pieces; EMPTY where nothing arrived.
    """

    record: int
    start: int
    count: int
    left: list[Piece]
    right: list[Piece]
    muted: list[tuple[int, int]] = field(default_factory=list)
    frames: NDArray[np.int16] | None = None


@dataclass(slots=True)
class End:
    """A recording is over, after so many samples (1/8000 s)."""

    record: int
    count: int


Job: TypeAlias = Begin | Block | End


@dataclass(slots=True)
class Outcome:
    """A recording is complete on the disk, or has failed. `octets` 0: there is no file."""

    record: int
    path: str
    octets: int
    error: str = ""
    count: int = -1  # samples (1/8000 s) in the file, where it is shorter than what was recorded
    voiced: float = 0.0


@dataclass(slots=True)
class Hush:
    """Nothing has been said for so long."""

    record: int
    seconds: float


# --- one side --------------------------------------------------------------------------------------------------------------


class Voice:
    """One side of a recording: its streams made one, at the rate of the file, losses concealed."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._scale = rate // CLOCK_RATE
        self._upsample = Upsampler() if self._scale > 1 else None
        self._concealment: Concealment | None = None  # while something is missing
        self._recent: Samples | None = None
        self._carry: Samples = np.zeros(0, np.int16)

    @property
    def gapped(self) -> bool:
        return self._concealment is not None or len(self._carry) > 0

    def passed(self, recent: Samples) -> None:
        """What was said last, where nothing had to be done."""
        self._recent = recent

    def render(self, start: int, count: int, pieces: list[Piece]) -> Samples | None:
        """The audio of a block; None: silence."""
        narrow = [piece.samples for piece in pieces if piece.samples is not None]
        audio = self._narrow(narrow) if narrow else None
        if audio is not None and self._upsample is not None:
            audio = self._upsample.process(audio)
        coded = [piece for piece in pieces if piece.stream is not None and piece.packets]
        if coded or len(self._carry):
            audio = self._wide(audio, start, count, coded)
        return audio

    def _narrow(self, parts: list[Samples]) -> Samples | None:
        samples = parts[0]
        for other in parts[1:]:  # One stream followed another on this side.
            samples = np.where(samples == EMPTY, other, samples)
        if samples.min() > EMPTY:
            if self._concealment is not None:
                samples = self._concealment.heard(samples)
                self._concealment = None
            self._recent = samples[-REMEMBERED:].copy()
            return samples
        if self._recent is None and self._concealment is None and samples.max() == EMPTY:
            return None
        return self._mended(samples)

    def _mended(self, samples: Samples) -> Samples:
        """Fill the holes."""
        concealment = self._concealment
        if concealment is None:
            concealment = Concealment(CLOCK_RATE)
            if self._recent is not None:
                concealment.heard(self._recent)
        hole = samples == EMPTY
        edges = [0, *(np.flatnonzero(hole[1:] != hole[:-1]) + 1).tolist(), len(samples)]
        for at, end in pairwise(edges):
            if not hole[at]:
                samples[at:end] = concealment.heard(samples[at:end].copy())
            elif at and end - at <= SHORT_HOLE:
                samples[at:end] = samples[at - 1]
            else:
                samples[at:end] = concealment.conceal(end - at)
        if not hole[-1]:
            self._concealment, self._recent = None, samples[-REMEMBERED:].copy()
        elif len(edges) > 2:
            self._concealment = concealment
        else:
            self._concealment = self._recent = None  # Nothing in all this time: it is not a loss any more.
        return samples

    def _wide(self, audio: Samples | None, start: int, count: int, pieces: list[Piece]) -> Samples:
        """Put decoded packets in their places, over what there is."""
        size = count * self._scale
        out = np.zeros(max(size + self._rate * CARRY_MS // 1000, len(self._carry)), np.int16)
        if audio is not None:
            out[:size] = audio
        out[: len(self._carry)] += self._carry
        reached = len(self._carry)
        for piece in pieces:
            assert piece.stream is not None
            for position, samples in piece.stream.decode(piece.packets, self._rate):
                at = (position - start) * self._scale
                samples = samples[max(-at, 0) :]
                at = max(at, 0)
                end = min(at + len(samples), len(out))
                if end > at:
                    out[at:end] = samples[: end - at]
                    reached = max(reached, end)
        self._carry = out[size:reached].copy()
        return out[:size]


# --- the file --------------------------------------------------------------------------------------------------------------


class Sink(Protocol):
    """The format of a file. Positions and lengths in samples at its rate. All may raise OSError."""

    octets: int

    def write(self, position: int, frames: NDArray[np.int16]) -> None:
        """Frames; what lies before them and was not written is silent."""
        ...

    def finish(self, length: int) -> None:
        """The file is that long."""
        ...


def write_all(file: int, data: memoryview | bytes, at: int) -> None:
    """Write everything, or raise OSError."""
    view = memoryview(data)
    while len(view):
        count = os.pwrite(file, view, at)
        at += count
        view = view[count:]


class WavSink:
    """PCM of 16 bits. What is silent for long takes no room on the disk where the file system can do that."""

    def __init__(self, file: int, rate: int, channels: int = wavfile.CHANNELS) -> None:
        self._file = file
        self._rate = rate
        self._channels = channels
        self._frame = channels * wavfile.SAMPLE
        self._stated = 0  # from that length on, the header is written anew
        self.octets = 0
        self._state()

    def write(self, position: int, frames: NDArray[np.int16]) -> None:
        at = position * self._frame
        if at + frames.nbytes > wavfile.MAX_DATA:
            raise OSError("the recording is as long as a WAV file can be")
        write_all(self._file, frames.data.cast("B"), wavfile.HEADER.size + at)
        self.octets = at + frames.nbytes
        if self.octets >= self._stated:
            self._state()
            self._stated = self.octets + HEADER_SECONDS * self._rate * self._frame

    def finish(self, length: int) -> None:
        self.octets = min(length * self._frame, wavfile.MAX_DATA // self._frame * self._frame)
        os.ftruncate(self._file, wavfile.HEADER.size + self.octets)
        self._state()

    def _state(self) -> None:
        """Let the header be true."""
        write_all(self._file, wavfile.header(self._rate, self.octets, self._channels), 0)


class OpusSink:
    """Opus in Ogg, a page for each block."""

    def __init__(self, file: int, rate: int, serial: int) -> None:
        self._file = file
        self._serial = serial
        self._step = ogg.RATE // rate
        self._frame = rate * FRAME_MS // 1000
        self._encoder = opus.OpusEncoder(rate, channels=2)
        self._skip = self._encoder.lookahead * self._step
        self._left: NDArray[np.int16] = np.zeros((0, 2), np.int16)  # frames that do not fill a packet yet
        self._taken = 0
        self._granule = 0
        self._number = 0
        self.octets = 0
        self._put([ogg.opus_head(2, self._skip, rate)], 0, ogg.FIRST)
        self._put([ogg.opus_tags(VENDOR)], 0)

    def write(self, position: int, frames: NDArray[np.int16]) -> None:
        while self._taken < position:  # Silence is coded like anything else; in portions, as it may be long.
            count = min(position - self._taken, self._frame * 50)
            self._encode(np.zeros((count, 2), np.int16))
        self._encode(frames)

    def finish(self, length: int) -> None:
        end = length * self._step + self._skip
        # What the encoder still holds back is pushed out by silence, which the granule position then cuts off.
        packets = -(-end // (self._frame * self._step))
        self.write(packets * self._frame - 1, np.zeros((0, 2), np.int16))
        self._put(self._packets(np.zeros((1, 2), np.int16)), end, ogg.LAST)

    def _encode(self, frames: NDArray[np.int16]) -> None:
        self._taken += len(frames)
        packets = self._packets(frames)
        while packets:
            count = size = 0
            while count < len(packets) and (size := size + ogg.segments(packets[count])) <= ogg.MAX_SEGMENTS:
                count += 1
            self._granule += count * self._frame * self._step
            self._put(packets[:count], self._granule)
            packets = packets[count:]

    def _packets(self, frames: NDArray[np.int16]) -> list[bytes]:
        frames = np.concatenate((self._left, frames))
        whole = len(frames) // self._frame * self._frame
        self._left = frames[whole:]
        return [self._encoder.encode(frames[at : at + self._frame].reshape(-1)) for at in range(0, whole, self._frame)]

    def _put(self, packets: list[bytes], granule: int, flags: int = 0) -> None:
        octets = ogg.page(self._serial, self._number, granule, packets, flags)
        write_all(self._file, octets, self.octets)
        self._number += 1
        self.octets += len(octets)


class Tape:
    """A recording in the hands of the writer."""

    def __init__(self, job: Begin) -> None:
        """Raises OSError, or OpusError if the form cannot be written here."""
        self.record = job.record
        self.path = job.path
        self._scale = job.rate // CLOCK_RATE
        self._rate = job.rate
        self._mono = job.form == "mono"
        self._silence = job.silence
        self._speech = Speech(job.rate) if job.silence > 0 else None
        self._hushed = False  # told since somebody spoke last
        self._count = -1
        self._voices = (Voice(job.rate), Voice(job.rate))
        self._gapped = False  # something is missing at the end of the last block, or goes on into the next
        os.makedirs(os.path.dirname(job.path), FOLDER_MODE, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(job.path + PART, flags, MODE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sink: Sink = (
                OpusSink(self._file, job.rate, job.record & 0xFFFFFFFF)
                if job.form == "opus"
                else WavSink(self._file, job.rate, 1 if self._mono else wavfile.CHANNELS)
            )
        except BaseException:
            os.unlink(job.path + PART)
            os.close(self._file)
            raise

    def write(self, block: Block) -> Hush | None:
        """Raises OSError. Hush if nothing was said for as long as the recording asks to be told."""
        frames = self._framed(block)
        speech = self._speech
        if frames is not None:
            if self._mono:
                frames = np.ascontiguousarray(frames[:, :1])
            if speech is not None:
                speech.hear(block.start * self._scale, frames[:, 0])
            self._sink.write(block.start * self._scale, frames)
        if speech is None:
            return None
        quiet = ((block.start + block.count) * self._scale - speech.spoken_until) / self._rate
        before, self._hushed = self._hushed, quiet >= self._silence
        return Hush(self.record, quiet) if self._hushed and not before else None

    def _framed(self, block: Block) -> NDArray[np.int16] | None:
        """Both sides of a block as they belong in the file; None: silence."""
        frames = block.frames
        if frames is not None and self._scale == 1 and not self._gapped and frames.min() > EMPTY:
            for side, voice in enumerate(self._voices):
                voice.passed(frames[-REMEMBERED:, side])
        else:
            frames = self._render(block)
            if frames is None:
                return None
        for start, end in block.muted:
            frames[max(start - block.start, 0) * self._scale : max(end - block.start, 0) * self._scale] = 0
        return frames

    def _render(self, block: Block) -> NDArray[np.int16] | None:
        """Make the two sides one; None: all is silent."""
        parts = [block.left, block.right]
        if block.frames is not None:
            parts = [[Piece(block.frames[:, side].copy())] for side in (0, 1)]
        sides = [
            voice.render(block.start, block.count, pieces) for voice, pieces in zip(self._voices, parts, strict=True)
        ]
        self._gapped = any(voice.gapped for voice in self._voices)
        if sides[0] is None and sides[1] is None:
            return None
        frames = np.zeros((block.count * self._scale, 2), np.int16)
        for side, audio in enumerate(sides):
            if audio is not None:
                frames[:, side] = audio
        return frames

    def finish(self, count: int) -> None:
        """Complete the file; what was said into it ends with the last word. Raises OSError."""
        if self._speech is not None:
            last = self._speech.spoken_until // self._scale + int(AFTERWARDS * CLOCK_RATE)
            count = self._count = min(count, last)
        self._sink.finish(count * self._scale)

    def close(self, error: str = "") -> Outcome:
        """Get it onto the disk, and give it its name. What was saved before an error is kept."""
        try:
            os.fsync(self._file)
            octets = os.fstat(self._file).st_size
            os.rename(self.path + PART, self.path)
            sync_folder(self.path)
        except OSError as failure:
            octets, error = 0, error or explained(failure)
        os.close(self._file)
        voiced = self._speech.seconds if self._speech is not None else 0.0
        return Outcome(self.record, self.path, octets, error, self._count, voiced)


def explained(error: Exception) -> str:
    """What an operator is told."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
