"""Prompts and music of the operator's own: a folder beside the database that stands before everything that we ship.

An upgrade replaces our prompts and never touches this folder. Three places are looked at, the later ones win: what we ship,
`paths.prompts` of softswitch.toml, and what `softswitch prompt add` has put here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from softswitch.config import Config, packaged_prompts
from softswitch.decode import nearest
from softswitch.errors import SoftswitchError
from softswitch.store.clips import MUSIC

if TYPE_CHECKING:
    from media.intake import Facts, Taken

FOLDER: Final = "prompts"
SHIPPED, OWN, ADDED = "shipped", "folder", "added"
_is_name = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}(/[a-z0-9][a-z0-9_-]{0,63}){0,3}").fullmatch
_is_language = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?").fullmatch


class UploadError(SoftswitchError):
    """A prompt that cannot be added or removed; `hint` says what to do instead."""

    def __init__(self, message: str, hint: str = "", *, kind: str = "failed") -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind


@dataclass(slots=True, frozen=True)
class Sound:
    """One recording that would be played."""

    language: str  # or "moh"
    name: str
    source: str  # SHIPPED, OWN or ADDED
    path: Path


def folder(config: Config) -> Path:
    """Where added prompts are."""
    return config.paths.database.parent / FOLDER


def roots(config: Config) -> tuple[Path, ...]:
    """All folders of prompts, the later ones before the earlier ones."""
    own = (config.paths.prompts,) if config.paths.prompts is not None else ()
    return (packaged_prompts(), *own, folder(config))


def sounds(config: Config) -> Iterator[Sound]:
    """Everything that would be played, by language and name."""
    places = roots(config)
    names = (SHIPPED, *([OWN] if len(places) > 2 else []), ADDED)
    found: dict[tuple[str, str], Sound] = {}
    for source, root in zip(names, places, strict=True):
        for file in sorted(root.glob("*/**/*.wav")):
            language, _, name = file.relative_to(root).with_suffix("").as_posix().partition("/")
            if not file.name.startswith("."):
                found[language, name] = Sound(language, name, source, file)
    return (found[key] for key in sorted(found))


def target(config: Config, name: str, language: str) -> Path:
    """Where an added prompt goes. Raises UploadError for names that cannot be."""
    name = name.removesuffix(".wav")
    if not _is_name(name):
        raise UploadError(
            f"{name!r} is no name for a prompt.", "Small letters, digits, - and _; folders with /, as in numbers/7."
        )
    if language != MUSIC and not _is_language(language):
        raise UploadError(f"{language!r} is no language.", 'Give the code: "pl", "en", "uk" ...')
    return folder(config) / language / f"{name}.wav"


def note_on(config: Config, name: str, language: str) -> str:
    """What is worth knowing of a name that is new: perhaps another one was meant."""
    known = sorted({one.name for one in sounds(config) if one.language != MUSIC and one.source == SHIPPED})
    if name in known or language == MUSIC:
        return ""
    near = nearest(name, known)
    return f"{name} is a new prompt, for menus and queues of yours" + (f"; or did you mean {near}?" if near else "")


def remove(config: Config, name: str, language: str) -> Path:
    """Take an added prompt away; the one that it stood before is heard again."""
    path = target(config, name, language)
    try:
        path.unlink()
    except FileNotFoundError:
        raise UploadError(
            f"No prompt {name!r} was added in {language!r}.", "See: softswitch prompt list --added", kind="unknown"
        ) from None
    return path


@cache
def catalogue() -> dict[str, Any]:
    """What our prompts say."""
    path = packaged_prompts() / "catalogue.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def text_of(name: str, language: str) -> str:
    """What the prompt that we ship says; "" if there is none."""
    known = catalogue()
    phrase = known.get("phrases", {}).get(name)
    said = phrase.get(language, "") if phrase is not None else known.get(language, {}).get(name, "")
    return str(said)


def users_of(site: Any, name: str) -> list[str]:
    """Queues and menus of a site that name a prompt or a class of music."""
    found = [f"queue {queue.name}" for queue in site.queues.values() if _says(queue, name)]
    return found + [f"menu {menu.name}" for menu in site.menus.values() if _says(menu, name)]


def _says(value: Any, name: str) -> bool:
    """Whether any text inside a value of the site is this name."""
    if isinstance(value, str):
        return value in (name, f"play:{name}")
    if isinstance(value, (list, tuple, frozenset)):
        return any(_says(one, name) for one in value)
    if isinstance(value, dict):
        return any(_says(one, name) for one in value.values())
    fields = getattr(value, "__dataclass_fields__", None)
    return fields is not None and any(_says(getattr(value, one), name) for one in fields if one != "name")


# --- as rows, for the command line and the pages -------------------------------------------------------------------------


def sound_row(sound: Sound, text: str) -> dict[str, Any]:
    return {
        "name": sound.name, "language": sound.language, "source": sound.source, "text": text, "file": str(sound.path),
    }  # fmt: skip


def facts_row(facts: Facts) -> dict[str, Any]:
    return {
        "seconds": round(facts.seconds, 2), "rate": facts.rate, "channels": facts.channels, "coding": facts.coding,
        "level_dbfs": round(facts.level, 1), "peak_dbfs": round(facts.peak, 1),
    }  # fmt: skip


def added_row(name: str, language: str, path: Path, taken: Taken, note: str) -> dict[str, Any]:
    warnings = [*([note] if note else []), *taken.warnings]
    return {
        "name": name, "language": language, "file": str(path), **facts_row(taken.before),
        "gain_db": round(taken.gain, 1), "written_rate": taken.rate, "warnings": warnings,
    }  # fmt: skip
