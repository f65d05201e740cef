"""Which prompts and music files there are, so that a site cannot name one that is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

AUDIO: Final = frozenset({".wav", ".flac", ".ogg", ".mp3", ".opus"})
MUSIC: Final = "moh"  # the folder of music beside those of the languages


@dataclass(slots=True, frozen=True)
class Clips:
    """Names of clips (paths without extension, below the language's folder) and music files (with extension)."""

    by_language: dict[str, frozenset[str]]
    music: frozenset[str]

    @classmethod
    def scan(cls, *roots: Path) -> Clips:
        """The clips below all `roots`: pl/welcome.wav is the clip "welcome" in "pl"."""
        languages: dict[str, frozenset[str]] = {}
        music: frozenset[str] = frozenset()
        for root in roots:
            for folder in sorted(root.iterdir()) if root.is_dir() else ():
                if folder.is_dir() and folder.name != MUSIC:
                    names = (file.relative_to(folder).with_suffix("").as_posix() for file in _audio(folder))
                    languages[folder.name] = languages.get(folder.name, frozenset()).union(names)
            music = music.union(file.relative_to(root / MUSIC).as_posix() for file in _audio(root / MUSIC))
        return cls(languages, music)

    def has(self, clip: str) -> bool:
        """In any language: a caller hears the fallback rather than silence (IVR-14)."""
        return any(clip in names for names in self.by_language.values())

    def names(self) -> list[str]:
        return sorted(set().union(*self.by_language.values()))


def _audio(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [file for file in folder.rglob("*") if file.suffix.lower() in AUDIO and not file.name.startswith(".")]
