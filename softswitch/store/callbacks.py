"""Callbacks on disk: the twin of their statements in memory, what a restart begins with, and the figures of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from softswitch.callbacks import DEFAULT_RULES, Result
from softswitch.store.projection import Row
from softswitch.store.records import CallbackRecord, CallbackSummary
from softswitch.store.statements import CALLBACK_COLUMNS

AT: Final = {name: index for index, name in enumerate(CALLBACK_COLUMNS)}
# The columns that a statement of `statements.CALLBACKS` sets; the callback stands behind them.
SETS: Final = {
    "attempt": ("attempts",),
    "missed": ("cause", "due_at"),
    "assigned": ("queue", "owner", "due_at", "expires_at"),
    "ended": ("ended_at", "outcome", "agent", "seconds"),
}


def write_callback(table: dict[str, Row], what: str, row: Row) -> None:
    """What a statement of `statements.CALLBACKS` does."""
    if what == "created":
        table.setdefault(row[0], row)
        return
    known = table.get(row[-1])
    if known is None or (what == "ended" and known[AT["ended_at"]] is not None):
        return
    values = list(known)
    for name, value in zip(SETS[what], row[:-1], strict=True):
        if value is not None:
            values[AT[name]] = value
    table[row[-1]] = tuple(values)


def open_callbacks(records: Iterable[CallbackRecord], mono: Callable[[float], float]) -> list[dict[str, Any]]:
    """Open callbacks as `acd.callbacks.Callbacks.restore` takes them. `mono`: a wall time on this process's clock."""
    return [
        {
            "id": one.callback,
            "queue": one.queue,
            "number": one.number,
            "name": one.name,
            "kind": one.kind,
            "mode": one.mode,
            "created": mono(one.created_at),
            "joined": mono(one.joined_at),
            "credit": one.credit,
            "priority": one.priority,
            "due": mono(one.due_at),
            "expires": mono(one.expires_at),
            "owner": one.owner,
            "call": one.call,
            "language": one.language,
            "note": one.note,
            "attempts": one.attempts,
            "cause": one.cause,
        }
        for one in records
        if one.ended_at is None
    ]


def summarise(records: Iterable[CallbackRecord], targets: Mapping[str, float]) -> list[CallbackSummary]:
    """The books of callbacks by queue: asked for = results + open."""
    queues: dict[str, list[CallbackRecord]] = {}
    for one in records:
        queues.setdefault(one.queue, []).append(one)
    return [_summary(queue, queues[queue], targets.get(queue, DEFAULT_RULES.target)) for queue in sorted(queues)]


def _summary(queue: str, records: list[CallbackRecord], target: float) -> CallbackSummary:
    results = Counter(one.outcome for one in records if one.ended_at is not None)
    seconds = [one.seconds for one in records if one.outcome == Result.REACHED]
    return CallbackSummary(
        queue,
        len(records),
        dict(sorted(results.items())),
        sum(one.ended_at is None for one in records),
        sum(seconds) / len(seconds) if seconds else None,
        max(seconds, default=0.0),
        sum(one <= target for one in seconds),
    )
