"""Do trunks, routes and policies make sense as a whole? Part of `validate`."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.dialplan import DialPlan
from softswitch.directory import Directory
from softswitch.errors import ParseError
from softswitch.numbers import digits_of, normalise
from softswitch.outside import DEFAULT_POLICY, Trunk
from softswitch.sip.line import target_of

if TYPE_CHECKING:
    from softswitch.store.validate import Check

PREFIX: Final = re.compile(r"\+?[0-9]{0,15}", re.ASCII)
SHORT: Final = re.compile(r"[0-9]{2,6}", re.ASCII)
ADDED: Final = re.compile(r"[+0-9*#A-Za-z]{0,20}", re.ASCII)
SERVER_EXPECTED: Final = 'a server such as "sip.example.com", "192.0.2.1:5080" or "sip:sip.example.com;transport=tcp"'
ACCEPT_EXPECTED: Final = 'an address, a name or a network such as "192.0.2.0/24"'
NUMBER_EXPECTED: Final = 'a telephone number such as "+48221234567"'


def has_way(site: Directory, number: str) -> bool:
    """Whether a route leads to a number outside."""
    found = normalise(number, site.country) if site.trunks else ""
    return bool(found) and DialPlan.of(site).route(found) is not None


class Outside:
    """The part of the check that is about the world outside."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.site = check.site
        self.problems = check.problems

    def all(self) -> None:
        self.settings()
        self.accounts()
        seen: dict[str, str] = {}
        for name, trunk in self.site.trunks.items():
            self.check.name("trunk", name)
            self.trunk(f"trunk.{name}", trunk)
            self.dids(f"trunk.{name}", trunk, seen)
        self.routes()
        self.policies()

    def settings(self) -> None:
        site = self.site
        for number in site.emergency:
            if not SHORT.fullmatch(number):
                self.problems.add("emergency", number, 'short numbers such as "112"')
        if site.outside_prefix and not re.fullmatch("[0-9]{1,3}", site.outside_prefix):
            self.problems.add("outside_prefix", site.outside_prefix, 'one to three digits such as "0", or ""')
        for number in site.emergency_numbers if site.trunks else ():
            if number in site.extensions or number in site.accounts:
                self.problems.add(
                    f"extensions.{number}",
                    number,
                    "another number",
                    what="is an emergency number, which is never anything else",
                )

    def accounts(self) -> None:
        for user, account in self.site.accounts.items():
            if account.policy:
                self.check.exists(
                    f"account.{user}.policy", account.policy, {*self.site.policies, DEFAULT_POLICY}, "a policy"
                )
            for number in account.numbers:
                self.number(f"account.{user}.numbers", number)
            if account.number and self.site.trunks:
                self.number(f"account.{user}.number", account.number)

    def number(self, key: str, number: str) -> None:
        if not normalise(number, self.site.country):
            self.problems.add(key, number, NUMBER_EXPECTED)

    def trunk(self, key: str, trunk: Trunk) -> None:
        if not trunk.servers:
            self.problems.add(f"{key}.servers", [], f"at least {SERVER_EXPECTED}")
        for index, text in enumerate(trunk.servers):
            self.target(f"{key}.servers[{index}]", text, SERVER_EXPECTED)
        for index, text in enumerate(trunk.accept):
            where = f"{key}.accept[{index}]"
            if "/" in text:
                try:
                    ip_network(text, strict=False)
                except ValueError:
                    self.problems.add(where, text, ACCEPT_EXPECTED)
            else:
                self.target(where, text, ACCEPT_EXPECTED)
        if trunk.register and not trunk.user:
            self.problems.add(f"{key}.user", "", "the user to register as", what="is missing, and register is true")
        if trunk.password and not (trunk.user or trunk.auth_user):
            self.problems.add(f"{key}.user", "", "user or auth_user", what="is missing: the password belongs to nobody")
        if trunk.country and not re.fullmatch("[A-Za-z]{2}", trunk.country):
            self.problems.add(f"{key}.country", trunk.country, 'a country code such as "pl", or "" for the site\'s')
        if not ADDED.fullmatch(trunk.add):
            self.problems.add(f"{key}.add", trunk.add, "digits, +, letters, * and #")
        if trunk.caller_number:
            self.number(f"{key}.caller_number", trunk.caller_number)

    def target(self, key: str, text: str, expected: str) -> Any:
        try:
            return target_of(text)
        except ParseError:
            self.problems.add(key, text, expected)
        return None

    def dids(self, key: str, trunk: Trunk, seen: dict[str, str]) -> None:
        country = trunk.country or self.site.country
        for number, destination in trunk.dids.items():
            where = f"{key}.dids.{number}"
            found = normalise(number, country)
            if not found and not digits_of(number) and not re.fullmatch("[A-Za-z0-9._-]{1,64}", number):
                self.problems.add(where, number, NUMBER_EXPECTED, what="is no number")
            if (other := seen.setdefault(found or number, trunk.name)) != trunk.name:
                self.problems.add(
                    where, number, "each number on one trunk", what=f"is also a number of the trunk {other}"
                )
            self.check.destination(where, destination)
        if trunk.default:
            self.check.destination(f"{key}.default", trunk.default)

    def routes(self) -> None:
        seen: dict[str, str] = {}
        for name, route in self.site.routes.items():
            key = f"route.{name}"
            self.check.name("route", name)
            if not route.prefixes:
                self.problems.add(
                    f"{key}.prefixes", [], 'at least one, such as "+48"; "+" is every number with a country code'
                )
            for prefix in route.prefixes:
                self.prefix(f"{key}.prefixes", prefix)
                if (other := seen.setdefault(prefix, name)) != name:
                    self.problems.add(
                        f"{key}.prefixes", prefix, "each prefix in one route", what=f"is also in the route {other}"
                    )
            if not route.trunks:
                self.problems.add(f"{key}.trunks", [], "at least one trunk")
            for trunk in route.trunks:
                self.check.exists(f"{key}.trunks", trunk, self.site.trunks, "a trunk")
            for policy in route.policies:
                self.check.exists(f"{key}.policies", policy, {*self.site.policies, DEFAULT_POLICY}, "a policy")

    def prefix(self, key: str, prefix: str) -> None:
        if not PREFIX.fullmatch(prefix):
            self.problems.add(key, prefix, 'the beginning of a number such as "+4822", or of a short one such as "118"')

    def policies(self) -> None:
        for name, policy in self.site.policies.items():
            key = f"policy.{name}"
            self.check.name("policy", name)
            for country in policy.countries:
                if country != "*" and not re.fullmatch("[A-Za-z]{2}", country):
                    self.problems.add(f"{key}.countries", country, 'country codes such as "pl", or "*" for all')
            for field in ("allow", "deny"):
                for prefix in getattr(policy, field):
                    self.prefix(f"{key}.{field}", prefix)
            if policy.deny_list:
                self.check.exists(f"{key}.deny_list", policy.deny_list, self.site.lists, "a list of numbers")
            if policy.hours:
                self.check.exists(f"{key}.hours", policy.hours, self.site.hours, "opening hours")
