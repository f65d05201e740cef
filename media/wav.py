"""Reads WAV files of any common format: PCM of 8 to 32 bits, floating point, mu-law and A-law, also "extensible" ones.

RIFF | size | WAVE | fmt  | size | format channels rate bytes/s align bits [extension] | ... | data | size | samples
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from media.g711 import Law, decode

Signal: TypeAlias = NDArray[np.float32]

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
MAX_SECONDS = 3600
MIN_RATE, MAX_RATE = 4000, 192_000
MAX_CHANNELS = 8
SCALE_16, SCALE_32 = np.float32(2.0**-15), np.float32(2.0**-31)

_HEADER = 4096  # octets in which the samples of most files begin
_FORMAT = Struct("<HHIIHH")
_CHUNK = Struct("<4sI")
# What follows the format code in an extensible file's identifier (KSDATAFORMAT_SUBTYPE).
_SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_CODINGS = {PCM: "PCM", FLOAT: "float", A_LAW: "A-law", MU_LAW: "mu-law"}
_NAMES = {0x0002: "MS ADPCM", 0x0011: "IMA ADPCM", 0x0031: "GSM 6.10", 0x0050: "MPEG", 0x0055: "MP3", 0x0040: "G.721"}


class WavError(ValueError):
    """The file cannot be played; the text says what it is and what it should be."""


@dataclass(slots=True)
class Wav:
    """A recording: one channel, full scale is 1.0."""

    rate: int
    signal: Signal
    channels: int = 1  # in the file
    coding: str = "PCM, 16 bits"  # in the file

    @property
    def seconds(self) -> float:
        return len(self.signal) / self.rate


@dataclass(slots=True)
class _Format:
    code: int
    channels: int
    rate: int
    bits: int


def read(path: str | Path) -> Wav:
    """The recording in a file, its channels averaged. WavError says why it cannot be."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise WavError(f"cannot read {path}: {error.strerror}") from None
    try:
        return parse(data)
    except WavError as error:
        raise WavError(f"{path}: {error}") from None


def look(path: str | Path) -> None:
    """Whether `read` would take the file, as far as its header tells: samples are not looked at. WavError says why not."""
    try:
        with Path(path).open("rb") as file:
            there = os.fstat(file.fileno()).st_size
            data = file.read(_HEADER)
    except OSError as error:
        raise WavError(f"cannot read {path}: {error.strerror}") from None
    try:
        form, at, size = _find(data)
        _count(form, min(size, there - at))
    except WavError:
        read(path)  # What it says of the whole file: the samples may begin further on.


def parse(data: bytes) -> Wav:
    """The recording in the octets of a file."""
    form, at, size = _find(data)
    return _convert(form, data[at : at + size])  # What a recorder did not live to finish is used as far as it goes.


def _find(data: bytes) -> tuple[_Format, int, int]:
    """The format of the samples, where they begin, and how many octets they should have."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError(f"not a WAV file: it does not begin as one (RIFF, WAVE){_guess(data)}")
    form: _Format | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = _CHUNK.unpack_from(data, at)
        if name == b"fmt ":
            form = _read_format(data[at + 8 : at + 8 + size])
        elif name == b"data":
            if form is None:
                raise WavError("its samples come before their format (no 'fmt ' chunk before 'data')")
            return form, at + 8, size
        at += 8 + size + size % 2  # Chunks begin at even places.
    raise WavError("it holds no samples (no 'data' chunk)" if form else "it has neither a 'fmt ' nor a 'data' chunk")


def _guess(data: bytes) -> str:
    if data[:3] == b"ID3" or data[:2] in (b"\xff\xfb", b"\xff\xf3"):
        return "; it looks like an MP3: convert it to WAV first"
    if data[:4] in (b"OggS", b"fLaC"):
        return f"; it looks like {'Ogg' if data[:4] == b'OggS' else 'FLAC'}: convert it to WAV first"
    return ""


def _read_format(body: bytes) -> _Format:
    if len(body) < _FORMAT.size:
        raise WavError(f"its 'fmt ' chunk has {len(body)} octets, at least {_FORMAT.size} are needed")
    code, channels, rate, _, _, bits = _FORMAT.unpack_from(body)
    if code == EXTENSIBLE:
        if len(body) < 40 or body[26:40] != _SUBTYPE_TAIL:
            raise WavError("its extensible format is not one of the standard ones")
        code = body[24] | body[25] << 8
    if code not in (PCM, FLOAT, A_LAW, MU_LAW):
        raise WavError(
            f"it is coded as {_NAMES.get(code, f'format 0x{code:04x}')}; PCM, float, mu-law or A-law is needed"
        )
    allowed = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}[code]
    if bits not in allowed:
        raise WavError(f"it has {bits} bits per sample, not {' or '.join(map(str, allowed))}")
    if not 1 <= channels <= MAX_CHANNELS:
        raise WavError(f"it has {channels} channels, not 1 to {MAX_CHANNELS}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise WavError(f"its sample rate is {rate} Hz, not {MIN_RATE} to {MAX_RATE}")
    return _Format(code, channels, rate, bits)


def _count(form: _Format, octets: int) -> int:
    """How many samples of each channel so many octets are."""
    count = octets // (form.channels * form.bits // 8)
    if not count:
        raise WavError("it is empty: not one whole sample")
    if count > MAX_SECONDS * form.rate:
        raise WavError(f"it lasts {count // form.rate} seconds, more than {MAX_SECONDS}")
    return count


def _convert(form: _Format, body: bytes) -> Wav:
    count = _count(form, len(body))
    signal = _samples(form, np.frombuffer(body, np.uint8, count * form.channels * form.bits // 8))
    if not np.isfinite(signal).all():
        raise WavError("it holds values that are not numbers")
    mixed = signal.reshape(count, form.channels).mean(axis=1, dtype=np.float32)
    return Wav(form.rate, mixed, form.channels, f"{_CODINGS[form.code]}, {form.bits} bits")


def _samples(form: _Format, octets: NDArray[np.uint8]) -> Signal:
    """All samples of all channels, interleaved as in the file."""
    if form.code == MU_LAW:
        return decode(octets, Law.MU).astype(np.float32) * SCALE_16
    if form.code == A_LAW:
        return decode(octets, Law.A).astype(np.float32) * SCALE_16
    if form.code == FLOAT:
        return octets.view("<f4" if form.bits == 32 else "<f8").astype(np.float32)
    if form.bits == 8:  # The only unsigned one.
        return (octets.astype(np.float32) - np.float32(128)) * np.float32(1 / 128)
    if form.bits == 16:
        return octets.view("<i2").astype(np.float32) * SCALE_16
    if form.bits == 32:
        return octets.view("<i4").astype(np.float32) * SCALE_32
    wide = np.zeros((len(octets) // 3, 4), np.uint8)
    wide[:, 1:] = octets.reshape(-1, 3)
    return wide.view("<i4")[:, 0].astype(np.float32) * SCALE_32
