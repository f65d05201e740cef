"""Do campaigns make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.callers import BLOCKED
from softswitch.numbers import normalise

if TYPE_CHECKING:
    from softswitch.store.validate import Check

LONGEST: int = 20_000  # characters of a script


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, one in site.site.campaigns.items():
        key = f"campaign.{name}"
        site.name("campaign", name)
        site.exists(f"{key}.queue", one.queue, site.site.queues, "a queue")
        members = (
            {each.agent for each in site.site.queues[one.queue].members} if one.queue in site.site.queues else set()
        )
        for agent in one.agents:
            site.exists(f"{key}.agents", agent, members, f"an agent of {one.queue}")
        if one.steps:
            site.exists(f"{key}.steps", one.steps, site.site.scripts, "a script")
        if one.caller_number and not normalise(one.caller_number, site.site.country):
            site.problems.add(f"{key}.caller_number", one.caller_number, 'a telephone number such as "+48221234567"')
        for listed in one.deny:
            site.exists(f"{key}.deny", listed, {*site.site.lists, BLOCKED}, "a list")
        if len(one.script) > LONGEST:
            site.problems.add(f"{key}.script", one.script, f"at most {LONGEST} characters")
