"""What the administration pages ask for besides: what sites are made of, a backup. A part of `operations`.

A backup is written by a process of its own: packing a database of gigabytes must not cost a call a packet.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softswitch import logs
from softswitch.backup import SUFFIX
from softswitch.config import FILE_NAME
from softswitch.running.child import spawn
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

log = logs.get_logger()


class UpkeepOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._busy = asyncio.Lock()

    def handlers(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        return {"backup": self.backup, "site_schema": self.site_schema}

    async def site_schema(self) -> dict[str, Any]:
        """What the objects of a site are made of."""
        from softswitch.store.site_schema import site_schema

        return await asyncio.to_thread(site_schema)

    async def backup(self, recordings: bool = False, by: str = "cli") -> dict[str, Any]:
        """Write a backup into a folder of its own, which is the caller's to remove; `file` names it."""
        base = self._daemon.config.paths.database.parent
        if not (base / FILE_NAME).is_file():
            raise ConsoleError(
                f"{base} holds no {FILE_NAME}.", "Make the backup by command: softswitch backup --config PATH"
            )
        if self._busy.locked():
            raise ConsoleError("A backup is being made already.", "Wait until it is done.")
        async with self._busy:
            folder = Path(tempfile.mkdtemp(prefix=".backup-", dir=base))
            try:
                made = await self._write(base, folder / f"backup{SUFFIX}", recordings)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        log.info("backup made", by=by, octets=made["stored"])
        return made

    async def _write(self, base: Path, file: Path, recordings: bool) -> dict[str, Any]:
        more = ["--recordings"] if recordings else []
        process = await spawn("softswitch", "backup", "--config", str(base), "--output", str(file), "--json", *more)
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise ConsoleError(f"The backup failed: {errors.decode(errors='replace').strip()[-500:]}", "See the log.")
        made: dict[str, Any] = json.loads(output)
        return made
