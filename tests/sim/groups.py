"""A team of four whose phones share their calls."""

from __future__ import annotations

from typing import Any

from softswitch.directory import GotoStep, Group, Member, Menu, PlayStep, Queue
from tests.sim.world import World, account, site

NAMES = ("anna", "bob", "carol", "dave")


def world(group: dict[str, Any] | None = None, accounts: dict[str, dict[str, Any]] | None = None, **more: Any) -> World:
    found = {user: account(user, name=user.capitalize(), **(accounts or {}).get(user, {})) for user in NAMES}
    members = tuple(Member(user) for user in NAMES[1:])
    policy = {"members": members, **(group or {})}
    more.setdefault(
        "extensions", {"600": "group:team", "800": "menu:help", "801": "queue:sales", "802": "menu:to-team"}
    )
    more.setdefault(
        "menus",
        {"help": Menu("help", (PlayStep(("welcome",)),)), "to-team": Menu("to-team", (GotoStep("group:team"),))},
    )
    more.setdefault("queues", {"sales": Queue("sales")})
    return World(site(accounts=found, groups={"team": Group("team", **policy)}, **more))


def over(w: World, *lines: Any) -> None:
    for line in lines:
        line.phone.hang_up(line)
    w.run(70)
    w.assert_idle()


def rings(*phones: Any) -> list[int]:
    """How often each phone was rung."""
    return [len(phone.lines) for phone in phones]
