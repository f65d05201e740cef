"""TOML in (tomllib, with our errors) and out (a small writer with a fixed layout, so that exports compare well)."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softswitch.errors import ConfigError


def read_toml(file: Path) -> dict[str, Any]:
    """A TOML file as plain values. Raises ConfigError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file", file=str(file), expected="a TOML file") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}", file=str(file), expected="a TOML file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: byte {error.start} is not UTF-8", file=str(file), expected="text in UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:  # endless numbers and endless nesting are no TOMLDecodeError
        raise ConfigError(f"{file}: not valid TOML: {mistake(error)}", file=str(file), expected="TOML") from None


def mistake(error: ValueError | RecursionError) -> str:
    """What is wrong, in words: the library's own where they are clear."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    what, _, where = str(error).partition(" (at ")
    where = f" (at {where}" if where else ""
    if twice := re.fullmatch(r"Cannot declare \((.*)\) twice", what):
        name = ".".join(toml_key(part) for part in ast.literal_eval(f"({twice[1]},)".replace(",,", ",")))
        return f"[{name}] stands there twice{where}: put its keys below the first one"
    if what == r"Illegal character '\n'":
        return f"a text is not closed on its line: a quote is missing{where}"
    return str(error)


def toml_value(value: Any) -> str:
    """A plain value in TOML's notation."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return toml_string(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{toml_key(str(name))} = {toml_value(one)}" for name, one in value.items())
        return "{ " + inner + " }" if inner else "{}"
    return repr(value)


def toml_string(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(c) or (c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}") for c in text) + '"'


def toml_key(name: str) -> str:
    bare = name.isascii() and name.replace("-", "a").replace("_", "a").isalnum()
    return name if bare else toml_string(name)
