"""Changes of single queues of the site: the settings of one, as site.toml has them. A part of `editing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from softswitch.decode import Problems, encode
from softswitch.directory import Directory, Queue
from softswitch.edit import Edit, EditError, existing
from softswitch.store.clips import Clips
from softswitch.store.objects import RULES, from_objects, to_objects
from softswitch.store.site import check_site, diff_sites


def queue_settings(site: Directory | None, clips: Clips | None, *, queue: str) -> Edit:
    """All settings of a queue with the values in force, and those that a new queue has."""
    found = _queue(existing(site), queue)
    values, usual = (encode(one, rules=RULES, defaults=True) for one in (found, Queue(queue)))
    values.pop("name")
    usual.pop("name")
    return Edit({"queue": queue, "settings": values, "defaults": usual})


def queue_set(
    site: Directory | None, clips: Clips | None, *, queue: str, settings: Mapping[str, Any], dry_run: bool = False
) -> Edit:
    """Change settings of a queue; None: as if it was never set. Raises ConfigError that lists every mistake."""
    current = existing(site)
    _queue(current, queue)
    if "name" in settings:
        raise EditError("A queue keeps its name.", "Another one: softswitch export, edit, softswitch apply.")
    objects = to_objects(current)
    body = objects["queue", queue] | {name: value for name, value in settings.items() if value is not None}
    objects["queue", queue] = {name: value for name, value in body.items() if settings.get(name, value) is not None}
    problems = Problems("the settings")
    new = from_objects(objects, problems, current.version)
    problems.check()
    assert new is not None  # There are no problems.
    check_site(new, clips=clips)
    changes = [str(one) for one in diff_sites(current, new)]
    result = {"queue": queue, "changes": changes, "dry_run": dry_run}
    return Edit(result, None if dry_run or not changes else new, "", new if dry_run else None)


def _queue(site: Directory, name: str) -> Queue:
    found = site.queues.get(name)
    if found is None:
        raise EditError(f"There is no queue {name!r}.", f"There are: {', '.join(sorted(site.queues))}.", kind="unknown")
    return found


OPERATIONS: Final[Mapping[str, Callable[..., Edit]]] = {"queue_settings": queue_settings, "queue_set": queue_set}
