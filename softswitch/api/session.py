"""Logging in and out. The cookie cannot be read by scripts, and goes to this host only."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from softswitch.api.auth import SESSION, Gate, Principal, Throttle
from softswitch.api.document import problem
from softswitch.api.guard import COOKIE, Who
from softswitch.api.source import Source
from softswitch.passwords import is_password

AT_ONCE = 2  # passwords that are looked at: each takes 19 MiB and 30 ms of a core

Row = dict[str, Any]


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    user: Annotated[str, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


def routes(source: Source, gate: Gate, throttle: Throttle) -> APIRouter:
    router, turn = APIRouter(tags=["session"]), asyncio.Semaphore(AT_ONCE)

    @router.post("/api/session", status_code=201, responses={429: problem("Too many wrong passwords.")})
    async def log_in(body: Login, request: Request, response: Response) -> Row:
        """Begin a session of twelve hours. Pages send `csrf` back as X-CSRF-Token with whatever changes something."""
        address = request.client.host if request.client else ""
        if wait := throttle.wait(address, body.user):
            raise HTTPException(429, "too many wrong passwords", {"Retry-After": str(int(wait) + 1)})
        user = source.site.users.get(body.user)
        async with turn:
            right = await asyncio.to_thread(is_password, user.digest if user else "", body.password)
        if user is None or not right:
            throttle.failed(address, body.user)
            await source.order("session", what="refused", user=body.user, source=address)
            raise HTTPException(401, "user or password is wrong")
        throttle.succeeded(address, body.user)
        await source.order("session", what="opened", user=user.name, source=address)
        cookie = gate.open_session(user)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=int(SESSION),
            httponly=True,
            samesite="strict",
            secure=_is_encrypted(request),
            path="/",
        )
        return _row(gate.principal(user, cookie))

    @router.get("/api/session")
    async def session(who: Who) -> Row:
        """Who one is, and what one's role is."""
        return _row(who)

    @router.delete("/api/session", status_code=204)
    async def log_out(request: Request, response: Response) -> None:
        """End the session: its cookie is good for nothing any more, nor is what its phone proved itself with."""
        principal: Principal | None = request.state.principal
        if principal is not None and principal.csrf:
            address = request.client.host if request.client else ""
            session, until = gate.end_session(request.cookies[COOKIE])
            await source.order("session_end", session=session, until=until)
            await source.order("session", what="closed", user=principal.name, source=address)
            await source.order("phone_passes_end", session=principal.csrf)
        response.delete_cookie(COOKIE, path="/")

    return router


def _is_encrypted(request: Request) -> bool:
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto", "").lower() == "https"


def _row(who: Principal) -> Row:
    return {
        "name": who.name, "role": who.role, "agent": who.agent, "account": who.account, "queues": list(who.queues),
        "language": who.language, "csrf": who.csrf,
    }  # fmt: skip
