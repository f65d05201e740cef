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
    number_in,
    one_of,
    text,
    whole,
    whole_in,
)
from softswitch.directory import (
    DEFAULT_FEATURE_CODES,
    Account,
    Agent,
    Alert,
    Conference,
    Directory,
    Disposition,
    Group,
    Hours,
    Mailbox,
    Member,
    Menu,
    Notice,
    Number,
    NumberList,
    Outage,
    Parking,
    Pause,
    Queue,
    ScheduledReport,
    Screening,
    Script,
    Token,
    User,
)
from softswitch.directory.campaigns import MODES, Campaign
from softswitch.directory.hooks import Crm, Router, Webhook
from softswitch.directory.pauses import DEFAULT_PAUSES
from softswitch.outside import Policy, Rewrite, Route, Trunk
from softswitch.store import hours_text
from softswitch.store.alert_objects import ALERT_RULES
from softswitch.store.crm_objects import CRM_RULES
from softswitch.store.entry_objects import ENTRY_RULES
from softswitch.store.hook_objects import HOOK_RULES
from softswitch.store.menu_objects import MENU_RULES
from softswitch.store.pause_objects import PAUSE_RULES
from softswitch.store.people_objects import PEOPLE_RULES
from softswitch.store.queue_objects import QUEUE_RULES
from softswitch.store.report_objects import REPORT_RULES
from softswitch.store.rules import (
    ADDRESSES,
    CODEC_LIST,
    DTMF,
    PIN,
    RECORD,
    RECORDING_DAYS,
    RECORDING_FORMAT,
    SECONDS,
    SRTP,
    hex_digits,
)
from softswitch.store.wrapping_objects import WRAPPING_RULES

Body: TypeAlias = dict[str, Any]
Objects: TypeAlias = dict[tuple[str, str], Body]

# Kind -> (field of Directory, class, field that holds the name). The order is that of site.toml.
NAMED: Final[Mapping[str, tuple[str, type, str]]] = {
    "account": ("accounts", Account, "user"),
    "agent": ("agents", Agent, "name"),
    "queue": ("queues", Queue, "name"),
    "hours": ("hours", Hours, "name"),
    "menu": ("menus", Menu, "name"),
    "number": ("numbers", Number, "number"),
    "conference": ("conferences", Conference, "name"),
    "mailbox": ("mailboxes", Mailbox, "name"),
    "group": ("groups", Group, "name"),
    "parking": ("parking", Parking, "name"),
    "trunk": ("trunks", Trunk, "name"),
    "route": ("routes", Route, "name"),
    "policy": ("policies", Policy, "name"),
    "list": ("lists", NumberList, "name"),
    "screening": ("screenings", Screening, "name"),
    "outage": ("outages", Outage, "name"),
    "notice": ("notices", Notice, "name"),
    "disposition": ("dispositions", Disposition, "name"),
    "pause": ("pauses", Pause, "name"),
    "script": ("scripts", Script, "name"),
    "user": ("users", User, "name"),
    "token": ("tokens", Token, "name"),
    "webhook": ("webhooks", Webhook, "name"),
    "router": ("routers", Router, "name"),
    "crm": ("crms", Crm, "name"),
    "report": ("reports", ScheduledReport, "name"),
    "alert": ("alerts", Alert, "name"),
    "campaign": ("campaigns", Campaign, "name"),
}
ALWAYS: Final = ("domain", "language", "country", "codecs", "aliases")  # written even where they have their default
SETTINGS: Final = (
    *ALWAYS, "emergency", "outside_prefix", "max_outside_calls", "max_outside_minutes", "transfer_timeout", "transfer_sound",
    "recall_timeout", "recall_attempts", "recall_pause", "recall_fallback", "call_codes", "caller_codes",
    "timezone", "show_customers", "screen_pop",
)  # fmt: skip
KINDS: Final = ("site", *NAMED, "extension", "music", "feature_code")
HA1: Final = ("ha1_md5", "ha1_sha256")  # what an account keeps of its password
DIGESTS: Final = (*HA1, "digest")  # ... and what a user and a token keep
PINS: Final = ("pin", "moderator_pin")
# Secrets that are kept as they are: whoever asks for a password names the realm, and what is sent is signed.
KEPT_SECRETS: Final = {"trunk": "password", "webhook": "secret", "router": "secret", "crm": "token"}

GROUP_STRATEGIES: Final = ("simultaneous", "sequence", "random", "rotating", "memory")
PHONES_EXPECTED: Final = 'a list of phones such as [{ to = "101", delay = 10 }]'
REWRITE_EXPECTED: Final = 'a list of rules such as [{ match = "0(.*)", to = "+48\\\\1" }]'

# --- rules ---------------------------------------------------------------------------------------------------------


def _read_phones(value: object, problems: Problems, key: str) -> tuple[Member | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, PHONES_EXPECTED)
        return ()
    tables = [{"to": one} if isinstance(one, str) else one for one in value]
    return tuple(decode(Member, one, problems, key=f"{key}[{index}]", rules=RULES) for index, one in enumerate(tables))


def _read_rewrite(value: object, problems: Problems, key: str) -> tuple[Rewrite | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, REWRITE_EXPECTED)
        return ()
    return tuple(decode(Rewrite, one, problems, key=f"{key}[{index}]", rules=RULES) for index, one in enumerate(value))


def _read_expression(value: object) -> str:
    expression = text(value)
    try:
        re.compile(expression)
    except re.error as error:
        raise Expected(f"a regular expression ({error})") from None
    return expression


def _read_script(value: object) -> str:
    if not isinstance(value, str) or not all(char.isprintable() or char in "\n\t" for char in value):
        raise ValueError
    return value


NUMBER_FORMAT: Final = one_of("e164", "plain", "international", "national")
PHONES: Final = Rule(PHONES_EXPECTED, tuple, lambda members: [encode(one) for one in members], _read_phones)
RULES: Final[Mapping[tuple[type, str], Rule]] = {
    **QUEUE_RULES,
    **MENU_RULES,
    **ENTRY_RULES,
    **PEOPLE_RULES,
    **WRAPPING_RULES,
    **PAUSE_RULES,
    **HOOK_RULES,
    **CRM_RULES,
    **REPORT_RULES,
    **ALERT_RULES,
    (Account, "forward_after"): number_in(3, 600, "seconds"),
    (Account, "redirects"): one_of("inside", "any", "ignore"),
    (Account, "follow_me"): PHONES,
    (Group, "members"): PHONES,
    (Group, "strategy"): one_of(*GROUP_STRATEGIES),
    (Group, "timeout"): number_in(3, 3_600, "seconds"),
    (Group, "member_timeout"): number_in(3, 600, "seconds"),
    (Member, "delay"): number_in(0, 600, "seconds"),
    (Member, "timeout"): number_in(0, 600, "seconds"),
    (Parking, "first"): whole_in(1, 99_999_999),
    (Parking, "last"): whole_in(1, 99_999_999),
    (Parking, "timeout"): number_in(5, 86_400, "seconds"),
    (Parking, "ring_timeout"): number_in(3, 600, "seconds"),
    (Account, "ha1_md5"): hex_digits(32),
    (Account, "ha1_sha256"): hex_digits(64),
    (Account, "max_contacts"): whole_in(1, 100),
    (Account, "max_calls"): whole_in(1, 10_000),
    (Account, "codecs"): CODEC_LIST,
    (Account, "srtp"): SRTP,
    (Account, "dtmf"): DTMF,
    (Account, "record"): RECORD,
    (Account, "recording_format"): RECORDING_FORMAT,
    (Account, "recording_days"): RECORDING_DAYS,
    (Account, "mwi"): one_of("auto", "subscribe", "off"),
    (Mailbox, "pin"): PIN,
    (Mailbox, "max_seconds"): number_in(10, 3_600, "seconds"),
    (Mailbox, "min_seconds"): number_in(0, 60, "seconds"),
    (Mailbox, "silence"): number_in(2, 60, "seconds"),
    (Mailbox, "max_messages"): whole_in(1, 10_000),
    (Mailbox, "days"): RECORDING_DAYS,
    (ScheduledReport, "to"): ADDRESSES,
    (Mailbox, "email"): ADDRESSES,
    (Trunk, "srtp"): SRTP,
    (Trunk, "dtmf"): DTMF,
    (Trunk, "codecs"): CODEC_LIST,
    (Trunk, "expires"): whole_in(60, 86_400, "seconds"),
    (Trunk, "did_from"): one_of("auto", "request_uri", "to", "p_called_party_id"),
    (Trunk, "format"): NUMBER_FORMAT,
    (Trunk, "caller_format"): NUMBER_FORMAT,
    (Trunk, "strip"): whole_in(0, 20),
    (Trunk, "identity"): one_of("pai", "rpid", "both", "from"),
    (Trunk, "diversion"): one_of("diversion", "history-info", "both", "off"),
    (Trunk, "max_calls"): whole_in(0, 100_000),
    (Trunk, "calls_per_second"): number_in(0, 10_000),
    (Trunk, "ping"): number_in(0, 3_600, "seconds"),
    (Trunk, "answer_within"): number_in(1, 32, "seconds"),
    (Trunk, "rewrite"): Rule(REWRITE_EXPECTED, tuple, lambda rules: [encode(one) for one in rules], _read_rewrite),
    (Rewrite, "match"): Rule("a regular expression", _read_expression),
    (Policy, "max_calls"): whole_in(0, 10_000),
    (Policy, "calls_per_minute"): whole_in(0, 10_000),
    (Policy, "calls_per_day"): whole_in(0, 1_000_000),
    (Policy, "minutes_per_day"): whole_in(0, 1_000_000),
    (Policy, "closed"): one_of("deny", "national"),
    (Directory, "max_outside_calls"): whole_in(0, 100_000),
    (Directory, "max_outside_minutes"): whole_in(0, 100_000_000),
    (Conference, "pin"): PIN,
    (Conference, "moderator_pin"): PIN,
    (Conference, "max_members"): whole_in(0, 10_000),
    (Hours, "spans"): Rule(hours_text.SPANS_EXPECTED, hours_text.read_spans, hours_text.write_spans),
    (Campaign, "mode"): one_of(*MODES),
    (Campaign, "script"): Rule("a text, of several lines if need be", _read_script),
    (Campaign, "attempts"): whole_in(1, 20),
    (Campaign, "gap"): number_in(0.05, 720, "hours"),
    (Campaign, "max_abandoned"): number_in(0, 100, "per cent"),
    (Campaign, "hours"): Rule(hours_text.SPANS_EXPECTED, hours_text.read_spans, hours_text.write_spans),
    (Hours, "special_days"): Rule(hours_text.SPECIAL_EXPECTED, hours_text.read_special, hours_text.write_special),
    (Hours, "override"): one_of("", "open", "closed"),
    (Account, "transfer_timeout"): SECONDS,
    (Directory, "transfer_timeout"): number_in(3, 600, "seconds"),
    (Directory, "transfer_sound"): one_of("music", "ringback"),
    (Directory, "recall_timeout"): number_in(3, 600, "seconds"),
    (Directory, "recall_attempts"): whole_in(1, 20),
    (Directory, "recall_pause"): SECONDS,
    (Directory, "codecs"): CODEC_LIST,
    (Directory, "language"): Rule('a language code such as "pl"', lambda value: _code(value, 8)),
    (Directory, "country"): Rule('a country code such as "pl"', lambda value: _code(value, 2)),
}


def _code(value: object, longest: int) -> str:
    code = text(value)
    if not (code.isascii() and code.replace("-", "").isalpha() and 2 <= len(code) <= longest):
        raise ValueError
    return code


# --- directory <-> objects -------------------------------------------------------------------------------------------


def natural(name: str) -> tuple[Any, ...]:
    """Sort key: numbers by value ("9" before "10"), then text."""
    return (0, len(name), name) if name.isascii() and name.isdigit() else (1, 0, name)


def pause_body(pause: Pause) -> Body:
    """One of our own reasons of pauses as an object: they are none until a site has a list."""
    body = encode(pause, rules=RULES)
    del body["name"]
    return body


def to_objects(directory: Directory) -> Objects:
    """The whole site in canonical order."""
    settings, changed = encode(directory, rules=RULES, defaults=True), encode(directory, rules=RULES)
    shown = [name for name in SETTINGS if name in ALWAYS or name in changed]
    objects: Objects = {("site", ""): {name: settings[name] for name in shown}}
    for kind, (field, _, name_field) in NAMED.items():
        table = getattr(directory, field)
        if kind == "pause" and table == DEFAULT_PAUSES:
            continue
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
    tables: dict[str, Any] = {field: {} for field, _, _ in NAMED.values()}
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
    tables["pauses"] = tables["pauses"] or DEFAULT_PAUSES
    return Directory(
        **{name: getattr(settings, name) for name in SETTINGS},
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
