"""Who follows events live, and what they read when they begin in the past."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch.errors import StoreError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

PATIENCE: Final = 5.0  # seconds for the journal to be written


class Followers(Protocol):
    """Those of one way to follow (`console.Console`, `api.feed.Feed`)."""

    @property
    def followed(self) -> bool: ...
    def publish(self, line: dict[str, Any]) -> None: ...


class Audience:
    """All of them."""

    def __init__(self, *parts: Followers) -> None:
        self._parts = parts

    @property
    def followed(self) -> bool:
        """Whether anybody follows: else nobody need write events down."""
        return any(part.followed for part in self._parts)

    def publish(self, line: dict[str, Any]) -> None:
        for part in self._parts:
            part.publish(line)


class JournalPast:
    """The journal of a running switch (`api.feed.Past`)."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def last(self) -> int:
        return self._daemon.publisher.last

    async def read(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Raises StoreError while what has happened cannot be written down."""
        if not await self._daemon.store.flush(PATIENCE):
            raise StoreError("the journal cannot be written now")
        reports = await self._daemon.store.reports()
        return [
            line_of(one.seq, one.wall, one.name, one.payload) for one in await reports.events(after=after, limit=limit)
        ]


def line_of(seq: int, wall: float, name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """An event as followers see it. `wall`: Unix time."""
    stamp = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
    return {"seq": seq, "time": stamp, "event": name, **fields}
