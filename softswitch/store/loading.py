"""Rows -> the snapshot that the daemon starts from, with stored times brought onto the clock of this process."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from softswitch.effects import Flow
from softswitch.events import AgentActivityChanged, BindingAdded, Event
from softswitch.store import statements as sql
from softswitch.store.projection import Row
from softswitch.store.records import (
    CallbackRecord,
    JournalEntry,
    LeftOpen,
    Moment,
    Snapshot,
    StoredAgent,
    StoredCall,
    StoredState,
)
from softswitch.store.reports import call_record, recording_record, visit_record, voicemail_record

# After a restart numbering goes on with a gap: the last numbers may have been seen by listeners and never written.
SEQUENCE_GAP: Final = 1_000_000

Rows = Callable[[str], Awaitable[list[Any]]]


async def load(rows: Rows, now: Moment, boot: str, alive: float = 0.0) -> tuple[Snapshot, LeftOpen]:
    """Registrations, agents, states and calls, without the site; and what the last life left open.

    `rows` runs a statement; `boot` is the one in which the stored monotonic times count; `alive`: when it last said so.
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
    if alive:
        walls.append(alive)
    at = min(now.wall, max(walls, default=now.wall))
    live = [
        StoredCall(call, json.loads(text), now.mono_of(wall, mono, boot) - mono)
        for call, text, wall, mono in await rows(sql.LOAD_CALLS)
    ]
    last_visit = (await rows(sql.LAST_VISIT))[0][0] or 0
    snapshot = Snapshot(
        None, bindings, {one.agent: one for one in agents}, states, last_seq + SEQUENCE_GAP, last_visit, calls=live,
        outage=now.wall - at,
    )  # fmt: skip
    snapshot.callbacks = [CallbackRecord(*row) for row in await rows(sql.LOAD_CALLBACKS)]
    snapshot.voicemail = [voicemail_record(row) for row in await rows(sql.LOAD_VOICEMAIL)]
    snapshot.recordings = [recording_record(row) for row in await rows(sql.OPEN_RECORDINGS)]
    return snapshot, LeftOpen(at, last_seq, calls, visits, expired)


def events_after(seq: int, journal: Iterable[JournalEntry], now: Moment, boot: str) -> list[tuple[float, Event]]:
    """The events of a journal after a number, with their time on this process's clock. What is not known any more is left out."""
    found = []
    for one in journal:
        cls = _EVENTS.get(one.name)
        if one.seq > seq and cls is not None:
            known = {name: value for name, value in one.payload.items() if name in cls.__dataclass_fields__}
            try:
                event = cls(**known)
            except TypeError:  # Written by another version.
                continue
            at = now.mono_of(one.wall, one.mono, boot)
            if isinstance(event, AgentActivityChanged) and event.until is not None:
                event.until += at - one.mono
            found.append((at, event))
    return found


_EVENTS: Final[dict[str, type[Event]]] = {cls.name: cls for cls in Event.__subclasses__()}


def binding(row: Row, now: Moment, boot: str) -> BindingAdded | None:
    """A registration, or None if it ran out."""
    aor, contact, wall, mono, granted, flow, call_id, cseq, q, instance, user_agent, path = row
    # A wall clock that was set back must not prolong a registration beyond what was granted.
    expires_at = min(now.mono_of(wall, mono, boot), now.mono + granted)
    if expires_at <= now.mono:
        return None
    places = json.loads(flow)
    further = places[5] if len(places) > 5 else {}
    own = further.get("contact", "")
    return BindingAdded(
        aor,
        own or contact,
        expires_at,
        Flow(*places[:5]),
        call_id,
        cseq,
        q,
        instance,
        user_agent,
        tuple(json.loads(path)),
        reg_id=further.get("reg_id", ""),
        parameters=further.get("parameters", ""),
        key=contact if own else "",
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
