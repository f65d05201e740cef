"""Events -> rows: what of the journal the records, the registrations and the agents' states are made of.

Pure, and the same for SQLite and for the twin in memory. A batch is one transaction: the events and what follows from them
are on disk together or not at all. Later rows of a batch replace earlier ones of the same thing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, TypeAlias

from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    BindingAdded,
    BindingRemoved,
    CallbackAssigned,
    CallbackAttempted,
    CallbackCancelled,
    CallbackCreated,
    CallbackDone,
    CallbackExpired,
    CallbackMissed,
    CallEnded,
    CallerJoined,
    CallerLeft,
    CallStarted,
    DispositionChosen,
    Event,
    LegEnded,
    RecordingDeleted,
    RecordingFinished,
    RecordingMarked,
    RecordingStarted,
    ScriptTicked,
    SurveyAnswered,
    VoicemailBegun,
    VoicemailDeleted,
    VoicemailDiscarded,
    VoicemailHeard,
    VoicemailLeft,
    VoicemailMailed,
    VoicemailPurged,
    VoicemailRestored,
)
from softswitch.store.audit import AUDITED, TOLD

Row: TypeAlias = tuple[Any, ...]


# An event with its number and its time on both clocks: (seq, wall, mono, event).
Stamped: TypeAlias = tuple[int, float, float, Event]

MICRO: Final = 1e6

# Events whose loss would falsify records; under memory pressure all others go first.
BOOKS: Final = frozenset(
    {
        CallStarted,
        CallEnded,
        LegEnded,
        CallerJoined,
        CallerLeft,
        BindingAdded,
        BindingRemoved,
        AgentPresenceChanged,
        RecordingStarted,
        RecordingFinished,
        RecordingDeleted,
        RecordingMarked,
        VoicemailBegun,
        VoicemailLeft,
        VoicemailDiscarded,
        VoicemailHeard,
        VoicemailDeleted,
        VoicemailRestored,
        VoicemailMailed,
        VoicemailPurged,
        SurveyAnswered,
        DispositionChosen,
        ScriptTicked,
        CallbackCreated,
        CallbackAttempted,
        CallbackMissed,
        CallbackAssigned,
        CallbackDone,
        CallbackExpired,
        CallbackCancelled,
        *AUDITED,
    }
)


@dataclass(slots=True)
class Batch:
    """Rows of one transaction. Their columns are those of `statements`."""

    entries: list[Row] = field(default_factory=list)  # of the journal, not yet in a block
    blocks: list[Row] = field(default_factory=list)
    calls_started: dict[str, Row] = field(default_factory=dict)
    calls_ended: dict[str, Row] = field(default_factory=dict)
    legs: list[Row] = field(default_factory=list)
    visits_entered: dict[tuple[int, str], Row] = field(default_factory=dict)
    visits_left: dict[tuple[int, str], Row] = field(default_factory=dict)
    bindings: dict[tuple[str, str], Row | None] = field(default_factory=dict)  # None: removed
    presences: dict[str, Row] = field(default_factory=dict)
    activities: dict[str, Row] = field(default_factory=dict)
    states: dict[str, Row] = field(default_factory=dict)
    recordings_started: dict[int, Row] = field(default_factory=dict)
    recordings_ended: dict[int, Row] = field(default_factory=dict)
    recordings_deleted: dict[int, Row] = field(default_factory=dict)
    voicemail: list[tuple[str, Row]] = field(default_factory=list)  # what happened (`statements.VOICEMAIL`), in order
    surveys: list[Row] = field(default_factory=list)
    script_steps: dict[tuple[str, str], Row] = field(default_factory=dict)
    dispositions: dict[tuple[str, str], Row] = field(default_factory=dict)  # of a call, by an agent: the last
    marks: list[Row] = field(default_factory=list)  # of recordings
    audit: list[Row] = field(default_factory=list)
    kept: dict[str, Row | None] = field(default_factory=dict)  # calls that go on; None: it is over
    callbacks: list[tuple[str, Row]] = field(default_factory=list)  # what happened (`statements.CALLBACKS`), in order
    last_seq: int = 0
    count: int = 0

    def add(self, stamped: Stamped) -> None:
        """Take in one event. Raises what a value raises that cannot be stored."""
        seq, wall, mono, event = stamped
        kind = type(event)
        if kind is not BindingAdded or not event.refreshed:  # type: ignore[attr-defined]
            # A refreshed registration changes the table, but is no news: a thousand phones make a million a day.
            name, names, getter, call = _SHAPES.get(kind) or _shape(kind)
            payload = dict(zip(names, getter(event)))  # noqa: B905 - both come from the same class
            self.entries.append((seq, wall, mono, name, payload[call] if call else "", payload))
        project = PROJECTIONS.get(kind)
        if project is not None:
            project(self, seq, wall, mono, event)
        told = TOLD.get(kind)
        if told is not None and (row := told(event)) is not None:
            self.audit.append((seq, wall, *map(clean, row)))
        self.last_seq = seq
        self.count += 1

    def close_block(self) -> None:
        """Turn the entries so far into one row of the journal.

        (first seq, last seq, first wall, last wall, first mono, JSON), where the JSON counts microseconds from the first:
        whole numbers take half the time of floats to write, and half the room.
        """
        entries = self.entries
        if not entries:
            return
        first_seq, wall, mono = entries[0][:3]
        body = [
            (seq, round((at - wall) * MICRO), round((clock - mono) * MICRO), name, call, payload)
            for seq, at, clock, name, call, payload in entries
        ]
        walls = [one[1] for one in entries]
        self.blocks.append((first_seq, entries[-1][0], wall, max(walls), mono, to_json(body)))
        self.entries = []


Shape: TypeAlias = tuple[str, tuple[str, ...], Callable[[Any], Any], str]
_SHAPES: dict[type, Shape] = {}


def _shape(kind: type[Event]) -> Shape:
    """Name, fields, how to get them, and which field is the call: looked up once for each class of event."""
    names = tuple(one.name for one in fields(kind))
    # attrgetter of one name gives no tuple, so there are always two.
    getter = attrgetter(*names) if len(names) > 1 else (lambda event: tuple(getattr(event, one) for one in names))
    call = "call" if "call" in names else "caller" if "caller" in names else ""  # A queue's caller is a call id.
    shape = _SHAPES[kind] = (kind.name, names, getter, call)
    return shape


# --- JSON ------------------------------------------------------------------------------------------------------------

# ASCII only: whatever the network put into a string, the text that reaches the database is valid.
# Events are no graphs: looking for circles would take a sixth of the time.
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False, default=str).encode


def to_json(value: Any) -> str:
    """Compact JSON; a number that JSON cannot hold becomes null."""
    try:
        return _encode(value)
    except ValueError:
        return _encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def clean(text: str) -> str:
    """A text that any database can hold: bytes that were not UTF-8 and NULs are replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def finite(seconds: float) -> float:
    """A duration that any database can hold."""
    return seconds if math.isfinite(seconds) else 0.0


# --- one function per event ------------------------------------------------------------------------------------------


def _call_started(batch: Batch, seq: int, wall: float, mono: float, event: CallStarted) -> None:
    batch.calls_started[event.call] = (
        seq,
        clean(event.call),
        wall,
        clean(event.caller),
        clean(event.caller_name),
        clean(event.dialled),
        clean(event.account),
        clean(event.trunk),
    )


def _path(event: CallEnded) -> str:
    """The nodes of the menus, each with its time: [["menu:hotline", 0.02], ...]."""
    if len(event.path_seconds) != len(event.path):
        return to_json(event.path) if event.path else "[]"
    return (
        to_json([[node, finite(at)] for node, at in zip(event.path, event.path_seconds, strict=True)])
        if event.path
        else "[]"
    )


def _call_ended(batch: Batch, seq: int, wall: float, mono: float, event: CallEnded) -> None:
    started = batch.calls_started.pop(event.call, None)
    batch.calls_ended[event.call] = (
        started[0] if started else seq,
        clean(event.call),
        started[2] if started else wall - finite(event.total_seconds),
        clean(event.caller),
        clean(event.caller_name),
        clean(event.dialled),
        clean(event.account),
        clean(event.trunk),
        wall,
        seq,
        event.outcome,
        event.status,
        clean(event.cause),
        finite(event.setup_seconds),
        finite(event.talk_seconds),
        finite(event.total_seconds),
        clean(event.queue),
        clean(event.agent),
        _path(event),
        clean(event.customer),
    )


def _leg_ended(batch: Batch, seq: int, wall: float, mono: float, event: LegEnded) -> None:
    batch.legs.append(
        (
            seq,
            clean(event.call),
            clean(event.leg),
            event.role,
            clean(event.party),
            clean(event.sip_call_id),
            wall,
            event.status,
            clean(event.cause),
            event.by,
            finite(event.ring_seconds),
            finite(event.talk_seconds),
            clean(event.codec),
            None if event.media is None else to_json(event.media),
        )
    )


def _caller_joined(batch: Batch, seq: int, wall: float, mono: float, event: CallerJoined) -> None:
    if event.kind:
        return  # Callbacks have a table of their own.
    batch.visits_entered[event.visit, event.caller] = (
        event.visit,
        clean(event.caller),
        clean(event.queue),
        clean(event.number),
        event.priority,
        wall,
        event.position,
        event.waiting,
    )


def _caller_left(batch: Batch, seq: int, wall: float, mono: float, event: CallerLeft) -> None:
    if event.kind:
        return
    entered = batch.visits_entered.pop((event.visit, event.caller), None)
    batch.visits_left[event.visit, event.caller] = (
        *(
            entered
            or (
                event.visit,
                clean(event.caller),
                clean(event.queue),
                "",
                0,
                wall - finite(event.waited),
                event.position_at_entry,
                0,
            )
        ),
        wall,
        str(event.outcome),
        finite(event.waited),
        event.offers,
        clean(event.agent),
        clean(event.detail),
        None if event.told is None else finite(event.told),
    )


def _binding_added(batch: Batch, seq: int, wall: float, mono: float, event: BindingAdded) -> None:
    remaining = event.expires_at - mono
    batch.bindings[event.aor, event.key or event.contact] = (
        clean(event.aor),
        clean(event.key or event.contact),
        wall + remaining,
        event.expires_at,
        remaining,
        to_json([*event.flow, _further(event)]),
        clean(event.call_id),
        event.cseq,
        event.q,
        clean(event.instance),
        clean(event.user_agent),
        to_json(event.path) if event.path else "[]",
    )


def _binding_removed(batch: Batch, seq: int, wall: float, mono: float, event: BindingRemoved) -> None:
    batch.bindings[event.aor, event.key or event.contact] = None


def _further(event: BindingAdded) -> dict[str, str]:
    """What else belongs to a binding, if it has it: with Outbound the key is not the contact."""
    found = {"reg_id": event.reg_id, "parameters": event.parameters, "contact": event.contact if event.key else ""}
    return {name: clean(value) for name, value in found.items() if value}


def _presence(batch: Batch, seq: int, wall: float, mono: float, event: AgentPresenceChanged) -> None:
    if event.queue:
        return  # Only a membership was paused.
    batch.presences[event.agent] = (
        clean(event.agent),
        event.presence,
        clean(event.reason),
        clean(event.device),
        wall,
        mono,
    )


def _activity(batch: Batch, seq: int, wall: float, mono: float, event: AgentActivityChanged) -> None:
    until = event.until
    batch.activities[event.agent] = (
        clean(event.agent),
        event.activity,
        wall,
        mono,
        None if until is None else wall + until - mono,
        until,
    )


def _recording_started(batch: Batch, seq: int, wall: float, mono: float, event: RecordingStarted) -> None:
    texts = (event.call, event.path, event.queue, event.agent, event.caller, event.form, event.mode, event.by)
    batch.recordings_started[event.recording] = (event.recording, *map(clean, texts), event.days, event.worker, wall)


def _recording_finished(batch: Batch, seq: int, wall: float, mono: float, event: RecordingFinished) -> None:
    batch.recordings_ended.setdefault(
        event.recording,
        (
            wall,
            finite(event.seconds),
            event.octets,
            finite(event.paused_seconds),
            finite(event.lost_seconds),
            clean(event.error),
            int(event.interrupted),
            event.recording,
        ),
    )


def _recording_deleted(batch: Batch, seq: int, wall: float, mono: float, event: RecordingDeleted) -> None:
    batch.recordings_deleted[event.recording] = (wall, event.recording)


def _recording_marked(batch: Batch, seq: int, wall: float, mono: float, event: RecordingMarked) -> None:
    tags = f"|{'|'.join(event.tags)}|" if event.tags else ""
    batch.marks.append((event.recording, clean(tags), clean(event.note), int(event.held), clean(event.by), wall))


def _message_begun(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailBegun) -> None:
    texts = (event.mailbox, event.call, event.path, event.caller, event.caller_name, event.queue)
    row = (event.message, *map(clean, texts), wall, None, 0.0, 0, 0, None, "", "", "", 0)
    batch.voicemail.append(("begun", row))


def _message_left(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailLeft) -> None:
    texts = (event.mailbox, event.call, event.path, event.caller, event.caller_name, event.queue)
    row = (
        event.message, *map(clean, texts), event.left_at, event.left_at, finite(event.seconds), event.octets, 0, None,
        "due" if event.mail else "", "", clean(event.forwarded_from), int(event.interrupted),
    )  # fmt: skip
    batch.voicemail.append(("left", row))


def _message_discarded(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailDiscarded) -> None:
    batch.voicemail.append(("discarded", (event.message,)))


def _message_heard(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailHeard) -> None:
    batch.voicemail.append(("heard", (1, event.message)))


def _message_deleted(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailDeleted) -> None:
    batch.voicemail.append(("deleted", (wall, event.message)))


def _message_restored(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailRestored) -> None:
    batch.voicemail.append(("deleted", (None, event.message)))


def _message_mailed(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailMailed) -> None:
    batch.voicemail.append(("mailed", ("failed" if event.error else "sent", clean(event.error), event.message)))


def _message_purged(batch: Batch, seq: int, wall: float, mono: float, event: VoicemailPurged) -> None:
    batch.voicemail.append(("purged", (event.message,)))


def _survey_answered(batch: Batch, seq: int, wall: float, mono: float, event: SurveyAnswered) -> None:
    texts = map(clean, (event.queue, event.agent, event.customer))
    batch.surveys.append(
        (seq, wall, clean(event.call), clean(event.survey), clean(event.question), event.score, *texts)
    )


def _disposition_chosen(batch: Batch, seq: int, wall: float, mono: float, event: DispositionChosen) -> None:
    texts = (event.call, event.agent, event.queue, event.disposition, event.note, event.number, event.actor)
    batch.dispositions[event.call, event.agent] = (*map(clean, texts), wall)


def _script_ticked(batch: Batch, seq: int, wall: float, mono: float, event: ScriptTicked) -> None:
    texts = map(clean, (event.call, event.step, event.script, event.agent, event.actor))
    batch.script_steps[event.call, event.step] = (*texts, int(event.done), to_json(event.fields), wall)


def _callback_created(batch: Batch, seq: int, wall: float, mono: float, event: CallbackCreated) -> None:
    then = wall - mono
    texts = (event.queue, event.number, event.caller_name, event.kind, event.mode, event.owner)
    row = (
        clean(event.callback), *map(clean, texts), event.priority, clean(event.call), clean(event.language),
        clean(event.note), wall, event.joined + then, finite(event.credit), event.due + then, event.expires + then,
        0, "", None, "", "", 0.0,
    )  # fmt: skip
    batch.callbacks.append(("created", row))


def _callback_attempted(batch: Batch, seq: int, wall: float, mono: float, event: CallbackAttempted) -> None:
    batch.callbacks.append(("attempt", (event.attempt, clean(event.callback))))


def _callback_missed(batch: Batch, seq: int, wall: float, mono: float, event: CallbackMissed) -> None:
    due = None if event.due is None else event.due + wall - mono
    batch.callbacks.append(("missed", (clean(event.cause), due, clean(event.callback))))


def _callback_assigned(batch: Batch, seq: int, wall: float, mono: float, event: CallbackAssigned) -> None:
    then = wall - mono
    row = (clean(event.queue), clean(event.owner), event.due + then, event.expires + then, clean(event.callback))
    batch.callbacks.append(("assigned", row))


def _callback_ended(
    batch: Batch, seq: int, wall: float, mono: float, event: CallbackDone | CallbackExpired | CallbackCancelled
) -> None:
    agent = event.agent if isinstance(event, CallbackDone) else ""
    row = (wall, clean(event.outcome), clean(agent), finite(event.seconds), clean(event.callback))
    batch.callbacks.append(("ended", row))


PROJECTIONS: Final[dict[type, Callable[[Batch, int, float, float, Any], None]]] = {
    CallStarted: _call_started,
    CallEnded: _call_ended,
    LegEnded: _leg_ended,
    CallerJoined: _caller_joined,
    CallerLeft: _caller_left,
    BindingAdded: _binding_added,
    BindingRemoved: _binding_removed,
    AgentPresenceChanged: _presence,
    AgentActivityChanged: _activity,
    RecordingStarted: _recording_started,
    RecordingFinished: _recording_finished,
    RecordingDeleted: _recording_deleted,
    RecordingMarked: _recording_marked,
    VoicemailBegun: _message_begun,
    VoicemailLeft: _message_left,
    VoicemailDiscarded: _message_discarded,
    VoicemailHeard: _message_heard,
    VoicemailDeleted: _message_deleted,
    VoicemailRestored: _message_restored,
    VoicemailMailed: _message_mailed,
    VoicemailPurged: _message_purged,
    CallbackCreated: _callback_created,
    CallbackAttempted: _callback_attempted,
    CallbackMissed: _callback_missed,
    CallbackAssigned: _callback_assigned,
    CallbackDone: _callback_ended,
    CallbackExpired: _callback_ended,
    CallbackCancelled: _callback_ended,
    SurveyAnswered: _survey_answered,
    DispositionChosen: _disposition_chosen,
    ScriptTicked: _script_ticked,
}
