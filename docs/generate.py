"""Writes the reference parts of these pages from the program itself: `python docs/generate.py`.

What stands between `<!-- NAME -->` and `<!-- end -->` in a page is generated; a unit test fails when it is out of date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

import rich_click as click

from softswitch import events
from softswitch.cli import COMMANDS, main
from softswitch.config import SECTIONS, Config
from softswitch.decode import encode_value
from softswitch.directory import DEFAULT_FEATURE_CODES, FEATURES, NAMED_FEATURES
from softswitch.toml import toml_value
from softswitch.words import WORDS

FOLDER: Final = Path(__file__).resolve().parent
DEFAULTS: Final = (str, int, float, type(Path()))  # a default of another type is no value to show
SCALARS: Final = {"bool": "`true` or `false`", "str": "text", "int": "a whole number", "float": "a number"}


def settings() -> Iterator[str]:
    """Every setting of softswitch.toml: default, what it accepts (with the unit), what it is for."""
    config = Config()
    for section, cls in SECTIONS.items():
        yield f"\n### [{section}]\n\n| key | default | accepts | |\n|---|---|---|---|"
        for one in fields(cls):
            rule = one.metadata["rule"]
            value = getattr(getattr(config, section), one.name)
            default = toml_value(rule.write(value) if rule else encode_value(value))
            accepts = rule.expected if rule else SCALARS.get(str(one.type), "a path in quotes")
            yield f"| `{one.name}` | `{default}` | {_cell(accepts)} | {_cell(one.metadata['comment'])} |"


def commands() -> Iterator[str]:
    """Every command and its options, in the order of `softswitch --help`."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        yield from _command(command, f"softswitch {name}")


def _command(command: click.Command, path: str) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [str(one.name).upper() for one in arguments]
    usage = " ".join(
        [path, *(word if one.required else f"[{word}]" for word, one in zip(words, arguments, strict=True))]
    )
    subcommands: dict[str, click.Command] = getattr(command, "commands", {})
    yield f"\n### `{usage}`\n\n{inspect.cleandoc(command.help or '')}"
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        yield "\n| option | default | |\n|---|---|---|"
    for one in options:
        names = ", ".join(f"`{name}`" for name in one.opts)
        default = f"`{one.default}`" if one.default != "" and type(one.default) in DEFAULTS else ""
        yield f"| {names} | {default} | {_cell(one.help or '')} |"
    for name, inner in subcommands.items():
        yield from _command(inner, f"{path} {name}")


EVENT_MODULES = [
    f"softswitch.events.{name}"
    for name in (
        "registrations", "calls", "transfers", "rooms", "recordings", "messages", "queues", "callbacks", "campaigns", "phones",
        "trunks",
        "facilities", "wrapping", "prompts", "customers", "hooks", "orders", "supervisor", "host", "audit",
    )
]  # fmt: skip


def event_classes() -> list[type[events.Event]]:
    found = [one for one in vars(events).values() if inspect.isclass(one) and issubclass(one, events.Event)]
    return sorted(
        (one for one in found if one is not events.Event), key=lambda one: EVENT_MODULES.index(one.__module__)
    )


def event_names() -> Iterator[str]:
    """Every event with its fields, by what they are about."""
    for cls in event_classes():
        yield f"\n### `{cls.name}`\n\n{inspect.cleandoc(cls.__doc__ or '')}\n"
        comments = _comments(cls)
        for one in fields(cls):
            optional = one.default is not MISSING or one.default_factory is not MISSING
            said = f": {comments[one.name]}" if one.name in comments else ""
            yield f"- `{one.name}` ({one.type}{', may be absent or empty' if optional else ''}){said}"


def words() -> Iterator[str]:
    """The names that expressions of menus know."""
    yield "| name | |\n|---|---|"
    for name, word in WORDS.items():
        of = f".{word.of.upper()}" if word.of else ""
        fields_ = [f"`{name}{of}.{one}`" for one in word.fields] or [f"`{name}{of}`"]
        more = f", `{name}.FIELD` (any)" if word.any_field and word.fields else ""
        shown = [f"`{name}.NAME`"] if word.any_field and not word.fields else fields_
        yield f"| {', '.join(shown)}{more} | {_cell(word.meaning)} |"


def feature_codes() -> Iterator[str]:
    """Every action, the codes that a new site has for it, and what may follow them."""
    yield "| dialled | action | |\n|---|---|---|"
    for action, feature in {**FEATURES, **NAMED_FEATURES}.items():
        behind = {"": "", "*": "`*`QUEUE"}.get(feature.begins, BEHIND.get(action, "NUMBER"))
        codes = [code for code, one in DEFAULT_FEATURE_CODES.items() if one == action]
        dialled = " or ".join(f"`{code}`" for code in codes) or "a code of the site"
        yield f"| {dialled}{' ' + behind if behind else ''} | `{action}` | {_cell(feature.meaning)} |"


# What may stand behind a code where it is not just a number.
BEHIND: Final = {
    **{f"forward.{kind}": "NUMBER" for kind in ("always", "busy", "no_answer", "unreachable")},
    **{f"forward_off.{kind}": "" for kind in ("always", "busy", "no_answer", "unreachable", "all")},
    "agent.not_ready": "REASON `*`QUEUE",
}


def _comments(cls: type[Any]) -> dict[str, str]:
    """What the source says behind the fields."""
    found = re.findall(r"^    (\w+): .*?  # (.+)$", inspect.getsource(cls), re.MULTILINE)
    return dict(found)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PARTS: Final[dict[str, tuple[str, Callable[[], Iterator[str]]]]] = {
    "configuration.md": ("settings", settings),
    "cli.md": ("commands", commands),
    "events.md": ("events", event_names),
    "feature-codes.md": ("codes", feature_codes),
    "menus.md": ("words", words),
}


def render(page: str) -> str:
    """A page with its generated part as it ought to be."""
    name, generate = PARTS[page]
    text = (FOLDER / page).read_text(encoding="utf-8")
    head, mark, rest = text.partition(f"<!-- {name} -->\n")
    assert mark, f"{page} has no <!-- {name} -->"
    tail = rest.partition("<!-- end -->")[2]
    return head + mark + "\n".join(generate()) + "\n\n<!-- end -->" + tail


if __name__ == "__main__":
    for page in PARTS:
        (FOLDER / page).write_text(render(page), encoding="utf-8")
        print(page, file=sys.stderr)
