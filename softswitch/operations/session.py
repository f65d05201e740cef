"""Sessions that people have ended before their time. A part of `operations`.

A session is not stored anywhere (`api.auth`), so those that are over have to be: a cookie that somebody has copied is good
for nothing after its owner has logged out, and a restart does not make it good again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

KEPT: Final = "sessions.ended"  # among the keys of the database


class SessionOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._turn = asyncio.Lock()

    def handlers(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        return {"sessions_ended": self.ended, "session_end": self.end}

    async def ended(self) -> dict[str, float]:
        """The sessions that were ended, and when (Unix time) they would have ended by themselves."""
        known: dict[str, float] = json.loads(await self._daemon.store.key(KEPT, lambda: "{}"))
        now = time.time()
        return {session: until for session, until in known.items() if until > now}

    async def end(self, session: str, until: float) -> None:
        """From now on this session is over, on disk, too. Raises StoreError."""
        async with self._turn:
            known = await self.ended() | {session: until}
            await self._daemon.store.renew_key(KEPT, json.dumps(known))
