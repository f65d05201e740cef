"""The site as an immutable snapshot: accounts, extensions, menus, hours, queues, agents.

The store loads and edits the site; every reader (digest, routing, queue engine, menus) sees one `Directory` object that
is replaced whole when the site changes. Validation happens where the site is edited (`store.site`); here are only values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

# --- accounts ----------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Account:
    """A SIP account: what a phone registers as. HA1 values are password-equivalent and never leave the switch.

    `ha1_md5` and `ha1_sha256` are hex digests of `user:realm:password` (RFC 7616 section 3.4.2); "" disables that algorithm.
    """

    user: str
    ha1_md5: str = ""
    ha1_sha256: str = ""
    name: str = ""  # the display name of calls from it
    number: str = ""  # the caller number it shows outside; "" = user
    max_contacts: int = 10
    replace_oldest: bool = True  # at max_contacts: replace the oldest binding, else 403
    max_calls: int = 4  # concurrent calls as caller (toll-fraud guard)
    language: str = ""  # of prompts; "" = the site's
    agent: str = ""  # the agent whose default device this is
    do_not_disturb: bool = False
    record: str = "off"  # "off" | "always" | "on_demand": its conversations (MED-14)
    recording_format: str = "wav"  # "wav" | "opus"
    recording_days: int = 0  # recordings are deleted after that, 0 = never (MED-18)
    codecs: tuple[str, ...] = ()  # in order of preference, "*" = any other, passed through; () = the site's
    srtp: str = "optional"  # "off" | "optional" | "required" | "dtls" (required, and offered by DTLS)
    webrtc: bool = False  # a browser, though it registers over UDP, TCP or TLS
    dtmf: str = "auto"  # "auto" | "rfc4733" | "info" | "inband"
    supervises: tuple[str, ...] = ()  # queues to whose agents it may listen; "*": everybody


# --- opening hours -----------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Span:
    """A weekly span: `days` 0 = Monday .. 6 = Sunday; `start`/`end` in minutes after local midnight, end exclusive."""

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(slots=True, frozen=True)
class Hours:
    """A named opening-hours scheme (IVR-07). `override`: "" follows the scheme, "open" or "closed" overrule it."""

    name: str
    spans: tuple[Span, ...]
    timezone: str = "Europe/Warsaw"
    holidays: str = ""  # country code of the public-holiday calendar; "" = none
    special_days: Mapping[str, tuple[tuple[int, int], ...]] = field(
        default_factory=dict
    )  # "2026-12-24" -> spans, () = closed
    override: str = ""


# --- menus (call flows) --------------------------------------------------------------------------------------------
# A menu is a list of steps that run in order (IVR-02). Destinations are strings: "queue:NAME", "extension:USER",
# "menu:NAME", "conference:NAME", "hangup", "echo", "music:CLASS", "play:CLIP" (play, then hang up).


@dataclass(slots=True, frozen=True)
class PlayStep:
    """Play clips, uninterrupted unless `interruptible` (a digit typed during it counts for the next choice)."""

    clips: tuple[str, ...]
    interruptible: bool = True


@dataclass(slots=True, frozen=True)
class ChoiceStep:
    """Ask for one key (IVR-01): prompt, wait, branch; `*` goes back and `#` repeats unless they are choices themselves."""

    clips: tuple[str, ...]
    choices: Mapping[str, str]  # digit -> destination
    timeout: float = 5.0  # seconds to the key after the prompt
    attempts: int = 3
    on_invalid: tuple[str, ...] = ("not-understood",)  # clips
    on_timeout: tuple[str, ...] = ()  # clips
    otherwise: str = "hangup"  # destination after the last attempt


@dataclass(slots=True, frozen=True)
class HoursStep:
    """Go on when the scheme is open, else go to `closed`."""

    hours: str
    closed: str


@dataclass(slots=True, frozen=True)
class GotoStep:
    """Leave for a destination."""

    destination: str


Step: TypeAlias = PlayStep | ChoiceStep | HoursStep | GotoStep


@dataclass(slots=True, frozen=True)
class Menu:
    """A named call flow. `language` chooses the prompt set; "" = the site's."""

    name: str
    steps: tuple[Step, ...]
    language: str = ""


# --- queues and agents -------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Membership:
    """An agent serves a queue in a tier (ACD-10): lower tier first; `position` orders agents inside it."""

    agent: str
    tier: int = 0
    position: int = 0


@dataclass(slots=True, frozen=True)
class Queue:
    """A queue and its policy. All times in seconds."""

    name: str
    title: str = ""
    members: tuple[Membership, ...] = ()
    strategy: str = "longest_idle"
    tier_mode: str = "busy"  # "busy" | "timed" | "both" (ACD-10)
    tier_after: Mapping[int, float] = field(default_factory=dict)  # tier -> opens after this wait
    tier_widen: bool = True  # higher tiers join lower ones (True) or replace them
    ring_timeout: float = 20.0
    wrap_up: float = 15.0
    max_length: int = 0  # 0 = unlimited (ACD-26)
    max_wait: float = 0.0  # 0 = unlimited
    on_full: str = ""  # destination; "" = hang up
    on_timeout: str = ""
    join_without_agents: bool = True
    on_no_agents: str = ""
    weight: int = 0  # rank among queues for an agent who serves several (ACD-04)
    music: str = "default"
    greeting: tuple[str, ...] = ()  # clips on entry
    no_answer_delay: float = 10.0  # back-off by outcome (ACD-09)
    reject_delay: float = 30.0
    busy_delay: float = 15.0
    unreachable_delay: float = 5.0
    max_no_answer: int = 3  # then not_ready("no_answer"); 0 = never
    short_abandon: float = 6.0  # S of C.2
    service_level_seconds: float = 20.0  # T of C.2
    service_level_target: float = 0.80
    caller_name_prefix: str = ""  # shown on the agent's phone (SIG-25)
    alert_info: str = ""  # Alert-Info value for the agent's phone, which chooses the ring tone by it
    auto_answer: bool = False  # ask the agent's phone to answer by itself
    language: str = ""
    tier_soon: float = 0.0  # by load: a lower agent whose wrap-up or back-off ends within this still counts as free
    max_wait_strict: bool = True  # at max_wait leave even while a phone rings; False: after the ring
    empty_when: tuple[str, ...] = ("logged_out", "unreachable")  # conditions of members that make it empty (ACD-26);
    # also "paused", "in_use", "ringing", "wrapup", "backoff"
    leave_without_agents: bool = False  # callers leave to on_no_agents when it becomes empty ...
    no_agents_grace: float = 0.0  # ... after this
    wrap_up_max: float = 300.0  # ceiling of an extended wrap-up
    agent_greeting: tuple[str, ...] = ()  # clips for the agent before the two hear each other (ACD-34)
    record: str = "off"  # "off" | "always" | "on_demand" (MED-14)
    recording_format: str = "wav"  # "wav" | "opus"
    recording_days: int = 0  # recordings are deleted after that, 0 = never (MED-18)


@dataclass(slots=True, frozen=True)
class Agent:
    """A person who takes queue calls. `device` is the account (or external number) that rings (ACD-44)."""

    name: str
    device: str
    title: str = ""
    wrap_up: float | None = None  # overrides the queue's
    ring_timeout: float | None = None
    auto_ready: bool = False  # ready as soon as the device registers (used by the lab)
    pin: str = ""  # for log-in from a foreign phone; "" = not allowed


@dataclass(slots=True, frozen=True)
class Conference:
    """A meet-me conference (MED-19). Whoever gives `moderator_pin` may mute others and lock it."""

    name: str
    title: str = ""
    pin: str = ""  # "" = none
    moderator_pin: str = ""
    max_members: int = 100  # 0 = unlimited
    muted: bool = False  # who is no moderator only listens
    music: str = "default"  # for who is alone


@dataclass(slots=True, frozen=True)
class Directory:
    """One snapshot of the whole site."""

    domain: str
    accounts: Mapping[str, Account] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)  # dialled number -> destination (see menus)
    hours: Mapping[str, Hours] = field(default_factory=dict)
    menus: Mapping[str, Menu] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)
    conferences: Mapping[str, Conference] = field(default_factory=dict)
    music: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # class -> files
    feature_codes: Mapping[str, str] = field(default_factory=lambda: DEFAULT_FEATURE_CODES)
    language: str = "pl"
    country: str = "pl"  # tone table, holidays, number rules
    version: int = 0
    codecs: tuple[str, ...] = ("opus", "G722", "PCMA", "PCMU", "*")  # of all accounts without a list of their own
    aliases: tuple[str, ...] = ()  # further domains and host addresses that mean this site


# Dialled prefix -> action. "agent.not_ready" may be followed by a reason digit ("*32" + "1"), "supervise..." is followed by
# the number of a phone ("*55" + "101").
DEFAULT_FEATURE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "*30": "agent.login",
        "*31": "agent.logout",
        "*32": "agent.not_ready",
        "*33": "agent.ready",
        "*34": "agent.end_wrap_up",
        "*43": "echo",
        "*44": "music",
        "*55": "supervise.listen",
        "*56": "supervise.whisper",
        "*57": "supervise.barge",
    }
)

# The digit after the not-ready code -> reason (AGT-03).
NOT_READY_REASONS: Mapping[str, str] = MappingProxyType(
    {"": "break", "1": "break", "2": "lunch", "3": "training", "4": "meeting", "5": "paperwork"}
)
