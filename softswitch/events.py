"""What happened: the public vocabulary of events (FEATURES A.14). Past tense, plain values, no secrets.

The daemon stamps each with a sequence number and wall-clock time when it publishes it. `name` is the stable public name.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(slots=True)
class Event:
    """Base of all events."""

    name: ClassVar[str] = "event"

    def as_dict(self) -> dict[str, Any]:
        """The event's fields as plain values, for the journal and the feeds."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


# --- registrations -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class BindingAdded(Event):
    """A contact was bound to an AOR, or its binding was refreshed. `expires_at` is monotonic seconds."""

    name: ClassVar[str] = "registration.bound"
    aor: str
    contact: str
    expires_at: float
    flow: tuple[Any, ...]
    call_id: str
    cseq: int
    q: float = 1.0
    instance: str = ""
    user_agent: str = ""
    path: tuple[str, ...] = ()
    refreshed: bool = False
    reg_id: str = ""
    parameters: str = ""  # further parameters of the Contact, as they are given back in answers


@dataclass(slots=True)
class BindingRemoved(Event):
    """A binding ended. `cause`: "unregistered" | "expired" | "replaced" | "flow_failed" | "admin"."""

    name: ClassVar[str] = "registration.removed"
    aor: str
    contact: str
    cause: str


# --- calls and legs ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class CallStarted(Event):
    """A call came in (or we originated one)."""

    name: ClassVar[str] = "call.created"
    call: str
    caller: str
    caller_name: str
    dialled: str
    account: str = ""  # the authenticated account, "" for a trunk or a guest


@dataclass(slots=True)
class LegStarted(Event):
    """A leg of a call was created. `role`: "caller" | "callee" | "agent". `device`: the account whose phone it is, if any."""

    name: ClassVar[str] = "leg.created"
    call: str
    leg: str
    role: str
    party: str
    sip_call_id: str
    device: str = ""


@dataclass(slots=True)
class LegRinging(Event):
    """The phone of a leg rings."""

    name: ClassVar[str] = "leg.ringing"
    call: str
    leg: str


@dataclass(slots=True)
class LegAnswered(Event):
    """A leg was answered."""

    name: ClassVar[str] = "leg.answered"
    call: str
    leg: str


@dataclass(slots=True)
class LegSecured(Event):
    """The DTLS handshake of a leg is done; or it failed, and the leg ends unless it succeeds after all."""

    name: ClassVar[str] = "leg.secured"
    call: str
    leg: str
    suite: str
    error: str = ""


@dataclass(slots=True)
class LegEnded(Event):
    """A leg is over. Durations in seconds; `media` holds the RTP statistics of the leg."""

    name: ClassVar[str] = "leg.ended"
    call: str
    leg: str
    role: str
    party: str
    sip_call_id: str
    status: int
    cause: str
    by: str  # "local" | "remote" | "timeout" | "failure"
    ring_seconds: float
    talk_seconds: float
    codec: str = ""
    media: dict[str, Any] | None = None
    security: str = ""  # "" | "DTLS" | "SDES " and the crypto suite


@dataclass(slots=True)
class CallBridged(Event):
    """Two legs hear each other."""

    name: ClassVar[str] = "call.bridged"
    call: str
    leg: str
    peer: str


@dataclass(slots=True)
class CallHeld(Event):
    """A party put the other one on hold."""

    name: ClassVar[str] = "call.held"
    call: str
    leg: str


@dataclass(slots=True)
class CallResumed(Event):
    """The hold is over."""

    name: ClassVar[str] = "call.resumed"
    call: str
    leg: str


@dataclass(slots=True)
class CallTakenBack(Event):
    """The switch was restarted, and the call goes on."""

    name: ClassVar[str] = "call.taken_back"
    call: str


@dataclass(slots=True)
class DigitReceived(Event):
    """A DTMF digit arrived. `method`: "rfc4733" | "info" | "inband". Digits typed as secrets are not published."""

    name: ClassVar[str] = "dtmf"
    call: str
    leg: str
    digit: str
    duration_ms: int
    method: str


@dataclass(slots=True)
class FlowStep(Event):
    """A call flow reached a step of the menu (IVR-18)."""

    name: ClassVar[str] = "ivr.step"
    call: str
    step: str
    detail: str = ""


@dataclass(slots=True)
class CallMerged(Event):
    """Two calls have become one conversation. `other` has ended, its parties are among `legs`."""

    name: ClassVar[str] = "call.merged"
    call: str
    other: str
    legs: tuple[str, ...]


@dataclass(slots=True)
class SupervisionStarted(Event):
    """Somebody watches a phone from now on. `call` is the supervisor's own, `target` the conversation, "" while there is none."""

    name: ClassVar[str] = "supervision.started"
    call: str
    supervisor: str  # the account
    device: str  # the account of the phone that is watched
    mode: str  # "listen" | "whisper" | "barge"
    target: str
    by: str  # "phone" | "cli" | "api:NAME"


@dataclass(slots=True)
class SupervisionChanged(Event):
    """A supervisor does something else, or has followed the phone to another conversation."""

    name: ClassVar[str] = "supervision.changed"
    call: str
    supervisor: str
    device: str
    mode: str
    target: str


@dataclass(slots=True)
class SupervisionEnded(Event):
    """A supervisor watches no longer. `cause`: "takeover", or that of the end of the supervisor's call."""

    name: ClassVar[str] = "supervision.ended"
    call: str
    supervisor: str
    device: str
    mode: str
    target: str
    cause: str
    seconds: float


@dataclass(slots=True)
class ConferenceJoined(Event):
    """A caller is in a conference. `members`: how many there are now."""

    name: ClassVar[str] = "conference.joined"
    conference: str
    call: str
    caller: str
    caller_name: str
    members: int


@dataclass(slots=True)
class ConferenceChanged(Event):
    """A conference was locked or opened, or members were muted, unmuted or removed."""

    name: ClassVar[str] = "conference.changed"
    conference: str
    what: str  # "locked" | "unlocked" | "muted" | "unmuted" | "kicked"
    call: str  # whom it is about, "" = all
    by: str


@dataclass(slots=True)
class ConferenceLeft(Event):
    """A caller has left a conference."""

    name: ClassVar[str] = "conference.left"
    conference: str
    call: str
    caller: str
    members: int
    seconds: float


@dataclass(slots=True)
class CallEnded(Event):
    """The call is over: the whole CDR. Durations in seconds."""

    name: ClassVar[str] = "call.ended"
    call: str
    caller: str
    caller_name: str
    dialled: str
    account: str
    outcome: str  # "answered" | "busy" | "no_answer" | "cancelled" | "rejected" | "failed" | "completed"
    status: int
    cause: str
    setup_seconds: float
    talk_seconds: float
    total_seconds: float
    queue: str = ""
    agent: str = ""
    path: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()  # paths below the folder of recordings
    recorded_seconds: float = 0.0


@dataclass(slots=True)
class CallAudio(Event):
    """What can be heard from a party has changed: "heard", "silent" (all packets are silence) or "dead" (nothing comes).

    `one_way`: the other party is heard, this one is not.
    """

    name: ClassVar[str] = "call.audio"
    call: str
    leg: str
    role: str
    state: str
    seconds: float  # since when
    one_way: bool = False


@dataclass(slots=True)
class CallQuality(Event):
    """A party sounds better or worse than before, by the E-model. `quality`: "good" | "fair" | "poor" | "bad"; `loss`: 0 to 1."""

    name: ClassVar[str] = "quality.rtp"
    call: str
    leg: str
    role: str
    quality: str
    mos: float
    loss: float
    jitter_ms: float
    round_trip_ms: float
    remote_mos: float = 0.0


# --- recordings --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RecordingStarted(Event):
    """A conversation is being recorded. `path` is below the folder of recordings; `mode`: "always" | "on_demand"."""

    name: ClassVar[str] = "recording.started"
    recording: int
    call: str
    path: str
    queue: str
    agent: str
    caller: str
    form: str
    mode: str
    by: str  # "rule", who asked for it by keys, or "cli"
    days: int = 0  # how long it is kept, 0 = for ever
    worker: int = 0


@dataclass(slots=True)
class RecordingPaused(Event):
    """What is said is left out of the recording from now on, or no longer is."""

    name: ClassVar[str] = "recording.paused"
    recording: int
    call: str
    paused: bool
    by: str


@dataclass(slots=True)
class RecordingFinished(Event):
    """A recording is complete on the disk, or ended early: `error` says why. `interrupted`: its writer died, it was repaired."""

    name: ClassVar[str] = "recording.finished"
    recording: int
    call: str
    path: str
    seconds: float
    octets: int
    paused_seconds: float = 0.0  # left out on request
    lost_seconds: float = 0.0  # left out because the disk did not keep up
    error: str = ""
    interrupted: bool = False


@dataclass(slots=True)
class RecordingDeleted(Event):
    """The file of a recording was deleted. `cause`: "retention"."""

    name: ClassVar[str] = "recording.deleted"
    recording: int
    path: str
    cause: str


# --- queues and agents -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class CallerJoined(Event):
    """A caller entered a queue: one queue visit begins. `position` is 1-based."""

    name: ClassVar[str] = "queue.entered"
    queue: str
    caller: str
    visit: int
    number: str
    priority: int
    position: int
    waiting: int


@dataclass(slots=True)
class OfferMade(Event):
    """An agent was chosen for a caller and is being rung. `ranking` says why (ACD-48)."""

    name: ClassVar[str] = "queue.offered"
    queue: str
    caller: str
    agent: str
    offer: int
    tier: int
    waited: float
    ranking: tuple[str, ...] = ()


@dataclass(slots=True)
class OfferEnded(Event):
    """A ring is over; `result` says how. `status`: the SIP status of the agent's phone, 0 if it gave none."""

    name: ClassVar[str] = "queue.offer_result"
    queue: str
    caller: str
    agent: str
    offer: int
    result: str
    ring_seconds: float
    status: int = 0


@dataclass(slots=True)
class CallerConnected(Event):
    """Caller and agent hear each other. `waited`: since the caller entered the queue."""

    name: ClassVar[str] = "queue.connected"
    queue: str
    caller: str
    agent: str
    offer: int
    waited: float


@dataclass(slots=True)
class TierOpened(Event):
    """Agents of one more tier became eligible for a waiting caller."""

    name: ClassVar[str] = "queue.tier_changed"
    queue: str
    caller: str
    tier: int
    cause: str  # "busy" | "timed" | "empty"


@dataclass(slots=True)
class CallerLeft(Event):
    """A queue visit ended, with exactly one outcome."""

    name: ClassVar[str] = "queue.left"
    queue: str
    caller: str
    visit: int
    outcome: str
    waited: float
    position_at_entry: int
    offers: int
    agent: str = ""
    detail: str = ""


@dataclass(slots=True)
class AgentPresenceChanged(Event):
    """A person (or the engine for them) changed an agent's presence."""

    name: ClassVar[str] = "agent.presence"
    agent: str
    presence: str  # "offline" | "ready" | "ready_once" | "not_ready"
    reason: str
    actor: str
    device: str = ""
    queue: str = ""  # set when only the membership in this queue was paused ("not_ready") or resumed ("ready")


@dataclass(slots=True)
class AgentActivityChanged(Event):
    """The engine moved an agent from one activity to another."""

    name: ClassVar[str] = "agent.activity"
    agent: str
    activity: str  # "idle" | "reserved" | "offered" | "talking" | "holding" | "wrapup" | "backoff" | "unreachable"
    previous: str
    seconds_in_previous: float
    cause: str
    until: float | None = None  # monotonic seconds
    kind: str = ""  # while talking: "queue" | "outbound" | "internal" | "consult"
    queue: str = ""  # the queue that the offer, the conversation or the wrap-up belongs to


# --- the switch itself -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class SourceBanned(Event):
    """A source of messages is not listened to for a while. `actor`: "switch" or who ordered it."""

    name: ClassVar[str] = "security.banned"
    source: str
    reason: str
    seconds: float
    count: int
    actor: str = "switch"


@dataclass(slots=True)
class SourceReleased(Event):
    """A ban was lifted before its time."""

    name: ClassVar[str] = "security.released"
    source: str
    actor: str


@dataclass(slots=True)
class ConfigChanged(Event):
    """Another version of the site is in force."""

    name: ClassVar[str] = "config.changed"
    actor: str
    summary: str


@dataclass(slots=True)
class MediaAlarm(Event):
    """The media plane is in trouble (a worker died, a source is missing)."""

    name: ClassVar[str] = "media.alarm"
    worker: int
    what: str
    detail: str = ""
