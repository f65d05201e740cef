"""Passes: what a browser phone proves itself with for as long as somebody is logged in, in place of the account's password.

An account's password exists as a digest only, and must not leave the switch; a page that held it could lose it for good.
A pass is a name and a password of its own, made by the machine, that count for one account, until an end, and only while
whoever it was made for can log in with the password that they had. It is kept in memory: after a restart the page asks
for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MARK: Final = "~"  # begins the names of passes
MOST: Final = 20_000
OF_ONE_SESSION: Final = 4  # pages of one person; the oldest goes


@dataclass(slots=True, frozen=True)
class Pass:
    """`session`: ends with it. `owner`: "user digest" that must still hold. `until`: monotonic seconds."""

    name: str
    account: str
    ha1_md5: str
    ha1_sha256: str
    session: str
    owner: tuple[str, str]
    until: float


class Passes:
    """Those in force, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Pass] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str, now: float) -> Pass | None:
        """The pass of that name, unless it has ended."""
        found = self._known.get(name) if name.startswith(MARK) else None
        if found is not None and found.until <= now:
            del self._known[name]
            return None
        return found

    def grant(self, granted: Pass, now: float) -> None:
        """Let a pass be valid."""
        self._known = {name: one for name, one in self._known.items() if one.until > now}
        same = [name for name, one in self._known.items() if one.session == granted.session]
        for name in same[: max(0, len(same) - OF_ONE_SESSION + 1)]:
            del self._known[name]
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[granted.name] = granted

    def end(self, session: str) -> int:
        """Somebody has logged out; how many passes ended by it."""
        gone = [name for name, one in self._known.items() if one.session == session]
        for name in gone:
            del self._known[name]
        return len(gone)

    def keep(self, holds: Callable[[Pass], bool]) -> None:
        """Forget those that the site does not permit any more."""
        self._known = {name: one for name, one in self._known.items() if holds(one)}
