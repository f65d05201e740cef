"""A person's number, however it is written, and how it is made unrecognisable in texts and values (MED-18, GDPR article 17).

In its place stands a pseudonym that is drawn anew each time and written down nowhere else: the same in all records, so that a
caller who called five times is still one caller who called five times, and nobody can tell who.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from softswitch.numbers import digits_of, normalise, parts

LEAST: Final = 7  # digits: what is shorter is somebody's extension, or a service
GAP: Final = r"[ .()/-]?"  # between digits, as people write them
CALLED: Final = frozenset({"dialled", "path", "value"})  # who is called there is not whose name is shown
SHOWN: Final = frozenset({"caller_name", "name", "note", "notes", "text", "comment", "display_name", "title", "said"})


@dataclass(slots=True, frozen=True)
class Person:
    """Who is to be forgotten. `needle`: the digits that every spelling ends with; `pattern`: every spelling, in any text."""

    number: str
    needle: str
    pattern: re.Pattern[str]
    spellings: tuple[str, ...]

    def is_in(self, value: object) -> bool:
        return isinstance(value, str) and self.pattern.search(value) is not None

    def hide(self, value: Any, pseudonym: str) -> Any:
        """The same value with the pseudonym in the place of the number; texts that hold JSON stay JSON."""
        if isinstance(value, str):
            return self.pattern.sub(pseudonym, value)
        if isinstance(value, dict):
            return {self.hide(name, pseudonym): self.hide(one, pseudonym) for name, one in value.items()}
        if isinstance(value, list):
            return [self.hide(one, pseudonym) for one in value]
        return value

    def hide_in_column(self, text: str, pseudonym: str) -> str:
        """A column's text, which may be JSON: there, numbers that are no texts are left as they are."""
        if text[:1] in ("{", "["):
            try:
                return json.dumps(self.hide(json.loads(text), pseudonym), separators=(",", ":"))
            except ValueError:
                pass
        return self.pattern.sub(pseudonym, text)


def person(text: str, country: str) -> Person | None:
    """Whose number it is, as it is dialled or written in a country; None if it is too short to be one person's."""
    plain = digits_of(text.strip())
    number = normalise(plain, country) if plain else ""
    number = number or plain
    code, national = parts(number)
    if len(national) < LEAST:
        return None
    digits = GAP.join(national)
    leading = rf"(?:(?:\+|00){GAP}{GAP.join(code)}|{GAP.join(code)}|0)?" if code else r"\+?"
    pattern = re.compile(rf"(?<![0-9A-Za-z]){leading}{GAP}{digits}(?![0-9A-Za-z])")
    spelt = {plain, number, national, f"0{national}", f"{code}{national}", f"+{code}{national}", f"00{code}{national}"}
    return Person(number, national, pattern, tuple(sorted(spelt)))


def forget_in_block(
    text: str, who: Person, pseudonym: str, names: Collection[str], customers: Collection[str], calls: Collection[str]
) -> tuple[str, int]:
    """A block of the journal (JSON) without the person, and how many of its events were changed."""
    entries, changed = json.loads(text), 0
    for entry in entries:
        call, payload = entry[4], entry[5]
        new = who.hide(payload, pseudonym)
        if any(new[name] != value for name, value in payload.items() if name not in CALLED):
            new |= {name: "" for name in SHOWN & new.keys() if isinstance(new[name], str)}
        if new != payload or call in calls:
            new = _nameless(new, names, customers, pseudonym)
        if new != payload:
            entry[5] = new
            changed += 1
    return (json.dumps(entries, separators=(",", ":")), changed) if changed else (text, 0)


def _nameless(value: Any, names: Collection[str], customers: Collection[str], pseudonym: str) -> Any:
    """Names and customer numbers out of a value that is about the person."""
    if isinstance(value, str):
        return "" if value in names else pseudonym if value in customers else value
    if isinstance(value, dict):
        return {name: _nameless(one, names, customers, pseudonym) for name, one in value.items()}
    if isinstance(value, list):
        return [_nameless(one, names, customers, pseudonym) for one in value]
    return value
