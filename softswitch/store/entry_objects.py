"""Lists of numbers, screenings, outages and notices as they stand in site.toml: rules of single values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from softswitch.decode import Expected, Rule, number_in, one_of, text, whole_in
from softswitch.directory.entry import ANONYMOUS, Notice, Outage, Screening

ON: Final = ("abandoned", "callback", "after_call")
TEXT_EXPECTED: Final = 'a text in quotes, or texts by language such as { pl = "...", en = "..." }'
MOST_TEXT: Final = 670  # characters: ten parts of an SMS in Unicode
FIELDS: Final = ("name", "number", "queue", "time")  # what may stand in braces in a notice


def _read_text(value: object) -> Mapping[str, str]:
    found = {"": value} if isinstance(value, str) else value
    if not isinstance(found, Mapping) or not found:
        raise ValueError
    texts: dict[str, str] = {}
    for language, one in found.items():
        said = text(one)
        try:
            said.format_map(dict.fromkeys(FIELDS, ""))
        except (KeyError, ValueError, IndexError, AttributeError):
            raise Expected("no braces but " + ", ".join(f"{{{name}}}" for name in FIELDS)) from None
        if not 0 < len(said) <= MOST_TEXT:
            raise Expected(f"1 to {MOST_TEXT} characters")
        texts[str(language)] = said
    return texts


def _write_text(texts: Mapping[str, str]) -> Any:
    return texts[""] if list(texts) == [""] else dict(texts)


ENTRY_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Screening, "most_calls"): whole_in(0, 250),
    (Screening, "hours"): number_in(0.1, 168, "hours"),
    (Outage, "minutes"): number_in(0, 525_600, "minutes"),
    (Notice, "on"): one_of(*ON),
    (Notice, "text"): Rule(TEXT_EXPECTED, _read_text, _write_text),
    (Notice, "after_wait"): number_in(0, 86_400, "seconds"),
    (Notice, "min_talk"): number_in(0, 86_400, "seconds"),
}
NUMBERS_EXPECTED: Final = f'a number such as "+48221234567", a beginning such as "+4870*", or "{ANONYMOUS}"'  # in lists
