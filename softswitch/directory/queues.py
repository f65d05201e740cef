"""Queues and the agents who serve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from softswitch.callbacks import DEFAULT_RULES, CallbackRules
from softswitch.directory.announcing import Announce
from softswitch.directory.waiting import NO_SURGE, Rung, Surge


@dataclass(slots=True, frozen=True)
class Membership:
    """An agent serves a queue in a tier (ACD-10): lower tier first; `position` orders agents inside it."""

    agent: str
    tier: int = 0
    position: int = 0
    weight: int = 1  # the share of calls under `weighted_random`: 2 = twice as many as 1 (ACD-14)


@dataclass(slots=True, frozen=True)
class Need:
    """A skill that callers ask of an agent (ACD-19), from a wait of `after` seconds on, in place of what held before."""

    skill: str
    level: int = 0  # at least this; 0 = the skill at whatever level, which is more than not to have it
    after: float = 0.0
    drop: bool = False  # the skill is no longer asked for
    weight: float = 1.0  # what a level counts in the score of the strategy `skills`


@dataclass(slots=True, frozen=True)
class StrategyRule:
    """Another strategy while all of the conditions that are given hold (ACD-20). The first rule that holds counts."""

    strategy: str
    hours: str = ""  # while this scheme is open ...
    closed: str = ""  # ... while this one is closed
    waiting: int = 0  # more callers than this have no agent yet; 0 = however many
    load: float = 0.0  # at least this share of the agents who are ready have something to do; 0.9 = nine of ten


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
    # also "paused", "in_use", "ringing", "wrapup", "backoff", and "tier_excluded": in a tier that is not open to the caller
    leave_without_agents: bool = False  # callers leave to on_no_agents when it becomes empty ...
    no_agents_grace: float = 0.0  # ... after this
    wrap_up_max: float = 300.0  # ceiling of an extended wrap-up
    agent_greeting: tuple[str, ...] = ()  # clips for the agent before the two hear each other (ACD-34)
    announce: Announce = field(default_factory=Announce)  # what callers hear while they wait
    record: str = "off"  # "off" | "always" | "on_demand" (MED-14)
    recording_format: str = "wav"  # "wav" | "opus"
    recording_days: int = 0  # recordings are deleted after that, 0 = never (MED-18)
    follow_redirects: bool = False  # an agent's phone that sends the call elsewhere (302) is followed, inside the site
    pickup: bool = False  # others may take its callers from an agent's ringing phone
    carry_wait: bool = True  # who is transferred into it keeps the time since they came (XFR-04)
    transfer_timeout: float = 0.0  # seconds that the target of an agent's transfer may ring; 0 = the site's
    recall_fallback: str = ""  # where a caller goes whom nobody takes back; "" = as the site says
    needs: tuple[Need, ...] = ()  # skills that every caller of the queue asks for (ACD-19)
    strategy_rules: tuple[StrategyRule, ...] = ()  # when another strategy holds (ACD-20)
    ring_step: float = 10.0  # `progressive`: after so long one more phone rings for a caller (ACD-18)
    preferred_wait: float = 30.0  # a caller waits so long for their own agent first (ACD-22)
    last_agent_hours: float = 0.0  # who calls again within this asks for the agent of the last time; 0 = never
    confirm: str = "outside"  # whose phone has to accept calls by 1 (ACD-34): "off" | "outside" (numbers) | "always"
    confirm_timeout: float = 15.0  # to press it
    agent_hears_wait: bool = False  # the agent is told how long the caller has waited
    connecting: tuple[str, ...] = ()  # clips for the caller meanwhile, 2 s at most (ACD-35)
    consent: tuple[str, ...] = ()  # clips that both hear right before they talk: the conversation is recorded (MED-18)
    consent_refuse: str = ""  # the caller's key, meanwhile, that says no; "" = there is none
    callbacks: CallbackRules = DEFAULT_RULES  # whom it calls back, when and how often
    escalation: tuple[Rung, ...] = ()  # what is done for who waits too long, too far behind, in vain (ACD-25)
    surge: Surge = NO_SURGE  # what changes while too many call at once (ACD-27)
    exit_keys: Mapping[str, str] = field(default_factory=dict)  # key -> destination for who waits (ACD-29)
    resume_within: float = 0.0  # who hung up and calls again within this has the place back; 0 = nobody (ACD-28)
    base: str = "queue"  # "queue" | "call": the order goes by the time since then (ACD-24)
    vip_priority: int = 0  # of customers whose card says "vip", where nothing else gives one (ACD-23)
    priority_seconds: float = 0.0  # one step of priority is worth so many seconds of waiting; 0 = more than any wait
    fair_after: float = (
        1800.0  # who has waited so long goes before all who came later, whatever the priority, and whatever
    )
    # the weight of their queue; 0 = never (ACD-49)
    leave_when: tuple[str, ...] = ()  # as `empty_when`, for those who wait already; () = the same
    join_grace: float = 0.0  # who may not join without agents waits so long for one to come
    dispositions: tuple[
        str, ...
    ] = ()  # that agents may choose after a conversation, in the order of their buttons (AGT-08)
    disposition: str = "optional"  # "optional" | "required": wrap-up goes on until one is chosen ...
    disposition_max: float = 300.0  # ... or for so long, then it ends as "none"
    screen_pop: str = ""  # address of the page about a caller (API-10); "" = the site's
    after: str = ""  # destination of callers who stay when their agent has hung up, such as a survey; "" = it is over


@dataclass(slots=True, frozen=True)
class Agent:
    """A person who takes queue calls. `device` is the account (or external number) that rings (ACD-44)."""

    name: str
    device: str
    title: str = ""
    wrap_up: float | None = None  # overrides the queue's
    ring_timeout: float | None = None
    call_waiting: bool = False  # queue calls ring although the phone has a call outside the queues (ACD-38)
    auto_ready: bool = False  # ready as soon as the device registers (used by the lab)
    pin: str = ""  # for log-in from a foreign phone; "" = not allowed
    skills: Mapping[str, int] = field(default_factory=dict)  # skill -> level, 0 to 100 (ACD-19)
    confirm: str = ""  # overrides the queue's: "off" | "outside" | "always"; "" = as the queue says
