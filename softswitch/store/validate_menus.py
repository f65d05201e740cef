"""Do menus make sense as a whole (IVR-05)? Part of `validate`.

Every destination leads somewhere, every clip, queue and variable is there, every branch can be reached and ends in something
that a caller can hear or go on from, and nobody goes round in circles without being asked anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from softswitch.directory import (
    CallbackStep,
    CallerStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    Directory,
    GotoStep,
    HangupStep,
    HoursStep,
    HttpStep,
    IdentifyStep,
    IfStep,
    LanguageStep,
    MailStep,
    Menu,
    PlayStep,
    QueueStep,
    SayStep,
    SetStep,
    SmsStep,
    Step,
    SurveyStep,
    SwitchStep,
)
from softswitch.directory.menus import INSIDE, MAIN, node
from softswitch.expression import ExpressionError, Name, Node, names, parse, template
from softswitch.numbers import normalise
from softswitch.store import validate_queues
from softswitch.store.menu_objects import PRESENTED, names_of
from softswitch.words import WORDS

if TYPE_CHECKING:
    from softswitch.store.validate import Check

# Steps whose fields hold expressions, and texts with expressions in them.
EXPRESSIONS: Final[dict[type, tuple[str, ...]]] = {
    SayStep: ("value",), IfStep: ("condition",), SwitchStep: ("value",), QueueStep: ("priority", "wait_credit"),
}  # fmt: skip
TEMPLATES: Final[dict[type, tuple[str, ...]]] = {
    LanguageStep: ("language",), QueueStep: ("agent",), HttpStep: ("url", "body"), SmsStep: ("text", "to"),
    MailStep: ("to", "subject", "text"),
}  # fmt: skip
# Fields that hold destinations; "" is the next step, except in a choice, where it means what `otherwise` says.
DESTINATIONS: Final[dict[type, tuple[str, ...]]] = {
    ChoiceStep: ("otherwise", "invalid", "silent"), HoursStep: ("closed",), GotoStep: ("destination",),
    IfStep: ("then", "otherwise"), SwitchStep: ("otherwise",), CollectStep: ("otherwise",), IdentifyStep: ("found", "otherwise"),
    DialStep: ("busy", "no_answer", "otherwise"), HttpStep: ("failed",),
}  # fmt: skip
TABLES: Final[dict[type, str]] = {ChoiceStep: "choices", SwitchStep: "cases", HttpStep: "results"}
CLIPS: Final[dict[type, tuple[str, ...]]] = {
    PlayStep: ("clips",), ChoiceStep: ("clips", "on_invalid", "on_timeout"),
    CollectStep: ("clips", "on_invalid", "on_timeout"), IdentifyStep: ("clips", "on_unknown"),
    SurveyStep: ("clips", "on_invalid"),
}  # fmt: skip
# What a caller hears or is asked: a circle with one of these in it is no rush.
PAUSES: Final = (PlayStep, SayStep, ChoiceStep, CollectStep, IdentifyStep, SurveyStep, DialStep)
# Steps that a caller never comes out of at the other end.
ENDS: Final = (QueueStep, CallbackStep, HangupStep)
NEXT: Final = ("", "next")
BLOCKED: Final = "blocked"  # the list that is kept by command
EXAMPLE: Final = "+48221234567"


class Menus:
    """The part of the check that is about menus."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.site = check.site
        self.problems = check.problems
        self.variables = set(_variables(self.site))

    def menus(self) -> None:
        for name, menu in self.site.menus.items():
            self.check.name("menu", name)
            if not menu.steps:
                self.problems.add(f"menu.{name}.steps", [], "at least one step")
            self.prompts(f"menu.{name}.prompts", menu.prompts)
            for branch, steps in ((MAIN, menu.steps), *menu.branches.items()):
                key = f"menu.{name}.branches.{branch}" if branch else f"menu.{name}.steps"
                if branch:
                    self.branch_name(key, branch)
                self.steps(key, menu, steps)
                self.dead_end(key, menu, branch, steps)
        self.numbers()

    def numbers(self) -> None:
        for name, number in self.site.numbers.items():
            self.check.name("number", name)
            inside = name in self.site.extensions or name in self.site.accounts
            if not inside and (normalise(name, self.site.country) if self.site.trunks else name) != name:
                expected = f'a number of ours as it is dialled inside, or in full such as "{EXAMPLE}"'
                self.problems.add(f"number.{name}", name, expected, what="is no number of ours")
            self.prompts(f"number.{name}.prompts", number.prompts)

    def branch_name(self, key: str, name: str) -> None:
        if not name or ":" in name or name != name.strip() or len(name) > 64:
            self.problems.add(
                key, name, "1 to 64 characters without : and without blanks at the ends", what="is not a name"
            )

    def steps(self, key: str, menu: Menu, steps: tuple[Step, ...]) -> None:
        if not steps and key.rpartition(".")[2] != "steps":
            self.problems.add(key, [], "at least one step")
        for index, step in enumerate(steps):
            where = f"{key}[{index}]"
            if index and not goes_on(steps[index - 1]):
                self.problems.add(
                    where, None, "nothing after a step that always leads elsewhere", what="is never reached"
                )
            self.step(where, menu, step)

    def step(self, where: str, menu: Menu, step: Step) -> None:
        kind = type(step)
        written = names_of(step)
        for field in CLIPS.get(kind, ()):
            shown = where if kind is PlayStep else f"{where}.{written.get(field, field)}"
            self.check.play(shown, getattr(step, field))
        for field in EXPRESSIONS.get(kind, ()):
            if source := getattr(step, field):
                self.expression(f"{where}.{written.get(field, field)}", source)
        for field in TEMPLATES.get(kind, ()):
            self.text(f"{where}.{written.get(field, field)}", getattr(step, field))
        for field in DESTINATIONS.get(kind, ()):
            if to := getattr(step, field):
                self.destination(f"{where}.{written.get(field, field)}", to, menu)
        if kind in TABLES:
            field = TABLES[kind]
            for name, to in getattr(step, field).items():
                self.destination(f"{where}.{written.get(field, field)}.{name}", to, menu)
        self.special(where, menu, step)

    def special(self, where: str, menu: Menu, step: Step) -> None:
        """What only one kind of step has."""
        if isinstance(step, HoursStep):
            self.check.exists(f"{where}.hours", step.hours, self.site.hours, "opening hours")
        elif isinstance(step, QueueStep | CallbackStep):
            key = f"{where}.{names_of(step).get('queue', 'queue')}"
            self.check.exists(key, step.queue, self.site.queues, "a queue")
        elif isinstance(step, IfStep):
            if step.then in NEXT and step.otherwise in NEXT:
                self.problems.add(where, None, "then or else, with a destination", what="leads nowhere")
        elif isinstance(step, SetStep):
            for name, source in step.values.items():
                self.not_a_word(f"{where}.set.{name}", name)
                self.expression(f"{where}.set.{name}", source)
        elif isinstance(step, CollectStep):
            self.not_a_word(f"{where}.collect", step.variable)
        elif isinstance(step, LanguageStep):
            self.prompts(f"{where}.prompts", step.prompts)
        elif isinstance(step, CallerStep):
            for name, source in step.caller.items():
                (self.expression if name == PRESENTED[2] else self.text)(f"{where}.caller.{name}", source)
        elif isinstance(step, CallStep):
            self.called(f"{where}.call", step.branch, menu)
        elif isinstance(step, DialStep):
            self.dialled(f"{where}.dial", step.destination)
        elif isinstance(step, HttpStep):
            self.web(where, step)

    # --- single values ---------------------------------------------------------------------------------------------------

    def destination(self, key: str, to: str, menu: Menu) -> None:
        """One of a menu: those that mean something inside menus, or any."""
        kind, colon, name = to.partition(":")
        if to in INSIDE:
            return
        if kind == "branch" and colon:
            if name not in menu.branches:
                self.check.missing(key, name, sorted(menu.branches), f"a branch of the menu {menu.name}")
        else:
            self.check.destination(key, to)

    def called(self, key: str, to: str, menu: Menu) -> None:
        if to.partition(":")[0] not in ("branch", "menu"):
            self.problems.add(key, to, '"branch:NAME", "menu:NAME" or "menu:NAME:BRANCH"')
        else:
            self.destination(key, to, menu)

    def dialled(self, key: str, to: str) -> None:
        if to.partition(":")[0] not in ("extension", "group", "outside"):
            self.problems.add(key, to, '"extension:USER", "group:NAME" or "outside:NUMBER"')
        else:
            self.check.destination(key, to)

    def web(self, where: str, step: HttpStep) -> None:
        if not re.match(r"https?://", step.url, re.IGNORECASE):
            self.problems.add(
                f"{where}.http", step.url, 'a URL such as "https://crm.example.com/customers/{caller.number}"'
            )
        for name, source in step.headers.items():
            self.text(f"{where}.headers.{name}", source)
        for name, source in step.fields.items():
            self.expression(f"{where}.fields.{name}", source)
        for name in step.save:
            self.not_a_word(f"{where}.save.{name}", name)

    def prompts(self, key: str, name: str) -> None:
        clips = self.check.clips
        if name and clips is not None and not any(one.startswith(f"{name}/") for one in clips.names()):
            self.problems.add(key, name, "a folder of clips in a language's folder, such as pl/NAME/welcome.wav")

    def not_a_word(self, key: str, name: str) -> None:
        if name in WORDS:
            self.problems.add(key, name, "another name", what="is a word that means something else in expressions")

    def expression(self, key: str, source: str) -> None:
        self._checked(key, source, lambda: [parse(source)])

    def text(self, key: str, source: str) -> None:
        self._checked(key, source, lambda: [one for one in template(source) if not isinstance(one, str)])

    def _checked(self, key: str, source: str, read: Callable[[], list[Node]]) -> None:
        try:
            nodes = read()
        except ExpressionError as error:
            self.problems.add(key, source, f"an expression: {error}")
            return
        for one in nodes:
            for name in names(one):
                if expected := self.unknown(name):
                    self.problems.add(
                        key, source, expected, what=f"{name} at column {name.column} is not known"
                    )  # fmt: skip

    def unknown(self, name: Name) -> str:
        """What is expected in place of a name that means nothing; "" if it means something."""
        root, *rest = name.path
        word = WORDS.get(root)
        if word is None:
            if not rest and root in self.variables:
                return ""
            known = sorted({*WORDS, *self.variables})
            return "a variable that some step sets, or one of " + ", ".join(known)
        if word.of:
            names_there = self._things(word.of)
            if not rest:
                return f"{root}.NAME"
            if rest[0] not in names_there:
                return f"{root}.NAME of " + (", ".join(sorted(names_there)) or "which there is none")
            rest = rest[1:]
        if word.any_field:
            return "" if len(rest) == 1 else f"{root}.FIELD"
        if not word.fields:
            return "" if not rest else f"nothing behind {'.'.join(name.path[: 2 if word.of else 1])}"
        if len(rest) != 1 or rest[0] not in word.fields:
            return f"{root}{'.NAME' if word.of else ''}. and one of " + ", ".join(word.fields)
        return ""

    def _things(self, of: str) -> set[str]:
        """Names of the site."""
        site = self.site
        return set(
            {"queue": site.queues, "agent": site.agents, "hours": site.hours, "list": {*site.lists, BLOCKED}}[of]
        )

    # --- the graph -----------------------------------------------------------------------------------------------------

    def dead_end(self, key: str, menu: Menu, branch: str, steps: tuple[Step, ...]) -> None:
        """A branch that is over before the caller has heard or been asked anything, and leads nowhere."""
        if not steps or not goes_on(steps[-1]) or any(isinstance(step, PAUSES) for step in steps):
            return
        if any(step_exits(step, menu) for step in steps) or node(menu.name, branch) in called_nodes(self.site):
            return
        self.problems.add(
            f"{key}[{len(steps) - 1}]",
            None,
            "a step behind it that plays something or leads somewhere",
            what="is a dead end",
        )


def unreachable_branches(site: Directory, seen: set[str]) -> Iterator[tuple[str, str]]:
    """(menu, branch) that nobody comes to, of menus that somebody does. `seen`: destinations that calls go to."""
    for name, menu in site.menus.items():
        if any(one == f"menu:{name}" or one.startswith(f"menu:{name}:") for one in seen):
            yield from ((name, branch) for branch in menu.branches if f"menu:{name}:{branch}" not in seen)


def named_flows(site: Directory) -> set[str]:
    """Flows in Python that some destination of the site names."""
    found = [
        *site.extensions.values(),
        *(one for trunk in site.trunks.values() for one in (*trunk.dids.values(), trunk.default)),
    ]
    found += [one for name in site.queues for _, one in validate_queues.exits(site.queues[name])]
    found += [
        one
        for menu in site.menus.values()
        for steps in (menu.steps, *menu.branches.values())
        for step in steps
        for one in step_exits(step, menu)
    ]
    return {name for kind, _, name in (one.partition(":") for one in found) if kind == "flow"}


def called_nodes(site: Directory) -> set[str]:
    """Branches that are called, and so lead back."""
    return {
        absolute(step.branch, menu).removeprefix("menu:")
        for menu in site.menus.values()
        for steps in (menu.steps, *menu.branches.values())
        for step in steps
        if isinstance(step, CallStep)
    }


def _variables(site: Directory) -> Iterator[str]:
    """Every variable that some step sets."""
    for menu in site.menus.values():
        for steps in (menu.steps, *menu.branches.values()):
            for step in steps:
                if isinstance(step, SetStep):
                    yield from step.values
                elif isinstance(step, CollectStep):
                    yield step.variable
                elif isinstance(step, HttpStep):
                    yield from step.save


def absolute(to: str, menu: Menu) -> str:
    """A destination of a menu as it is written outside of it."""
    return f"menu:{menu.name}:{to.removeprefix('branch:')}" if to.startswith("branch:") else to


def goes_on(step: Step) -> bool:
    """Whether a caller may come to the step behind this one."""
    if isinstance(step, ENDS):
        return False
    if isinstance(step, GotoStep):
        return step.destination in NEXT
    if isinstance(step, ChoiceStep):
        ways = (*step.choices.values(), step.otherwise, step.invalid or step.otherwise, step.silent or step.otherwise)
        return any(one in NEXT for one in ways)
    if isinstance(step, IfStep):
        return step.then in NEXT or step.otherwise in NEXT
    if isinstance(step, SwitchStep):
        return step.otherwise in NEXT or any(one in NEXT for one in step.cases.values())
    return True


def step_exits(step: Step, menu: Menu) -> list[str]:
    """Where a step may lead to outside of its branch."""
    found = [getattr(step, field) for field in DESTINATIONS.get(type(step), ())]
    if type(step) in TABLES:
        found += getattr(step, TABLES[type(step)]).values()
    if isinstance(step, CallStep):
        found.append(step.branch)
    elif isinstance(step, QueueStep):
        found.append(f"queue:{step.queue}")
    elif isinstance(step, DialStep):
        found.append(step.destination)
    return [absolute(one, menu) for one in found if one and one not in INSIDE]


def exits(site: Directory, name: str) -> Iterator[str]:
    """Where a branch may lead to: NAME or NAME:BRANCH."""
    found, _, branch = name.partition(":")
    menu = site.menus.get(found)
    for step in (menu.branch(branch) or ()) if menu is not None else ():
        yield from step_exits(step, menu)  # type: ignore[arg-type]


def at_once(site: Directory, name: str) -> Iterator[str]:
    """Where a call may go from a branch in the same moment: without hearing or being asked anything."""
    found, _, branch = name.partition(":")
    menu = site.menus.get(found)
    for step in (menu.branch(branch) or ()) if menu is not None else ():
        if isinstance(step, PAUSES):
            return
        assert menu is not None
        yield from step_exits(step, menu)
        if isinstance(step, GotoStep) and step.destination == "repeat":
            yield f"menu:{name}"
        if not goes_on(step):
            return
