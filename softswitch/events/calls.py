"""Calls and their legs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from softswitch.events.base import Event


@dataclass(slots=True)
class CallStarted(Event):
    """A call came in (or we originated one)."""

    name: ClassVar[str] = "call.created"
    call: str
    caller: str
    caller_name: str
    dialled: str
    account: str = ""  # the authenticated account, "" for a trunk or a guest
    trunk: str = ""  # that it came in by


@dataclass(slots=True)
class LegStarted(Event):
    """A leg of a call was created. `role`: "caller" | "callee" | "agent" | "customer" (who is
    called back) | "supervisor" | "originator" (whose phone rings first). `device`: the account whose phone it is, if any."""

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
    """A call flow reached a step of the menu."""

    name: ClassVar[str] = "ivr.step"
    call: str
    step: str
    detail: str = ""


@dataclass(slots=True)
class FlowProblem(Event):
    """A menu or a flow could not do what it says, and went on by its fallback. `where`: the node; `what`: the kind of trouble."""

    name: ClassVar[str] = "ivr.problem"
    call: str
    where: str
    what: str  # "expression" | "http" | "text" | "mail" | "errand" | "plugin" | "loop" | "speech"
    detail: str = ""


@dataclass(slots=True)
class PromptMissing(Event):
    """A clip is not there in the language that it was wanted in; `played` is what the caller heard instead."""

    name: ClassVar[str] = "prompt.missing"
    clip: str
    language: str
    played: str = ""  # "" = comfort tones
    call: str = ""


@dataclass(slots=True)
class SurveyAnswered(Event):
    """A caller has answered a question of a survey. `queue` and `agent`: of the conversation before it."""

    name: ClassVar[str] = "survey.answered"
    call: str
    survey: str
    question: str
    score: int
    queue: str = ""
    agent: str = ""
    customer: str = ""


@dataclass(slots=True)
class CustomerIdentified(Event):
    """It is known whose call it is. `by`: "number" (that they call from) | "typed" | "lookup" (another program
    knows the number); `field`: what was typed."""

    name: ClassVar[str] = "customer.identified"
    call: str
    customer: str
    by: str
    field: str = ""


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
    trunk: str = ""  # that it came in by, else that it went out by; the path names all that were tried
    path_seconds: tuple[float, ...] = ()  # when each node of `path` was reached, since the beginning of the call
    customer: str = ""  # whose card was found, or whom a transfer was about


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
