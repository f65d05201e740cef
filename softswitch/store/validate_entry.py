"""Do number lists, screenings, outages and notices make sense in the site as a whole? Part of `validate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from softswitch.call.callers import BLOCKED, pattern
from softswitch.call.dialplan import DialPlan
from softswitch.directory import Directory
from softswitch.directory.entry import EVERYWHERE
from softswitch.numbers import normalise
from softswitch.store.entry_objects import NUMBERS_EXPECTED

if TYPE_CHECKING:
    from softswitch.store.validate import Check

HANG_UP: Final = "hangup"


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    site.timezone("site", site.site.timezone)
    _lists(site)
    _screenings(site)
    _outages(site)
    _notices(site)


def exits(site: Directory) -> Iterator[str]:
    """Where calls may go from there."""
    yield from (one.otherwise for one in site.screenings.values() if one.otherwise)
    yield from (one.then for one in site.outages.values() if one.then)


def _lists(check: Check) -> None:
    for name, one in check.site.lists.items():
        check.name("list", name)
        if name == BLOCKED:
            check.problems.add(
                f"list.{name}", name, "another name", what="is the list of the numbers that are blocked by command"
            )
        for number in one.numbers:
            if not pattern(number, check.site.country):
                check.problems.add(f"list.{name}.numbers", number, NUMBERS_EXPECTED)


def _screenings(check: Check) -> None:
    known = {*check.site.lists, BLOCKED}
    for name, one in check.site.screenings.items():
        key = f"screening.{name}"
        check.name("screening", name)
        _ours(check, f"{key}.numbers", one.numbers)
        for field, lists in (("allow", one.allow), ("deny", one.deny)):
            for listed in lists:
                check.exists(f"{key}.{field}", listed, known, "a list")
        if not (one.allow or one.deny or one.most_calls):
            check.problems.add(f"{key}.deny", [], "at least one list in allow or deny, or most_calls")
        if one.otherwise:
            check.destination(f"{key}.otherwise", one.otherwise)


def _outages(check: Check) -> None:
    for name, one in check.site.outages.items():
        key = f"outage.{name}"
        check.name("outage", name)
        _ours(check, f"{key}.numbers", one.numbers)
        check.play(f"{key}.clips", one.clips)
        if not one.clips:
            check.problems.add(f"{key}.clips", [], "at least one clip")
        if one.then:
            check.destination(f"{key}.then", one.then)


def _notices(check: Check) -> None:
    for name, one in check.site.notices.items():
        key = f"notice.{name}"
        check.name("notice", name)
        for queue in one.queues:
            if queue != "*":
                check.exists(f"{key}.queues", queue, check.site.queues, "a queue")
        if not one.text:
            check.problems.add(f"{key}.text", None, "a text")


def _ours(check: Check, key: str, numbers: tuple[str, ...]) -> None:
    """Numbers of ours, as they are dialled: extensions, accounts, numbers that a trunk gives us."""
    site = check.site
    ours = {*site.extensions, *site.accounts, *(DialPlan.of(site).ours if site.trunks else ())}
    for number in numbers:
        if number != EVERYWHERE and number not in ours:
            near = normalise(number, site.country) if site.trunks else ""
            if near in ours:
                check.problems.add(key, number, f'"{near}", as it is written elsewhere')
            else:
                check.missing(key, number, sorted(ours), "a number of ours, or *,")
