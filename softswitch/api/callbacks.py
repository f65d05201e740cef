"""Calls that are agreed for a time (OUT-03)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import Field

from softswitch.api.guard import Rights, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line, Name
from softswitch.directory.people import AGENT

Row = dict[str, Any]


class NewCallback(Body):
    """Whom to call, and when. `owner`: the agent whose it is; "" = whoever the queue chooses."""

    queue: Name
    number: Name
    at: Annotated[float | None, Field(ge=0, le=1e11)] = None  # Unix time; null = as soon as somebody is free
    owner: Line = ""
    name: Line = ""
    note: Line = ""


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["desk"]), Rights(source)

    @router.post("/api/callbacks", status_code=201)
    async def agree(body: NewCallback, who: Worker) -> Row:
        """Put a customer on the list of a queue, for a time that was agreed. Agents: for themselves, or for anybody."""
        rights.queue(who, body.queue)
        if body.owner:
            rights.agent(who, body.owner)
        if who.role == AGENT and body.owner not in ("", who.agent):
            raise HTTPException(404, f"There is no agent {body.owner!r}.")
        found: Row = await source.order("callback_add", by=who.name, **body.model_dump())
        return found

    return router
