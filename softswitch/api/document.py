"""What the OpenAPI document says of all endpoints alike: how one shows who one is, and what refusals look like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastapi import FastAPI, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from softswitch.api.guard import (
    COOKIE,
    CSRF_HEADER,
    DOCUMENT,
    LINKS,
    LOCAL_PATHS,
    LOGIN,
    OPEN_PATHS,
    SAFE,
    SHARED,
    Anybody,
)

Row = dict[str, Any]
PROBLEM: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "Why."},
        "hint": {"type": "string", "description": "What to do."},
        "problems": {"type": "array", "items": {"type": "string"}, "description": "Every mistake."},
        "fields": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "Where in the site each mistake is.",
        },
    },
}
TEXTS: Final = {
    400: "The request cannot be read.",
    401: "It is not known who asks.",
    403: "Not for this role, or not from this page.",
    404: "There is no such thing, or it is not for whoever asks.",
    405: "Not this method; `Allow` says which.",
    409: "It cannot be done now; the answer says why, and what to do.",
    413: "Too long.",
    421: "This machine has no such name.",
    422: "The request does not say what is wanted.",
    503: "Too many ask at once.",
}
UNREAD: Final = (400, 503)  # may be answered before anything was read, in plain text
_JSON: Final = {"application/json": {"schema": PROBLEM}}
PROBLEMS: Final[dict[int | str, Row]] = {
    code: {"description": text, "content": _JSON | ({"text/plain": {}} if code in UNREAD else {})}
    for code, text in TEXTS.items()
}


def problem(text: str) -> Row:
    """A refusal of one endpoint alone."""
    return {"description": text, "content": _JSON}


SCHEMES: Final[Row] = {
    "token": {"type": "http", "scheme": "bearer", "description": "Of a program: `softswitch token add`."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": f"Set by `POST {LOGIN}`."},
    "page": {
        "type": "apiKey", "in": "header", "name": "X-CSRF-Token",
        "description": "`csrf` of the session, with whatever changes something.",
    },
}  # fmt: skip
assert SCHEMES["page"]["name"].lower() == CSRF_HEADER


def describe(app: FastAPI) -> None:
    """Serve the document, in which each endpoint says how one shows who one is."""
    plain, written = app.openapi, Written(app)

    def openapi() -> Row:
        if app.openapi_schema is None:
            found = plain()
            found["components"]["securitySchemes"] = SCHEMES
            for path, item in found["paths"].items():
                for method, operation in item.items():
                    operation["security"] = _security(path, method.upper())
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get(DOCUMENT, include_in_schema=False)
    async def document(who: Anybody) -> Response:
        return Response(await written.text(), media_type="application/json")


class Written:
    """The document as JSON, made once by a thread: it takes half a second, in which the loop would hear no call."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._turn = asyncio.Lock()
        self._text = b""

    async def text(self) -> bytes:
        async with self._turn:
            if not self._text:
                self._text = await asyncio.to_thread(self._make)
            return self._text

    def _make(self) -> bytes:
        return json.dumps(self._app.openapi(), ensure_ascii=False, separators=(",", ":")).encode()


def _security(path: str, method: str) -> list[dict[str, list[str]]]:
    if path in OPEN_PATHS or path.startswith((LINKS, SHARED)) or (path == LOGIN and method != "GET"):
        return []
    page: dict[str, list[str]] = {"session": []} if method in SAFE else {"session": [], "page": []}
    nobody: list[dict[str, list[str]]] = [{}] if path in LOCAL_PATHS and method in SAFE else []
    return [{"token": []}, page, *nobody]


class Methods:
    """What may be asked of a path (RFC 9110 section 10.2.1). Where a path is spelt out, only what is spelt out there."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = [one for one in _every(routes) if isinstance(one, Route)]
        self._literal: dict[str, set[str]] = {}
        for one in self._routes:
            if "{" not in one.path:
                self._literal.setdefault(one.path, set()).update(one.methods or ())

    def refuses(self, path: str, method: str) -> bool:
        """Whether a path is there, but not for this method, whatever patterns of other paths it would fit."""
        found = self._literal.get(path)
        return found is not None and method not in found

    def of(self, scope: Scope) -> set[str]:
        if found := self._literal.get(scope["path"]):
            return found
        fitting = (one for one in self._routes if one.matches(scope)[0] is not Match.NONE)
        return {method for one in fitting for method in one.methods or ()}


def _every(routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    for one in routes:
        yield one
        yield from _every(getattr(one, "routes", None) or ())
