"""Do campaigns make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.callers import BLOCKED

if TYPE_CHECKING:
    from softswitch.store.validate import Check

LONGEST: int = 20_000  # characters of a script


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, one in site.site.campaigns.items():
        key = f"campaign.{name}"
        site.name("campaign", name)
        site.exists(f"{key}.queue", one.queue, site.site.queues, "a queue")
        for listed in one.deny:
            site.exists(f"{key}.deny", listed, {*site.site.lists, BLOCKED}, "a list")
        if len(one.script) > LONGEST:
            site.problems.add(f"{key}.script", one.script, f"at most {LONGEST} characters")
