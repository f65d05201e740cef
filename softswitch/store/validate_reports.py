"""Do reports that are sent by mail make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, report in site.site.reports.items():
        key = f"report.{name}"
        site.name("report", name)
        for queue in report.queues:
            site.exists(f"{key}.queues", queue, site.site.queues, "a queue")
        if report.timezone:
            site.timezone(key, report.timezone)
        if not report.to:
            site.problems.add(f"{key}.to", [], "the addresses that it is sent to", what="is missing")
