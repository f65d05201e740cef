"""What of the events is kept in the audit: whatever a person or a program did (SEC-14). One row for each, never changed.

Orders whose own event tells who gave them are kept by that event; all others by `audit.order` (`softswitch.audit`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from softswitch.events import (
    AgentPresenceChanged,
    CallbackAssigned,
    CallbackCancelled,
    CallbackCreated,
    CallerBlocked,
    CallerSteered,
    CallerUnblocked,
    ConferenceChanged,
    ConfigChanged,
    DispositionChosen,
    Event,
    HoursSwitched,
    MailboxChanged,
    OrderGiven,
    OutageSwitched,
    PhoneChanged,
    RecordingDeleted,
    RecordingLinksRevoked,
    RecordingMarked,
    RecordingPaused,
    RecordingPlayed,
    RecordingShared,
    RecordingStarted,
    RecordsErased,
    RecordsExported,
    SessionChanged,
    SourceBanned,
    SourceReleased,
    SupervisionChanged,
    SupervisionEnded,
    SupervisionStarted,
    SurgeChanged,
    VoicemailDeleted,
    VoicemailHeard,
    VoicemailPlayed,
    VoicemailRestored,
)

# Nobody: the switch itself, by its rules.
NOBODY: Final = frozenset({"", "switch", "system", "engine", "rule", "site", "expired", "retention", "mail", "found"})
LONGEST: Final = 500  # characters of a detail

# actor, action, subject, detail, source, error
AuditRow: TypeAlias = tuple[str, str, str, str, str, str]


def _told(
    event: Any, actor: str, subject: object, *detail: object, action: str = "", source: str = "", error: str = ""
) -> AuditRow | None:
    if actor in NOBODY:
        return None
    text = " ".join(str(one) for one in detail if one not in ("", None, ()))
    return actor, action or event.name, str(subject), text[:LONGEST], source, error[:LONGEST]


def _words(**values: object) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items() if value not in ("", None, False, 0, 0.0, ()))


def _supervisor(event: SupervisionChanged | SupervisionEnded) -> str:
    """Whoever has ordered it; at the phone itself, and where it has only followed, the account."""
    return event.by if event.by not in ("", "phone") else f"account:{event.supervisor}"


TOLD: Final[dict[type[Event], Callable[[Any], AuditRow | None]]] = {
    OrderGiven: lambda e: _told(e, e.actor, e.subject, e.detail, action=e.order, source=e.source, error=e.error),
    SessionChanged: lambda e: _told(e, e.user or "?", "", action=f"session.{e.what}", source=e.source),
    RecordsExported: lambda e: _told(
        e, e.actor, e.what, e.form, f"rows={e.rows}", "" if e.complete else "broken off", source=e.source
    ),
    RecordsErased: lambda e: _told(
        e, e.actor, e.pseudonym,
        _words(
            calls=e.calls, recordings=e.recordings, messages=e.messages, callbacks=e.callbacks, customers=e.customers,
            events=e.events, held=e.held,
        ),
        source=e.source,
    ),
    RecordingPlayed: lambda e: _told(
        e, e.by, e.recording, _words(call=e.call), action="recording.copied" if e.copied else "", source=e.source
    ),
    RecordingShared: lambda e: _told(e, e.by, e.recording, _words(call=e.call, until=int(e.until))),
    RecordingLinksRevoked: lambda e: _told(e, e.by, ""),
    RecordingMarked: lambda e: _told(e, e.by, e.recording, _words(tags=",".join(e.tags), held=e.held)),
    RecordingStarted: lambda e: _told(e, e.by, e.recording, _words(call=e.call)),
    RecordingPaused: lambda e: _told(e, e.by, e.recording, "paused" if e.paused else "resumed", _words(call=e.call)),
    RecordingDeleted: lambda e: _told(e, e.cause, e.recording) if e.cause not in ("retention", "erased") else None,
    VoicemailPlayed: lambda e: _told(e, e.by, e.message, _words(mailbox=e.mailbox), source=e.source),
    VoicemailHeard: lambda e: _told(e, e.by, e.message, _words(mailbox=e.mailbox)),
    VoicemailDeleted: lambda e: _told(e, e.by, e.message, _words(mailbox=e.mailbox)),
    VoicemailRestored: lambda e: _told(e, e.by, e.message, _words(mailbox=e.mailbox)),
    MailboxChanged: lambda e: _told(e, e.by, e.mailbox, e.what),
    SupervisionStarted: lambda e: _told(
        e, f"account:{e.supervisor}" if e.by == "phone" else e.by, e.target or e.device,
        _words(mode=e.mode, phone=e.supervisor, watched=e.device),
    ),
    SupervisionChanged: lambda e: _told(e, _supervisor(e), e.target or e.device, _words(mode=e.mode)),
    SupervisionEnded: lambda e: _told(
        e, _supervisor(e), e.target or e.device, _words(mode=e.mode, seconds=round(e.seconds)), e.cause
    ),
    AgentPresenceChanged: lambda e: _told(
        e, f"account:{e.device}" if e.actor == "phone" and e.device else e.actor, e.agent, e.presence, e.reason,
        _words(queue=e.queue),
    ),
    DispositionChosen: lambda e: _told(e, e.actor, e.call, e.disposition, _words(agent=e.agent, queue=e.queue)),
    CallerSteered: lambda e: _told(e, e.actor, e.caller, e.verb, e.value, _words(queue=e.queue)),
    SurgeChanged: lambda e: _told(e, e.actor, e.queue, e.order),
    CallbackCreated: lambda e: _told(e, e.by, e.callback, _words(queue=e.queue)),
    CallbackAssigned: lambda e: _told(e, e.by, e.callback, _words(queue=e.queue, owner=e.owner)),
    CallbackCancelled: lambda e: _told(e, e.by, e.callback, _words(queue=e.queue)),
    ConferenceChanged: lambda e: _told(e, e.by, e.conference, e.what, e.call),
    HoursSwitched: lambda e: _told(e, e.by, e.hours, e.state),
    OutageSwitched: lambda e: _told(e, e.by, e.outage, "on" if e.on else "off"),
    CallerBlocked: lambda e: _told(e, e.by, e.number, e.reason),
    CallerUnblocked: lambda e: _told(e, e.by, e.number),
    PhoneChanged: lambda e: _told(
        e, f"account:{e.account}" if e.by == "phone" else e.by, e.account, _words(**{e.setting: e.value or "off"})
    ),
    ConfigChanged: lambda e: _told(e, e.actor, "site", e.summary),
    SourceBanned: lambda e: _told(e, e.actor, e.source, e.reason),
    SourceReleased: lambda e: _told(e, e.actor, e.source),
}  # fmt: skip
# Events that are of no other use than the audit; those of others are records anyway.
AUDITED: Final = frozenset({
    OrderGiven, SessionChanged, RecordsExported, RecordsErased, RecordingPlayed, RecordingShared, RecordingLinksRevoked,
    VoicemailPlayed, SupervisionStarted, SupervisionChanged, SupervisionEnded, ConfigChanged,
})  # fmt: skip
