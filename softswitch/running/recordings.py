"""Looks after the files of recordings: those that were not finished, those that are to go, and the room that is left."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media.salvage import PART, length, repair, unfinished
from softswitch import logs
from softswitch.call.recording import Recording
from softswitch.config.sections import Recording as Settings
from softswitch.events import MediaAlarm, RecordingDeleted, RecordingFinished, RecordingStarted
from softswitch.running.child import spawn
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.store.records import RecordingRecord

LOOK_SECONDS = 10.0
MEGABYTE = 1_000_000
DISK = "recordings"  # the alarm's name
MISSING = "the file is not there"
DIED = "its media worker died"
PEAKS = ".peaks"  # what a recording looks like, beside it
DRAWING_SECONDS = 120.0

log = logs.get_logger()


@dataclass(slots=True, frozen=True)
class Found:
    """What became of a file. `busy`: somebody still writes it."""

    seconds: float = 0.0
    octets: int = 0
    busy: bool = False
    error: str = ""


def examine(path: str) -> Found:
    """Make good a file that was not finished, and tell what is in it. For a thread."""
    try:
        salvaged = repair(path)
        if salvaged is not None:
            return Found(salvaged.seconds, salvaged.octets)
        if os.path.exists(path + PART):
            return Found(busy=True)
        if os.path.exists(path):
            return Found(length(path), os.path.getsize(path))
    except OSError as error:
        return Found(error=error.strerror or str(error))
    return Found(error=MISSING)


async def _peaks(path: Path, slices: int) -> dict[str, Any]:
    """Ask a process of its own, at low priority."""
    child = await spawn("media.peaks", str(path), str(slices))
    try:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, child.pid, 10)
        out, errors = await asyncio.wait_for(child.communicate(), DRAWING_SECONDS)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        raise
    if child.returncode:
        log.error("recording not drawn", path=str(path), error=errors.decode("utf-8", "replace")[-300:])
        raise ConsoleError("The recording cannot be read.", "See the log of the switch.")
    return dict(json.loads(out))


def _write_private(path: Path, data: bytes) -> None:
    with contextlib.suppress(OSError), open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


class Recordings:
    """The folder of recordings of one switch."""

    def __init__(self, settings: Settings, daemon: Daemon) -> None:
        self.settings = settings
        self._daemon = daemon
        self._looked = time.monotonic()
        self._drawing = asyncio.Semaphore(1)  # one at a time: calls are worth more than pictures
        self._adopted: dict[int, str] = {}  # recording: its file, which a worker of the last life still writes

    # --- what was not finished -------------------------------------------------------------------------------------------

    async def take_up(self, open_rows: Sequence[RecordingRecord]) -> None:
        """At start: finish what nobody writes any more, go on with what workers went on with."""
        now, wall = time.monotonic(), time.time()
        going_on, known = [], set()
        for row in open_rows:
            path = str(self.settings.folder / row.path)
            known.add(path)
            found = await asyncio.to_thread(examine, path)
            if found.busy:
                started = now - max(wall - row.started_at, 0.0)
                going_on.append(
                    Recording(row.recording, row.call, row.worker, row.path, row.form, row.mode, started, -1, -1)
                )
                self._adopted[row.recording] = path
            else:
                self._finished(row, found)
        if open_rows:
            self._daemon.input("recordings", self._daemon.switch.adopt_recordings, going_on)
        await self._strays(known)
        await self.delete_due()

    def _finished(self, row: RecordingRecord, found: Found) -> None:
        self._daemon.publisher.publish(
            RecordingFinished(
                row.recording, row.call, row.path, found.seconds, found.octets, error=found.error, interrupted=True
            )
        )
        log.warning("recording interrupted", path=row.path, seconds=round(found.seconds, 1), error=found.error)

    async def _strays(self, known: set[str]) -> None:
        """Files that were begun a moment before a crash, so that nothing was written of them but themselves."""
        folder = self.settings.folder
        for path in await asyncio.to_thread(lambda: [str(one) for one in unfinished(folder)]):
            if path in known or path in self._live():
                continue
            found = await asyncio.to_thread(examine, path)
            if found.busy or not found.seconds:
                continue
            number, name = secrets.randbits(53) or 1, str(Path(path).relative_to(folder))
            publish = self._daemon.publisher.publish
            publish(RecordingStarted(number, "", name, "", "", "", Path(path).suffix[1:], "always", "found"))
            publish(RecordingFinished(number, "", name, found.seconds, found.octets, interrupted=True))
            log.warning("recording found", path=name, seconds=round(found.seconds, 1))

    def _live(self) -> set[str]:
        workers = range(len(self._daemon.media.rows()))
        return {path for worker in workers for _, path in self._daemon.switch.recordings_of(worker)}

    async def salvage(self, worker: int) -> None:
        """A worker died: finish its files."""
        for recording, path in self._daemon.switch.recordings_of(worker):
            found = await asyncio.to_thread(examine, path)
            if not found.busy:
                error = found.error or DIED
                self._interrupted(recording, found, error)

    def _interrupted(self, recording: int, found: Found, error: str) -> None:
        self._adopted.pop(recording, None)
        interrupted = self._daemon.switch.recording_interrupted
        self._daemon.input("recordings", interrupted, recording, found.seconds, found.octets, error)

    # --- now and then ----------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bool:
        """Whether it is time to `look`."""
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        return True

    async def look(self) -> None:
        """Is there room on the disk? Did a worker of the last life end?"""
        for recording, path in list(self._adopted.items()):
            found = await asyncio.to_thread(examine, path)
            if not found.busy:
                self._interrupted(recording, found, found.error)
        self._weigh(await asyncio.to_thread(self._free))

    def _free(self) -> int:
        folder = self.settings.folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _weigh(self, free: int) -> None:
        daemon, least = self._daemon, self.settings.min_free_mb * MEGABYTE
        if free < least and DISK not in daemon.alarms:
            detail = f"{free // MEGABYTE} MB free, {self.settings.min_free_mb} are wanted"
            daemon.alarm(DISK, detail)
            daemon.publisher.publish(MediaAlarm(-1, "recordings_disk_low", detail))
        elif free >= least and DISK in daemon.alarms:
            del daemon.alarms[DISK]
            log.info("there is room for recordings again", free_mb=free // MEGABYTE)

    async def delete_due(self) -> int:
        """Delete files whose time is over. How many went."""
        reports, deleted = await self._daemon.store.reports(), 0
        while rows := await reports.due_recordings(time.time()):
            for row in rows:
                try:
                    await asyncio.to_thread(self._delete, self.settings.folder / row.path)
                except OSError as error:
                    log.error("recording not deleted", path=row.path, error=error.strerror)
                    return deleted
                self._daemon.publisher.publish(RecordingDeleted(row.recording, row.path, "retention"))
                deleted += 1
            await self._daemon.store.flush()  # What is deleted must not be found due again.
        return deleted

    async def erase(self, rows: Sequence[RecordingRecord]) -> int:
        """Delete the files of recordings at once; how many went. Raises OSError."""
        for row in rows:
            await asyncio.to_thread(self._delete, self.settings.folder / row.path)
            self._daemon.publisher.publish(RecordingDeleted(row.recording, "", "erased"))
        return len(rows)

    def file(self, row: RecordingRecord) -> Path:
        """Where the file of a recording is. Raises ConsoleError if there is none to be heard."""
        folder = self.settings.folder.resolve()
        path = (folder / row.path).resolve()
        if row.ended_at is None:
            raise ConsoleError(f"Recording {row.recording} goes on.", "It can be heard when the call has ended.")
        if row.deleted_at is not None or not path.is_relative_to(folder) or not path.is_file():
            raise ConsoleError(
                f"The file of recording {row.recording} is gone.", "See: recording_days.", kind="unknown"
            )
        return path

    async def peaks(self, row: RecordingRecord, slices: int) -> dict[str, Any]:
        """The loudest value of each side in so many slices, computed once (`media.peaks`). Raises ConsoleError."""
        path = self.file(row)
        kept = path.with_name(f"{path.name}.{slices}{PEAKS}")
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(await asyncio.to_thread(kept.read_bytes)))
        async with self._drawing:
            found = await _peaks(path, slices)
        await asyncio.to_thread(_write_private, kept, json.dumps(found, separators=(",", ":")).encode())
        return found

    def _delete(self, path: Path) -> None:
        for drawn in path.parent.glob(f"{glob.escape(path.name)}.*{PEAKS}"):
            drawn.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.settings.folder or not folder.is_relative_to(self.settings.folder):
                return
            try:
                folder.rmdir()  # As far as they are empty.
            except OSError:
                return
