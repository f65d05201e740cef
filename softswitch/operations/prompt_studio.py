"""Prompts recorded by telephone, and what they were before. A part of `operations`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softswitch import logs, prompt_versions, uploads
from softswitch.errors import SoftswitchError
from softswitch.events import Event, PromptSpoken
from softswitch.running.console import ConsoleError
from softswitch.store.clips import MUSIC

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class PromptStudio:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._watches = False

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "prompt_record": self.record,
            "prompt_versions": self.versions,
            "prompt_version": self.version,
            "prompt_restore": self.restore,
        }

    def record(self, language: str, name: str, account: str, by: str = "cli") -> dict[str, Any]:
        """Ring a phone; whoever answers speaks the prompt after the beep, hears it, and keeps it with 1."""
        daemon = self._daemon
        if language == MUSIC:
            raise ConsoleError("Music is not recorded by telephone.", "Send a file.")
        uploads.target(daemon.config, name, language)
        if not self._watches:
            daemon.publisher.watchers.append(self._see)
            self._watches = True
        order = daemon.switch.record_prompt
        call, refusal = daemon.input("record prompt", order, account, name, language, by) or ("", "see the log")
        if refusal:
            raise ConsoleError(f"{account} does not record {name}: {refusal}.", "See: softswitch phones")
        return {"call": call, "account": account, "language": language, "name": name}

    async def versions(self, language: str, name: str) -> list[dict[str, Any]]:
        """The recording of one's own in force and those before it, the newest first."""
        return await asyncio.to_thread(prompt_versions.versions, self._daemon.config, name, language)

    async def version(self, language: str, name: str, version: str) -> dict[str, Any]:
        """The file of one of those before."""
        path = await asyncio.to_thread(prompt_versions.path_of, self._daemon.config, name, language, version)
        return {"file": str(path)}

    async def restore(self, language: str, name: str, version: str, by: str = "cli") -> dict[str, Any]:
        """Put one of those before in force again."""
        await asyncio.to_thread(prompt_versions.restore, self._daemon.config, name, language, version)
        self._heard(language, name)
        return {"name": name, "language": language, "version": version}

    def _heard(self, language: str, name: str) -> None:
        self._daemon.load_sounds([name if language == MUSIC else f"{language}/{name}"])

    def _see(self, wall: float, event: Event) -> None:
        if isinstance(event, PromptSpoken):
            self._daemon.spawn(self._take(event))

    async def _take(self, event: PromptSpoken) -> None:
        """What was spoken becomes the prompt; or the standard one is heard again."""
        try:
            if event.path:
                file = self._daemon.voicemail.settings.folder / event.path
                await asyncio.to_thread(self._take_in, file, event.prompt, event.language)
            else:
                await asyncio.to_thread(self._standard, event.prompt, event.language)
        except (SoftswitchError, OSError) as error:
            log.warning("prompt not taken", prompt=event.prompt, language=event.language, error=str(error))
            return
        self._heard(event.language, event.prompt)

    def _standard(self, name: str, language: str) -> None:
        prompt_versions.keep(self._daemon.config, name, language)
        uploads.remove(self._daemon.config, name, language)

    def _take_in(self, file: Path, name: str, language: str) -> None:
        from media.intake import IntakeError, take_in

        config = self._daemon.config
        try:
            prompt_versions.keep(config, name, language)
            take_in(file, uploads.target(config, name, language), music=False, as_it_is=False)
        except IntakeError as error:
            raise ConsoleError(str(error), error.hint) from None
        finally:
            file.unlink(missing_ok=True)
