"""Queues and agents from TOML in the notation of site.toml, alone or laid over those of a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from softswitch.decode import Problems, decode, encode
from softswitch.directory import Agent, Directory, Queue
from softswitch.store.objects import RULES
from softswitch.toml import read_toml

TABLES: Final = ("queue", "agent")


@dataclass(slots=True, frozen=True)
class Policy:
    """What the engine is configured with."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    agents: Mapping[str, Agent] = field(default_factory=dict)

    @classmethod
    def of(cls, site: Directory) -> Policy:
        return cls(site.queues, site.agents)


def read_policy(tables: Mapping[str, Any], problems: Problems, base: Policy | None = None) -> Policy:
    """Lay `[queue.NAME]` and `[agent.NAME]` over `base`: what a table does not name stays. Other tables are not looked at,
    so a whole site.toml may be given. What is wrong goes to `problems`."""
    base = base or Policy()
    queues, agents = dict(base.queues), dict(base.agents)
    for name, body in _bodies(tables, "agent", problems):
        _lay(agents, Agent, name, {"device": name} | body, f"agent.{name}", problems)
    for name, body in _bodies(tables, "queue", problems):
        _lay(queues, Queue, name, body, f"queue.{name}", problems)
    return Policy(queues, agents)


def read_policy_file(file: Path, base: Policy) -> Policy:
    """A site.toml, or a part of one, laid over what there is. Raises ConfigError."""
    problems = Problems(str(file))
    policy = read_policy(read_toml(file), problems, base)
    for name, queue in policy.queues.items():
        for member in queue.members:
            if member.agent not in policy.agents:
                problems.unknown(f"queue.{name}.members", member.agent, list(policy.agents), noun="agent")
    problems.check()
    return policy


def _bodies(tables: Mapping[str, Any], kind: str, problems: Problems) -> list[tuple[str, dict[str, Any]]]:
    found = tables.get(kind, {})
    if not isinstance(found, Mapping):
        problems.add(kind, found, "a table")
        return []
    for name, body in found.items():
        if not isinstance(body, Mapping):
            problems.add(f"{kind}.{name}", body, "a table")
    return [(str(name), dict(body)) for name, body in found.items() if isinstance(body, Mapping)]


def _lay(into: dict[str, Any], cls: type, name: str, body: dict[str, Any], key: str, problems: Problems) -> None:
    before = into.get(name)
    known = encode(before, rules=RULES) if before is not None else {"name": name}
    if before is not None and cls is Agent and body.get("device") == name:
        del body["device"]
    one = decode(cls, known | body, problems, key=key, rules=RULES)
    if one is not None:
        into[name] = one
