"""Links to recordings of a running switch (MED-16): their key, and which calls have which. What a link is says `links`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from softswitch.links import Link
from softswitch.provisioning import pages_address
from softswitch.store.reports import RecordingFilter

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

KEY: Final = "recording_links"  # its name in the store
MOST: Final = 100  # recordings of one call


class RecordingLinks:
    """Makes links, and tells good ones."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._key = b""

    async def key(self) -> bytes:
        if not self._key:
            self._key = bytes.fromhex(await self._daemon.store.key(KEY, lambda: secrets.token_hex(32)))
        return self._key

    async def renew(self) -> None:
        """No link that was made so far is good any more."""
        key = secrets.token_hex(32)
        await self._daemon.store.renew_key(KEY, key)
        self._key = bytes.fromhex(key)

    async def made(self, recordings: Iterable[int], hours: float, by: str) -> dict[int, str]:
        """The address of each of these recordings, good for so many hours. `by`: for whom, as it will stand in the audit."""
        key, until = await self.key(), int(time.time() + hours * 3_600.0)
        base = pages_address(self._daemon.config)
        return {one: f"{base}{Link(one, until, by).path(key)}" for one in recordings}

    async def of_call(self, call: str, hours: float, by: str) -> list[str]:
        """The addresses of the recordings of a call whose files are not deleted, the oldest first. Raises StoreError."""
        reports = await self._daemon.store.reports()
        found = await reports.recordings(MOST, RecordingFilter(call=call))
        known = sorted(one.recording for one in found if one.deleted_at is None and not one.error)
        return list((await self.made(known, hours, by)).values())

    async def told(self, line: Mapping[str, Any], hours: float, by: str) -> dict[str, Any]:
        """What a receiver of an event is told beside it: `recording_url` or `recording_urls`. Raises StoreError."""
        if not hours:
            return {}
        if line["event"] == "recording.finished" and not line.get("error"):
            return {"recording_url": next(iter((await self.made((int(line["recording"]),), hours, by)).values()))}
        if line["event"] == "call.ended" and line.get("recordings"):
            return {"recording_urls": await self.of_call(str(line["call"]), hours, by)}
        return {}
