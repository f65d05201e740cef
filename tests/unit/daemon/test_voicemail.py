"""What a switch does at its start about messages that the one before did not finish, and what operators may do with messages."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from media import wavfile

from .running import PATIENCE, ROOT, Running

COLUMNS = (
    "message, mailbox, call, path, caller, caller_name, queue, started_at, left_at, seconds, octets, heard, deleted_at, mail,"
    " mail_error, forwarded_from, interrupted"
)
BOXES = """
[mailbox.1000]
pin = "2580"
[mailbox.short]
pin = "1357"
days = 1
email = ["anna@example.com"]
"""


def begun(path: Path, seconds: float, *, done: bool = False) -> None:
    """A file as a media worker leaves it that was killed, or that had finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path if done else Path(f"{path}.part")
    name.write_bytes(wavfile.header(8000, 0, 1) + b"\1\0" * int(8000 * seconds))


def row(number: int, box: str, path: str, *, age: float = 60.0, left: bool = True, mail: str = "") -> tuple[Any, ...]:
    at = time.time() - age
    ended = (at, 5.0, 80_044) if left else (None, 0.0, 0)
    return (number, box, f"call-{number}", path, "600100200", "Jan", "", at, *ended, 0, None, mail, "", "", 0)


def until(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)
    return found


def listed(switch: Running, *options: str) -> dict[str, dict[str, Any]]:
    return {one["path"]: one for one in switch.command("voicemail", "list", *options)}


def prepare(switch: Running) -> Path:
    """A site with mailboxes, and the remains of a life that was cut short; the switch is down."""
    site = switch.directory / "site.toml"
    site.write_text(switch.command("export")["site"] + BOXES)
    switch.command("apply", str(site))
    switch.signal(signal.SIGTERM)
    switch.wait()
    folder = switch.directory / "lab" / "voicemail"
    begun(folder / "1000/killed.wav", 3.0)
    begun(folder / "1000/stray.wav", 4.0)
    begun(folder / "1000/short.wav", 0.5)
    begun(folder / "short/old.wav", 5.0, done=True)
    begun(folder / "short/kept.wav", 5.0, done=True)
    with closing(sqlite3.connect(switch.directory / "lab" / "softswitch.sqlite")) as database:
        database.executemany(
            f"INSERT INTO voicemail ({COLUMNS}) VALUES ({', '.join('?' * 17)})",
            [
                row(1, "1000", "1000/killed.wav", left=False),
                row(2, "1000", "1000/never-there.wav", left=False),
                row(3, "1000", "1000/short.wav", left=False),
                row(4, "short", "short/old.wav", age=2 * 86_400),
                row(5, "short", "short/kept.wav", mail="due"),
            ],
        )
        database.commit()
    return folder


def test_messages_are_finished_found_and_deleted_at_the_start(own_switch: Running) -> None:
    folder = prepare(own_switch)
    own_switch.settings["SOFTSWITCH_RECORDS_FLUSH_MS"] = "10000"  # What is acknowledged waits for no interval.
    own_switch.start()
    found = until(
        lambda: (rows := listed(own_switch)) and "short/old.wav" not in rows and "1000/stray.wav" in rows and rows
    )
    assert sorted(found) == ["1000/killed.wav", "1000/stray.wav", "short/kept.wav"]
    killed = found["1000/killed.wav"]
    assert (killed["seconds"], killed["caller"], killed["heard"]) == (3.0, "600100200", False)
    assert killed["file"] == str(folder / "1000/killed.wav") and os.path.getsize(killed["file"]) == 48_044
    until(
        lambda: (
            sorted(path.name for path in folder.rglob("*")) == ["1000", "kept.wav", "killed.wav", "short", "stray.wav"]
        )
    )

    metrics = urlopen(f"http://127.0.0.1:{own_switch.http}/metrics").read().decode()
    assert 'softswitch_voicemail_messages{mailbox="1000",state="new"} 2.0' in metrics

    # No server for mail is set: that is told, with what to do.
    mail = until(lambda: own_switch.command("voicemail", "mail")["failed"])
    assert list(mail) == ["5"] and "mail.host" in mail["5"]
    problems = until(lambda: [one for one in own_switch.command("status")["problems"] if "mail not sent" in one])
    assert "softswitch voicemail mail --retry" in problems[0]
    assert own_switch.command("voicemail", "mail", "--forget")["failed"] == mail
    assert own_switch.command("voicemail", "mail")["failed"] == {}

    number = str(killed["id"])
    assert own_switch.command("voicemail", "delete", number)["deleted_at"] > 0
    assert "1000/killed.wav" not in listed(own_switch) and "1000/killed.wav" in listed(own_switch, "--deleted")
    own_switch.command("voicemail", "restore", number)
    (box,) = [one for one in own_switch.command("voicemail", "boxes") if one["mailbox"] == "1000"]
    assert (box["new"], box["old"], box["pin"]) == (2, 0, True)
    copied = subprocess.run(
        [sys.executable, "-m", "softswitch.cli", "voicemail", "export", number, str(own_switch.directory)],
        capture_output=True, text=True, check=True, cwd=ROOT,
        env={**os.environ, "SOFTSWITCH_CONFIG": str(own_switch.directory / "lab")},
    )  # fmt: skip
    assert Path(copied.stdout.strip()).read_bytes() == (folder / "1000/killed.wav").read_bytes()

    # What a caller left is erased with its files, and is not back after a restart.
    assert own_switch.command("voicemail", "erase", "600100200", "--yes") == 2
    assert [path.name for path in folder.rglob("*.wav")] == ["stray.wav"]
    own_switch.signal(signal.SIGKILL)
    own_switch.wait()
    own_switch.start()
    assert list(listed(own_switch, "--deleted")) == ["1000/stray.wav"]
