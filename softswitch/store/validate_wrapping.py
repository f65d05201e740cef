"""Do dispositions and scripts make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.directory.wrapping import NONE

if TYPE_CHECKING:
    from softswitch.store.validate import Check


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    _dispositions(site)
    _scripts(site)
    for name, queue in site.site.queues.items():
        key = f"queue.{name}.dispositions"
        for one in queue.dispositions:
            site.exists(key, one, site.site.dispositions, "a disposition")
        if len(set(queue.dispositions)) < len(queue.dispositions):
            site.problems.add(key, list(queue.dispositions), "each disposition once")
        if queue.disposition == "required" and not queue.dispositions:
            site.problems.add(f"queue.{name}.disposition", "required", "at least one of dispositions to choose")


def _scripts(check: Check) -> None:
    shown: dict[str, str] = {}
    for name, one in check.site.scripts.items():
        key = f"script.{name}"
        check.name("script", name)
        if not one.steps:
            check.problems.add(f"{key}.steps", [], "at least one step")
        for queue in one.queues:
            check.exists(f"{key}.queues", queue, check.site.queues, "a queue")
            if (other := shown.setdefault(queue, name)) != name:
                check.problems.add(
                    f"{key}.queues", queue, "one script for a queue", what=f"has the script {other} already"
                )
        _each_once(check, f"{key}.steps", [step.name for step in one.steps])
        for index, step in enumerate(one.steps):
            where = f"{key}.steps[{index}].fields"
            _each_once(check, where, [field.name for field in step.fields])
            for place, field in enumerate(step.fields):
                if (field.kind == "choice") != bool(field.choices):
                    check.problems.add(
                        f"{where}[{place}].choices", list(field.choices), "what may be chosen, of a choice"
                    )


def _each_once(check: Check, key: str, names: list[str]) -> None:
    for name in sorted({one for one in names if not one or names.count(one) > 1}):
        check.problems.add(key, name, "a name, and each name once")


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
