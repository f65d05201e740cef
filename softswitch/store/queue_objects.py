"""Queues and agents in the notation of the site: what their fields accept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from softswitch.callbacks import CallbackRules
from softswitch.decode import Problems, Rule, decode, encode, number_in, one_of, text, whole_in
from softswitch.directory import Agent, Announce, Membership, Need, Queue, Rung, StrategyRule, Surge
from softswitch.directory.announcing import ORDERS, POSITIONS
from softswitch.store.rules import PIN, RECORD, RECORDING_DAYS, RECORDING_FORMAT, SECONDS, optional

STRATEGIES: Final = (
    "longest_idle", "ring_all", "linear", "round_robin", "random", "weighted_random", "progressive", "skills",
    "fewest_calls", "least_busy",
)  # fmt: skip
PLUGIN: Final = re.compile(r"plugin:[A-Za-z0-9_.-]{1,64}", re.ASCII)  # a strategy of the site's own
NEEDS_EXPECTED: Final = 'a list of skills such as [{ skill = "english", level = 50 }]'
STRATEGY_RULES_EXPECTED: Final = 'a list of rules such as [{ strategy = "ring_all", waiting = 3 }]'
CONFIRM: Final = ("off", "outside", "always")
SKILLS_EXPECTED: Final = "a table of skills with levels from 0 to 100 such as { english = 80 }"
EMPTY_WHEN: Final = ("logged_out", "unreachable", "paused", "in_use", "ringing", "wrapup", "backoff", "tier_excluded")
LADDER_EXPECTED: Final = (
    'a list of rungs such as [{ wait = 60, do = "priority:+5" }, { length = 10, do = "voicemail:box" }]'
)
SURGE_EXPECTED: Final = 'a table such as { length = 20, greeting = ["clip"], positions = 10 }'
KEYS: Final = frozenset("0123456789*#ABCD")
MEMBERS_EXPECTED: Final = 'a list of agents such as [{ agent = "anna", tier = 0 }]'


def _read_empty_when(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not set(value) <= set(EMPTY_WHEN):
        raise ValueError
    return tuple(value)


def _read_strategy(value: object) -> str:
    if not isinstance(value, str) or not (value in STRATEGIES or PLUGIN.fullmatch(value)):
        raise ValueError
    return value


def _read_skills(value: object) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError
    for skill, level in value.items():
        if not isinstance(skill, str) or not skill or type(level) is not int or not 0 <= level <= 100:
            raise ValueError
    return dict(value)


SKILLS: Final = Rule(SKILLS_EXPECTED, _read_skills, dict)


def _tables(cls: type, expected: str) -> Rule:
    """A list of tables."""

    def read(value: object, problems: Problems, key: str) -> tuple[object, ...]:
        if not isinstance(value, (list, tuple)):
            problems.add(key, value, expected)
            return ()
        return tuple(
            decode(cls, one, problems, key=f"{key}[{index}]", rules=QUEUE_RULES) for index, one in enumerate(value)
        )

    return Rule(expected, tuple, lambda values: [encode(one) for one in values], read)


def _read_members(value: object, problems: Problems, key: str) -> tuple[Membership | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, MEMBERS_EXPECTED)
        return ()
    tables = [{"agent": one} if isinstance(one, str) else one for one in value]  # A bare name is tier 0.
    return tuple(
        decode(Membership, one, problems, key=f"{key}[{index}]", rules=QUEUE_RULES) for index, one in enumerate(tables)
    )


def _read_ladder(value: object, problems: Problems, key: str) -> tuple[Rung | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, LADDER_EXPECTED)
        return ()
    return tuple(
        decode(Rung, one, problems, key=f"{key}[{index}]", rules=QUEUE_RULES) for index, one in enumerate(value)
    )


def _read_surge(value: object, problems: Problems, key: str) -> Surge | None:
    return decode(Surge, value, problems, key=key, rules=QUEUE_RULES)


def _read_keys(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError
    keys = {text(key): text(destination) for key, destination in value.items()}
    if not all(key in KEYS and destination for key, destination in keys.items()):
        raise ValueError
    return keys


EMPTY_RULE: Final = Rule(
    "a list of " + ", ".join(f'"{one}"' for one in EMPTY_WHEN), _read_empty_when, list, facts={"choices": EMPTY_WHEN}
)
STRATEGY: Final = Rule(
    "one of " + ", ".join(STRATEGIES) + ', or "plugin:NAME"',
    _read_strategy,
    facts={"choices": STRATEGIES, "open": True},
)
QUEUE_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Queue, "record"): RECORD,
    (Queue, "recording_format"): RECORDING_FORMAT,
    (Queue, "recording_days"): RECORDING_DAYS,
    (Agent, "wrap_up"): optional(SECONDS),
    (Agent, "ring_timeout"): optional(number_in(3, 600, "seconds")),
    (Agent, "pin"): PIN,
    (Membership, "tier"): whole_in(0, 1_000),
    (Membership, "position"): whole_in(0, 1_000_000),
    (Queue, "members"): Rule(MEMBERS_EXPECTED, tuple, lambda members: [encode(one) for one in members], _read_members),
    (Membership, "weight"): whole_in(1, 1_000),
    (Queue, "strategy"): STRATEGY,
    (Queue, "needs"): _tables(Need, NEEDS_EXPECTED),
    (Queue, "strategy_rules"): _tables(StrategyRule, STRATEGY_RULES_EXPECTED),
    (Queue, "ring_step"): number_in(1, 600, "seconds"),
    (Queue, "preferred_wait"): number_in(0, 3_600, "seconds"),
    (Queue, "last_agent_hours"): number_in(0, 8_760, "hours"),
    (Queue, "confirm"): one_of(*CONFIRM),
    (Queue, "confirm_timeout"): number_in(3, 60, "seconds"),
    (Agent, "skills"): SKILLS,
    (Agent, "confirm"): one_of("", *CONFIRM),
    (Need, "level"): whole_in(0, 100),
    (Need, "after"): SECONDS,
    (Need, "weight"): number_in(0, 1_000),
    (StrategyRule, "strategy"): STRATEGY,
    (StrategyRule, "waiting"): whole_in(0, 1_000_000),
    (StrategyRule, "load"): number_in(0, 1),
    (Queue, "tier_mode"): one_of("busy", "timed", "both"),
    (Queue, "ring_timeout"): number_in(3, 600, "seconds"),
    (Queue, "wrap_up"): SECONDS,
    (Queue, "max_length"): whole_in(0, 1_000_000),
    (Queue, "max_wait"): SECONDS,
    (Queue, "no_answer_delay"): SECONDS,
    (Queue, "reject_delay"): SECONDS,
    (Queue, "busy_delay"): SECONDS,
    (Queue, "unreachable_delay"): SECONDS,
    (Queue, "short_abandon"): SECONDS,
    (Queue, "service_level_seconds"): SECONDS,
    (Queue, "service_level_target"): number_in(0, 1),
    (Queue, "max_no_answer"): whole_in(0, 1_000),
    (Queue, "empty_when"): EMPTY_RULE,
    (Queue, "leave_when"): EMPTY_RULE,
    (Queue, "join_grace"): SECONDS,
    (Queue, "escalation"): Rule(LADDER_EXPECTED, tuple, lambda rungs: [encode(one) for one in rungs], _read_ladder),
    (Queue, "surge"): Rule(SURGE_EXPECTED, tuple, encode, _read_surge),
    (Queue, "exit_keys"): Rule('a table of keys such as { 1 = "voicemail:box" }', _read_keys, dict),
    (Queue, "resume_within"): SECONDS,
    (Queue, "base"): one_of("queue", "call"),
    (Queue, "priority_seconds"): SECONDS,
    (Queue, "vip_priority"): whole_in(-99_999, 99_999),
    (Queue, "fair_after"): SECONDS,
    (Rung, "wait"): SECONDS,
    (Rung, "length"): whole_in(0, 1_000_000),
    (Rung, "estimate"): SECONDS,
    (Rung, "service_level"): number_in(0, 1),
    (Surge, "length"): whole_in(0, 1_000_000),
    (Surge, "wait"): SECONDS,
    (Surge, "until"): whole_in(0, 1_000_000),
    (Surge, "positions"): whole_in(0, 1_000_000),
    (Queue, "disposition"): one_of("optional", "required"),
    (Queue, "disposition_max"): number_in(10, 14_400, "seconds"),
    (Queue, "tier_soon"): SECONDS,
    (Queue, "no_agents_grace"): SECONDS,
    (Queue, "wrap_up_max"): SECONDS,
    (Queue, "transfer_timeout"): SECONDS,
    (Announce, "position"): one_of(*POSITIONS),
    (Announce, "gap"): SECONDS,
    (Announce, "every"): SECONDS,
    (Announce, "limit"): whole_in(0, 1_000),
    (Announce, "longest"): SECONDS,
    (Announce, "handle_time"): SECONDS,
    (Announce, "comfort_after"): SECONDS,
    (Announce, "comfort_every"): number_in(5, 86_400, "seconds"),
    (Announce, "comfort_order"): one_of(*ORDERS),
    (Queue, "weight"): whole_in(-1_000_000, 1_000_000),
    (CallbackRules, "mode"): one_of("agent", "customer"),
    (CallbackRules, "attempts"): whole_in(1, 20),
    (CallbackRules, "ratio"): whole_in(0, 1_000),
    (CallbackRules, "gap"): SECONDS,
    (CallbackRules, "ring"): number_in(5, 120, "seconds"),
    (CallbackRules, "expires"): number_in(60, 2_592_000, "seconds"),
    (CallbackRules, "max_open"): whole_in(0, 100_000),
    (CallbackRules, "abandoned_after"): SECONDS,
    (CallbackRules, "idle"): SECONDS,
    (CallbackRules, "lead"): SECONDS,
    (CallbackRules, "target"): SECONDS,
    (CallbackRules, "reconnect"): SECONDS,
}
