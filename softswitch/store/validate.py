"""Does a site make sense as a whole? Every destination leads somewhere, every name exists, nothing is out of reach.

Form and ranges of single values are checked while reading (`objects`); here is what takes the whole site to see.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from softswitch.address import is_address, is_domain
from softswitch.decode import Problems, nearest
from softswitch.directory import (
    DEFAULT_CALL_CODES,
    FEATURES,
    Directory,
)
from softswitch.store import (
    features,
    pause_objects,
    validate_alerts,
    validate_campaigns,
    validate_entry,
    validate_hooks,
    validate_menus,
    validate_people,
    validate_queues,
    validate_reports,
    validate_wrapping,
)
from softswitch.store.clips import Clips
from softswitch.store.validate_outside import Outside, has_way

# Dialled strings and users: what RFC 3261 allows in a user part without escapes, and what a phone can dial.
CALL_CODE: Final = re.compile(r"[*#][0-9*#]{1,7}", re.ASCII)
USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
DIALLED: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+._-]{0,63}", re.ASCII)
PRIORITY: Final = re.compile(r"-?[0-9]{1,5}", re.ASCII)
NAME_MAX: Final = 64
ACTIONS: Final = tuple(FEATURES)
PLAIN: Final = ("hangup", "echo")
KINDS: Final = (
    "queue", "callback", "extension", "menu", "flow", "group", "conference", "music", "play", "voicemail", "mailbox",
    "outside", "router",
)  # fmt: skip
BUILT_IN_MUSIC: Final = "default"  # our own synthesis: there without any file


def validate(site: Directory, problems: Problems, clips: Clips | None = None) -> None:
    """Report what is wrong to `problems`. Without `clips` nobody looks whether the audio files exist."""
    check = Check(site, problems, clips)
    check.settings()
    check.accounts()
    queues = validate_queues.Queues(check)
    queues.agents()
    queues.queues()
    check.conferences()
    check.mailboxes()
    features.check(check)
    validate_entry.check(check)
    validate_people.check(check)
    validate_wrapping.check(check)
    validate_hooks.check(check)
    validate_reports.check(check)
    validate_alerts.check(check)
    pause_objects.check(check)
    validate_campaigns.check(check)
    check.hours()
    validate_menus.Menus(check).menus()
    check.extensions()
    Outside(check).all()
    check.reach()
    check.loops()


class Check:
    def __init__(self, site: Directory, problems: Problems, clips: Clips | None) -> None:
        self.site = site
        self.problems = problems
        self.clips = clips

    # --- tables --------------------------------------------------------------------------------------------------

    def settings(self) -> None:
        for key, domain in [("domain", self.site.domain), *(("aliases", one) for one in self.site.aliases)]:
            if not (is_domain(domain) or is_address(domain)):
                self.problems.add(key, domain, 'a host name or an IP address such as "pbx.example.com"')
        self.fallback("recall_fallback", self.site.recall_fallback)
        self.call_codes()
        for name, files in self.site.music.items():
            self.name("music", name)
            for file in files:
                if self.clips and file not in self.clips.music:
                    self.missing(f"music.{name}", file, sorted(self.clips.music), "a file in the prompts' moh/ folder")

    def accounts(self) -> None:
        for user, account in self.site.accounts.items():
            key = f"account.{user}"
            if not USER.fullmatch(user):
                self.problems.add(key, user, "1 to 64 letters, digits, . _ + -", what="is not a user name")
            if not account.ha1_md5 and not account.ha1_sha256:
                self.problems.add(
                    f"{key}.password", None, 'password = "...", or ha1_md5 and ha1_sha256', what="the account has none"
                )
            for queue in account.supervises:
                if queue != "*":
                    self.exists(f"{key}.supervises", queue, self.site.queues, "a queue")
            for field, box in [("mailbox", account.mailbox), *(("mailboxes", one) for one in account.mailboxes)]:
                if box:
                    self.exists(f"{key}.{field}", box, self.site.mailboxes, "a mailbox")
            if account.agent:
                self.exists(f"{key}.agent", account.agent, self.site.agents, "an agent")

    def conferences(self) -> None:
        for name, conference in self.site.conferences.items():
            key = f"conference.{name}"
            self.name("conference", name)
            self.music(f"{key}.music", conference.music)
            if conference.pin and conference.pin == conference.moderator_pin:
                self.problems.add(f"{key}.moderator_pin", conference.pin, "another PIN than that of everybody")

    def mailboxes(self) -> None:
        owners = {account.mailbox or user for user, account in self.site.accounts.items()}
        for name, box in self.site.mailboxes.items():
            key = f"mailbox.{name}"
            self.name("mailbox", name)
            self.timezone(key, box.timezone)
            self.play(f"{key}.greeting", box.greeting)
            if box.queue:
                self.exists(f"{key}.queue", box.queue, self.site.queues, "a queue")
            if box.operator:
                self.destination(f"{key}.operator", box.operator)
            if box.delete_after_mail and not (box.email and box.email_audio):
                self.problems.add(f"{key}.delete_after_mail", True, "email and email_audio with it, or false")
            opened = any(name in account.mailboxes for account in self.site.accounts.values())
            if name not in owners and not (opened or box.pin or box.email or box.queue):
                self.problems.add(
                    f"{key}.pin", "", "a PIN, an e-mail address, or an account that names the mailbox",
                    what="is out of everybody's reach",
                )  # fmt: skip

    def timezone(self, key: str, name: str) -> None:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            expected = 'a time zone of the IANA database such as "Europe/Warsaw"'
            self.problems.add(f"{key}.timezone".removeprefix("."), name, expected)

    def hours(self) -> None:
        for name, hours in self.site.hours.items():
            self.name("hours", name)
            self.timezone(f"hours.{name}", hours.timezone)
            if hours.holidays and not is_holiday_country(hours.holidays):
                self.problems.add(
                    f"hours.{name}.holidays", hours.holidays, 'a country code such as "pl", or "" for no holidays'
                )

    def extensions(self) -> None:
        codes = self.site.feature_codes
        for dialled, destination in self.site.extensions.items():
            key = f"extensions.{dialled}"
            if not DIALLED.fullmatch(dialled):
                self.problems.add(key, dialled, "1 to 64 letters, digits, * # + . _ -", what="cannot be dialled")
            if dialled in self.site.accounts and destination != f"extension:{dialled}":
                self.problems.add(
                    key, destination, "another number", what=f"is a duplicate: account {dialled} has this number"
                )
            if code := next((one for one in codes if dialled.startswith(one)), ""):
                self.problems.add(key, destination, "another number", what=f"starts with the feature code {code}")
            if destination == f"extension:{dialled}" and dialled not in self.site.accounts:
                self.problems.add(key, destination, "a destination other than itself")
            self.destination(key, destination)

    # --- single values -------------------------------------------------------------------------------------------

    def name(self, kind: str, name: str) -> None:
        if not name or len(name) > NAME_MAX or ":" in name or name != name.strip():
            self.problems.add(
                f"{kind}.{name}", name, f"1 to {NAME_MAX} characters without : and without blanks at the ends",
                what="is not a name",
            )  # fmt: skip

    def exists(self, key: str, name: str, among: Collection[str], noun: str) -> None:
        if name not in among:
            self.missing(key, name, sorted(among), noun)

    def missing(self, key: str, name: str, known: Sequence[str], noun: str) -> None:
        near = nearest(name, known)
        wanted = f"{noun} that {'exist' if noun.endswith('hours') else 'exists'}"
        self.problems.add(key, name, f'{wanted}; did you mean "{near}"?' if near else wanted)

    def play(self, key: str, clips: tuple[str, ...]) -> None:
        for clip in clips:
            if self.clips and not self.clips.has(clip):
                self.missing(key, clip, self.clips.names(), "a clip")

    def music(self, key: str, name: str) -> None:
        if name != BUILT_IN_MUSIC:
            self.exists(key, name, self.site.music, "a music class")

    def call_codes(self) -> None:
        """What is typed during a call: known orders, each with a code that begins no other one."""
        codes = self.site.call_codes
        for verb, code in codes.items():
            key = f"call_codes.{verb}"
            if verb not in DEFAULT_CALL_CODES:
                self.missing(key, verb, sorted(DEFAULT_CALL_CODES), "an order")
            if code and not CALL_CODE.fullmatch(code):
                self.problems.add(key, code, 'a code of * or # and keys such as "*4", or ""', what="is not a code")
            for other, longer in codes.items():
                if code and other != verb and longer.startswith(code):
                    self.problems.add(key, code, "another code", what=f"begins the code of {other} ({longer})")

    def fallback(self, key: str, destination: str) -> None:
        """Where a call goes that nobody takes back."""
        if destination not in ("queue_head", "queue"):
            self.destination(key, destination)

    def destination(self, key: str, destination: str) -> None:
        """ "" is allowed where it means hanging up (a queue's exits): those are not passed here."""
        kind, colon, name = destination.partition(":")
        if destination in PLAIN:
            return
        if not colon or kind not in KINDS:
            forms = "hangup, echo, " + ", ".join(f"{one}:NAME" for one in KINDS)
            self.problems.add(key, destination, f"a destination ({forms})")
        elif kind == "callback":
            self.exists(key, name, self.site.queues, "a queue")
        elif kind == "queue":
            queue, colon, priority = name.partition(":")
            self.exists(key, queue, self.site.queues, "a queue")
            if colon and not PRIORITY.fullmatch(priority):
                self.problems.add(key, destination, f"a priority behind the queue, such as queue:{queue}:5")
        elif kind == "menu":
            self.menu(key, name)
        elif kind == "flow":
            self.name("flow", name)
        elif kind == "conference":
            self.exists(key, name, self.site.conferences, "a conference")
        elif kind == "voicemail":
            self.exists(key, name.removesuffix(":busy"), self.site.mailboxes, "a mailbox")
        elif kind == "mailbox":
            if name != "*":
                self.exists(key, name, self.site.mailboxes, "a mailbox")
        elif kind == "group":
            self.exists(key, name, self.site.groups, "a ring group")
        elif kind == "router":
            self.exists(key, name, self.site.routers, "a router")
        elif kind == "extension":
            if name not in self.site.accounts and name not in self.site.extensions:
                known = sorted([*self.site.accounts, *self.site.extensions])
                self.missing(key, name, known, "an account or extension")
        elif kind == "music":
            self.music(key, name)
        elif kind == "outside":
            if not has_way(self.site, name):
                self.problems.add(key, destination, "a number to which a route leads, such as outside:+48221234567")
        else:
            self.play(key, (name,))

    def menu(self, key: str, name: str) -> None:
        """A menu, or a branch of one."""
        name, colon, branch = name.partition(":")
        self.exists(key, name, self.site.menus, "a menu")
        if colon and name in self.site.menus:
            self.exists(key, branch, self.site.menus[name].branches, f"a branch of the menu {name}")

    # --- the graph -----------------------------------------------------------------------------------------------

    def reach(self) -> None:
        """Every menu must be reachable from a number that can be dialled."""
        todo = [*self.site.extensions.values(), *features.exits(self.site), *validate_entry.exits(self.site)]
        for trunk in self.site.trunks.values():
            todo += [*trunk.dids.values(), trunk.default]
        seen: set[str] = set()
        while todo:
            destination = todo.pop()
            if destination in seen:
                continue
            seen.add(destination)
            kind, _, name = destination.partition(":")
            if kind == "menu":
                todo += validate_menus.exits(self.site, name)
            elif kind == "queue" and (name := name.partition(":")[0]) in self.site.queues:
                todo += [one for _, one in validate_queues.exits(self.site.queues[name])]
            elif kind == "group" and name in self.site.groups:
                todo.append(self.site.groups[name].otherwise)
            elif kind == "router" and name in self.site.routers:
                todo.append(self.site.routers[name].otherwise)
            elif kind == "extension" and name in self.site.extensions:
                todo.append(self.site.extensions[name])
        if any(one.startswith(("flow:", "router:")) for one in seen):
            return  # A flow in Python, or a program that is asked, may lead to any of them.
        for name in self.site.menus:
            if not any(one == f"menu:{name}" or one.startswith(f"menu:{name}:") for one in seen):
                self.problems.add(
                    f"menu.{name}",
                    None,
                    "an extension, a trunk or another menu that leads to it",
                    what="is unreachable",
                )
        for name, branch in validate_menus.unreachable_branches(self.site, seen):
            expected = f"a step that leads to branch:{branch}"
            self.problems.add(f"menu.{name}.branches.{branch}", None, expected, what="is unreachable")

    def loops(self) -> None:
        """No caller may go round in circles without hearing or being asked anything."""
        branches = (f"menu:{name}:{one}" for name, menu in self.site.menus.items() for one in menu.branches)
        for start in [*(f"menu:{name}" for name in self.site.menus), *branches, *(f"queue:{name}" for name in self.site.queues),
                      *(f"extension:{name}" for name in self.site.extensions),
                      *(f"router:{name}" for name in self.site.routers)]:  # fmt: skip
            todo = list(self.at_once(start))
            seen: set[str] = set()
            while todo:
                one = todo.pop()
                if one == start:
                    self.problems.add(
                        start.replace(":", "."), None, "a play or choice step on the way",
                        what="leads back to itself without pause",
                    )  # fmt: skip
                    break
                if one not in seen:
                    seen.add(one)
                    todo += self.at_once(one)

    def at_once(self, destination: str) -> Iterator[str]:
        """Where a call may go from there in the same moment. A queue is the same with whatever priority."""
        for one in self._at_once(destination):
            kind, _, name = one.partition(":")
            yield f"queue:{name.partition(':')[0]}" if kind == "queue" else one

    def _at_once(self, destination: str) -> Iterator[str]:
        kind, _, name = destination.partition(":")
        if kind == "queue" and (queue := self.site.queues.get(name.partition(":")[0])):
            yield from validate_queues.at_once(queue)
        elif kind == "extension" and name in self.site.extensions and name not in self.site.accounts:
            yield self.site.extensions[name]
        elif kind == "router" and name in self.site.routers:
            yield self.site.routers[name].otherwise
        elif kind == "menu":
            yield from validate_menus.at_once(self.site, name)


def is_holiday_country(code: str) -> bool:
    import holidays  # 100 ms: only where a site is edited.

    return code.upper() in holidays.list_supported_countries()
