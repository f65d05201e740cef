"""Does a site make sense as a whole? Every destination leads somewhere, every name exists, nothing is out of reach.

Form and ranges of single values are checked while reading (`objects`); here is what takes the whole site to see.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from softswitch.address import is_address, is_domain
from softswitch.decode import Problems, nearest
from softswitch.directory import ChoiceStep, Directory, GotoStep, HoursStep, Menu, PlayStep, Queue
from softswitch.store.clips import Clips

# Dialled strings and users: what RFC 3261 allows in a user part without escapes, and what a phone can dial.
USER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)
DIALLED: Final = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+._-]{0,63}", re.ASCII)
CODE: Final = re.compile(r"[*#][0-9*#]{1,7}", re.ASCII)
NAME_MAX: Final = 64
ACTIONS: Final = (
    "agent.login", "agent.logout", "agent.not_ready", "agent.ready", "agent.end_wrap_up", "echo", "music",
    "supervise.listen", "supervise.whisper", "supervise.barge",
)  # fmt: skip
PLAIN: Final = ("hangup", "echo")
KINDS: Final = ("queue", "extension", "menu", "conference", "music", "play")
BUILT_IN_MUSIC: Final = "default"  # our own synthesis: there without any file


def validate(site: Directory, problems: Problems, clips: Clips | None = None) -> None:
    """Report what is wrong to `problems`. Without `clips` nobody looks whether the audio files exist."""
    check = _Check(site, problems, clips)
    check.settings()
    check.accounts()
    check.agents()
    check.queues()
    check.conferences()
    check.hours()
    check.menus()
    check.extensions()
    check.reach()
    check.loops()


class _Check:
    def __init__(self, site: Directory, problems: Problems, clips: Clips | None) -> None:
        self.site = site
        self.problems = problems
        self.clips = clips

    # --- tables --------------------------------------------------------------------------------------------------

    def settings(self) -> None:
        for key, domain in [("domain", self.site.domain), *(("aliases", one) for one in self.site.aliases)]:
            if not (is_domain(domain) or is_address(domain)):
                self.problems.add(key, domain, 'a host name or an IP address such as "pbx.example.com"')
        for name, files in self.site.music.items():
            self.name("music", name)
            for file in files:
                if self.clips and file not in self.clips.music:
                    self.missing(f"music.{name}", file, sorted(self.clips.music), "a file in the prompts' moh/ folder")
        for code, action in self.site.feature_codes.items():
            key = f"feature_codes.{code}"
            if not CODE.fullmatch(code):
                self.problems.add(key, code, 'a code of * or # and digits such as "*30"', what="is not a feature code")
            if action not in ACTIONS:
                self.missing(key, action, ACTIONS, "one of " + ", ".join(ACTIONS))

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
            if account.agent:
                self.exists(f"{key}.agent", account.agent, self.site.agents, "an agent")

    def agents(self) -> None:
        devices: dict[str, str] = {}
        for name, agent in self.site.agents.items():
            self.name("agent", name)
            self.exists(f"agent.{name}.device", agent.device, self.site.accounts, "an account")
            if (other := devices.setdefault(agent.device, name)) != name:
                self.problems.add(
                    f"agent.{name}.device", agent.device, "a device of his own", what=f"is also the device of {other}"
                )

    def queues(self) -> None:
        for name, queue in self.site.queues.items():
            key = f"queue.{name}"
            self.name("queue", name)
            seen: set[str] = set()
            for index, member in enumerate(queue.members):
                where = f"{key}.members[{index}].agent"
                self.exists(where, member.agent, self.site.agents, "an agent")
                if member.agent in seen:
                    self.problems.add(where, member.agent, "each agent once", what="is twice in the queue")
                seen.add(member.agent)
            for field, destination in _queue_exits(queue):
                self.destination(f"{key}.{field}", destination)
            self.music(f"{key}.music", queue.music)
            self.play(f"{key}.greeting", queue.greeting)
            self.play(f"{key}.agent_greeting", queue.agent_greeting)
            if queue.wrap_up > queue.wrap_up_max:
                self.problems.add(f"{key}.wrap_up", queue.wrap_up, f"at most wrap_up_max ({queue.wrap_up_max:g})")

    def conferences(self) -> None:
        for name, conference in self.site.conferences.items():
            key = f"conference.{name}"
            self.name("conference", name)
            self.music(f"{key}.music", conference.music)
            if conference.pin and conference.pin == conference.moderator_pin:
                self.problems.add(f"{key}.moderator_pin", conference.pin, "another PIN than that of everybody")

    def hours(self) -> None:
        from zoneinfo import ZoneInfo

        for name, hours in self.site.hours.items():
            self.name("hours", name)
            try:
                ZoneInfo(hours.timezone)
            except (KeyError, ValueError, OSError):
                self.problems.add(
                    f"hours.{name}.timezone", hours.timezone, 'a time zone of the IANA database such as "Europe/Warsaw"'
                )
            if hours.holidays and not is_holiday_country(hours.holidays):
                self.problems.add(
                    f"hours.{name}.holidays", hours.holidays, 'a country code such as "pl", or "" for no holidays'
                )

    def menus(self) -> None:
        for name, menu in self.site.menus.items():
            self.name("menu", name)
            if not menu.steps:
                self.problems.add(f"menu.{name}.steps", [], "at least one step")
            self.steps(f"menu.{name}.steps", menu)

    def steps(self, key: str, menu: Menu) -> None:
        for index, step in enumerate(menu.steps):
            where = f"{key}[{index}]"
            if index and isinstance(menu.steps[index - 1], (ChoiceStep, GotoStep)):
                self.problems.add(where, None, "nothing after a choice or a goto", what="is never reached")
            if isinstance(step, PlayStep):
                self.play(where, step.clips)
            elif isinstance(step, HoursStep):
                self.exists(f"{where}.hours", step.hours, self.site.hours, "opening hours")
                self.destination(f"{where}.closed", step.closed)
            elif isinstance(step, GotoStep):
                self.destination(f"{where}.goto", step.destination)
            else:
                self.play(f"{where}.prompt", step.clips)
                self.play(f"{where}.on_invalid", step.on_invalid)
                self.play(f"{where}.on_timeout", step.on_timeout)
                for digit, destination in step.choices.items():
                    self.destination(f"{where}.choice.{digit}", destination)
                self.destination(f"{where}.otherwise", step.otherwise)

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
        self.problems.add(key, name, f'{noun} that exists; did you mean "{near}"?' if near else f"{noun} that exists")

    def play(self, key: str, clips: tuple[str, ...]) -> None:
        for clip in clips:
            if self.clips and not self.clips.has(clip):
                self.missing(key, clip, self.clips.names(), "a clip")

    def music(self, key: str, name: str) -> None:
        if name != BUILT_IN_MUSIC:
            self.exists(key, name, self.site.music, "a music class")

    def destination(self, key: str, destination: str) -> None:
        """ "" is allowed where it means hanging up (a queue's exits): those are not passed here."""
        kind, colon, name = destination.partition(":")
        if destination in PLAIN:
            return
        if not colon or kind not in KINDS:
            forms = "hangup, echo, " + ", ".join(f"{one}:NAME" for one in KINDS)
            self.problems.add(key, destination, f"a destination ({forms})")
        elif kind == "queue":
            self.exists(key, name, self.site.queues, "a queue")
        elif kind == "menu":
            self.exists(key, name, self.site.menus, "a menu")
        elif kind == "conference":
            self.exists(key, name, self.site.conferences, "a conference")
        elif kind == "extension":
            if name not in self.site.accounts and name not in self.site.extensions:
                known = sorted([*self.site.accounts, *self.site.extensions])
                self.missing(key, name, known, "an account or extension")
        elif kind == "music":
            self.music(key, name)
        else:
            self.play(key, (name,))

    # --- the graph -----------------------------------------------------------------------------------------------

    def reach(self) -> None:
        """Every menu must be reachable from a number that can be dialled."""
        todo = list(self.site.extensions.values())
        seen: set[str] = set()
        while todo:
            destination = todo.pop()
            if destination in seen:
                continue
            seen.add(destination)
            kind, _, name = destination.partition(":")
            if kind == "menu" and name in self.site.menus:
                todo += [one for step in self.site.menus[name].steps for one in _step_exits(step)]
            elif kind == "queue" and name in self.site.queues:
                todo += [one for _, one in _queue_exits(self.site.queues[name])]
            elif kind == "extension" and name in self.site.extensions:
                todo.append(self.site.extensions[name])
        for name in self.site.menus:
            if f"menu:{name}" not in seen:
                self.problems.add(
                    f"menu.{name}", None, "an extension or another menu that leads to it", what="is unreachable"
                )

    def loops(self) -> None:
        """No caller may go round in circles without hearing or being asked anything."""
        for start in [*(f"menu:{name}" for name in self.site.menus), *(f"queue:{name}" for name in self.site.queues),
                      *(f"extension:{name}" for name in self.site.extensions)]:  # fmt: skip
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
        """Where a call may go from there in the same moment."""
        kind, _, name = destination.partition(":")
        if kind == "queue" and (queue := self.site.queues.get(name)):
            yield from (one for one in (queue.on_full, queue.on_no_agents) if one)
        elif kind == "extension" and name in self.site.extensions and name not in self.site.accounts:
            yield self.site.extensions[name]
        elif kind == "menu" and (menu := self.site.menus.get(name)):
            for step in menu.steps:
                if isinstance(step, (PlayStep, ChoiceStep)):
                    return
                yield step.closed if isinstance(step, HoursStep) else step.destination


def _queue_exits(queue: Queue) -> list[tuple[str, str]]:
    exits = (("on_full", queue.on_full), ("on_timeout", queue.on_timeout), ("on_no_agents", queue.on_no_agents))
    return [(field, destination) for field, destination in exits if destination]


def _step_exits(step: object) -> tuple[str, ...]:
    if isinstance(step, HoursStep):
        return (step.closed,)
    if isinstance(step, GotoStep):
        return (step.destination,)
    if isinstance(step, ChoiceStep):
        return (*step.choices.values(), step.otherwise)
    return ()


def is_holiday_country(code: str) -> bool:
    import holidays  # 100 ms: only where a site is edited.

    return code.upper() in holidays.list_supported_countries()
