"""Prompts and music by the pages, by the rules of `softswitch prompt`. A part of `operations`."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softswitch import prompt_versions, uploads
from softswitch.running.console import ConsoleError
from softswitch.store.clips import MUSIC

if TYPE_CHECKING:
    from softswitch.daemon import Daemon


class PromptOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        return {
            "prompts": self.prompts,
            "prompt": self.prompt,
            "prompt_add": self.prompt_add,
            "prompt_remove": self.prompt_remove,
        }

    async def prompts(self, part: str = "", language: str = "", added: bool = False) -> list[dict[str, Any]]:
        """Every prompt, or those whose name or text holds `part`; `moh` is the language of music."""
        return await asyncio.to_thread(self._list, part.lower(), language, added)

    def _list(self, part: str, language: str, added: bool) -> list[dict[str, Any]]:
        rows = []
        for sound in uploads.sounds(self._daemon.config):
            if (language and sound.language != language) or (added and sound.source == uploads.SHIPPED):
                continue
            text = uploads.text_of(sound.name, sound.language)
            if part in sound.name or part in text.lower():
                rows.append(uploads.sound_row(sound, text))
        return rows

    async def prompt(self, language: str, name: str) -> dict[str, Any]:
        """One recording: its file, length and level, and who in the site names it."""
        return await asyncio.to_thread(self._look, language, name)

    def _look(self, language: str, name: str) -> dict[str, Any]:
        from media.intake import IntakeError, look

        sounds = uploads.sounds(self._daemon.config)
        found = next((one for one in sounds if (one.language, one.name) == (language, name)), None)
        if found is None:
            raise ConsoleError(
                f"There is no prompt {name!r} in {language!r}.", "See: softswitch prompt list", kind="unknown"
            )
        row = uploads.sound_row(found, uploads.text_of(name, language))
        try:
            row |= uploads.facts_row(look(found.path))
        except IntakeError as error:
            row |= {"problem": str(error), "hint": error.hint}
        return row | {"used_by": uploads.users_of(self._daemon.site, name)}

    async def prompt_add(
        self, language: str, name: str, data: str, queue: str = "", as_it_is: bool = False, by: str = "cli"
    ) -> dict[str, Any]:
        """Let a recording (`data`: WAV in base64) be heard for a prompt, or as music (language `moh`); in force at once."""
        daemon, music = self._daemon, language == MUSIC
        if queue and not music:
            raise ConsoleError("Only music is given to a queue here.", "Its prompts are named in the site.")
        result = await asyncio.to_thread(self._take, language, name, data, as_it_is)
        if music:
            await daemon.edit("music_set", {"name": name, "files": [f"{name}.wav"], "queue": queue}, by)
        daemon.load_sounds([name if music else f"{language}/{name}"])
        return result

    def _take(self, language: str, name: str, data: str, as_it_is: bool) -> dict[str, Any]:
        from media.intake import IntakeError, take_in

        config = self._daemon.config
        path = uploads.target(config, name, language)
        note = uploads.note_on(config, name, language)
        try:
            octets = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise ConsoleError("The recording is not in base64.", "Send the octets of a WAV file in base64.") from None
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "recording.wav")
            source.write_bytes(octets)
            try:
                prompt_versions.keep(config, name, language)
                taken = take_in(source, path, music=language == MUSIC, as_it_is=as_it_is)
            except IntakeError as error:
                raise ConsoleError(str(error).replace(str(source), "The file"), error.hint) from None
            except OSError as error:
                raise ConsoleError(f"{path}: {error.strerror}.", "See to that folder.") from None
        return uploads.added_row(name, language, path, taken, note)

    async def prompt_remove(self, language: str, name: str, by: str = "cli") -> dict[str, Any]:
        """Take a recording of one's own away: ours is heard again, where there is one."""
        daemon, music = self._daemon, language == MUSIC
        if not uploads.target(daemon.config, name, language).exists():
            raise ConsoleError(
                f"No prompt {name!r} was added in {language!r}.", "Only those can be removed.", kind="unknown"
            )
        if music and name in daemon.site.music:
            await daemon.edit("music_set", {"name": name, "files": []}, by)
        await asyncio.to_thread(prompt_versions.keep, daemon.config, name, language)
        path = uploads.remove(daemon.config, name, language)
        daemon.load_sounds([name if music else f"{language}/{name}"])
        return {"name": name, "language": language, "file": str(path)}
