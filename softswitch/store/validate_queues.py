"""Do queues and agents make sense as a whole? Part of `validate`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from softswitch.directory import Queue, Rung
from softswitch.directory.waiting import AGENTS, PRIORITY, TIER
from softswitch.store.queue_objects import KEYS
from softswitch.store.validate_outside import has_way

if TYPE_CHECKING:
    from softswitch.store.validate import Check

PRIORITIES: Final = re.compile(r"\+?[0-9]{1,5}|-[0-9]{1,5}", re.ASCII)


class Queues:
    """The part of the check that is about queues and who serves them."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.site = check.site
        self.problems = check.problems

    def agents(self) -> None:
        devices: dict[str, str] = {}
        for name, agent in self.site.agents.items():
            self.check.name("agent", name)
            if agent.device in self.site.accounts or not has_way(self.site, agent.device):
                self.check.exists(f"agent.{name}.device", agent.device, self.site.accounts, "an account")
            if (other := devices.setdefault(agent.device, name)) != name:
                self.problems.add(
                    f"agent.{name}.device", agent.device, "a device of his own", what=f"is also the device of {other}"
                )

    def queues(self) -> None:
        for name, queue in self.site.queues.items():
            key = f"queue.{name}"
            self.check.name("queue", name)
            seen: set[str] = set()
            for index, member in enumerate(queue.members):
                where = f"{key}.members[{index}].agent"
                self.check.exists(where, member.agent, self.site.agents, "an agent")
                if member.agent in seen:
                    self.problems.add(where, member.agent, "each agent once", what="is twice in the queue")
                seen.add(member.agent)
            for field, destination in exits(queue):
                self.check.destination(f"{key}.{field}", destination)
            if queue.recall_fallback:
                self.check.fallback(f"{key}.recall_fallback", queue.recall_fallback)
            self.check.music(f"{key}.music", queue.music)
            self.check.play(f"{key}.greeting", queue.greeting)
            self.check.play(f"{key}.agent_greeting", queue.agent_greeting)
            self.check.play(f"{key}.connecting", queue.connecting)
            self.check.play(f"{key}.consent", queue.consent)
            if queue.consent_refuse and (queue.consent_refuse not in KEYS or not queue.consent):
                self.problems.add(
                    f"{key}.consent_refuse", queue.consent_refuse, "one key, where consent says something"
                )
            self.check.play(f"{key}.announce.comfort", queue.announce.comfort)
            self.check.play(f"{key}.announce.unknown", queue.announce.unknown)
            self.choice(key, queue)
            self.check.play(f"{key}.surge.greeting", queue.surge.greeting)
            for index, rung in enumerate(queue.escalation):
                self.rung(f"{key}.escalation[{index}]", rung, queue)
            if queue.surge.shed_below and not queue.surge.shed_to:
                self.problems.add(f"{key}.surge.shed_to", "", "a destination for whom shed_below turns away")
            rules = queue.callbacks
            if rules.hours:
                self.check.exists(f"{key}.callbacks.hours", rules.hours, self.site.hours, "opening hours")
            if rules.policy:
                self.check.exists(f"{key}.callbacks.policy", rules.policy, self.site.policies, "a policy")
            if queue.wrap_up > queue.wrap_up_max:
                self.problems.add(f"{key}.wrap_up", queue.wrap_up, f"at most wrap_up_max ({queue.wrap_up_max:g})")

    def choice(self, key: str, queue: Queue) -> None:
        """How agents are chosen: the skills asked for, and the conditions of rules."""
        known = sorted({skill for agent in self.site.agents.values() for skill in agent.skills})
        for index, need in enumerate(queue.needs):
            if not need.drop and need.skill not in known:
                self.check.missing(f"{key}.needs[{index}].skill", need.skill, known, "a skill of at least one agent")
        for index, rule in enumerate(queue.strategy_rules):
            where = f"{key}.strategy_rules[{index}]"
            for field, hours in (("hours", rule.hours), ("closed", rule.closed)):
                if hours:
                    self.check.exists(f"{where}.{field}", hours, self.site.hours, "opening hours")
            if not (rule.hours or rule.closed or rule.waiting or rule.load):
                self.problems.add(where, None, "at least one of hours, closed, waiting, load", what="has no condition")

    def rung(self, key: str, rung: Rung, queue: Queue) -> None:
        """It waits for something and does something. (Where it leads is checked with the other exits.)"""
        self.check.play(f"{key}.play", rung.play)
        if not (rung.do or rung.play):
            self.problems.add(f"{key}.do", "", 'something to do, such as do = "priority:+5", or clips to play')
        if rung.timed and not rung.wait:
            self.problems.add(key, None, "wait, length, estimate, no_agents or service_level", what="waits for nothing")
        if rung.kind == TIER and rung.target not in {str(member.tier) for member in queue.members}:
            self.problems.add(f"{key}.do", rung.do, "a tier that has members")
        elif rung.kind == AGENTS and rung.target == queue.name:
            self.problems.add(f"{key}.do", rung.do, "another queue than this one")
        elif rung.kind == AGENTS:
            self.check.exists(f"{key}.do", rung.target, self.site.queues, "a queue")
        elif rung.kind == PRIORITY and not PRIORITIES.fullmatch(rung.target):
            self.problems.add(f"{key}.do", rung.do, 'a priority such as "priority:+5" or "priority:9"')


def exits(queue: Queue) -> list[tuple[str, str]]:
    """Where callers leave a queue to, with the field that says so."""
    found = [("on_full", queue.on_full), ("on_timeout", queue.on_timeout), ("on_no_agents", queue.on_no_agents)]
    found += [(f"exit_keys.{key}", destination) for key, destination in queue.exit_keys.items()]
    found += [
        (f"escalation[{index}].do", rung.do) for index, rung in enumerate(queue.escalation) if rung.kind == "leave"
    ]
    found.append(("surge.shed_to", queue.surge.shed_to))
    found.append(("after", queue.after))
    return [(field, destination) for field, destination in found if destination]


def at_once(queue: Queue) -> list[str]:
    """Where callers may be led in the moment in which they come."""
    rungs = [rung.do for rung in queue.escalation if rung.kind == "leave" and not rung.wait]
    return [one for one in (queue.on_full, queue.on_no_agents, queue.surge.shed_to, *rungs) if one]
