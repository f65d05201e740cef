"""Plain values (TOML, JSON, environment) -> dataclasses and back, with errors a person can act on.

Every mistake of a file is reported at once, each with file, key, value and what was expected; an unknown key comes with
the nearest known one. Our own, because importing pydantic with pydantic-settings costs 235 ms on the machine where the
attach commands have 300 ms in all and a restart 700 ms; this costs 8 ms.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from softswitch.errors import ConfigError
from softswitch.toml import toml_value

T = TypeVar("T")

SHOWN: Final = 60  # characters of a wrong value that an error repeats
SECRET_KEYS: Final = frozenset(
    {"password", "ha1_md5", "ha1_sha256", "pin", "moderator_pin", "token", "secret", "digest"}
)


class Rule(NamedTuple):
    """How one field is read and written. `read` raises ValueError (or TypeError) when the value is not `expected`.

    `nested` is used instead of `read` by values with an inside of their own: it reports to the Problems, under the key.
    `facts`: what programs that ask for the value may know of it: "minimum", "maximum", "unit", "choices".
    """

    expected: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = lambda value: value
    nested: Callable[[Any, Problems, str], Any] | None = None
    facts: Mapping[str, Any] = types.MappingProxyType({})


Rules = Mapping[tuple[type, str], Rule]


class Problems:
    """Collects what is wrong with one file, so that the reader can mend it in one go."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[ConfigError] = []

    def add(self, key: str, value: object, expected: str, *, what: str = "") -> None:
        """`what` replaces "is VALUE" when the value itself is not the point."""
        said = what or f"is {shown(key, value)}"
        self.found.append(
            ConfigError(
                f"{self.file}: {key}: {said}; expected {expected}",
                file=self.file,
                key=key,
                value="..." if secret(key) else value,
                expected=expected,
            )
        )

    def unknown(self, key: str, value: object, known: Sequence[str], *, noun: str = "key") -> None:
        """An unknown key, with the nearest known one if there is one."""
        name = key.rsplit(".", 1)[-1]
        near = nearest(name, known)
        expected = f'"{near}" (did you mean that?)' if near else "one of " + ", ".join(known)
        self.add(key, value, expected, what=f"unknown {noun}")

    def check(self) -> None:
        """Raise one ConfigError for all that was found."""
        if not self.found:
            return
        first = self.found[0]
        error = ConfigError(
            "\n".join(str(problem) for problem in self.found),
            file=self.file,
            key=first.key,
            value=first.value,
            expected=first.expected,
        )
        error.problems = tuple(self.found)
        raise error


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that was probably meant, or ""."""
    from difflib import get_close_matches  # Only where something is wrong: 9 ms.

    found = get_close_matches(name.lower(), [one.lower() for one in known], n=1, cutoff=0.6)
    return next((one for one in known if found and one.lower() == found[0]), "")


def secret(key: str) -> bool:
    return key.rsplit(".", 1)[-1] in SECRET_KEYS


def shown(key: str, value: object) -> str:
    """A value as an error repeats it: short, and never a secret."""
    if secret(key):
        return "not usable"
    text = f'"{value}"' if isinstance(value, str) else toml_value(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


# --- reading -----------------------------------------------------------------------------------------------------


def decode(cls: type[T], data: object, problems: Problems, *, key: str = "", rules: Rules | None = None) -> T | None:
    """Build `cls` from a table; None if that is impossible. What is wrong goes to `problems`."""
    rules = rules or {}
    kind: Any = cls
    if not isinstance(data, Mapping):
        problems.add(key, data, "a table")
        return None
    hints = field_types(kind)
    before = len(problems.found)
    values: dict[str, Any] = {}
    for name, value in data.items():
        where = f"{key}.{name}" if key else str(name)
        if name not in hints:
            problems.unknown(where, value, list(hints))
            continue
        rule = rules.get((cls, name)) or rule_of(kind, name)
        values[name] = decode_value(hints[name], value, problems, where, rules, rule)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name not in data and field.default is field.default_factory is dataclasses.MISSING:
            problems.add(f"{key}.{field.name}" if key else field.name, None, "a value", what="is missing")
    return cls(**values) if len(problems.found) == before else None


def decode_value(hint: Any, value: object, problems: Problems, key: str, rules: Rules, rule: Rule | None = None) -> Any:
    """One value of the wanted type. The result is meaningless when something was added to `problems`."""
    if rule is not None:
        if rule.nested is not None:
            return rule.nested(value, problems, key)
        try:
            return rule.read(value)
        except (ValueError, TypeError) as error:
            problems.add(key, value, str(error) if isinstance(error, Expected) else rule.expected)
            return None
    if dataclasses.is_dataclass(hint):
        return decode(hint, value, problems, key=key, rules=rules)  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = next(one for one in get_args(hint) if one is not type(None))
        return None if value is None else decode_value(inner, value, problems, key, rules)
    if origin is tuple:
        return _decode_tuple(hint, value, problems, key, rules)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _decode_mapping(hint, value, problems, key, rules)
    try:
        return SCALARS[hint](value)
    except (ValueError, TypeError):
        problems.add(key, value, EXPECTED[hint])
        return None


def _decode_tuple(hint: Any, value: object, problems: Problems, key: str, rules: Rules) -> Any:
    inner = get_args(hint)
    if not isinstance(value, (list, tuple)):
        problems.add(key, value, "a list in brackets")
        return None
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(decode_value(inner[0], one, problems, f"{key}[{index}]", rules) for index, one in enumerate(value))
    if len(value) != len(inner):
        problems.add(key, value, f"a list of {len(inner)} values")
        return None
    return tuple(
        decode_value(kind, one, problems, f"{key}[{index}]", rules)
        for index, (kind, one) in enumerate(zip(inner, value, strict=True))
    )


def _decode_mapping(hint: Any, value: object, problems: Problems, key: str, rules: Rules) -> Any:
    kind, inner = get_args(hint)
    if not isinstance(value, Mapping):
        problems.add(key, value, "a table")
        return None
    result = {}
    for name, one in value.items():
        where = f"{key}.{name}"
        try:
            read = whole(str(name)) if kind is int else name
        except ValueError:
            problems.add(where, name, "a whole number as the key")
            continue
        result[read] = decode_value(inner, one, problems, where, rules)
    return result


def text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    if any(ord(char) < 32 for char in value):
        raise ValueError("no control characters")
    return value


def whole(value: object) -> int:
    """An integer. Text is accepted only as plain digits (it comes from the environment): int() takes "1_0" and more."""
    if isinstance(value, str):
        digits = value[1:] if value[:1] == "-" else value
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
            raise ValueError
        return int(value)
    if type(value) is not int:
        raise TypeError
    return value


def number(value: object) -> float:
    if isinstance(value, str):
        head, dot, tail = value.removeprefix("-").partition(".")
        if not (
            head.isascii() and head.isdigit() and len(value) <= 20 and (not dot or (tail.isascii() and tail.isdigit()))
        ):
            raise ValueError
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError
    return float(value)


def boolean(value: object) -> bool:
    if isinstance(value, str):
        return {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }[value.lower()]
    if not isinstance(value, bool):
        raise TypeError
    return value


def path(value: object) -> Path:
    read = text(value)
    if not read:
        raise ValueError("a path")
    return Path(read)


def _boolean(value: object) -> bool:
    try:
        return boolean(value)
    except KeyError:
        raise ValueError from None


SCALARS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    str: text, int: whole, float: number, bool: _boolean, Path: path, Any: lambda value: value,
}  # fmt: skip
EXPECTED: Final[Mapping[Any, str]] = {
    str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false", Path: "a path in quotes",
}  # fmt: skip


@cache
def field_types(cls: Any) -> dict[str, Any]:
    """The fields of a dataclass with their resolved types."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


@cache
def rule_of(cls: Any, name: str) -> Rule | None:
    """The rule that a field carries itself, in its metadata."""
    fields: dict[str, dataclasses.Field[Any]] = cls.__dataclass_fields__
    rule: Rule | None = fields[name].metadata.get("rule")
    return rule


# --- rules ---------------------------------------------------------------------------------------------------------


class Expected(ValueError):
    """Raised by a rule that can say more precisely than its `expected` what it wanted."""


def whole_in(low: int, high: int, unit: str = "") -> Rule:
    expected = f"a whole number{' of ' + unit if unit else ''} from {low} to {high}"

    def read(value: object) -> int:
        if not low <= (result := whole(value)) <= high:
            raise ValueError
        return result

    return Rule(expected, read, facts={"minimum": low, "maximum": high, "unit": unit})


def number_in(low: float, high: float, unit: str = "") -> Rule:
    expected = f"a number{' of ' + unit if unit else ''} from {low:g} to {high:g}"

    def read(value: object) -> float:
        if not low <= (result := number(value)) <= high:
            raise ValueError
        return result

    return Rule(expected, read, tidy, facts={"minimum": low, "maximum": high, "unit": unit})


def one_of(*choices: str) -> Rule:
    expected = "one of " + ", ".join(f'"{choice}"' for choice in choices)

    def read(value: object) -> str:
        if value not in choices:
            near = nearest(str(value), choices)
            raise Expected(f'{expected}; did you mean "{near}"?' if near else expected)
        return str(value)

    return Rule(expected, read, facts={"choices": choices})


def tidy(value: Any) -> Any:
    """20.0 -> 20, as people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# --- writing -----------------------------------------------------------------------------------------------------


def encode(value: object, *, rules: Rules | None = None, defaults: bool = False) -> dict[str, Any]:
    """A dataclass as plain values. Fields that have their default value are left out unless `defaults`."""
    rules = rules or {}
    cls = type(value)
    result: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        one = getattr(value, field.name)
        if not defaults and one == default_of(field):
            continue
        rule = rules.get((cls, field.name)) or field.metadata.get("rule")
        result[field.name] = rule.write(one) if rule else encode_value(one, rules=rules, defaults=defaults)
    return result


def encode_value(value: object, *, rules: Rules | None = None, defaults: bool = False) -> Any:
    if dataclasses.is_dataclass(value):
        return encode(value, rules=rules, defaults=defaults)
    if isinstance(value, (list, tuple)):
        return [encode_value(one, rules=rules, defaults=defaults) for one in value]
    if isinstance(value, Mapping):
        return {str(name): encode_value(one, rules=rules, defaults=defaults) for name, one in value.items()}
    return str(value) if isinstance(value, Path) else tidy(value)


def default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
