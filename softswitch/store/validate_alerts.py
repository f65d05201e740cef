"""Do alerts make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.directory.alerts import MEASURED, PAUSE, SERVICE_LEVEL, TRUNK_DOWN, Alert
from softswitch.numbers import normalise

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, alert in site.site.alerts.items():
        site.name("alert", name)
        _one(site, f"alert.{name}", alert)


def _one(site: Check, key: str, alert: Alert) -> None:
    for queue in alert.queues:
        site.exists(f"{key}.queues", queue, site.site.queues, "a queue")
    for trunk in alert.trunks:
        site.exists(f"{key}.trunks", trunk, site.site.trunks, "a trunk")
    if alert.hours:
        site.exists(f"{key}.hours", alert.hours, site.site.hours, "opening hours")
    for number in alert.sms:
        if not normalise(number, site.site.country):
            site.problems.add(f"{key}.sms", number, 'a telephone number such as "+48600100200"')
    _measure(site, key, alert)
    for field, of in (("reasons", PAUSE), ("trunks", TRUNK_DOWN)):
        if getattr(alert, field) and alert.condition != of:
            site.problems.add(f"{key}.{field}", list(getattr(alert, field)), f'none, or condition = "{of}"')


def _measure(site: Check, key: str, alert: Alert) -> None:
    """A threshold where there is something to measure, and `clear` on its right side."""
    if alert.condition not in MEASURED:
        return
    most = 1.0 if alert.condition == SERVICE_LEVEL else 86_400.0
    if alert.condition == SERVICE_LEVEL and not 0.0 < alert.threshold <= most:
        site.problems.add(f"{key}.threshold", alert.threshold, "a share such as 0.8")
    if alert.clear is None:
        return
    low, high = (alert.threshold, most) if alert.falls else (0.0, alert.threshold)
    if not low <= alert.clear <= high:
        wanted = "the threshold or more, 1 at most" if alert.falls else "the threshold or less"
        site.problems.add(f"{key}.clear", alert.clear, wanted)
