"""Dispositions and scripts as they stand in site.toml: rules of single values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from softswitch.decode import Expected, Problems, Rule, decode, encode, number_in, one_of, text
from softswitch.directory import Directory, Queue
from softswitch.directory.wrapping import Disposition, Script, ScriptField, ScriptStep
from softswitch.integrations.screenpop import check_template

TITLE_EXPECTED: Final = 'a title in quotes, or titles by language such as { pl = "...", en = "..." }'
LONGEST_TITLE: Final = 80  # characters
LONGEST_TEXT: Final = 8_000  # ... of a step of a script
FIELD_KINDS: Final = ("text", "number", "choice", "yes_no")
_is_colour = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII).fullmatch
_is_key = re.compile(r"[0-9]{1,4}", re.ASCII).fullmatch


def read_titles(value: object) -> Mapping[str, str]:
    """A text, or texts by language."""
    found = {"": value} if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError
    titles = {str(language): text(one).strip() for language, one in found.items()}
    if not all(0 < len(one) <= LONGEST_TITLE and one.isprintable() for one in titles.values()):
        raise Expected(f"1 to {LONGEST_TITLE} characters on one line")
    return titles


def write_titles(titles: Mapping[str, str]) -> Any:
    return titles[""] if list(titles) == [""] else dict(titles)


def _read_colour(value: object) -> str:
    colour = text(value)
    if colour and not _is_colour(colour):
        raise ValueError
    return colour.lower()


def _read_key(value: object) -> str:
    key = text(value)
    if key and not _is_key(key):
        raise ValueError
    return key


def _read_template(value: object) -> str:
    template = text(value)
    if template and (why := check_template(template)):
        raise Expected(why)
    return template


SCREEN_POP: Final = Rule('an address such as "https://crm.example.com/?id={customer}&phone={number}"', _read_template)


def _read_markdown(value: object) -> Mapping[str, str]:
    found = {"": value} if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError
    texts = {str(language): one for language, one in found.items() if isinstance(one, str)}
    if len(texts) < len(found) or not all(line.isprintable() for one in texts.values() for line in one.split("\n")):
        raise ValueError
    if not all(len(one) <= LONGEST_TEXT for one in texts.values()):
        raise Expected(f"at most {LONGEST_TEXT} characters")
    return texts


def _tables(cls: type, expected: str) -> Rule:
    def read(value: object, problems: Problems, key: str) -> tuple[object, ...]:
        if not isinstance(value, (list, tuple)):
            problems.add(key, value, expected)
            return ()
        return tuple(
            decode(cls, one, problems, key=f"{key}[{index}]", rules=WRAPPING_RULES) for index, one in enumerate(value)
        )

    return Rule(expected, tuple, lambda values: [encode(one, rules=WRAPPING_RULES) for one in values], read)


TITLE: Final = Rule(TITLE_EXPECTED, read_titles, write_titles)
WRAPPING_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Directory, "screen_pop"): SCREEN_POP,
    (Queue, "screen_pop"): SCREEN_POP,
    (Disposition, "title"): TITLE,
    (Script, "title"): TITLE,
    (Script, "steps"): _tables(ScriptStep, 'a list of steps such as [{ name = "greet", text = "..." }]'),
    (ScriptStep, "title"): TITLE,
    (ScriptStep, "text"): Rule(
        'Markdown in quotes, or by language: { pl = "...", en = "..." }', _read_markdown, write_titles
    ),
    (ScriptStep, "fields"): _tables(ScriptField, 'a list of fields such as [{ name = "budget", kind = "number" }]'),
    (ScriptField, "title"): TITLE,
    (ScriptField, "kind"): one_of(*FIELD_KINDS),
    (Disposition, "colour"): Rule('a colour such as "#c0392b"', _read_colour),
    (Disposition, "key"): Rule('one to four digits such as "1"', _read_key),
    (Disposition, "callback_after"): number_in(0, 2_592_000, "seconds"),
}
