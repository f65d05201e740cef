"""What supervisors see and order (SUP-01..06, MED-20, MED-21): board, alerts, texts to agents, supervision, queue settings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from softswitch.api.auth import EVERYTHING, Principal
from softswitch.api.guard import Rights, Supervisor, Viewer
from softswitch.api.source import Source
from softswitch.directory.people import ADMINISTRATOR, AGENT

Row = dict[str, Any]
Line = Annotated[str, Field(max_length=512)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Body):
    """A short text for an agent."""

    text: Annotated[str, Field(min_length=1, max_length=500)]


class Supervision(Body):
    """Hear a call at a phone of one's own; if it does already, another mode from now on."""

    mode: Literal["listen", "whisper", "barge", "takeover"] = "listen"
    account: Line = ""  # "" = one's own
    agent: Line = ""  # whose side; "" = whoever took the call


class QueueSettings(Body):
    """Settings of a queue that are to be changed, as they stand in site.toml; null: as if it was never set."""

    settings: dict[Annotated[str, Field(max_length=64)], Any]


# What the supervisor of a queue may change of it; `members` only among those whom they see. The rest says where calls go: that
# is an administrator's.
ADJUSTABLE = frozenset({
    "strategy", "ring_timeout", "ring_step", "wrap_up", "wrap_up_max", "max_length", "max_wait", "max_wait_strict",
    "tier_mode", "tier_after", "tier_widen", "tier_soon", "weight", "no_answer_delay", "reject_delay", "busy_delay",
    "unreachable_delay", "max_no_answer", "short_abandon", "service_level_seconds", "service_level_target", "greeting",
    "agent_greeting", "announce", "music", "agent_hears_wait", "priority_seconds", "fair_after", "preferred_wait",
    "members",
})  # fmt: skip


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["supervise"]), Rights(source)
    whole: list[Any] = [None, ""]  # the last board, and how it was written: many look at the same

    @router.get("/api/board", response_model=Row)
    async def board(who: Viewer, after: Annotated[int, Query(ge=0, le=1 << 62)] = 0) -> Response:
        """Everything on a wallboard: queues with their figures of today and of the last 30 minutes, agents, alerts.

        `after`: the number of an event; what it has changed is in the answer, which may take a quarter of a second.
        A call counts in the day, and in the minute, in which it left the queue. A figure that has nothing to be counted is null.
        """
        found, sight = await source.order("board", after=after), rights.sight(who)
        if sight is EVERYTHING and found is whole[0]:
            return Response(whole[1], media_type="application/json")
        await asyncio.sleep(0)  # Calls go first: this and the figures take some milliseconds each.
        if sight is not EVERYTHING:
            found = found | {
                "queues": [one for one in found["queues"] if sight.queue(one["queue"])],
                "agents": [_seen_by(who, one) for one in found["agents"] if sight.agent(one["agent"])],
                "alerts": _theirs(who, found["alerts"]),
            }
        text = json.dumps(found, separators=(",", ":"))
        if sight is EVERYTHING:
            whole[:] = found, text
        return Response(text, media_type="application/json")

    @router.get("/api/alerts")
    async def alerts(who: Viewer) -> list[Row]:
        """Alerts that are raised now, the worst and oldest first."""
        return _theirs(who, await source.order("alerts"))

    def _theirs(who: Principal, found: list[Row]) -> list[Row]:
        sight = rights.sight(who)
        if sight is EVERYTHING:
            return found
        return [
            one
            for one in found
            if (one["queue"] and sight.queue(one["queue"])) or (one["agent"] and sight.agent(one["agent"]))
        ]

    @router.post("/api/agents/{agent}/messages", status_code=201)
    async def message(agent: str, body: Message, who: Supervisor) -> Row:
        """A short text that the agent sees in their panel: the event `agent.message`."""
        rights.agent(who, agent)
        user = source.site.users.get(who.name)
        sender = (user.title if user else "") or who.name
        found: Row = await source.order("agent_message", agent=agent, text=body.text, by=who.name, sender=sender)
        return found

    @router.post("/api/calls/{call}/supervision")
    async def supervise(call: str, body: Supervision, who: Supervisor) -> Row:
        """Ring a phone of one's own; whoever answers hears the call. A phone that hears it already changes its mode at once.

        `rings`: whether a phone rings.
        """
        row = _call(who, call)
        account, agent = _own(who, body.account), body.agent or row["agent"]
        orders: Row = {"call": call, "account": account, "mode": body.mode, "by": who.name}
        if account in row.get("supervised_by", ()):
            changed: Row = await source.order("supervise", **orders)
            return changed | {"rings": False}
        if body.agent:
            rights.agent(who, body.agent)
        granted = who.role == ADMINISTRATOR or bool(agent and rights.sight(who).agent(agent))
        device = next((one["device"] for one in source.agents() if agent and one["agent"] == agent), "")
        found: Row = await source.order("spy", **orders, granted=granted, device=device)
        return found | {"rings": True}

    @router.delete("/api/calls/{call}/supervision")
    async def leave(call: str, who: Supervisor, account: str = "") -> Row:
        """Hear a call no longer."""
        _call(who, call)
        found: Row = await source.order(
            "supervise", call=call, account=account or _phone(who), mode="end", by=who.name
        )  # fmt: skip
        return found

    def _call(who: Principal, call: str) -> Row:
        rights.call(who, call)
        return next(one for one in source.calls() if one["call"] == call)

    def _phone(who: Principal) -> str:
        return who.account or next((one["device"] for one in source.agents() if who.agent == one["agent"]), "")

    def _own(who: Principal, named: str) -> str:
        mine = _phone(who)
        if not (named or mine):
            raise HTTPException(409, "no phone is yours: name an account, or log in at a phone")
        rights.account(who, named)
        return named or mine

    @router.get("/api/queues/{queue}/settings")
    async def settings(queue: str, who: Supervisor) -> Row:
        """What the site says of a queue; `adjustable`: what one may change of it, with the values in force."""
        rights.queue(who, queue)
        found: Row = await source.order("edit", operation="queue_settings", options={"queue": queue})
        every = who.role == ADMINISTRATOR
        return found | {"adjustable": sorted(one for one in found["settings"] if every or one in ADJUSTABLE)}

    @router.put("/api/queues/{queue}/settings")
    async def adjust(
        queue: str, body: QueueSettings, who: Supervisor, dry_run: Annotated[bool, Query()] = False
    ) -> Row:  # fmt: skip
        """Change settings of a queue at once; `dry_run`: what would change, whom it touches, and the last hour under it."""
        rights.queue(who, queue)
        if who.role != ADMINISTRATOR and (others := sorted(body.settings.keys() - ADJUSTABLE)):
            raise HTTPException(403, f"for administrators only: {', '.join(others)}")
        if who.role != ADMINISTRATOR and "members" in body.settings:
            strangers = _strangers(body.settings["members"], rights.sight(who).agent)
            if strangers is None:
                raise HTTPException(422, "members: a list of agents with their tiers")
            if strangers:
                raise HTTPException(403, f"for administrators only: {', '.join(strangers)}")
        found: Row = await source.order(
            "queue_adjust", queue=queue, settings=body.settings, dry_run=dry_run, by=who.name
        )
        return found

    return router


def _strangers(members: Any, sees: Callable[[str], bool]) -> list[str] | None:
    """Agents among the members whom somebody does not see; None if that is no list of members."""
    if not isinstance(members, list) or not all(isinstance(one, dict) for one in members):
        return None
    return sorted({str(one.get("agent", "")) for one in members if not sees(str(one.get("agent", "")))})


def _seen_by(who: Principal, agent: Row) -> Row:
    """An agent does not learn who listens."""
    if who.role != AGENT or agent["call"] is None:
        return agent
    return agent | {"call": {**agent["call"], "supervised_by": []}}
