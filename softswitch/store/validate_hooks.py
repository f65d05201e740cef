"""Do webhooks make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch import events
from softswitch.directory.hooks import EVERY, about
from softswitch.store import crm_objects

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def event_names() -> list[str]:
    """The public names of all events."""
    classes = (getattr(events, name) for name in events.__all__)
    return sorted(one.name for one in classes if one is not events.Event)


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    for name, hook in site.site.webhooks.items():
        key = f"webhook.{name}"
        site.name("webhook", name)
        if not hook.url:
            site.problems.add(f"{key}.url", None, "where to: an address of http or https", what="is missing")
        if not hook.secret:
            site.problems.add(f"{key}.secret", None, "one of: softswitch webhook secret", what="is missing")
        named(site, f"{key}.events", hook.events)
        queues(site, f"{key}.queues", hook.queues)
    routers(site)
    crm_objects.check(site)


def routers(site: Check) -> None:
    """Report what is wrong with programs that are asked where calls go."""
    for name, router in site.site.routers.items():
        key = f"router.{name}"
        site.name("router", name)
        if not router.url:
            site.problems.add(f"{key}.url", None, "whom to ask: an address of http or https", what="is missing")
        site.destination(f"{key}.otherwise", router.otherwise)


def named(site: Check, key: str, prefixes: tuple[str, ...]) -> None:
    """Each name, or beginning, must be that of an event."""
    known = event_names()
    for one in prefixes:
        if not any(about(name, (one,)) for name in known):
            site.missing(key, one, sorted({*known, *(name.partition(".")[0] for name in known)}), "an event")
    if not prefixes:
        site.problems.add(key, [], f'names of events, or ["{EVERY}"]')


def queues(site: Check, key: str, names: tuple[str, ...]) -> None:
    for one in names:
        if one != EVERY:
            site.exists(key, one, site.site.queues, "a queue")
