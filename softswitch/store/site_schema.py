"""What the objects of a site are made of, for programs that ask people for them: fields with types, defaults, limits and help.

Written from the classes of `softswitch.directory` and the rules by which their values are read, so that it says neither less nor
more than those do. What only the whole site can show (that a name exists) is in `REFERENCES`; a test holds each to `validate`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import tokenize
import tomllib
import types
from collections.abc import Iterator, Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from softswitch.callbacks import CallbackRules
from softswitch.decode import SECRET_KEYS, Problems, decode_value, default_of, encode_value, field_types, rule_of
from softswitch.directory import (
    Account,
    Agent,
    Announce,
    CallbackStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    Directory,
    GotoStep,
    Group,
    Hours,
    HoursStep,
    IdentifyStep,
    IfStep,
    Mailbox,
    Membership,
    PlayStep,
    Queue,
    QueueStep,
    StrategyRule,
    SurveyStep,
    SwitchStep,
    User,
)
from softswitch.outside import Policy, Route, Trunk
from softswitch.store.menu_objects import CLIP_KEYS, STEPS, names_of_class
from softswitch.store.objects import NAMED, RULES, SETTINGS
from softswitch.store.validate import ACTIONS, PLAIN
from softswitch.store.validate import KINDS as DESTINATIONS

Row = dict[str, Any]

# What a field names: an object of that kind, a "destination", or a "clip"; of a map its values.
REFERENCES: Final[Mapping[tuple[type, str], str]] = {
    (Account, "agent"): "agent", (Account, "supervises"): "queue", (Account, "mailbox"): "mailbox",
    (Account, "mailboxes"): "mailbox", (Account, "policy"): "policy",
    (Agent, "device"): "account", (Membership, "agent"): "agent",
    (Queue, "music"): "music", (Queue, "greeting"): "clip", (Queue, "agent_greeting"): "clip", (Queue, "connecting"): "clip",
    (Queue, "consent"): "clip",
    (Queue, "on_full"): "destination", (Queue, "on_timeout"): "destination", (Queue, "on_no_agents"): "destination",
    (Queue, "after"): "destination", (Queue, "exit_keys"): "destination", (StrategyRule, "hours"): "hours",
    (Queue, "dispositions"): "disposition",
    (StrategyRule, "closed"): "hours", (Mailbox, "greeting"): "clip", (Mailbox, "queue"): "queue",
    (Mailbox, "operator"): "destination", (Group, "otherwise"): "destination",
    (HoursStep, "hours"): "hours", (HoursStep, "closed"): "destination", (GotoStep, "destination"): "destination",
    (PlayStep, "clips"): "clip", (ChoiceStep, "clips"): "clip", (ChoiceStep, "choices"): "destination",
    (ChoiceStep, "on_invalid"): "clip", (ChoiceStep, "on_timeout"): "clip", (ChoiceStep, "otherwise"): "destination",
    (ChoiceStep, "invalid"): "destination", (ChoiceStep, "silent"): "destination", (IfStep, "then"): "destination",
    (IfStep, "otherwise"): "destination", (SwitchStep, "cases"): "destination", (SwitchStep, "otherwise"): "destination",
    (CollectStep, "clips"): "clip", (CollectStep, "otherwise"): "destination", (IdentifyStep, "clips"): "clip",
    (IdentifyStep, "found"): "destination", (IdentifyStep, "otherwise"): "destination", (QueueStep, "queue"): "queue",
    (DialStep, "destination"): "destination", (DialStep, "busy"): "destination", (DialStep, "no_answer"): "destination",
    (DialStep, "otherwise"): "destination", (SurveyStep, "clips"): "clip", (CallbackStep, "queue"): "queue",
    (CallStep, "branch"): "destination", (Trunk, "dids"): "destination", (Trunk, "default"): "destination",
    (Route, "trunks"): "trunk", (Route, "policies"): "policy", (Policy, "hours"): "hours", (Policy, "deny_list"): "list",
    (User, "agent"): "agent", (User, "account"): "account", (User, "queues"): "queue",
    (Announce, "comfort"): "clip",
}  # fmt: skip
SIMPLE: Final[Mapping[Any, str]] = {str: "text", int: "whole", float: "number", bool: "yes_no"}
SPELT: Final[Mapping[tuple[type, str], str]] = {
    (Hours, "spans"): "spans", (Hours, "special_days"): "special_days", (CallbackRules, "hours"): "text",
}  # fmt: skip
NAMES: Final[Mapping[str, str]] = {
    "account": "1 to 64 letters, digits, . _ + -", "number": "a number as its trunk has it, or as it is dialled",
    "extension": "1 to 64 letters, digits, * # + . _ -", "feature_code": "* or # and digits",
}  # fmt: skip
ROW_ID: Final = re.compile(
    r" \((?:[A-Z]{3}-[0-9]+(?:, )?(?:[0-9]+(?:, )?)*)+\)"
)  # of the specification: nothing for people
ANY_NAME: Final = "1 to 64 characters without : and without blanks at the ends"


@cache
def site_schema() -> Row:
    """All kinds, the steps of menus, and what a destination may be."""
    kinds: dict[str, Row] = {"site": _kind("site", Directory, [_field(Directory, name) for name in SETTINGS])}
    for kind, (_, cls, name_field) in NAMED.items():
        kinds[kind] = _kind(kind, cls, [one for one in fields_of(cls) if one["name"] != name_field])
    for kind, one in _plain().items():
        kinds[kind] = {"kind": kind, "help": "", "name": NAMES.get(kind, ANY_NAME), "fields": [one]}
    steps = {key: _step(key) for key in STEPS}
    _translate(kinds, steps)
    return {"kinds": kinds, "steps": steps, "destinations": [*PLAIN, *DESTINATIONS]}


def helped(kinds: Mapping[str, Row], steps: Mapping[str, Row]) -> Iterator[tuple[str, Row]]:
    """Every field that has a help, with its place: "queue.announce.every", "step.dial.timeout"."""
    todo = [(kind, one) for kind, table in kinds.items() for one in table["fields"]]
    todo += [(f"step.{step}", one) for step, table in steps.items() for one in table["fields"]]
    while todo:
        at, field = todo.pop(0)
        place = f"{at}.{field['name']}"
        if field["help"]:
            yield place, field
        todo[:0] = [(place, one) for one in field.get("fields", ())]


def polish() -> Mapping[str, str]:
    """Place of a field -> its help in Polish."""
    tables = tomllib.loads((Path(__file__).parent / "help_pl.toml").read_text(encoding="utf-8"))
    return {f"{kind}.{name}": text for kind, table in tables.items() for name, text in table.items()}


def _translate(kinds: Mapping[str, Row], steps: Mapping[str, Row]) -> None:
    """`help_pl`: what `help` says, in Polish. What says the same in English does so in Polish."""
    known, fields = polish(), list(helped(kinds, steps))
    same = {field["help"]: known[place] for place, field in reversed(fields) if place in known}
    for place, field in fields:
        if text := known.get(place) or same.get(field["help"]):
            field["help_pl"] = text


def _plain() -> dict[str, Row]:
    base = {"default": "", "required": True, "secret": False}
    return {
        "extension": base | {"name": "destination", "type": "text", "refers": "destination", "help": "Where it leads."},
        "music": base
        | {"name": "files", "type": "list", "of": "text", "default": [], "help": "Files of the folder moh/."},
        "feature_code": base
        | {"name": "action", "type": "choice", "choices": list(ACTIONS), "open": True, "help": "What it does."},
    }


def _kind(kind: str, cls: type, fields: list[Row]) -> Row:
    return {"kind": kind, "help": _first(cls), "name": NAMES.get(kind, ANY_NAME), "fields": fields}


def _step(key: str) -> Row:
    cls = STEPS[key][0]
    names = names_of_class(cls)
    fields = [one | {"name": names.get(one["name"], one["name"])} for one in fields_of(cls)]
    for one in fields:
        if one["name"] in CLIP_KEYS and one["name"] != "play":
            one |= {"required": False, "default": one["default"] or []}
    return {"step": key, "help": _first(cls), "fields": sorted(fields, key=lambda one: one["name"] != key)}


def fields_of(cls: type) -> list[Row]:
    """The fields of a dataclass, in its order."""
    return [_field(cls, one.name) for one in dataclasses.fields(cls)]


def _field(cls: type, name: str) -> Row:
    field = next(one for one in dataclasses.fields(cls) if one.name == name)
    hint = field_types(cls)[name]
    rule = RULES.get((cls, name)) or rule_of(cls, name)
    default = default_of(field)
    required = default is dataclasses.MISSING
    row: Row = {"name": name, "required": required, "secret": name in SECRET_KEYS}
    if required:
        row["default"] = None
    else:
        row["default"] = rule.write(default) if rule is not None else encode_value(default, rules=RULES)
        refused = Problems("")
        decode_value(hint, row["default"], refused, name, RULES, rule)
        row["required"] = bool(refused.found) and row["default"] is not None  # Some defaults only mean "not yet given".
    row |= _type(cls, name, hint)
    row["help"] = comments(cls).get(name, "")
    if rule is not None:
        row["expected"] = rule.expected
        facts = {key: list(one) if isinstance(one, tuple) else one for key, one in rule.facts.items() if one != ""}
        row |= facts
        if "choices" in facts and row["type"] == "text":
            row["type"] = "choice"
    if refers := REFERENCES.get((cls, name)):
        row["refers"] = refers
    return row


def _type(cls: type, name: str, hint: Any) -> Row:
    if spelt := SPELT.get((cls, name)):
        return {"type": spelt}
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType) and type(None) in inner:
        return _type(cls, name, next(one for one in inner if one is not type(None))) | {"optional": True}
    if hint in SIMPLE:
        return {"type": SIMPLE[hint]}
    if dataclasses.is_dataclass(hint):
        return {"type": "table", "fields": fields_of(hint)}  # type: ignore[arg-type]
    if origin is tuple:
        if dataclasses.is_dataclass(inner[0]):
            return {"type": "rows", "fields": fields_of(inner[0])}  # type: ignore[arg-type]
        return {"type": "steps"} if inner[0] not in SIMPLE else {"type": "list", "of": SIMPLE[inner[0]]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "map", "of": SIMPLE[inner[1]]} if inner[1] in SIMPLE else {"type": "branches"}
    return {"type": "text"}


@cache
def comments(cls: type) -> Mapping[str, str]:
    """What the source says behind the fields."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except OSError:  # There is no source, only what was made of it.
        return {}
    said = {
        one.start[0]: one.string.lstrip("# ")
        for one in tokenize.generate_tokens(StringIO(source).readline)
        if one.type == tokenize.COMMENT
    }
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for one in body.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            lines = range(one.lineno, (one.end_lineno or one.lineno) + 1)
            words = " ".join(said[line] for line in lines if line in said and not said[line].startswith("fmt:"))
            found[one.target.id] = ROW_ID.sub("", words)
    return found


def _first(cls: type) -> str:
    return ROW_ID.sub("", inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " "))
