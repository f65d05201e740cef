"""What phones are for besides calling: feature codes, forwarding, ring groups, parking. Does the site make sense there?

A part of `validate`, which sees the site as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from softswitch.directory import FEATURES, NAMED_FEATURES, Directory, feature_of

if TYPE_CHECKING:
    from softswitch.store.validate import Check

CODE: Final = re.compile(r"[*#][0-9*#]{1,7}", re.ASCII)
NUMBER: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+._-]{0,63}", re.ASCII)
ACTIONS: Final = (*FEATURES, *NAMED_FEATURES)
FORWARDS: Final = ("forward_always", "forward_busy", "forward_no_answer", "forward_unreachable")
MOST_SLOTS: Final = 1_000


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    _codes(site)
    _accounts(site)
    _groups(site)
    _parking(site)


def exits(site: Directory) -> Iterator[str]:
    """Where calls may go from phones and from parking."""
    for account in site.accounts.values():
        yield from (value for name in FORWARDS if (value := getattr(account, name)))
    yield from (lot.otherwise for lot in site.parking.values() if lot.otherwise)


def _codes(check: Check) -> None:
    codes = check.site.feature_codes
    for code, action in codes.items():
        key = f"feature_codes.{code}"
        if not CODE.fullmatch(code):
            check.problems.add(key, code, 'a code of * or # and digits such as "*30"', what="is not a feature code")
        known = feature_of(action)
        if known is None or action.endswith(":NAME"):
            check.missing(key, action, ACTIONS, "one of " + ", ".join(ACTIONS))
            continue
        _switched(check, key, action)
        begins = known.begins
        for other in codes:
            if other != code and other.startswith(code) and other[len(code)] in begins:
                check.problems.add(
                    f"feature_codes.{other}", codes[other], "another code",
                    what=f"cannot be told from {code} ({action}) and what is dialled behind it",
                )  # fmt: skip


def _switched(check: Check, key: str, action: str) -> None:
    """What a code switches on and off must be there."""
    kind, _, name = action.partition(":")
    if kind.startswith("hours."):
        check.exists(key, name, check.site.hours, "opening hours")
    elif kind.startswith("outage."):
        check.exists(key, name, check.site.outages, "an outage")


def _accounts(check: Check) -> None:
    for user, account in check.site.accounts.items():
        key = f"account.{user}"
        for switch in account.controls:
            if switch != "*":
                known = {*check.site.hours, *check.site.outages}
                check.exists(f"{key}.controls", switch, known, "opening hours or an outage")
        for name in FORWARDS:
            if value := getattr(account, name):
                _target(check, f"{key}.{name}", value)
        _members(check, f"{key}.follow_me", account.follow_me)
        for other in account.disturbed_by:
            check.exists(f"{key}.disturbed_by", other, check.site.accounts, "an account")


def _groups(check: Check) -> None:
    for name, group in check.site.groups.items():
        key = f"group.{name}"
        check.name("group", name)
        if not group.members:
            check.problems.add(f"{key}.members", [], "at least one phone")
        _members(check, f"{key}.members", group.members)
        if group.otherwise:
            check.destination(f"{key}.otherwise", group.otherwise)


def _members(check: Check, key: str, members: tuple[object, ...]) -> None:
    seen: set[str] = set()
    for index, member in enumerate(members):
        to = str(getattr(member, "to", ""))
        where = f"{key}[{index}].to"
        if ":" in to:
            check.problems.add(where, to, "the number of a phone, as it is dialled")
        else:
            _target(check, where, to)
        if to in seen:
            check.problems.add(where, to, "each phone once", what="is twice in the list")
        seen.add(to)


def _target(check: Check, key: str, value: str) -> None:
    """A destination, or a number as a phone dials it. Numbers that are not of the site may be outside."""
    if ":" in value:
        check.destination(key, value)
    elif not NUMBER.fullmatch(value) or value[0] in "*#":
        check.problems.add(key, value, "a number, or a destination such as extension:102")


def _parking(check: Check) -> None:
    taken: dict[int, str] = {}
    for name, lot in check.site.parking.items():
        key = f"parking.{name}"
        check.name("parking", name)
        check.music(f"{key}.music", lot.music)
        if not lot.first <= lot.last < lot.first + MOST_SLOTS:
            check.problems.add(
                f"{key}.last", lot.last, f"a number from first ({lot.first}), {MOST_SLOTS} places at most"
            )
            continue
        if lot.otherwise:
            check.destination(f"{key}.otherwise", lot.otherwise)
        for slot in lot.slots:
            what = next(
                (noun for noun, among in (("account", check.site.accounts), ("extension", check.site.extensions))
                 if str(slot) in among), "",
            ) or taken.get(slot, "")  # fmt: skip
            taken.setdefault(slot, f"parking {name}")
            if what:
                check.problems.add(
                    f"{key}.first", lot.first, "other numbers", what=f"{slot} is a number of its own ({what})"
                )
                break
