"""Recordings that their writer did not live to finish: they are made good, and get the name that they were to have.

Needs neither numpy nor a worker: the switch does this when it starts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media import ogg, wavfile

PART: Final = ".part"  # behind the name while it is being written


@dataclass(slots=True, frozen=True)
class Salvaged:
    """A recording that was interrupted, and now is a file like others."""

    path: str
    seconds: float
    octets: int


def unfinished(folder: Path) -> Iterator[Path]:
    """The files below a folder that somebody began to write and has not finished, under the names that they are to get."""
    for found in sorted(folder.rglob(f"*{PART}")):
        if found.is_file():
            yield found.with_name(found.name.removesuffix(PART))


def repair(path: str | Path) -> Salvaged | None:
    """Finish `path` + ".part". None if there is no such file, or a worker still writes it, or it holds nothing of ours.

    A file without any audio is removed. Raises OSError.
    """
    part = f"{path}{PART}"
    try:
        file = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with contextlib.closing(os.fdopen(file, "r+b", buffering=0)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        head = os.pread(file, wavfile.HEADER.size, 0)
        seconds = ogg.repair(file) if head[:4] == b"OggS" else wavfile.repair(file, head)
        if seconds is None and head:
            return None
        if not seconds:
            os.unlink(part)
            return None
        os.fsync(file)
        os.rename(part, path)
        sync_folder(path)
        return Salvaged(str(path), seconds, os.fstat(file).st_size)


def length(path: str | Path) -> float:
    """Seconds of audio in a complete file of ours; 0.0 if it is none. Raises OSError."""
    with open(path, "rb") as opened:
        file = opened.fileno()
        head = os.pread(file, wavfile.HEADER.size, 0)
        if head[:4] == b"OggS":
            return ogg.length(file)
        rate, channels = wavfile.form_of(head)
        octets = max(os.fstat(file).st_size - wavfile.HEADER.size, 0)
        return octets / (rate * channels * wavfile.SAMPLE) if rate else 0.0


def sync_folder(path: str | Path) -> None:
    """Make sure that a new name outlives a power failure."""
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
