"""Files whose writer was killed: what is in them can be heard, up to the last second."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import ogg, wavfile
from media.salvage import repair, unfinished
from media.tape import Begin, Block, Piece, Tape
from media.wav import parse

TONE = (8000 * np.sin(np.arange(4096) * 0.3)).astype(np.int16)


def begun(path: Path, form: str, blocks: int) -> Tape:
    tape = Tape(Begin(1, str(path), form, 8000))
    for index in range(blocks):
        tape.write(Block(1, index * 4096, 4096, [Piece(TONE.copy())], []))
    return tape


@pytest.mark.parametrize("form", ["wav", "opus"])
@pytest.mark.parametrize("cut", [0, 1, 3, 1000])
def test_a_file_that_ends_anywhere_is_made_good(tmp_path: Path, form: str, cut: int) -> None:
    path = tmp_path / f"a.{form}"
    tape = begun(path, form, 6)
    os.close(tape._file)
    part = tmp_path / f"a.{form}.part"
    os.truncate(part, part.stat().st_size - cut)
    assert list(unfinished(tmp_path)) == [path]
    found = repair(path)
    assert found is not None and not part.exists()
    assert found.octets == path.stat().st_size
    assert found.seconds == pytest.approx(6 * 4096 / 8000, abs=0.6 if form == "opus" else 0.04)
    if form == "wav":
        assert parse(path.read_bytes()).seconds == found.seconds
    else:
        import av

        with av.open(str(path)) as container:
            decoded = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
        assert decoded == pytest.approx(found.seconds, abs=0.001)


def test_what_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    tape = begun(path, "wav", 2)
    other = subprocess.run(
        [sys.executable, "-c", f"from media.salvage import repair; print(repair({str(path)!r}))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout == "None\n"
    assert (tmp_path / "a.wav.part").exists()
    tape.finish(8192)
    assert tape.close().error == ""
    assert repair(path) is None and path.exists()


def test_nothing_said_leaves_nothing(tmp_path: Path) -> None:
    os.close(begun(tmp_path / "a.wav", "wav", 0)._file)
    assert repair(tmp_path / "a.wav") is None
    assert not list(tmp_path.iterdir())


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    part = tmp_path / "a.wav.part"
    part.write_bytes(b"a letter to my aunt" * 10)
    assert repair(tmp_path / "a.wav") is None
    assert part.read_bytes() == b"a letter to my aunt" * 10
    target = tmp_path / "target"
    target.write_bytes(part.read_bytes())
    (tmp_path / "b.wav.part").symlink_to(target)
    with pytest.raises(OSError):
        repair(tmp_path / "b.wav")


def test_killed_in_the_midst_of_it(tmp_path: Path) -> None:
    """A process that is killed without a warning: every block that it wrote is there, and the header says so."""
    path = tmp_path / "a.wav"
    script = f"""
import os, signal
from tests.unit.media.test_salvage import begun
from pathlib import Path
begun(Path({str(path)!r}), "wav", 9)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": os.getcwd()}, check=False)
    assert ended.returncode == -9
    part = Path(f"{path}.part").read_bytes()
    assert parse(part).seconds == pytest.approx(9 * 4096 / 8000)  # Playable as it is.
    found = repair(path)
    assert found is not None and found.seconds == pytest.approx(9 * 4096 / 8000)


def test_the_lock_is_one_that_other_programs_see(tmp_path: Path) -> None:
    begun(tmp_path / "a.wav", "wav", 1)
    with open(tmp_path / "a.wav.part") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_checksum_of_ogg() -> None:
    def by_the_book(data: bytes) -> int:
        value = 0
        for octet in data:
            value ^= octet << 24
            for _ in range(8):
                value = (value << 1 ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
        return value

    for data in (b"", b"\0", b"OggS", bytes(range(256)), b"a" * 999):
        assert ogg.checksum(data) == by_the_book(data)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_octets_are_no_reason_to_fail(data: bytes) -> None:
    file = os.memfd_create("any")
    try:
        os.write(file, data)
        assert wavfile.repair(file, data[:44]) is None
        assert ogg.repair(file) is None
        assert os.fstat(file).st_size == len(data)
    finally:
        os.close(file)


def test_a_wav_file_says_at_most_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with open(f"{path}.part", "wb") as file:
        file.write(wavfile.header(8000, 0))
        file.truncate(5 << 30)  # Sparse: it takes no room.
    found = repair(path)
    assert found is not None and found.seconds == pytest.approx((1 << 32) / 32_000, abs=1)
    with pytest.raises(OSError):
        Tape(Begin(2, str(tmp_path / "b.wav"), "wav", 8000)).write(Block(2, 2**32 // 4, 4096, [Piece(TONE.copy())], []))
