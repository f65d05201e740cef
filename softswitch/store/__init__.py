"""What outlives the process: the site, the registrations, the journal of events, the records of calls and queue visits.

Decide in memory, write behind: nothing on the path of a call ever waits for the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.store.memory import MemoryStore
    from softswitch.store.sqlite import Store

__all__ = ["MemoryStore", "Store"]


def __getattr__(name: str) -> Any:  # Lazy: `softswitch.store.site` must not cost the import of asyncio and SQLite.
    if name == "Store":
        from softswitch.store.sqlite import Store

        return Store
    if name == "MemoryStore":
        from softswitch.store.memory import MemoryStore

        return MemoryStore
    raise AttributeError(name)
