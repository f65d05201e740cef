"""What prompts of the operator's own were before: each recording that another one replaces, or that is taken away, is kept."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any, Final

from softswitch.config import Config
from softswitch.errors import SoftswitchError
from softswitch.uploads import target

FOLDER: Final = "prompt-versions"  # beside the database: nothing that is to be played
MOST: Final = 20  # of one prompt; the oldest go first
_is_version = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]+)?", re.ASCII).fullmatch


class VersionError(SoftswitchError):
    """There is no such version."""

    def __init__(self, message: str, hint: str = "", *, kind: str = "unknown") -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind


def _folder(config: Config, name: str, language: str) -> Path:
    target(config, name, language)  # whether it is a name at all
    return config.paths.database.parent / FOLDER / language / name


def keep(config: Config, name: str, language: str) -> str:
    """Put the recording in force aside before another takes its place; the version, "" if there is none."""
    file = target(config, name, language)
    if not file.is_file():
        return ""
    folder = _folder(config, name, language)
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(file.stat().st_mtime))
    version, count = stamp, 1
    while (folder / f"{version}.wav").exists():
        version, count = f"{stamp}-{count}", count + 1
    shutil.copy2(file, folder / f"{version}.wav")
    for old in _files(folder)[MOST:]:
        old.unlink(missing_ok=True)
    return version


def versions(config: Config, name: str, language: str) -> list[dict[str, Any]]:
    """The one in force and those before it, the newest first. `at`: Unix time at which it was made."""
    file = target(config, name, language)
    rows = [{"version": "", "at": file.stat().st_mtime, "current": True}] if file.is_file() else []
    return rows + [
        {"version": one.stem, "at": one.stat().st_mtime, "current": False}
        for one in _files(_folder(config, name, language))
    ]


def path_of(config: Config, name: str, language: str, version: str) -> Path:
    """The file of a version. Raises VersionError."""
    file = _folder(config, name, language) / f"{version}.wav"
    if not _is_version(version) or not file.is_file():
        raise VersionError(f"The prompt {name!r} has no version {version!r}.", "See: softswitch prompt versions")
    return file


def restore(config: Config, name: str, language: str, version: str) -> Path:
    """Put a version in force again; what is in force now becomes one. Raises VersionError."""
    file, aside = target(config, name, language), path_of(config, name, language, version)
    wanted = aside.read_bytes()
    aside.unlink()
    keep(config, name, language)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(wanted)
    fresh.replace(file)
    return file


def _files(folder: Path) -> list[Path]:
    found = [one for one in folder.glob("*.wav") if _is_version(one.stem)] if folder.is_dir() else []
    return sorted(found, key=lambda one: (one.stat().st_mtime, one.name), reverse=True)
