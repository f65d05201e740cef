"""Menus in the notation of the site: which step kinds there are, how each is written, and what its fields accept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from softswitch.decode import Expected, Problems, Rule, decode, encode, field_types, number_in, one_of, text, whole_in
from softswitch.directory import (
    CallbackStep,
    CallerStep,
    CallStep,
    ChoiceStep,
    CollectStep,
    DialStep,
    GotoStep,
    HangupStep,
    HoursStep,
    HttpStep,
    IdentifyStep,
    IfStep,
    LanguageStep,
    MailStep,
    Menu,
    Number,
    PlayStep,
    QueueStep,
    RecordStep,
    SayStep,
    SetStep,
    SmsStep,
    Step,
    SurveyStep,
    SwitchStep,
)
from softswitch.errors import ConfigError
from softswitch.expression import ExpressionError, parse, shown, template
from softswitch.store.queue_objects import SKILLS

CHOICE: Final = re.compile(r"[0-9*#]|[0-9]{2,12}", re.ASCII)
CHOICE_EXPECTED: Final = "keys 0-9, * or #, or several digits"
STEPS_EXPECTED: Final = 'a list of steps such as [{ play = "welcome" }, { goto = "queue:sales" }]'
BRANCHES_EXPECTED: Final = 'a table of branches such as { closed = [{ play = "closed" }] }'
VARIABLE: Final = re.compile(r"[^\W\d]\w{0,63}")
VARIABLE_EXPECTED: Final = "a word of letters, digits and _"
CAUSE: Final = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
STATUS: Final = re.compile(r"[1-5][0-9]{2}|[1-5]xx", re.ASCII)
PRESENTED: Final = ("name", "number", "priority")
SAID: Final = ("number", "digits", "date", "time", "moment", "wait", "waiting")
CLIP_KEYS: Final = frozenset(
    {"play", "prompt", "on_invalid", "on_timeout", "on_unknown"}
)  # One clip needs no brackets.

# The key that says which step it is, and the fields that go by another name than in the dataclass.
STEPS: Final[Mapping[str, tuple[type, dict[str, str]]]] = {
    "play": (PlayStep, {"play": "clips"}),
    "say": (SayStep, {"say": "kind"}),
    "choice": (ChoiceStep, {"choice": "choices", "prompt": "clips"}),
    "hours": (HoursStep, {}),
    "goto": (GotoStep, {"goto": "destination"}),
    "if": (IfStep, {"if": "condition", "else": "otherwise"}),
    "switch": (SwitchStep, {"switch": "value", "else": "otherwise"}),
    "set": (SetStep, {"set": "values"}),
    "language": (LanguageStep, {}),
    "caller": (CallerStep, {}),
    "collect": (CollectStep, {"collect": "variable", "prompt": "clips"}),
    "identify": (IdentifyStep, {"identify": "name", "prompt": "clips"}),
    "queue": (QueueStep, {}),
    "dial": (DialStep, {"dial": "destination"}),
    "http": (HttpStep, {"http": "url"}),
    "sms": (SmsStep, {"sms": "text"}),
    "email": (MailStep, {"email": "to"}),
    "record": (RecordStep, {}),
    "survey": (SurveyStep, {"prompt": "clips"}),
    "callback": (CallbackStep, {"callback": "queue"}),
    "call": (CallStep, {"call": "branch"}),
    "hangup": (HangupStep, {"hangup": "cause"}),
}


def names_of(step: object) -> Mapping[str, str]:
    """Field -> how it is written, where that differs."""
    return names_of_class(type(step))


def names_of_class(kind: type) -> Mapping[str, str]:
    """The same for a class of steps."""
    names = next(names for cls, names in STEPS.values() if cls is kind)
    return {field: name for name, field in names.items()}


def read_steps(value: object, problems: Problems, key: str) -> tuple[Step | None, ...]:
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, STEPS_EXPECTED)
        return ()
    return tuple(read_step(one, problems, f"{key}[{index}]") for index, one in enumerate(value))


def read_branches(value: object, problems: Problems, key: str) -> dict[str, tuple[Step | None, ...]]:
    if not isinstance(value, Mapping):
        problems.add(key, value, BRANCHES_EXPECTED)
        return {}
    return {str(name): read_steps(steps, problems, f"{key}.{name}") for name, steps in value.items()}


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
        elif name in CLIP_KEYS and isinstance(one, str):
            data[names.get(name, name)] = [one]
        else:
            data[names.get(name, name)] = one
    if cls is ChoiceStep:
        data.setdefault("clips", [])
    wrong = Problems(problems.file)
    step: Step | None = decode(cls, data, wrong, key=key, rules=MENU_RULES)
    problems.found += [_as_written(error, key, back) for error in wrong.found]
    if isinstance(step, ChoiceStep):
        for digits in step.choices:
            if not CHOICE.fullmatch(digits):
                problems.add(f"{key}.choice", digits, CHOICE_EXPECTED)
    elif isinstance(step, CollectStep | IdentifyStep) and step.min > step.max:
        problems.add(f"{key}.min", step.min, f"at most max ({step.max})")
    elif isinstance(step, SurveyStep) and step.lowest >= step.highest:
        problems.add(f"{key}.lowest", step.lowest, f"less than highest ({step.highest})")
    return step


def _as_written(error: ConfigError, key: str, names: Mapping[str, str]) -> ConfigError:
    """A mistake under the name that its field has in the notation of the site."""
    field = re.split(r"[.\[]", error.key.removeprefix(f"{key}."))[0]
    if field not in names:
        return error
    where = error.key.replace(f"{key}.{field}", f"{key}.{names[field]}", 1)
    text = str(error).replace(error.key, where, 1)
    return ConfigError(text, file=error.file, key=where, value=error.value, expected=error.expected)


def write_step(step: Step) -> dict[str, Any]:
    kind = next(one for one, (cls, _) in STEPS.items() if type(step) is cls)
    back = {field: name for name, field in STEPS[kind][1].items()}
    body = {back.get(field, field): one for field, one in encode(step, rules=MENU_RULES).items()}
    first = {kind: body.pop(kind, "")}
    if body.get("prompt") == []:
        del body["prompt"]
    return first | body


# --- rules ---------------------------------------------------------------------------------------------------------


def _written(value: object) -> str:
    """An expression may be written as the number or truth that it is."""
    return shown(value) if isinstance(value, bool | int | float) else text(value)


def _read_expression(value: object) -> str:
    source = _written(value)
    try:
        parse(source)
    except ExpressionError as error:
        raise Expected(f"an expression: {error}") from None
    return source


def _read_template(value: object) -> str:
    if not isinstance(value, str) or any(ord(char) < 32 and char not in "\n\t" for char in value):
        raise TypeError
    try:
        template(value)
    except ExpressionError as error:
        raise Expected(f"a text, with expressions in braces: {error}") from None
    return value


def _optional(read: Callable[[object], str]) -> Callable[[object], str]:
    return lambda value: "" if value == "" else read(value)


def _read_variable(value: object) -> str:
    name = text(value)
    if not VARIABLE.fullmatch(name):
        raise ValueError
    return name


def _table(read: Callable[[object], str], names: re.Pattern[str] | None, expected: str) -> Rule:
    """A table whose values are all read alike; what its names must be like."""

    def nested(value: object, problems: Problems, key: str) -> dict[str, str]:
        if not isinstance(value, Mapping):
            problems.add(key, value, "a table")
            return {}
        found: dict[str, str] = {}
        for name, one in value.items():
            where = f"{key}.{name}"
            if names is not None and not names.fullmatch(str(name)):
                problems.add(where, name, expected, what="is not usable")
                continue
            try:
                found[str(name)] = read(one)
            except (ValueError, TypeError) as error:
                problems.add(where, one, str(error) if isinstance(error, Expected) else "text in quotes")
        return found

    return Rule("a table", dict, dict, nested)


def _read_presented(value: object, problems: Problems, key: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value:
        problems.add(key, value, "a table with one of the keys " + ", ".join(PRESENTED))
        return {}
    found: dict[str, str] = {}
    for name, one in value.items():
        if name not in PRESENTED:
            problems.unknown(f"{key}.{name}", one, PRESENTED)
            continue
        try:
            found[name] = _read_expression(one) if name == "priority" else _read_template(one)
        except (ValueError, TypeError) as error:
            problems.add(f"{key}.{name}", one, str(error) if isinstance(error, Expected) else "text in quotes")
    return found


def _read_cause(value: object) -> str:
    cause = text(value)
    if not CAUSE.fullmatch(cause):
        raise ValueError
    return cause


EXPRESSION: Final = Rule("an expression", _read_expression)
MAYBE_EXPRESSION: Final = Rule("an expression", _optional(_read_expression))
TEMPLATE: Final = Rule("text in quotes", _read_template)
VARIABLE_RULE: Final = Rule(VARIABLE_EXPECTED, _read_variable)
EXPRESSIONS: Final = _table(_read_expression, VARIABLE, VARIABLE_EXPECTED)
FIRST_KEY: Final = number_in(0.5, 600, "seconds")
NEXT_KEY: Final = number_in(0.2, 60, "seconds")
DIGITS: Final = whole_in(1, 64)
TRIES: Final = whole_in(1, 20)
TERMINATOR: Final = one_of("#", "*", "")
METHODS: Final = one_of("GET", "POST", "PUT", "PATCH", "DELETE")
MENU_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (SayStep, "kind"): one_of(*SAID),
    (SayStep, "value"): MAYBE_EXPRESSION,
    (ChoiceStep, "timeout"): FIRST_KEY,
    (ChoiceStep, "inter_digit"): NEXT_KEY,
    (ChoiceStep, "attempts"): TRIES,
    (IfStep, "condition"): EXPRESSION,
    (SwitchStep, "value"): EXPRESSION,
    (SwitchStep, "cases"): _table(text, None, ""),
    (SetStep, "values"): EXPRESSIONS,
    (LanguageStep, "language"): TEMPLATE,
    (CallerStep, "caller"): Rule("a table", dict, dict, _read_presented),
    (CollectStep, "variable"): VARIABLE_RULE,
    (CollectStep, "min"): DIGITS,
    (CollectStep, "max"): DIGITS,
    (CollectStep, "terminator"): TERMINATOR,
    (CollectStep, "timeout"): FIRST_KEY,
    (CollectStep, "inter_digit"): NEXT_KEY,
    (CollectStep, "attempts"): TRIES,
    (IdentifyStep, "name"): VARIABLE_RULE,
    (IdentifyStep, "min"): DIGITS,
    (IdentifyStep, "max"): DIGITS,
    (IdentifyStep, "terminator"): TERMINATOR,
    (IdentifyStep, "timeout"): FIRST_KEY,
    (IdentifyStep, "inter_digit"): NEXT_KEY,
    (IdentifyStep, "attempts"): whole_in(1, 3),  # IVR-11: a number is not to be found by trying.
    (QueueStep, "priority"): MAYBE_EXPRESSION,
    (QueueStep, "wait_credit"): MAYBE_EXPRESSION,
    (QueueStep, "agent"): TEMPLATE,
    (QueueStep, "skills"): SKILLS,
    (DialStep, "timeout"): number_in(0, 600, "seconds"),
    (HttpStep, "url"): TEMPLATE,
    (HttpStep, "method"): METHODS,
    (HttpStep, "timeout"): number_in(0.5, 30, "seconds"),
    (HttpStep, "headers"): _table(_read_template, re.compile(r"[A-Za-z0-9-]{1,64}"), "the name of a header"),
    (HttpStep, "body"): TEMPLATE,
    (HttpStep, "fields"): _table(_read_expression, None, ""),
    (HttpStep, "save"): _table(text, VARIABLE, VARIABLE_EXPECTED),
    (HttpStep, "results"): _table(text, STATUS, 'a status such as "404", or "4xx"'),
    (SmsStep, "text"): TEMPLATE,
    (SmsStep, "to"): TEMPLATE,
    (MailStep, "to"): TEMPLATE,
    (MailStep, "subject"): TEMPLATE,
    (MailStep, "text"): TEMPLATE,
    (RecordStep, "record"): one_of("on", "off"),
    (SurveyStep, "lowest"): whole_in(0, 99),
    (SurveyStep, "highest"): whole_in(1, 99),
    (SurveyStep, "timeout"): FIRST_KEY,
    (SurveyStep, "attempts"): TRIES,
    (HangupStep, "cause"): Rule("a word of small letters, digits and _", _read_cause),
    (Number, "title"): Rule("text in quotes", text),
    (Menu, "steps"): Rule(STEPS_EXPECTED, tuple, lambda steps: [write_step(one) for one in steps], read_steps),
    (Menu, "branches"): Rule(
        BRANCHES_EXPECTED, dict, lambda branches: {name: [write_step(one) for one in steps] for name, steps in branches.items()},
        read_branches,
    ),
}  # fmt: skip
