"""The values that go in and out of the store. Times are wall-clock seconds (UTC) unless they say monotonic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from softswitch.directory import Directory
from softswitch.events import BindingAdded, Event
from softswitch.store.diff import Change


@dataclass(slots=True, frozen=True)
class Moment:
    """One instant on both clocks. `boot` names the run of the kernel in which `mono` counts; "" = unknown."""

    wall: float
    mono: float
    boot: str = ""

    def mono_of(self, wall: float, mono: float, boot: str) -> float:
        """A stored instant on this process's monotonic clock.

        Within one boot the monotonic clock itself tells, whatever was done to the wall clock meanwhile.
        """
        if boot and boot == self.boot:
            return mono
        return self.mono + (wall - self.wall)


# --- what the daemon starts from -----------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class StoredAgent:
    """An agent as the last life left them. `presence_since`, `activity_since` and `until` are monotonic."""

    agent: str
    presence: str = "offline"
    reason: str = ""
    device: str = ""
    presence_since: float = 0.0
    activity: str = ""
    activity_since: float = 0.0
    until: float | None = None


@dataclass(slots=True, frozen=True)
class StoredState:
    """A blob that a machine gave us to keep. `saved_at` is monotonic: ages inside count from there."""

    value: Any
    saved_at: float


@dataclass(slots=True, frozen=True)
class StoredCall:
    """A call that went on when the last process was killed. `shift`: what the clock inside lacks to this process's."""

    call: str
    value: dict[str, Any]
    shift: float


@dataclass(slots=True)
class Snapshot:
    """Everything the daemon needs at start. `directory` is None as long as no site was applied."""

    directory: Directory | None
    bindings: list[BindingAdded]
    agents: dict[str, StoredAgent]
    states: dict[str, StoredState]
    next_seq: int = 1
    last_visit: int = 0  # the highest visit number ever given
    calendars: dict[str, dict[str, str]] = field(default_factory=dict)  # see opening.py
    recordings: list[RecordingRecord] = field(default_factory=list)  # that were not finished
    calls: list[StoredCall] = field(default_factory=list)
    voicemail: list[VoicemailRecord] = field(default_factory=list)
    callbacks: list[CallbackRecord] = field(default_factory=list)  # that have not ended
    outage: float = 0.0  # seconds since the last sign of life of the process before


@dataclass(slots=True, frozen=True)
class Recovery:
    """What a crash left open, as the events that close it. The daemon publishes them, with `at` as their time."""

    at: float  # the last moment we know the old process was alive
    events: list[Event]
    calls: int = 0
    legs: int = 0
    visits: int = 0
    bindings: int = 0


@dataclass(slots=True, frozen=True)
class LeftOpen:
    """What the process before did not finish. `at`: the last moment we know it lived; `last_seq`: its last event."""

    at: float
    last_seq: int
    calls: list[CallRecord]
    visits: list[VisitRecord]
    expired: list[tuple[str, str]]  # registrations (AOR, contact) that ran out meanwhile


# --- the site --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class SiteVersion:
    """Who changed the site when, and how."""

    version: int
    at: float
    actor: str
    comment: str
    changes: tuple[str, ...]


@dataclass(slots=True, frozen=True)
class Applied:
    """The result of applying a site. Without changes the version stays."""

    directory: Directory
    version: int
    changes: list[Change]


# --- records -----------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class CallRecord:
    """The CDR of a call (FEATURES C.1). `ended_at` is None while it goes on. Durations in seconds."""

    call: str
    seq: int
    started_at: float
    caller: str
    caller_name: str
    dialled: str
    account: str
    trunk: str = ""  # that it came in by; of a call from inside, that it went out by
    ended_at: float | None = None
    end_seq: int = 0  # the number of the event that ended it; its events are from `seq` to here
    outcome: str = ""
    status: int = 0
    cause: str = ""
    setup_seconds: float = 0.0
    talk_seconds: float = 0.0
    total_seconds: float = 0.0
    queue: str = ""
    agent: str = ""
    path: tuple[str, ...] = ()
    customer: str = ""
    path_seconds: tuple[float, ...] = ()  # when each node of `path` was reached, since the call began; () = not known


@dataclass(slots=True, frozen=True)
class LegRecord:
    """The CDR of one leg of a call."""

    seq: int
    call: str
    leg: str
    role: str
    party: str
    sip_call_id: str
    ended_at: float
    status: int
    cause: str
    ended_by: str
    ring_seconds: float
    talk_seconds: float
    codec: str = ""
    media: dict[str, Any] | None = None


@dataclass(slots=True, frozen=True)
class RecordingRecord:
    """A recording. `path` is below the folder of recordings; `ended_at` is None while it goes on; `deleted_at`: of its file."""

    recording: int
    call: str
    path: str
    queue: str
    agent: str
    caller: str
    form: str
    mode: str
    started_by: str
    days: int
    worker: int
    started_at: float
    ended_at: float | None = None
    seconds: float = 0.0
    octets: int = 0
    paused_seconds: float = 0.0
    lost_seconds: float = 0.0
    error: str = ""
    interrupted: bool = False
    deleted_at: float | None = None


@dataclass(slots=True, frozen=True)
class CallbackRecord:
    """Somebody who is or was to be called back; `ended_at` is None as long as they are. `outcome`: `callbacks.Result`."""

    callback: str
    queue: str
    number: str
    name: str
    kind: str
    mode: str
    owner: str
    priority: int
    call: str
    language: str
    note: str
    created_at: float
    joined_at: float
    credit: float
    due_at: float
    expires_at: float
    attempts: int = 0
    cause: str = ""
    ended_at: float | None = None
    outcome: str = ""
    agent: str = ""
    seconds: float = 0.0


@dataclass(slots=True, frozen=True)
class CallbackSummary:
    """What became of the callbacks of a queue that were asked for in a time. Seconds from the wish to the talk."""

    queue: str
    asked: int
    results: dict[str, int]
    open: int
    mean_seconds: float | None  # of those reached; None: nobody was
    longest_seconds: float
    in_time: int


@dataclass(slots=True, frozen=True)
class VoicemailRecord:
    """A message. `path` is below the folder of voicemail; `left_at` is None while it is spoken; `deleted_at`: it can be restored.

    `mail`: "" | "due" | "sent" | "failed", and then `mail_error` says why.
    """

    message: int
    mailbox: str
    call: str
    path: str
    caller: str
    caller_name: str
    queue: str
    started_at: float
    left_at: float | None = None
    seconds: float = 0.0
    octets: int = 0
    heard: bool = False
    deleted_at: float | None = None
    mail: str = ""
    mail_error: str = ""
    forwarded_from: str = ""
    interrupted: bool = False


@dataclass(slots=True, frozen=True)
class SurveyFigures:
    """The answers to one question of a survey, of one agent or queue (`group`), or of all ("")."""

    survey: str
    question: str
    group: str
    answers: int
    mean: float
    lowest: int
    highest: int


@dataclass(slots=True, frozen=True)
class VisitRecord:
    """One visit of a caller to a queue. `left_at` is None while they wait."""

    visit: int
    call: str
    queue: str
    number: str
    priority: int
    entered_at: float
    position: int
    waiting: int
    left_at: float | None = None
    outcome: str = ""
    waited: float = 0.0
    offers: int = 0
    agent: str = ""
    detail: str = ""
    told: float | None = None  # seconds that they were last told they would wait


@dataclass(slots=True, frozen=True)
class JournalEntry:
    """One event of the journal."""

    seq: int
    wall: float
    mono: float
    name: str
    call: str
    payload: dict[str, Any]


@dataclass(slots=True, frozen=True)
class Books:
    """The books of a queue: every caller who entered left with exactly one outcome, or is still there."""

    queue: str
    offered: int
    outcomes: dict[str, int]
    in_progress: int

    @property
    def balanced(self) -> bool:
        return self.offered == sum(self.outcomes.values()) + self.in_progress


@dataclass(slots=True, frozen=True)
class QueueSummary:
    """RPT-01 for one queue and period, counted by the time of entry (C.1). A figure without a base is None."""

    queue: str
    offered: int
    answered: int
    abandoned_short: int
    abandoned: int  # all but the short ones
    other: int  # timeout, overflow, full, no agents, ...
    in_progress: int
    asa: float | None  # mean wait of the answered
    longest_wait: float | None
    service_level: float | None  # A_T / (A + B - B_S)
    answer_rate: float | None  # A / (E - B_S)


@dataclass(slots=True, frozen=True)
class Health:
    """How the writing is going."""

    pending: int  # events not yet on disk
    lag: float  # seconds since the oldest of them
    durable_seq: int  # every event up to here is on disk
    dropped: int  # events lost because the memory limit was reached
    trouble: str = ""  # what is wrong now, "" = nothing
    hint: str = ""  # what to do about it
