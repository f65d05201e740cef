"""Do dispositions make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.directory.wrapping import NONE

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    _dispositions(site)
    for name, queue in site.site.queues.items():
        key = f"queue.{name}.dispositions"
        for one in queue.dispositions:
            site.exists(key, one, site.site.dispositions, "a disposition")
        if len(set(queue.dispositions)) < len(queue.dispositions):
            site.problems.add(key, list(queue.dispositions), "each disposition once")
        if queue.disposition == "required" and not queue.dispositions:
            site.problems.add(f"queue.{name}.disposition", "required", "at least one of dispositions to choose")


def _dispositions(check: Check) -> None:
    keys: dict[str, str] = {}
    for name, one in check.site.dispositions.items():
        key = f"disposition.{name}"
        check.name("disposition", name)
        if name == NONE:
            check.problems.add(key, name, "another name", what="is what stands where nobody has chosen one")
        if one.key and one.note:
            check.problems.add(f"{key}.key", one.key, "no key", what="leads to a note, which no desk phone can type")
        if one.key and (other := keys.setdefault(one.key, name)) != name:
            check.problems.add(f"{key}.key", one.key, "a key of its own", what=f"is that of {other} as well")
