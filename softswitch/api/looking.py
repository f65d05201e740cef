"""What is going on, for people and programs: each sees what their role and their queues allow."""

from __future__ import annotations

import time
from typing import Annotated, Any, cast

from fastapi import APIRouter, HTTPException, Query, Response

from softswitch.api.guard import Anybody, Auditor, Rights, Viewer
from softswitch.api.recent import RecentSource, in_json
from softswitch.api.source import Source
from softswitch.directory.people import AGENT

Row = dict[str, Any]
Age = Annotated[float, Query(ge=0, le=5)]


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["look"]), Rights(source)
    shared = RecentSource(source, time.monotonic)

    @router.get("/api/status")
    async def status(who: Anybody) -> Row:
        """The switch itself: version, listeners, media workers, what is wrong."""
        return source.status()

    @router.get("/api/calls", response_model=list[Row])
    async def calls(who: Anybody, age: Age = 0.0) -> Response:
        """The calls that are going on, the oldest first. `age`: how many seconds old the answer may be."""
        rows = rights.calls(who, cast(Source, shared.aged(age)))
        if who.role == AGENT:  # What they see of their few calls is not what others see of them.
            return in_json(rows)
        seen = {one["call"] for one in rows}
        return shared.recent_calls.response(lambda one: one["call"] in seen, age)

    @router.get("/api/calls/{call}")
    async def call(call: str, who: Viewer) -> Row:
        """One call that is going on."""
        rights.call(who, call)
        return next(one for one in rights.calls(who) if one["call"] == call)

    @router.get("/api/queues", response_model=list[Row])
    async def queues(who: Anybody, age: Age = 0.0) -> Response:
        """Queues with who waits, who serves them, and the figures since the start of the day's count. `age`: as with calls."""
        sight = rights.sight(who)
        return shared.recent_queues.response(lambda one: sight.queue(one["name"]), age)

    @router.get("/api/queues/{queue}")
    async def queue(queue: str, who: Viewer) -> Row:
        """One queue, with the reason for each member why the first caller is not at their phone."""
        rights.queue(who, queue)
        found: Row = await source.order("queue", name=queue)
        return found

    @router.get("/api/agents", response_model=list[Row])
    async def agents(who: Anybody, age: Age = 0.0) -> Response:
        """Agents: presence with its reason, what they are doing and since when. `age`: as with calls."""
        sight = rights.sight(who)
        return shared.recent_agents.response(lambda one: sight.agent(one["agent"]), age)

    @router.get("/api/agents/{agent}")
    async def agent(agent: str, who: Viewer) -> Row:
        """One agent."""
        rights.agent(who, agent)
        found = [one for one in source.agents() if one["agent"] == agent]
        if not found:
            raise HTTPException(404, f"There is no agent {agent!r}.")
        return found[0]

    @router.get("/api/callbacks")
    async def callbacks(who: Viewer, queue: str = "") -> list[Row]:
        """Callers who are to be called back, the oldest first."""
        sight = rights.sight(who)
        return [one for one in await source.order("callbacks", queue=queue) if sight.queue(one["queue"])]

    @router.get("/api/registrations")
    async def registrations(who: Auditor) -> list[Row]:
        """Every phone that is registered."""
        return source.registrations()

    @router.get("/api/trunks")
    async def trunks(who: Auditor) -> list[Row]:
        """The lines to outside."""
        found: list[Row] = await source.order("trunks")
        return found

    @router.get("/api/hours")
    async def hours(who: Viewer) -> list[Row]:
        """Opening hours: what is open now, until when, and who has overruled it."""
        found: list[Row] = await source.order("hours")
        return found

    return router
