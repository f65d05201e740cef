"""Reasons of pauses as they stand in site.toml: rules of single values, and of all of them together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from softswitch.decode import Rule, number_in, one_of, text
from softswitch.directory.alerts import SEVERITIES
from softswitch.directory.pauses import DEFAULT_PAUSES, Pause
from softswitch.store.wrapping_objects import TITLE

if TYPE_CHECKING:
    from softswitch.store.validate import Check

# Reasons that the switch itself gives.
RESERVED: Final = ("no_answer", "on_demand", "device_taken")
_is_digit = re.compile(r"[1-9]", re.ASCII).fullmatch
_is_name = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII).fullmatch


def _read_digit(value: object) -> str:
    digit = text(value)
    if digit and not _is_digit(digit):
        raise ValueError
    return digit


PAUSE_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Pause, "title"): TITLE,
    (Pause, "key"): Rule('one digit from "1" to "9"', _read_digit),
    (Pause, "longest"): number_in(0, 86_400, "seconds"),
    (Pause, "alert"): one_of(*SEVERITIES),
}


def check(site: Check) -> None:
    """Report what is wrong to the problems of `site`."""
    keys: dict[str, str] = {}
    for name, one in site.site.pauses.items():
        key = f"pause.{name}"
        if not _is_name(name):
            site.problems.add(key, name, "1 to 32 letters, digits, _ . -")
        if name in RESERVED:
            site.problems.add(key, name, "another name", what="is a reason that the switch itself gives")
        if one.key and (other := keys.setdefault(one.key, name)) != name:
            site.problems.add(f"{key}.key", one.key, "a digit of its own", what=f"is that of {other} as well")
        if one.key and not one.offered:
            site.problems.add(f"{key}.key", one.key, "none, or offered = true", what="is dialled by agents")
    if not any(one.offered for one in site.site.pauses.values()):
        site.problems.add("pause", None, "a reason that agents may choose", what="has none with offered = true")
    if site.site.pauses == DEFAULT_PAUSES:  # Rules that are older than the list may name what programs said.
        return
    for name, alert in site.site.alerts.items():
        for reason in alert.reasons:
            if reason not in RESERVED:
                site.exists(f"alert.{name}.reasons", reason, site.site.pauses, "a pause")
