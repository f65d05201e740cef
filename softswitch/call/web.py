"""Asking a web service in a menu (IVR-13): what is sent, and what is taken out of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from softswitch.call.flow import Fetch

if TYPE_CHECKING:
    from softswitch.call.visitor import Scope
    from softswitch.directory.menus import HttpStep
    from softswitch.expression import Value

MAX_SAVED: Final = 1_000  # characters of one value of an answer
SCHEMES: Final = ("http://", "https://")
FAILED: Final = 400  # the first status that is no success


def request_of(step: HttpStep, scope: Scope) -> Fetch | None:
    """The request, None if what has become of the URL is none. Raises ExpressionError."""
    url = scope.text(step.url, lambda value: quote(value, safe=""))
    if not url.lower().startswith(SCHEMES) or any(ord(char) < 33 for char in url):
        return None
    headers = tuple((name, _line(scope.text(value))) for name, value in step.headers.items())
    body = scope.text(step.body).encode() if step.body else b""
    if step.fields:
        body = json.dumps({name: _plain(scope.value(value)) for name, value in step.fields.items()}).encode()
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers += (("Content-Type", "application/json"),)
    method = "POST" if step.fields and step.method == "GET" else step.method
    return Fetch(url, method, headers, body, step.timeout)


def _plain(value: Value) -> str | float | bool | None:
    """Whole numbers without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _line(text: str) -> str:
    """A header's value: nothing that would begin another one."""
    return "".join(char for char in text if char >= " " and char != "\x7f")


def saved(step: HttpStep, answer: bytes) -> dict[str, Value]:
    """The variables that an answer fills. What is not there is not known."""
    if not step.save:
        return {}
    try:
        data = json.loads(answer)
    except (ValueError, RecursionError):
        data = None
    return {name: _value(_at(data, path)) for name, path in step.save.items()}


def _at(data: Any, path: str) -> Any:
    """What stands in JSON at "customer.items.0.id"; "" is the whole of it."""
    for word in path.split(".") if path else ():
        if isinstance(data, Mapping):
            data = data.get(word)
        elif isinstance(data, list) and word.isascii() and word.isdigit() and len(word) < 7:
            data = data[int(word)] if int(word) < len(data) else None
        else:
            return None
    return data


def _value(data: Any) -> Value:
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, int | float):
        return float(data) if abs(data) < 1e15 else str(data)  # What is longer is no amount but a name.
    return data[:MAX_SAVED] if isinstance(data, str) else json.dumps(data)[:MAX_SAVED]


def ways(status: int) -> Iterator[str]:
    """How a menu may name a status."""
    yield str(status)
    yield f"{status // 100}xx"
