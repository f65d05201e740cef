"""Do people and tokens make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.directory.people import AGENT, EVERY_QUEUE, SUPERVISOR, Token, User

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    owners: dict[str, str] = {}
    for name, user in site.site.users.items():
        _one(site, f"user.{name}", "user", user)
        if user.account:
            site.exists(f"user.{name}.account", user.account, site.site.accounts, "an account")
        if user.agent and (other := owners.setdefault(user.agent, name)) != name:
            site.problems.add(f"user.{name}.agent", user.agent, "another agent", what=f"is already {other}'s")
    for name, token in site.site.tokens.items():
        _one(site, f"token.{name}", "token", token)
        if not token.digest:
            site.problems.add(
                f"token.{name}.digest", None, f"softswitch token add {name}", what="the token has none"
            )  # fmt: skip


def _one(site: Check, key: str, kind: str, one: User | Token) -> None:
    site.name(kind, one.name)
    if one.agent:
        site.exists(f"{key}.agent", one.agent, site.site.agents, "an agent")
    elif one.role == AGENT:
        site.problems.add(f"{key}.agent", "", "the agent that this is", what="is missing, with the role agent")
    for queue in one.queues:
        if queue != EVERY_QUEUE:
            site.exists(f"{key}.queues", queue, site.site.queues, "a queue")
    if one.role == SUPERVISOR and not one.queues:
        site.problems.add(
            f"{key}.queues", [], 'the queues, or ["*"]', what="is missing, with the role supervisor"
        )  # fmt: skip
    elif one.queues and one.role != SUPERVISOR:
        site.problems.add(f"{key}.queues", list(one.queues), f'none, or role = "{SUPERVISOR}"')
