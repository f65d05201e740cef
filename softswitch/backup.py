"""A whole installation in one file, while it runs, and back (OPS-11): settings, database, prompts, messages.

The database is copied by SQLite itself, so that the copy is whole whatever is written meanwhile. Everything else is taken
as it lies below the folder of softswitch.toml; what lies elsewhere is named, not taken.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from softswitch.config import FILE_NAME, Config
from softswitch.errors import SoftswitchError

RUNTIME: Final = ("-wal", "-shm", "-journal", ".lock")  # beside the database: of one process, for its lifetime
REPORTS: Final = ".reports"  # beside the database: the rows of reports (`store.ledger`)
SUFFIX: Final = ".tar.gz"


class BackupError(SoftswitchError):
    """It cannot be backed up, or restored; `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True)
class Backup:
    """What is in the file. `left_out`: what belongs to the installation and is not in it, with the reason."""

    file: Path
    files: int = 0
    octets: int = 0  # before compression
    left_out: list[str] = field(default_factory=list)


def create(config: Config, base: Path, output: Path, *, recordings: bool) -> Backup:
    """Write a backup of the installation in `base` to `output`, mode 0600. Raises BackupError; nothing half is left behind."""
    database, found = config.paths.database, Backup(output)
    if not database.is_file():
        raise BackupError(f"There is no database {database}.", "Is this the right configuration? --config PATH")
    if output.exists():
        raise BackupError(f"{output} exists.", "Choose another name, or move that file away.")
    elsewhere = [one for one in _named(config) if one != database and one.exists() and not _below(one, base)]
    found.left_out += [f"{path}: not below {base}" for path in elsewhere]
    if not database.is_relative_to(base):
        found.left_out.append(f"{database} is in it as {database.name}: change paths.database when you restore")
    if not recordings and config.recording.folder.is_dir():
        found.left_out.append(f"{config.recording.folder}: recordings (--recordings takes them)")
    unwanted = {config.paths.socket, config.paths.log, output} | (set() if recordings else {config.recording.folder})
    try:
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".backup-") as scratch:
            copy, made = Path(scratch) / "database", Path(scratch) / "archive"
            _copy_database(database, copy)
            rows, rows_copy = database.with_name(database.name + REPORTS), Path(scratch) / "reports"
            if rows.is_file():
                _copy_database(rows, rows_copy)
            with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
                with tarfile.open(fileobj=raw, mode="w:gz", compresslevel=6) as archive:
                    _add(archive, copy, str(_inside(database, base)), found)
                    if rows_copy.is_file():
                        _add(archive, rows_copy, f"{_inside(database, base)}{REPORTS}", found)
                    for path in _files(base, unwanted):
                        if path != database and not _is_runtime(path, database) and not path.is_relative_to(scratch):
                            _add(archive, path, str(path.relative_to(base)), found)
                raw.flush()
                os.fsync(raw.fileno())
            made.rename(output)
    except OSError as error:
        raise BackupError(f"{output} cannot be written: {error.strerror or error}.", "Choose another place.") from None
    return found


def restore(file: Path, directory: Path) -> int:
    """Put a backup into an empty folder; how many files it had. Raises BackupError."""
    if directory.exists() and any(directory.iterdir()):
        raise BackupError(
            f"{directory} is not empty.", "Restore into a new folder, and look before you take it into use."
        )
    try:
        with tarfile.open(file, "r:gz") as archive:
            members = archive.getmembers()
            if FILE_NAME not in {one.name for one in members}:
                raise BackupError(
                    f"{file} is no backup of a switch: it has no {FILE_NAME}.", "Was it made by: softswitch backup?"
                )
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            for member in members:
                _put(archive, member, directory)
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(
            f"{file} cannot be read as a backup: {error}.", "It may have been cut short: try another."
        ) from None
    except OSError as error:
        raise BackupError(
            f"{file}: {error.strerror or error}.", "Check the name, the rights and the free space."
        ) from None
    return len(members)


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    """One file into the folder, and nowhere else: a backup may come from anywhere."""
    name = PurePosixPath(member.name)
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        raise BackupError(f"{member.name!r} in the file is no part of a backup.", "Do not use this file.")
    path = directory / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = member.mode & 0o700 | 0o600
    with content, os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        shutil.copyfileobj(content, file)


def _copy_database(database: Path, copy: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30.0)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            copy.chmod(0o600)
            source.backup(target)  # In one go: it reads beside the writer, and one in steps begins anew at each change.
            (verdict,) = target.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupError(
            f"{database} cannot be copied: {error}.", "Is the disk full? Is it the switch's own file?"
        ) from None
    if verdict != "ok":
        raise BackupError(f"{database} is damaged: {verdict}.", "Keep it, and restore the last good backup beside it.")


def _add(archive: tarfile.TarFile, path: Path, name: str, found: Backup) -> None:
    """One file, as long as it is now: a recording may go on growing. One that has gone meanwhile is not missed."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        member = archive.gettarinfo(arcname=name, fileobj=file)
        member.mode &= 0o700  # everything here is its owner's
        archive.addfile(member, file)
        found.files += 1
        found.octets += member.size


def _files(folder: Path, unwanted: set[Any]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path in unwanted or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path, unwanted)
        elif path.is_file():
            yield path


def _is_runtime(path: Path, database: Path) -> bool:
    """What lives no longer than the process; and the rows of reports, which are copied as the database is."""
    names = {database.name + one for one in RUNTIME}
    return path.parent == database.parent and (path.name in names or path.name.startswith(database.name + REPORTS))


def _named(config: Config) -> Iterator[Path]:
    """Files and folders that softswitch.toml names, but for what lives no longer than the process."""
    for section in fields(config):
        values = getattr(config, section.name)
        for one in fields(values) if is_dataclass(values) else ():
            value = getattr(values, one.name)
            if isinstance(value, Path) and value not in (
                config.paths.socket,
                config.paths.log,
                config.recording.folder,
            ):
                yield value


def _below(path: Path, base: Path) -> bool:
    return path.resolve().is_relative_to(base.resolve())


def _inside(database: Path, base: Path) -> Path:
    """Where the database goes in the file: its own place, or, if it lies elsewhere, the one where it is by default."""
    return database.relative_to(base) if database.is_relative_to(base) else Path(database.name)
