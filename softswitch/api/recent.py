"""What many pages ask for at the same moment is put together once.

Five hundred agents look at the same queues: each snapshot costs the loop milliseconds in which no call is heard. Within a
quarter of a second all of them get the same one, already in JSON, and each sees of it what they may. Pages ask no sooner
than that after an event, so that what they get is never older than what made them ask.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from fastapi import Response

from softswitch.api.source import Source

Row = dict[str, Any]
AGE: Final = 0.2  # seconds; `SOON` of the pages' live store is longer


def in_json(rows: Sequence[Row]) -> Response:
    """Rows as the answer to a request."""
    return Response(f"[{','.join(map(_text, rows))}]", media_type="application/json")


def _text(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)


class Recent:
    """Rows of one kind, and each as JSON. `clock`: monotonic seconds."""

    def __init__(self, take: Callable[[], Sequence[Row]], clock: Callable[[], float]) -> None:
        self._take = take
        self._clock = clock
        self._at = float("-inf")
        self._rows: Sequence[Row] = ()
        self._texts: dict[int, str] = {}

    def rows(self, age: float = AGE) -> Sequence[Row]:
        """The rows, not older than `age` seconds."""
        now = self._clock()
        if now - self._at > max(age, AGE):
            self._rows, self._texts, self._at = self._take(), {}, now
        return self._rows

    def response(self, wanted: Callable[[Row], bool], age: float = AGE) -> Response:
        """The rows that are wanted, not older than `age`, as the answer to a request."""
        parts = [self._text(number, row) for number, row in enumerate(self.rows(age)) if wanted(row)]
        return Response(f"[{','.join(parts)}]", media_type="application/json")

    def _text(self, number: int, row: Row) -> str:
        known = self._texts.get(number)
        if known is None:
            known = self._texts[number] = _text(row)
        return known


class RecentSource:
    """A source whose rows of calls, queues and agents may be `age` seconds old; everything else is the source's own."""

    def __init__(self, source: Source, clock: Callable[[], float], age: float = AGE) -> None:
        self._source = source
        self._age = age
        self.recent_calls = Recent(lambda: source.calls(), clock)
        self.recent_queues = Recent(lambda: source.queues(), clock)
        self.recent_agents = Recent(lambda: source.agents(), clock)

    def aged(self, age: float) -> RecentSource:
        """The same rows, which may be older."""
        found = RecentSource(self._source, time.monotonic, age)
        found.recent_calls, found.recent_queues = self.recent_calls, self.recent_queues
        found.recent_agents = self.recent_agents
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def calls(self) -> list[Row]:
        return list(self.recent_calls.rows(self._age))

    def queues(self) -> list[Row]:
        return list(self.recent_queues.rows(self._age))

    def agents(self) -> list[Row]:
        return list(self.recent_agents.rows(self._age))
