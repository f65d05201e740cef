"""The dial rules of a site (SIG-22): which numbers are outside, and by which trunks they are called.

A number has one spelling, "+48221234567", however it was dialled. The longest prefix of all routes decides; without a
route there is no way out. Our own numbers are not called by way of the provider.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from softswitch.directory import Directory
from softswitch.numbers import digits_of, load, normalise, write
from softswitch.outside import Route, Trunk

EMERGENCY: Final = "emergency"  # the detail of a destination outside that nothing may refuse
SITE: Final = "site"  # ... and of one that the site itself names


@dataclass(slots=True)
class DialPlan:
    """What a snapshot of the site says about numbers, in the form that calls need."""

    directory: Directory
    prefixes: dict[str, Route] = field(default_factory=dict)
    longest: int = 0
    ours: dict[str, str] = field(default_factory=dict)  # our numbers -> destination
    dids: dict[str, dict[str, str]] = field(default_factory=dict)  # of each trunk
    emergency: frozenset[str] = frozenset()

    @classmethod
    def of(cls, directory: Directory) -> DialPlan:
        plan = cls(directory)
        for route in directory.routes.values():
            plan.prefixes.update(dict.fromkeys(route.prefixes, route))
        plan.longest = max(map(len, plan.prefixes), default=0)
        for trunk in directory.trunks.values():
            country = trunk.country or directory.country
            plan.dids[trunk.name] = {normalise(one, country) or one: to for one, to in trunk.dids.items()}
            plan.ours.update(plan.dids[trunk.name])
        if directory.trunks:
            plan.emergency = frozenset(directory.emergency_numbers)
            load(directory.country)
        return plan

    def number(self, dialled: str) -> str:
        """The number outside that was dialled, in its one spelling; "" if it is none."""
        prefix = self.directory.outside_prefix
        plain = digits_of(dialled)
        if prefix and not plain.startswith("+"):
            if not plain.startswith(prefix):
                return ""
            plain = plain[len(prefix) :]
        return normalise(plain, self.directory.country) if plain else ""

    def is_emergency(self, dialled: str) -> bool:
        """Whether this calls for help, with the outside prefix or without it."""
        plain = digits_of(dialled)
        return bool(plain) and (
            plain in self.emergency or plain.removeprefix(self.directory.outside_prefix) in self.emergency
        )

    def route(self, number: str) -> Route | None:
        """The route of a normalised number: that of its longest prefix."""
        for length in range(min(self.longest, len(number)), -1, -1):
            found = self.prefixes.get(number[:length])
            if found is not None:
                return found
        return None

    def trunks(self, number: str, *, emergency: bool = False) -> tuple[str, ...]:
        """The trunks to try for a number, in order. An emergency number is tried on all, those of its route first."""
        route = self.route(number)
        names = route.trunks if route is not None else ()
        return tuple(dict.fromkeys((*names, *self.directory.trunks))) if emergency else names


_plan = DialPlan(Directory(""))


def plan_of(directory: Directory) -> DialPlan:
    """The plan of a snapshot. That of the latest one is remembered: there is one in force at a time."""
    global _plan
    if _plan.directory is not directory:
        _plan = DialPlan.of(directory)
    return _plan


def called(number: str, trunk: Trunk, country: str) -> str:
    """A number as a trunk wants it in the Request-URI."""
    written = write(number, trunk.format, trunk.country or country)
    written = trunk.add + written[trunk.strip :]
    for rule in trunk.rewrite:
        match = re.fullmatch(rule.match, written)
        if match is not None:
            return match.expand(rule.to)
    return written


def shown(number: str, trunk: Trunk, country: str) -> str:
    """A caller's number as a trunk wants it."""
    return write(number, trunk.caller_format, trunk.country or country) if number.startswith("+") else number
