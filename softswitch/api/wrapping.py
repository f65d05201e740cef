"""What agents write down about conversations: dispositions (AGT-08), and the scripts of what they say (AGT-11)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from softswitch.api.auth import Principal
from softswitch.api.guard import Rights, Viewer, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line, Name
from softswitch.directory.people import AGENT

Row = dict[str, Any]
Note = Annotated[str, Field(max_length=4_000)]


class Chosen(Body):
    """What a conversation was about. `agent`: who had it, where it is not oneself."""

    disposition: Name
    note: Note = ""
    agent: Line = ""


class Ticked(Body):
    """Whether a step was said, and what was written down. `agent`: whose conversation it is, where it is not one's own."""

    done: bool = True
    fields: Annotated[dict[str, str], Field(default_factory=dict, max_length=40)]
    agent: Line = ""


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["wrap up"]), Rights(source)

    def whose(who: Principal, call: str, named: str) -> str:
        """The agent who had the conversation. Raises HTTPException: for others only those who may steer them."""
        if who.role == AGENT:
            if named not in ("", who.agent):
                raise HTTPException(404, f"There is no agent {named!r}.")
            return who.agent
        agent = named or next((one["agent"] for one in source.agents() if one.get("handled") == call), "")
        if not agent:
            raise HTTPException(409, "nobody has that conversation now: name the agent who had it")
        if not rights.sight(who).agent(agent):
            raise HTTPException(404, f"There is no call {call!r}.")
        return str(agent)

    @router.post("/api/calls/{call}/disposition")
    async def choose(call: str, body: Chosen, who: Worker) -> Row:
        """Say what a call was about, while it goes on or later; the last word counts. `required` wrap-up ends by it."""
        agent = whose(who, call, body.agent)
        found: Row = await source.order(
            "disposition", call=call, agent=agent, disposition=body.disposition, note=body.note, by=who.name
        )
        return found

    def seen(who: Principal, call: str) -> None:
        """Raises HTTPException unless it is a call that they see, or that an agent whom they see has just had."""
        sight = rights.sight(who)
        if not any(one.get("handled") == call and sight.agent(one["agent"]) for one in source.agents()):
            rights.call(who, call)

    @router.get("/api/calls/{call}/script")
    async def script(call: str, who: Viewer) -> Row:
        """The script of a call by its queue, and what of it is ticked; `script` is null where there is none."""
        seen(who, call)
        found: Row = await source.order("call_script", call=call)
        return found

    @router.put("/api/calls/{call}/script/{step}")
    async def tick(call: str, step: str, body: Ticked, who: Worker) -> Row:
        """Tick a step with the time, take the tick back, write its fields down. The last word counts."""
        agent = whose(who, call, body.agent)
        seen(who, call)
        order = {"step": step, "done": body.done, "fields": body.fields}
        found: Row = await source.order("script_tick", call=call, agent=agent, by=who.name, **order)
        return found

    @router.get("/api/scripts/report")
    async def adherence(who: Viewer, days: Annotated[float, Query(gt=0, le=3_660)] = 7.0) -> list[Row]:
        """How much of the scripts was said in the last days, by agent: of those whom they see."""
        sight = rights.sight(who)
        found: list[Row] = await source.order("script_report", days=days)
        return [one for one in found if sight.agent(one["agent"])]

    @router.get("/api/queues/{queue}/dispositions")
    async def offered(queue: str, who: Viewer) -> Row:
        """What can be chosen after calls of a queue, in the order of the buttons, and whether something must be."""
        rights.queue(who, queue)
        found: Row = await source.order("dispositions", queue=queue)
        return found

    @router.get("/api/dispositions")
    async def report(
        who: Viewer,
        days: Annotated[float, Query(gt=0, le=3_660)] = 7.0,
        queue: str = "",
        by_agent: bool = False,
    ) -> list[Row]:
        """Why people call: how often each disposition was given in the last days. Agents see their own."""
        if queue:
            rights.queue(who, queue)
        sight = rights.sight(who)
        mine = who.role == AGENT
        found: list[Row] = await source.order("disposition_report", days=days, queue=queue, by_agent=by_agent or mine)
        return [one for one in found if sight.queue(one["queue"]) and (not mine or one["agent"] == who.agent)]

    return router
