"""What a switch does at its start about recordings that the one before did not finish, and about those whose time is over."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from media import wavfile

from .running import PATIENCE, Running

COLUMNS = (
    "recording, call, path, queue, agent, caller, form, mode, started_by, days, worker, started_at, ended_at, seconds, octets,"
    " paused_seconds, lost_seconds, error, interrupted"
)


def begun(path: Path, seconds: float, *, done: bool = False) -> None:
    """A file as a media worker leaves it that was killed, or that had finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path if done else Path(f"{path}.part")
    name.write_bytes(wavfile.header(8000, 0) + b"\1\0\2\0" * int(8000 * seconds))


def row(number: int, path: str, *, days: int = 0, age: float = 60.0, ended: bool = False) -> tuple[Any, ...]:
    at = time.time() - age
    return (number, f"call-{number}", path, "queue", "anna", "1000", "wav", "always", "rule", days, 0, at,
            at + 5.0 if ended else None, 5.0 if ended else 0.0, 160_044, 0.0, 0.0, "", 0)  # fmt: skip


def listed(switch: Running) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in switch.command("recording", "list")}


def test_recordings_are_finished_found_and_deleted_at_the_start(own_switch: Running) -> None:
    own_switch.signal(signal.SIGTERM)
    own_switch.wait()
    folder = own_switch.directory / "lab" / "recordings"
    begun(folder / "a/killed.wav", 2.0)
    begun(folder / "a/stray.wav", 1.5)
    begun(folder / "b/old.wav", 3.0, done=True)
    begun(folder / "b/kept.wav", 3.0, done=True)
    with closing(sqlite3.connect(own_switch.directory / "lab" / "softswitch.sqlite")) as database:
        database.executemany(
            f"INSERT INTO recordings ({COLUMNS}) VALUES ({', '.join('?' * 19)})",
            [
                row(1, "a/killed.wav"),
                row(2, "a/never-there.wav"),
                row(3, "b/old.wav", days=1, age=2 * 86_400, ended=True),
                row(4, "b/kept.wav", days=3, age=2 * 86_400, ended=True),
            ],
        )
        database.commit()
    own_switch.start()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = listed(own_switch)
        if found["b/old.wav"]["deleted_at"] is not None:
            break
        time.sleep(0.2)
    killed, stray = found["a/killed.wav"], found["a/stray.wav"]
    assert (killed["seconds"], killed["interrupted"], killed["error"]) == (2.0, True, "")
    assert killed["file"] == str(folder / "a/killed.wav") and os.path.getsize(killed["file"]) == 64_044
    assert (stray["seconds"], stray["started_by"]) == (1.5, "found")
    assert found["a/never-there.wav"]["error"] and found["a/never-there.wav"]["ended_at"] is not None
    assert not (folder / "b/old.wav").exists() and (folder / "b/kept.wav").exists()
    assert found["b/kept.wav"]["deleted_at"] is None
    assert own_switch.command("recording", "show", "1")["call"] == "call-1"
    with pytest.raises(AssertionError, match="no recording 77"):
        own_switch.command("recording", "show", "77")
    with pytest.raises(AssertionError, match="no such call"):
        own_switch.command("recording", "start", "nobody")
