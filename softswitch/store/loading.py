"""Rows -> the snapshot that the daemon starts from, with stored times brought onto the clock of this process."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from softswitch.effects import Flow
from softswitch.events import BindingAdded
from softswitch.store import statements as sql
from softswitch.store.projection import Row
from softswitch.store.records import LeftOpen, Moment, Snapshot, StoredAgent, StoredState
from softswitch.store.reports import call_record, recording_record, visit_record

# After a restart numbering goes on with a gap: the last numbers may have been seen by listeners and never written.
SEQUENCE_GAP: Final = 1_000_000

Rows = Callable[[str], Awaitable[list[Any]]]


async def load(rows: Rows, now: Moment, boot: str) -> tuple[Snapshot, LeftOpen]:
    """Registrations, agents and states, without the site; and what the last life left open.

    `rows` runs a statement; `boot` is the one in which the stored monotonic times count.
    """
    bindings, expired = [], []
    for row in await rows(sql.LOAD_BINDINGS):
        if (found := binding(row, now, boot)) is not None:
            bindings.append(found)
        else:
            expired.append((row[0], row[1]))
    agents = [agent(row, now, boot) for row in await rows(sql.LOAD_AGENTS)]
    stored = await rows(sql.LOAD_STATES)
    states = {name: StoredState(json.loads(text), now.mono_of(wall, mono, boot)) for name, text, wall, mono in stored}
    last_seq = 0
    for statement in (sql.LAST_BLOCK, sql.LAST_CALL, sql.LAST_LEG):
        for row in await rows(statement):
            last_seq = max(last_seq, row[0] or 0)
    calls = [call_record(row) for row in await rows(sql.OPEN_CALLS)]
    visits = [visit_record(row) for row in await rows(sql.OPEN_VISITS)]
    walls = [row[1] for row in await rows(sql.LAST_BLOCK)] + [wall for _, _, wall, _ in stored]
    walls += [one.started_at for one in calls] + [one.entered_at for one in visits]
    at = min(now.wall, max(walls, default=now.wall))
    last_visit = (await rows(sql.LAST_VISIT))[0][0] or 0
    snapshot = Snapshot(None, bindings, {one.agent: one for one in agents}, states, last_seq + SEQUENCE_GAP, last_visit)
    snapshot.recordings = [recording_record(row) for row in await rows(sql.OPEN_RECORDINGS)]
    return snapshot, LeftOpen(at, last_seq, calls, visits, expired)


def binding(row: Row, now: Moment, boot: str) -> BindingAdded | None:
    """A registration, or None if it ran out."""
    aor, contact, wall, mono, granted, flow, call_id, cseq, q, instance, user_agent, path = row
    # A wall clock that was set back must not prolong a registration beyond what was granted.
    expires_at = min(now.mono_of(wall, mono, boot), now.mono + granted)
    if expires_at <= now.mono:
        return None
    return BindingAdded(
        aor,
        contact,
        expires_at,
        Flow(*json.loads(flow)),
        call_id,
        cseq,
        q,
        instance,
        user_agent,
        tuple(json.loads(path)),
    )


def agent(row: Row, now: Moment, boot: str) -> StoredAgent:
    (
        name,
        presence,
        reason,
        device,
        presence_at,
        presence_mono,
        activity,
        activity_at,
        activity_mono,
        until,
        until_mono,
    ) = row
    return StoredAgent(
        name,
        presence,
        reason,
        device,
        now.mono_of(presence_at, presence_mono, boot),
        activity,
        now.mono_of(activity_at, activity_mono, boot),
        None if until is None else now.mono_of(until, until_mono, boot),
    )
