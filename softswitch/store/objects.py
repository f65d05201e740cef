"""The site as plain objects: (kind, name) -> body. One form for the database rows, for site.toml and for the diff.

A body holds a dataclass of `softswitch.directory` without its name, without fields at their default, in the notation of
site.toml (hours as "Mon-Fri 08:00-20:00", steps as small tables).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from softswitch.decode import (
    Expected,
    Problems,
    Rule,
    decode,
    encode,
    field_types,
    number_in,
    one_of,
    text,
    tidy,
    whole,
    whole_in,
)
from softswitch.directory import (
    DEFAULT_FEATURE_CODES,
    Account,
    Agent,
    ChoiceStep,
    Conference,
    Directory,
    GotoStep,
    Hours,
    HoursStep,
    Membership,
    Menu,
    PlayStep,
    Queue,
    Step,
)
from softswitch.store import hours_text

Body: TypeAlias = dict[str, Any]
Objects: TypeAlias = dict[tuple[str, str], Body]

# Kind -> (field of Directory, class, field that holds the name). The order is that of site.toml.
NAMED: Final[Mapping[str, tuple[str, type, str]]] = {
    "account": ("accounts", Account, "user"),
    "agent": ("agents", Agent, "name"),
    "queue": ("queues", Queue, "name"),
    "hours": ("hours", Hours, "name"),
    "menu": ("menus", Menu, "name"),
    "conference": ("conferences", Conference, "name"),
}
SETTINGS: Final = ("domain", "language", "country", "codecs", "aliases")
KINDS: Final = ("site", *NAMED, "extension", "music", "feature_code")
HA1: Final = ("ha1_md5", "ha1_sha256")  # what an account keeps of its password
PINS: Final = ("pin", "moderator_pin")
STRATEGIES: Final = ("longest_idle", "ring_all", "linear", "round_robin", "random", "fewest_calls", "least_busy")
EMPTY_WHEN: Final = ("logged_out", "unreachable", "paused", "in_use", "ringing", "wrapup", "backoff")
CHOICE_KEYS: Final = frozenset("0123456789*#")

STEPS_EXPECTED: Final = 'a list of steps such as [{ play = "welcome" }, { goto = "queue:sales" }]'
MEMBERS_EXPECTED: Final = 'a list of agents such as [{ agent = "anna", tier = 0 }]'

# --- rules ---------------------------------------------------------------------------------------------------------


def _read_hex(length: int) -> Rule:
    def read(value: object) -> str:
        digest = text(value).lower()
        if digest and (len(digest) != length or not set(digest) <= set("0123456789abcdef")):
            raise ValueError
        return digest

    return Rule(f"{length} hex digits", read)


def _read_pin(value: object) -> str:
    pin = text(value)
    if pin and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 12):
        raise ValueError
    return pin


def _read_empty_when(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not set(value) <= set(EMPTY_WHEN):
        raise ValueError
    return tuple(value)


def _read_steps(value: object, problems: Problems, key: str) -> tuple[Step | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, STEPS_EXPECTED)
        return ()
    return tuple(read_step(one, problems, f"{key}[{index}]") for index, one in enumerate(value))


def _read_members(value: object, problems: Problems, key: str) -> tuple[Membership | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, MEMBERS_EXPECTED)
        return ()
    tables = [{"agent": one} if isinstance(one, str) else one for one in value]  # A bare name is tier 0.
    return tuple(
        decode(Membership, one, problems, key=f"{key}[{index}]", rules=RULES) for index, one in enumerate(tables)
    )


# Spellings of the codecs that we speak, and "*": any other, passed through between phones that share it.
CODECS: Final = {name.lower(): name for name in ("opus", "G722", "PCMA", "PCMU", "L16")}
CODECS_EXPECTED: Final = 'a list of codecs such as ["opus", "G722", "PCMA", "PCMU", "*"]'


def _read_codecs(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    names = tuple(CODECS.get(text(one).lower(), text(one)) for one in value)
    if len(set(names)) != len(names) or not all(one == "*" or _is_codec(one) for one in names):
        raise ValueError
    if names and not any(one in CODECS.values() for one in names):
        raise Expected("at least one of " + ", ".join(CODECS.values()))
    return names


_is_codec = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch


def _read_optional(rule: Rule) -> Rule:
    return Rule(rule.expected, rule.read, lambda value: None if value is None else tidy(value))


PIN: Final = Rule("4 to 12 digits in quotes", _read_pin)
SECONDS: Final = number_in(0, 86_400, "seconds")
RECORD: Final = one_of("off", "always", "on_demand")
RECORDING_FORMAT: Final = one_of("wav", "opus")
RECORDING_DAYS: Final = whole_in(0, 36_500, "days")
RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Account, "ha1_md5"): _read_hex(32),
    (Account, "ha1_sha256"): _read_hex(64),
    (Account, "max_contacts"): whole_in(1, 100),
    (Account, "max_calls"): whole_in(1, 10_000),
    (Account, "codecs"): Rule(CODECS_EXPECTED, _read_codecs, list),
    (Account, "srtp"): one_of("off", "optional", "required", "dtls"),
    (Account, "dtmf"): one_of("auto", "rfc4733", "info", "inband"),
    (Account, "record"): RECORD,
    (Account, "recording_format"): RECORDING_FORMAT,
    (Account, "recording_days"): RECORDING_DAYS,
    (Queue, "record"): RECORD,
    (Queue, "recording_format"): RECORDING_FORMAT,
    (Queue, "recording_days"): RECORDING_DAYS,
    (Conference, "pin"): PIN,
    (Conference, "moderator_pin"): PIN,
    (Conference, "max_members"): whole_in(0, 10_000),
    (Agent, "wrap_up"): _read_optional(SECONDS),
    (Agent, "ring_timeout"): _read_optional(number_in(3, 600, "seconds")),
    (Agent, "pin"): PIN,
    (Hours, "spans"): Rule(hours_text.SPANS_EXPECTED, hours_text.read_spans, hours_text.write_spans),
    (Hours, "special_days"): Rule(hours_text.SPECIAL_EXPECTED, hours_text.read_special, hours_text.write_special),
    (Hours, "override"): one_of("", "open", "closed"),
    (Menu, "steps"): Rule(STEPS_EXPECTED, tuple, lambda steps: [write_step(one) for one in steps], _read_steps),
    (Membership, "tier"): whole_in(0, 1_000),
    (Membership, "position"): whole_in(0, 1_000_000),
    (Queue, "members"): Rule(MEMBERS_EXPECTED, tuple, lambda members: [encode(one) for one in members], _read_members),
    (Queue, "strategy"): one_of(*STRATEGIES),
    (Queue, "tier_mode"): one_of("busy", "timed", "both"),
    (Queue, "ring_timeout"): number_in(3, 600, "seconds"),
    (Queue, "wrap_up"): SECONDS,
    (Queue, "max_length"): whole_in(0, 1_000_000),
    (Queue, "max_wait"): SECONDS,
    (Queue, "no_answer_delay"): SECONDS,
    (Queue, "reject_delay"): SECONDS,
    (Queue, "busy_delay"): SECONDS,
    (Queue, "unreachable_delay"): SECONDS,
    (Queue, "short_abandon"): SECONDS,
    (Queue, "service_level_seconds"): SECONDS,
    (Queue, "service_level_target"): number_in(0, 1),
    (Queue, "max_no_answer"): whole_in(0, 1_000),
    (Queue, "empty_when"): Rule("a list of " + ", ".join(f'"{one}"' for one in EMPTY_WHEN), _read_empty_when, list),
    (Queue, "tier_soon"): SECONDS,
    (Queue, "no_agents_grace"): SECONDS,
    (Queue, "wrap_up_max"): SECONDS,
    (Queue, "weight"): whole_in(-1_000_000, 1_000_000),
    (ChoiceStep, "timeout"): number_in(0.5, 600, "seconds"),
    (ChoiceStep, "attempts"): whole_in(1, 20),
    (Directory, "codecs"): Rule(CODECS_EXPECTED, _read_codecs, list),
    (Directory, "language"): Rule('a language code such as "pl"', lambda value: _code(value, 8)),
    (Directory, "country"): Rule('a country code such as "pl"', lambda value: _code(value, 2)),
}


def _code(value: object, longest: int) -> str:
    code = text(value)
    if not (code.isascii() and code.replace("-", "").isalpha() and 2 <= len(code) <= longest):
        raise ValueError
    return code


# --- steps of menus ------------------------------------------------------------------------------------------------

# The key that says which step it is, and the fields that go by another name than in the dataclass.
STEPS: Final[Mapping[str, tuple[type, dict[str, str]]]] = {
    "play": (PlayStep, {"play": "clips"}),
    "choice": (ChoiceStep, {"choice": "choices", "prompt": "clips"}),
    "hours": (HoursStep, {}),
    "goto": (GotoStep, {"goto": "destination"}),
}


def read_step(value: object, problems: Problems, key: str) -> Step | None:
    """A step from its table; what is wrong goes to `problems`."""
    kind = next((one for one in STEPS if isinstance(value, Mapping) and one in value), "")
    if not isinstance(value, Mapping) or not kind:
        problems.add(key, value, "a table with one of the keys " + ", ".join(STEPS))
        return None
    cls, names = STEPS[kind]
    back = {field: name for name, field in names.items()}
    data: dict[str, object] = {}
    known = [back.get(field, field) for field in field_types(cls)]
    for name, one in dict[str, Any](value).items():
        if name not in known:
            problems.unknown(f"{key}.{name}", one, known)
        elif name in ("play", "prompt", "on_invalid", "on_timeout") and isinstance(one, str):
            data[names.get(name, name)] = [one]  # One clip needs no brackets.
        else:
            data[names.get(name, name)] = one
    if cls is ChoiceStep:
        data.setdefault("clips", [])
    step: Step | None = decode(cls, data, problems, key=key, rules=RULES)
    if isinstance(step, ChoiceStep):
        for digit in step.choices:
            if digit not in CHOICE_KEYS:
                problems.add(f"{key}.choice", digit, "keys 0-9, * or #")
    return step


def write_step(step: Step) -> Body:
    kind = next(one for one, (cls, _) in STEPS.items() if type(step) is cls)
    back = {field: name for name, field in STEPS[kind][1].items()}
    body = {back.get(field, field): one for field, one in encode(step, rules=RULES).items()}
    first = {kind: body.pop(kind)}
    if body.get("prompt") == []:
        del body["prompt"]
    return first | body


# --- directory <-> objects -------------------------------------------------------------------------------------------


def natural(name: str) -> tuple[Any, ...]:
    """Sort key: numbers by value ("9" before "10"), then text."""
    return (0, len(name), name) if name.isascii() and name.isdigit() else (1, 0, name)


def to_objects(directory: Directory) -> Objects:
    """The whole site in canonical order."""
    settings = encode(directory, rules=RULES, defaults=True)
    objects: Objects = {("site", ""): {name: settings[name] for name in SETTINGS}}
    for kind, (field, _, name_field) in NAMED.items():
        table = getattr(directory, field)
        for name in sorted(table, key=natural):
            body = encode(table[name], rules=RULES)
            body.pop(name_field, None)
            objects[kind, name] = body
    for name in sorted(directory.extensions, key=natural):
        objects["extension", name] = {"destination": directory.extensions[name]}
    for name in sorted(directory.music):
        objects["music", name] = {"files": list(directory.music[name])}
    if directory.feature_codes != DEFAULT_FEATURE_CODES:
        for name in sorted(directory.feature_codes):
            objects["feature_code", name] = {"action": directory.feature_codes[name]}
    return objects


def from_objects(
    objects: Mapping[tuple[str, str], Mapping[str, Any]], problems: Problems, version: int = 0
) -> Directory | None:
    """The Directory that the objects describe; None when something is wrong with them (see `problems`).

    Only the form is checked here; what they mean together is `validate`'s.
    """
    data: dict[str, Any] = {"version": version, **objects.get(("site", ""), {})}
    tables: dict[str, dict[str, Any]] = {field: {} for field, _, _ in NAMED.values()}
    tables |= {"extensions": {}, "music": {}}
    codes: dict[str, str] = {}
    before = len(problems.found)
    for (kind, name), body in objects.items():
        if kind in NAMED:
            field, cls, name_field = NAMED[kind]
            body = {name_field: name} | dict(body)
            tables[field][name] = decode(cls, body, problems, key=f"{kind}.{name}", rules=RULES)
        elif kind == "extension":
            tables["extensions"][name] = _text(body.get("destination"), problems, f"extensions.{name}")
        elif kind == "music":
            tables["music"][name] = _texts(body.get("files"), problems, f"music.{name}")
        elif kind == "feature_code":
            codes[name] = _text(body.get("action"), problems, f"feature_codes.{name}")
    settings = decode(Directory, data, problems, rules=RULES)
    if settings is None or len(problems.found) > before:
        return None
    return Directory(
        domain=settings.domain,
        language=settings.language,
        country=settings.country,
        codecs=settings.codecs,
        aliases=settings.aliases,
        version=whole(version),
        feature_codes=codes or DEFAULT_FEATURE_CODES,
        **tables,
    )


def _text(value: object, problems: Problems, key: str) -> str:
    try:
        return text(value)
    except (ValueError, TypeError):
        problems.add(key, value, "text in quotes")
        return ""


def _texts(value: object, problems: Problems, key: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, "a list of file names")
        return ()
    return tuple(_text(one, problems, f"{key}[{index}]") for index, one in enumerate(value))
