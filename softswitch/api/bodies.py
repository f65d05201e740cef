"""How much somebody may send: what comes is kept in memory until it is whole, so its size is looked at before.

Whoever logs in has not said who they are: a hundred people who send a gigabyte each must not take the switch down.
"""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softswitch.api.guard import LOGIN
from softswitch.directory.people import ADMINISTRATOR

OF_STRANGERS: Final = 16 << 10  # octets
OF_PEOPLE: Final = 1 << 20  # a note, a card, the settings of a queue
OF_ADMINISTRATORS: Final = 48 << 20  # a whole site, or a list of customers: 16 Mi characters
OF_PROMPTS: Final = 129 << 20  # `prompts.LARGEST`, and the endpoint says it better
LET_PASS: Final = 256 << 20  # octets that are read of what is refused
TOO_LARGE: Final = 413


class Bodies:
    """Asked inside of the guard, so who asks is known. Stops what is longer, announced or not (RFC 9110 section 15.5.14)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = largest(scope)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced[:20]) > most:
            await _let_pass(receive)
            await _refuse(send, most)
            return
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(TOO_LARGE, _said(most), {"Connection": "close"})
            return message

        await self._app(scope, counted, send)


def largest(scope: Scope) -> int:
    """Octets that the body of a request may have."""
    principal: Any = scope.get("state", {}).get("principal")
    if principal is None or scope["path"] == LOGIN:
        return OF_STRANGERS
    if principal.role != ADMINISTRATOR:
        return OF_PEOPLE
    return OF_PROMPTS if scope["path"].startswith("/api/prompts/") else OF_ADMINISTRATORS


def _said(most: int) -> str:
    return f"too long: at most {most >> 10} KiB"


async def _let_pass(receive: Receive) -> None:
    """Read what was announced and forget it: who is cut off in the middle of it never hears why."""
    came = 0
    while came < LET_PASS:
        message = await receive()
        came += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _refuse(send: Send, most: int) -> None:
    text = json.dumps({"error": _said(most)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": TOO_LARGE, "headers": headers})
    await send({"type": "http.response.body", "body": text})
